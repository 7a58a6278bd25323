// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The arithmetic of one multiply: MMA-Sim's model (arXiv 2511.10909), named,
// not claimed to be the hardware's. Fragment maps: PTX ISA 9.7.14.5.11
// and 9.7.14.3.
#ifndef NYBL_EMULATOR_EXEC_MMA_H
#define NYBL_EMULATOR_EXEC_MMA_H

#include "tools/emulator/Exec/NumericModel.h"
#include <cstdint>

namespace nybl::emu {

/// A scale factor: significand * 2^exponent. NaN has significand -1.
struct ScaleValue {
  int32_t significand;
  int32_t exponent; ///< of the alignment: that of the leading bit
};

ScaleValue
decodeUe4m3(uint8_t byte); ///< value = significand * 2^(exponent - 3)
ScaleValue decodeUe8m0(uint8_t byte); ///< value = significand * 2^exponent

/// One group of 16 elements: its dot product in units of 2^-2 and its scales.
struct GroupTerm {
  int32_t dot;
  ScaleValue a, b;
};

/// c + sum of the groups: all terms are aligned to the largest exponent (that
/// of a group is the sum of its scales' exponents, even where its dot is zero),
/// truncated to 35 fraction bits, added exactly, and truncated to f32.
/// `unit`: exponent of the product of two significands of 1 (-6 for ue4m3,
/// 0 for ue8m0).
float accumulateGroups(float c, const GroupTerm *groups, unsigned count,
                       int unit);

/// The same by another numeric model.
float accumulate(float c, const GroupTerm *groups, unsigned count, int unit,
                 NumericModel model);

/// c + sum of exact products (times 2^scale), of f16, bf16, tf32 and the 8-bit
/// kinds. MMA-Sim: aligned to the largest exponent, truncated to so many
/// fraction bits, added exactly, truncated to f32.
struct ProductRule {
  int leastExponentA, leastExponentB; ///< of normal numbers of the formats
  unsigned fractionBits;
  bool toOdd; ///< what is cut off sets the lowest bit: rounded again later
};
float accumulateProducts(float c, const float *a, const float *b,
                         unsigned count, int scale, const ProductRule &rule,
                         NumericModel model);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_MMA_H
