// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Makers of test data: see Data.h.
#include "tests/Oracle/Data.h"

#include <cassert>
#include <cmath>
#include <fmt/format.h>

namespace nybl::oracle {

uint64_t Random::next() {
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

int64_t Random::between(int64_t low, int64_t high) {
  auto range = static_cast<uint64_t>(high - low) + 1;
  assert(low <= high && range < (uint64_t(1) << 32));
  return low + static_cast<int64_t>((next() >> 32) * range >> 32);
}

float Random::normal() {
  int64_t sum = 0;
  for (int i = 0; i < 12; ++i)
    sum += static_cast<int64_t>(next() >> 44); // 20 bits
  return std::ldexp(static_cast<float>(sum - (int64_t(6) << 20)), -20);
}

/// Fills a matrix from code(row, col) and scale(row, block).
template <typename CodeFn, typename ScaleFn>
static QuantizedMatrix fill(int64_t rows, int64_t k, CodeFn code,
                            ScaleFn scale) {
  QuantizedMatrix matrix(rows, k);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t col = 0; col < k; ++col)
      matrix.setCode(row, col, static_cast<uint8_t>(code(row, col)));
    for (int64_t block = 0; block < matrix.blocks(); ++block)
      matrix.setScale(row, block, static_cast<uint8_t>(scale(row, block)));
  }
  return matrix;
}

QuantizedMatrix randomMatrix(int64_t rows, int64_t k, uint64_t seed,
                             uint8_t lowScale, uint8_t highScale) {
  Random random(seed);
  return fill(
      rows, k, [&](int64_t, int64_t) { return random.between(0, 15); },
      [&](int64_t, int64_t) { return random.between(lowScale, highScale); });
}

std::vector<float> normalValues(int64_t rows, int64_t k, uint64_t seed,
                                float amax) {
  Random random(seed);
  std::vector<float> values(rows * k);
  for (float &value : values)
    value = random.normal();
  float largest = maxMagnitude(values);
  for (float &value : values)
    value = largest == 0 ? 0 : value / largest * amax;
  return values;
}

NormalMatrix normalMatrix(int64_t rows, int64_t k, uint64_t seed, float amax) {
  std::vector<float> values = normalValues(rows, k, seed, amax);
  Expected<EncodeScale> encode = encodeScaleFor(maxMagnitude(values));
  assert(encode && "normal values are finite");
  Expected<QuantizeResult> result = quantize(values, rows, k, *encode);
  assert(result && "k must be a multiple of 16");
  return {std::move(result->matrix), encode->inverse()};
}

Expected<QuantizedMatrix> exactDomainMatrix(int64_t rows, int64_t k,
                                            uint64_t seed) {
  constexpr int64_t largestQuarters = 6 * 6 * 4;
  int64_t largestK = int64_t(1) << 16;
  if (rows < 0 || k < kScaleBlock || k > largestK || k % kScaleBlock != 0)
    return Status::invalid(fmt::format(
        "expected K a multiple of 16 from 16 to {}, got rows = {}, K = {}",
        largestK, rows, k));
  // Both scales are 2^0 to 2^span; 144 K 4^span quarters must stay below 2^24.
  int span = 0;
  while (span < 4 && (largestQuarters * k << (2 * (span + 1))) < (1 << 24))
    ++span;
  Random random(seed);
  return fill(
      rows, k, [&](int64_t, int64_t) { return random.between(0, 15); },
      [&](int64_t, int64_t) { return 0x38 + 8 * random.between(0, span); });
}

std::string_view name(Adversary kind) {
  switch (kind) {
  case Adversary::AllPositive:
    return "all-positive";
  case Adversary::LargeScales:
    return "large-scales";
  case Adversary::ZeroDataBigScales:
    return "zero-data-big-scales";
  case Adversary::SignedZeros:
    return "signed-zeros";
  case Adversary::Cancelling:
    return "cancelling";
  case Adversary::SignedScales:
    return "signed-scales";
  }
  return "unknown";
}

/// Blocks 0 and 2 of four cancel against any row made here, 1 and 3 are tiny.
static QuantizedMatrix cancelling(int64_t rows, int64_t k, uint64_t seed) {
  Random random(seed);
  bool negated = (seed & 1) != 0; // one operand of odd, one of even seed
  auto code = [&](int64_t, int64_t col) -> int64_t {
    int64_t block = col / kScaleBlock % 4;
    if (block % 2 == 1)
      return random.between(0, 15);
    return block == 2 && negated ? 0xf : 7;
  };
  auto scale = [&](int64_t, int64_t block) -> int64_t {
    return block % 2 == 0 ? 0x7e : random.between(1, 0x10);
  };
  return fill(rows, k, code, scale);
}

QuantizedMatrix adversarialMatrix(Adversary kind, int64_t rows, int64_t k,
                                  uint64_t seed) {
  Random random(seed);
  auto anyCode = [&](int64_t, int64_t) { return random.between(0, 15); };
  auto zeroCode = [&](int64_t, int64_t) { return 8 * random.between(0, 1); };
  auto anyScale = [&](int64_t, int64_t) { return random.between(0, 0x7e); };
  switch (kind) {
  case Adversary::AllPositive:
    return fill(
        rows, k, [&](int64_t, int64_t) { return random.between(1, 7); },
        [&](int64_t, int64_t) { return random.between(1, 0x7e); });
  case Adversary::LargeScales:
    return fill(rows, k, anyCode,
                [&](int64_t, int64_t) { return random.between(0x70, 0x7e); });
  case Adversary::ZeroDataBigScales:
    return fill(
        rows, k,
        [&](int64_t row, int64_t col) {
          return col / kScaleBlock % 2 == 0 ? zeroCode(row, col)
                                            : anyCode(row, col);
        },
        [&](int64_t, int64_t block) {
          return block % 2 == 0 ? 0x7e : random.between(1, 0x10);
        });
  case Adversary::SignedZeros:
    return fill(rows, k, zeroCode, anyScale);
  case Adversary::Cancelling:
    return cancelling(rows, k, seed);
  case Adversary::SignedScales:
    return fill(rows, k, anyCode, [&](int64_t, int64_t) {
      return random.between(0, 0x7e) | 0x80 * random.between(0, 1);
    });
  }
  return QuantizedMatrix(rows, k);
}

} // namespace nybl::oracle
