// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cvt between integers and floats, one value at a time. Integers
// saturate where the target is narrower and the source is a float; NaN gives 0.

#include "tools/emulator/Exec/Convert.h"
#include "tools/emulator/Exec/Lane.h"
#include <cmath>
#include <limits>

using namespace nybl::emu;

namespace {

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

/// The upper 19 bits of an f32.
uint32_t writeTf32(const Conversion &c, float v) {
  auto bits = std::bit_cast<uint32_t>(v);
  if (std::isnan(v))
    return 0x7fffffff;
  if (std::isfinite(v)) {
    bits += c.rounding == ToZero          ? 0
            : c.rounding == ToNearestAway ? 0x1000
                                          : 0xfff + (bits >> 13 & 1);
    bits &= ~0x1fffu;
  }
  constexpr uint32_t infinity = 0x7f800000, largest = 0x7f7fe000;
  if (c.satfinite && (bits & infinity) == infinity)
    bits = (bits & 0x80000000) | largest;
  return bits;
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
  if (c.to == Type::TF32)
    return writeTf32(c, static_cast<float>(v));
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
  bool toIntegral = c.rounding >= ToInteger && c.rounding < ToNearestAway;
  if (isFloatType(c.to) || c.to == Type::TF32)
    return writeFloat(c, toIntegral ? roundInteger(v, c.rounding) : v);
  if (std::isnan(v)) // ISA 9.7.9.21, integer notes
    return c.from == Type::F64 || bytesOf(c.to) == 8
               ? writeInteger(c, __int128(1) << (bytesOf(c.to) * 8 - 1), false)
               : 0;
  v = roundInteger(v, std::max(c.rounding, 0));
  double limit = std::ldexp(1.0, 100);
  return writeInteger(
      c, static_cast<__int128>(std::fmin(std::fmax(v, -limit), limit)),
      /*clamp=*/true);
}

void convertScalar(Warp &w, const Instr &in) {
  Conversion c = unpackConversion(in);
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

bool isHalf(Type type) { return type == Type::F16 || type == Type::BF16; }

bool isInteger(Type type) { return !isFloatType(type) && type != Type::TF32; }

bool isIntegerType(Type type) {
  return (type >= Type::U8 && type <= Type::U64) ||
         (type >= Type::S8 && type <= Type::S64);
}

/// Every value of `from` is one of `to`.
bool contains(Type to, Type from) {
  unsigned wide = bytesOf(to), narrow = bytesOf(from);
  if (isSignedType(to) == isSignedType(from))
    return wide >= narrow;
  return isSignedType(to) && wide > narrow;
}

/// ISA 9.7.9.21: integer rounding from floats to integers, rounding where
/// precision may be lost, none elsewhere.
bool fitsRounding(const Conversion &c) {
  bool none = c.rounding == NoRounding;
  bool toInteger = c.rounding >= ToInteger && c.rounding < ToInteger + 4;
  bool toFloat = c.rounding >= ToNearest && c.rounding <= ToPlus;
  if (isInteger(c.from))
    return isInteger(c.to) ? none : toFloat;
  if (isInteger(c.to))
    return toInteger;
  if (c.to == c.from)
    return none || toInteger;
  if (isHalf(c.to) && isHalf(c.from))
    return none || toFloat; // ptxas takes both: to nearest without one
  if (bytesOf(c.to) > bytesOf(c.from))
    return none || (toFloat && c.from == Type::BF16);
  return toFloat;
}

bool fitsSaturation(const Conversion &c) {
  if (c.to == Type::BF16 || c.from == Type::BF16)
    return false;
  return !isInteger(c.to) || !isInteger(c.from) || !contains(c.to, c.from);
}

/// cvt.FROM.f32 of f16, bf16 and tf32 with .relu or .satfinite, and .rna.
bool legalFromFloat(const Conversion &c, const PtxTarget &target) {
  bool tf32 = c.to == Type::TF32;
  bool finite = c.from == Type::F32 && !c.saturate && !c.flush;
  if (!finite || (!tf32 && !isHalf(c.to)))
    return false;
  if (c.rounding == ToNearestAway)
    return tf32 && !c.relu;
  return (c.rounding == ToNearest || c.rounding == ToZero) &&
         (!tf32 || !c.satfinite || target.major >= 10);
}

bool legalConversion(const Conversion &c, const PtxTarget &target) {
  bool known = isFloatType(c.to) || c.to == Type::TF32 || isIntegerType(c.to);
  if (!known || !(isFloatType(c.from) || isIntegerType(c.from)))
    return false;
  if (c.to == Type::TF32 || c.relu || c.satfinite)
    return legalFromFloat(c, target);
  bool brain = c.to == Type::BF16 || c.from == Type::BF16;
  bool byte = bytesOf(c.to) == 1 || bytesOf(c.from) == 1;
  bool single = c.to == Type::F32 || c.from == Type::F32;
  return !(brain && byte) && (!c.flush || single) &&
         (!c.saturate || fitsSaturation(c)) && fitsRounding(c);
}

void decodeCvt(Decoder &d) {
  if (d.take("pack"))
    return decodeConvertPack(d);
  Conversion c{};
  c.rounding = d.takeOneOf(
      {"rn", "rz", "rm", "rp", "rni", "rzi", "rmi", "rpi", "rna", "rs"});
  c.saturate = d.take("sat");
  c.flush = d.take("ftz");
  c.satfinite = d.take("satfinite");
  c.relu = d.take("relu");
  c.scaled = d.take("scaled::n2::ue8m0");
  c.to = d.takeType();
  c.from = d.takeType();
  if (!d.error.empty() || decodeConvertPair(d, c))
    return;
  if (c.scaled || !legalConversion(c, d.target()))
    return d.fail("the types, qualifiers or chip do not fit cvt");
  d.relaxed = true;
  Handler wide = c.saturate ? nullptr : widening(c.to, c.from);
  bool truncates = isInteger(c.to) && isInteger(c.from) && !c.saturate &&
                   !isSignedType(c.from);
  d.simple(wide ? wide : convertScalar, truncates ? taintTruncate : taintAny,
           {c.to, c.from, Type::None, Type::None}, 2);
  d.out.bytes = static_cast<uint8_t>(std::max(bytesOf(c.to), 2u));
  d.out.imm = packConversion(c);
}

} // namespace

void nybl::emu::addConvertOpcodes(OpcodeTable &table) {
  table["cvt"] = decodeCvt;
}
