// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The interpreter's scalars against LLVM's APFloat, on the values where
// arithmetic has corners.

#include "tests/TileInterpreter/TileScalars.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/MLIRContext.h"

#include <bit>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace mlir;
using namespace nybl;
using namespace nybl::oracle;
using llvm::APFloat;

namespace {

using Limits = std::numeric_limits<float>;
const float values[] = {0.0f,
                        -0.0f,
                        1.0f,
                        -1.0f,
                        1.00390625f, // a tie of bf16
                        1.01171875f, // the tie after it
                        3.0f,
                        65519.0f, // f16: the largest that does not overflow
                        65520.0f,
                        3e-8f, // f16: half of the smallest subnormal, and a bit
                        Limits::denorm_min(),
                        Limits::min(),
                        Limits::max(),
                        -Limits::max(),
                        Limits::infinity(),
                        -Limits::infinity(),
                        Limits::quiet_NaN()};

bool same(float x, float y) {
  return (std::isnan(x) && std::isnan(y)) ||
         std::bit_cast<uint32_t>(x) == std::bit_cast<uint32_t>(y);
}

/// A block with two f32, x and y, to build ops on.
struct ScalarTest : testing::Test {
  ScalarTest() : builder(&context) {
    context.loadDialect<arith::ArithDialect>();
    x = block.addArgument(builder.getF32Type(), builder.getUnknownLoc());
    y = block.addArgument(builder.getF32Type(), builder.getUnknownLoc());
    builder.setInsertionPointToEnd(&block);
  }

  template <typename Op, typename... Args>
  Op make(Args... args) {
    return Op::create(builder, builder.getUnknownLoc(), args...);
  }

  /// `op` on each pair of values is what `expected` says.
  template <typename F>
  void expectBinary(Operation *op, F expected) {
    for (float a : values)
      for (float b : values) {
        scalars.setFloat(x, a);
        scalars.setFloat(y, b);
        Status status = scalars.execute(*op);
        ASSERT_TRUE(status) << status.message();
        float want = expected(APFloat(a), APFloat(b)).convertToFloat();
        EXPECT_TRUE(same(scalars.number(op->getResult(0)), want))
            << op->getName().getStringRef().str() << " " << a << " " << b
            << ": " << scalars.number(op->getResult(0)) << ", not " << want;
      }
  }

  MLIRContext context;
  Block block;
  OpBuilder builder;
  Value x, y;
  TileScalars scalars;
};

/// Coordinates are divided as unsigned numbers, and by 0 not at all.
TEST_F(ScalarTest, DivisionOfCoordinatesIsUnsigned) {
  auto number = [&](int32_t value) {
    auto op = make<arith::ConstantOp>(builder.getI32IntegerAttr(value));
    EXPECT_TRUE(scalars.execute(*op));
    return op.getResult();
  };
  Value seven = number(7), minusOne = number(-1), zero = number(0);
  auto quotient = make<arith::DivUIOp>(minusOne, seven);
  auto rest = make<arith::RemUIOp>(minusOne, seven);
  ASSERT_TRUE(scalars.execute(*quotient));
  ASSERT_TRUE(scalars.execute(*rest));
  EXPECT_EQ(scalars.integer(quotient), 613566756);
  EXPECT_EQ(scalars.integer(rest), 3);
  EXPECT_EQ(scalars.execute(*make<arith::DivUIOp>(seven, zero)).message(),
            "expected a divisor other than 0 of 'arith.divui'");
}

TEST_F(ScalarTest, ArithmeticIsIeee) {
  expectBinary(make<arith::AddFOp>(x, y),
               [](APFloat a, APFloat b) { return a + b; });
  expectBinary(make<arith::SubFOp>(x, y),
               [](APFloat a, APFloat b) { return a - b; });
  expectBinary(make<arith::MulFOp>(x, y),
               [](APFloat a, APFloat b) { return a * b; });
  expectBinary(make<arith::DivFOp>(x, y),
               [](APFloat a, APFloat b) { return a / b; });
  expectBinary(make<arith::NegFOp>(x), [](APFloat a, APFloat) { return -a; });
}

TEST_F(ScalarTest, LargestAndSmallest) {
  expectBinary(make<arith::MaximumFOp>(x, y),
               [](APFloat a, APFloat b) { return llvm::maximum(a, b); });
  expectBinary(make<arith::MinimumFOp>(x, y),
               [](APFloat a, APFloat b) { return llvm::minimum(a, b); });
  expectBinary(make<arith::MaxNumFOp>(x, y),
               [](APFloat a, APFloat b) { return llvm::maxnum(a, b); });
  expectBinary(make<arith::MinNumFOp>(x, y),
               [](APFloat a, APFloat b) { return llvm::minnum(a, b); });
}

TEST_F(ScalarTest, TruncationRoundsOnce) {
  for (Type type : {Type(builder.getBF16Type()), Type(builder.getF16Type())}) {
    Operation *truncate = make<arith::TruncFOp>(type, x);
    Operation *extend =
        make<arith::ExtFOp>(builder.getF32Type(), truncate->getResult(0));
    for (float a : values) {
      scalars.setFloat(x, a);
      ASSERT_TRUE(scalars.execute(*truncate));
      ASSERT_TRUE(scalars.execute(*extend));
      APFloat want(a);
      bool inexact = false;
      want.convert(cast<FloatType>(type).getFloatSemantics(),
                   APFloat::rmNearestTiesToEven, &inexact);
      EXPECT_TRUE(
          same(scalars.number(extend->getResult(0)), want.convertToFloat()))
          << a;
    }
  }
}

TEST_F(ScalarTest, EveryPredicateAndSelect) {
  for (uint64_t p = 0; p <= arith::getMaxEnumValForCmpFPredicate(); ++p) {
    auto predicate = static_cast<arith::CmpFPredicate>(p);
    Operation *compare = make<arith::CmpFOp>(predicate, x, y);
    Operation *select = make<arith::SelectOp>(compare->getResult(0), x, y);
    for (float a : values)
      for (float b : values) {
        scalars.setFloat(x, a);
        scalars.setFloat(y, b);
        ASSERT_TRUE(scalars.execute(*compare));
        ASSERT_TRUE(scalars.execute(*select));
        bool want = arith::applyCmpPredicate(predicate, APFloat(a), APFloat(b));
        EXPECT_EQ(scalars.integer(compare->getResult(0)), want)
            << arith::stringifyCmpFPredicate(predicate).str() << " " << a << " "
            << b;
        EXPECT_TRUE(same(scalars.number(select->getResult(0)), want ? a : b));
      }
  }
}

TEST_F(ScalarTest, ConstantsAndCoordinates) {
  Operation *truth = make<arith::ConstantOp>(builder.getBoolAttr(true));
  Operation *most = make<arith::ConstantOp>(builder.getI32IntegerAttr(INT_MAX));
  Operation *two = make<arith::ConstantOp>(builder.getI32IntegerAttr(2));
  Operation *half = make<arith::ConstantOp>(builder.getF32FloatAttr(0.5f));
  Value m = most->getResult(0), t = two->getResult(0);
  Operation *sum = make<arith::AddIOp>(m, t);
  Operation *product = make<arith::MulIOp>(m, t);
  Operation *difference = make<arith::SubIOp>(t, m);
  for (Operation *op : {truth, most, two, half, sum, product, difference})
    ASSERT_TRUE(scalars.execute(*op));
  EXPECT_EQ(scalars.integer(truth->getResult(0)), 1);
  EXPECT_EQ(scalars.number(half->getResult(0)), 0.5f);
  EXPECT_EQ(scalars.integer(sum->getResult(0)), INT_MIN + 1);
  EXPECT_EQ(scalars.integer(product->getResult(0)), -2);
  EXPECT_EQ(scalars.integer(difference->getResult(0)), 2 - INT_MAX);
}

/// What would be a wrong number is refused instead.
TEST_F(ScalarTest, Refusals) {
  auto message = [&](Operation *op) { return scalars.execute(*op).message(); };
  Operation *narrow = make<arith::TruncFOp>(Type(builder.getBF16Type()), x);
  Value b = narrow->getResult(0);
  Operation *add = make<arith::AddFOp>(b, b);
  EXPECT_EQ(message(add).find("the interpreter does not know 'arith.addf' on "
                              "bf16"),
            0u);
  Operation *wide = make<arith::ExtFOp>(Type(builder.getF64Type()), x);
  EXPECT_EQ(message(wide).find("the interpreter does not know 'arith.extf' on "
                               "f64"),
            0u);
  EXPECT_EQ(message(make<arith::RemFOp>(x, y)),
            "the interpreter does not know 'arith.remf'");
  auto upward = make<arith::TruncFOp>(Type(builder.getBF16Type()), x);
  upward.setRoundingmode(arith::RoundingMode::upward);
  EXPECT_EQ(message(upward),
            "the interpreter knows 'arith.truncf' only to nearest even, got "
            "upward");
}

} // namespace
