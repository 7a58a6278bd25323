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

/// A lane as a value to compare: f16 and bf16 by their values, f32 flushed
/// where asked (Instr::offset).
struct HalfLane {
  uint32_t bits;
};
struct BrainLane {
  uint32_t bits;
};

template <typename T>
auto comparable(const Instr &in, LaneOf<T> lane) {
  if constexpr (std::is_same_v<T, HalfLane>)
    return decodeNarrow(f16Format, lane & 0xffff);
  else if constexpr (std::is_same_v<T, BrainLane>)
    return decodeNarrow(bf16Format, lane & 0xffff);
  else if constexpr (std::is_same_v<T, float>) {
    float v = fromLane<float>(lane);
    return in.offset && std::fpclassify(v) == FP_SUBNORMAL
               ? std::copysign(0.0f, v)
               : v;
  } else
    return fromLane<T>(lane);
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

/// d = comparison [op c], e = (not comparison) [op c].
template <typename T>
void setPredicate(Warp &w, const Instr &in) {
  uint32_t p = comparedLanes<T>(w, in);
  uint32_t yes = combined(w, in, p), no = combined(w, in, ~p);
  auto put = [&](Slot slot, uint32_t value) {
    if (slot != noSlot)
      w.predicate(slot) = (w.predicate(slot) & ~w.active) | (value & w.active);
  };
  put(in.d, yes);
  put(in.e, no);
}

/// d = all ones (flag: 1.0f) or zero.
template <typename T>
void setValue(Warp &w, const Instr &in) {
  uint32_t yes = combined(w, in, comparedLanes<T>(w, in));
  uint32_t one = in.flag ? 0x3f800000u : 0xffffffffu;
  eachLane<uint32_t>(w, in.d,
                     [&](unsigned i) { return yes >> i & 1 ? one : 0u; });
}

template <template <typename> class Make>
Handler comparisonOf(Type type) {
  switch (type) {
  case Type::F32:
    return Make<float>::handler();
  case Type::F64:
    return Make<double>::handler();
  case Type::F16:
    return Make<HalfLane>::handler();
  case Type::BF16:
    return Make<BrainLane>::handler();
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

/// The comparison and the combination; false after a failure.
bool takeComparison(Decoder &d, int &combine) {
  int mode = d.takeOneOf({"eq", "ne", "lt", "le", "gt", "ge", "equ", "neu",
                          "ltu", "leu", "gtu", "geu", "num", "nan"});
  static constexpr uint8_t unsignedModes[] = {Lt, Le, Gt, Ge};
  if (mode < 0) {
    int same = d.takeOneOf({"lo", "ls", "hi", "hs"});
    if (same < 0)
      return d.fail("expected a comparison"), false;
    mode = unsignedModes[same];
  }
  combine = d.takeOneOf({"and", "or", "xor"});
  d.out.offset = d.take("ftz");
  d.out.mode = static_cast<uint8_t>(mode);
  return d.operands(combine < 0 ? 3 : 4);
}

void takeSources(Decoder &d, Type type, int combine) {
  d.out.a = d.slot(1, type);
  d.out.b = d.slot(2, type);
  if (combine >= 0)
    d.out.c = d.predicate(3);
  d.out.imm = combine + 1;
}

void decodeSetp(Decoder &d) {
  int combine = -1;
  if (!takeComparison(d, combine))
    return;
  Type type = d.takeType();
  d.out.run = comparisonOf<ToPredicate>(type);
  if (!d.out.run)
    return d.fail("the type does not fit this instruction");
  d.out.taint = taintCompare;
  if (d.operand(0).kind != ptx::Operand::Sink)
    d.out.d = d.destination(0, Type::Pred);
  d.out.e = d.second(0, Type::Pred);
  takeSources(d, type, combine);
}

void decodeSet(Decoder &d) {
  int combine = -1;
  if (!takeComparison(d, combine))
    return;
  Type to = d.takeType(), type = d.takeType();
  d.out.run = comparisonOf<ToValue>(type);
  if (!d.out.run || (to != Type::U32 && to != Type::S32 && to != Type::F32))
    return d.fail("the types do not fit this instruction");
  d.out.taint = taintAny;
  d.out.flag = to == Type::F32;
  d.out.d = d.destination(0, to);
  takeSources(d, type, combine);
}

template <typename L>
void selectLanes(Warp &w, const Instr &in) {
  const L *a = lanesOf<L>(w, in.a), *b = lanesOf<L>(w, in.b);
  uint32_t p = w.predicate(in.c);
  eachLane<L>(w, in.d, [&](unsigned i) { return p >> i & 1 ? a[i] : b[i]; });
}

void decodeSelp(Decoder &d) {
  Type type = d.takeType();
  if (!d.operands(4))
    return;
  d.out.run =
      bytesOf(type) == 8 ? selectLanes<uint64_t> : selectLanes<uint32_t>;
  d.out.taint = taintSelect;
  d.out.bytes = static_cast<uint8_t>(bytesOf(type));
  d.out.d = d.destination(0, type);
  d.out.a = d.slot(1, type);
  d.out.b = d.slot(2, type);
  d.out.c = d.predicate(3);
}

/// slct: c >= 0 ? a : b. As a predicate first, then a selection.
void decodeSlct(Decoder &d) {
  d.out.offset = d.take("ftz");
  Type type = d.takeType(), control = d.takeType();
  if (!d.operands(4))
    return;
  if (control != Type::S32 && control != Type::F32)
    return d.fail("expected .s32 or .f32 as the second type");
  Slot sign = d.slot(3, control);
  Slot chosen = d.precede(control == Type::F32 ? setPredicate<float>
                                               : setPredicate<int32_t>,
                          taintCompare, sign);
  d.last().b = d.constant(0, false);
  d.last().mode = Ge;
  d.last().offset = d.out.offset;
  d.out.run =
      bytesOf(type) == 8 ? selectLanes<uint64_t> : selectLanes<uint32_t>;
  d.out.taint = taintSelect;
  d.out.bytes = static_cast<uint8_t>(bytesOf(type));
  d.out.d = d.destination(0, type);
  d.out.a = d.slot(1, type);
  d.out.b = d.slot(2, type);
  d.out.c = chosen;
}

} // namespace

void nybl::emu::addCompareOpcodes(OpcodeTable &table) {
  table["setp"] = decodeSetp;
  table["set"] = decodeSet;
  table["selp"] = decodeSelp;
  table["slct"] = decodeSlct;
}
