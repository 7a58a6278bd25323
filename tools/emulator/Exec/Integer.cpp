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
struct AddSaturated { static int32_t apply(int32_t a, int32_t b) {
  int64_t s = int64_t(a) + b; return int32_t(std::min<int64_t>(std::max<int64_t>(s, INT32_MIN), INT32_MAX)); } };
struct SubtractSaturated { static int32_t apply(int32_t a, int32_t b) {
  int64_t s = int64_t(a) - b; return int32_t(std::min<int64_t>(std::max<int64_t>(s, INT32_MIN), INT32_MAX)); } };
// clang-format on

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
enum class Kinds { Any, Numbers, Signed, Bits };

bool fitsKinds(Type type, Kinds kinds) {
  bool bits = type == Type::B16 || type == Type::B32 || type == Type::B64;
  return kinds == Kinds::Any || (kinds == Kinds::Numbers && !bits) ||
         (kinds == Kinds::Signed && isSignedType(type)) ||
         (kinds == Kinds::Bits && bits);
}

void typed(Decoder &d, Handler (*pick)(Type), Handler taint, size_t count,
           Kinds kinds = Kinds::Numbers) {
  Type type = d.takeType();
  Handler handler = pick(type);
  if (!handler || !fitsKinds(type, kinds))
    return d.fail("the type does not fit this instruction");
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
    return d.fail(".wide takes 16- and 32-bit types");
  }
  Type wide = bytesOf(type) == 2 ? Type::B32 : Type::B64;
  d.simple(handler, taintAny, {wide, type, type, wide}, add ? 4 : 3);
}

void decodeMultiply(Decoder &d) {
  int part = d.takeOneOf({"lo", "hi", "wide"});
  bool add = d.base == "mad";
  Type type = d.takeType();
  if (part == 2)
    return decodeWide(d, type, add);
  Handler handler = add ? (part == 1 ? ternaryOf<MultiplyAddHigh>(type)
                                     : ternaryOf<MultiplyAddLow>(type))
                        : (part == 1 ? binaryOf<MultiplyHigh>(type)
                                     : binaryOf<MultiplyLow>(type));
  if (!handler || part < 0 || !fitsKinds(type, Kinds::Numbers))
    return d.fail("expected .lo, .hi or .wide and an integer type");
  d.simple(handler, part == 0 ? taintUpward : taintAny, type, add ? 4 : 3);
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
  d.out.d = d.destination(0, Type::Pred);
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
  if (!fitsKinds(type, Kinds::Bits))
    return d.fail("the type does not fit this instruction");
  d.simple(binaryOf<Op>(type), taint, type, 3);
}

void decodeNot(Decoder &d) {
  Type type = d.takeType();
  if (type == Type::Pred)
    return decodePredicate<PredicateNot>(d, 2);
  if (!fitsKinds(type, Kinds::Bits))
    return d.fail("the type does not fit this instruction");
  d.simple(unaryOf<Not>(type), taintCopy, type, 2);
}

void decodeShift(Decoder &d) {
  Type type = d.takeType();
  bool right = d.base == "shr";
  Handler handler =
      right ? shiftOf<ShiftRight>(type) : shiftOf<ShiftLeft>(type);
  if (!handler || !fitsKinds(type, right ? Kinds::Any : Kinds::Bits))
    return d.fail("the type does not fit this instruction");
  d.simple(handler, taintShift, {type, type, Type::U32, Type::None}, 3);
  d.out.flag = right;
  d.out.isSigned = isSignedType(type);
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

/// 64-bit lanes from the second half of the list to the first.
void copyLanes(Warp &w, const Instr &in) {
  const Slot *list = &w.kernel.lists[in.list];
  w.forActive([&](unsigned lane) {
    uint64_t low = w.q(list[2])[lane], high = w.q(list[3])[lane];
    w.q(list[0])[lane] = low;
    w.q(list[1])[lane] = high;
  });
}

void taintCopyLanes(Warp &w, const Instr &in) {
  const Slot *list = &w.kernel.lists[in.list];
  w.forActive([&](unsigned lane) {
    uint16_t low = w.taint(list[2])[lane], high = w.taint(list[3])[lane];
    w.taint(list[0])[lane] = low;
    w.taint(list[1])[lane] = high;
  });
}

void moveLanes(Decoder &d, const std::vector<Slot> &to,
               const std::vector<Slot> &from) {
  d.setList({to[0], to[1], from[0], from[1]});
  d.out.run = copyLanes;
  d.out.taint = taintCopyLanes;
}

void copyParts(Warp &w, const Instr &in) {
  const Slot *list = &w.kernel.lists[in.list];
  w.forActive([&](unsigned lane) {
    for (unsigned k = 0; k < 4; ++k)
      w.w(list[k])[lane] = w.w(list[4 + k])[lane];
  });
}

void taintParts(Warp &w, const Instr &in) {
  for (unsigned k = 0; k < 4; ++k)
    w.forActive(
        [&](unsigned lane) { w.taint(w.kernel.lists[in.list + k])[lane] = 0; });
}

/// mov.v4.u32 {x, y, z, zero}, %tid
void decodeMovParts(Decoder &d) {
  Type type = d.takeType();
  if (!d.operands(2))
    return;
  const ptx::Operand &to = d.operand(0);
  if (isFloatType(type) || bytesOf(type) > 4 || bytesOf(type) < 2 ||
      to.kind != ptx::Operand::Vector || to.elements.size() != 4 ||
      d.operand(1).kind != ptx::Operand::Symbol)
    return d.fail("expected four registers and a special register of parts, "
                  "such as %tid");
  std::vector<Slot> slots, sources;
  for (unsigned k = 0; k < 4; ++k) {
    ptx::Operand part = d.operand(1);
    part.symbol += std::string(".") + "xyzw"[k];
    slots.push_back(d.destinationOf(to.elements[k], type));
    sources.push_back(d.slotOf(part, type));
  }
  slots.insert(slots.end(), sources.begin(), sources.end());
  d.setList(slots);
  d.out.run = copyParts;
  d.out.taint = taintParts;
}

void decodeMov(Decoder &d) {
  if (d.take("v4"))
    return decodeMovParts(d);
  Type type = d.takeType();
  if (!d.operands(2))
    return;
  if (type == Type::Pred)
    return decodePredicate<PredicateMove>(d, 2);
  if (isFloatType(type) && type != Type::F32 && type != Type::F64)
    return d.fail("mov moves .b16 or .b32, not narrow floats");
  if (type == Type::F32x2)
    return d.fail("mov moves .b64, not .f32x2");
  bool pack = d.operand(1).kind == ptx::Operand::Vector;
  bool unpack = d.operand(0).kind == ptx::Operand::Vector;
  if (pack && unpack)
    return d.fail("expected one vector at most");
  if (!pack && !unpack && type == Type::B128) {
    auto [toLow, toHigh] = d.pairOf(d.operand(0));
    auto [low, high] = d.pairOf(d.operand(1));
    return moveLanes(d, {toLow, toHigh}, {low, high});
  }
  if (!pack && !unpack) {
    Handler handler = bytesOf(type) == 8 ? unary<uint64_t, uint64_t, Move>
                                         : unary<uint32_t, uint32_t, Move>;
    return d.simple(handler, taintCopy, type, 2);
  }
  std::vector<Slot> parts;
  const ptx::Operand &vector = d.operand(pack ? 1 : 0);
  auto count = static_cast<unsigned>(vector.elements.size());
  unsigned bytes = bytesOf(type) / count;
  if ((count != 2 && count != 4) || bytes * count != bytesOf(type) ||
      (bytes & (bytes - 1)))
    return d.fail("expected 2 or 4 registers that fill the type");
  Type part = bytes == 8   ? Type::B64
              : bytes == 4 ? Type::B32
              : bytes == 2 ? Type::B16
                           : Type::B8;
  for (const ptx::Operand &element : vector.elements)
    parts.push_back(pack ? d.slotOf(element, part)
                         : d.destinationOf(element, part));
  d.out.flag = pack;
  d.out.bytes = static_cast<uint8_t>(bytes);
  d.out.run = packLanes;
  d.out.taint = taintPack;
  if (type == Type::B128) {
    if (count != 2)
      return d.fail("expected two registers of 64 bits");
    auto [low, high] = d.pairOf(d.operand(pack ? 0 : 1));
    return moveLanes(d, pack ? std::vector<Slot>{low, high} : parts,
                     pack ? parts : std::vector<Slot>{low, high});
  }
  d.setList(parts);
  if (pack)
    d.out.d = d.destination(0, type);
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
bool decodeCarry(Decoder &d);           // Carry.cpp: true if it was one
bool decodePacked(Decoder &d);          // Packed.cpp: likewise
bool decodeMultiplyAddSaturated(Decoder &d);
} // namespace nybl::emu

void nybl::emu::addIntegerOpcodes(OpcodeTable &table) {
  table["mov"] = decodeMov;
  table["add"] = [](Decoder &d) {
    if (isIntegerForm(d) && (decodeCarry(d) || decodePacked(d)))
      return;
    isIntegerForm(d)
        ? decodeSaturating(d, binary<int32_t, int32_t, AddSaturated>,
                           binaryOf<Add>)
        : decodeFloatArithmetic(d);
  };
  table["sub"] = [](Decoder &d) {
    if (isIntegerForm(d) && decodeCarry(d))
      return;
    isIntegerForm(d)
        ? decodeSaturating(d, binary<int32_t, int32_t, SubtractSaturated>,
                           binaryOf<Subtract>)
        : decodeFloatArithmetic(d);
  };
  table["mul"] = [](Decoder &d) {
    isIntegerForm(d) ? decodeMultiply(d) : decodeFloatArithmetic(d);
  };
  table["mad"] = [](Decoder &d) {
    if (isIntegerForm(d) && (decodeCarry(d) || decodeMultiplyAddSaturated(d)))
      return;
    isIntegerForm(d) ? decodeMultiply(d) : decodeFloatArithmetic(d);
  };
  table["div"] = [](Decoder &d) {
    isIntegerForm(d) ? typed(d, binaryOf<Divide>, taintAny, 3)
                     : decodeFloatArithmetic(d);
  };
  table["rem"] = [](Decoder &d) { typed(d, binaryOf<Remainder>, taintAny, 3); };
  table["min"] = [](Decoder &d) {
    if (isIntegerForm(d) && decodePacked(d))
      return;
    isIntegerForm(d) ? typed(d, binaryOf<Minimum>, taintAny, 3)
                     : decodeFloatArithmetic(d);
  };
  table["max"] = [](Decoder &d) {
    if (isIntegerForm(d) && decodePacked(d))
      return;
    isIntegerForm(d) ? typed(d, binaryOf<Maximum>, taintAny, 3)
                     : decodeFloatArithmetic(d);
  };
  table["neg"] = [](Decoder &d) {
    isIntegerForm(d) ? typed(d, unaryOf<Negate>, taintUpward, 2, Kinds::Signed)
                     : decodeFloatArithmetic(d);
  };
  table["abs"] = [](Decoder &d) {
    isIntegerForm(d) ? typed(d, unaryOf<Absolute>, taintAny, 2, Kinds::Signed)
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
    typed(d, unaryOf<LogicalNot>, taintAny, 2, Kinds::Bits);
  };
  table["shl"] = decodeShift;
  table["shr"] = decodeShift;
}
