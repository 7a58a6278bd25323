// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What Convert.cpp (one value) and ConvertNarrow.cpp (pairs, packing) share:
// the qualifiers of cvt.
#ifndef NYBL_EMULATOR_EXEC_CONVERT_H
#define NYBL_EMULATOR_EXEC_CONVERT_H

#include "tools/emulator/Exec/Decode.h"
#include "tools/emulator/Exec/Narrow.h"

namespace nybl::emu {

enum ConversionRounding : int {
  NoRounding = -1,
  ToNearest, ///< .rn; then .rz .rm .rp
  ToZero,
  ToMinus,
  ToPlus,
  ToInteger,         ///< .rni; then .rzi .rmi .rpi
  ToNearestAway = 8, ///< .rna
  Stochastic         ///< .rs
};

/// Kept in Instr::imm.
struct Conversion {
  Type to, from;
  int rounding = NoRounding;
  bool saturate, flush, satfinite, relu, scaled;
};

inline Conversion unpackConversion(const Instr &in) {
  auto bit = [&](int at) { return (in.imm >> at & 1) != 0; };
  return {static_cast<Type>(in.imm & 0xff),
          static_cast<Type>(in.imm >> 8 & 0xff),
          static_cast<int>(in.imm >> 16 & 0xf) - 1,
          bit(20),
          bit(21),
          bit(22),
          bit(23),
          bit(24)};
}

inline int64_t packConversion(const Conversion &c) {
  return int64_t(c.to) | int64_t(c.from) << 8 | int64_t(c.rounding + 1) << 16 |
         int64_t(c.saturate) << 20 | int64_t(c.flush) << 21 |
         int64_t(c.satfinite) << 22 | int64_t(c.relu) << 23 |
         int64_t(c.scaled) << 24;
}

/// cvt.pack.
void decodeConvertPack(Decoder &d);
/// Two or four values at a time: false if it is none of these.
bool decodeConvertPair(Decoder &d, const Conversion &c);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_CONVERT_H
