// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The number formats of NVFP4, decoded and rounded in the slowest clear way:
// tables, and one integer rounding for all IEEE-like formats. Sources: PTX ISA
// 5.2.3 and cvt (.satfinite), OCP Microscaling Formats 1.0, IEEE 754.
#ifndef NYBL_TESTS_ORACLE_FORMATS_H
#define NYBL_TESTS_ORACLE_FORMATS_H

#include <cstdint>

namespace nybl::oracle {

__extension__ typedef unsigned __int128 UInt128;

/// An IEEE-like binary format with subnormals, infinities and NaNs.
struct FloatFormat {
  int exponentBits, fractionBits;
};
inline constexpr FloatFormat kF32{8, 23}, kBf16{8, 7}, kF16{5, 10};

/// The bits of (-1)^negative * magnitude * 2^exponent rounded once, to nearest
/// even, past the largest finite value to infinity. magnitude < 2^120.
uint32_t roundToFormat(FloatFormat format, bool negative, UInt128 magnitude,
                       int exponent);
/// The same for a double; a NaN becomes the canonical one of NVIDIA GPUs (every
/// bit set but the sign: 0x7fff, 0x7fffffff).
uint32_t encodeFloat(FloatFormat format, double value);
/// Exact.
double decodeFloat(FloatFormat format, uint32_t bits);
uint32_t canonicalNan(FloatFormat format);

/// e2m1: {0, 0.5, 1, 1.5, 2, 3, 4, 6} and the sign in bit 3. Bits 4 to 7 are
/// ignored.
float decodeE2m1(uint8_t code);
/// Saturating, to nearest even; keeps the sign of zero; NaN becomes +6.
uint8_t encodeE2m1(float value);

/// e4m3 ("fn"): no infinities, NaN at 0x7f and 0xff, largest 448.
float decodeE4m3(uint8_t byte);
/// Saturating at 448, to nearest even; keeps the sign of zero; NaN becomes
/// 0x7f.
uint8_t encodeE4m3(float value);

/// ue4m3, the block scale: e4m3 with the sign bit ignored.
float decodeUe4m3(uint8_t byte);
bool isNanScale(uint8_t byte);

} // namespace nybl::oracle

#endif // NYBL_TESTS_ORACLE_FORMATS_H
