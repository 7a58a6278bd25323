// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How tensor cores add. NVIDIA documents neither order nor rounding, so a test
// whose tolerance is honest passes under every one of these.
#ifndef NYBL_EMULATOR_EXEC_NUMERICMODEL_H
#define NYBL_EMULATOR_EXEC_NUMERICMODEL_H

#include <cstdint>

namespace nybl::emu {

enum class NumericModel : uint8_t {
  /// MMA-Sim's (arXiv 2511.10909): terms aligned to the largest exponent,
  /// truncated, added exactly, truncated to f32. A term is a product or, of
  /// scaled e2m1, a group of 16.
  MmaSim,
  Sequential, ///< term after term in f32, to nearest even
  Reversed,   ///< the same from the last term to the first, C at the end
  Wide        ///< the exact sum, rounded once to nearest even
};

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_NUMERICMODEL_H
