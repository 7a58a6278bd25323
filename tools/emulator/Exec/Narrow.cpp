// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One decoder and one encoder for all narrow formats.

#include "tools/emulator/Exec/Narrow.h"

#include <cmath>
#include <limits>

using namespace nybl::emu;

float nybl::emu::decodeNarrow(const NarrowFormat &f, uint32_t bits) {
  uint32_t mantissa = bits & ((1u << f.mantissaBits) - 1);
  int exponent = bits >> f.mantissaBits & ((1u << f.exponentBits) - 1);
  bool negative = bits >> (f.exponentBits + f.mantissaBits) & 1;
  uint32_t magnitude = bits & ((1u << (f.exponentBits + f.mantissaBits)) - 1);
  float value;
  if (f.hasInfinity && exponent == (1 << f.exponentBits) - 1)
    value = mantissa ? std::numeric_limits<float>::quiet_NaN()
                     : std::numeric_limits<float>::infinity();
  else if (!f.hasInfinity && f.nan && magnitude == f.nan)
    value = std::numeric_limits<float>::quiet_NaN();
  else if (exponent == 0)
    value = std::ldexp(float(mantissa), 1 - f.bias - f.mantissaBits);
  else
    value = std::ldexp(float(mantissa | 1u << f.mantissaBits),
                       exponent - f.bias - f.mantissaBits);
  return negative ? -value : value;
}

static double roundTo(double value, Rounding rounding, bool negative) {
  switch (rounding) {
  case Rounding::NearestEven:
    return std::nearbyint(value); // the host rounds to nearest even
  case Rounding::Zero:
    return std::trunc(value);
  case Rounding::Down:
    return negative ? std::ceil(value) : std::floor(value);
  case Rounding::Up:
    return negative ? std::floor(value) : std::ceil(value);
  }
  return value;
}

uint32_t nybl::emu::encodeNarrow(const NarrowFormat &f, double value,
                                 bool saturate, Rounding rounding) {
  uint32_t sign =
      std::signbit(value) ? 1u << (f.exponentBits + f.mantissaBits) : 0;
  if (std::isnan(value))
    return f.nan ? f.nan : f.largest;
  uint32_t overflow = saturate        ? f.largest
                      : f.hasInfinity ? f.largest + 1
                                      : f.nan;
  double magnitude = std::fabs(value);
  if (std::isinf(magnitude))
    return sign | overflow;
  if (magnitude == 0)
    return sign;
  int exponent = std::max(std::ilogb(magnitude), 1 - f.bias);
  double scaled = std::ldexp(magnitude, f.mantissaBits - exponent);
  // In units of the last place; a carry into the next binade is one more unit.
  auto units = static_cast<uint64_t>(roundTo(scaled, rounding, sign != 0));
  uint64_t bits = units + (uint64_t(exponent + f.bias - 1) << f.mantissaBits);
  bool truncates = rounding == Rounding::Zero ||
                   (rounding == Rounding::Down && !sign) ||
                   (rounding == Rounding::Up && sign);
  if (bits > f.largest)
    return sign | (truncates ? f.largest : overflow);
  return sign | static_cast<uint32_t>(bits);
}
