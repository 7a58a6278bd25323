// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rounding against oracles that share nothing with the executor: the values of
// a narrow format are listed by its definition, and the result of a conversion
// or an operation is found by searching that list with exact comparisons.

#include "tests/Emulator/ExecVector.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

//===----------------------------------------------------------------------===//
// Formats by their definition
//===----------------------------------------------------------------------===//

struct Listed {
  double value;
  uint32_t code;
};

struct Format {
  const char *name;
  int exponentBits, mantissaBits;
  int special; ///< 0: all finite, 1: one NaN at the top, 2: IEEE
  unsigned signBit;
  std::vector<Listed> values{}; ///< of sign 0, ascending, finite
};

Format list(Format f) {
  int bias = (1 << (f.exponentBits - 1)) - 1;
  uint32_t count = 1u << (f.exponentBits + f.mantissaBits);
  for (uint32_t code = 0; code < count; ++code) {
    uint32_t exponent = code >> f.mantissaBits;
    uint32_t mantissa = code - (exponent << f.mantissaBits);
    if (f.special == 1 && code == count - 1)
      continue;
    if (f.special == 2 && exponent == (1u << f.exponentBits) - 1)
      continue;
    double unit = std::pow(2.0, -f.mantissaBits);
    double value = exponent == 0 ? mantissa * unit * std::pow(2.0, 1 - bias)
                                 : (1 + mantissa * unit) *
                                       std::pow(2.0, int(exponent) - bias);
    f.values.push_back({value, code});
  }
  return f;
}

/// `exact` compares the magnitude to be rounded with a value: -1, 0, 1.
template <typename Compare>
uint32_t nearest(const Format &f, bool negative, Compare exact,
                 bool satfinite) {
  uint32_t sign = negative ? 1u << f.signBit : 0;
  size_t above = 0, n = f.values.size();
  {
    size_t low = 0, high = n;
    while (low < high) {
      size_t middle = (low + high) / 2;
      exact(f.values[middle].value) > 0 ? low = middle + 1 : high = middle;
    }
    above = low; // the first value not below
  }
  if (above < n && exact(f.values[above].value) == 0)
    return sign | f.values[above].code;
  double below = f.values[above - 1].value;
  double next = above < n ? f.values[above].value
                          : below + (below - f.values[n - 2].value);
  int side = exact((below + next) / 2);
  bool up = side > 0 || (side == 0 && f.values[above - 1].code & 1);
  if (above == n && (up || satfinite)) // the top: infinity, or the largest
    return sign | (satfinite ? f.values[n - 1].code : f.values[n - 1].code + 1);
  return sign | (up ? f.values[above].code : f.values[above - 1].code);
}

uint32_t nearestTo(const Format &f, double v, bool satfinite) {
  return nearest(
      f, std::signbit(v),
      [&](double x) { return std::fabs(v) < x ? -1 : std::fabs(v) > x; },
      satfinite);
}

const Format &format(const std::string &name) {
  static const std::vector<Format> all = {
      list({"f16", 5, 10, 2, 15}),  list({"bf16", 8, 7, 2, 15}),
      list({"e4m3x2", 4, 3, 1, 7}), list({"e5m2x2", 5, 2, 2, 7}),
      list({"e2m1x2", 2, 1, 0, 3}), list({"e2m3x2", 2, 3, 0, 5}),
      list({"e3m2x2", 3, 2, 0, 5})};
  return *std::find_if(all.begin(), all.end(),
                       [&](const Format &f) { return f.name == name; });
}

/// All values, all midpoints and their neighbours in f32, and random ones.
std::vector<uint32_t> interesting(const Format &f) {
  std::vector<uint32_t> bits;
  auto add = [&](double v) {
    auto x = static_cast<float>(v);
    for (float y : {x, std::nextafter(x, 0.0f), std::nextafter(x, INFINITY)})
      if (std::isfinite(y)) {
        bits.push_back(std::bit_cast<uint32_t>(y));
        bits.push_back(std::bit_cast<uint32_t>(-y));
      }
  };
  size_t step = f.values.size() > 4096 ? 37 : 1;
  for (size_t i = 0; i + 1 < f.values.size(); i += step) {
    add(f.values[i].value);
    add((f.values[i].value + f.values[i + 1].value) / 2);
  }
  double top = f.values.back().value,
         unit = top - f.values[f.values.size() - 2].value;
  for (double k : {0.0, 0.25, 0.5, 0.75, 1.0, 3.0})
    add(top + k * unit);
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i)
    if (uint32_t b = random(); (b & 0x7f800000) != 0x7f800000)
      bits.push_back(b);
  if (bits.size() % 2)
    bits.push_back(0);
  return bits;
}

float f32(uint32_t bits) { return std::bit_cast<float>(bits); }

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

TEST(Reference, PairsFromF32) {
  for (const char *name : {"e4m3x2", "e5m2x2", "e2m3x2", "e3m2x2", "e2m1x2"}) {
    const Format &f = format(name);
    std::vector<uint32_t> in = interesting(f);
    bool four = std::string(name) == "e2m1x2";
    std::string body =
        four ? "{ .reg .b8 %b; cvt.rn.satfinite.e2m1x2.f32 %b, %r0, %r1; "
               "mov.b16 %h1, {%b, 0}; }"
             : "cvt.rn.satfinite." + std::string(name) + ".f32 %h1, %r0, %r1;";
    auto out = runRows(body + " cvt.u32.u16 %r10, %h1;", in, 2, 1);
    ASSERT_EQ(out.size(), in.size() / 2) << name;
    unsigned stride = four ? 4 : 8;
    for (size_t i = 0; i < out.size(); ++i)
      ASSERT_EQ(out[i], nearestTo(f, f32(in[2 * i]), true) << stride |
                            nearestTo(f, f32(in[2 * i + 1]), true))
          << name << " " << f32(in[2 * i]) << " " << f32(in[2 * i + 1]);
  }
}

TEST(Reference, HalvesFromF32) {
  for (std::string name : {"f16", "bf16"})
    for (bool satfinite : {false, true}) {
      const Format &f = format(name);
      std::vector<uint32_t> in = interesting(f);
      std::string q = satfinite ? "cvt.rn.satfinite." : "cvt.rn.";
      auto out = runRows(q + name + "x2.f32 %r10, %r0, %r1; " + q + name +
                             ".f32 %h1, %r0; cvt.u32.u16 %r11, %h1;",
                         in, 2, 2);
      for (size_t i = 0; i + 1 < out.size(); i += 2) {
        uint32_t a = nearestTo(f, f32(in[i]), satfinite);
        ASSERT_EQ(out[i], a << 16 | nearestTo(f, f32(in[i + 1]), satfinite))
            << name << " " << f32(in[i]) << " " << f32(in[i + 1]);
        ASSERT_EQ(out[i + 1], a);
      }
    }
}

/// Every code of every narrow format, both ways.
TEST(Reference, AllCodesToF16AndF32) {
  std::vector<uint32_t> codes(65536);
  for (uint32_t i = 0; i < 65536; ++i)
    codes[i] = i;
  for (std::string name : {"f16", "bf16"}) {
    auto out = runRows("cvt.u16.u32 %h1, %r0; cvt.f32." + name + " %r10, %h1;",
                       codes, 1, 1);
    const Format &f = format(name);
    for (const Listed &v : f.values) {
      ASSERT_EQ(f32(out[v.code]), float(v.value)) << name << v.code;
      ASSERT_EQ(f32(out[v.code | 0x8000]), -float(v.value));
    }
  }
  const Format &f16 = format("f16");
  for (std::string name : {"e4m3x2", "e5m2x2", "e2m3x2", "e3m2x2"}) {
    auto out =
        runRows("cvt.u16.u32 %h1, %r0; cvt.rn.f16x2." + name + " %r10, %h1;",
                codes, 1, 1);
    const Format &f = format(name);
    for (const Listed &high : f.values)
      for (const Listed &low : f.values)
        ASSERT_EQ(out[high.code << 8 | low.code | 1u << f.signBit],
                  nearestTo(f16, high.value, false) << 16 |
                      nearestTo(f16, -low.value, false))
            << name;
  }
}

/// f32 to integers against comparisons in long double.
TEST(Reference, F32ToIntegers) {
  std::vector<uint32_t> in = interesting(format("bf16"));
  auto out = runRows("cvt.rni.s32.f32 %r10, %r0; cvt.rzi.s32.f32 %r11, %r0; "
                     "cvt.rmi.s32.f32 %r12, %r0; cvt.rpi.s32.f32 %r13, %r0; "
                     "cvt.rzi.u32.f32 %r14, %r0; cvt.rni.s8.f32 %r15, %r0;",
                     in, 1, 6);
  auto clamped = [](long double v, long double low, long double high) {
    return static_cast<int64_t>(std::min(std::max(v, low), high));
  };
  for (size_t i = 0; i < in.size(); ++i) {
    long double v = f32(in[i]), down = floorl(v), up = ceill(v);
    long double even = v - down < up - v     ? down
                       : v - down > up - v   ? up
                       : fmodl(down, 2) == 0 ? down
                                             : up;
    long double zero = v < 0 ? up : down;
    uint32_t *o = &out[6 * i];
    ASSERT_EQ(int32_t(o[0]), clamped(even, INT32_MIN, INT32_MAX)) << double(v);
    ASSERT_EQ(int32_t(o[1]), clamped(zero, INT32_MIN, INT32_MAX));
    ASSERT_EQ(int32_t(o[2]), clamped(down, INT32_MIN, INT32_MAX));
    ASSERT_EQ(int32_t(o[3]), clamped(up, INT32_MIN, INT32_MAX));
    ASSERT_EQ(o[4], clamped(zero, 0, UINT32_MAX));
    ASSERT_EQ(int32_t(o[5]), clamped(even, -128, 127));
  }
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

/// f16 in units of 2^-48, where every product and sum is a whole number.
__int128 units(uint32_t bits, int scale) {
  int exponent = bits >> 10 & 31;
  __int128 mantissa = bits & 0x3ff;
  if (exponent)
    mantissa |= 0x400;
  // In units of 2^-24: mantissa * 2^(max(exponent, 1) - 1).
  mantissa <<= std::max(exponent, 1) - 1;
  mantissa <<= scale;
  return bits & 0x8000 ? -mantissa : mantissa;
}

TEST(Reference, F16Arithmetic) {
  std::mt19937 random(11);
  std::vector<uint32_t> in;
  for (int i = 0; i < 3 * 20000; ++i) {
    uint32_t b = random() & 0xffff;
    in.push_back((b & 0x7c00) == 0x7c00 ? b & 0x83ff : b);
  }
  auto out = runRows(
      "cvt.u16.u32 %h0, %r0; cvt.u16.u32 %h1, %r1; cvt.u16.u32 %h2, %r2; "
      "add.rn.f16 %h3, %h0, %h1; mul.rn.f16 %h4, %h0, %h1; "
      "fma.rn.f16 %h5, %h0, %h1, %h2; sub.f16 %h6, %h0, %h1; "
      "cvt.u32.u16 %r10, %h3; cvt.u32.u16 %r11, %h4; cvt.u32.u16 %r12, %h5; "
      "cvt.u32.u16 %r13, %h6;",
      in, 3, 4);
  const Format &f = format("f16");
  auto rounded = [&](__int128 v, bool zeroSign) {
    bool negative = v < 0 || (v == 0 && zeroSign);
    __int128 magnitude = v < 0 ? -v : v;
    return nearest(
        f, negative,
        [&](double x) {
          auto exact = static_cast<__int128>(std::ldexp(x, 49)); // of midpoints
          return 2 * magnitude < exact ? -1 : 2 * magnitude > exact;
        },
        false);
  };
  for (size_t i = 0; i < in.size() / 3; ++i) {
    uint32_t a = in[3 * i], b = in[3 * i + 1], c = in[3 * i + 2];
    __int128 x = units(a, 24), y = units(b, 24), z = units(c, 24);
    __int128 product = units(a, 0) * units(b, 0);
    bool minus = (a ^ b) & 0x8000;
    ASSERT_EQ(out[4 * i], rounded(x + y, a & b & 0x8000)) << a << " " << b;
    ASSERT_EQ(out[4 * i + 1], rounded(product, minus)) << a << " " << b;
    ASSERT_EQ(out[4 * i + 2], rounded(product + z, minus && c & 0x8000))
        << a << " " << b << " " << c;
    ASSERT_EQ(out[4 * i + 3], rounded(x - y, a & ~b & 0x8000));
  }
}

/// The f32 that a mode gives: found from the sign of exact(candidate) - v.
template <typename Excess>
float directed(float guess, char mode, Excess excess) {
  // excess(x) is the sign of x minus the exact result.
  while (excess(guess) > 0)
    guess = std::nextafter(guess, -INFINITY);
  while (excess(std::nextafter(guess, INFINITY)) <= 0)
    guess = std::nextafter(guess, INFINITY);
  // guess is the largest value not above.
  if (excess(guess) == 0 || mode == 'm' || (mode == 'z' && guess >= 0))
    return guess;
  return std::nextafter(guess, INFINITY);
}

TEST(Reference, F32RoundingModes) {
  std::mt19937 random(13);
  std::vector<uint32_t> in;
  for (int i = 0; i < 2 * 3000; ++i)
    in.push_back((random() & 0x80ffffff) + ((96 + random() % 62) << 23) -
                 ((random() & 1) << 22));
  for (char mode : {'z', 'm', 'p'}) {
    std::string r = std::string(".r") + mode + ".f32 ";
    auto out = runRows("add" + r + "%r10, %r0, %r1; mul" + r +
                           "%r11, %r0, %r1; div" + r +
                           "%r12, %r0, %r1; abs.f32 "
                           "%r2, %r0; sqrt" +
                           r + "%r13, %r2;",
                       in, 2, 4);
    for (size_t i = 0; i < in.size() / 2; ++i) {
      // Sums and products of these are exact in 64 bits of mantissa or differ
      // from every f32 by more than their error.
      long double a = f32(in[2 * i]), b = f32(in[2 * i + 1]);
      auto sign = [](long double v) { return v < 0 ? -1 : v > 0; };
      auto sum = [&](float x) { return sign((long double)(x)-a - b); };
      auto product = [&](float x) { return sign((long double)(x)-a * b); };
      auto quotient = [&](float x) { return sign(x * b - a) * sign(b); };
      auto root = [&](float x) {
        return x < 0 ? -1 : sign((long double)(x)*x - fabsl(a));
      };
      auto same = [&](float got, float expected) {
        ASSERT_EQ(got, expected)
            << mode << " " << double(a) << " " << double(b);
      };
      if (std::fabs(std::log2(fabsl(a / b))) < 38)
        same(f32(out[4 * i]), directed(float(a + b), mode, sum));
      same(f32(out[4 * i + 1]), directed(float(a * b), mode, product));
      same(f32(out[4 * i + 2]), directed(float(a / b), mode, quotient));
      same(f32(out[4 * i + 3]), directed(float(sqrtl(fabsl(a))), mode, root));
    }
  }
}

/// Bit operations for random words, one bit at a time.
TEST(Reference, FieldsAndShifts) {
  std::mt19937 random(17);
  std::vector<uint32_t> in;
  for (int i = 0; i < 4000; ++i) {
    in.push_back(random());
    in.push_back(random());
    in.push_back(random() % 70);
    in.push_back(random() % 70);
  }
  auto out = runRows("bfe.u32 %r10, %r0, %r2, %r3; bfe.s32 %r11, %r0, %r2, "
                     "%r3; bfi.b32 %r12, %r0, %r1, %r2, %r3; shf.l.clamp.b32 "
                     "%r13, %r0, %r1, %r2; lop3.b32 %r14, %r0, %r1, %r2, 0x96; "
                     "bmsk.clamp.b32 %r15, %r2, %r3; szext.clamp.s32 %r16, "
                     "%r0, %r3;",
                     in, 4, 7);
  for (size_t row = 0; row < in.size() / 4; ++row) {
    uint32_t a = in[4 * row], b = in[4 * row + 1], at = in[4 * row + 2],
             n = in[4 * row + 3], want[7] = {};
    for (uint32_t i = 0; i < 32; ++i) {
      auto bit = [](uint32_t v, uint32_t k) { return k < 32 ? v >> k & 1 : 0; };
      auto put = [&](int k, uint32_t v) { want[k] |= v << i; };
      bool inside = i >= at && i < at + n;
      put(0, i < n ? bit(a, at + i) : 0);
      uint32_t sign = n == 0 ? 0 : bit(a, std::min(at + n - 1, 31u));
      put(1, i < n && at + i < 32 ? bit(a, at + i) : sign);
      put(2, inside ? bit(a, i - at) : bit(b, i));
      uint32_t shift = std::min(at, 32u);
      put(3, i >= shift ? bit(b, i - shift) : bit(a, 32 + i - shift));
      put(4, bit(a, i) ^ bit(b, i) ^ bit(at, i));
      put(5, inside);
      put(6, i < n || n >= 32 ? bit(a, i) : n == 0 ? 0 : bit(a, n - 1));
    }
    for (int k = 0; k < 7; ++k)
      ASSERT_EQ(out[7 * row + k], want[k])
          << k << ": " << a << " " << b << " " << at << " " << n;
  }
}

} // namespace
