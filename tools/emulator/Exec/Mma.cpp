// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Alignment, truncation, exact sums.

#include "tools/emulator/Exec/Mma.h"

#include <algorithm>
#include <bit>
#include <cmath>

using namespace nybl::emu;

static constexpr uint32_t canonicalNan = 0x7fffffff;
/// Below everything a scale can reach: a zero never leads the alignment.
static constexpr int zeroExponent = -126;

ScaleValue nybl::emu::decodeUe4m3(uint8_t byte) {
  int exponent = byte >> 3 & 15, mantissa = byte & 7; // the sign is ignored
  if (exponent == 15 && mantissa == 7)
    return {-1, 0};
  if (exponent)
    return {mantissa + 8, exponent - 7};
  return {mantissa, mantissa ? -6 : zeroExponent};
}

ScaleValue nybl::emu::decodeUe8m0(uint8_t byte) {
  return byte == 0xff ? ScaleValue{-1, 0} : ScaleValue{1, byte - 127};
}

/// value * 2^shift, toward zero.
static int64_t shifted(int64_t value, int shift) {
  if (shift >= 0)
    return shift > 62 ? 0 : value << shift; // never so large in a legal term
  if (shift < -62)
    return 0;
  return value < 0 ? -(-value >> -shift) : value >> -shift;
}

/// sum * 2^exponent toward zero.
static float truncated(int64_t sum, int exponent) {
  if (sum == 0)
    return 0.0f;
  uint64_t magnitude = sum < 0 ? uint64_t(-sum) : uint64_t(sum);
  int top = 63 - std::countl_zero(magnitude);
  int drop = std::max(top - 23, -149 - exponent);
  if (drop > 63)
    return sum < 0 ? -0.0f : 0.0f;
  if (drop > 0) {
    magnitude = magnitude >> drop;
    exponent += drop;
  }
  float result = std::ldexp(static_cast<float>(magnitude), exponent);
  return sum < 0 ? -result : result;
}

struct FloatParts {
  int64_t significand; ///< value = significand * 2^(exponent - 23)
  int exponent;
};

static FloatParts partsOf(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  int exponent = bits >> 23 & 0xff;
  int64_t significand = bits & 0x7fffff;
  if (exponent)
    significand |= 0x800000;
  else
    exponent = 1;
  return {bits >> 31 ? -significand : significand, exponent - 127};
}

float nybl::emu::accumulateGroups(float c, const GroupTerm *groups,
                                  unsigned count, int unit) {
  bool nan = c != c;
  for (unsigned i = 0; i < count; ++i)
    nan |= groups[i].a.significand < 0 || groups[i].b.significand < 0;
  if (nan)
    return std::bit_cast<float>(canonicalNan);
  if (std::isinf(c))
    return c;
  FloatParts start = partsOf(c);
  int top = start.significand ? start.exponent : zeroExponent;
  for (unsigned i = 0; i < count; ++i)
    top = std::max(top, groups[i].a.exponent + groups[i].b.exponent);
  constexpr int fraction = 35;
  int quantum = top - fraction;
  int64_t sum = shifted(start.significand, start.exponent - 23 - quantum);
  for (unsigned i = 0; i < count; ++i) {
    const GroupTerm &g = groups[i];
    int64_t term = int64_t(g.dot) * g.a.significand * g.b.significand;
    if (term)
      sum += shifted(term, g.a.exponent + g.b.exponent + unit - 2 - quantum);
  }
  return truncated(sum, quantum);
}

/// sum * 2^exponent toward zero, for results that are normal numbers.
static float truncatedFast(int64_t sum, int exponent) {
  uint64_t magnitude = sum < 0 ? uint64_t(-sum) : uint64_t(sum);
  if (magnitude == 0)
    return 0.0f;
  int top = 63 - std::countl_zero(magnitude);
  int biased = top + exponent + 127;
  if (biased < 1 || biased > 254)
    return truncated(sum, exponent);
  uint64_t mantissa =
      top >= 23 ? magnitude >> (top - 23) : magnitude << (23 - top);
  uint32_t bits = uint32_t(sum < 0) << 31 | uint32_t(biased) << 23 |
                  (uint32_t(mantissa) & 0x7fffff);
  return std::bit_cast<float>(bits);
}

/// (|value| << up) >> down, with the sign of value: toward zero.
static int64_t aligned(int64_t value, int up, int down) {
  uint64_t magnitude = value < 0 ? uint64_t(-value) : uint64_t(value);
  auto kept = static_cast<int64_t>(magnitude << up >> std::min(down, 63));
  return value < 0 ? -kept : kept;
}

float nybl::emu::accumulateFourGroups(float c, const int32_t *dot,
                                      const int32_t *product,
                                      const int32_t *exponent) {
  uint32_t bits = std::bit_cast<uint32_t>(c);
  if ((bits >> 23 & 0xff) == 0xff)
    return c != c ? std::bit_cast<float>(canonicalNan) : c;
  FloatParts start = partsOf(c);
  int top = start.significand ? start.exponent : zeroExponent;
  for (unsigned k = 0; k < 4; ++k)
    top = std::max(top, exponent[k]);
  // A unit of the sum is 2^(top - 35); c has 23 fraction bits, a term 8.
  int64_t sum = aligned(start.significand, 12, top - start.exponent);
  for (unsigned k = 0; k < 4; ++k)
    sum += aligned(int64_t(dot[k]) * product[k], 27, top - exponent[k]);
  return truncatedFast(sum, top - 35);
}

float nybl::emu::accumulateProducts(float c, const float *a, const float *b,
                                    unsigned count) {
  double special = c;
  int top = zeroExponent - 200;
  FloatParts start = partsOf(c);
  if (start.significand)
    top = start.exponent;
  for (unsigned i = 0; i < count; ++i) {
    special += double(a[i]) * b[i];
    FloatParts x = partsOf(a[i]), y = partsOf(b[i]);
    if (x.significand && y.significand)
      top = std::max(top, x.exponent + y.exponent);
  }
  if (!std::isfinite(special))
    return std::isnan(special) ? std::bit_cast<float>(canonicalNan)
                               : static_cast<float>(special);
  constexpr int fraction = 25;
  int quantum = top - fraction;
  int64_t sum = shifted(start.significand, start.exponent - 23 - quantum);
  for (unsigned i = 0; i < count; ++i) {
    FloatParts x = partsOf(a[i]), y = partsOf(b[i]);
    sum += shifted(x.significand * y.significand,
                   x.exponent + y.exponent - 46 - quantum);
  }
  return truncated(sum, quantum);
}
