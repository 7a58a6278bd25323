// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The GEMM oracle: integers first, then the models of Gemm.h.
#include "tests/Oracle/Gemm.h"

#include "tests/Oracle/Formats.h"
#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdlib>
#include <fmt/format.h>
#include <limits>

namespace nybl::oracle {

static constexpr int64_t groupsPerStep = 4;

std::string_view name(Model model) {
  switch (model) {
  case Model::Exact:
    return "exact";
  case Model::StepExact:
    return "step-exact";
  case Model::MmaSim:
    return "mma-sim";
  case Model::Sequential:
    return "sequential";
  case Model::Reversed:
    return "reversed";
  }
  return "unknown";
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

namespace {
/// A ue4m3 byte as significand * 2^(exponent - 3); significand < 16.
struct ScaleParts {
  int significand, exponent;
};

/// A matrix as small integers: codes in halves, scales in units of 2^-9.
struct IntegerMatrix {
  explicit IntegerMatrix(const QuantizedMatrix &matrix);
  const int16_t *row(int64_t r) const { return &halves[r * k]; }
  const int32_t *scaleRow(int64_t r) const { return &scaleUnits[r * blocks]; }
  const uint8_t *byteRow(int64_t r) const { return &scaleBytes[r * blocks]; }

  int64_t k, blocks;
  std::vector<int16_t> halves;     ///< [rows][k], 2 * value
  std::vector<int32_t> scaleUnits; ///< [rows][blocks], scale * 2^9, NaN as 0
  std::vector<uint8_t> scaleBytes; ///< [rows][blocks], without the sign bit
  std::vector<bool> rowHasNan;
};

/// Everything that one output is made of.
struct Product {
  std::span<const int32_t> quarterDots; ///< 4 * dot of each group
  const int32_t *scaleUnitsA, *scaleUnitsB;
  const uint8_t *scaleBytesA, *scaleBytesB;

  int64_t groups() const { return static_cast<int64_t>(quarterDots.size()); }
  /// The term of one group in units of 2^-2 * 2^-9 * 2^-9 = 2^-20.
  int64_t term(int64_t g) const {
    return int64_t(scaleUnitsA[g]) * scaleUnitsB[g] * quarterDots[g];
  }
};
} // namespace

/// Zero has exponent -126 in this model: it never leads the alignment.
static ScaleParts partsOf(uint8_t byte) {
  int field = byte >> 3, fraction = byte & 7;
  if (byte == 0)
    return {0, -126};
  return field == 0 ? ScaleParts{fraction, -6}
                    : ScaleParts{8 + fraction, field - 7};
}

IntegerMatrix::IntegerMatrix(const QuantizedMatrix &matrix)
    : k(matrix.k), blocks(matrix.blocks()), rowHasNan(matrix.rows) {
  halves.reserve(matrix.rows * k);
  for (int64_t r = 0; r < matrix.rows; ++r) {
    for (int64_t c = 0; c < k; ++c)
      halves.push_back(static_cast<int16_t>(2 * decodeE2m1(matrix.code(r, c))));
    for (int64_t b = 0; b < blocks; ++b) {
      uint8_t byte = matrix.scale(r, b);
      if (isNanScale(byte))
        rowHasNan[r] = true;
      scaleBytes.push_back(isNanScale(byte) ? 0 : byte & 0x7f);
      scaleUnits.push_back(
          static_cast<int32_t>(std::ldexp(decodeUe4m3(scaleBytes.back()), 9)));
    }
  }
}

static int32_t quarterDot(const int16_t *a, const int16_t *b) {
  int32_t sum = 0;
  for (int64_t i = 0; i < kScaleBlock; ++i)
    sum += int32_t(a[i]) * b[i];
  return sum;
}

static Status checkMatrix(std::string_view which, const QuantizedMatrix &m) {
  if (m.rows < 0 || m.k < kScaleBlock || m.k > kLargestK ||
      m.k % kScaleBlock != 0)
    return Status::invalid(fmt::format(
        "expected {} with rows >= 0 and K a multiple of 16 from 16 to {}, got "
        "rows = {}, K = {}",
        which, kLargestK, m.rows, m.k));
  size_t elements = static_cast<size_t>(m.rows) * static_cast<size_t>(m.k);
  if (m.codes.size() != elements / 2 ||
      m.scales.size() != elements / kScaleBlock)
    return Status::invalid(fmt::format(
        "expected {} code bytes and {} scales in {} of {} x {}, got {} and {}",
        elements / 2, elements / kScaleBlock, which, m.rows, m.k,
        m.codes.size(), m.scales.size()));
  return Status::ok();
}

static Status check(const QuantizedMatrix &a, const QuantizedMatrix &b) {
  if (Status status = checkMatrix("A", a); !status)
    return status;
  if (Status status = checkMatrix("B", b); !status)
    return status;
  if (a.k != b.k)
    return Status::invalid(
        fmt::format("expected A and B to have one K, got {} and {}", a.k, b.k));
  return Status::ok();
}

/// Calls value(product) for every output without NaN and puts nan elsewhere.
/// B's rows are the outer loop: all of A stays in the cache.
template <typename T, typename Fn>
static Expected<Grid<T>> forEachOutput(const QuantizedMatrix &a,
                                       const QuantizedMatrix &b, T nan,
                                       Fn value) {
  if (Status status = check(a, b); !status)
    return status;
  IntegerMatrix ia(a), ib(b);
  Grid<T> grid{a.rows, b.rows, std::vector<T>(a.rows * b.rows, nan)};
  std::vector<int32_t> dots(a.blocks());
  for (int64_t n = 0; n < b.rows; ++n)
    for (int64_t m = 0; m < a.rows; ++m) {
      if (ia.rowHasNan[m] || ib.rowHasNan[n])
        continue;
      for (int64_t g = 0; g < a.blocks(); ++g)
        dots[g] = quarterDot(ia.row(m) + g * kScaleBlock,
                             ib.row(n) + g * kScaleBlock);
      grid.values[m * b.rows + n] = value(Product{
          dots, ia.scaleRow(m), ib.scaleRow(n), ia.byteRow(m), ib.byteRow(n)});
    }
  return grid;
}

//===----------------------------------------------------------------------===//
// Accumulation models
//===----------------------------------------------------------------------===//

/// To nearest even: the conversion rounds, the scaling is exact.
static float toF32(int64_t units) {
  return std::ldexp(static_cast<float>(units), -20);
}

static int64_t exactSum(const Product &product) {
  int64_t sum = 0;
  for (int64_t g = 0; g < product.groups(); ++g)
    sum += product.term(g);
  return sum;
}

static float stepExact(const Product &product) {
  float c = 0;
  for (int64_t first = 0; first < product.groups(); first += groupsPerStep) {
    int64_t last = std::min(first + groupsPerStep, product.groups());
    auto sum = static_cast<int64_t>(std::ldexp(c, 20)); // whole units, always
    for (int64_t g = first; g < last; ++g)
      sum += product.term(g);
    c = toF32(sum);
  }
  return c;
}

static float sequential(const Product &product, bool reversed) {
  float c = 0;
  for (int64_t first = 0; first < product.groups(); first += groupsPerStep) {
    int64_t last = std::min(first + groupsPerStep, product.groups());
    for (int64_t g = first; g < last; ++g)
      c += toF32(product.term(reversed ? first + last - 1 - g : g));
  }
  return c;
}

namespace {
/// significand * 2^unit, aligned as if its leading place were 2^exponent.
struct AlignedTerm {
  int64_t significand = 0;
  int unit = 0, exponent = -126;
};
} // namespace

static AlignedTerm alignedTerm(float c) {
  if (c == 0)
    return {};
  int exponent = std::max(std::ilogb(c), -126);
  return {static_cast<int64_t>(std::ldexp(c, 23 - exponent)), exponent - 23,
          exponent};
}

static AlignedTerm alignedTerm(const Group &group) {
  ScaleParts a = partsOf(group.scaleA), b = partsOf(group.scaleB);
  int exponent = a.exponent + b.exponent;
  return {int64_t(group.quarterDot) * a.significand * b.significand,
          exponent - 2 - 3 - 3, exponent};
}

/// significand * 2^shift, truncated toward zero.
static int64_t shiftTruncated(int64_t significand, int shift) {
  if (shift >= 0)
    return significand * (int64_t(1) << shift);
  return shift < -62 ? 0 : significand / (int64_t(1) << -shift);
}

/// units * 2^unit truncated toward zero to 24 significant bits and to f32's
/// smallest place, 2^-149.
static float truncateToF32(int64_t units, int unit) {
  int width = 0;
  for (uint64_t magnitude = std::llabs(units); magnitude >> width != 0;)
    ++width;
  int dropped = std::max({0, width - 24, -149 - unit});
  int64_t kept = shiftTruncated(units, -dropped);
  return std::ldexp(static_cast<float>(kept), unit + dropped);
}

float mmaSimStep(float c, std::span<const Group> groups) {
  assert(std::isfinite(c) && groups.size() <= groupsPerStep);
  constexpr int fractionBits = 35;
  AlignedTerm terms[1 + groupsPerStep];
  terms[0] = alignedTerm(c);
  int largest = terms[0].exponent;
  for (size_t g = 0; g < groups.size(); ++g) {
    terms[1 + g] = alignedTerm(groups[g]);
    largest = std::max(largest, terms[1 + g].exponent);
  }
  int unit = largest - fractionBits;
  int64_t sum = 0;
  for (const AlignedTerm &term : terms)
    if (term.significand != 0)
      sum += shiftTruncated(term.significand, term.unit - unit);
  return truncateToF32(sum, unit);
}

static float mmaSim(const Product &product) {
  float c = 0;
  for (int64_t first = 0; first < product.groups(); first += groupsPerStep) {
    Group step[groupsPerStep]; // groups past the last stay zero
    int64_t count = std::min(groupsPerStep, product.groups() - first);
    for (int64_t g = 0; g < count; ++g)
      step[g] = {product.quarterDots[first + g], product.scaleBytesA[first + g],
                 product.scaleBytesB[first + g]};
    c = mmaSimStep(c, step);
  }
  return c;
}

static float accumulateOne(const Product &product, Model model) {
  switch (model) {
  case Model::Exact:
    return toF32(exactSum(product));
  case Model::StepExact:
    return stepExact(product);
  case Model::MmaSim:
    return mmaSim(product);
  case Model::Sequential:
    return sequential(product, /*reversed=*/false);
  case Model::Reversed:
    return sequential(product, /*reversed=*/true);
  }
  return std::numeric_limits<float>::quiet_NaN();
}

Expected<Grid<ExactSum>> exactSums(const QuantizedMatrix &a,
                                   const QuantizedMatrix &b) {
  return forEachOutput(a, b, ExactSum{0, true}, [](const Product &product) {
    return ExactSum{exactSum(product), false};
  });
}

Expected<Grid<float>> accumulate(const QuantizedMatrix &a,
                                 const QuantizedMatrix &b, Model model) {
  return forEachOutput(a, b, std::numeric_limits<float>::quiet_NaN(),
                       [model](const Product &product) {
                         return accumulateOne(product, model);
                       });
}

//===----------------------------------------------------------------------===//
// Outputs
//===----------------------------------------------------------------------===//

static FloatFormat formatOf(OutputType type) {
  switch (type) {
  case OutputType::BF16:
    return kBf16;
  case OutputType::F16:
    return kF16;
  case OutputType::F32:
    break;
  }
  return kF32;
}

int64_t elementBytes(OutputType type) {
  return type == OutputType::F32 ? 4 : 2;
}

uint32_t elementBits(OutputType type, std::span<const uint8_t> bytes,
                     int64_t index) {
  int64_t width = elementBytes(type);
  uint32_t bits = 0;
  for (int64_t i = 0; i < width; ++i)
    bits |= uint32_t(bytes[index * width + i]) << (8 * i);
  return bits;
}

double decodeElement(OutputType type, uint32_t bits) {
  return decodeFloat(formatOf(type), bits);
}

static void append(GemmOutput &output, uint32_t bits) {
  for (int64_t i = 0; i < elementBytes(output.type); ++i)
    output.bytes.push_back(static_cast<uint8_t>(bits >> (8 * i)));
}

GemmOutput finish(const Grid<float> &accumulators, float alpha,
                  OutputType type) {
  GemmOutput output{type, accumulators.rows, accumulators.cols, {}};
  for (float accumulator : accumulators.values) {
    float scaled = alpha * accumulator;
    append(output, encodeFloat(formatOf(type), scaled));
  }
  return output;
}

Expected<GemmOutput> gemm(const QuantizedMatrix &a, const QuantizedMatrix &b,
                          float alpha, OutputType type, Model model) {
  Expected<Grid<float>> accumulators = accumulate(a, b, model);
  if (!accumulators)
    return accumulators.status();
  return finish(*accumulators, alpha, type);
}

/// Elements first .. first + count - 1 of each row.
static QuantizedMatrix columnsOf(const QuantizedMatrix &m, int64_t first,
                                 int64_t count) {
  QuantizedMatrix result(m.rows, count);
  for (int64_t row = 0; row < m.rows; ++row) {
    for (int64_t i = 0; i < count; ++i)
      result.setCode(row, i, m.code(row, first + i));
    for (int64_t i = 0; i < result.blocks(); ++i)
      result.setScale(row, i, m.scale(row, first / kScaleBlock + i));
  }
  return result;
}

Expected<GemmOutput> gemmOfParts(const QuantizedMatrix &a,
                                 const QuantizedMatrix &b, float alpha,
                                 OutputType type, Model model,
                                 int64_t partElements) {
  if (partElements <= 0 || partElements % kScaleBlock != 0)
    return Status::invalid("expected parts of a positive multiple of 16");
  if (partElements >= a.k)
    return gemm(a, b, alpha, type, model);
  Grid<float> sum;
  for (int64_t first = 0; first < a.k; first += partElements) {
    int64_t count = std::min(partElements, a.k - first);
    Expected<Grid<float>> own = accumulate(columnsOf(a, first, count),
                                           columnsOf(b, first, count), model);
    if (!own)
      return own.status();
    sum.rows = own->rows, sum.cols = own->cols;
    sum.values.resize(own->values.size());
    for (size_t i = 0; i < sum.values.size(); ++i)
      sum.values[i] += own->values[i];
  }
  return finish(sum, alpha, type);
}

Expected<GemmOutput> gemmExact(const QuantizedMatrix &a,
                               const QuantizedMatrix &b, float alpha,
                               OutputType type) {
  return gemm(a, b, alpha, type, Model::Exact);
}

/// A finite alpha times a sum: both are integers times a power of two.
static uint32_t roundProductOnce(FloatFormat format, float alpha,
                                 int64_t units) {
  int exponent = 0;
  float fraction = std::frexp(std::fabs(alpha), &exponent);
  auto significand = static_cast<uint32_t>(std::ldexp(fraction, 24));
  UInt128 magnitude =
      UInt128(significand) * static_cast<uint64_t>(std::llabs(units));
  return roundToFormat(format, std::signbit(alpha) != (units < 0), magnitude,
                       exponent - 24 - 20);
}

Expected<GemmOutput> gemmRoundedOnce(const QuantizedMatrix &a,
                                     const QuantizedMatrix &b, float alpha,
                                     OutputType type) {
  Expected<Grid<ExactSum>> sums = exactSums(a, b);
  if (!sums)
    return sums.status();
  FloatFormat format = formatOf(type);
  GemmOutput output{type, a.rows, b.rows, {}};
  for (ExactSum sum : sums->values) {
    if (sum.isNan)
      append(output, canonicalNan(format));
    else if (!std::isfinite(alpha))
      append(output, encodeFloat(format, double(alpha) * double(sum.units)));
    else
      append(output, roundProductOnce(format, alpha, sum.units));
  }
  return output;
}

} // namespace nybl::oracle
