// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Floating-point instructions: which qualifiers they carry, and who makes their
// handlers. FloatForms.cpp decodes and knows what is legal; Float.cpp computes
// f32, f32x2 and f64, Half.cpp f16 and bf16, Approx.cpp functions.
#ifndef NYBL_EMULATOR_EXEC_FLOAT_H
#define NYBL_EMULATOR_EXEC_FLOAT_H

#include "tools/emulator/Exec/Decode.h"
#include <bit>
#include <cfenv>
#include <cmath>

namespace nybl::emu {

/// Instr::imm of a floating-point instruction.
enum FloatFlag : int64_t {
  flushBit = 1,      ///< .ftz
  saturateBit = 2,   ///< .sat
  nanBit = 4,        ///< .NaN
  reluBit = 8,       ///< .relu
  absBit = 16,       ///< .abs
  xorSignBit = 32,   ///< .xorsign
  approxBit = 64,    ///< .approx
  fullBit = 128,     ///< .full
  brainBit = 256,    ///< the narrow operands of a mixed form are bf16
  subtractBit = 512, ///< of a mixed addition
};

/// While it lives the host rounds as `mode` says: rn rz rm rp.
struct RoundingScope {
  explicit RoundingScope(uint8_t mode) : before(std::fegetround()) {
    static constexpr int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD,
                                    FE_UPWARD};
    now = modes[mode & 3];
    if (now != before)
      std::fesetround(now);
  }
  ~RoundingScope() {
    if (now != before)
      std::fesetround(before);
  }
  int before, now;
};

template <typename T>
inline T flushed(T v, const Instr &in) {
  if constexpr (std::is_same_v<T, float>)
    if (in.imm & flushBit && std::fpclassify(v) == FP_SUBNORMAL)
      return std::copysign(0.0f, v);
  return v;
}

/// What .ftz and .sat do to a result; a NaN of f32 is the canonical one.
template <typename T>
inline T finished(T v, const Instr &in) {
  v = flushed(v, in);
  if (in.imm & saturateBit)
    v = v > T(1) ? T(1) : v > T(0) ? v : T(0); // NaN becomes 0
  if constexpr (sizeof(T) == 4)
    if (v != v)
      return std::bit_cast<float>(0x7fffffffu);
  return v;
}

/// The smaller or larger of two values under .NaN, .abs and .xorsign; -0 is
/// less than +0.
template <typename T>
inline T extreme(T a, T b, bool larger, int64_t flags) {
  bool sign = std::signbit(a) != std::signbit(b);
  if (flags & absBit) {
    a = std::fabs(a);
    b = std::fabs(b);
  }
  T r;
  if (a != a || b != b) {
    r = flags & nanBit ? std::numeric_limits<T>::quiet_NaN() : a != a ? b : a;
  } else {
    bool less = a < b || (a == b && std::signbit(a));
    r = less != larger ? a : b;
  }
  return flags & xorSignBit && r == r ? std::copysign(r, sign ? T(-1) : T(1))
                                      : r;
}

/// Null where the type has no such operation.
Handler floatHandler(std::string_view opcode, Type type, size_t operands);
Handler halfHandler(std::string_view opcode, Type type);
Handler functionHandler(std::string_view opcode, Type type, int64_t flags);
/// add, sub and fma of f32 with operands of f16 or bf16.
Handler mixedHandler(bool fma);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_FLOAT_H
