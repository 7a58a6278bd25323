// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Floating-point arithmetic. Built with -frounding-math: rounding modes are the
// host's. The .approx forms are computed exactly and rounded: PTX bounds their
// error and promises no bits.

#include "tools/emulator/Exec/Decode.h"
#include "tools/emulator/Exec/Lane.h"
#include "tools/emulator/Exec/Narrow.h"
#include <cfenv>
#include <cmath>

using namespace nybl::emu;

namespace {

struct RoundingScope {
  explicit RoundingScope(uint8_t mode) : before(std::fegetround()) {
    static constexpr int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD,
                                    FE_UPWARD};
    std::fesetround(modes[mode & 3]);
  }
  ~RoundingScope() { std::fesetround(before); }
  int before;
};

constexpr int64_t flushBit = 1, saturateBit = 2, nanBit = 4, reluBit = 8;

template <typename T>
T flush(T v, const Instr &in) {
  if constexpr (std::is_same_v<T, float>)
    if (in.imm & flushBit && std::fpclassify(v) == FP_SUBNORMAL)
      return std::copysign(0.0f, v);
  return v;
}

template <typename T>
T finishFloat(T v, const Instr &in) {
  v = flush(v, in);
  if (in.imm & saturateBit)
    v = v > T(1) ? T(1) : v > T(0) ? v : T(0); // NaN becomes 0
  if (v != v) {
    if constexpr (sizeof(T) == 4)
      return std::bit_cast<float>(0x7fffffffu);
  }
  return v;
}

// clang-format off
struct FAdd { template <typename T> static T apply(T a, T b) { return a + b; } };
struct FSubtract { template <typename T> static T apply(T a, T b) { return a - b; } };
struct FMultiply { template <typename T> static T apply(T a, T b) { return a * b; } };
struct FDivide { template <typename T> static T apply(T a, T b) { return a / b; } };
/// A NaN operand loses against a number; -0 < +0.
struct FMinimum { template <typename T> static T apply(T a, T b) {
  return a != a ? b : b != b ? a : a == b ? (std::signbit(a) ? a : b) : a < b ? a : b; } };
struct FMaximum { template <typename T> static T apply(T a, T b) {
  return a != a ? b : b != b ? a : a == b ? (std::signbit(a) ? b : a) : a < b ? b : a; } };
struct FNegate { template <typename T> static T apply(T a) { return -a; } };
struct FAbsolute { template <typename T> static T apply(T a) { return std::fabs(a); } };
struct FReciprocal { template <typename T> static T apply(T a) { return T(1) / a; } };
struct FRoot { template <typename T> static T apply(T a) { return std::sqrt(a); } };
struct FReciprocalRoot { template <typename T> static T apply(T a) { return T(1.0 / std::sqrt(double(a))); } };
struct FExp2 { template <typename T> static T apply(T a) { return T(std::exp2(double(a))); } };
struct FLog2 { template <typename T> static T apply(T a) { return T(std::log2(double(a))); } };
struct FSine { template <typename T> static T apply(T a) { return T(std::sin(double(a))); } };
struct FCosine { template <typename T> static T apply(T a) { return T(std::cos(double(a))); } };
struct FTanh { template <typename T> static T apply(T a) { return T(std::tanh(double(a))); } };
struct FCopySign { template <typename T> static T apply(T a, T b) { return std::copysign(b, a); } };
// clang-format on

template <typename T, typename Op>
void floatUnary(Warp &w, const Instr &in) {
  RoundingScope scope(in.mode);
  const auto *a = lanesOf<T>(w, in.a);
  eachLane<T>(w, in.d, [&](unsigned i) {
    return finishFloat(T(Op::apply(flush(fromLane<T>(a[i]), in))), in);
  });
}

template <typename T, typename Op>
void floatBinary(Warp &w, const Instr &in) {
  RoundingScope scope(in.mode);
  const auto *a = lanesOf<T>(w, in.a), *b = lanesOf<T>(w, in.b);
  eachLane<T>(w, in.d, [&](unsigned i) {
    T x = flush(fromLane<T>(a[i]), in), y = flush(fromLane<T>(b[i]), in);
    if (in.imm & nanBit && (x != x || y != y))
      return std::numeric_limits<T>::quiet_NaN();
    return finishFloat(T(Op::apply(x, y)), in);
  });
}

template <typename T>
void floatFma(Warp &w, const Instr &in) {
  RoundingScope scope(in.mode);
  const auto *a = lanesOf<T>(w, in.a), *b = lanesOf<T>(w, in.b);
  const auto *c = lanesOf<T>(w, in.c);
  eachLane<T>(w, in.d, [&](unsigned i) {
    T r = std::fma(flush(fromLane<T>(a[i]), in), flush(fromLane<T>(b[i]), in),
                   flush(fromLane<T>(c[i]), in));
    return finishFloat(r, in);
  });
}

/// f16 and bf16: one or two values in a lane, computed in double and rounded
/// once: +, -, * of two narrow values are exact there or far from any tie.
template <bool brain, typename Op, unsigned operandCount>
void halfOp(Warp &w, const Instr &in) {
  const NarrowFormat &format = brain ? bf16Format : f16Format;
  const uint32_t *a = w.w(in.a);
  const uint32_t *b = operandCount > 1 ? w.w(in.b) : a;
  const uint32_t *c = operandCount > 2 ? w.w(in.c) : a;
  unsigned values = in.bytes / 2;
  eachLane<uint32_t>(w, in.d, [&](unsigned i) {
    uint32_t result = 0;
    for (unsigned k = 0; k < values; ++k) {
      auto value = [&](const uint32_t *lanes) {
        return double(decodeNarrow(format, lanes[i] >> (16 * k) & 0xffff));
      };
      double r = Op::apply(value(a), value(b), value(c));
      if (in.imm & nanBit && (std::isnan(value(a)) || std::isnan(value(b))))
        r = NAN;
      if (in.imm & saturateBit)
        r = r > 1 ? 1 : r > 0 ? r : 0;
      if (in.imm & reluBit && r <= 0)
        r = 0; // NaN stays
      result |= encodeNarrow(format, r, false) << (16 * k);
    }
    return result;
  });
}

// clang-format off
struct HAdd { static double apply(double a, double b, double) { return a + b; } };
struct HSubtract { static double apply(double a, double b, double) { return a - b; } };
struct HMultiply { static double apply(double a, double b, double) { return a * b; } };
/// Rounded to odd, so that rounding it again to a narrow format is exact.
struct HFma { static double apply(double a, double b, double c) {
  double p = a * b, s = p + c; // the product of two narrow values is exact
  double back = s - p, error = (p - (s - back)) + (c - back);
  if (!std::isfinite(s) || error == 0) return s;
  uint64_t bits = std::bit_cast<uint64_t>(s);
  if ((error < 0) != (s < 0)) --bits; // toward zero
  return std::bit_cast<double>(bits | 1); } };
struct HMinimum { static double apply(double a, double b, double) { return FMinimum::apply(a, b); } };
struct HMaximum { static double apply(double a, double b, double) { return FMaximum::apply(a, b); } };
struct HNegate { static double apply(double a, double, double) { return -a; } };
struct HAbsolute { static double apply(double a, double, double) { return std::fabs(a); } };
// clang-format on

template <typename Op, typename HalfOp>
Handler binaryFor(Type type) {
  switch (type) {
  case Type::F32:
    return floatBinary<float, Op>;
  case Type::F64:
    return floatBinary<double, Op>;
  case Type::F16:
  case Type::F16x2:
    return halfOp<false, HalfOp, 2>;
  case Type::BF16:
  case Type::BF16x2:
    return halfOp<true, HalfOp, 2>;
  default:
    return nullptr;
  }
}

template <typename Op, typename HalfOp>
Handler unaryFor(Type type) {
  switch (type) {
  case Type::F32:
    return floatUnary<float, Op>;
  case Type::F64:
    return floatUnary<double, Op>;
  case Type::F16:
  case Type::F16x2:
    return halfOp<false, HalfOp, 1>;
  case Type::BF16:
  case Type::BF16x2:
    return halfOp<true, HalfOp, 1>;
  default:
    return nullptr;
  }
}

template <typename Op>
Handler wideUnaryFor(Type type) {
  return type == Type::F32   ? floatUnary<float, Op>
         : type == Type::F64 ? floatUnary<double, Op>
                             : nullptr;
}

template <typename Op>
Handler wideBinaryFor(Type type) {
  return type == Type::F32   ? floatBinary<float, Op>
         : type == Type::F64 ? floatBinary<double, Op>
                             : nullptr;
}

void takeFloatFlags(Decoder &d) {
  int rounding = d.takeOneOf({"rn", "rz", "rm", "rp"});
  d.out.mode = static_cast<uint8_t>(std::max(rounding, 0));
  d.take("approx");
  d.take("full");
  d.out.imm = (d.take("ftz") ? flushBit : 0) |
              (d.take("sat") ? saturateBit : 0) | (d.take("NaN") ? nanBit : 0) |
              (d.take("relu") ? reluBit : 0);
}

void decodeFloat(Decoder &d, Handler (*pick)(Type), size_t count) {
  takeFloatFlags(d);
  Instr flags = d.out;
  Type type = d.takeType();
  Handler handler = pick(type);
  if (!handler)
    return d.fail("the type does not fit this instruction");
  bool wide = type == Type::F32 || type == Type::F64;
  if (flags.imm & reluBit && (wide || d.base != "fma"))
    return d.fail(".relu belongs to fma of f16 and bf16");
  if (flags.mode != 0 && type != Type::F32 && type != Type::F64)
    return d.fail("narrow types round to nearest even");
  d.simple(handler, taintAny, type, count);
  d.out.imm = flags.imm;
  d.out.mode = flags.mode;
}

Handler fmaFor(Type type) {
  switch (type) {
  case Type::F32:
    return floatFma<float>;
  case Type::F64:
    return floatFma<double>;
  case Type::F16:
  case Type::F16x2:
    return halfOp<false, HFma, 3>;
  case Type::BF16:
  case Type::BF16x2:
    return halfOp<true, HFma, 3>;
  default:
    return nullptr;
  }
}

enum TestKind { Finite, Infinite, Number, NotANumber, Normal, Subnormal };

template <typename T>
void testProperty(Warp &w, const Instr &in) {
  const auto *a = lanesOf<T>(w, in.a);
  uint32_t result = 0;
  w.forActive([&](unsigned i) {
    int kind = std::fpclassify(fromLane<T>(a[i]));
    bool yes = in.mode == Finite       ? kind != FP_NAN && kind != FP_INFINITE
               : in.mode == Infinite   ? kind == FP_INFINITE
               : in.mode == Number     ? kind != FP_NAN
               : in.mode == NotANumber ? kind == FP_NAN
               : in.mode == Normal     ? kind == FP_NORMAL
                                       : kind == FP_SUBNORMAL;
    result |= uint32_t(yes) << i;
  });
  w.predicate(in.d) = (w.predicate(in.d) & ~w.active) | result;
}

void decodeTestp(Decoder &d) {
  int kind = d.takeOneOf(
      {"finite", "infinite", "number", "notanumber", "normal", "subnormal"});
  Type type = d.takeType();
  d.simple(type == Type::F64 ? testProperty<double> : testProperty<float>,
           taintAny, {Type::Pred, type, Type::None, Type::None}, 2);
  d.out.mode = static_cast<uint8_t>(std::max(kind, 0));
  if (kind < 0)
    d.fail("expected a property");
}

} // namespace

namespace nybl::emu {
void decodeFloatArithmetic(Decoder &d) {
  if (d.base == "add")
    return decodeFloat(d, binaryFor<FAdd, HAdd>, 3);
  if (d.base == "sub")
    return decodeFloat(d, binaryFor<FSubtract, HSubtract>, 3);
  if (d.base == "mul")
    return decodeFloat(d, binaryFor<FMultiply, HMultiply>, 3);
  if (d.base == "div")
    return decodeFloat(d, wideBinaryFor<FDivide>, 3);
  if (d.base == "min")
    return decodeFloat(d, binaryFor<FMinimum, HMinimum>, 3);
  if (d.base == "max")
    return decodeFloat(d, binaryFor<FMaximum, HMaximum>, 3);
  if (d.base == "neg")
    return decodeFloat(d, unaryFor<FNegate, HNegate>, 2);
  if (d.base == "abs")
    return decodeFloat(d, unaryFor<FAbsolute, HAbsolute>, 2);
  return decodeFloat(d, fmaFor, 4);
}
} // namespace nybl::emu

void nybl::emu::addFloatOpcodes(OpcodeTable &table) {
  table["fma"] = [](Decoder &d) { decodeFloat(d, fmaFor, 4); };
  table["rcp"] = [](Decoder &d) {
    decodeFloat(d, wideUnaryFor<FReciprocal>, 2);
  };
  table["sqrt"] = [](Decoder &d) { decodeFloat(d, wideUnaryFor<FRoot>, 2); };
  table["rsqrt"] = [](Decoder &d) {
    decodeFloat(d, wideUnaryFor<FReciprocalRoot>, 2);
  };
  table["ex2"] = [](Decoder &d) { decodeFloat(d, wideUnaryFor<FExp2>, 2); };
  table["lg2"] = [](Decoder &d) { decodeFloat(d, wideUnaryFor<FLog2>, 2); };
  table["sin"] = [](Decoder &d) { decodeFloat(d, wideUnaryFor<FSine>, 2); };
  table["cos"] = [](Decoder &d) { decodeFloat(d, wideUnaryFor<FCosine>, 2); };
  table["tanh"] = [](Decoder &d) { decodeFloat(d, wideUnaryFor<FTanh>, 2); };
  table["copysign"] = [](Decoder &d) {
    decodeFloat(d, wideBinaryFor<FCopySign>, 3);
  };
  table["testp"] = decodeTestp;
}
