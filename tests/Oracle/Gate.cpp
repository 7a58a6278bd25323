// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The gate of a GEMM output: see Gate.h.
#include "tests/Oracle/Gate.h"

#include <cmath>
#include <cstdlib>
#include <fmt/format.h>
#include <limits>

namespace nybl::oracle {

/// Steps from +0, negative below it: neighbours differ by one.
static int64_t stepsFromZero(OutputType type, uint32_t bits) {
  int64_t signBit = int64_t(1) << (8 * elementBytes(type) - 1);
  int64_t magnitude = bits & (signBit - 1);
  return (bits & signBit) != 0 ? -magnitude : magnitude;
}

int64_t ulpDistance(OutputType type, uint32_t a, uint32_t b) {
  return std::llabs(stepsFromZero(type, a) - stepsFromZero(type, b));
}

namespace {
enum class Verdict { Equal, Near, Bad };

/// Walks the elements of one output once.
class Walk {
public:
  Walk(GateResult &r, const GemmOutput &o) : result(r), oracle(o) {}
  void compare(int64_t index, uint32_t got, uint32_t expected);
  void finish();

private:
  Verdict judge(uint32_t got, uint32_t expected);
  Verdict judgeFinite(uint32_t got, uint32_t expected);
  void remember(Verdict verdict, int64_t index, uint32_t got,
                uint32_t expected);

  GateResult &result;
  const GemmOutput &oracle;
  Verdict worst = Verdict::Equal;
  double outputSquares = 0, oracleSquares = 0, products = 0;
};
} // namespace

Verdict Walk::judgeFinite(uint32_t got, uint32_t expected) {
  int64_t distance = ulpDistance(oracle.type, got, expected);
  int bin = distance < 3 ? static_cast<int>(distance) : distance < 8 ? 3 : 4;
  ++result.ulps[bin];
  return distance <= 1 ? Verdict::Near : Verdict::Bad;
}

Verdict Walk::judge(uint32_t got, uint32_t expected) {
  double value = decodeElement(oracle.type, got);
  double wanted = decodeElement(oracle.type, expected);
  if (std::isfinite(value) && std::isfinite(wanted)) {
    outputSquares += value * value;
    oracleSquares += wanted * wanted;
    products += value * wanted;
  }
  if (got == expected || (std::isnan(value) && std::isnan(wanted))) {
    ++result.equal;
    return Verdict::Equal;
  }
  if (!std::isfinite(wanted)) {
    ++result.missingNonFinite;
    return Verdict::Bad;
  }
  if (std::isfinite(value))
    return judgeFinite(got, expected);
  ++(std::isnan(value) ? result.unexpectedNan : result.unexpectedInf);
  return Verdict::Bad;
}

void Walk::remember(Verdict verdict, int64_t index, uint32_t got,
                    uint32_t expected) {
  if (verdict <= worst)
    return;
  worst = verdict;
  int digits = static_cast<int>(2 * elementBytes(oracle.type));
  double value = decodeElement(oracle.type, got);
  double wanted = decodeElement(oracle.type, expected);
  result.firstBad =
      fmt::format("d[{}, {}]: expected 0x{:0{}x} ({}), got 0x{:0{}x} ({})",
                  index / oracle.cols, index % oracle.cols, expected, digits,
                  wanted, got, digits, value);
  if (std::isfinite(value) && std::isfinite(wanted))
    result.firstBad +=
        fmt::format(", {} ulp", ulpDistance(oracle.type, got, expected));
}

void Walk::compare(int64_t index, uint32_t got, uint32_t expected) {
  remember(judge(got, expected), index, got, expected);
}

void Walk::finish() {
  if (oracleSquares > 0) {
    result.normRatio = std::sqrt(outputSquares / oracleSquares);
    result.cosine = outputSquares > 0
                        ? products / std::sqrt(outputSquares * oracleSquares)
                        : 0;
  } else if (outputSquares > 0) {
    result.normRatio = std::numeric_limits<double>::infinity();
    result.cosine = 0;
  }
}

static std::string failureOf(const GateResult &r, OutputType type) {
  if (type == OutputType::F32)
    return r.equal == r.elements
               ? ""
               : fmt::format("expected every f32 bit-equal to the model, {} of "
                             "{} differ",
                             r.elements - r.equal, r.elements);
  if (r.unexpectedNan + r.unexpectedInf + r.missingNonFinite != 0)
    return fmt::format("expected NaN and infinity where the oracle has them, "
                       "got {} NaN and {} infinities too many, {} missing",
                       r.unexpectedNan, r.unexpectedInf, r.missingNonFinite);
  if (int64_t far = r.ulps[2] + r.ulps[3] + r.ulps[4]; far != 0)
    return fmt::format("expected at most 1 ulp, {} of {} elements are further",
                       far, r.elements);
  if ((r.elements - r.equal) * 1000 > r.elements)
    return fmt::format("expected 99.9 % of the elements equal, got {} of {}",
                       r.equal, r.elements);
  if (!(std::fabs(r.normRatio - 1) <= 1e-3))
    return fmt::format("expected a norm ratio within 1e-3 of 1, got {}",
                       r.normRatio);
  return "";
}

GateResult gate(std::span<const uint8_t> output, OutputType type,
                const GemmOutput &oracle) {
  GateResult result;
  result.elements = oracle.rows * oracle.cols;
  size_t bytes = static_cast<size_t>(result.elements * elementBytes(type));
  if (type != oracle.type || output.size() != bytes ||
      oracle.bytes.size() != bytes) {
    result.failure = fmt::format(
        "expected {} x {} elements of the oracle's type ({} bytes), got {} "
        "bytes of elements of {} bytes",
        oracle.rows, oracle.cols, oracle.bytes.size(), output.size(),
        elementBytes(type));
    return result;
  }
  Walk walk(result, oracle);
  for (int64_t i = 0; i < result.elements; ++i)
    walk.compare(i, elementBits(type, output, i),
                 elementBits(type, oracle.bytes, i));
  walk.finish();
  result.failure = failureOf(result, type);
  result.passed = result.failure.empty();
  return result;
}

std::string GateResult::text() const {
  std::string line =
      fmt::format("{}: {} of {} elements equal, ulps 0/1/2/3-7/8+: "
                  "{}/{}/{}/{}/{}, NaN +{}, "
                  "inf +{}, missing {}, norm ratio {:.6f}, cosine {:.6f}",
                  passed ? "passed" : "failed", equal, elements, ulps[0],
                  ulps[1], ulps[2], ulps[3], ulps[4], unexpectedNan,
                  unexpectedInf, missingNonFinite, normRatio, cosine);
  if (!failure.empty())
    line += "; " + failure;
  if (!firstBad.empty())
    line += "; first: " + firstBad;
  return line;
}

} // namespace nybl::oracle
