// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The gate lets through what it should and catches each kind of fault.
#include "tests/Oracle/Gate.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::oracle;

static GemmOutput ramp(OutputType type, int64_t rows, int64_t cols) {
  Grid<float> grid{rows, cols, {}};
  for (int64_t i = 0; i < rows * cols; ++i)
    grid.values.push_back((i % 2 == 0 ? 1.0f : -1.0f) * (1 + i % 97));
  return finish(grid, 1, type);
}

static void setBits(GemmOutput &output, int64_t index, uint32_t bits) {
  for (int64_t i = 0; i < elementBytes(output.type); ++i)
    output.bytes[index * elementBytes(output.type) + i] = bits >> (8 * i);
}

static GateResult against(const GemmOutput &output, const GemmOutput &oracle) {
  return gate(output.bytes, output.type, oracle);
}

TEST(Gate, EqualPasses) {
  for (OutputType type : {OutputType::BF16, OutputType::F16, OutputType::F32}) {
    GemmOutput oracle = ramp(type, 20, 50);
    GateResult result = against(oracle, oracle);
    EXPECT_TRUE(result.passed) << result.text();
    EXPECT_EQ(result.equal, 1000);
    EXPECT_DOUBLE_EQ(result.normRatio, 1);
    EXPECT_DOUBLE_EQ(result.cosine, 1);
    EXPECT_TRUE(result.firstBad.empty());
  }
}

TEST(Gate, OneUlpOnOneInAThousand) {
  GemmOutput oracle = ramp(OutputType::BF16, 20, 50), output = oracle;
  setBits(output, 117, elementBits(output.type, output.bytes, 117) + 1);
  GateResult one = against(output, oracle);
  EXPECT_TRUE(one.passed) << one.text();
  EXPECT_EQ(one.ulps[1], 1);
  setBits(output, 500, elementBits(output.type, output.bytes, 500) - 1);
  GateResult two = against(output, oracle);
  EXPECT_FALSE(two.passed);
  EXPECT_EQ(two.ulps[1], 2);
  EXPECT_NE(two.firstBad.find("d[2, 17]"), std::string::npos) << two.text();
}

TEST(Gate, TwoUlpsFailAndAreNamedFirst) {
  GemmOutput oracle = ramp(OutputType::F16, 40, 50), output = oracle;
  setBits(output, 1, elementBits(output.type, output.bytes, 1) + 1);
  setBits(output, 153, elementBits(output.type, output.bytes, 153) + 2);
  GateResult result = against(output, oracle);
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.ulps[2], 1);
  EXPECT_NE(result.firstBad.find("d[3, 3]"), std::string::npos);
  EXPECT_NE(result.firstBad.find("2 ulp"), std::string::npos);
}

TEST(Gate, F32IsBitEqualOrNothing) {
  GemmOutput oracle = ramp(OutputType::F32, 100, 50), output = oracle;
  setBits(output, 4999, elementBits(output.type, output.bytes, 4999) ^ 1);
  GateResult result = against(output, oracle);
  EXPECT_FALSE(result.passed);
  EXPECT_NE(result.firstBad.find("d[99, 49]"), std::string::npos);
}

TEST(Gate, NanAndInfinityOnlyWhereTheOracleHasThem) {
  GemmOutput oracle = ramp(OutputType::BF16, 50, 50);
  setBits(oracle, 7, 0x7fff);
  setBits(oracle, 8, 0x7f80);
  GemmOutput output = oracle;
  setBits(output, 7, 0xffc1); // another NaN
  EXPECT_TRUE(against(output, oracle).passed);
  setBits(output, 9, 0x7fff);
  EXPECT_EQ(against(output, oracle).unexpectedNan, 1);
  EXPECT_FALSE(against(output, oracle).passed);
  output = oracle;
  setBits(output, 9, 0xff80);
  EXPECT_EQ(against(output, oracle).unexpectedInf, 1);
  EXPECT_FALSE(against(output, oracle).passed);
  output = oracle;
  setBits(output, 8, 0x7f7f); // the largest finite value, one step away
  EXPECT_EQ(against(output, oracle).missingNonFinite, 1);
  EXPECT_FALSE(against(output, oracle).passed);
}

TEST(Gate, AWrongScaleIsSeenByTheNorm) {
  GemmOutput oracle = ramp(OutputType::BF16, 20, 50);
  GemmOutput doubled = oracle;
  for (int64_t i = 0; i < 1000; ++i)
    setBits(doubled, i, elementBits(oracle.type, oracle.bytes, i) + 0x80);
  GateResult result = against(doubled, oracle);
  EXPECT_FALSE(result.passed);
  EXPECT_DOUBLE_EQ(result.normRatio, 2);
  EXPECT_DOUBLE_EQ(result.cosine, 1) << "which is why a cosine is not enough";
}

TEST(Gate, OneUlpOnTheElementThatIsTheWholeNormFails) {
  Grid<float> grid{10, 200, std::vector<float>(2000, 0x1p-20f)};
  grid.values[5] = 1;
  GemmOutput oracle = finish(grid, 1, OutputType::BF16), output = oracle;
  setBits(output, 5, 0x3f81);
  GateResult result = against(output, oracle);
  EXPECT_EQ(result.ulps[1], 1);
  EXPECT_FALSE(result.passed);
  EXPECT_NE(result.failure.find("norm ratio"), std::string::npos);
}

TEST(Gate, SignedZerosAreZeroUlpsApartButNotEqual) {
  Grid<float> zeros{10, 200, std::vector<float>(2000)};
  GemmOutput oracle = finish(zeros, 1, OutputType::F16), output = oracle;
  setBits(output, 3, 0x8000);
  GateResult result = against(output, oracle);
  EXPECT_TRUE(result.passed) << result.text();
  EXPECT_EQ(result.ulps[0], 1);
  EXPECT_EQ(result.equal, 1999);
  setBits(output, 4, 0x3c00); // data where all is zero
  EXPECT_FALSE(against(output, oracle).passed);
  EXPECT_TRUE(std::isinf(against(output, oracle).normRatio));
}

TEST(Gate, SizesAndTypesMustMatch) {
  GemmOutput oracle = ramp(OutputType::BF16, 4, 4);
  EXPECT_FALSE(gate(oracle.bytes, OutputType::F16, oracle).passed);
  std::vector<uint8_t> shorter(oracle.bytes.begin(), oracle.bytes.end() - 1);
  EXPECT_FALSE(gate(shorter, OutputType::BF16, oracle).passed);
  GemmOutput nothing{OutputType::BF16, 0, 8, {}};
  EXPECT_TRUE(gate({}, OutputType::BF16, nothing).passed);
}

TEST(Gate, UlpsCrossZero) {
  EXPECT_EQ(ulpDistance(OutputType::BF16, 0x0001, 0x8001), 2);
  EXPECT_EQ(ulpDistance(OutputType::F32, 0x3f800000, 0x3f7fffff), 1);
  EXPECT_EQ(ulpDistance(OutputType::F16, 0x8000, 0x0000), 0);
}
