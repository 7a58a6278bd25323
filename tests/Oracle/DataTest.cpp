// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The data makers: the same seed, the same bytes; and each kind is what it
// says.
#include "tests/Oracle/Data.h"
#include "tests/Oracle/Formats.h"
#include "tests/Oracle/Gemm.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

using namespace nybl::oracle;

static bool same(const QuantizedMatrix &a, const QuantizedMatrix &b) {
  return a.codes == b.codes && a.scales == b.scales;
}

TEST(Data, SplitMixKnownNumbers) {
  Random random(1234567); // the published test vector of SplitMix64
  EXPECT_EQ(random.next(), 6457827717110365317u);
  EXPECT_EQ(random.next(), 3203168211198807973u);
}

TEST(Data, SeedsRepeatAndDiffer) {
  EXPECT_TRUE(same(randomMatrix(3, 64, 5), randomMatrix(3, 64, 5)));
  EXPECT_FALSE(same(randomMatrix(3, 64, 5), randomMatrix(3, 64, 6)));
  EXPECT_EQ(normalValues(2, 32, 1), normalValues(2, 32, 1));
  for (Adversary kind : kAdversaries) {
    EXPECT_TRUE(same(adversarialMatrix(kind, 3, 128, 5),
                     adversarialMatrix(kind, 3, 128, 5)));
    EXPECT_NE(name(kind), "unknown");
  }
}

TEST(Data, RandomMatrixKeepsItsRange) {
  QuantizedMatrix matrix = randomMatrix(64, 256, 1, 0x20, 0x2f);
  auto [low, high] =
      std::minmax_element(matrix.scales.begin(), matrix.scales.end());
  EXPECT_EQ(*low, 0x20);
  EXPECT_EQ(*high, 0x2f);
  int seen = 0;
  for (int64_t col = 0; col < 256; ++col)
    seen |= 1 << matrix.code(0, col);
  EXPECT_EQ(seen, 0xffff);
}

TEST(Data, NormalValuesAreCentredAndNormalised) {
  std::vector<float> values = normalValues(256, 256, 1, 5.0f);
  EXPECT_EQ(maxMagnitude(values), 5.0f);
  double sum = 0, squares = 0;
  for (float value : values) {
    sum += value;
    squares += double(value) * value;
  }
  double deviation = std::sqrt(squares / values.size());
  EXPECT_LT(std::fabs(sum / values.size()), 0.02 * deviation);
  NormalMatrix normal = normalMatrix(64, 256, 1);
  uint8_t top = *std::max_element(normal.matrix.scales.begin(),
                                  normal.matrix.scales.end());
  EXPECT_EQ(top, 0x7e) << "the block that owns the amax";
}

TEST(Data, ExactDomainRefusesWhatWouldNotBeExact) {
  EXPECT_FALSE(exactDomainMatrix(1, 65552, 1));
  EXPECT_FALSE(exactDomainMatrix(1, 24, 1));
  auto matrix = exactDomainMatrix(4, 64, 1);
  ASSERT_TRUE(matrix);
  EXPECT_NE(*std::max_element(matrix->scales.begin(), matrix->scales.end()),
            0x38)
      << "small K leaves room for several scales";
}

TEST(Data, AdversariesAreWhatTheySay) {
  auto positive = adversarialMatrix(Adversary::AllPositive, 4, 64, 1);
  for (int64_t col = 0; col < 64; ++col)
    EXPECT_GT(decodeE2m1(positive.code(1, col)), 0);
  auto zeros = adversarialMatrix(Adversary::SignedZeros, 4, 64, 1);
  int signs = 0;
  for (int64_t col = 0; col < 64; ++col) {
    EXPECT_EQ(decodeE2m1(zeros.code(1, col)), 0);
    signs += zeros.code(1, col) == 8;
  }
  EXPECT_GT(signs, 0);
  for (Adversary kind : kAdversaries)
    for (uint8_t byte : adversarialMatrix(kind, 4, 64, 1).scales)
      EXPECT_FALSE(isNanScale(byte));
}

TEST(Data, ZeroDataUnderBigScalesChangesMmaSimOnly) {
  auto a = adversarialMatrix(Adversary::ZeroDataBigScales, 8, 256, 1);
  auto b = adversarialMatrix(Adversary::ZeroDataBigScales, 8, 256, 2);
  QuantizedMatrix bare = a;
  for (int64_t row = 0; row < 8; ++row)
    for (int64_t block = 0; block < bare.blocks(); block += 2)
      bare.setScale(row, block, 0);
  EXPECT_NE(accumulate(a, b, Model::MmaSim)->values,
            accumulate(bare, b, Model::MmaSim)->values);
  EXPECT_EQ(accumulate(a, b, Model::Exact)->values,
            accumulate(bare, b, Model::Exact)->values);
}

TEST(Data, CancellingLeavesTheSmallBlocks) {
  auto a = adversarialMatrix(Adversary::Cancelling, 1, 64, 1);
  auto b = adversarialMatrix(Adversary::Cancelling, 1, 64, 2);
  float sum = accumulate(a, b, Model::Exact)->values[0];
  EXPECT_LT(std::fabs(sum), 16.0f * 36);
  EXPECT_NE(sum, 0);
}
