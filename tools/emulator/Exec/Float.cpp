// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// f32, f32x2 and f64. Built with -frounding-math: rounding modes are the
// host's.

#include "tools/emulator/Exec/Float.h"
#include "tools/emulator/Exec/Lane.h"
#include "tools/emulator/Exec/Narrow.h"

using namespace nybl::emu;

namespace {

// clang-format off
struct FAdd { template <typename T> static T apply(T a, T b, T, const Instr &) { return a + b; } };
struct FSubtract { template <typename T> static T apply(T a, T b, T, const Instr &) { return a - b; } };
struct FMultiply { template <typename T> static T apply(T a, T b, T, const Instr &) { return a * b; } };
struct FFma { template <typename T> static T apply(T a, T b, T c, const Instr &) { return std::fma(a, b, c); } };
struct FMinimum { template <typename T> static T apply(T a, T b, T, const Instr &in) { return extreme(a, b, false, in.imm); } };
struct FMaximum { template <typename T> static T apply(T a, T b, T, const Instr &in) { return extreme(a, b, true, in.imm); } };
struct FMinimum3 { template <typename T> static T apply(T a, T b, T c, const Instr &in) { return extreme(extreme(a, b, false, in.imm), c, false, in.imm); } };
struct FMaximum3 { template <typename T> static T apply(T a, T b, T c, const Instr &in) { return extreme(extreme(a, b, true, in.imm), c, true, in.imm); } };
struct FNegate { template <typename T> static T apply(T a, T, T, const Instr &) { return -a; } };
struct FAbsolute { template <typename T> static T apply(T a, T, T, const Instr &) { return std::fabs(a); } };
struct FCopySign { template <typename T> static T apply(T a, T b, T, const Instr &) { return std::copysign(b, a); } };
// clang-format on

template <typename T, typename Op, unsigned operands>
void floatOp(Warp &w, const Instr &in) {
  RoundingScope scope(in.mode);
  const auto *a = lanesOf<T>(w, in.a);
  const auto *b = operands > 1 ? lanesOf<T>(w, in.b) : a;
  const auto *c = operands > 2 ? lanesOf<T>(w, in.c) : a;
  eachLane<T>(w, in.d, [&](unsigned i) {
    return finished(T(Op::apply(flushed(fromLane<T>(a[i]), in),
                                flushed(fromLane<T>(b[i]), in),
                                flushed(fromLane<T>(c[i]), in), in)),
                    in);
  });
}

/// Two f32 in 64 bits.
template <typename Op, unsigned operands>
void pairOp(Warp &w, const Instr &in) {
  RoundingScope scope(in.mode);
  const uint64_t *a = w.q(in.a);
  const uint64_t *b = operands > 1 ? w.q(in.b) : a;
  const uint64_t *c = operands > 2 ? w.q(in.c) : a;
  eachLane<uint64_t>(w, in.d, [&](unsigned i) {
    uint64_t result = 0;
    for (unsigned k = 0; k < 64; k += 32) {
      auto value = [&](const uint64_t *lanes) {
        return flushed(
            std::bit_cast<float>(static_cast<uint32_t>(lanes[i] >> k)), in);
      };
      float r =
          finished(float(Op::apply(value(a), value(b), value(c), in)), in);
      result |= uint64_t(std::bit_cast<uint32_t>(r)) << k;
    }
    return result;
  });
}

template <typename Op, unsigned operands>
Handler handlerFor(Type type) {
  return type == Type::F32     ? floatOp<float, Op, operands>
         : type == Type::F64   ? floatOp<double, Op, operands>
         : type == Type::F32x2 ? pairOp<Op, operands>
                               : nullptr;
}

/// d = a + c or a - c, or a * b + c: a and b narrow, c and d f32.
template <bool fma>
void mixedOp(Warp &w, const Instr &in) {
  RoundingScope scope(in.mode);
  const NarrowFormat &format = in.imm & brainBit ? bf16Format : f16Format;
  const uint32_t *a = w.w(in.a), *b = w.w(in.b);
  const uint32_t *c = fma ? w.w(in.c) : b;
  eachLane<float>(w, in.d, [&](unsigned i) {
    float x = decodeNarrow(format, a[i] & 0xffff), z = fromLane<float>(c[i]);
    float r = fma ? std::fma(x, decodeNarrow(format, b[i] & 0xffff), z)
              : in.imm & subtractBit ? x - z
                                     : x + z;
    return finished(r, in);
  });
}

} // namespace

Handler nybl::emu::floatHandler(std::string_view opcode, Type type,
                                size_t operands) {
  static const std::map<std::string_view, Handler (*)(Type)> makers = {
      {"add", handlerFor<FAdd, 2>},      {"sub", handlerFor<FSubtract, 2>},
      {"mul", handlerFor<FMultiply, 2>}, {"fma", handlerFor<FFma, 3>},
      {"mad", handlerFor<FFma, 3>},      {"neg", handlerFor<FNegate, 1>},
      {"abs", handlerFor<FAbsolute, 1>}, {"copysign", handlerFor<FCopySign, 2>},
      {"min", handlerFor<FMinimum, 2>},  {"max", handlerFor<FMaximum, 2>}};
  if (operands == 4 && opcode == "min")
    return handlerFor<FMinimum3, 3>(type);
  if (operands == 4 && opcode == "max")
    return handlerFor<FMaximum3, 3>(type);
  auto found = makers.find(opcode);
  return found == makers.end() ? nullptr : found->second(type);
}

Handler nybl::emu::mixedHandler(bool fma) {
  return fma ? mixedOp<true> : mixedOp<false>;
}
