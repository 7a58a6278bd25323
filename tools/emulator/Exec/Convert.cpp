// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cvt: between integers, floats and narrow formats, and cvt.pack. Integers
// saturate where the target is narrower and the source is a float; NaN gives 0.

#include "tools/emulator/Exec/Decode.h"
#include "tools/emulator/Exec/Lane.h"
#include "tools/emulator/Exec/Narrow.h"
#include <cmath>
#include <limits>

using namespace nybl::emu;

namespace {

/// Everything a scalar conversion needs; kept in Instr::list as raw numbers.
struct Conversion {
  Type to, from;
  int rounding; ///< 0..3 rn rz rm rp, 4..7 rni rzi rmi rpi, -1 none
  bool saturate, flush, satfinite, relu;
};

Conversion unpack(const Instr &in) {
  return {static_cast<Type>(in.imm & 0xff),
          static_cast<Type>(in.imm >> 8 & 0xff),
          static_cast<int>(in.imm >> 16 & 0xf) - 1,
          (in.imm >> 20 & 1) != 0,
          (in.imm >> 21 & 1) != 0,
          (in.imm >> 22 & 1) != 0,
          (in.imm >> 23 & 1) != 0};
}

int64_t pack(const Conversion &c) {
  return int64_t(c.to) | int64_t(c.from) << 8 | int64_t(c.rounding + 1) << 16 |
         int64_t(c.saturate) << 20 | int64_t(c.flush) << 21 |
         int64_t(c.satfinite) << 22 | int64_t(c.relu) << 23;
}

double roundInteger(double v, int mode) {
  switch (mode & 3) {
  case 0:
    return std::nearbyint(v);
  case 1:
    return std::trunc(v);
  case 2:
    return std::floor(v);
  default:
    return std::ceil(v);
  }
}

const NarrowFormat *narrowOf(Type type) {
  return type == Type::F16    ? &f16Format
         : type == Type::BF16 ? &bf16Format
                              : nullptr;
}

double readFloat(Type type, uint64_t bits) {
  if (const NarrowFormat *format = narrowOf(type))
    return decodeNarrow(*format, static_cast<uint32_t>(bits));
  if (type == Type::F64)
    return std::bit_cast<double>(bits);
  return std::bit_cast<float>(static_cast<uint32_t>(bits));
}

float toFloat(double v, int rounding) {
  float f = static_cast<float>(v);
  if (std::isnan(v) || double(f) == v || rounding <= 0)
    return f;
  bool away = std::fabs(double(f)) > std::fabs(v);
  if (rounding == 1)
    return away ? std::nextafter(f, 0.0f) : f;
  if (rounding == 2)
    return double(f) > v ? std::nextafter(f, -INFINITY) : f;
  return double(f) < v ? std::nextafter(f, INFINITY) : f;
}

uint64_t writeFloat(const Conversion &c, double v) {
  if (c.saturate)
    v = v > 1 ? 1 : v > 0 ? v : 0;
  if (c.relu)
    v = v > 0 || std::isnan(v) ? v : 0;
  auto rounding = static_cast<Rounding>(std::max(c.rounding, 0) & 3);
  if (const NarrowFormat *format = narrowOf(c.to))
    return encodeNarrow(*format, v, c.satfinite, rounding);
  if (c.to == Type::F64)
    return std::bit_cast<uint64_t>(v);
  if (c.to == Type::TF32) {
    uint32_t bits = std::bit_cast<uint32_t>(static_cast<float>(v));
    bits += c.rounding == 1 ? 0 : 0xfff + (bits >> 13 & 1);
    return bits & ~0x1fffu;
  }
  float f = toFloat(v, c.rounding);
  if (c.flush && std::fpclassify(f) == FP_SUBNORMAL)
    f = std::copysign(0.0f, f);
  return std::isnan(f) ? 0x7fffffffu : std::bit_cast<uint32_t>(f);
}

/// The source integer, sign-extended where it is signed.
__int128 readInteger(Type type, uint64_t bits) {
  unsigned width = bytesOf(type) * 8;
  uint64_t kept = width == 64 ? bits : bits & ((uint64_t(1) << width) - 1);
  if (isSignedType(type) && kept >> (width - 1) & 1)
    return __int128(kept) - (__int128(1) << width);
  return kept;
}

uint64_t writeInteger(const Conversion &c, __int128 v, bool clamp) {
  unsigned width = bytesOf(c.to) * 8;
  bool isSigned = isSignedType(c.to);
  __int128 low = isSigned ? -(__int128(1) << (width - 1)) : 0;
  __int128 high = (__int128(1) << (width - (isSigned ? 1 : 0))) - 1;
  if (clamp)
    v = v < low ? low : v > high ? high : v;
  uint64_t bits = static_cast<uint64_t>(v);
  // A narrow result fills its register: sign- or zero-extended to 32 bits.
  if (width < 64)
    bits &= (uint64_t(1) << width) - 1;
  if (isSigned && width < 32 && bits >> (width - 1) & 1)
    bits |= 0xffffffffu << width & 0xffffffffu;
  return bits;
}

/// 53 bits of an integer. Rounded to odd they can be rounded again.
constexpr int toOdd = 8;

double integerAsDouble(__int128 v, int rounding) {
  bool negative = v < 0;
  auto magnitude = static_cast<uint64_t>(negative ? -v : v); // at most 2^64 - 1
  int drop = 11 - (magnitude ? std::countl_zero(magnitude) : 64);
  if (drop <= 0) {
    auto exact = static_cast<double>(magnitude);
    return negative ? -exact : exact;
  }
  uint64_t kept = magnitude >> drop, rest = magnitude - (kept << drop);
  uint64_t half = uint64_t(1) << (drop - 1);
  bool up = rounding <= 0   ? rest > half || (rest == half && kept & 1)
            : rounding == 2 ? rest && negative
            : rounding == 3 ? rest && !negative
                            : false;
  kept = rounding == toOdd ? kept | (rest != 0) : kept + up;
  double result = std::ldexp(static_cast<double>(kept), drop);
  return negative ? -result : result;
}

uint64_t convertOne(const Conversion &c, uint64_t bits) {
  if (!isFloatType(c.from)) {
    __int128 v = readInteger(c.from, bits);
    if (!isFloatType(c.to) && c.to != Type::TF32)
      return writeInteger(c, v, c.saturate);
    return writeFloat(
        c, integerAsDouble(v, c.to == Type::F64 ? c.rounding : toOdd));
  }
  double v = readFloat(c.from, bits);
  if (c.flush && c.from == Type::F32 &&
      std::fpclassify(float(v)) == FP_SUBNORMAL)
    v = std::copysign(0.0, v);
  if (isFloatType(c.to) || c.to == Type::TF32)
    return writeFloat(c, c.rounding >= 4 ? roundInteger(v, c.rounding) : v);
  if (std::isnan(v))
    return 0;
  v = roundInteger(v, std::max(c.rounding, 0));
  double limit = std::ldexp(1.0, 100);
  return writeInteger(
      c, static_cast<__int128>(std::fmin(std::fmax(v, -limit), limit)),
      /*clamp=*/true);
}

void convertScalar(Warp &w, const Instr &in) {
  Conversion c = unpack(in);
  bool wideFrom = bytesOf(c.from) == 8, wideTo = bytesOf(c.to) == 8;
  w.forActive([&](unsigned i) {
    uint64_t result = convertOne(c, wideFrom ? w.q(in.a)[i] : w.w(in.a)[i]);
    if (wideTo)
      w.q(in.d)[i] = result;
    else
      w.w(in.d)[i] = static_cast<uint32_t>(result);
  });
}

/// Plain widening and narrowing of integers, the common case.
template <typename R, typename A>
void convertInteger(Warp &w, const Instr &in) {
  const auto *a = lanesOf<A>(w, in.a);
  eachLane<R>(w, in.d, [&](unsigned i) { return R(fromLane<A>(a[i])); });
}

const NarrowFormat *pairFormat(Type type) {
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
  default:
    return nullptr;
  }
}

unsigned pairBits(Type type) {
  return type == Type::E2M1x2                          ? 4
         : type == Type::F16x2 || type == Type::BF16x2 ? 16
                                                       : 8;
}

/// Powers of two: 2^(byte - 127), 255 is NaN.
uint32_t encodePowerOfTwo(double v, bool up) {
  if (std::isnan(v))
    return 0xff;
  int exponent = 0;
  double m = std::frexp(std::fabs(v), &exponent); // [0.5, 1)
  if (v == 0)
    return 0;
  if (std::isinf(v))
    return 0xfe;
  int e = exponent - 1 + (up && m > 0.5 ? 1 : 0);
  return static_cast<uint32_t>(std::min(std::max(e + 127, 0), 254));
}

/// Two f32 (a: upper, b: lower) to a pair, or a pair to a pair.
void convertPair(Warp &w, const Instr &in) {
  Conversion c = unpack(in);
  unsigned toBits = pairBits(c.to), fromBits = pairBits(c.from);
  const NarrowFormat *to = pairFormat(c.to), *from = pairFormat(c.from);
  w.forActive([&](unsigned i) {
    double value[2];
    for (unsigned k = 0; k < 2; ++k)
      value[k] =
          c.from == Type::F32
              ? std::bit_cast<float>(k ? w.w(in.a)[i] : w.w(in.b)[i])
          : c.from == Type::UE8M0x2
              ? ((w.w(in.a)[i] >> (8 * k) & 0xff) == 0xff
                     ? NAN
                     : std::ldexp(1.0,
                                  int(w.w(in.a)[i] >> (8 * k) & 0xff) - 127))
              : decodeNarrow(*from, w.w(in.a)[i] >> (fromBits * k) &
                                        ((1u << fromBits) - 1));
    uint32_t result = 0;
    for (unsigned k = 0; k < 2; ++k) {
      double v = c.relu && value[k] < 0 ? 0 : value[k];
      uint32_t bits = c.to == Type::UE8M0x2
                          ? encodePowerOfTwo(v, c.rounding == 3)
                          : encodeNarrow(*to, v, c.satfinite,
                                         static_cast<Rounding>(
                                             std::max(c.rounding, 0) & 3));
      result |= bits << (toBits * k);
    }
    w.w(in.d)[i] = result;
  });
}

bool isPair(Type type) { return pairFormat(type) || type == Type::UE8M0x2; }

Handler widening(Type to, Type from) {
  if (to == Type::U64 && from == Type::U32)
    return convertInteger<uint64_t, uint32_t>;
  if (to == Type::S64 && from == Type::S32)
    return convertInteger<int64_t, int32_t>;
  if (to == Type::U32 && (from == Type::U64 || from == Type::U32))
    return from == Type::U64 ? convertInteger<uint32_t, uint64_t>
                             : convertInteger<uint32_t, uint32_t>;
  return nullptr;
}

/// Two integers, saturated, side by side; 8-bit ones above the halves of c.
void packIntegers(Warp &w, const Instr &in) {
  Conversion c = unpack(in);
  unsigned width = bytesOf(c.to) * 8;
  w.forActive([&](unsigned i) {
    uint64_t keep = (uint64_t(1) << width) - 1;
    uint64_t high = writeInteger(c, int32_t(w.w(in.a)[i]), true) & keep;
    uint64_t low = writeInteger(c, int32_t(w.w(in.b)[i]), true) & keep;
    uint64_t above = in.c == noSlot ? 0 : uint64_t(w.w(in.c)[i]) << 2 * width;
    w.w(in.d)[i] = static_cast<uint32_t>(above | high << width | low);
  });
}

/// cvt.pack.sat.TYPE.s32 d, a, b; and .b32 d, a, b, c for 8 bits.
void decodePack(Decoder &d) {
  Conversion c{};
  bool saturates = d.take("sat");
  c.to = d.takeType();
  c.from = d.takeType();
  bool half = c.to == Type::U16 || c.to == Type::S16;
  if (!saturates || c.from != Type::S32 ||
      (half ? false : !d.take("b32") || (c.to != Type::U8 && c.to != Type::S8)))
    return d.fail("expected cvt.pack.sat of .u16.s32, .s16.s32, .u8.s32.b32 or "
                  ".s8.s32.b32");
  d.simple(packIntegers, taintAny, Type::B32, half ? 3 : 4);
  d.out.imm = pack(c);
}

void decodeCvt(Decoder &d) {
  if (d.take("pack"))
    return decodePack(d);
  Conversion c{};
  c.rounding =
      d.takeOneOf({"rn", "rz", "rm", "rp", "rni", "rzi", "rmi", "rpi"});
  c.saturate = d.take("sat");
  c.flush = d.take("ftz");
  c.satfinite = d.take("satfinite");
  c.relu = d.take("relu");
  c.to = d.takeType();
  c.from = d.takeType();
  bool narrow = c.to == Type::E2M1x2 || c.from == Type::E2M1x2 ||
                c.to == Type::UE8M0x2 || c.from == Type::UE8M0x2;
  if (narrow && !d.target().narrowCvt)
    return d.fail(std::string(d.target().name) + " has no cvt of this type");
  d.relaxed = true;
  if (isPair(c.to)) {
    d.relaxed = false;
    bool two = c.from == Type::F32;
    if (!two && !isPair(c.from))
      return d.fail("the types do not fit cvt");
    d.simple(convertPair, taintAny, {c.to, c.from, c.from, Type::None},
             two ? 3 : 2);
  } else {
    if (isPair(c.from))
      return d.fail("the types do not fit cvt");
    Handler wide = c.saturate ? nullptr : widening(c.to, c.from);
    bool truncates = !isFloatType(c.to) && !isFloatType(c.from) &&
                     !c.saturate && !isSignedType(c.from);
    d.simple(wide ? wide : convertScalar, truncates ? taintTruncate : taintAny,
             {c.to, c.from, Type::None, Type::None}, 2);
  }
  d.out.bytes = static_cast<uint8_t>(std::max(bytesOf(c.to), 2u));
  d.out.imm = pack(c);
}

} // namespace

void nybl::emu::addConvertOpcodes(OpcodeTable &table) {
  table["cvt"] = decodeCvt;
}
