// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Comparison and selection: setp, set, selp, slct.

#include "tools/emulator/Exec/Decode.h"
#include "tools/emulator/Exec/Lane.h"
#include "tools/emulator/Exec/Narrow.h"
#include <cmath>

using namespace nybl::emu;

namespace {

//===----------------------------------------------------------------------===//
// Comparison and selection
//===----------------------------------------------------------------------===//

enum Comparison : uint8_t {
  Eq,
  Ne,
  Lt,
  Le,
  Gt,
  Ge,
  Equ,
  Neu,
  Ltu,
  Leu,
  Gtu,
  Geu,
  Num,
  Nan
};

template <typename T>
bool compare(uint8_t mode, T a, T b) {
  bool unordered = false;
  if constexpr (std::is_floating_point_v<T>)
    unordered = a != a || b != b;
  switch (mode) {
  case Eq:
    return a == b;
  case Ne:
    return !unordered && a != b;
  case Lt:
    return a < b;
  case Le:
    return a <= b;
  case Gt:
    return a > b;
  case Ge:
    return a >= b;
  case Equ:
    return unordered || a == b;
  case Neu:
    return unordered || a != b;
  case Ltu:
    return unordered || a < b;
  case Leu:
    return unordered || a <= b;
  case Gtu:
    return unordered || a > b;
  case Geu:
    return unordered || a >= b;
  case Num:
    return !unordered;
  default:
    return unordered;
  }
}

/// A lane as a value to compare: f16 and bf16 by the value of one half of the
/// lane, f16 and f32 flushed where asked (Instr::flag).
template <bool isBrain, unsigned which>
struct HalfLane {
  static constexpr bool brain = isBrain;
  static constexpr unsigned shift = 16 * which;
  uint32_t bits;
};
template <typename T>
concept IsHalf = requires { T::brain; };

template <typename T>
auto comparable(const Instr &in, LaneOf<T> lane) {
  if constexpr (IsHalf<T>) {
    uint32_t bits = lane >> T::shift & 0xffff;
    if (!T::brain && in.flag && (bits & 0x7c00) == 0)
      bits &= 0x8000;
    return decodeNarrow(T::brain ? bf16Format : f16Format, bits);
  } else if constexpr (std::is_same_v<T, float>) {
    float v = fromLane<float>(lane);
    return in.flag && std::fpclassify(v) == FP_SUBNORMAL
               ? std::copysign(0.0f, v)
               : v;
  } else {
    return fromLane<T>(lane);
  }
}

template <typename T>
uint32_t comparedLanes(Warp &w, const Instr &in) {
  const auto *a = lanesOf<T>(w, in.a);
  const auto *b = lanesOf<T>(w, in.b);
  uint32_t yes = 0;
  for (unsigned i = 0; i < 32; ++i)
    yes |= uint32_t(compare(in.mode, comparable<T>(in, a[i]),
                            comparable<T>(in, b[i])))
           << i;
  return yes;
}

/// imm: 1 and, 2 or, 3 xor with c.
uint32_t combined(Warp &w, const Instr &in, uint32_t p) {
  if (!in.imm)
    return p;
  uint32_t c = w.predicate(in.c);
  return in.imm == 1 ? p & c : in.imm == 2 ? p | c : p ^ c;
}

void putPredicate(Warp &w, Slot slot, uint32_t value) {
  if (slot != noSlot)
    w.predicate(slot) = (w.predicate(slot) & ~w.active) | (value & w.active);
}

/// d = comparison [op c], e = (not comparison) [op c].
template <typename T>
void setPredicate(Warp &w, const Instr &in) {
  uint32_t p = comparedLanes<T>(w, in);
  uint32_t yes = combined(w, in, p), no = combined(w, in, ~p);
  putPredicate(w, in.d, yes);
  putPredicate(w, in.e, no);
}

/// d = comparison of the lower halves [op c], e = of the upper ones.
template <bool brain>
void setTwoPredicates(Warp &w, const Instr &in) {
  uint32_t low = combined(w, in, comparedLanes<HalfLane<brain, 0>>(w, in));
  uint32_t high = combined(w, in, comparedLanes<HalfLane<brain, 1>>(w, in));
  putPredicate(w, in.d, low);
  putPredicate(w, in.e, high);
}

/// d = e (a constant) where true, else zero.
template <typename T>
void setValue(Warp &w, const Instr &in) {
  uint32_t yes = combined(w, in, comparedLanes<T>(w, in));
  const uint32_t *one = w.w(in.e);
  eachLane<uint32_t>(w, in.d,
                     [&](unsigned i) { return yes >> i & 1 ? one[i] : 0u; });
}

template <bool brain>
void setTwoValues(Warp &w, const Instr &in) {
  uint32_t low = combined(w, in, comparedLanes<HalfLane<brain, 0>>(w, in));
  uint32_t high = combined(w, in, comparedLanes<HalfLane<brain, 1>>(w, in));
  const uint32_t *one = w.w(in.e);
  eachLane<uint32_t>(w, in.d, [&](unsigned i) {
    return (low >> i & 1 ? one[i] & 0xffff : 0) |
           (high >> i & 1 ? one[i] & 0xffff0000 : 0);
  });
}

template <template <typename> class Make>
Handler comparisonOf(Type type) {
  switch (type) {
  case Type::F32:
    return Make<float>::handler();
  case Type::F64:
    return Make<double>::handler();
  case Type::F16:
    return Make<HalfLane<false, 0>>::handler();
  case Type::BF16:
    return Make<HalfLane<true, 0>>::handler();
  default:
    return byInteger(
        type, []<typename T>() -> Handler { return Make<T>::handler(); });
  }
}
template <typename T>
struct ToPredicate {
  static Handler handler() { return setPredicate<T>; }
};
template <typename T>
struct ToValue {
  static Handler handler() { return setValue<T>; }
};

bool isPair(Type type) { return type == Type::F16x2 || type == Type::BF16x2; }

/// What ISA 9.7.6 lets be compared how.
bool fitsComparison(Type type, int mode, bool isUnsignedName, bool flush) {
  bool bits = type == Type::B16 || type == Type::B32 || type == Type::B64;
  bool isUnsigned = type == Type::U16 || type == Type::U32 || type == Type::U64;
  if (isUnsignedName)
    return isUnsigned && !flush;
  bool flushes = type == Type::F32 || type == Type::F16 || type == Type::F16x2;
  if (flush && !flushes)
    return false;
  return isFloatType(type) || (bits ? mode <= Ne : mode <= Ge);
}

struct Comparing {
  int combine = -1; ///< and, or, xor
  Type type = Type::None;
  bool good = false;
};

/// All qualifiers but the type of the result, which comes first.
Comparing takeComparison(Decoder &d, Type *result) {
  Comparing c;
  int mode = d.takeOneOf({"eq", "ne", "lt", "le", "gt", "ge", "equ", "neu",
                          "ltu", "leu", "gtu", "geu", "num", "nan"});
  static constexpr uint8_t unsignedModes[] = {Lt, Le, Gt, Ge};
  int unsignedName = mode < 0 ? d.takeOneOf({"lo", "ls", "hi", "hs"}) : -1;
  if (mode < 0 && unsignedName < 0) {
    d.fail("expected a comparison");
    return c;
  }
  c.combine = d.takeOneOf({"and", "or", "xor"});
  bool flush = d.take("ftz");
  if (result)
    *result = d.takeType();
  c.type = d.takeType();
  c.good = fitsComparison(c.type, mode, unsignedName >= 0, flush);
  if (!c.good)
    d.fail("the comparison does not fit the type");
  c.good &= d.operands(c.combine < 0 ? 3 : 4);
  d.out.mode =
      static_cast<uint8_t>(mode < 0 ? unsignedModes[unsignedName] : mode);
  d.out.flag = flush;
  d.out.imm = c.combine + 1;
  return c;
}

void takeSources(Decoder &d, const Comparing &c) {
  d.out.a = d.slot(1, c.type);
  d.out.b = d.slot(2, c.type);
  if (c.combine >= 0)
    d.out.c = d.predicate(3);
}

void decodeSetp(Decoder &d) {
  Comparing c = takeComparison(d, nullptr);
  if (!c.good)
    return;
  d.out.run = c.type == Type::F16x2    ? setTwoPredicates<false>
              : c.type == Type::BF16x2 ? setTwoPredicates<true>
                                       : comparisonOf<ToPredicate>(c.type);
  if (!d.out.run)
    return d.fail("the type does not fit this instruction");
  d.out.taint = taintCompare;
  if (d.operand(0).kind != ptx::Operand::Sink)
    d.out.d = d.destination(0, Type::Pred);
  d.out.e = d.second(0, Type::Pred);
  if (d.out.e != noSlot && (c.type == Type::F16 || c.type == Type::BF16))
    return d.fail("a comparison of .f16 or .bf16 has one result");
  takeSources(d, c);
}

/// What `set` writes for true; 0: no such destination.
uint32_t numberForTrue(Type to, Type from) {
  bool half = from == Type::F16 || from == Type::BF16;
  switch (to) {
  case Type::U32:
  case Type::S32:
    return 0xffffffff;
  case Type::U16:
  case Type::S16:
    return half ? 0xffff : 0;
  case Type::F32:
    return half || isPair(from) ? 0 : 0x3f800000;
  case Type::F16:
    return isPair(from) || from == Type::BF16 ? 0 : 0x3c00;
  case Type::BF16:
    return isPair(from) ? 0 : 0x3f80;
  case Type::F16x2:
    return from == Type::F16x2 ? 0x3c003c00 : 0;
  case Type::BF16x2:
    return from == Type::BF16x2 ? 0x3f803f80 : 0;
  default:
    return 0;
  }
}

void decodeSet(Decoder &d) {
  Type to = Type::None;
  Comparing c = takeComparison(d, &to);
  if (!c.good)
    return;
  d.out.run = c.type == Type::F16x2    ? setTwoValues<false>
              : c.type == Type::BF16x2 ? setTwoValues<true>
                                       : comparisonOf<ToValue>(c.type);
  uint32_t one = numberForTrue(to, c.type);
  if (!d.out.run || !one || (d.out.flag && to == Type::BF16))
    return d.fail("the types do not fit this instruction");
  d.out.taint = taintAny;
  d.out.bytes = static_cast<uint8_t>(bytesOf(to));
  d.out.d = d.destination(0, to);
  d.out.e = d.constant(one, false);
  takeSources(d, c);
}

//===----------------------------------------------------------------------===//
// Selection
//===----------------------------------------------------------------------===//

template <typename L>
void selectLanes(Warp &w, const Instr &in) {
  const L *a = lanesOf<L>(w, in.a), *b = lanesOf<L>(w, in.b);
  uint32_t p = w.predicate(in.c);
  eachLane<L>(w, in.d, [&](unsigned i) { return p >> i & 1 ? a[i] : b[i]; });
}

/// d = chosen ? a : b, of any type of 16, 32 or 64 bits.
void decodeSelection(Decoder &d, Type type, Slot chosen) {
  bool number = type == Type::F32 || type == Type::F64;
  if (!number && !byInteger(type, []<typename T>() -> Handler {
        return selectLanes<uint32_t>;
      }))
    return d.fail("the type does not fit this instruction");
  d.out.run =
      bytesOf(type) == 8 ? selectLanes<uint64_t> : selectLanes<uint32_t>;
  d.out.taint = taintSelect;
  d.out.bytes = static_cast<uint8_t>(bytesOf(type));
  d.out.d = d.result(0, type);
  d.out.a = d.slot(1, type);
  d.out.b = d.slot(2, type);
  d.out.c = chosen;
}

void decodeSelp(Decoder &d) {
  Type type = d.takeType();
  if (d.operands(4))
    decodeSelection(d, type, d.predicate(3));
}

/// slct: c >= 0 ? a : b. As a predicate first, then a selection.
void decodeSlct(Decoder &d) {
  bool flush = d.take("ftz");
  Type type = d.takeType(), control = d.takeType();
  if (!d.operands(4))
    return;
  if ((control != Type::S32 || flush) && control != Type::F32)
    return d.fail("expected .s32 or .f32 as the second type");
  Slot sign = d.slot(3, control);
  Slot chosen = d.precede(control == Type::F32 ? setPredicate<float>
                                               : setPredicate<int32_t>,
                          taintCompare, sign);
  d.last().b = d.constant(0, false);
  d.last().mode = Ge;
  d.last().flag = flush;
  decodeSelection(d, type, chosen);
}

} // namespace

void nybl::emu::addCompareOpcodes(OpcodeTable &table) {
  table["setp"] = decodeSetp;
  table["set"] = decodeSet;
  table["selp"] = decodeSelp;
  table["slct"] = decodeSlct;
}
