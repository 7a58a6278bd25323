// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Templates that nobody would write: random kernels of the Tile dialect with a
// schedule, a problem and data to run them on. The same seed gives the same
// case on every machine.
#ifndef NYBL_TESTS_ENDTOEND_TEMPLATES_RANDOMTEMPLATE_H
#define NYBL_TESTS_ENDTOEND_TEMPLATES_RANDOMTEMPLATE_H

#include "runtime/Abi/Problem.h"
#include "tests/Oracle/Matrix.h"
#include <cstdint>
#include <string>

namespace nybl::road {

/// One case. Most templates are kernels for their problem; some reach past an
/// operand's width, store an element never or twice, or are no kernel at all.
struct RandomCase {
  uint64_t seed = 0;
  GemmProblem problem;
  int64_t m = 0; ///< rows at launch
  std::string schedule, text;
  float alpha = 1;
  bool hostAlpha = false, encodeAlpha = false;
  uint8_t padding = 0; ///< what padding bytes hold
  bool broken = false; ///< something in text or schedule was made wrong
};

/// `tensor`: under schedules of a chip with tensor memory.
RandomCase randomCase(uint64_t seed, bool tensor = false);

/// Operands of the case; NaN scales now and then.
oracle::QuantizedMatrix randomA(const RandomCase &c);
oracle::QuantizedMatrix randomB(const RandomCase &c);

/// Everything needed to run the case by hand.
std::string describe(const RandomCase &c);

} // namespace nybl::road

#endif // NYBL_TESTS_ENDTOEND_TEMPLATES_RANDOMTEMPLATE_H
