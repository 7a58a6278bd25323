// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Integer, logic, comparison and selection on 16, 32 and 64 bits.

#include "tools/emulator/Exec/Decode.h"
#include "tools/emulator/Exec/Lane.h"
#include <limits>

using namespace nybl::emu;

namespace {

template <typename T>
using Unsigned = std::make_unsigned_t<T>;
/// Wide enough that unsigned arithmetic does not promote to int.
template <typename T>
using Wide = std::conditional_t<sizeof(T) == 8, unsigned __int128, uint64_t>;
template <typename T>
using SignedWide = std::conditional_t<sizeof(T) == 8, __int128, int64_t>;
/// Holds every product of two values of T.
template <typename T>
using Product = std::conditional_t<std::is_signed_v<T>, SignedWide<T>, Wide<T>>;

// clang-format off
struct Move { template <typename T> static T apply(T a) { return a; } };
struct Negate { template <typename T> static T apply(T a) { return T(Unsigned<T>(0) - Unsigned<T>(a)); } };
struct Absolute { template <typename T> static T apply(T a) { return a < 0 ? Negate::apply(a) : a; } };
struct Not { template <typename T> static T apply(T a) { return T(~a); } };
struct LogicalNot { template <typename T> static T apply(T a) { return T(a == 0); } };
struct Add { template <typename T> static T apply(T a, T b) { return T(Wide<T>(a) + Wide<T>(b)); } };
struct Subtract { template <typename T> static T apply(T a, T b) { return T(Wide<T>(a) - Wide<T>(b)); } };
struct MultiplyLow { template <typename T> static T apply(T a, T b) { return T(Wide<T>(a) * Wide<T>(b)); } };
struct MultiplyHigh { template <typename T> static T apply(T a, T b) { return T((Product<T>(a) * Product<T>(b)) >> (sizeof(T) * 8)); } };
struct Divide { template <typename T> static T apply(T a, T b) {
  if (b == 0) return T(-1);
  if constexpr (std::is_signed_v<T>) if (b == -1) return Negate::apply(a);
  return T(a / b); } };
struct Remainder { template <typename T> static T apply(T a, T b) {
  if (b == 0) return a;
  if constexpr (std::is_signed_v<T>) if (b == -1) return 0;
  return T(a % b); } };
struct Minimum { template <typename T> static T apply(T a, T b) { return a < b ? a : b; } };
struct Maximum { template <typename T> static T apply(T a, T b) { return a < b ? b : a; } };
struct And { template <typename T> static T apply(T a, T b) { return a & b; } };
struct Or { template <typename T> static T apply(T a, T b) { return a | b; } };
struct Xor { template <typename T> static T apply(T a, T b) { return a ^ b; } };
/// Amounts past the width shift everything out (PTX clamps them).
struct ShiftLeft { template <typename T> static T apply(T a, uint32_t b) { return b >= sizeof(T) * 8 ? T(0) : T(Wide<T>(Unsigned<T>(a)) << b); } };
struct ShiftRight { template <typename T> static T apply(T a, uint32_t b) {
  constexpr uint32_t width = sizeof(T) * 8;
  if (b >= width) return std::is_signed_v<T> && a < 0 ? T(-1) : T(0);
  return T(a >> b); } };
struct MultiplyAddLow { template <typename T> static T apply(T a, T b, T c) { return Add::apply(MultiplyLow::apply(a, b), c); } };
struct MultiplyAddHigh { template <typename T> static T apply(T a, T b, T c) { return Add::apply(MultiplyHigh::apply(a, b), c); } };
struct AbsoluteDifference { template <typename T> static T apply(T a, T b, T c) { return Add::apply(a < b ? Subtract::apply(b, a) : Subtract::apply(a, b), c); } };
struct CountBits { template <typename T> static uint32_t apply(T a) { return std::popcount(Unsigned<T>(a)); } };
struct LeadingZeros { template <typename T> static uint32_t apply(T a) { return std::countl_zero(Unsigned<T>(a)); } };
struct ReverseBits { template <typename T> static T apply(T a) {
  T r = 0; for (unsigned i = 0; i < sizeof(T) * 8; ++i) r |= ((a >> i) & 1) << (sizeof(T) * 8 - 1 - i); return r; } };
/// The bit that matters: the highest one (for negative numbers the highest zero).
struct FindBit { template <typename T> static uint32_t apply(T a) {
  Unsigned<T> v = std::is_signed_v<T> && a < 0 ? ~Unsigned<T>(a) : Unsigned<T>(a);
  return v == 0 ? ~0u : uint32_t(sizeof(T) * 8 - 1 - std::countl_zero(v)); } };
struct FindBitShift { template <typename T> static uint32_t apply(T a) {
  uint32_t bit = FindBit::apply(a); return bit == ~0u ? bit : uint32_t(sizeof(T) * 8 - 1) - bit; } };
struct AddSaturated { static int32_t apply(int32_t a, int32_t b) {
  int64_t s = int64_t(a) + b; return int32_t(std::min<int64_t>(std::max<int64_t>(s, INT32_MIN), INT32_MAX)); } };
struct SubtractSaturated { static int32_t apply(int32_t a, int32_t b) {
  int64_t s = int64_t(a) - b; return int32_t(std::min<int64_t>(std::max<int64_t>(s, INT32_MIN), INT32_MAX)); } };
struct ExtractField { template <typename T> static T apply(T a, uint32_t pos, uint32_t len) {
  constexpr uint32_t top = sizeof(T) * 8 - 1; pos &= 0xff; len &= 0xff;
  Unsigned<T> sign = !std::is_signed_v<T> || len == 0 ? 0 : (Unsigned<T>(a) >> std::min(pos + len - 1, top)) & 1;
  Unsigned<T> r = 0;
  for (uint32_t i = 0; i <= top; ++i) r |= (i < len && pos + i <= top ? (Unsigned<T>(a) >> (pos + i)) & 1 : sign) << i;
  return T(r); } };
/// Byte k of the selector picks one of 8 bytes, or its sign spread over 8 bits.
struct Permute { static uint32_t apply(uint32_t a, uint32_t b, uint32_t s) {
  uint64_t both = a | uint64_t(b) << 32; uint32_t r = 0;
  for (unsigned i = 0; i < 4; ++i) {
    uint32_t pick = s >> (4 * i), byte = (both >> (8 * (pick & 7))) & 0xff;
    if (pick & 8) byte = byte & 0x80 ? 0xff : 0;
    r |= byte << (8 * i); }
  return r; } };
// clang-format on

template <typename F>
Handler byInteger(Type type, F f) {
  switch (type) {
  case Type::U16:
  case Type::B16:
    return f.template operator()<uint16_t>();
  case Type::S16:
    return f.template operator()<int16_t>();
  case Type::U32:
  case Type::B32:
    return f.template operator()<uint32_t>();
  case Type::S32:
    return f.template operator()<int32_t>();
  case Type::U64:
  case Type::B64:
    return f.template operator()<uint64_t>();
  case Type::S64:
    return f.template operator()<int64_t>();
  default:
    return nullptr;
  }
}

template <typename Op>
Handler unaryOf(Type type) {
  return byInteger(type,
                   []<typename T>() -> Handler { return unary<T, T, Op>; });
}
template <typename Op>
Handler binaryOf(Type type) {
  return byInteger(type,
                   []<typename T>() -> Handler { return binary<T, T, Op>; });
}
template <typename Op>
Handler ternaryOf(Type type) {
  return byInteger(type,
                   []<typename T>() -> Handler { return ternary<T, T, Op>; });
}
template <typename Op>
Handler shiftOf(Type type) {
  return byInteger(
      type, []<typename T>() -> Handler { return binary<T, T, Op, uint32_t>; });
}
template <typename Op>
Handler countOf(Type type) {
  return byInteger(
      type, []<typename T>() -> Handler { return unary<uint32_t, T, Op>; });
}

void typed(Decoder &d, Handler (*pick)(Type), Handler taint, size_t count) {
  Type type = d.takeType();
  Handler handler = pick(type);
  if (!handler)
    d.fail("the type does not fit this instruction");
  d.simple(handler, taint, type, count);
}

//===----------------------------------------------------------------------===//
// Multiplication and its relatives
//===----------------------------------------------------------------------===//

template <typename N, typename W>
void multiplyWide(Warp &w, const Instr &in) {
  const uint32_t *a = w.w(in.a), *b = w.w(in.b);
  eachLane<W>(w, in.d, [&](unsigned i) { return W(W(N(a[i])) * W(N(b[i]))); });
}

template <typename N, typename W>
void multiplyAddWide(Warp &w, const Instr &in) {
  const uint32_t *a = w.w(in.a), *b = w.w(in.b);
  const LaneOf<W> *c = lanesOf<W>(w, in.c);
  eachLane<W>(w, in.d, [&](unsigned i) {
    return Add::apply(W(W(N(a[i])) * W(N(b[i]))), W(c[i]));
  });
}

void decodeWide(Decoder &d, Type type, bool add) {
  Handler handler = nullptr;
  switch (type) {
  case Type::U16:
    handler = add ? multiplyAddWide<uint16_t, uint32_t>
                  : multiplyWide<uint16_t, uint32_t>;
    break;
  case Type::S16:
    handler = add ? multiplyAddWide<int16_t, int32_t>
                  : multiplyWide<int16_t, int32_t>;
    break;
  case Type::U32:
    handler = add ? multiplyAddWide<uint32_t, uint64_t>
                  : multiplyWide<uint32_t, uint64_t>;
    break;
  case Type::S32:
    handler = add ? multiplyAddWide<int32_t, int64_t>
                  : multiplyWide<int32_t, int64_t>;
    break;
  default:
    d.fail(".wide takes 16- and 32-bit types");
  }
  d.simple(handler, taintAny, type, add ? 4 : 3);
  d.out.bytes = static_cast<uint8_t>(2 * bytesOf(type));
  if (add && d.error.empty()) // the addend has the wide type
    d.out.c = d.slot(3, bytesOf(type) == 2 ? Type::B32 : Type::B64);
}

void decodeMultiply(Decoder &d) {
  int part = d.takeOneOf({"lo", "hi", "wide"});
  bool add = d.base == "mad";
  Type type = d.takeType();
  if (isFloatType(type))
    return d.fail("floating-point mul is decoded elsewhere");
  if (part == 2)
    return decodeWide(d, type, add);
  Handler handler = add ? (part == 1 ? ternaryOf<MultiplyAddHigh>(type)
                                     : ternaryOf<MultiplyAddLow>(type))
                        : (part == 1 ? binaryOf<MultiplyHigh>(type)
                                     : binaryOf<MultiplyLow>(type));
  if (!handler || part < 0)
    d.fail("expected .lo, .hi or .wide and an integer type");
  d.simple(handler, part == 0 ? taintUpward : taintAny, type, add ? 4 : 3);
}

//===----------------------------------------------------------------------===//
// Logic with a table, funnel shift, field insert, carries
//===----------------------------------------------------------------------===//

void logic3(Warp &w, const Instr &in) {
  const uint32_t *a = w.w(in.a), *b = w.w(in.b), *c = w.w(in.c);
  eachLane<uint32_t>(w, in.d, [&](unsigned i) {
    uint32_t r = 0;
    for (unsigned k = 0; k < 8; ++k)
      if (in.imm >> k & 1)
        r |= (k & 4 ? a[i] : ~a[i]) & (k & 2 ? b[i] : ~b[i]) &
             (k & 1 ? c[i] : ~c[i]);
    return r;
  });
}

void funnelShift(Warp &w, const Instr &in) {
  const uint32_t *a = w.w(in.a), *b = w.w(in.b), *c = w.w(in.c);
  eachLane<uint32_t>(w, in.d, [&](unsigned i) {
    uint64_t both = a[i] | uint64_t(b[i]) << 32;
    uint32_t n = in.mode == 1 ? c[i] & 31 : std::min(c[i], 32u);
    return uint32_t(in.flag ? both >> n : (both << n) >> 32);
  });
}

void insertField(Warp &w, const Instr &in) {
  const uint32_t *a = w.w(in.a), *b = w.w(in.b), *c = w.w(in.c), *e = w.w(in.e);
  eachLane<uint32_t>(w, in.d, [&](unsigned i) {
    uint32_t at = c[i] & 0xff, length = e[i] & 0xff;
    uint64_t field = ((uint64_t(1) << std::min(length, 32u)) - 1)
                     << std::min(at, 32u);
    return uint32_t((b[i] & ~field) |
                    ((uint64_t(a[i]) << std::min(at, 32u)) & field));
  });
}

void taintInsert(Warp &w, const Instr &in) {
  Instr wide = in;
  taintAny(w, wide);
  uint16_t *to = w.taint(in.d), *e = w.taint(in.e);
  w.forActive([&](unsigned i) { to[i] = to[i] || e[i] ? 0xff : 0; });
}

void maskBits(Warp &w, const Instr &in) {
  const uint32_t *a = w.w(in.a), *b = w.w(in.b);
  eachLane<uint32_t>(w, in.d, [&](unsigned i) {
    uint32_t at = in.flag ? a[i] & 31 : a[i],
             length = in.flag ? b[i] & 31 : b[i];
    if (at >= 32 || length == 0)
      return 0u;
    uint64_t mask = (uint64_t(1) << std::min(length, 32u)) - 1;
    return uint32_t(mask << at);
  });
}

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

/// d (and e, its negation) = comparison [op c]; imm: 1 and, 2 or, 3 xor with c,
/// bit 4: c negated.
template <typename T>
void setPredicate(Warp &w, const Instr &in) {
  const auto *a = lanesOf<T>(w, in.a);
  const auto *b = lanesOf<T>(w, in.b);
  uint32_t yes = 0;
  for (unsigned i = 0; i < 32; ++i)
    yes |= uint32_t(compare<T>(in.mode, fromLane<T>(a[i]), fromLane<T>(b[i])))
           << i;
  uint32_t no = ~yes;
  if (in.imm) {
    uint32_t c = w.predicate(in.c) ^ (in.imm & 16 ? ~0u : 0u);
    unsigned op = in.imm & 3;
    auto combine = [&](uint32_t p) {
      return op == 1 ? p & c : op == 2 ? p | c : p ^ c;
    };
    yes = combine(yes);
    no = combine(no);
  }
  auto put = [&](Slot slot, uint32_t value) {
    if (slot != noSlot)
      w.predicate(slot) = (w.predicate(slot) & ~w.active) | (value & w.active);
  };
  put(in.d, yes);
  put(in.e, no);
}

void decodeSetp(Decoder &d) {
  int mode = d.takeOneOf({"eq", "ne", "lt", "le", "gt", "ge", "equ", "neu",
                          "ltu", "leu", "gtu", "geu", "num", "nan"});
  static constexpr uint8_t unsignedModes[] = {Lt, Le, Gt, Ge};
  if (mode < 0) {
    int same = d.takeOneOf({"lo", "ls", "hi", "hs"});
    if (same < 0)
      return d.fail("expected a comparison");
    mode = unsignedModes[same];
  }
  int combine = d.takeOneOf({"and", "or", "xor"});
  d.take("ftz");
  Type type = d.takeType();
  if (!d.operands(combine < 0 ? 3 : 4))
    return;
  d.out.run = type == Type::F32 ? setPredicate<float>
              : type == Type::F64
                  ? setPredicate<double>
                  : byInteger(type, []<typename T>() -> Handler {
                      return setPredicate<T>;
                    });
  if (!d.out.run)
    return d.fail("the type does not fit this instruction");
  d.out.taint = taintCompare;
  d.out.mode = static_cast<uint8_t>(mode);
  if (d.operand(0).kind != ptx::Operand::Sink)
    d.out.d = d.destination(0);
  if (d.operand(0).second >= 0)
    d.out.e = static_cast<Slot>(d.operand(0).second);
  d.out.a = d.slot(1, type);
  d.out.b = d.slot(2, type);
  if (combine >= 0) {
    bool negated = false;
    d.out.c = d.predicate(3, &negated);
    d.out.imm = combine + 1 + (negated ? 16 : 0);
  }
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
  d.out.d = d.destination(0);
  d.out.a = d.slot(1, type);
  d.out.b = d.slot(2, type);
  d.out.c = d.predicate(3);
}

//===----------------------------------------------------------------------===//
// Predicates
//===----------------------------------------------------------------------===//

template <typename Op>
void predicateOp(Warp &w, const Instr &in) {
  uint32_t a = w.predicate(in.a), b = in.b == noSlot ? 0 : w.predicate(in.b);
  uint32_t r = Op::apply(a, b);
  w.predicate(in.d) = (w.predicate(in.d) & ~w.active) | (r & w.active);
}

void taintPredicates(Warp &w, const Instr &in) {
  uint16_t *to = w.taint(in.d), *a = w.taint(in.a);
  uint16_t *b = in.b == noSlot ? a : w.taint(in.b);
  w.forActive([&](unsigned i) { to[i] = a[i] | b[i]; });
}

struct PredicateNot {
  static uint32_t apply(uint32_t a, uint32_t) { return ~a; }
};
struct PredicateMove {
  static uint32_t apply(uint32_t a, uint32_t) { return a; }
};

template <typename Op>
void decodePredicate(Decoder &d, size_t count) {
  if (!d.operands(count))
    return;
  d.out.run = predicateOp<Op>;
  d.out.taint = taintPredicates;
  d.out.d = d.destination(0);
  d.out.a = d.predicate(1);
  if (count > 2)
    d.out.b = d.predicate(2);
}

template <typename Op>
void decodeLogic(Decoder &d) {
  Type type = d.takeType();
  if (type == Type::Pred)
    return decodePredicate<Op>(d, 3);
  Handler taint = std::is_same_v<Op, And>  ? taintAnd
                  : std::is_same_v<Op, Or> ? taintOr
                                           : taintXor;
  d.simple(binaryOf<Op>(type), taint, type, 3);
}

void decodeNot(Decoder &d) {
  Type type = d.takeType();
  if (type == Type::Pred)
    return decodePredicate<PredicateNot>(d, 2);
  d.simple(unaryOf<Not>(type), taintCopy, type, 2);
}

void decodeShift(Decoder &d) {
  Type type = d.takeType();
  bool right = d.base == "shr";
  Handler handler =
      right ? shiftOf<ShiftRight>(type) : shiftOf<ShiftLeft>(type);
  d.simple(handler, taintShift, type, 3);
  if (d.error.empty())
    d.out.b = d.slot(2, Type::U32);
  d.out.flag = right;
}

//===----------------------------------------------------------------------===//
// mov
//===----------------------------------------------------------------------===//

/// Parts are lanes of `bytes`; flag: pack (list -> d), else unpack (a -> list).
void packLanes(Warp &w, const Instr &in) {
  const Slot *list = &w.kernel.lists[in.list];
  unsigned bits = in.bytes * 8;
  uint64_t keep = bits >= 64 ? ~uint64_t(0) : (uint64_t(1) << bits) - 1;
  bool wide = in.listCount * in.bytes == 8;
  w.forActive([&](unsigned lane) {
    if (in.flag) {
      uint64_t value = 0;
      for (uint32_t i = 0; i < in.listCount; ++i)
        value |= (w.w(list[i])[lane] & keep) << (i * bits);
      if (wide)
        w.q(in.d)[lane] = value;
      else
        w.w(in.d)[lane] = static_cast<uint32_t>(value);
      return;
    }
    uint64_t value = wide ? w.q(in.a)[lane] : w.w(in.a)[lane];
    for (uint32_t i = 0; i < in.listCount; ++i)
      w.w(list[i])[lane] = static_cast<uint32_t>(value >> (i * bits) & keep);
  });
}

void taintPack(Warp &w, const Instr &in) {
  const Slot *list = &w.kernel.lists[in.list];
  unsigned nibbles = in.bytes * 2;
  w.forActive([&](unsigned lane) {
    uint32_t all = 0;
    uint16_t from = in.flag ? 0 : w.taint(in.a)[lane];
    for (uint32_t i = 0; i < in.listCount; ++i) {
      uint32_t keep = (1u << nibbles) - 1;
      if (in.flag)
        all |= (w.taint(list[i])[lane] & keep) << (i * nibbles);
      else
        w.taint(list[i])[lane] = uint16_t(from >> (i * nibbles) & keep);
    }
    if (in.flag)
      w.taint(in.d)[lane] = static_cast<uint16_t>(all);
  });
}

void decodeMov(Decoder &d) {
  Type type = d.takeType();
  if (!d.operands(2))
    return;
  if (type == Type::Pred)
    return decodePredicate<PredicateMove>(d, 2);
  bool pack = d.operand(1).kind == ptx::Operand::Vector;
  bool unpack = d.operand(0).kind == ptx::Operand::Vector;
  if (!pack && !unpack) {
    Handler handler = bytesOf(type) == 8 ? unary<uint64_t, uint64_t, Move>
                                         : unary<uint32_t, uint32_t, Move>;
    return d.simple(handler, taintCopy, type, 2);
  }
  if (bytesOf(type) > 8)
    return d.fail("the emulator does not know mov of 128 bits");
  std::vector<Slot> parts;
  const ptx::Operand &vector = d.operand(pack ? 1 : 0);
  unsigned bytes =
      bytesOf(type) / static_cast<unsigned>(vector.elements.size());
  Type part = bytes == 4 ? Type::B32 : bytes == 2 ? Type::B16 : Type::B8;
  for (const ptx::Operand &element : vector.elements)
    parts.push_back(pack ? d.slotOf(element, part) : d.destinationOf(element));
  d.setList(parts);
  d.out.run = packLanes;
  d.out.taint = taintPack;
  d.out.flag = pack;
  d.out.bytes = static_cast<uint8_t>(bytes);
  if (pack)
    d.out.d = d.destination(0);
  else
    d.out.a = d.slot(1, type);
}

void decodeSaturating(Decoder &d, Handler saturated, Handler (*pick)(Type)) {
  if (!d.take("sat"))
    return typed(d, pick, taintUpward, 3);
  Type type = d.takeType();
  if (type != Type::S32)
    d.fail(".sat takes s32");
  d.simple(saturated, taintAny, type, 3);
}

} // namespace

namespace nybl::emu {
/// add, sub, mul ... exist for integers and floats; Float.cpp asks this first.
bool isIntegerForm(const Decoder &d) {
  for (std::string_view q : d.qualifiers)
    if (Type type = typeNamed(q); type != Type::None)
      return !isFloatType(type) && type != Type::F32x2;
  return true;
}
void decodeFloatArithmetic(Decoder &d); // Float.cpp
} // namespace nybl::emu

void nybl::emu::addIntegerOpcodes(OpcodeTable &table) {
  table["mov"] = decodeMov;
  table["add"] = [](Decoder &d) {
    isIntegerForm(d)
        ? decodeSaturating(d, binary<int32_t, int32_t, AddSaturated>,
                           binaryOf<Add>)
        : decodeFloatArithmetic(d);
  };
  table["sub"] = [](Decoder &d) {
    isIntegerForm(d)
        ? decodeSaturating(d, binary<int32_t, int32_t, SubtractSaturated>,
                           binaryOf<Subtract>)
        : decodeFloatArithmetic(d);
  };
  table["mul"] = [](Decoder &d) {
    isIntegerForm(d) ? decodeMultiply(d) : decodeFloatArithmetic(d);
  };
  table["mad"] = [](Decoder &d) {
    isIntegerForm(d) ? decodeMultiply(d) : decodeFloatArithmetic(d);
  };
  table["div"] = [](Decoder &d) {
    isIntegerForm(d) ? typed(d, binaryOf<Divide>, taintAny, 3)
                     : decodeFloatArithmetic(d);
  };
  table["rem"] = [](Decoder &d) { typed(d, binaryOf<Remainder>, taintAny, 3); };
  table["min"] = [](Decoder &d) {
    isIntegerForm(d) ? typed(d, binaryOf<Minimum>, taintAny, 3)
                     : decodeFloatArithmetic(d);
  };
  table["max"] = [](Decoder &d) {
    isIntegerForm(d) ? typed(d, binaryOf<Maximum>, taintAny, 3)
                     : decodeFloatArithmetic(d);
  };
  table["neg"] = [](Decoder &d) {
    isIntegerForm(d) ? typed(d, unaryOf<Negate>, taintUpward, 2)
                     : decodeFloatArithmetic(d);
  };
  table["abs"] = [](Decoder &d) {
    isIntegerForm(d) ? typed(d, unaryOf<Absolute>, taintAny, 2)
                     : decodeFloatArithmetic(d);
  };
  table["sad"] = [](Decoder &d) {
    typed(d, ternaryOf<AbsoluteDifference>, taintAny, 4);
  };
  table["and"] = decodeLogic<And>;
  table["or"] = decodeLogic<Or>;
  table["xor"] = decodeLogic<Xor>;
  table["not"] = decodeNot;
  table["cnot"] = [](Decoder &d) {
    typed(d, unaryOf<LogicalNot>, taintAny, 2);
  };
  table["shl"] = decodeShift;
  table["shr"] = decodeShift;
  table["popc"] = [](Decoder &d) { typed(d, countOf<CountBits>, taintAny, 2); };
  table["clz"] = [](Decoder &d) {
    typed(d, countOf<LeadingZeros>, taintAny, 2);
  };
  table["brev"] = [](Decoder &d) {
    typed(d, unaryOf<ReverseBits>, taintAny, 2);
  };
  table["bfind"] = [](Decoder &d) {
    d.take("shiftamt") ? typed(d, countOf<FindBitShift>, taintAny, 2)
                       : typed(d, countOf<FindBit>, taintAny, 2);
  };
  table["bfe"] = [](Decoder &d) {
    Type type = d.takeType();
    d.simple(byInteger(type,
                       []<typename T>() -> Handler {
                         return ternary<T, T, ExtractField, uint32_t, uint32_t>;
                       }),
             taintAny, type, 4);
    // Position and length are 32 bits wide whatever the type.
    d.out.b = d.slot(2, Type::U32);
    d.out.c = d.slot(3, Type::U32);
  };
  table["bfi"] = [](Decoder &d) {
    if (d.takeType() != Type::B32)
      return d.fail("the emulator knows bfi.b32 alone");
    if (!d.operands(5))
      return;
    d.out.run = insertField;
    d.out.taint = taintInsert;
    d.out.d = d.destination(0);
    d.out.a = d.slot(1, Type::B32);
    d.out.b = d.slot(2, Type::B32);
    d.out.c = d.slot(3, Type::U32);
    d.out.e = d.slot(4, Type::U32);
  };
  table["bmsk"] = [](Decoder &d) {
    bool wrap = d.takeOneOf({"clamp", "wrap"}) == 1;
    d.simple(maskBits, taintAny, d.takeType(), 3);
    d.out.flag = wrap;
  };
  table["prmt"] = [](Decoder &d) {
    d.simple(ternary<uint32_t, uint32_t, Permute>, taintPermute, d.takeType(),
             4);
  };
  table["lop3"] = [](Decoder &d) {
    Type type = d.takeType();
    if (!d.operands(5))
      return;
    d.out.run = logic3;
    d.out.taint = taintAny;
    d.out.d = d.destination(0);
    d.out.a = d.slot(1, type);
    d.out.b = d.slot(2, type);
    d.out.c = d.slot(3, type);
    d.out.imm = d.immediate(4);
  };
  table["shf"] = [](Decoder &d) {
    bool right = d.takeOneOf({"l", "r"}) == 1;
    int mode = d.takeOneOf({"clamp", "wrap"});
    if (mode < 0)
      d.fail("expected .clamp or .wrap");
    d.simple(funnelShift, taintAny, d.takeType(), 4);
    d.out.flag = right;
    d.out.mode = static_cast<uint8_t>(mode);
  };
  table["setp"] = decodeSetp;
  table["selp"] = decodeSelp;
}
