// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The gate that every GEMM output passes or fails: element by element against
// an oracle, and as a whole (a cosine alone is blind to a wrong scale).
#ifndef NYBL_TESTS_ORACLE_GATE_H
#define NYBL_TESTS_ORACLE_GATE_H

#include "tests/Oracle/Gemm.h"
#include <array>
#include <span>
#include <string>

namespace nybl::oracle {

struct GateResult {
  bool passed = false;
  int64_t elements = 0;
  int64_t equal = 0; ///< bit-equal, or NaN where the oracle has NaN
  /// Differing finite elements by distance in ulps: 0 (zeros that differ in
  /// sign), 1, 2, 3 to 7, 8 and more.
  std::array<int64_t, 5> ulps{};
  int64_t unexpectedNan = 0, unexpectedInf = 0; ///< where the oracle has none
  int64_t missingNonFinite = 0; ///< the oracle has NaN or infinity, another
                                ///< value came
  double normRatio = 1; ///< |output| / |oracle| over elements finite in both
  double cosine = 1;
  /// The first element that is worse than allowed, else the first that differs:
  /// "d[3, 17]: expected 0x3f80 (1), got 0x3f81 (1.0078125), 1 ulp".
  std::string firstBad;

  /// One line; says what was expected where it did not pass.
  std::string text() const;
  std::string failure; ///< why it did not pass; empty when it passed
};

/// Distance in units in the last place between two finite values of a type.
int64_t ulpDistance(OutputType type, uint32_t a, uint32_t b);

/// bf16, f16: bit-equal on at least 99.9 % of the elements, at most 1 ulp on
/// the rest, NaN and infinity exactly where the oracle has them, norm ratio
/// within 1e-3 of 1. f32: bit-equal everywhere; give the model that the kernel
/// claims as the oracle. `output` is [rows][cols] of `type` without gaps; other
/// sizes or another type than the oracle's fail.
GateResult gate(std::span<const uint8_t> output, OutputType type,
                const GemmOutput &oracle);

} // namespace nybl::oracle

#endif // NYBL_TESTS_ORACLE_GATE_H
