// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bits and bytes: counts, fields, permutations, funnel shifts, logic by a
// table, and the 24-bit and four-byte products.

#include "tools/emulator/Exec/Decode.h"
#include "tools/emulator/Exec/Lane.h"
#include "tools/emulator/Exec/Marks.h"
#include <algorithm>

using namespace nybl::emu;

namespace {

template <typename T>
using Unsigned = std::make_unsigned_t<T>;

// clang-format off
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
/// Bits above the low `b` become copies of the sign, or zero.
struct ExtendSign { template <typename T> static T apply(T a, uint32_t b, uint32_t wrap) {
  uint32_t n = wrap ? b & 31 : std::min(b, 32u);
  if (n == 32) return a;
  uint32_t mask = ~0u << n, u = uint32_t(a);
  bool sign = std::is_signed_v<T> && n && u >> (n - 1) & 1;
  return T((u & ~mask) | (sign ? mask : 0)); } };
/// The product of the low 24 bits: bits 31..0 or 47..16 of it.
struct Multiply24 { template <typename T> static int64_t product(T a, T b) {
  auto low = [](T v) { return std::is_signed_v<T> ? int64_t(int32_t(uint32_t(v) << 8) >> 8) : int64_t(uint32_t(v) & 0xffffff); };
  return low(a) * low(b); } };
struct Multiply24Low { template <typename T> static T apply(T a, T b) { return T(Multiply24::product(a, b)); } };
struct Multiply24High { template <typename T> static T apply(T a, T b) { return T(uint64_t(Multiply24::product(a, b)) >> 16); } };
struct MultiplyAdd24Low { template <typename T> static T apply(T a, T b, T c) { return T(uint32_t(Multiply24Low::apply(a, b)) + uint32_t(c)); } };
struct MultiplyAdd24High { template <typename T> static T apply(T a, T b, T c) { return T(uint32_t(Multiply24High::apply(a, b)) + uint32_t(c)); } };
// clang-format on

template <typename Op>
Handler countOf(Type type) {
  return byInteger(
      type, []<typename T>() -> Handler { return unary<uint32_t, T, Op>; });
}

//===----------------------------------------------------------------------===//
// Logic by a table, funnel shift, fields
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

template <typename T>
void insertField(Warp &w, const Instr &in) {
  const auto *a = lanesOf<T>(w, in.a), *b = lanesOf<T>(w, in.b);
  const uint32_t *c = w.w(in.c), *e = w.w(in.e);
  eachLane<T>(w, in.d, [&](unsigned i) {
    constexpr uint32_t width = sizeof(T) * 8;
    uint32_t at = c[i] & 0xff, length = e[i] & 0xff;
    if (at >= width || length == 0)
      return T(b[i]);
    T field = (length >= width ? ~T(0) : (T(1) << length) - 1) << at;
    return T((b[i] & ~field) | ((T(a[i]) << at) & field));
  });
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

/// prmt with a mode: the low two bits of c choose the row of bytes.
void permuteMode(Warp &w, const Instr &in) {
  // A nibble for each byte of the result, four rows for each of f4e, b4e, rc8,
  // ecl, ecr, rc16.
  static constexpr uint32_t rows[6][4] = {
      {0x3210, 0x4321, 0x5432, 0x6543}, {0x5670, 0x6701, 0x7012, 0x0123},
      {0x0000, 0x1111, 0x2222, 0x3333}, {0x3210, 0x3211, 0x3222, 0x3333},
      {0x0000, 0x1110, 0x2210, 0x3210}, {0x1010, 0x3232, 0x1010, 0x3232}};
  const uint32_t *a = w.w(in.a), *b = w.w(in.b), *c = w.w(in.c);
  eachLane<uint32_t>(w, in.d, [&](unsigned i) {
    return Permute::apply(a[i], b[i], rows[in.mode][c[i] & 3]);
  });
}

void decodePermute(Decoder &d) {
  int mode = d.takeOneOf({"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"});
  if (d.takeType() != Type::B32)
    return d.fail("expected prmt.b32");
  if (mode < 0)
    return d.simple(ternary<uint32_t, uint32_t, Permute>, taintPermute,
                    Type::B32, 4);
  d.simple(permuteMode, taintAny, Type::B32, 4);
  d.out.mode = static_cast<uint8_t>(mode);
}

/// The offset-th one of the mask, counted from a bit on, up or down.
struct FindNth {
  static uint32_t apply(uint32_t mask, uint32_t base, uint32_t offset) {
    auto n = static_cast<int32_t>(offset);
    int64_t position = base, step = n < 0 ? -1 : 1;
    int64_t left = n == 0 ? 0 : (n < 0 ? -int64_t(n) : n) - 1;
    for (; position >= 0 && position < 32; position += step) {
      if (mask >> position & 1 && left-- == 0)
        return static_cast<uint32_t>(position);
      if (n == 0)
        break;
    }
    return ~0u;
  }
};

/// Both are four bytes (mode 0), or halves of a with two bytes of b (1: the
/// lower two, 2: the upper two).
template <typename A, typename B>
void dotBytes(Warp &w, const Instr &in) {
  const uint32_t *a = w.w(in.a), *b = w.w(in.b), *c = w.w(in.c);
  eachLane<uint32_t>(w, in.d, [&](unsigned i) {
    uint32_t sum = c[i];
    for (unsigned k = 0; k < (in.mode ? 2u : 4u); ++k) {
      uint32_t half = a[i] >> (16 * (k % 2)); // of whole words: not looked at
      int32_t x = in.mode ? (std::is_signed_v<A> ? int32_t(int16_t(half))
                                                 : int32_t(uint16_t(half)))
                          : int32_t(A(a[i] >> (8 * k)));
      int32_t y = B(b[i] >> (8 * (k + (in.mode == 2 ? 2 : 0))));
      sum += uint32_t(x * y);
    }
    return sum;
  });
}

//===----------------------------------------------------------------------===//
// Marks: what an operation does to bits it does to marks
//===----------------------------------------------------------------------===//

uint64_t markedBits(uint16_t taint) {
  uint64_t bits = 0;
  for (unsigned i = 0; i < 16; ++i)
    bits |= taint >> i & 1 ? uint64_t(15) << (4 * i) : 0;
  return bits;
}

uint16_t nibblesOf(uint64_t bits) {
  uint16_t taint = 0;
  for (unsigned i = 0; i < 16; ++i)
    taint |= bits >> (4 * i) & 15 ? 1u << i : 0;
  return taint;
}

/// Runs the operation once on the marks of a and b, with what steers it (c, e)
/// unmarked; else all is marked.
void taintLikeBits(Warp &w, const Instr &in, Slot steer, Slot steer2,
                   bool bIsData) {
  uint16_t *a = w.taint(in.a), *b = w.taint(in.b);
  uint16_t *s = w.taint(steer), *t = w.taint(steer2);
  uint64_t all = in.bytes == 8 ? ~uint64_t(0) : 0xffffffffu;
  uint32_t marked = 0;
  w.forActive([&](unsigned i) {
    marked |= uint32_t(a[i] || b[i] || s[i] || t[i]) << i;
  });
  uint16_t *to = w.taint(in.d);
  if (!marked)
    return w.forActive([&](unsigned i) { to[i] = 0; });
  // A copy of the registers that hold marks instead of data.
  alignas(64) uint64_t kept[3][32];
  std::memcpy(kept[0], w.q(in.a), sizeof kept[0]);
  std::memcpy(kept[1], w.q(in.b), sizeof kept[1]);
  std::memcpy(kept[2], w.q(in.d), sizeof kept[2]);
  auto put = [&](Slot slot, const uint16_t *marks) {
    for (unsigned i = 0; i < 32; ++i)
      if (in.bytes == 8)
        w.q(slot)[i] = markedBits(marks[i]);
      else
        w.w(slot)[i] = static_cast<uint32_t>(markedBits(marks[i]));
  };
  put(in.a, a);
  if (bIsData && in.b != in.a)
    put(in.b, b);
  in.run(w, in);
  uint16_t result[32];
  w.forActive([&](unsigned i) {
    uint64_t bits = in.bytes == 8 ? w.q(in.d)[i] : w.w(in.d)[i];
    result[i] = nibblesOf(s[i] || t[i] ? all : bits);
  });
  std::memcpy(w.q(in.d), kept[2], sizeof kept[2]);
  std::memcpy(w.q(in.b), kept[1], sizeof kept[1]);
  std::memcpy(w.q(in.a), kept[0], sizeof kept[0]);
  w.forActive([&](unsigned i) { to[i] = result[i]; });
}

/// A register that holds both data and what steers is marked as a whole.
void taintFunnel(Warp &w, const Instr &in) {
  if (in.c == in.a || in.c == in.b)
    return taintAny(w, in);
  taintLikeBits(w, in, in.c, in.c, true);
}

void taintExtract(Warp &w, const Instr &in) {
  if (in.b == in.a || in.c == in.a)
    return taintAny(w, in);
  taintLikeBits(w, in, in.b, in.c, false);
}

void taintInsert(Warp &w, const Instr &in) {
  if (in.c == in.a || in.c == in.b || in.e == in.a || in.e == in.b) {
    taintAny(w, in);
    uint16_t *to = w.taint(in.d), *e = w.taint(in.e);
    return w.forActive([&](unsigned i) {
      to[i] =
          nibblesOf(to[i] || e[i] ? ~uint64_t(0) >> (64 - in.bytes * 8) : 0);
    });
  }
  taintLikeBits(w, in, in.c, in.e, true);
}

/// A bit of the result is marked if some value of the marked bits changes it.
void taintLogic3(Warp &w, const Instr &in) {
  if (isCleanResult(w, in))
    return;
  const Slot from[3] = {in.a, in.b, in.c};
  uint16_t *to = w.taint(in.d);
  w.forActive([&](unsigned lane) {
    uint64_t marks[3];
    uint32_t value[3];
    for (unsigned k = 0; k < 3; ++k) {
      marks[k] = markedBits(w.taint(from[k])[lane] & 0xff);
      value[k] = w.w(from[k])[lane];
    }
    uint32_t changed = 0;
    if (marks[0] | marks[1] | marks[2])
      for (unsigned bit = 0; bit < 32; ++bit) {
        unsigned index = 0, loose = 0;
        for (unsigned k = 0; k < 3; ++k) {
          index |= (value[k] >> bit & 1) << (2 - k);
          loose |= unsigned(marks[k] >> bit & 1) << (2 - k);
        }
        for (unsigned k = 0; k < 8; ++k)
          if ((k & ~loose) == 0 &&
              ((in.imm >> index) ^ (in.imm >> (index ^ k))) & 1)
            changed |= 1u << bit;
      }
    to[lane] = nibblesOf(changed);
  });
}

//===----------------------------------------------------------------------===//
// Decoders
//===----------------------------------------------------------------------===//

bool isBits(Type type) { return type == Type::B32 || type == Type::B64; }

/// popc and clz count bits, bfind looks at numbers.
template <typename Op>
void decodeCount(Decoder &d, bool ofBits = true) {
  Type type = d.takeType();
  Handler handler = countOf<Op>(type);
  if (!handler || bytesOf(type) < 4 || isBits(type) != ofBits)
    return d.fail("the type does not fit this instruction");
  d.simple(handler, taintAny, {Type::U32, type, Type::None, Type::None}, 2);
}

void decodeExtract(Decoder &d) {
  Type type = d.takeType();
  Handler handler = byInteger(type, []<typename T>() -> Handler {
    return ternary<T, T, ExtractField, uint32_t, uint32_t>;
  });
  if (!handler || bytesOf(type) < 4 || isBits(type))
    return d.fail("the type does not fit this instruction");
  // Position and length are 32 bits wide whatever the type.
  d.simple(handler, taintExtract, {type, type, Type::U32, Type::U32}, 4);
}

void decodeInsert(Decoder &d) {
  Type type = d.takeType();
  if (type != Type::B32 && type != Type::B64)
    return d.fail("expected bfi.b32 or .b64");
  if (!d.operands(5))
    return;
  d.out.run = type == Type::B64 ? insertField<uint64_t> : insertField<uint32_t>;
  d.out.taint = taintInsert;
  d.out.bytes = static_cast<uint8_t>(bytesOf(type));
  d.out.d = d.destination(0, type);
  d.out.a = d.slot(1, type);
  d.out.b = d.slot(2, type);
  d.out.c = d.slot(3, Type::U32);
  d.out.e = d.slot(4, Type::U32);
}

struct MultiplyAdd24HighSaturated {
  static int32_t apply(int32_t a, int32_t b, int32_t c) {
    int64_t sum = int64_t(Multiply24High::apply(a, b)) + c;
    return int32_t(std::clamp<int64_t>(sum, INT32_MIN, INT32_MAX));
  }
};

void decodeMultiply24(Decoder &d) {
  int part = d.takeOneOf({"lo", "hi"});
  if (d.base == "mad24" && part == 1 && d.take("sat")) {
    if (d.takeType() != Type::S32)
      return d.fail(".sat takes .s32");
    return d.simple(ternary<int32_t, int32_t, MultiplyAdd24HighSaturated>,
                    taintAny, Type::S32, 4);
  }
  Type type = d.takeType();
  bool add = d.base == "mad24";
  if (part < 0 || (type != Type::U32 && type != Type::S32))
    return d.fail("expected .lo or .hi and .u32 or .s32");
  Handler handler = byInteger(type, [&]<typename T>() -> Handler {
    if constexpr (sizeof(T) != 4)
      return nullptr;
    else if (add)
      return part ? ternary<T, T, MultiplyAdd24High>
                  : ternary<T, T, MultiplyAdd24Low>;
    else
      return part ? binary<T, T, Multiply24High> : binary<T, T, Multiply24Low>;
  });
  d.simple(handler, taintAny, type, add ? 4 : 3);
}

void decodeDot(Decoder &d) {
  int mode = d.base == "dp4a" ? 0 : 1 + d.takeOneOf({"lo", "hi"});
  Type a = d.takeType(), b = d.takeType();
  auto legal = [](Type t) { return t == Type::U32 || t == Type::S32; };
  if (!legal(a) || !legal(b) || (d.base == "dp2a" && mode < 1))
    return d.fail("expected .u32 or .s32 twice, and .lo or .hi of dp2a");
  Handler handler = isSignedType(a)
                        ? (isSignedType(b) ? dotBytes<int8_t, int8_t>
                                           : dotBytes<int8_t, uint8_t>)
                        : (isSignedType(b) ? dotBytes<uint8_t, int8_t>
                                           : dotBytes<uint8_t, uint8_t>);
  d.simple(handler, taintAny, Type::B32, 4);
  d.out.mode = static_cast<uint8_t>(mode);
}

/// lop3.or and .and: e = (d != 0) op q; q is the only entry of the list.
template <bool conjunction>
void logic3Predicate(Warp &w, const Instr &in) {
  logic3(w, in);
  const uint32_t *d = w.w(in.d);
  uint32_t nonzero = 0, q = w.predicate(w.kernel.lists[in.list]);
  w.forActive([&](unsigned i) { nonzero |= uint32_t(d[i] != 0) << i; });
  uint32_t result = conjunction ? nonzero & q : nonzero | q,
           &p = w.predicate(in.e);
  p = (p & ~w.active) | (result & w.active);
}

void taintLogic3Predicate(Warp &w, const Instr &in) {
  uint16_t q[32];
  std::memcpy(q, w.taint(w.kernel.lists[in.list]), sizeof q);
  taintLogic3(w, in);
  w.forActive(
      [&](unsigned i) { w.taint(in.e)[i] = w.taint(in.d)[i] || q[i] ? 1 : 0; });
}

void decodeLogic3(Decoder &d) {
  int combine = d.takeOneOf({"or", "and"});
  Type type = d.takeType();
  if (type != Type::B32)
    return d.fail("expected lop3.b32");
  if (!d.operands(combine < 0 ? 5 : 6))
    return;
  d.out.run = logic3;
  d.out.taint = taintLogic3;
  if (combine >= 0) {
    d.out.run = combine ? logic3Predicate<true> : logic3Predicate<false>;
    d.out.taint = taintLogic3Predicate;
    d.setList({d.predicate(5)});
    d.out.e = d.second(0, Type::Pred);
    if (d.out.e == noSlot)
      return d.fail("expected a predicate after the destination");
  } else if (d.operand(0).second != -1) {
    return d.fail("only .or and .and give a predicate");
  }
  d.out.d = d.destination(0, type);
  d.out.a = d.slot(1, type);
  d.out.b = d.slot(2, type);
  d.out.c = d.slot(3, type);
  d.out.imm = d.immediate(4);
  if (d.out.imm < 0 || d.out.imm > 255)
    d.fail("expected a table from 0 to 255");
}

void decodeFunnel(Decoder &d) {
  bool right = d.takeOneOf({"l", "r"}) == 1;
  int mode = d.takeOneOf({"clamp", "wrap"});
  if (mode < 0 || d.takeType() != Type::B32)
    return d.fail("expected .clamp or .wrap and .b32");
  d.simple(funnelShift, taintFunnel, Type::B32, 4);
  d.out.flag = right;
  d.out.mode = static_cast<uint8_t>(mode);
}

void decodeExtendSign(Decoder &d) {
  int wrap = d.takeOneOf({"clamp", "wrap"});
  Type type = d.takeType();
  if (wrap < 0 || (type != Type::U32 && type != Type::S32))
    return d.fail("expected .clamp or .wrap and .u32 or .s32");
  d.simple(type == Type::S32
               ? ternary<int32_t, int32_t, ExtendSign, uint32_t, uint32_t>
               : ternary<uint32_t, uint32_t, ExtendSign>,
           taintAny, {type, type, Type::U32, Type::None}, 3);
  d.out.c = d.constant(wrap, false);
}

} // namespace

void nybl::emu::addBitOpcodes(OpcodeTable &table) {
  table["popc"] = [](Decoder &d) { decodeCount<CountBits>(d); };
  table["clz"] = [](Decoder &d) { decodeCount<LeadingZeros>(d); };
  table["bfind"] = [](Decoder &d) {
    d.take("shiftamt") ? decodeCount<FindBitShift>(d, false)
                       : decodeCount<FindBit>(d, false);
  };
  table["brev"] = [](Decoder &d) {
    Type type = d.takeType();
    if (type != Type::B32 && type != Type::B64)
      return d.fail("expected brev.b32 or .b64");
    d.simple(type == Type::B64 ? unary<uint64_t, uint64_t, ReverseBits>
                               : unary<uint32_t, uint32_t, ReverseBits>,
             taintAny, type, 2);
  };
  table["bfe"] = decodeExtract;
  table["bfi"] = decodeInsert;
  table["bmsk"] = [](Decoder &d) {
    int wrap = d.takeOneOf({"clamp", "wrap"});
    if (wrap < 0 || d.takeType() != Type::B32)
      return d.fail("expected .clamp or .wrap and .b32");
    d.simple(maskBits, taintAny, Type::B32, 3);
    d.out.flag = wrap == 1;
  };
  table["szext"] = decodeExtendSign;
  table["prmt"] = decodePermute;
  table["fns"] = [](Decoder &d) {
    if (d.takeType() != Type::B32)
      return d.fail("expected fns.b32");
    d.simple(ternary<uint32_t, uint32_t, FindNth>, taintAny, Type::B32, 4);
  };
  table["lop3"] = decodeLogic3;
  table["shf"] = decodeFunnel;
  table["mul24"] = decodeMultiply24;
  table["mad24"] = decodeMultiply24;
  table["dp4a"] = decodeDot;
  table["dp2a"] = decodeDot;
}
