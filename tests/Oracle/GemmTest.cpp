// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The GEMM oracle: exact integers against fractions worked out by hand and a
// plain double sum, the models against each other, against truncations computed
// by hand, and MmaSim against a second writing of it in doubles.
#include "tests/Oracle/Gemm.h"
#include "tests/Oracle/Data.h"
#include "tests/Oracle/Formats.h"
#include "tests/Oracle/Gate.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::oracle;

static constexpr Model allModels[] = {Model::Exact, Model::StepExact,
                                      Model::MmaSim, Model::Sequential,
                                      Model::Reversed};
static constexpr uint8_t one = 0x38, smallest = 0x01;

/// A row of `blocks` blocks: block b holds codes[b] in its first `count[b]`
/// elements under scale scales[b].
struct BlockSpec {
  uint8_t scale, code;
  int count;
};
static QuantizedMatrix row(std::initializer_list<BlockSpec> specs) {
  QuantizedMatrix matrix(1, static_cast<int64_t>(specs.size()) * 16);
  int64_t block = 0;
  for (const BlockSpec &spec : specs) {
    matrix.setScale(0, block, spec.scale);
    for (int i = 0; i < spec.count; ++i)
      matrix.setCode(0, block * 16 + i, spec.code);
    ++block;
  }
  return matrix;
}

static float only(const QuantizedMatrix &a, const QuantizedMatrix &b,
                  Model model) {
  auto result = accumulate(a, b, model);
  EXPECT_TRUE(result) << result.message();
  return result->values.at(0);
}

static double valueOf(const QuantizedMatrix &m, int64_t r, int64_t c) {
  return double(decodeE2m1(m.code(r, c))) * decodeUe4m3(m.scale(r, c / 16));
}

TEST(Gemm, ExactSumsAreTheSumsOfTheValues) {
  QuantizedMatrix a = randomMatrix(5, 80, 1), b = randomMatrix(7, 80, 2);
  auto sums = exactSums(a, b);
  ASSERT_TRUE(sums);
  for (int64_t m = 0; m < 5; ++m)
    for (int64_t n = 0; n < 7; ++n) {
      double sum = 0; // exact: K = 80 keeps it within 53 bits
      for (int64_t k = 0; k < 80; ++k)
        sum += valueOf(a, m, k) * valueOf(b, n, k);
      ASSERT_EQ(std::ldexp(double(sums->values[m * 7 + n].units), -20), sum);
    }
}

TEST(Gemm, ExactSumsReachTheLargestAndSmallest) {
  QuantizedMatrix big(1, kLargestK);
  std::fill(big.codes.begin(), big.codes.end(), 0x77);
  std::fill(big.scales.begin(), big.scales.end(), 0x7e);
  auto sums = exactSums(big, big);
  ASSERT_TRUE(sums);
  EXPECT_EQ(sums->values[0].units, (kLargestK * 36 * 448 * 448) << 20);
  QuantizedMatrix small = row({{smallest, 1, 1}});
  EXPECT_EQ(exactSums(small, small)->values[0].units, 1);
}

TEST(Gemm, AllModelsAgreeOnExactDomainData) {
  for (int64_t k : {16, 48, 64, 80, 464, 4096, 65536}) {
    auto a = exactDomainMatrix(4, k, k), b = exactDomainMatrix(6, k, k + 1);
    ASSERT_TRUE(a && b);
    auto sums = exactSums(*a, *b);
    for (Model model : allModels) {
      auto result = accumulate(*a, *b, model);
      for (size_t i = 0; i < result->values.size(); ++i)
        ASSERT_EQ(std::ldexp(double(result->values[i]), 20),
                  double(sums->values[i].units))
            << name(model) << " K = " << k;
    }
  }
}

TEST(Gemm, ModelsDifferAndStayCloseOnHarshData) {
  QuantizedMatrix a = adversarialMatrix(Adversary::AllPositive, 8, 4096, 1);
  QuantizedMatrix b = adversarialMatrix(Adversary::AllPositive, 8, 4096, 2);
  auto exact = accumulate(a, b, Model::Exact);
  for (Model model :
       {Model::StepExact, Model::MmaSim, Model::Sequential, Model::Reversed}) {
    auto result = accumulate(a, b, model);
    EXPECT_NE(result->values, exact->values) << name(model);
    for (size_t i = 0; i < exact->values.size(); ++i)
      EXPECT_NEAR(result->values[i] / exact->values[i], 1, 3e-5) << name(model);
  }
}

//===----------------------------------------------------------------------===//
// Truncation, by hand
//===----------------------------------------------------------------------===//

TEST(MmaSim, TheResultIsTruncatedTowardZero) {
  // 16 * 4*4 * 256*256 = 2^24, then 1.5 more: f32 holds 2^24 and 2^24 + 2.
  QuantizedMatrix a = row({{0x78, 6, 16}, {one, 3, 1}});
  QuantizedMatrix b = row({{0x78, 6, 16}, {one, 2, 1}});
  EXPECT_EQ(only(a, b, Model::MmaSim), 16777216);
  EXPECT_EQ(only(a, b, Model::Exact), 16777218);
  QuantizedMatrix negative = row({{0x78, 0xe, 16}, {one, 0xb, 1}});
  EXPECT_EQ(only(negative, b, Model::MmaSim), -16777216);
  EXPECT_EQ(only(negative, b, Model::Exact), -16777218);
}

TEST(MmaSim, AZeroGroupUnderLargeScalesTruncatesTheOthers) {
  // 448 has exponent 8: with 8 + 8 = 16 the last place kept is 2^-19, so the
  // smallest product, 2^-20, is lost although all its company is zero.
  QuantizedMatrix a = row({{0x7e, 0, 0}, {smallest, 1, 1}});
  QuantizedMatrix b = row({{0x7e, 0, 0}, {smallest, 1, 1}});
  QuantizedMatrix minus = row({{0x7e, 0, 0}, {smallest, 9, 1}});
  EXPECT_EQ(only(a, b, Model::MmaSim), 0);
  EXPECT_EQ(only(minus, b, Model::MmaSim), 0) << "toward zero, not down";
  EXPECT_EQ(only(a, b, Model::Exact), 0x1p-20f);
  // 0x77 has exponent 7: 2^-20 is the last place kept when one is smaller.
  QuantizedMatrix lower = row({{0x77, 0, 0}, {smallest, 1, 1}});
  EXPECT_EQ(only(lower, b, Model::MmaSim), 0x1p-20f);
  EXPECT_EQ(only(row({{0x00, 0, 0}, {smallest, 1, 1}}), b, Model::MmaSim),
            0x1p-20f)
      << "a zero scale does not lead";
}

TEST(MmaSim, TheAccumulatorIsTruncatedToo) {
  // Step one leaves 3 * 2^-20; step two, zero data under 448, keeps 2^-19.
  BlockSpec none{0, 0, 0}, tiny{smallest, 1, 3}, zero{0x7e, 0, 0};
  QuantizedMatrix a = row({tiny, none, none, none, zero});
  EXPECT_EQ(only(row({tiny}), row({tiny}), Model::MmaSim), 0x3p-20f);
  EXPECT_EQ(only(a, a, Model::MmaSim), 0x2p-20f);
  EXPECT_EQ(only(a, a, Model::StepExact), 0x3p-20f);
}

TEST(MmaSim, ALargeAccumulatorLeadsTheAlignment) {
  // Under C = 2^24 the last place kept is 2^(24 - 35) = 2^-11; what survives
  // shows when it is subtracted, for then truncation takes a whole f32 place.
  Group big[] = {{4 * 256, 0x78, 0x78}};
  EXPECT_EQ(mmaSimStep(0, big), 0x1p24f);
  Group small[] = {{1, 0x18, 0x20}}; // 2^-2 * 2^-4 * 2^-3
  EXPECT_EQ(mmaSimStep(0, small), 0x1p-9f);
  EXPECT_EQ(mmaSimStep(1, small), 1 + 0x1p-9f);
  // -2^24 + 2^-9 is above -2^24: the exact sum truncated toward zero.
  EXPECT_EQ(mmaSimStep(-0x1p24f, small), -0x1.fffffep23f);
  Group smaller[] = {{1, 0x10, 0x18}}; // 2^-2 * 2^-5 * 2^-4 = 2^-11: last place
  EXPECT_EQ(mmaSimStep(-0x1p24f, smaller), -0x1.fffffep23f);
  Group lost[] = {{1, 0x10, 0x10}}; // 2^-12
  EXPECT_EQ(mmaSimStep(-0x1p24f, lost), -0x1p24f);
}

TEST(MmaSim, ZeroIsPlusZero) {
  Group zero[] = {{0, one, one}};
  EXPECT_EQ(std::bit_cast<uint32_t>(mmaSimStep(-0.0f, zero)), 0u);
  EXPECT_EQ(mmaSimStep(0x1p-149f, {}), 0x1p-149f) << "subnormals stay";
}

/// The model as the papers word it, with significands in doubles.
static float mmaSimInDoubles(float c, std::span<const Group> groups) {
  std::vector<double> significands;
  std::vector<int> exponents;
  auto split = [](double x, int lowest, double &significand) {
    int exponent;
    significand = 2 * std::frexp(x, &exponent);
    exponent -= 1;
    if (exponent < lowest) {
      significand *= std::exp2(exponent - lowest);
      exponent = lowest;
    }
    return significand == 0 ? -126 : exponent;
  };
  double sc, sa, sb;
  exponents.push_back(split(c, -126, sc));
  significands.push_back(sc);
  for (const Group &g : groups) {
    int exponent = split(decodeUe4m3(g.scaleA), -6, sa) +
                   split(decodeUe4m3(g.scaleB), -6, sb);
    exponents.push_back(exponent);
    significands.push_back(g.quarterDot / 4.0 * sa * sb);
  }
  int largest = *std::max_element(exponents.begin(), exponents.end());
  double sum = 0;
  for (size_t i = 0; i < exponents.size(); ++i)
    sum += std::trunc(significands[i] * std::exp2(35 + exponents[i] - largest));
  double s;
  int exponent = split(sum * std::exp2(largest - 35), -126, s);
  return static_cast<float>(std::trunc(s * 0x1p23) * std::exp2(exponent - 23));
}

TEST(MmaSim, AgreesWithASecondWritingInDoubles) {
  Random random(7);
  for (int i = 0; i < 300'000; ++i) {
    Group groups[4];
    auto lowest = static_cast<uint8_t>(random.between(0, 0x7e));
    for (Group &g : groups) {
      g.quarterDot = static_cast<int32_t>(
          random.between(0, 3) == 0 ? 0 : random.between(-2304, 2304));
      g.scaleA = static_cast<uint8_t>(random.between(0, lowest));
      g.scaleB = static_cast<uint8_t>(random.between(0, 0x7e));
    }
    float c =
        std::ldexp(static_cast<float>(random.between(-(1 << 24), 1 << 24)),
                   static_cast<int>(random.between(-150, 20)));
    ASSERT_EQ(std::bit_cast<uint32_t>(mmaSimStep(c, groups)),
              std::bit_cast<uint32_t>(mmaSimInDoubles(c, groups)))
        << "case " << i << ", c = " << c;
  }
}

TEST(MmaSim, VectorsOfThePublishedSimulator) {
  // Computed with microsoft/MMA-Sim c785138, its function for a dot product
  // with block scales at 35 fraction bits: {C, groups, result}, f32 as bits.
  const struct {
    uint32_t c;
    Group groups[4];
    uint32_t result;
  } vectors[] = {{0xc5e17e64,
                  {{308, 68, 19}, {105, 106, 121}, {0, 77, 52}, {9, 65, 34}},
                  0x4911e5ae},
                 {0x3ff5945e,
                  {{142, 52, 42}, {-98, 39, 27}, {-36, 6, 101}, {134, 40, 84}},
                  0x42d185a9},
                 {0xbdb306ed,
                  {{-1, 34, 71}, {0, 11, 47}, {100, 11, 62}, {-46, 31, 119}},
                  0xc3a15da0},
                 {0xc47b296e,
                  {{-112, 92, 93}, {210, 54, 61}, {221, 1, 126}, {0, 19, 38}},
                  0xc68f634f},
                 {0x4b0ed0ef,
                  {{-248, 38, 68}, {-129, 11, 86}, {60, 16, 38}, {24, 18, 56}},
                  0x4b0ed0bc},
                 {0xcac4afdf,
                  {{-45, 36, 55}, {48, 15, 93}, {328, 16, 76}, {0, 18, 91}},
                  0xcac4afb1},
                 {0x42c99c8d,
                  {{92, 35, 0}, {-57, 1, 33}, {-140, 57, 2}, {-23, 36, 22}},
                  0x42c92d9c},
                 {0x00000000,
                  {{105, 23, 106}, {0, 21, 96}, {-107, 2, 73}, {-114, 2, 40}},
                  0x42f51900},
                 {0x00000000,
                  {{0, 21, 81}, {-97, 21, 47}, {200, 23, 74}, {-37, 2, 9}},
                  0x41612106},
                 {0xc2f0dfb4,
                  {{-182, 34, 63}, {26, 68, 36}, {-24, 73, 67}, {0, 98, 13}},
                  0xc34c5c5a},
                 {0xc1eef09e,
                  {{97, 0, 126}, {0, 22, 19}, {253, 10, 112}, {-111, 10, 68}},
                  0x42fd4358},
                 {0x41fdcbba,
                  {{182, 72, 38}, {-114, 46, 78}, {0, 57, 6}, {-95, 55, 1}},
                  0xc17c9aac},
                 {0x4317b249,
                  {{32, 75, 55}, {-33, 9, 126}, {0, 3, 45}, {-7, 18, 49}},
                  0x42ffe0e2}};
  for (const auto &v : vectors)
    EXPECT_EQ(std::bit_cast<uint32_t>(
                  mmaSimStep(std::bit_cast<float>(v.c), v.groups)),
              v.result);
}

TEST(Models, OrderOfTheGroups) {
  // 2^24 + 1 + 1 + 1: ascending loses each 1 (ties to even), reversed gathers
  // 3 first, and 2^24 + 3 rounds to 2^24 + 4.
  BlockSpec big{0x78, 6, 16}, little{one, 2, 1};
  QuantizedMatrix a = row({big, little, little, little});
  EXPECT_EQ(only(a, a, Model::Sequential), 16777216);
  EXPECT_EQ(only(a, a, Model::Reversed), 16777220);
  EXPECT_EQ(only(a, a, Model::Exact), 16777220);
  EXPECT_EQ(only(a, a, Model::MmaSim), 16777218);
  // A second step: reversal is within a step only.
  QuantizedMatrix later =
      row({big, {0, 0, 0}, {0, 0, 0}, {0, 0, 0}, little, little, little});
  EXPECT_EQ(only(later, later, Model::Reversed), 16777216);
  EXPECT_EQ(only(later, later, Model::StepExact), 16777220);
  EXPECT_EQ(only(later, later, Model::MmaSim), 16777218);
}

//===----------------------------------------------------------------------===//
// Special scales
//===----------------------------------------------------------------------===//

TEST(Gemm, ANanScaleMakesNanWhateverTheData) {
  for (uint8_t bad : {0x7f, 0xff})
    for (Model model : allModels) {
      QuantizedMatrix a = randomMatrix(3, 80, 1), b = randomMatrix(4, 80, 2);
      a.setScale(1, 4, bad);
      for (int64_t col = 64; col < 80; ++col)
        a.setCode(1, col, 0);
      b.setScale(2, 0, bad);
      auto result = accumulate(a, b, model);
      for (int64_t m = 0; m < 3; ++m)
        for (int64_t n = 0; n < 4; ++n)
          EXPECT_EQ(std::isnan(result->values[m * 4 + n]), m == 1 || n == 2);
      auto output = gemm(a, b, 1.0f, OutputType::F32, model);
      EXPECT_EQ(elementBits(OutputType::F32, output->bytes, 2), 0x7fffffffu);
      auto narrow = gemm(a, b, 1.0f, OutputType::BF16, model);
      EXPECT_EQ(elementBits(OutputType::BF16, narrow->bytes, 2), 0x7fffu);
      EXPECT_TRUE(exactSums(a, b)->values[2].isNan);
    }
}

TEST(Gemm, TheSignBitOfAScaleIsIgnored) {
  QuantizedMatrix b = randomMatrix(4, 128, 5);
  QuantizedMatrix a = adversarialMatrix(Adversary::SignedScales, 4, 128, 6);
  QuantizedMatrix plain = a;
  for (uint8_t &byte : plain.scales)
    byte &= 0x7f;
  ASSERT_NE(a.scales, plain.scales);
  for (Model model : allModels)
    EXPECT_EQ(accumulate(a, b, model)->values,
              accumulate(plain, b, model)->values);
}

//===----------------------------------------------------------------------===//
// Epilogue
//===----------------------------------------------------------------------===//

TEST(Gemm, AlphaIsOneF32MultiplicationThenOneRounding) {
  Grid<float> accumulators{1, 3, {1 + 0x1p-8f, -3, 70000}};
  GemmOutput bf16 = finish(accumulators, 1, OutputType::BF16);
  EXPECT_EQ(bf16.bytes,
            (std::vector<uint8_t>{0x80, 0x3f, 0x40, 0xc0, 0x89, 0x47}));
  GemmOutput f16 = finish(accumulators, 1, OutputType::F16);
  EXPECT_EQ(elementBits(OutputType::F16, f16.bytes, 2), 0x7c00u);
  GemmOutput f32 = finish(accumulators, 0.1f, OutputType::F32);
  EXPECT_EQ(elementBits(OutputType::F32, f32.bytes, 1),
            std::bit_cast<uint32_t>(-3 * 0.1f));
  GemmOutput bad = finish(accumulators, std::nanf(""), OutputType::F32);
  EXPECT_EQ(elementBits(OutputType::F32, bad.bytes, 0), 0x7fffffffu);
}

TEST(Gemm, RoundedOnceByHand) {
  // 2^24 + 1.5 and 1 + 2^-23: f32 rounds the sum first, one rounding does not.
  QuantizedMatrix a = row({{0x78, 6, 16}, {one, 3, 1}});
  QuantizedMatrix b = row({{0x78, 6, 16}, {one, 2, 1}});
  auto once = gemmRoundedOnce(a, b, 1 + 0x1p-23f, OutputType::F32);
  ASSERT_TRUE(once); // 2^24 + 3.5 and a little, to 2^24 + 4
  EXPECT_EQ(decodeElement(OutputType::F32,
                          elementBits(OutputType::F32, once->bytes, 0)),
            16777220);
  auto minus = gemmRoundedOnce(a, b, -0x1p-24f, OutputType::BF16);
  EXPECT_EQ(elementBits(OutputType::BF16, minus->bytes, 0), 0xbf80u);
  QuantizedMatrix zero(1, 32);
  auto negativeZero = gemmRoundedOnce(zero, b, -1.0f, OutputType::F16);
  EXPECT_EQ(elementBits(OutputType::F16, negativeZero->bytes, 0), 0x8000u);
  auto product = gemmRoundedOnce(zero, b, HUGE_VALF, OutputType::F16);
  EXPECT_EQ(elementBits(OutputType::F16, product->bytes, 0), 0x7fffu);
}

TEST(Gemm, EveryModelPassesTheGateOnCalibratedData) {
  NormalMatrix a = normalMatrix(64, 1024, 1), b = normalMatrix(96, 1024, 2);
  float alpha = alphaOf(a.decode, b.decode);
  for (OutputType type : {OutputType::BF16, OutputType::F16}) {
    auto reference = gemmRoundedOnce(a.matrix, b.matrix, alpha, type);
    for (Model model : allModels) {
      auto output = gemm(a.matrix, b.matrix, alpha, type, model);
      GateResult result = gate(output->bytes, type, *reference);
      EXPECT_TRUE(result.passed) << name(model) << ": " << result.text();
    }
  }
}

/// Sums that are exact in every order are the same in parts; others are not.
TEST(Gemm, PartsAddUpToTheWhole) {
  auto a = exactDomainMatrix(5, 208, 3), b = exactDomainMatrix(7, 208, 4);
  ASSERT_TRUE(a && b);
  auto whole = gemm(*a, *b, 0.5f, OutputType::F32, Model::MmaSim);
  for (int64_t part : {16, 64, 128, 208}) {
    auto sum = gemmOfParts(*a, *b, 0.5f, OutputType::F32, Model::MmaSim, part);
    ASSERT_TRUE(sum) << sum.message();
    EXPECT_EQ(sum->bytes, whole->bytes) << part;
  }
  auto x = randomMatrix(5, 208, 5), y = randomMatrix(7, 208, 6);
  EXPECT_NE(gemmOfParts(x, y, 1, OutputType::F32, Model::MmaSim, 64)->bytes,
            gemm(x, y, 1, OutputType::F32, Model::MmaSim)->bytes);
  EXPECT_FALSE(gemmOfParts(x, y, 1, OutputType::F32, Model::MmaSim, 24));
}

TEST(Gemm, RefusesShapesThatDoNotMatch) {
  QuantizedMatrix good(2, 64), other(2, 80), odd(2, 64), empty(2, 0);
  odd.scales.pop_back();
  EXPECT_FALSE(accumulate(good, other, Model::Exact));
  EXPECT_FALSE(accumulate(odd, good, Model::Exact));
  EXPECT_FALSE(exactSums(good, odd));
  EXPECT_FALSE(gemmRoundedOnce(empty, empty, 1, OutputType::F32));
  auto none = gemmExact(QuantizedMatrix(0, 64), good, 1, OutputType::BF16);
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->bytes.empty());
}

TEST(Gemm, ALargeProblemIsQuick) {
  NormalMatrix a = normalMatrix(257, 4096, 1), b = normalMatrix(64, 4096, 2);
  auto result = accumulate(a.matrix, b.matrix, Model::MmaSim);
  ASSERT_TRUE(result);
  auto exact = accumulate(a.matrix, b.matrix, Model::Exact);
  GateResult same =
      gate(finish(*result, 0.01f, OutputType::BF16).bytes, OutputType::BF16,
           finish(*exact, 0.01f, OutputType::BF16));
  EXPECT_TRUE(same.passed) << same.text();
}
