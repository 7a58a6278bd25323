// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Formats against stated vectors and against CUDA's own host code, bit for bit.
#include "tests/Oracle/Formats.h"
#include "tests/Oracle/CudaFormats.h"
#include "tests/Oracle/Data.h"

#include <bit>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace nybl::oracle;

static constexpr float infinity = std::numeric_limits<float>::infinity();
static constexpr float notANumber = std::numeric_limits<float>::quiet_NaN();

TEST(Formats, E2m1DecodesTheTable) {
  const float table[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  for (uint8_t code = 0; code < 8; ++code) {
    EXPECT_EQ(decodeE2m1(code), table[code]);
    EXPECT_EQ(decodeE2m1(code | 8), -table[code]);
  }
  EXPECT_TRUE(std::signbit(decodeE2m1(8)));
}

TEST(Formats, E2m1TiesGoToEven) {
  const struct {
    float x;
    uint8_t code;
  } vectors[] = {
      {0.25f, 0},    {0.75f, 2},      {1.25f, 2},      {1.75f, 4},
      {2.5f, 4},     {3.5f, 6},       {5.0f, 6},       {5.0000005f, 7},
      {-0.0f, 8},    {-0.25f, 8},     {-0.26f, 9},     {7.0f, 7},
      {infinity, 7}, {-infinity, 15}, {notANumber, 7}, {-notANumber, 7},
      {3e38f, 7},    {-3e38f, 15},    {1e-45f, 0}};
  for (auto [x, code] : vectors)
    EXPECT_EQ(encodeE2m1(x), code) << x;
}

TEST(Formats, E4m3KnownValues) {
  EXPECT_EQ(decodeE4m3(0x7e), 448);
  EXPECT_EQ(decodeE4m3(0x08), 0x1p-6f);
  EXPECT_EQ(decodeE4m3(0x01), 0x1p-9f);
  EXPECT_EQ(decodeE4m3(0xb8), -1);
  EXPECT_EQ(decodeUe4m3(0xb8), 1);
  EXPECT_TRUE(std::isnan(decodeE4m3(0x7f)) && std::isnan(decodeE4m3(0xff)));
  EXPECT_EQ(encodeE4m3(464), 0x7e);
  EXPECT_EQ(encodeE4m3(1e9f), 0x7e);
  EXPECT_EQ(encodeE4m3(-infinity), 0xfe);
  EXPECT_EQ(encodeE4m3(0x1p-10f), 0);
  EXPECT_EQ(encodeE4m3(-notANumber), 0x7f);
}

TEST(Formats, EveryCodeSurvivesARoundTrip) {
  for (unsigned code = 0; code < 16; ++code)
    EXPECT_EQ(encodeE2m1(decodeE2m1(code)), code);
  for (unsigned byte = 0; byte < 256; ++byte)
    if (!isNanScale(byte)) {
      EXPECT_EQ(encodeE4m3(decodeE4m3(byte)), byte);
    }
  for (FloatFormat format : {kBf16, kF16})
    for (uint32_t bits = 0; bits < 0x10000; ++bits)
      if (double value = decodeFloat(format, bits); !std::isnan(value)) {
        ASSERT_EQ(encodeFloat(format, value), bits);
      }
}

TEST(Formats, DecodeAgreesWithCuda) {
  for (unsigned code = 0; code < 16; ++code)
    EXPECT_EQ(encodeFloat(kF16, decodeE2m1(code)), cudaDecodeE2m1(code));
  for (unsigned byte = 0; byte < 256; ++byte)
    if (!isNanScale(byte)) {
      EXPECT_EQ(encodeFloat(kF16, decodeE4m3(byte)), cudaDecodeE4m3(byte));
    }
}

static void expectLikeCuda(float x) {
  ASSERT_EQ(encodeE2m1(x), cudaEncodeE2m1(x)) << std::bit_cast<uint32_t>(x);
  ASSERT_EQ(encodeE4m3(x), cudaEncodeE4m3(x)) << std::bit_cast<uint32_t>(x);
}

static void expectLikeCuda(uint32_t bits) {
  expectLikeCuda(std::bit_cast<float>(bits));
}

TEST(Formats, AllBf16PatternsAgreeWithCuda) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits)
    ASSERT_NO_FATAL_FAILURE(expectLikeCuda(bits << 16));
}

TEST(Formats, HalfwayPointsAndNeighboursAgreeWithCuda) {
  auto around = [](double x) {
    auto bits = std::bit_cast<uint32_t>(static_cast<float>(x));
    for (uint32_t sign : {0u, 0x80000000u})
      for (int step = -2; step <= 2; ++step)
        ASSERT_NO_FATAL_FAILURE(
            expectLikeCuda(((bits + step) & 0x7fffffff) | sign));
  };
  for (unsigned code = 0; code < 7; ++code)
    around((double(decodeE2m1(code)) + decodeE2m1(code + 1)) / 2);
  for (unsigned byte = 0; byte < 0x7e; ++byte)
    around((double(decodeE4m3(byte)) + decodeE4m3(byte + 1)) / 2);
  around(464);
  around(7);
}

TEST(Formats, RandomPatternsAgreeWithCuda) {
  Random random(1);
  for (int i = 0; i < 10'000'000; ++i)
    ASSERT_NO_FATAL_FAILURE(
        expectLikeCuda(static_cast<uint32_t>(random.next())));
}

TEST(Formats, PairsPackTheEvenElementLow) {
  EXPECT_EQ(cudaEncodeE2m1x2(1, -6), 0xf2);
  QuantizedMatrix matrix(1, 16);
  matrix.setCode(0, 0, encodeE2m1(1));
  matrix.setCode(0, 1, encodeE2m1(-6));
  EXPECT_EQ(matrix.codes[0], 0xf2);
  EXPECT_EQ(matrix.code(0, 1), 0xf);
  matrix.setCode(0, 0, 0);
  EXPECT_EQ(matrix.codes[0], 0xf0);
}

TEST(Formats, Bf16AndF16RoundLikeCuda) {
  Random random(2);
  auto same = [](uint32_t bits) {
    auto x = std::bit_cast<float>(bits);
    if (std::isnan(x))
      return;
    ASSERT_EQ(encodeFloat(kBf16, x), cudaEncodeBf16(x)) << x;
    ASSERT_EQ(encodeFloat(kF16, x), cudaEncodeF16(x)) << x;
    ASSERT_EQ(encodeFloat(kF32, x), bits);
  };
  for (uint32_t high = 0; high < 0x10000; ++high) // exact, ties and around them
    for (uint32_t low : {0x0000u, 0x7fffu, 0x8000u, 0x8001u})
      ASSERT_NO_FATAL_FAILURE(same(high << 16 | low));
  for (uint32_t tie = 0; tie < 0x7c00; ++tie) { // between two f16 values
    double middle = (decodeFloat(kF16, tie) +
                     (tie == 0x7bff ? 65536 : decodeFloat(kF16, tie + 1))) /
                    2;
    auto bits = std::bit_cast<uint32_t>(static_cast<float>(middle));
    for (int step = -1; step <= 1; ++step)
      ASSERT_NO_FATAL_FAILURE(same(bits + step));
  }
  for (int i = 0; i < 200'000; ++i)
    ASSERT_NO_FATAL_FAILURE(same(static_cast<uint32_t>(random.next())));
}

TEST(Formats, WideMagnitudesRoundOnce) {
  UInt128 one = 1;
  // 1 + 2^-8 is a bf16 tie; what follows 80 places later must still break it.
  EXPECT_EQ(roundToFormat(kBf16, false, one << 100 | one << 92, -100), 0x3f80u);
  EXPECT_EQ(roundToFormat(kBf16, false, one << 100 | one << 92 | 1, -100),
            0x3f81u);
  EXPECT_EQ(roundToFormat(kF32, true, 3, -150), 0x80000002u); // 1.5 * 2^-149
  EXPECT_EQ(roundToFormat(kF32, false, 1, -150), 0u);
  EXPECT_EQ(roundToFormat(kF32, false, 1, -1000), 0u);
  EXPECT_EQ(roundToFormat(kF16, false, 65519, 0), 0x7bffu);
  EXPECT_EQ(roundToFormat(kF16, false, 65520, 0), 0x7c00u);
  EXPECT_EQ(encodeFloat(kBf16, notANumber), 0x7fffu);
  EXPECT_EQ(encodeFloat(kF32, -infinity), 0xff800000u);
}
