// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The sums of the host, and the comparison.

#include "tools/nybl/Reference.h"
#include <cmath>
#include <cstring>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::cli;

namespace {

/// Half of the distance between neighbours, doubled: a kernel may round the
/// other way where it truncates on the way.
double relativeStep(OutputType type) {
  switch (type) {
  case OutputType::BF16:
    return 0x1p-8;
  case OutputType::F16:
    return 0x1p-11;
  case OutputType::F32:
    return 0x1p-22;
  }
  return 0;
}

/// f16 below 2^-14 has a step of 2^-24.
double absoluteStep(OutputType type) {
  return type == OutputType::F16 ? 0x1p-24 : 0x1p-126;
}

double largest(OutputType type) {
  return type == OutputType::F16 ? 65504 : 3.3e38;
}

float fromHalf(uint16_t bits) {
  int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  float value = exponent == 0 ? std::ldexp(float(mantissa), -24)
                : exponent == 31
                    ? (mantissa ? NAN : INFINITY)
                    : std::ldexp(float(1024 + mantissa), exponent - 25);
  return bits & 0x8000 ? -value : value;
}

/// Twice the value of an e2m1 code.
int64_t element(const std::string &data, int64_t index) {
  constexpr int magnitudes[] = {0, 1, 2, 3, 4, 6, 8, 12};
  int pair = static_cast<unsigned char>(data[static_cast<size_t>(index / 2)]);
  int code = index % 2 ? pair >> 4 : pair & 15;
  return code & 8 ? -magnitudes[code & 7] : magnitudes[code & 7];
}

/// 2^9 times the value of a finite ue4m3 byte.
int64_t scaleFactor(char byte) {
  int exponent = byte >> 3 & 15, mantissa = byte & 7;
  return exponent ? int64_t(8 + mantissa) << (exponent - 1) : mantissa;
}

/// In units of 2^-20.
struct Sums {
  int64_t total = 0, magnitude = 0;
};

Sums sumsOf(const Product &p, int64_t row, int64_t column) {
  int64_t k = p.problem.k, blocks = p.problem.blocks();
  Sums sums;
  for (int64_t block = 0; block < blocks; ++block) {
    int64_t dot = 0;
    for (int64_t i = block * 16; i < block * 16 + 16; ++i)
      dot += element(p.a, row * k + i) * element(p.b, column * k + i);
    int64_t part =
        dot *
        scaleFactor(p.aScales[static_cast<size_t>(row * blocks + block)]) *
        scaleFactor(p.bScales[static_cast<size_t>(column * blocks + block)]);
    sums.total += part;
    sums.magnitude += std::abs(part);
  }
  return sums;
}

} // namespace

float nybl::cli::elementOf(const std::string &d, size_t index,
                           OutputType type) {
  if (type == OutputType::F32) {
    float value;
    std::memcpy(&value, d.data() + index * 4, 4);
    return value;
  }
  uint16_t bits;
  std::memcpy(&bits, d.data() + index * 2, 2);
  if (type == OutputType::F16)
    return fromHalf(bits);
  uint32_t wide = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &wide, 4);
  return value;
}

void Reference::add(double value, double magnitude) {
  expected.push_back(static_cast<float>(value));
  // 2^-16 of what was added up: far above what 25 bits in a step's sum lose,
  // far below one K block of random data.
  allowed.push_back(
      static_cast<float>(std::fabs(value) * relativeStep(problem.d) +
                         magnitude * 0x1p-16 + absoluteStep(problem.d)));
}

void Reference::addAt(size_t index, double value, double magnitude) {
  places.push_back(index);
  add(value, magnitude);
}

Reference Reference::onHost(const Product &product, size_t most) {
  int64_t n = product.problem.n;
  size_t count = static_cast<size_t>(product.m * n);
  size_t chosen = std::min(std::max<size_t>(most, 2), count);
  Reference reference(product.problem, hostName);
  for (size_t i = 0; i < chosen; ++i) {
    size_t at = chosen < 2 ? 0 : i * (count - 1) / (chosen - 1);
    Sums sums = sumsOf(product, static_cast<int64_t>(at) / n,
                       static_cast<int64_t>(at) % n);
    reference.addAt(at, double(sums.total) * 0x1p-20 * product.alpha,
                    double(sums.magnitude) * 0x1p-20 * product.alpha);
  }
  return reference;
}

Status Reference::check(const std::string &d) const {
  for (size_t i = 0; i < expected.size(); ++i) {
    size_t at = places.empty() ? i : places[i];
    float got = elementOf(d, at, problem.d);
    if (std::fabs(expected[i]) > largest(problem.d) && std::isinf(got))
      continue;
    // Written so that a NaN is refused.
    if (std::fabs(got - expected[i]) <= allowed[i])
      continue;
    size_t columns = static_cast<size_t>(problem.n);
    return Status::refused(fmt::format(
        "d[{}, {}]: expected {:.9g} within {:.3g} of it by {}, got {:.9g}",
        at / columns, at % columns, expected[i], allowed[i], text, got));
  }
  return Status::ok();
}
