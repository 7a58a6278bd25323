// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cvt to and from pairs of narrow values and to four of them, and cvt.pack.

#include "tools/emulator/Exec/Convert.h"
#include "tools/emulator/Exec/Lane.h"

#include <algorithm>
#include <cmath>

using namespace nybl::emu;

namespace {

constexpr NarrowFormat e2m3Format{2, 3, 1, false, 0, 0x1f};
constexpr NarrowFormat e3m2Format{3, 2, 3, false, 0, 0x1f};

const NarrowFormat *formatOf(Type type) {
  switch (type) {
  case Type::F16x2:
    return &f16Format;
  case Type::BF16x2:
    return &bf16Format;
  case Type::E4M3x2:
    return &e4m3Format;
  case Type::E5M2x2:
    return &e5m2Format;
  case Type::E2M1x2:
    return &e2m1Format;
  case Type::E2M3x2:
    return &e2m3Format;
  case Type::E3M2x2:
    return &e3m2Format;
  default:
    return nullptr;
  }
}

/// From one value of a pair to the next.
unsigned strideOf(Type type) {
  return type == Type::E2M1x2                          ? 4
         : type == Type::F16x2 || type == Type::BF16x2 ? 16
                                                       : 8;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

/// 2^(byte - 127); 255 is NaN.
double decodePowerOfTwo(uint32_t byte) {
  return byte == 0xff ? NAN : std::ldexp(1.0, static_cast<int>(byte) - 127);
}

/// The sign is dropped. Past the largest power .satfinite gives that one, else
/// the result is NaN.
uint32_t encodePowerOfTwo(double v, bool up, bool satfinite) {
  if (std::isnan(v))
    return 0xff;
  uint32_t overflow = satfinite ? 0xfe : 0xff;
  if (std::isinf(v))
    return overflow;
  if (v == 0)
    return 0;
  int exponent = 0;
  double m = std::frexp(std::fabs(v), &exponent); // [0.5, 1)
  int e = exponent - 1 + (up && m > 0.5 ? 1 : 0) + 127;
  return e > 254 ? overflow : static_cast<uint32_t>(std::max(e, 0));
}

/// Two integer and six fraction bits, two's complement.
uint32_t encodeFixed(double v) {
  if (std::isnan(v))
    return 0x7f;
  double units = std::nearbyint(std::clamp(v * 64, -128.0, 127.0));
  return static_cast<uint32_t>(static_cast<int>(units)) & 0xff;
}

double decodeFixed(uint32_t byte) { return static_cast<int8_t>(byte) / 64.0; }

/// Toward zero, and one unit away if the `bits` random bits and as many of the
/// discarded ones carry.
uint32_t encodeStochastic(const NarrowFormat &format, double v, bool satfinite,
                          uint32_t random, int bits) {
  uint32_t low = encodeNarrow(format, v, satfinite, Rounding::Zero);
  double kept = decodeNarrow(format, low);
  if (std::isnan(v) || std::isinf(v) || kept == v)
    return std::isinf(v) ? encodeNarrow(format, v, satfinite) : low;
  uint32_t high = low + 1; // the next magnitude, or infinity
  uint32_t magnitude = (1u << (format.exponentBits + format.mantissaBits)) - 1;
  if ((low & magnitude) == format.largest)
    return encodeNarrow(format, v, satfinite); // the rule ends with the format
  double unit = std::fabs(decodeNarrow(format, high) - kept);
  auto discarded = static_cast<uint32_t>(
      std::floor(std::ldexp(std::fabs(v - kept) / unit, bits)));
  return (discarded + random) >> bits ? high : low;
}

double readValue(Type type, uint32_t pair, unsigned k) {
  uint32_t bits = pair >> (strideOf(type) * k) & ((1u << strideOf(type)) - 1);
  if (type == Type::UE8M0x2)
    return decodePowerOfTwo(bits);
  if (type == Type::S2F6x2)
    return decodeFixed(bits);
  bool six = type == Type::E2M3x2 || type == Type::E3M2x2;
  return decodeNarrow(*formatOf(type), six ? bits & 0x3f : bits);
}

/// How many random bits each value of .rs gets.
int randomBitsOf(Type type) {
  return type == Type::F16x2 ? 13 : type == Type::E2M1x2 ? 8 : 16;
}

uint32_t writeValue(const Conversion &c, double v, uint32_t random) {
  if (c.relu)
    v = v > 0 || std::isnan(v) ? v : 0;
  if (c.to == Type::UE8M0x2)
    return encodePowerOfTwo(v, c.rounding == ToPlus, c.satfinite);
  if (c.to == Type::S2F6x2)
    return encodeFixed(v);
  const NarrowFormat &format = *formatOf(c.to);
  if (c.rounding == Stochastic)
    return encodeStochastic(format, v, c.satfinite, random, randomBitsOf(c.to));
  return encodeNarrow(format, v, c.satfinite,
                      static_cast<Rounding>(std::max(c.rounding, 0)));
}

/// Two f32 (a: upper, b: lower) to a pair, or a pair (a) to a pair; c: random
/// bits or scales.
void convertPair(Warp &w, const Instr &in) {
  Conversion c = unpackConversion(in);
  const uint32_t *extra = in.c == noSlot ? nullptr : w.w(in.c);
  w.forActive([&](unsigned i) {
    uint32_t result = 0;
    for (unsigned k = 0; k < 2; ++k) {
      double v = c.from == Type::F32
                     ? std::bit_cast<float>(k ? w.w(in.a)[i] : w.w(in.b)[i])
                     : readValue(c.from, w.w(in.a)[i], k);
      uint32_t random = 0;
      if (c.scaled) {
        double scale = decodePowerOfTwo(extra[i] >> (8 * k) & 0xff);
        v = c.to == Type::S2F6x2 ? v / scale : v * scale;
      } else if (extra) {
        random = extra[i] >> (16 * k) & ((1u << randomBitsOf(c.to)) - 1);
      }
      result |= writeValue(c, v, random) << (strideOf(c.to) * k);
    }
    w.w(in.d)[i] = result;
  });
}

//===----------------------------------------------------------------------===//
// Four values
//===----------------------------------------------------------------------===//

/// Two of the same; None for other types.
Type halfOf(Type type) {
  switch (type) {
  case Type::E4M3x4:
    return Type::E4M3x2;
  case Type::E5M2x4:
    return Type::E5M2x2;
  case Type::E2M3x4:
    return Type::E2M3x2;
  case Type::E3M2x4:
    return Type::E3M2x2;
  case Type::E2M1x4:
    return Type::E2M1x2;
  default:
    return Type::None;
  }
}

/// Random bits of value k (0: the uppermost). PTX ISA 9.7.9.21: the upper half
/// serves the first two values and the lower half the others, all 16 bits each
/// of both; of e2m1 the upper bytes of both halves serve the first two. That
/// there the upper half is the first value's is as with pairs.
uint32_t randomFor(Type half, uint32_t random, unsigned k) {
  if (half != Type::E2M1x2)
    return random >> (k < 2 ? 16 : 0) & 0xffff;
  return random >> ((k % 2 ? 0 : 16) + (k < 2 ? 8 : 0)) & 0xff;
}

/// list: the values, the uppermost first; c: random bits.
void convertQuad(Warp &w, const Instr &in) {
  Conversion c = unpackConversion(in);
  c.to = halfOf(c.to);
  const Slot *list = &w.kernel.lists[in.list];
  w.forActive([&](unsigned i) {
    uint32_t result = 0;
    for (unsigned k = 0; k < 4; ++k) {
      double v = std::bit_cast<float>(w.w(list[k])[i]);
      uint32_t random = randomFor(c.to, w.w(in.c)[i], k);
      result = result << strideOf(c.to) | writeValue(c, v, random);
    }
    w.w(in.d)[i] = result;
  });
}

void taintQuad(Warp &w, const Instr &in) {
  const Slot *list = &w.kernel.lists[in.list];
  w.forActive([&](unsigned i) {
    uint32_t any = w.taint(in.c)[i];
    for (unsigned k = 0; k < 4; ++k)
      any |= w.taint(list[k])[i];
    w.taint(in.d)[i] = any ? (1u << 2 * in.bytes) - 1 : 0;
  });
}

//===----------------------------------------------------------------------===//
// Legal forms
//===----------------------------------------------------------------------===//

enum class Demand { No, Maybe, Must };

struct PairForm {
  std::vector<Type> to, from;
  uint32_t roundings; ///< a bit for each
  Demand satfinite;
  bool relu, scaled;
  bool narrow; ///< needs a chip with the conversions of 4- and 6-bit types
};

constexpr uint32_t bit(int rounding) { return 1u << rounding; }

const std::vector<PairForm> &pairForms() {
  using T = Type;
  static const std::vector<T> f16s = {T::F16x2, T::BF16x2},
                              f8s = {T::E4M3x2, T::E5M2x2},
                              small = {T::E2M1x2, T::E2M3x2, T::E3M2x2};
  constexpr uint32_t rn = bit(ToNearest), rz = bit(ToZero), rp = bit(ToPlus);
  constexpr Demand no = Demand::No, maybe = Demand::Maybe, must = Demand::Must;
  static const std::vector<PairForm> table = {
      {f16s, {T::F32}, rn | rz, maybe, true, false, false},
      {f8s, {T::F32}, rn, must, true, false, false},
      {f8s, {T::F16x2}, rn, must, true, false, false},
      {f8s, {T::BF16x2}, rn, must, true, false, true}, // PTX 9.1
      {{T::F16x2}, f8s, rn, no, true, false, false},
      {small, {T::F32}, rn, must, true, false, true},
      {small, f16s, rn, must, true, false, true}, // PTX 9.1
      {{T::F16x2}, small, rn, no, true, false, true},
      {{T::UE8M0x2}, {T::F32, T::BF16x2}, rz | rp, maybe, false, false, true},
      {{T::BF16x2}, {T::UE8M0x2}, rn, no, false, false, true},
      {{T::S2F6x2}, {T::F32, T::BF16x2}, rn, must, true, true, true},
      {{T::BF16x2}, {T::S2F6x2}, rn, maybe, true, true, true}}; // PTX 9.1
  return table;
}

bool contains(const std::vector<Type> &types, Type type) {
  return std::find(types.begin(), types.end(), type) != types.end();
}

bool legal(const Conversion &c, const PtxTarget &target) {
  if (c.rounding < 0 || c.saturate || c.flush)
    return false;
  bool four = halfOf(c.to) != Type::None && c.satfinite;
  if (c.rounding == Stochastic)
    return (four || c.to == Type::F16x2 || c.to == Type::BF16x2) &&
           c.from == Type::F32 && target.major == 10 && target.exact &&
           !c.scaled;
  for (const PairForm &form : pairForms())
    if (contains(form.to, c.to) && contains(form.from, c.from) &&
        form.roundings & bit(c.rounding) &&
        (c.satfinite ? form.satfinite != Demand::No
                     : form.satfinite != Demand::Must) &&
        (!c.relu || form.relu) && (!c.scaled || form.scaled) &&
        (!form.narrow || (target.family && target.major >= 10)))
      return true;
  return false;
}

bool isPair(Type type) {
  return formatOf(type) || type == Type::UE8M0x2 || type == Type::S2F6x2;
}

/// d, {a, b, e, f}, random bits
void decodeConvertQuad(Decoder &d, const Conversion &c) {
  if (!legal(c, d.target()))
    return d.fail("the types, qualifiers or target do not fit cvt");
  if (!d.operands(3))
    return;
  const ptx::Operand &values = d.operand(1);
  if (values.kind != ptx::Operand::Vector || values.elements.size() != 4)
    return d.fail("expected four values in braces");
  std::vector<Slot> slots;
  for (const ptx::Operand &value : values.elements)
    slots.push_back(d.slotOf(value, Type::F32));
  d.setList(slots);
  d.out.c = d.slot(2, Type::B32);
  d.out.d = d.destination(0, c.to);
  d.out.bytes = static_cast<uint8_t>(bytesOf(c.to));
  d.out.imm = packConversion(c);
  d.out.run = convertQuad;
  d.out.taint = taintQuad;
}

//===----------------------------------------------------------------------===//
// cvt.pack
//===----------------------------------------------------------------------===//

/// Two integers, saturated to `bytes` bits, side by side, above them the bits
/// of c.
void packIntegers(Warp &w, const Instr &in) {
  unsigned width = in.mode;
  int64_t low = in.isSigned ? -(int64_t(1) << (width - 1)) : 0;
  int64_t high = (int64_t(1) << (width - (in.isSigned ? 1 : 0))) - 1;
  auto keep = static_cast<uint32_t>((uint64_t(1) << width) - 1);
  w.forActive([&](unsigned i) {
    auto clamped = [&](uint32_t bits) {
      int64_t v = std::clamp<int64_t>(int32_t(bits), low, high);
      return static_cast<uint32_t>(v) & keep;
    };
    uint64_t above = in.c == noSlot ? 0 : uint64_t(w.w(in.c)[i]) << 2 * width;
    uint64_t pair = clamped(w.w(in.b)[i]) | uint64_t(clamped(w.w(in.a)[i]))
                                                << width;
    w.w(in.d)[i] = static_cast<uint32_t>(above | pair);
  });
}

} // namespace

/// cvt.pack.sat.TYPE.s32 d, a, b; and .b32 d, a, b, c for 8 bits and less.
void nybl::emu::decodeConvertPack(Decoder &d) {
  static constexpr unsigned widths[] = {16, 16, 8, 8, 4, 4, 2, 2};
  bool saturates = d.take("sat");
  int type = d.takeOneOf({"u16", "s16", "u8", "s8", "u4", "s4", "u2", "s2"});
  bool from = d.take("s32"), wide = type == 0 || type == 1;
  if (!saturates || type < 0 || !from || (!wide && !d.take("b32")))
    return d.fail("expected cvt.pack.sat of .u16.s32, .s16.s32, or .u8, .s8, "
                  ".u4, .s4, .u2, .s2 with .s32.b32");
  d.simple(packIntegers, taintAny, Type::B32, wide ? 3 : 4);
  d.out.mode = static_cast<uint8_t>(widths[type]);
  d.out.isSigned = type & 1;
}

bool nybl::emu::decodeConvertPair(Decoder &d, const Conversion &c) {
  if (halfOf(c.to) != Type::None)
    return decodeConvertQuad(d, c), true;
  if (!isPair(c.to) && !isPair(c.from))
    return false;
  if (!legal(c, d.target())) {
    d.fail("the types, qualifiers or target do not fit cvt");
    return true;
  }
  bool two = c.from == Type::F32;
  size_t count = two ? 3 : 2;
  bool extra = c.scaled || c.rounding == Stochastic;
  if (!d.operands(count + extra))
    return true;
  d.out.run = convertPair;
  d.out.taint = taintAny;
  // A register may be wider than a narrow type, not than a pair of 16 bits.
  bool half = c.from == Type::F16x2 || c.from == Type::BF16x2;
  d.relaxed = !half && !two;
  d.out.a = d.slot(1, c.from);
  if (two)
    d.out.b = d.slot(2, c.from);
  d.relaxed = false;
  if (extra)
    d.out.c = d.slot(count, c.scaled ? Type::B16 : Type::B32);
  d.out.d = d.destination(0, c.to);
  d.out.bytes = static_cast<uint8_t>(std::max(bytesOf(c.to), 2u));
  d.out.imm = packConversion(c);
  return true;
}
