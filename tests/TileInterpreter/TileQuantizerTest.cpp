// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The built-in template means what the oracle computes, and an edited one does
// not.

#include "tests/TileInterpreter/TileQuantizer.h"
#include "compiler/Select/Select.h"
#include "tests/Oracle/Data.h"
#include "tests/TileInterpreter/TileInstance.h"

#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::oracle;

namespace {

constexpr int64_t rows = 11, k = 208;
const EncodeScale encode(336.0f);

Expected<QuantizedMatrix> interpret(const std::string &from,
                                    const std::string &to) {
  std::string text(compiler::quantizeTemplate());
  size_t at = text.find(from);
  EXPECT_NE(at, text.npos);
  text.replace(at, from.size(), to);
  auto problem = parseQuantize("quantize x=f32 k=208");
  Instance instance(*problem, text, "tile=4x64x16 warps=1x1");
  if (!instance.kernel)
    return Status::invalid("no kernel");
  std::vector<float> x = normalValues(rows, k, 3);
  return interpretQuantize(instance.kernel, x, rows, k, encode);
}

TEST(TileQuantizer, TheBuiltInTemplateIsTheOracle) {
  auto got = interpret("%q", "%q");
  ASSERT_TRUE(got) << got.message();
  auto want = quantize(normalValues(rows, k, 3), rows, k, encode);
  ASSERT_TRUE(want) << want.message();
  EXPECT_EQ(got->codes, want->matrix.codes);
  EXPECT_EQ(got->scales, want->matrix.scales);
}

Expected<QuantizedMatrix> interpretSiluMul(const std::string &from,
                                           const std::string &to) {
  std::string text(compiler::quantizeTemplate(QuantizeFuse::SiluMul));
  size_t at = text.find(from);
  EXPECT_NE(at, text.npos);
  text.replace(at, from.size(), to);
  auto problem = parseQuantize("quantize x=f32 k=208 fuse=silu_mul");
  Instance instance(*problem, text, "tile=4x64x16 warps=1x1");
  if (!instance.kernel)
    return Status::invalid("no kernel");
  return interpretQuantize(instance.kernel, normalValues(rows, 2 * k, 3), rows,
                           k, encode);
}

TEST(TileQuantizer, GatesOpenWhatStandsHalfARowBehindThem) {
  std::vector<float> x = normalValues(rows, 2 * k, 3), products;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t c = 0; c < k; ++c)
      products.push_back(siluMul(x[row * 2 * k + c], x[row * 2 * k + k + c]));
  auto want = quantize(products, rows, k, encode);
  ASSERT_TRUE(want) << want.message();
  auto got = interpretSiluMul("%q", "%q");
  ASSERT_TRUE(got) << got.message();
  EXPECT_EQ(got->codes, want->matrix.codes);
  EXPECT_EQ(got->scales, want->matrix.scales);
  auto other = interpretSiluMul("half 1", "half 0");
  ASSERT_TRUE(other) << other.message();
  EXPECT_NE(other->codes, want->matrix.codes);
}

TEST(TileQuantizer, AStoreElsewhereIsSeen) {
  auto got = interpret("tile.store_codes %q, %Q[%m, %k]",
                       "tile.store_codes %q, %Q[%k, %k]");
  ASSERT_FALSE(got);
  EXPECT_NE(got.message().find("stores of block"), std::string::npos)
      << got.message();
}

TEST(TileQuantizer, OtherRowsAreSeen) {
  auto got = interpret("tile.load_elements %X[%m, %k]",
                       "tile.load_elements %X[%k, %m]");
  ASSERT_TRUE(got) << got.message();
  auto want = quantize(normalValues(rows, k, 3), rows, k, encode);
  EXPECT_NE(got->codes, want->matrix.codes);
}

} // namespace
