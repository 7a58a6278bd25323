// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cvt.rs to four narrow values against a search through all values of the
// format.

#include "tests/Emulator/ExecFixture.h"

#include <bit>
#include <cmath>

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

struct Format {
  const char *name;
  int mantissaBits, bias;
  uint32_t largest, nan, stride;
  unsigned randomBits;
};

constexpr Format formats[] = {{"e4m3x4", 3, 7, 0x7e, 0x7f, 8, 16},
                              {"e5m2x4", 2, 15, 0x7b, 0x7f, 8, 16},
                              {"e2m3x4", 3, 1, 0x1f, 0x1f, 8, 16},
                              {"e3m2x4", 2, 3, 0x1f, 0x1f, 8, 16},
                              {"e2m1x4", 1, 1, 0x07, 0x07, 4, 8}};

double magnitudeOf(const Format &f, uint32_t code) {
  int exponent = static_cast<int>(code >> f.mantissaBits);
  double fraction =
      std::ldexp(code & ((1u << f.mantissaBits) - 1), -f.mantissaBits);
  return exponent ? std::ldexp(1 + fraction, exponent - f.bias)
                  : std::ldexp(fraction, 1 - f.bias);
}

uint32_t rounded(const Format &f, float v, uint32_t random, bool relu) {
  if (std::isnan(v))
    return f.nan;
  if (relu && v < 0)
    v = 0;
  uint32_t signBit = f.stride == 4 ? 8 : f.largest == 0x1f ? 0x20 : 0x80;
  uint32_t sign = std::signbit(v) && !(relu && v == 0) ? signBit : 0;
  double a = std::fabs(v);
  uint32_t code = f.largest;
  while (magnitudeOf(f, code) > a)
    --code;
  if (code == f.largest)
    return sign | code;
  double low = magnitudeOf(f, code), high = magnitudeOf(f, code + 1);
  double chances = std::ldexp(1, static_cast<int>(f.randomBits));
  bool up = std::floor((a - low) / (high - low) * chances) + random >= chances;
  return sign | (code + up);
}

/// The words of PTX ISA 9.7.9.21 on rbits.
uint32_t randomOf(const Format &f, uint32_t bits, unsigned k) {
  uint32_t upper = bits >> 16, lower = bits & 0xffff;
  if (f.stride == 8)
    return k < 2 ? upper : lower;
  uint32_t half = k % 2 ? lower : upper;
  return k < 2 ? half >> 8 : half & 0xff;
}

constexpr unsigned threads = 256;

/// Each thread's four values and random bits.
std::vector<uint32_t> inputs() {
  std::vector<uint32_t> words;
  uint32_t state = 12345;
  auto next = [&] { return state = state * 1664525 + 1013904223; };
  const float special[] = {0.0f,    -0.0f, INFINITY, -INFINITY, NAN,
                           448.0f,  -449,  57344,    7.5f,      6,
                           0.0001f, 28,    -0.25f,   65000,     1e-30f};
  for (unsigned i = 0; i < threads * 8; ++i) {
    if (i % 8 < 4 && i < 8 * std::size(special))
      words.push_back(std::bit_cast<uint32_t>(special[(i / 8 + i) % 15]));
    else if (i % 8 < 4) // from 2^-20 to 2^11
      words.push_back((next() & 0x807fffff) | (107 + (next() >> 16) % 32)
                                                  << 23);
    else
      words.push_back(next() ^ next() >> 15);
  }
  return words;
}

std::string kernelFor(const Format &f, bool relu) {
  std::string to = f.stride == 4 ? "%h1" : "%r50";
  std::string ptx = kernelText(
      "  mov.u32 %r1, %tid.x;\n  mul.wide.u32 %d1, %r1, 32;\n"
      "  add.u64 %d1, %in, %d1;\n"
      "  ld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%d1];\n"
      "  ld.global.b32 %r2, [%d1+16];\n  cvt.rs" +
      std::string(relu ? ".relu" : "") + ".satfinite." + f.name + ".f32 " + to +
      ", {%f1, %f2, %f3, %f4}, %r2;\n" +
      (f.stride == 4 ? "  cvt.u32.u16 %r50, %h1;\n" : "") + storeOwn);
  ptx.replace(ptx.find("sm_120a"), 7, "sm_100a");
  return ptx;
}

TEST(Stochastic, FourValues) {
  const std::vector<uint32_t> words = inputs();
  for (const Format &f : formats)
    for (bool relu : {false, true}) {
      Machine m;
      m.chip = findChip("sm_100a");
      uint64_t in = m.upload(words);
      uint64_t out = m.upload(std::vector<uint32_t>(threads));
      ASSERT_EQ(m.run(kernelFor(f, relu), threads, in, out), "");
      ASSERT_TRUE(m.result.reports.empty()) << m.result.reports[0].text();
      std::vector<uint32_t> got = m.read(out, threads);
      for (unsigned t = 0; t < threads; ++t) {
        uint32_t want = 0;
        for (unsigned k = 0; k < 4; ++k) {
          auto v = std::bit_cast<float>(words[8 * t + k]);
          uint32_t random = randomOf(f, words[8 * t + 4], k);
          want = want << f.stride | rounded(f, v, random, relu);
        }
        EXPECT_EQ(got[t], want) << f.name << ", relu " << relu << ", " << t;
      }
    }
}

/// A mark on any value or on the random bits marks the result.
TEST(Stochastic, MarksSpread) {
  for (unsigned marked : {0, 3, 4, 5}) {
    Machine m;
    m.chip = findChip("sm_100a");
    uint64_t in = m.upload(inputs()), out = m.upload({0});
    m.memory.setPoison(in + 4 * marked, 4, true);
    ASSERT_EQ(m.run(kernelFor(formats[0], false), 1, in, out), "");
    EXPECT_EQ(m.result.reports.empty(), marked == 5) << marked;
  }
}

} // namespace
