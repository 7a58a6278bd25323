// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// f16, f16x2, bf16 and bf16x2: one or two values in a lane, computed in double
// and rounded once: +, -, * of two narrow values are exact there or far from
// any tie, a fused multiply-add is rounded to odd before.

#include "tools/emulator/Exec/Float.h"
#include "tools/emulator/Exec/Lane.h"
#include "tools/emulator/Exec/Narrow.h"

using namespace nybl::emu;

namespace {

/// Rounded to odd, so that rounding it again to a narrow format is exact.
double fusedToOdd(double a, double b, double c) {
  double p = a * b, s = p + c; // the product of two narrow values is exact
  double back = s - p, error = (p - (s - back)) + (c - back);
  if (!std::isfinite(s) || error == 0)
    return s;
  auto bits = std::bit_cast<uint64_t>(s);
  if ((error < 0) != (s < 0))
    --bits; // toward zero
  return std::bit_cast<double>(bits | 1);
}

// clang-format off
struct HAdd { static double apply(double a, double b, double, int64_t) { return a + b; } };
struct HSubtract { static double apply(double a, double b, double, int64_t) { return a - b; } };
struct HMultiply { static double apply(double a, double b, double, int64_t) { return a * b; } };
struct HFma { static double apply(double a, double b, double c, int64_t) { return fusedToOdd(a, b, c); } };
struct HMinimum { static double apply(double a, double b, double, int64_t f) { return extreme(a, b, false, f); } };
struct HMaximum { static double apply(double a, double b, double, int64_t f) { return extreme(a, b, true, f); } };
struct HNegate { static double apply(double a, double, double, int64_t) { return -a; } };
struct HAbsolute { static double apply(double a, double, double, int64_t) { return std::fabs(a); } };
struct HExp2 { static double apply(double a, double, double, int64_t) { return std::exp2(a); } };
struct HTanh { static double apply(double a, double, double, int64_t) { return std::tanh(a); } };
// clang-format on

/// .ftz: f16 and bf16 values below the smallest normal one.
double flushedNarrow(const NarrowFormat &format, double v, int64_t flags) {
  bool tiny = std::fabs(v) < std::ldexp(1.0, 1 - format.bias);
  return flags & flushBit && tiny ? std::copysign(0.0, v) : v;
}

template <bool brain, typename Op, unsigned operands>
void halfOp(Warp &w, const Instr &in) {
  const NarrowFormat &format = brain ? bf16Format : f16Format;
  const uint32_t *a = w.w(in.a);
  const uint32_t *b = operands > 1 ? w.w(in.b) : a;
  const uint32_t *c = operands > 2 ? w.w(in.c) : a;
  unsigned values = in.bytes / 2;
  eachLane<uint32_t>(w, in.d, [&](unsigned i) {
    uint32_t result = 0;
    for (unsigned k = 0; k < values; ++k) {
      auto value = [&](const uint32_t *lanes) {
        double v = decodeNarrow(format, lanes[i] >> (16 * k) & 0xffff);
        return flushedNarrow(format, v, in.imm);
      };
      double r = Op::apply(value(a), value(b), value(c), in.imm);
      if (in.imm & saturateBit)
        r = r > 1 ? 1 : r > 0 ? r : 0;
      if (in.imm & reluBit && r <= 0)
        r = 0; // NaN stays
      uint32_t bits = encodeNarrow(format, r, false);
      if (in.imm & flushBit && (bits & 0x7fff) >> format.mantissaBits == 0)
        bits &= 0x8000; // rounded first
      result |= bits << (16 * k);
    }
    return result;
  });
}

template <typename Op, unsigned operands>
Handler handlerFor(Type type) {
  bool brain = type == Type::BF16 || type == Type::BF16x2;
  return brain ? halfOp<true, Op, operands> : halfOp<false, Op, operands>;
}

} // namespace

Handler nybl::emu::halfHandler(std::string_view opcode, Type type) {
  static const std::map<std::string_view, Handler (*)(Type)> makers = {
      {"add", handlerFor<HAdd, 2>},      {"sub", handlerFor<HSubtract, 2>},
      {"mul", handlerFor<HMultiply, 2>}, {"fma", handlerFor<HFma, 3>},
      {"min", handlerFor<HMinimum, 2>},  {"max", handlerFor<HMaximum, 2>},
      {"neg", handlerFor<HNegate, 1>},   {"abs", handlerFor<HAbsolute, 1>},
      {"ex2", handlerFor<HExp2, 1>},     {"tanh", handlerFor<HTanh, 1>}};
  auto found = makers.find(opcode);
  return found == makers.end() ? nullptr : found->second(type);
}
