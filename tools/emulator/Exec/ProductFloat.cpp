// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products of floating-point elements, sixteen outputs side by side: one body,
// compiled for the instruction sets worth having; the machine's best one runs.
// What is rare (infinities, NaN, exponents far from zero, results beyond normal
// numbers, other numeric models) is left to the scalar form in Mma.cpp.

#include "tools/emulator/Exec/Mma.h"
#include "tools/emulator/Exec/Narrow.h"
#include "tools/emulator/Exec/Product.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

using namespace nybl::emu;

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

static constexpr NarrowFormat e2m3Format{2, 3, 1, false, 0, 0x1f};
static constexpr NarrowFormat e3m2Format{3, 2, 3, false, 0, 0x1f};

unsigned nybl::emu::containerBytes(ElementFormat format) {
  switch (format) {
  case ElementFormat::F16:
  case ElementFormat::Bf16:
    return 2;
  case ElementFormat::Tf32:
    return 4;
  default:
    return 1;
  }
}

int nybl::emu::leastExponent(ElementFormat format) {
  switch (format) {
  case ElementFormat::F16:
  case ElementFormat::E5m2:
    return -14;
  case ElementFormat::Bf16:
  case ElementFormat::Tf32:
    return -126;
  case ElementFormat::E4m3:
    return -6;
  case ElementFormat::E3m2:
    return -2;
  case ElementFormat::E2m3:
  case ElementFormat::E2m1:
    return 0;
  }
  return 0;
}

float nybl::emu::decodeElement(ElementFormat format, uint32_t bits) {
  switch (format) {
  case ElementFormat::F16:
    return decodeNarrow(f16Format, bits & 0xffff);
  case ElementFormat::Bf16:
    return std::bit_cast<float>(bits << 16);
  case ElementFormat::Tf32:
    return std::bit_cast<float>(bits & 0xffffe000);
  case ElementFormat::E4m3:
    return decodeNarrow(e4m3Format, bits & 0xff);
  case ElementFormat::E5m2:
    return decodeNarrow(e5m2Format, bits & 0xff);
  case ElementFormat::E2m3:
    return decodeNarrow(e2m3Format, bits & 0x3f);
  case ElementFormat::E3m2:
    return decodeNarrow(e3m2Format, bits & 0x3f);
  case ElementFormat::E2m1:
    return decodeNarrow(e2m1Format, bits >> 2 & 15);
  }
  return 0;
}

/// Of the formats of one byte.
static const float *tableOf(ElementFormat format) {
  static const auto tables = [] {
    std::array<std::array<float, 256>, 8> all = {};
    for (unsigned f = 0; f < all.size(); ++f)
      for (uint32_t bits = 0; bits < 256; ++bits)
        all[f][bits] = decodeElement(static_cast<ElementFormat>(f), bits);
    return all;
  }();
  return tables[static_cast<unsigned>(format)].data();
}

/// Without branches, for the compiler's vectors; and without subnormal f32
/// numbers, which are slow: those of f16 are what is above 2^-14.
static float decodeF16(uint16_t bits) {
  constexpr uint32_t one = 1 << 23, bias = (127 - 15) * one;
  uint32_t magnitude = uint32_t(bits & 0x7fff) << 13;
  float small = std::bit_cast<float>(magnitude + bias + one) - 0x1p-14f;
  uint32_t result = magnitude + bias;
  result = (bits & 0x7c00) == 0x7c00 ? result + bias : result;
  result = (bits & 0x7c00) == 0 ? std::bit_cast<uint32_t>(small) : result;
  return std::bit_cast<float>(result | uint32_t(bits & 0x8000) << 16);
}

/// f of each container.
template <typename T, typename F>
static void decodeEach(const uint8_t *from, size_t count, float *to, F f) {
  for (size_t i = 0; i < count; ++i) {
    T bits;
    std::memcpy(&bits, from + i * sizeof(T), sizeof(T));
    to[i] = f(bits);
  }
}

void nybl::emu::decodeElements(ElementFormat format, const uint8_t *from,
                               size_t count, float *to) {
  switch (format) {
  case ElementFormat::F16:
    return decodeEach<uint16_t>(from, count, to, decodeF16);
  case ElementFormat::Bf16:
    return decodeEach<uint16_t>(from, count, to, [](uint16_t bits) {
      return std::bit_cast<float>(uint32_t(bits) << 16);
    });
  case ElementFormat::Tf32:
    return decodeEach<uint32_t>(from, count, to, [](uint32_t bits) {
      return std::bit_cast<float>(bits & 0xffffe000);
    });
  default: {
    const float *table = tableOf(format);
    return decodeEach<uint8_t>(from, count, to,
                               [table](uint8_t bits) { return table[bits]; });
  }
  }
}

uint16_t nybl::emu::roundToF16(float value) {
  return static_cast<uint16_t>(encodeNarrow(f16Format, value, false));
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

#define NYBL_ALWAYS __attribute__((always_inline))
#define NYBL_INLINE NYBL_ALWAYS inline

namespace {

constexpr unsigned mostDepth = 32, lanes = 16;

using Int32x16 = int32_t __attribute__((vector_size(64)));
using Float16 = float __attribute__((vector_size(64)));
using Int32x8 = int32_t __attribute__((vector_size(32)));
using Float8 = float __attribute__((vector_size(32)));
using Int64x8 = int64_t __attribute__((vector_size(64)));
using Double8 = double __attribute__((vector_size(64)));

/// MMA-Sim's exponent of a zero.
constexpr int32_t zeroExponent = -126;
/// Products of such elements are f32 numbers, of at most 22 bits.
constexpr int32_t mostExponent = 62;
/// Where the largest exponent is at least this, a product below the normal
/// numbers is cut off whatever it is, and alignment is a factor that f32 has.
constexpr int32_t leastTop = -90;
constexpr int32_t noExponent = 4096; ///< the least one of a vector of zeros

/// One operand: `count` vectors of `depth` elements.
struct Side {
  const float *values;
  unsigned count;
  const uint8_t *scales;
  size_t stride; ///< of its index in d
  int leastExponent;
};

/// A vector's elements and the exponents they align by; `plain`: none is too
/// large. Those that are count as zeros.
struct Elements {
  alignas(64) float value[mostDepth];
  alignas(64) int32_t exponent[mostDepth];
  int32_t least; ///< exponent, of those that are not zero
  bool plain;
};

void takeElements(const Side &side, unsigned index, unsigned depth,
                  Elements &to) {
  const float *from = side.values + size_t(index) * depth;
  const int32_t leastAligned = side.leastExponent;
  int32_t odd = 0, least = noExponent;
  for (unsigned k = 0; k < depth; ++k) {
    auto bits = std::bit_cast<uint32_t>(from[k]);
    int32_t exponent = static_cast<int32_t>(bits >> 23 & 255) - 127;
    int32_t zero = -int32_t((bits & 0x7fffffff) == 0);
    int32_t large = -int32_t(exponent > mostExponent);
    int32_t aligned = exponent > leastAligned ? exponent : leastAligned;
    int32_t orNone = zero ? noExponent : exponent;
    odd |= large;
    least = orNone < least ? orNone : least;
    to.value[k] = std::bit_cast<float>(bits & ~static_cast<uint32_t>(large));
    to.exponent[k] = (zero | large) ? zeroExponent : aligned;
  }
  to.least = least;
  to.plain = !odd;
}

/// Sixteen vectors of one side, side by side; and what meets them.
struct Work {
  alignas(64) float value[mostDepth][lanes];
  alignas(64) int32_t exponent[mostDepth][lanes];
  alignas(64) int32_t notPlain[lanes], least[lanes];
  alignas(64) int32_t scale[lanes]; ///< for the current vector of the others
  alignas(64) float d[lanes];       ///< accumulators, then results
  alignas(64) int32_t bad[lanes];   ///< results that are not to be used
  unsigned depth, fractionBits;
  bool toOdd, anyBad;
};

NYBL_INLINE Int32x16 select(const Int32x16 &mask, const Int32x16 &yes,
                            const Int32x16 &no) {
  return (mask & yes) | (~mask & no);
}

NYBL_INLINE Int32x16 clamped(const Int32x16 &v, int32_t low, int32_t high) {
  Int32x16 least = Int32x16{} + low, most = Int32x16{} + high;
  Int32x16 raised = select(v < least, least, v);
  return select(raised > most, most, raised);
}

template <unsigned Half>
NYBL_INLINE Int32x8 half(const Int32x16 &v) {
  if constexpr (Half == 0)
    return __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7);
  else
    return __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
}

/// The largest exponent of the products with one vector.
NYBL_INLINE void largestExponent(const Work &work, const Elements &other,
                                 Int32x16 &to) {
  to = Int32x16{} + 4 * zeroExponent;
  for (unsigned k = 0; k < work.depth; ++k) {
    Int32x16 e;
    std::memcpy(&e, work.exponent[k], sizeof e);
    e += other.exponent[k];
    to = e > to ? e : to;
  }
}

/// Sum of up to sixteen products times a factor, each toward zero: an integer
/// of at most 27 bits before the sum.
NYBL_INLINE void sumProducts(const Work &work, const Elements &other,
                             unsigned first, unsigned last,
                             const Float16 &factor, Int32x16 &to) {
  to = Int32x16{};
  for (unsigned k = first; k < last; ++k) {
    Float16 value;
    std::memcpy(&value, work.value[k], sizeof value);
    value = value * other.value[k] * factor;
    to += __builtin_convertvector(value, Int32x16);
  }
}

/// Eight sums times 2^quantum, truncated to so many fraction bits; what is cut
/// off sets the lowest bit of the result if it is to be odd.
template <unsigned Half>
NYBL_INLINE void roundHalf(const Work &work, const Int32x16 *sums,
                           const Int32x16 &quantum, Int32x8 *to,
                           Int32x8 *isNonzero) {
  Double8 sum = __builtin_convertvector(half<Half>(sums[0]), Double8) +
                __builtin_convertvector(half<Half>(sums[1]), Double8) +
                __builtin_convertvector(half<Half>(sums[2]), Double8);
  int64_t keep = ~((int64_t(1) << (52 - std::min(23u, work.fractionBits))) - 1);
  Double8 kept = (Double8)((Int64x8)sum & keep);
  Int64x8 power = __builtin_convertvector(half<Half>(quantum), Int64x8) + 1023;
  auto result =
      (Int32x8) __builtin_convertvector(kept * (Double8)(power << 52), Float8);
  if (work.toOdd)
    result |= __builtin_convertvector((Int64x8)(kept != sum), Int32x8) & 1;
  to[Half] = result;
  isNonzero[Half] = __builtin_convertvector((Int64x8)(sum != 0.0), Int32x8);
}

/// One vector of the other side with the sixteen: products and accumulators
/// aligned to the largest exponent, added, rounded.
NYBL_INLINE void multiplyLanes(Work &work, const Elements &other) {
  Int32x16 scale, c, top, least;
  std::memcpy(&scale, work.scale, sizeof scale);
  std::memcpy(&c, work.d, sizeof c);
  std::memcpy(&least, work.least, sizeof least);
  Int32x16 field = (c >> 23) & 255;
  Int32x16 bad = field == 255;
  Int32x16 start = select(field == 0, Int32x16{} + zeroExponent, field - 127);
  largestExponent(work, other, top);
  top += scale;
  top = select(start > top, start, top);
  auto fraction = static_cast<int32_t>(work.fractionBits);
  auto factorOf = [&](const Int32x16 &exponent) NYBL_ALWAYS {
    return (Float16)((clamped(exponent, -126, 127) + 127) << 23);
  };
  Float16 factor = factorOf(scale - top + fraction);
  Int32x16 sums[3];
  unsigned middle = std::min(work.depth, 16u); // 16 * 2^27 fits 32 bits
  sumProducts(work, other, 0, middle, factor, sums[0]);
  sumProducts(work, other, middle, work.depth, factor, sums[1]);
  auto finite = (Float16)(c & ~bad);
  sums[2] =
      __builtin_convertvector(finite * factorOf(fraction - top), Int32x16);
  Int32x8 results[2], nonzero[2];
  roundHalf<0>(work, sums, top - fraction, results, nonzero);
  roundHalf<1>(work, sums, top - fraction, results, nonzero);
  Int32x16 bits, isNonzero, notPlain;
  std::memcpy(&bits, results, sizeof bits);
  std::memcpy(&isNonzero, nonzero, sizeof isNonzero);
  std::memcpy(&notPlain, work.notPlain, sizeof notPlain);
  field = (bits >> 23) & 255;
  bad |= notPlain | (field == 255);
  bad |= isNonzero & (field < 2);
  // Terms that the factors cannot align.
  bad |= (top - scale < leastTop) & (least + other.least < leastTop);
  bad |= (top < leastTop) & ((c & 0x7fffffff) != 0);
  std::memcpy(work.d, &bits, sizeof bits);
  std::memcpy(work.bad, &bad, sizeof bad);
  int32_t any = 0;
  for (unsigned i = 0; i < lanes; ++i)
    any |= bad[i];
  work.anyBad = any != 0;
}

void lanesScalar(Work &work, const Elements &other) {
  multiplyLanes(work, other);
}
#if defined(__x86_64__)
__attribute__((target("avx2"))) void lanesAvx2(Work &work,
                                               const Elements &other) {
  multiplyLanes(work, other);
}
__attribute__((target("avx2,avx512f,avx512bw,avx512dq,avx512vl"))) void
lanesAvx512(Work &work, const Elements &other) {
  multiplyLanes(work, other);
}
#endif

using LanesFunction = void (*)(Work &, const Elements &);

LanesFunction lanesOf(VectorPath path) {
#if defined(__x86_64__)
  if (path == VectorPath::Avx512)
    return lanesAvx512;
  if (path == VectorPath::Avx2)
    return lanesAvx2;
#endif
  return lanesScalar;
}

class FloatProduct {
public:
  FloatProduct(const FloatTile &tile, NumericModel model, VectorPath path)
      : tile(tile), model(model), multiply(lanesOf(path)) {
    Side a{tile.a, tile.rows, tile.scalesA, tile.rowStride,
           leastExponent(tile.formatA)};
    Side b{tile.b, tile.columns, tile.scalesB, 1, leastExponent(tile.formatB)};
    // What fills the vectors better lies across them.
    bool rowsAcross = tile.columns % lanes && tile.rows % lanes == 0;
    across = rowsAcross ? a : b;
    along = rowsAcross ? b : a;
    work.depth = tile.depth;
    work.fractionBits = tile.fractionBits;
    work.toOdd = tile.halfResult;
  }

  void run() {
    std::vector<Elements> others(along.count);
    for (unsigned i = 0; i < along.count; ++i) {
      takeElements(along, i, tile.depth, others[i]);
      others[i].plain &= !isNan(along, i);
    }
    for (unsigned first = 0; first < across.count; first += lanes) {
      takeAcross(first);
      for (unsigned i = 0; i < along.count; ++i)
        multiplyOthers(first, i, others[i]);
    }
  }

private:
  void takeAcross(unsigned first) {
    count = std::min(lanes, across.count - first);
    Elements one;
    for (unsigned lane = 0; lane < lanes; ++lane) {
      bool there = lane < count;
      if (there)
        takeElements(across, first + lane, tile.depth, one);
      for (unsigned k = 0; k < tile.depth; ++k) {
        work.value[k][lane] = there ? one.value[k] : 0;
        work.exponent[k][lane] = there ? one.exponent[k] : zeroExponent;
      }
      bool plain = !there || (one.plain && !isNan(across, first + lane));
      work.notPlain[lane] = plain ? 0 : -1;
      work.least[lane] = there ? one.least : noExponent;
      work.d[lane] = 0;
      work.scale[lane] = 0;
    }
  }

  void multiplyOthers(unsigned first, unsigned i, const Elements &other) {
    float *d = tile.d + i * along.stride + first * across.stride;
    bool whole = count == lanes && across.stride == 1;
    if (whole)
      std::memcpy(work.d, d, sizeof work.d);
    for (unsigned lane = 0; !whole && lane < count; ++lane)
      work.d[lane] = d[lane * across.stride];
    for (unsigned lane = 0; across.scales && lane < count; ++lane)
      work.scale[lane] = across.scales[first + lane] + along.scales[i] - 254;
    multiply(work, other);
    bool usable = model == NumericModel::MmaSim && other.plain;
    if (usable && !work.anyBad && whole) {
      std::memcpy(d, work.d, sizeof work.d);
      return;
    }
    for (unsigned lane = 0; lane < count; ++lane) {
      float &to = d[lane * across.stride];
      to = usable && !work.bad[lane] ? work.d[lane]
                                     : multiplyOne(to, first + lane, i);
    }
  }

  /// One output as the scalar form has it.
  float multiplyOne(float c, unsigned x, unsigned i) const {
    int scale = 0;
    if (across.scales) {
      if (isNan(across, x) || isNan(along, i))
        return std::bit_cast<float>(0x7fffffff);
      scale = across.scales[x] + along.scales[i] - 254;
    }
    return accumulateProducts(
        c, across.values + size_t(x) * tile.depth,
        along.values + size_t(i) * tile.depth, tile.depth, scale,
        ProductRule{across.leastExponent, along.leastExponent,
                    tile.fractionBits, tile.halfResult},
        model);
  }

  static bool isNan(const Side &side, unsigned i) {
    return side.scales && side.scales[i] == 0xff;
  }

  const FloatTile &tile;
  NumericModel model;
  LanesFunction multiply;
  Side across, along;
  Work work;
  unsigned count = 0; ///< of lanes in use
};

VectorPath bestPath() {
  static const VectorPath best =
      isAvailable(VectorPath::Avx512) ? VectorPath::Avx512
      : isAvailable(VectorPath::Avx2) ? VectorPath::Avx2
                                      : VectorPath::Scalar;
  return best;
}

} // namespace

void nybl::emu::multiply(const FloatTile &tile, NumericModel model,
                         VectorPath path) {
  FloatProduct(tile, model, path).run();
}

void nybl::emu::multiply(const FloatTile &tile, NumericModel model) {
  multiply(tile, model, bestPath());
}
