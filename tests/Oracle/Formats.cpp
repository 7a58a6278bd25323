// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The number formats of NVFP4: see Formats.h.
#include "tests/Oracle/Formats.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <limits>

namespace nybl::oracle {

static int bitWidth(UInt128 value) {
  int width = 0;
  for (; value != 0; value >>= 1)
    ++width;
  return width;
}

/// value / 2^shift to nearest, ties to even. shift > 0.
static UInt128 shiftRightRounded(UInt128 value, int shift) {
  if (shift > 126)
    return 0; // value < 2^120 is less than half a unit
  UInt128 quotient = value >> shift, one = 1;
  UInt128 rest = value & ((one << shift) - 1), half = one << (shift - 1);
  bool up = rest > half || (rest == half && (quotient & 1) != 0);
  return quotient + (up ? 1 : 0);
}

uint32_t roundToFormat(FloatFormat format, bool negative, UInt128 magnitude,
                       int exponent) {
  assert(magnitude >> 120 == 0 && "too large a magnitude");
  uint32_t sign =
      negative ? 1u << (format.exponentBits + format.fractionBits) : 0u;
  if (magnitude == 0)
    return sign;
  int lowestExponent = 2 - (1 << (format.exponentBits - 1));
  int leading = exponent + bitWidth(magnitude) - 1;
  int binade = std::max(leading, lowestExponent);
  if (binade > 1 - lowestExponent)
    return sign | (((1u << format.exponentBits) - 1) << format.fractionBits);

  int shift = binade - format.fractionBits - exponent;
  UInt128 significand =
      shift > 0 ? shiftRightRounded(magnitude, shift) : magnitude << -shift;
  // The significand's leading one, where there is one, and a carry out of the
  // rounding both add one to the exponent field, which is what they mean.
  uint32_t bits =
      (static_cast<uint32_t>(binade - lowestExponent) << format.fractionBits) +
      static_cast<uint32_t>(significand);
  return sign | bits;
}

uint32_t canonicalNan(FloatFormat format) {
  return (1u << (format.exponentBits + format.fractionBits)) - 1;
}

uint32_t encodeFloat(FloatFormat format, double value) {
  if (std::isnan(value))
    return canonicalNan(format);
  bool negative = std::signbit(value);
  if (std::isinf(value)) // one past every finite value
    return roundToFormat(format, negative, 1, 1 << format.exponentBits);
  int exponent = 0;
  double fraction = std::frexp(std::fabs(value), &exponent);
  auto significand = static_cast<uint64_t>(std::ldexp(fraction, 53));
  return roundToFormat(format, negative, significand, exponent - 53);
}

double decodeFloat(FloatFormat format, uint32_t bits) {
  uint32_t fraction = bits & ((1u << format.fractionBits) - 1);
  uint32_t allOnes = (1u << format.exponentBits) - 1;
  uint32_t field = (bits >> format.fractionBits) & allOnes;
  bool negative = (bits >> (format.fractionBits + format.exponentBits)) & 1;
  int lowestExponent = 2 - (1 << (format.exponentBits - 1));
  double value;
  if (field == allOnes)
    value = fraction != 0 ? std::numeric_limits<double>::quiet_NaN()
                          : std::numeric_limits<double>::infinity();
  else if (field == 0)
    value = std::ldexp(fraction, lowestExponent - format.fractionBits);
  else
    value = std::ldexp(fraction + (1u << format.fractionBits),
                       lowestExponent - format.fractionBits +
                           static_cast<int>(field) - 1);
  return negative ? -value : value;
}

static constexpr std::array<double, 8> e2m1Magnitudes = {0, 0.5, 1, 1.5,
                                                         2, 3,   4, 6};

/// 0x00 to 0x7e of e4m3.
static const std::array<double, 127> &e4m3Magnitudes() {
  static const std::array<double, 127> table = [] {
    std::array<double, 127> values{};
    for (int byte = 0; byte < 127; ++byte) {
      int field = byte >> 3, fraction = byte & 7;
      values[byte] = field == 0 ? std::ldexp(fraction, -9)
                                : std::ldexp(8 + fraction, field - 10);
    }
    return values;
  }();
  return table;
}

/// The index of the value nearest to x >= 0 in an ascending table that starts
/// at 0; a tie goes to the even index, whose last mantissa bit is 0. The two
/// differences are exact wherever they are close enough to matter.
template <size_t Size>
static uint8_t nearest(const std::array<double, Size> &table, double x) {
  if (x >= table.back())
    return Size - 1;
  size_t above =
      std::upper_bound(table.begin(), table.end(), x) - table.begin();
  size_t below = above - 1;
  double down = x - table[below], up = table[above] - x;
  if (down != up)
    return static_cast<uint8_t>(down < up ? below : above);
  return static_cast<uint8_t>(below % 2 == 0 ? below : above);
}

float decodeE2m1(uint8_t code) {
  double magnitude = e2m1Magnitudes[code & 7];
  return static_cast<float>((code & 8) != 0 ? -magnitude : magnitude);
}

uint8_t encodeE2m1(float value) {
  if (std::isnan(value))
    return 7;
  return nearest(e2m1Magnitudes, std::fabs(value)) |
         (std::signbit(value) ? 8 : 0);
}

float decodeE4m3(uint8_t byte) {
  if (isNanScale(byte))
    return std::numeric_limits<float>::quiet_NaN();
  double magnitude = e4m3Magnitudes()[byte & 0x7f];
  return static_cast<float>((byte & 0x80) != 0 ? -magnitude : magnitude);
}

uint8_t encodeE4m3(float value) {
  if (std::isnan(value))
    return 0x7f;
  return nearest(e4m3Magnitudes(), std::fabs(value)) |
         (std::signbit(value) ? 0x80 : 0);
}

float decodeUe4m3(uint8_t byte) { return decodeE4m3(byte & 0x7f); }

bool isNanScale(uint8_t byte) { return (byte & 0x7f) == 0x7f; }

} // namespace nybl::oracle
