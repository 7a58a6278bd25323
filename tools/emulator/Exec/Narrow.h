// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Narrow floating-point formats: f16, bf16, e4m3, e5m2, e2m1, ue8m0. Decoding
// is exact; encoding rounds to nearest even and saturates where asked. PTX
// ISA 5.2.3 and 9.7.9.21 (cvt).
#ifndef NYBL_EMULATOR_EXEC_NARROW_H
#define NYBL_EMULATOR_EXEC_NARROW_H

#include <cstdint>

namespace nybl::emu {

struct NarrowFormat {
  int exponentBits, mantissaBits, bias;
  bool hasInfinity; ///< IEEE: the top exponent is Inf and NaN
  uint32_t nan;     ///< canonical NaN, 0 if the format has none
  uint32_t largest; ///< largest finite magnitude
};

inline constexpr NarrowFormat f16Format{5, 10, 15, true, 0x7fff, 0x7bff};
inline constexpr NarrowFormat bf16Format{8, 7, 127, true, 0x7fff, 0x7f7f};
inline constexpr NarrowFormat e4m3Format{4, 3, 7, false, 0x7f, 0x7e};
inline constexpr NarrowFormat e5m2Format{5, 2, 15, true, 0x7f, 0x7b};
inline constexpr NarrowFormat e2m1Format{2, 1, 1, false, 0, 7};

/// Exact value; NaN and infinities where the format has them.
float decodeNarrow(const NarrowFormat &format, uint32_t bits);

enum class Rounding : uint8_t { NearestEven, Zero, Down, Up };

/// `saturate`: past the largest finite value (and for infinities) that value,
/// as .satfinite does. NaN becomes the format's NaN; e2m1, which has none,
/// takes +largest.
uint32_t encodeNarrow(const NarrowFormat &format, double value, bool saturate,
                      Rounding rounding = Rounding::NearestEven);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_NARROW_H
