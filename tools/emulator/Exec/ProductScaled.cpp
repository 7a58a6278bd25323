// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scaled e2m1 products in vectors of sixteen rows: one body, compiled for the
// instruction sets worth having; the machine's best one runs. Whatever is rare
// (NaN, infinities, results beyond normal numbers, other numeric models) is
// left to the scalar form in Mma.cpp.

#include "tools/emulator/Exec/Mma.h"
#include "tools/emulator/Exec/Product.h"
#include "tools/emulator/Exec/ProductSteps.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

using namespace nybl::emu;

namespace {

constexpr unsigned groups = ScaledTile::groups, words = ScaledTile::words;
constexpr unsigned rows = ScaledPanel::rows;
constexpr unsigned mostColumns = 8; ///< of one call of the body
constexpr int zeroExponent = -126;  ///< as decodeUe4m3 gives it

/// Scales as integers: value = significand * 2^(exponent + a constant).
struct ScaleTables {
  int32_t significand[2][256], exponent[2][256];
  double value[2][256]; ///< times the units of dot products, for B
};

const ScaleTables &scaleTables() {
  static const ScaleTables tables = [] {
    ScaleTables t;
    for (unsigned byte = 0; byte < 256; ++byte) {
      auto bits = static_cast<uint8_t>(byte);
      ScaleValue of[2] = {decodeUe4m3(bits), decodeUe8m0(bits)};
      for (unsigned f = 0; f < 2; ++f) {
        int unit = (f == 0 ? -6 : 0) - 2;
        t.significand[f][byte] = of[f].significand;
        t.exponent[f][byte] = of[f].exponent;
        t.value[f][byte] = std::ldexp(of[f].significand, of[f].exponent + unit);
      }
    }
    return t;
  }();
  return tables;
}

/// All that a panel's body works on.
struct Work {
  Work(const ScaledPanel &panel, unsigned firstColumn)
      : panel(panel), firstColumn(firstColumn),
        columns(std::min(mostColumns, panel.columns - firstColumn)) {}

  const ScaledPanel &panel;
  unsigned firstColumn, columns;
  alignas(64) int32_t dots[mostColumns][groups][rows];
  alignas(64) int32_t special[mostColumns][rows];
  alignas(64) float before[mostColumns][rows];
  bool anySpecial = false;
};

NYBL_INLINE Int32x16 select(const Int32x16 &mask, const Int32x16 &yes,
                            const Int32x16 &no) {
  return (mask & yes) | (~mask & no);
}

NYBL_INLINE bool isAny(const Int32x16 &v) {
  auto pairs = (Int64x8)v;
  int64_t any = 0;
  for (unsigned i = 0; i < 8; ++i)
    any |= pairs[i];
  return any != 0;
}

template <unsigned Half>
NYBL_INLINE Int32x8 half(const Int32x16 &v) {
  return Half == 0
             ? __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7)
             : __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
}

template <unsigned Half>
NYBL_INLINE Int64x8 widened(const Int32x16 &v) {
  return __builtin_convertvector(half<Half>(v), Int64x8);
}

/// (|value| << Up) >> down with the sign of value: toward zero.
template <unsigned Half, unsigned Up>
NYBL_INLINE Int64x8 aligned(const Int32x16 &value, const Int32x16 &down) {
  Int64x8 wide = widened<Half>(value), sign = wide >> 63;
  Int64x8 magnitude = (wide ^ sign) - sign;
  return (((magnitude << Up) >> widened<Half>(down)) ^ sign) - sign;
}

/// What is added to a nibble of A so that it has no sign.
constexpr int8_t bias = 12;

/// Two columns of B: even and odd elements of each word, and for each group
/// what the bias of A has added to its sum, negated.
struct ColumnPair {
  alignas(64) int32_t even[16], odd[16], excess[16];
};

template <typename Steps>
NYBL_INLINE void takePair(const uint32_t *from, unsigned count,
                          ColumnPair &to) {
  alignas(64) uint32_t both[16] = {};
  std::memcpy(both, from, count * words * sizeof(uint32_t));
  ElementBytes b;
  Steps::decode(both, b);
  Int8x64 all = Int8x64{} + bias;
  Int16x32 pairs = {};
  Int32x16 sums;
  Steps::addPairs(all, b.even, pairs);
  Steps::addPairs(all, b.odd, pairs);
  Steps::sumPairs(pairs, sums);
  auto wide = (Int64x8)sums; // words of one group
  auto excess = -(Int32x16)(wide + (wide >> 32));
  std::memcpy(to.even, &b.even, sizeof to.even);
  std::memcpy(to.odd, &b.odd, sizeof to.odd);
  std::memcpy(to.excess, &excess, sizeof to.excess);
}

/// Exact dot products of each group, in quarters.
template <typename Steps>
NYBL_INLINE void multiplyGroups(Work &work) {
  ElementBytes a[words];
  for (unsigned word = 0; word < words; ++word) {
    Steps::decode(work.panel.a[word], a[word]);
    a[word].even += bias;
    a[word].odd += bias;
  }
  for (unsigned n = 0; n < work.columns; n += 2) {
    unsigned count = std::min(2u, work.columns - n);
    ColumnPair b;
    takePair<Steps>(work.panel.b + (work.firstColumn + n) * words, count, b);
    auto splat = [](int32_t four)
                     NYBL_ALWAYS { return (Int8x64)(Int32x16{} + four); };
    for (unsigned i = 0; i < count; ++i)
      for (unsigned group = 0; group < groups; ++group) {
        unsigned first = 2 * group, at = i * words + first;
        Int16x32 sum = {};
        Int32x16 total;
        for (unsigned k = 0; k < 2; ++k) {
          Steps::addPairs(a[first + k].even, splat(b.even[at + k]), sum);
          Steps::addPairs(a[first + k].odd, splat(b.odd[at + k]), sum);
        }
        Steps::sumPairs(sum, total);
        total += b.excess[at]; // the low half of the sum of two words
        std::memcpy(work.dots[n + i][group], &total, sizeof total);
      }
  }
}

/// Scales of A, sixteen rows at a time.
struct RowScales {
  Int32x16 significand[groups], exponent[groups];
  Double8 value[groups][2];
  Int32x16 least; ///< exponent of a scale that is not zero
  Int32x16 isNan;
};

template <unsigned Half>
NYBL_INLINE Double8 scaleValue(const Int32x16 &significand,
                               const Int32x16 &exponent) {
  Int64x8 power = widened<Half>(exponent) + 1023;
  return __builtin_convertvector(half<Half>(significand), Double8) *
         (Double8)(power << 52);
}

constexpr int32_t noExponent = 1 << 12; ///< of a zero: never the least

NYBL_INLINE void takeScales(const ScaledPanel &panel, RowScales &to) {
  to.least = Int32x16{} + noExponent;
  to.isNan = Int32x16{};
  for (unsigned k = 0; k < groups; ++k) {
    Uint8x16 bytes;
    std::memcpy(&bytes, panel.scalesA[k], sizeof bytes);
    Int32x16 byte = __builtin_convertvector(bytes, Int32x16), nan, significand,
             exponent;
    if (panel.format == ScaleFormat::Ue4m3) {
      Int32x16 field = (byte >> 3) & 15, fraction = byte & 7;
      Int32x16 isNormal = field != 0;
      nan = (byte & 127) == 127;
      significand = fraction + (isNormal & 8);
      exponent = select(
          isNormal, field - 7,
          select(fraction != 0, Int32x16{} - 6, Int32x16{} + zeroExponent));
    } else {
      nan = byte == 255;
      significand = Int32x16{} + 1;
      exponent = byte - 127;
    }
    to.significand[k] = select(nan, Int32x16{} - 1, significand);
    to.exponent[k] = select(nan, Int32x16{}, exponent);
    to.isNan |= nan;
    to.value[k][0] = scaleValue<0>(significand, exponent);
    to.value[k][1] = scaleValue<1>(significand, exponent);
    Int32x16 isLess = (significand != 0) & (exponent < to.least);
    to.least = select(isLess, exponent, to.least);
  }
}

/// Sums of one column where alignment loses nothing of any term: |sum| has at
/// most 51 bits, so it is exact as a double, in any order. Whatever is not so,
/// or is special, gets a nonzero entry in `bad`.
template <unsigned TermShift>
NYBL_INLINE void sumColumn(Work &work, unsigned n, const RowScales &a,
                           Int32x16 &bad) {
  const ScaledPanel &panel = work.panel;
  const ScaleTables &tables = scaleTables();
  unsigned format = static_cast<unsigned>(panel.format);
  const uint8_t *scales = panel.scalesB + (work.firstColumn + n) * groups;
  float *d = panel.d[work.firstColumn + n];
  Int32x16 c;
  Float8 start[2];
  std::memcpy(&c, d, sizeof c);
  std::memcpy(start, d, sizeof start);
  std::memcpy(work.before[n], d, sizeof c);
  Int32x16 field = (c >> 23) & 255;
  Int32x16 exponent = select(field == 0, Int32x16{} + 1, field) - 127;
  Int32x16 top = exponent;
  Double8 low = __builtin_convertvector(start[0], Double8);
  Double8 high = __builtin_convertvector(start[1], Double8);
  int32_t least = noExponent, nan = 0;
  for (unsigned k = 0; k < groups; ++k) {
    int32_t exponentB = tables.exponent[format][scales[k]];
    int32_t significandB = tables.significand[format][scales[k]];
    double valueB = tables.value[format][scales[k]];
    least = std::min(least, significandB ? exponentB : noExponent);
    nan |= significandB;
    Int32x16 sum = a.exponent[k] + exponentB;
    top = select(sum > top, sum, top);
    Int32x16 dot;
    std::memcpy(&dot, work.dots[n][k], sizeof dot);
    low += __builtin_convertvector(half<0>(dot), Double8) *
           (a.value[k][0] * valueB);
    high += __builtin_convertvector(half<1>(dot), Double8) *
            (a.value[k][1] * valueB);
  }
  auto truncated = [](const Double8 &sum) NYBL_ALWAYS {
    return __builtin_convertvector(
        (Double8)((Int64x8)sum & ~int64_t(0x1fffffff)), Float8);
  };
  Float8 results[2] = {truncated(low), truncated(high)};
  Int32x16 bits;
  std::memcpy(&bits, results, sizeof bits);
  Int32x16 resultField = (bits >> 23) & 255;
  Int32x16 isLost = (top > a.least + (least + int32_t(TermShift))) |
                    ((top - exponent > 12) & ((c & 0x7fffffff) != 0));
  // A result that is zero, tiny or infinite is looked at again.
  bad = isLost | (field == 255) | (resultField == 255) |
        ((resultField < 2) & (bits != 0));
  bad |= a.isNan | (Int32x16{} - (nan < 0));
  std::memcpy(d, &bits, sizeof bits);
}

/// Sums of one column as they are defined: c and the four groups, aligned to
/// the largest exponent with 35 fraction bits, added, truncated to f32. A term
/// has 8 fraction bits, or 2 with ue8m0; c has 23.
template <unsigned TermShift>
NYBL_INLINE void alignColumn(Work &work, unsigned n, const RowScales &a) {
  const ScaledPanel &panel = work.panel;
  const ScaleTables &tables = scaleTables();
  unsigned format = static_cast<unsigned>(panel.format);
  const uint8_t *scales = panel.scalesB + (work.firstColumn + n) * groups;
  Int32x16 c;
  std::memcpy(&c, work.before[n], sizeof c);
  Int32x16 field = (c >> 23) & 255, fraction = c & 0x7fffff;
  Int32x16 isNormal = field != 0,
           significand = fraction | (isNormal & 0x800000);
  Int32x16 exponent = select(isNormal, field, Int32x16{} + 1) - 127;
  significand = select(c < 0, -significand, significand);
  Int32x16 top = select(significand != 0, exponent, Int32x16{} - 126);
  Int32x16 special = field == 255;
  Int32x16 terms[groups], exponents[groups];
  for (unsigned k = 0; k < groups; ++k) {
    int32_t significandB = tables.significand[format][scales[k]];
    Int32x16 dot;
    std::memcpy(&dot, work.dots[n][k], sizeof dot);
    terms[k] = dot * (a.significand[k] * significandB);
    exponents[k] = a.exponent[k] + tables.exponent[format][scales[k]];
    top = select(exponents[k] > top, exponents[k], top);
    special |= a.isNan | (Int32x16{} + -(significandB < 0));
  }
  auto distance = [&](const Int32x16 &from) NYBL_ALWAYS {
    Int32x16 down = top - from;
    return select(down > 63, Int32x16{} + 63, down);
  };
  Int32x16 down = distance(exponent);
  Int64x8 low = aligned<0, 12>(significand, down);
  Int64x8 high = aligned<1, 12>(significand, down);
  for (unsigned k = 0; k < groups; ++k) {
    down = distance(exponents[k]);
    low += aligned<0, TermShift>(terms[k], down);
    high += aligned<1, TermShift>(terms[k], down);
  }
  // |sum| < 2^51: exact as a double, by way of 1.5 * 2^52.
  auto rounded = [](const Int64x8 &sum, const Int64x8 &scale) NYBL_ALWAYS {
    Double8 value = (Double8)(sum + 0x4338000000000000) - 0x1.8p52;
    value *= (Double8)((scale + (1023 - 35)) << 52);
    Int64x8 kept = (Int64x8)value & ~int64_t(0x1fffffff);
    return __builtin_convertvector((Double8)kept, Float8);
  };
  Float8 results[2] = {rounded(low, widened<0>(top)),
                       rounded(high, widened<1>(top))};
  Int32x16 bits;
  std::memcpy(&bits, results, sizeof bits);
  Int32x8 nonzero[2] = {__builtin_convertvector(low != 0, Int32x8),
                        __builtin_convertvector(high != 0, Int32x8)};
  Int32x16 isNonzero;
  std::memcpy(&isNonzero, nonzero, sizeof isNonzero);
  Int32x16 resultField = (bits >> 23) & 255;
  special |= (resultField == 255) | ((resultField < 2) & isNonzero);
  std::memcpy(panel.d[work.firstColumn + n], &bits, sizeof bits);
  std::memcpy(work.special[n], &special, sizeof special);
  work.anySpecial |= isAny(special);
}

template <typename Steps, unsigned TermShift>
NYBL_INLINE void panelBody(Work &work) {
  multiplyGroups<Steps>(work);
  RowScales a;
  takeScales(work.panel, a);
  Int32x16 bad[mostColumns], any = {};
  for (unsigned n = 0; n < work.columns; ++n) {
    sumColumn<TermShift>(work, n, a, bad[n]);
    any |= bad[n];
  }
  if (!isAny(any))
    return;
  std::memset(work.special, 0, sizeof work.special);
  for (unsigned n = 0; n < work.columns; ++n)
    if (isAny(bad[n]))
      alignColumn<TermShift>(work, n, a);
}

template <typename Steps>
NYBL_INLINE void formatBody(Work &work) {
  if (work.panel.format == ScaleFormat::Ue4m3)
    panelBody<Steps, 27>(work);
  else
    panelBody<Steps, 33>(work);
}

/// One output as the scalar form has it.
float multiplyOne(const Work &work, unsigned n, unsigned row,
                  NumericModel model) {
  const ScaledPanel &panel = work.panel;
  bool ue4m3 = panel.format == ScaleFormat::Ue4m3;
  auto decode = ue4m3 ? decodeUe4m3 : decodeUe8m0;
  GroupTerm terms[groups];
  for (unsigned k = 0; k < groups; ++k)
    terms[k] = {work.dots[n][k][row], decode(panel.scalesA[k][row]),
                decode(panel.scalesB[(work.firstColumn + n) * groups + k])};
  return accumulate(work.before[n][row], terms, groups, ue4m3 ? -6 : 0, model);
}

void finishSpecial(Work &work, NumericModel model) {
  bool all = model != NumericModel::MmaSim;
  for (unsigned n = 0; n < work.columns; ++n)
    for (unsigned row = 0; row < rows; ++row)
      if (all || work.special[n][row])
        work.panel.d[work.firstColumn + n][row] =
            multiplyOne(work, n, row, model);
}

//===----------------------------------------------------------------------===//
// Fragments
//===----------------------------------------------------------------------===//

/// Lane 4 g + t of a register of A or C belongs to row g or g + 8 and to word
/// or column t.
struct Lanes {
  Int32x16 low, high;
};

NYBL_INLINE Lanes lanesOf(const uint32_t *from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

/// Lanes 4 g + First, then lanes 4 g + First + 1.
template <int First>
NYBL_INLINE Int32x16 everyFourth(const Lanes &v) {
  constexpr int f = First;
  return __builtin_shufflevector(v.low, v.high, f, f + 4, f + 8, f + 12, f + 16,
                                 f + 20, f + 24, f + 28, f + 1, f + 5, f + 9,
                                 f + 13, f + 17, f + 21, f + 25, f + 29);
}

NYBL_INLINE void putHalves(const Int32x16 &x, const Int32x16 &y, void *first,
                           void *second) {
  Int32x16 one = __builtin_shufflevector(x, y, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17,
                                         18, 19, 20, 21, 22, 23);
  Int32x16 two = __builtin_shufflevector(x, y, 8, 9, 10, 11, 12, 13, 14, 15, 24,
                                         25, 26, 27, 28, 29, 30, 31);
  std::memcpy(first, &one, sizeof one);
  std::memcpy(second, &two, sizeof two);
}

/// Sixteen rows of each t, from the registers of the upper and lower eight;
/// they lie `Apart` rows of `to` from each other.
template <unsigned Apart, typename T>
NYBL_INLINE void takeRows(const uint32_t *upper, const uint32_t *lower,
                          T (*to)[rows]) {
  Lanes u = lanesOf(upper), l = lanesOf(lower);
  putHalves(everyFourth<0>(u), everyFourth<0>(l), to[0], to[Apart]);
  putHalves(everyFourth<2>(u), everyFourth<2>(l), to[2 * Apart], to[3 * Apart]);
}

/// The way back: one register, of the eight rows of each t at `from`.
template <unsigned Apart>
NYBL_INLINE void putRows(const float (*from)[rows], uint32_t *upper,
                         uint32_t *lower) {
  Int32x16 t[4];
  for (unsigned i = 0; i < 4; ++i)
    std::memcpy(&t[i], from[i * Apart], sizeof t[i]);
  alignas(64) Int32x16 pairs[4];
  putHalves(t[0], t[1], &pairs[0], &pairs[2]);
  putHalves(t[2], t[3], &pairs[1], &pairs[3]);
  uint32_t *to[2] = {upper, lower};
  for (unsigned i = 0; i < 2; ++i) {
    const Int32x16 &x = pairs[2 * i], &y = pairs[2 * i + 1];
    Lanes lanes = {__builtin_shufflevector(x, y, 0, 8, 16, 24, 1, 9, 17, 25, 2,
                                           10, 18, 26, 3, 11, 19, 27),
                   __builtin_shufflevector(x, y, 4, 12, 20, 28, 5, 13, 21, 29,
                                           6, 14, 22, 30, 7, 15, 23, 31)};
    std::memcpy(to[i], &lanes, sizeof lanes);
  }
}

/// Lane 4 n + t of register r of B holds word 4 r + t of column n.
NYBL_INLINE void takeColumns(const ScaledFragments &f, uint32_t *to) {
  Lanes x = lanesOf(f.b[0]), y = lanesOf(f.b[1]);
  const Int32x16 *first[2] = {&x.low, &x.high}, *second[2] = {&y.low, &y.high};
  for (unsigned i = 0; i < 2; ++i) {
    const Int32x16 &p = *first[i], &q = *second[i];
    Int32x16 columns[2] = {
        __builtin_shufflevector(p, q, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7,
                                20, 21, 22, 23),
        __builtin_shufflevector(p, q, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14,
                                15, 28, 29, 30, 31)};
    std::memcpy(to + 32 * i, columns, sizeof columns);
  }
}

/// Rows 0 to 7 have their scales in lanes 4 g + 2 threadA, rows 8 to 15 in the
/// next ones; column n in lane 4 n + threadB.
NYBL_INLINE void takeFragmentScales(const ScaledFragments &f,
                                    uint8_t (*a)[rows], uint8_t *b) {
  Lanes lanes = lanesOf(f.scaleA);
  Int32x16 ofRow = f.threadA ? everyFourth<2>(lanes) : everyFourth<0>(lanes);
  for (unsigned k = 0; k < groups; ++k) {
    Uint8x16 bytes = __builtin_convertvector(
        (ofRow >> static_cast<int32_t>(f.bitsA[k])) & 255, Uint8x16);
    std::memcpy(a[k], &bytes, sizeof bytes);
  }
  for (unsigned n = 0; n < mostColumns; ++n)
    for (unsigned k = 0; k < groups; ++k)
      b[n * groups + k] =
          static_cast<uint8_t>(f.scaleB[4 * n + f.threadB] >> f.bitsB[k]);
}

template <typename Steps>
NYBL_INLINE void fragmentsBody(const ScaledFragments &f, NumericModel model) {
  alignas(64) uint32_t a[words][rows], b[mostColumns * words];
  alignas(64) float d[mostColumns][rows];
  alignas(64) uint8_t scalesA[groups][rows], scalesB[mostColumns * groups];
  takeRows<1>(f.a[0], f.a[1], a);
  takeRows<1>(f.a[2], f.a[3], a + 4);
  takeColumns(f, b);
  takeFragmentScales(f, scalesA, scalesB);
  takeRows<2>(f.c[0], f.c[2], d);
  takeRows<2>(f.c[1], f.c[3], d + 1);
  ScaledPanel panel{mostColumns, a, scalesA, b, scalesB, f.format, d};
  Work work(panel, 0);
  formatBody<Steps>(work);
  if (work.anySpecial || model != NumericModel::MmaSim)
    finishSpecial(work, model);
  putRows<2>(d, f.d[0], f.d[2]);
  putRows<2>(d + 1, f.d[1], f.d[3]);
}

//===----------------------------------------------------------------------===//
// By instruction set
//===----------------------------------------------------------------------===//

struct Functions {
  void (*panel)(Work &);
  void (*fragments)(const ScaledFragments &, NumericModel);
};

void panelScalar(Work &work) { formatBody<ScalarSteps>(work); }
void fragmentsScalar(const ScaledFragments &f, NumericModel model) {
  fragmentsBody<ScalarSteps>(f, model);
}
#if defined(__x86_64__)
NYBL_AVX2 void panelAvx2(Work &work) { formatBody<Avx2Steps>(work); }
NYBL_AVX2 void fragmentsAvx2(const ScaledFragments &f, NumericModel model) {
  fragmentsBody<Avx2Steps>(f, model);
}
NYBL_AVX512 void panelAvx512(Work &work) { formatBody<Avx512Steps>(work); }
NYBL_AVX512 void fragmentsAvx512(const ScaledFragments &f, NumericModel model) {
  fragmentsBody<Avx512Steps>(f, model);
}
#endif

Functions functionsOf(VectorPath path) {
#if defined(__x86_64__)
  if (path == VectorPath::Avx512)
    return {panelAvx512, fragmentsAvx512};
  if (path == VectorPath::Avx2)
    return {panelAvx2, fragmentsAvx2};
#endif
  return {panelScalar, fragmentsScalar};
}

VectorPath bestPath() {
  static const VectorPath best =
      isAvailable(VectorPath::Avx512) ? VectorPath::Avx512
      : isAvailable(VectorPath::Avx2) ? VectorPath::Avx2
                                      : VectorPath::Scalar;
  return best;
}

} // namespace

bool nybl::emu::isAvailable(VectorPath path) {
#if defined(__x86_64__)
  if (path == VectorPath::Avx2)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (path == VectorPath::Avx512)
    return __builtin_cpu_supports("avx2") &&
           __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
#endif
  return path == VectorPath::Scalar;
}

void nybl::emu::multiply(const ScaledPanel &panel, NumericModel model,
                         VectorPath path) {
  auto body = functionsOf(path).panel;
  for (unsigned n = 0; n < panel.columns; n += mostColumns) {
    Work work(panel, n);
    body(work);
    if (work.anySpecial || model != NumericModel::MmaSim)
      finishSpecial(work, model);
  }
}

void nybl::emu::multiply(const ScaledPanel &panel, NumericModel model) {
  multiply(panel, model, bestPath());
}

void nybl::emu::multiply(const ScaledFragments &fragments, NumericModel model,
                         VectorPath path) {
  functionsOf(path).fragments(fragments, model);
}

void nybl::emu::multiply(const ScaledFragments &fragments, NumericModel model) {
  static const auto body = functionsOf(bestPath()).fragments;
  body(fragments, model);
}

void nybl::emu::multiply(const ScaledTile &tile, NumericModel model) {
  std::vector<float> columns(size_t(tile.columns) * rows);
  auto d = reinterpret_cast<float (*)[rows]>(columns.data());
  for (unsigned first = 0; first < tile.rows; first += rows) {
    unsigned count = std::min(rows, tile.rows - first);
    uint32_t a[words][rows] = {};
    uint8_t scalesA[groups][rows] = {};
    for (unsigned row = 0; row < count; ++row) {
      for (unsigned word = 0; word < words; ++word)
        a[word][row] = tile.a[(first + row) * words + word];
      for (unsigned k = 0; k < groups; ++k)
        scalesA[k][row] = tile.scalesA[(first + row) * groups + k];
      for (unsigned n = 0; n < tile.columns; ++n)
        d[n][row] = tile.d[(first + row) * tile.rowStride + n];
    }
    multiply(ScaledPanel{tile.columns, a, scalesA, tile.b, tile.scalesB,
                         tile.format, d},
             model);
    for (unsigned row = 0; row < count; ++row)
      for (unsigned n = 0; n < tile.columns; ++n)
        tile.d[(first + row) * tile.rowStride + n] = d[n][row];
  }
}
