// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Alignment, truncation, exact sums.

#include "tools/emulator/Exec/Mma.h"
#include "tools/emulator/Exec/ExactSum.h"

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

static ExactTerm termOf(float value) {
  FloatParts parts = partsOf(value);
  return {parts.significand, parts.exponent - 23};
}

/// sum + term, rounded once; an infinity stays.
static float addRounded(float sum, const ExactTerm &term) {
  if (std::isinf(sum))
    return sum;
  ExactSum exact;
  exact.add(termOf(sum));
  exact.add(term);
  return exact.rounded();
}

/// The models that have no alignment, of finite numbers.
static float sumOf(float c, const ExactTerm *terms, unsigned count,
                   NumericModel model) {
  if (model == NumericModel::Sequential) {
    for (unsigned i = 0; i < count; ++i)
      c = addRounded(c, terms[i]);
    return c;
  }
  if (model == NumericModel::Reversed) {
    float sum = 0;
    for (unsigned i = count; i-- > 0;)
      sum = addRounded(sum, terms[i]);
    return addRounded(sum, termOf(c));
  }
  ExactSum wide;
  wide.add(termOf(c));
  for (unsigned i = 0; i < count; ++i)
    wide.add(terms[i]);
  return wide.rounded();
}

static float canonical(float value) {
  return value != value ? std::bit_cast<float>(canonicalNan) : value;
}

float nybl::emu::accumulate(float c, const GroupTerm *groups, unsigned count,
                            int unit, NumericModel model) {
  if (model == NumericModel::MmaSim)
    return accumulateGroups(c, groups, count, unit);
  ExactTerm terms[8];
  for (unsigned i = 0; i < count; ++i) {
    const GroupTerm &g = groups[i];
    if (g.a.significand < 0 || g.b.significand < 0)
      return std::bit_cast<float>(canonicalNan);
    terms[i] = {int64_t(g.dot) * g.a.significand * g.b.significand,
                g.a.exponent + g.b.exponent + unit - 2};
  }
  return std::isfinite(c) ? sumOf(c, terms, count, model) : canonical(c);
}

/// Keeps so many fraction bits of a normal number, toward zero.
static float cut(float value, unsigned fractionBits) {
  if (fractionBits >= 23)
    return value;
  uint32_t keep = ~((1u << (23 - fractionBits)) - 1);
  return std::bit_cast<float>(std::bit_cast<uint32_t>(value) & keep);
}

/// By which an element aligns.
static int alignmentOf(float value, int leastExponent) {
  return value == 0 ? zeroExponent
                    : std::max(partsOf(value).exponent, leastExponent);
}

/// MMA-Sim's sum of finite numbers.
static float alignedProducts(float c, const float *a, const float *b,
                             unsigned count, int scale,
                             const ProductRule &rule) {
  FloatParts start = partsOf(c);
  int top = start.significand ? start.exponent : zeroExponent;
  for (unsigned i = 0; i < count; ++i)
    top = std::max(top, alignmentOf(a[i], rule.leastExponentA) +
                            alignmentOf(b[i], rule.leastExponentB) + scale);
  int quantum = top - static_cast<int>(rule.fractionBits);
  int64_t sum = shifted(start.significand, start.exponent - 23 - quantum);
  for (unsigned i = 0; i < count; ++i) {
    FloatParts x = partsOf(a[i]), y = partsOf(b[i]);
    sum += shifted(x.significand * y.significand,
                   x.exponent + y.exponent + scale - 46 - quantum);
  }
  float result = cut(truncated(sum, quantum), rule.fractionBits);
  bool exact = std::ldexp(static_cast<double>(sum), quantum) == result;
  if (rule.toOdd && !exact && std::isfinite(result))
    result = std::bit_cast<float>(std::bit_cast<uint32_t>(result) | 1);
  return result;
}

float nybl::emu::accumulateProducts(float c, const float *a, const float *b,
                                    unsigned count, int scale,
                                    const ProductRule &rule,
                                    NumericModel model) {
  double special = c; // finite numbers cannot exceed a double
  ExactTerm terms[64];
  for (unsigned i = 0; i < count; ++i) {
    special += double(a[i]) * b[i];
    FloatParts x = partsOf(a[i]), y = partsOf(b[i]);
    terms[i] = {x.significand * y.significand,
                x.exponent + y.exponent - 46 + scale};
  }
  if (!std::isfinite(special))
    return canonical(static_cast<float>(special));
  if (model == NumericModel::MmaSim)
    return alignedProducts(c, a, b, count, scale, rule);
  return sumOf(c, terms, count, model);
}
