// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The host quantiser: against a second writing of its formula on CUDA's own
// conversions, on special values, and on what quantisation must preserve.
#include "tests/Oracle/Quantize.h"
#include "tests/Oracle/CudaFormats.h"
#include "tests/Oracle/Data.h"
#include "tests/Oracle/Formats.h"

#include <bit>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace nybl::oracle;

static constexpr float infinity = std::numeric_limits<float>::infinity();
static constexpr float notANumber = std::numeric_limits<float>::quiet_NaN();

static QuantizeResult quantized(const std::vector<float> &x, int64_t rows,
                                float encode) {
  auto result = quantize(x, rows, static_cast<int64_t>(x.size()) / rows,
                         EncodeScale(encode));
  EXPECT_TRUE(result) << result.message();
  return *result;
}

/// The decoded value of a byte, by CUDA.
static float cudaScale(uint8_t byte) {
  return static_cast<float>(decodeFloat(kF16, cudaDecodeE4m3(byte)));
}

/// Bytes of one block by the formula of Quantize.h with CUDA's conversions.
static void expectBlockLikeCuda(const float *x, float encode, uint8_t scale,
                                const uint8_t *codes) {
  volatile float amax = 0; // volatile: each step rounds to f32
  for (int i = 0; i < 16; ++i)
    amax = std::fabs(x[i]) > amax ? std::fabs(x[i]) : amax;
  volatile float sixth = 1.0f / 6.0f, e6 = encode * sixth, v = amax * e6;
  ASSERT_EQ(scale, cudaEncodeE4m3(v));
  volatile float decode = 1.0f / encode, step = cudaScale(scale) * decode;
  volatile float t = scale == 0 ? 0.0f : 1.0f / step;
  for (int i = 0; i < 16; i += 2) {
    volatile float low = x[i] * t, high = x[i + 1] * t;
    uint8_t expected = scale == 0 ? 0 : cudaEncodeE2m1x2(low, high);
    ASSERT_EQ(codes[i / 2], expected) << "pair " << i;
  }
}

static void expectLikeCuda(const std::vector<float> &x, int64_t rows,
                           float encode) {
  QuantizedMatrix matrix = quantized(x, rows, encode).matrix;
  for (size_t block = 0; block < matrix.scales.size(); ++block)
    ASSERT_NO_FATAL_FAILURE(expectBlockLikeCuda(&x[block * 16], encode,
                                                matrix.scales[block],
                                                &matrix.codes[block * 8]));
}

/// Every half-precision gate, and f32 ones in between: two and a half units in
/// the last place from the function, which below -88.7 is -0.
static void expectNearSilu(float gate) {
  double exact = gate / (1 + std::exp(-static_cast<double>(gate)));
  float got = siluMul(gate, 1);
  if (gate < -88.7f) {
    ASSERT_TRUE(got == 0 || std::fabs(got - exact) < 1e-36) << gate;
    return;
  }
  int exponent = exact == 0 ? -126 : std::max(-126, std::ilogb(exact));
  ASSERT_LE(std::fabs(got - exact), 2.5 * std::ldexp(1.0, exponent - 23))
      << gate;
}

TEST(SiluMul, IsNearTheFunction) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits)
    for (float gate : {static_cast<float>(decodeFloat(kBf16, bits)),
                       static_cast<float>(decodeFloat(kF16, bits)),
                       std::bit_cast<float>(bits << 16 | 0xa5a5u)}) {
      if (!std::isfinite(gate))
        continue;
      ASSERT_NO_FATAL_FAILURE(expectNearSilu(gate));
    }
}

TEST(SiluMul, WhatIsNoNumberStaysSo) {
  EXPECT_TRUE(std::isnan(siluMul(notANumber, 1)));
  EXPECT_TRUE(std::isnan(siluMul(1, notANumber)));
  EXPECT_TRUE(std::isnan(siluMul(-infinity, 1)));
  EXPECT_EQ(siluMul(infinity, 1), infinity);
  EXPECT_EQ(siluMul(0, 5), 0);
  EXPECT_EQ(siluMul(2, -3), -siluMul(2, 3));
}

TEST(Quantize, BytesEqualCudaConversions) {
  for (uint64_t seed = 0; seed < 8; ++seed) {
    float amax =
        std::ldexp(1.0f + 0.1f * seed, static_cast<int>(seed * 5) - 20);
    std::vector<float> x = normalValues(64, 256, seed, amax);
    for (float factor : {1.0f, 0.001f, 300.0f, 1e5f})
      ASSERT_NO_FATAL_FAILURE(
          expectLikeCuda(x, 64, encodeScaleFor(amax)->value * factor));
  }
}

TEST(Quantize, PowerOfTwoScalesMeetTies) {
  std::vector<float> x;
  Random random(3);
  for (int i = 0; i < 64 * 256; ++i)
    x.push_back(std::ldexp(static_cast<float>(random.between(-64, 64)), -3));
  for (float encode : {1.0f, 6.0f, 64.0f, 0.25f})
    ASSERT_NO_FATAL_FAILURE(expectLikeCuda(x, 64, encode));
}

TEST(Quantize, TiesOfTheStepTellReciprocalFromDivision) {
  // x = tie * step: x / step is the tie itself, x * rn(1 / step) often is not.
  const float ties[] = {0.25f, 0.75f, 1.25f, 1.75f, 2.5f, 3.5f, 5};
  Random random(4);
  std::vector<float> x(16);
  int different = 0;
  for (int i = 0; i < 2000; ++i) {
    auto encode = static_cast<float>(random.between(1, 1 << 20)) / 1024;
    auto byte = static_cast<uint8_t>(random.between(0x10, 0x70));
    volatile float decode = 1.0f / encode, step = decodeUe4m3(byte) * decode;
    volatile float t = 1.0f / step;
    x[0] = 6 * step;
    for (int j = 1; j < 16; ++j)
      x[j] = ties[j % 7] * step;
    ASSERT_NO_FATAL_FAILURE(expectLikeCuda(x, 1, encode));
    for (float value : x)
      different += encodeE2m1(value * t) != encodeE2m1(value / step);
  }
  EXPECT_GT(different, 1000) << "the data must be able to tell them apart";
}

TEST(Quantize, TheBlockThatHoldsAmaxGets448AndSix) {
  std::vector<float> x(32, 0.125f);
  x[5] = -10;
  auto encode = encodeScaleFor(maxMagnitude(x));
  ASSERT_TRUE(encode);
  QuantizeResult result = quantized(x, 1, encode->value);
  EXPECT_EQ(result.matrix.scale(0, 0), 0x7e);
  EXPECT_EQ(result.matrix.code(0, 5), 0xf);
  EXPECT_EQ(result.counts.saturatedScales, 0);
  EXPECT_NEAR(dequantize(result.matrix, encode->inverse())[5], -10, 1e-5);
}

TEST(Quantize, ZeroBlocksAreAllZeroBytes) {
  std::vector<float> x(32, -0.0f);
  x[16] = 1;
  QuantizeResult result = quantized(x, 1, 448);
  EXPECT_EQ(result.counts.zeroBlocks, 1);
  EXPECT_EQ(result.counts.blocks, 2);
  EXPECT_EQ(result.matrix.scale(0, 0), 0);
  for (int i = 0; i < 16; ++i)
    EXPECT_EQ(result.matrix.code(0, i), 0);
  EXPECT_EQ(result.matrix.code(0, 17), 8) << "-0 beside data keeps its sign";
}

TEST(Quantize, CountsSaturationAndVanishing) {
  std::vector<float> x(16, 1.0f);
  QuantizeResult tooLarge = quantized(x, 1, 2688 * 2);
  EXPECT_EQ(tooLarge.counts.saturatedScales, 1);
  EXPECT_EQ(tooLarge.counts.clippedElements, 16);
  EXPECT_EQ(tooLarge.matrix.scale(0, 0), 0x7e);
  EXPECT_EQ(tooLarge.matrix.code(0, 0), 7);

  // v = 464 rounds to 448 by the rules; only what is above is saturation.
  EXPECT_EQ(quantized(std::vector<float>(16, 1.0f), 1, 464 * 6)
                .counts.saturatedScales,
            0);

  // 6.3 under a scale rounded from 1.05 to 1: clipped, but not saturated.
  x[0] = 6.3f;
  QuantizeResult clipped = quantized(x, 1, 1);
  EXPECT_EQ(clipped.counts.clippedElements, 1);
  EXPECT_EQ(clipped.counts.saturatedScales, 0);
  x[0] = 1;

  QuantizeResult tooSmall = quantized(x, 1, 0x1p-9f);
  EXPECT_EQ(tooSmall.counts.vanishedScales, 1);
  EXPECT_EQ(tooSmall.matrix.codes, std::vector<uint8_t>(8, 0));
  EXPECT_EQ(quantized(x, 1, 0x1p-5f).counts.subnormalScales, 1);
}

TEST(Quantize, NanPoisonsItsBlockAndInfinitySaturates) {
  std::vector<float> x(48, 1.0f);
  x[3] = notANumber;
  x[20] = -infinity;
  QuantizeResult result = quantized(x, 1, 448);
  EXPECT_EQ(result.matrix.scale(0, 0), 0x7f);
  EXPECT_EQ(result.matrix.scale(0, 1), 0x7e);
  EXPECT_EQ(result.matrix.code(0, 20), 0xf);
  EXPECT_EQ(result.counts.nanScales, 1);
  EXPECT_EQ(result.counts.saturatedScales, 1);
  EXPECT_EQ(result.counts.nonFiniteElements, 2);
  std::vector<float> back = dequantize(result.matrix, DecodeScale(1));
  EXPECT_TRUE(std::isnan(back[0]) && std::isfinite(back[20]));
  EXPECT_EQ(back[40], decodeUe4m3(result.matrix.scale(0, 2)) * 6);
}

TEST(Quantize, Bf16InputIsWidenedExactly) {
  std::vector<uint16_t> narrow;
  std::vector<float> wide;
  for (float value : normalValues(4, 64, 9)) {
    narrow.push_back(static_cast<uint16_t>(encodeFloat(kBf16, value)));
    wide.push_back(static_cast<float>(decodeFloat(kBf16, narrow.back())));
  }
  auto result = quantizeBf16(narrow, 4, 64, EncodeScale(336));
  ASSERT_TRUE(result);
  QuantizedMatrix expected = quantized(wide, 4, 336).matrix;
  EXPECT_EQ(result->matrix.codes, expected.codes);
  EXPECT_EQ(result->matrix.scales, expected.scales);
}

TEST(Quantize, NormalDataLosesWhatTheFormatLoses) {
  std::vector<float> x = normalValues(64, 1024, 4);
  NormalMatrix normal = normalMatrix(64, 1024, 4);
  std::vector<float> back = dequantize(normal.matrix, normal.decode);
  double error = 0, energy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    error += std::pow(double(back[i]) - x[i], 2);
    energy += double(x[i]) * x[i];
  }
  // NVFP4 of Gaussian data: about 20.4 dB signal to quantisation noise.
  EXPECT_NEAR(10 * std::log10(energy / error), 20.4, 0.5);
}

TEST(Quantize, RefusesWhatItCannotMean) {
  std::vector<float> x(32, 1.0f);
  EXPECT_FALSE(quantize(x, 1, 31, EncodeScale(1)));
  EXPECT_FALSE(quantize(x, 2, 32, EncodeScale(1)));
  EXPECT_FALSE(quantize(x, -1, 32, EncodeScale(1)));
  for (float bad : {0.0f, -1.0f, notANumber, infinity, 0x1p127f, 0x1p-130f})
    EXPECT_FALSE(quantize(x, 1, 32, EncodeScale(bad))) << bad;
  for (float bad : {-1.0f, notANumber, infinity})
    EXPECT_FALSE(encodeScaleFor(bad)) << bad;
  for (float amax : {0.0f, 1e-45f, 1e-38f, 3.4e38f}) {
    auto encode = encodeScaleFor(amax);
    ASSERT_TRUE(encode);
    EXPECT_TRUE(quantize(x, 1, 32, *encode)) << amax;
  }
}
