// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Templates as the interpreter reads them: the built-in one is the GEMM of the
// oracle, bit by bit; a user's own does what it says.

#include "tests/TileInterpreter/TileInterpreter.h"
#include "compiler/Select/Select.h"
#include "tests/Oracle/Data.h"
#include "tests/Oracle/Formats.h"
#include "tests/TileInterpreter/TileInstance.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::oracle;

namespace {

/// The built-in template with other text in the place of `from`.
std::string changed(const std::string &from, const std::string &to) {
  std::string text(compiler::gemmTemplate());
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(TileInterpreter, TheBuiltInTemplateIsTheGemm) {
  for (int64_t m : {1, 5, 17})
    for (auto [n, k] :
         {std::pair<int64_t, int64_t>{8, 16}, {24, 48}, {136, 80}, {8, 464}})
      for (OutputType type :
           {OutputType::F32, OutputType::BF16, OutputType::F16}) {
        GemmProblem p;
        p.n = n;
        p.k = k;
        p.d = type;
        Instance instance(p);
        ASSERT_TRUE(instance.kernel);
        auto a = randomMatrix(m, k, 1, 0x20, 0x50),
             b = randomMatrix(n, k, 2, 0x20, 0x50);
        auto d = interpretTile(instance.kernel, {a, b, 0.01f}, type);
        ASSERT_TRUE(d) << d.message();
        EXPECT_EQ(d->bytes, gemm(a, b, 0.01f, type, Model::MmaSim)->bytes)
            << m << " " << n << " " << k;
      }
}

TEST(TileInterpreter, AUsersEpilogue) {
  GemmProblem p;
  p.n = 24;
  p.k = 48;
  p.d = OutputType::F32;
  Instance instance(p, changed("tile.yield %y : f32",
                               "%zero1 = arith.constant 0.0 : f32\n"
                               "%z = arith.maxnumf %y, %zero1 : f32\n"
                               "tile.yield %z : f32"));
  ASSERT_TRUE(instance.kernel);
  auto a = randomMatrix(5, p.k, 1, 0x20, 0x50),
       b = randomMatrix(p.n, p.k, 2, 0x20, 0x50);
  auto d = interpretTile(instance.kernel, {a, b, 1.0f}, p.d);
  ASSERT_TRUE(d) << d.message();
  auto plain = gemm(a, b, 1.0f, p.d, Model::MmaSim);
  int negative = 0;
  for (int64_t i = 0; i < 5 * p.n; ++i) {
    double x = decodeElement(p.d, elementBits(p.d, plain->bytes, i));
    negative += x < 0;
    EXPECT_EQ(decodeElement(p.d, elementBits(p.d, d->bytes, i)),
              std::fmax(x, 0.0));
  }
  EXPECT_GT(negative, 0);
}

/// Of what was quantised, for a and b alike: code * factor * global.
TEST(TileInterpreter, TheBuiltInTemplateUndoesAQuantisation) {
  for (auto [m, k] : {std::pair<int64_t, int64_t>{1, 16}, {17, 208}}) {
    DequantizeProblem p;
    p.k = k;
    p.y = OutputType::F32;
    Instance instance(p, "", "tile=4x64x16 warps=1x1");
    ASSERT_TRUE(instance.kernel);
    auto q = randomMatrix(m, k, 3);
    auto y = interpretTile(instance.kernel, {q, q, 0.37f}, p.y);
    ASSERT_TRUE(y) << y.message();
    for (int64_t i = 0; i < m * k; ++i) {
      float element = decodeE2m1(q.code(i / k, i % k)) *
                      decodeUe4m3(q.scale(i / k, i % k / 16));
      ASSERT_EQ(elementBits(p.y, y->bytes, i),
                encodeFloat(kF32, element * 0.37f))
          << m << " x " << k << ", element " << i;
    }
  }
}

/// A template that leaves elements out, or stores them twice, is found.
TEST(TileInterpreter, EveryElementOnce) {
  GemmProblem p;
  p.n = 24;
  p.k = 48;
  auto a = randomMatrix(5, p.k, 1, 0x20, 0x50),
       b = randomMatrix(p.n, p.k, 2, 0x20, 0x50);
  Instance twice(p, changed("tile.store %d, %D[%m, %n]",
                            "tile.store %d, %D[%m, %n] : !tile.acc<[BM, BN]>, "
                            "!tile.matrix<[M, N]>\n"
                            "    tile.store %d, %D[%m, %n]"));
  ASSERT_TRUE(twice.kernel);
  auto d = interpretTile(twice.kernel, {a, b, 1.0f}, p.d);
  ASSERT_FALSE(d);
  EXPECT_EQ(d.message(), "expected the template to store each element of d "
                         "once, got 2 stores of row 0, column 0");
  Instance shifted(p, changed("tile.store %d, %D[%m, %n]",
                              "%eight = arith.constant 8 : i32\n"
                              "    %n8 = arith.addi %n, %eight : i32\n"
                              "    tile.store %d, %D[%m, %n8]"));
  ASSERT_TRUE(shifted.kernel);
  d = interpretTile(shifted.kernel, {a, b, 1.0f}, p.d);
  ASSERT_FALSE(d);
  EXPECT_EQ(d.message(), "expected the template to store each element of d "
                         "once, got 0 stores of row 0, column 0");
}

/// Scale bytes outside the model of the multiply: NaN and the ignored sign;
/// and data that hurts.
TEST(TileInterpreter, EveryScaleByte) {
  GemmProblem p;
  p.n = 24;
  p.k = 464;
  p.d = OutputType::F32;
  Instance instance(p);
  ASSERT_TRUE(instance.kernel);
  auto expectGemm = [&](const QuantizedMatrix &a, const QuantizedMatrix &b) {
    auto d = interpretTile(instance.kernel, {a, b, 1.0f}, p.d);
    ASSERT_TRUE(d) << d.message();
    EXPECT_EQ(d->bytes, gemm(a, b, 1.0f, p.d, Model::MmaSim)->bytes);
  };
  for (Adversary kind : kAdversaries) {
    SCOPED_TRACE(name(kind));
    auto a = adversarialMatrix(kind, 17, p.k, 3);
    auto b = adversarialMatrix(kind, p.n, p.k, 4);
    expectGemm(a, b);
    a.setScale(5, 2, 0x7f);
    b.setScale(7, 28, 0xff);
    expectGemm(a, b);
  }
}

/// A body that hands two accumulators on the other way round: after the three
/// steps of K = 384 they have been swapped three times.
TEST(TileInterpreter, AccumulatorsAreHandedOnAllAtOnce) {
  GemmProblem p;
  p.n = 24;
  p.k = 384;
  p.d = OutputType::F32;
  std::string text = changed("init(%c = %zero) : !tile.acc<[BM, BN]>",
                             "init(%e = %zero, %c = %zero) : "
                             "!tile.acc<[BM, BN]>, !tile.acc<[BM, BN]>");
  auto replace = [&](const std::string &from, const std::string &to) {
    size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
  };
  replace("%acc = tile.accumulate", "%other, %acc = tile.accumulate");
  replace("tile.yield %s : !tile.acc<[BM, BN]>",
          "tile.yield %s, %e : !tile.acc<[BM, BN]>, !tile.acc<[BM, BN]>");
  Instance instance(p, text);
  ASSERT_TRUE(instance.kernel);
  auto a = randomMatrix(5, p.k, 1, 0x20, 0x50);
  auto b = randomMatrix(p.n, p.k, 2, 0x20, 0x50);
  auto d = interpretTile(instance.kernel, {a, b, 1.0f}, p.d);
  ASSERT_TRUE(d) << d.message();
  // Steps 0 and 2 land in one accumulator, step 1 in the other, which is first
  // after an odd number of swaps.
  for (QuantizedMatrix *matrix : {&a, &b})
    for (int64_t r = 0; r < matrix->rows; ++r)
      for (int64_t block = 0; block < matrix->blocks(); ++block)
        if (block / 8 != 1)
          matrix->setScale(r, block, 0);
  EXPECT_EQ(d->bytes, gemm(a, b, 1.0f, p.d, Model::MmaSim)->bytes);
}

/// maximumf, cmpf and select, truncf and extf, a coordinate's arithmetic.
TEST(TileInterpreter, AnEpilogueOfManyOps) {
  GemmProblem p;
  p.n = 24;
  p.k = 48;
  p.d = OutputType::F32;
  Instance instance(
      p, changed("tile.yield %y : f32",
                 "%none = arith.constant 0.0 : f32\n"
                 "%positive = arith.maximumf %y, %none : f32\n"
                 "%leak = arith.constant 0.125 : f32\n"
                 "%negative = arith.mulf %y, %leak : f32\n"
                 "%is = arith.cmpf olt, %y, %none : f32\n"
                 "%z = arith.select %is, %negative, %positive : f32\n"
                 "%narrow = arith.truncf %z : f32 to bf16\n"
                 "%wide = arith.extf %narrow : bf16 to f32\n"
                 "tile.yield %wide : f32"));
  ASSERT_TRUE(instance.kernel);
  auto a = randomMatrix(5, p.k, 1, 0x20, 0x50);
  auto b = randomMatrix(p.n, p.k, 2, 0x20, 0x50);
  auto d = interpretTile(instance.kernel, {a, b, 1.0f}, p.d);
  ASSERT_TRUE(d) << d.message();
  auto plain = gemm(a, b, 1.0f, p.d, Model::MmaSim);
  for (int64_t i = 0; i < 5 * p.n; ++i) {
    double x = decodeElement(p.d, elementBits(p.d, plain->bytes, i));
    double leaky = x < 0 ? x * 0.125 : x;
    EXPECT_EQ(decodeElement(p.d, elementBits(p.d, d->bytes, i)),
              decodeFloat(kBf16, encodeFloat(kBf16, leaky)));
  }
}

/// Operands of another problem, or of none, give no number.
TEST(TileInterpreter, OperandsMustFit) {
  GemmProblem p;
  p.n = 24;
  p.k = 48;
  p.d = OutputType::F32;
  auto a = randomMatrix(5, p.k, 1, 0x20, 0x50);
  auto b = randomMatrix(p.n, p.k, 2, 0x20, 0x50);
  Instance instance(p);
  ASSERT_TRUE(instance.kernel);
  auto message = [&](Instance &of, const QuantizedMatrix &x,
                     const QuantizedMatrix &w, OutputType type) {
    return interpretTile(of.kernel, {x, w, 1.0f}, type).message();
  };
  EXPECT_EQ(message(instance, a, QuantizedMatrix(16, p.k), p.d),
            "expected b with the 24 rows that d has columns, got 16");
  EXPECT_EQ(message(instance, QuantizedMatrix(5, 64), b, p.d),
            "expected operand a of the kernel's size 5 x 48, got 5 x 64");
  EXPECT_EQ(message(instance, a, b, OutputType::BF16),
            "expected the output type that the kernel was instantiated for");
  Instance fromD(p, changed("tile.load %B[%n, %k] : !tile.matrix<[N, K]>",
                            "tile.load %D[%n, %k] : !tile.matrix<[M, N]>"));
  ASSERT_TRUE(fromD.kernel);
  EXPECT_EQ(message(fromD, a, b, p.d),
            "expected a load of a or b or of their scales, got one of 'd'");
}

/// A size over M is that size, not M.
TEST(TileInterpreter, FreeSizesAreEvaluated) {
  GemmProblem p;
  p.n = 24;
  p.k = 48;
  Instance half(p, changed("in (M, N)", "in (M floordiv 2, N)"));
  ASSERT_TRUE(half.kernel);
  auto a = randomMatrix(20, p.k, 1, 0x20, 0x50);
  auto b = randomMatrix(p.n, p.k, 2, 0x20, 0x50);
  auto d = interpretTile(half.kernel, {a, b, 1.0f}, p.d);
  ASSERT_FALSE(d); // tiles of 16 rows: 10 rows are one tile, 20 are two
  EXPECT_EQ(d.message(), "expected the template to store each element of d "
                         "once, got 0 stores of row 16, column 0");
}

TEST(TileInterpreter, UnknownOpsAreRefusedByName) {
  GemmProblem p;
  p.n = 8;
  p.k = 16;
  auto a = randomMatrix(1, p.k, 1, 0x20, 0x50),
       b = randomMatrix(p.n, p.k, 2, 0x20, 0x50);
  Instance instance(p, changed("%zero = tile.zeros",
                               "%q = arith.divsi %m, %m : i32\n"
                               "    %zero = tile.zeros"));
  ASSERT_TRUE(instance.kernel);
  auto d = interpretTile(instance.kernel, {a, b, 1.0f}, p.d);
  ASSERT_FALSE(d);
  EXPECT_EQ(d.message(), "the interpreter does not know 'arith.divsi'");
}

} // namespace
