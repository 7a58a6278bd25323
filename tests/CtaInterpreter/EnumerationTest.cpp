// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The proof against brute force: every tile, step and thread of every M of a
// range. Where the prover says that a lemma holds, no enumerated launch may
// break it; and our own kernels break none, proven or not.

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "runtime/Abi/ScaleLayout.h"
#include "tests/CtaInterpreter/CtaInstance.h"
#include "tests/CtaInterpreter/Violations.h"

#include <gtest/gtest.h>
#include <numeric>

using namespace nybl;
using namespace nybl::enumeration;

namespace {

constexpr ScaleLayout layouts[] = {ScaleLayout::Linear, ScaleLayout::T128x4,
                                   ScaleLayout::T8x4};

GemmProblem problemOf(int64_t n, int64_t k, ScaleLayout layout) {
  GemmProblem p;
  p.n = n;
  p.k = k;
  p.sfa = p.sfb = layout;
  p.d = k % 32 ? OutputType::BF16 : OutputType::F32;
  return p;
}

/// Right for these M, and proven.
void expectRight(const AnyProblem &problem, const std::string &schedule,
                 const std::vector<int64_t> &rows, int64_t ctas,
                 const std::string &chip = "sm_120a") {
  SCOPED_TRACE(print(problem) + ", " + schedule);
  CtaInstance instance(problem, schedule, /*templateText=*/"", chip);
  ASSERT_TRUE(instance.kernel);
  Verdict verdict = prove(instance);
  EXPECT_TRUE(verdict.accepted) << verdict.message;
  for (const char *lemma : {"L1", "L2", "L3", "L4", "L5", "L6", "L7"})
    EXPECT_TRUE(verdict.claims(lemma)) << lemma;
  for (int64_t m : rows) {
    auto violations = findViolations(instance.kernel, {m, ctas});
    ASSERT_TRUE(violations) << violations.message();
    for (const Violation &violation : *violations)
      ADD_FAILURE() << "M = " << m << ": " << violation.lemma << ": "
                    << violation.text;
  }
}

std::vector<int64_t> everyRowUpTo140() {
  std::vector<int64_t> rows(141);
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

/// K is the parameter, in blocks.
class Enumeration : public testing::TestWithParam<int> {};

/// One tile of 128 rows, and a second one; few columns, since columns are B's.
TEST_P(Enumeration, SideA) {
  for (ScaleLayout layout : layouts)
    expectRight(problemOf(5, GetParam() * 16, layout),
                "tile=128x16x128 warps=4x1", everyRowUpTo140(), 1);
}

TEST_P(Enumeration, SideB) {
  for (ScaleLayout layout : layouts)
    for (int64_t n = 1; n <= 40; ++n)
      expectRight(problemOf(n, GetParam() * 16, layout),
                  "tile=16x32x128 warps=1x2", {3}, 1);
}

/// The schedule that ships, and tiles of other shapes, by several CTAs.
TEST_P(Enumeration, Schedules) {
  for (ScaleLayout layout : layouts) {
    GemmProblem problem = problemOf(40, GetParam() * 16, layout);
    expectRight(problem, "", {1, 129}, 1);
    expectRight(problem, "tile=32x16x64 warps=2x1", {1, 40, 97}, 2);
    expectRight(problem, "tile=16x16x192 warps=1x1", {31}, 7);
    for (const char *stages : {"2", "3", "4"})
      expectRight(
          problem,
          std::string("kind=multistage tile=32x16x64 warps=2x1 stages=") +
              stages,
          {1, 40, 97}, 2);
  }
}

/// Roles, over tiles that follow on each other in one CTA and in several.
TEST_P(Enumeration, Cooperative) {
  for (ScaleLayout layout : layouts) {
    GemmProblem problem = problemOf(40, GetParam() * 16, layout);
    for (const char *stages : {"2", "3"})
      expectRight(
          problem,
          std::string("kind=cooperative tile=32x32x64 warps=2x2 stages=") +
              stages,
          {1, 40, 97}, GetParam() % 2 + 1);
    problem.staticWeights = true; // copies that run ahead
    expectRight(problem, "kind=cooperative tile=32x32x64 warps=2x2 stages=2",
                {40}, 1);
  }
}

/// Groups of consumers, by turns: a CTA has several tiles, an odd number too.
TEST_P(Enumeration, Pingpong) {
  for (ScaleLayout layout : layouts) {
    GemmProblem problem = problemOf(40, GetParam() * 16, layout);
    expectRight(problem,
                "kind=pingpong tile=32x32x64 warps=2x2 stages=2 group=2",
                {1, 40, 97}, GetParam() % 2 + 1);
  }
}

/// Parts of tiles, each with the same number of K steps.
TEST_P(Enumeration, Parts) {
  int64_t steps = (GetParam() + 3) / 4,
          parts = steps % 2 ? steps : std::max<int64_t>(2, steps / 2);
  if (steps < 2)
    return;
  std::string split = " split=" + std::to_string(parts);
  for (ScaleLayout layout : layouts) {
    GemmProblem problem = problemOf(40, GetParam() * 16, layout);
    for (const char *kind :
         {"tile=32x16x64 warps=2x1",
          "kind=multistage tile=32x16x64 warps=2x1 stages=3",
          "kind=cooperative tile=32x32x64 warps=2x2 stages=2",
          "kind=pingpong tile=32x32x64 warps=2x2 stages=2"})
      expectRight(problem, kind + split, {1, 70}, 1);
  }
}

/// Boxes of 32, 64 and 128 bytes, whose swizzles differ; K in pairs of blocks.
TEST_P(Enumeration, Boxes) {
  for (ScaleLayout layout : layouts) {
    GemmProblem problem = problemOf(40, GetParam() * 32, layout);
    for (const char *tile : {"32x32x64 warps=2x2", "64x32x128 warps=4x1",
                             "32x64x256 warps=2x2", "16x64x64 warps=1x4"})
      expectRight(problem,
                  std::string("kind=cooperative fill=tma stages=2 tile=") +
                      tile,
                  {1, 40, 97}, GetParam() % 2 + 1);
  }
}

/// D by TMA: boxes of 32, 64 and 128 bytes, by warps that have their rows in
/// order and turned; a part of a warp's rows at a time.
TEST_P(Enumeration, OutputBoxes) {
  GemmProblem problem = problemOf(40, GetParam() * 16, layouts[GetParam() % 3]);
  for (const char *tile :
       {"32x32x64 warps=2x2", "64x64x64 warps=4x1", "64x64x64 warps=2x2"})
    expectRight(problem,
                std::string("kind=cooperative store=tma stages=2 tile=") + tile,
                {1, 40, 97}, GetParam() % 2 + 1);
  expectRight(problem,
              "kind=pingpong store=tma stages=2 tile=32x32x64 warps=2x2",
              {1, 97}, 1);
  if (GetParam() % 8 == 0)
    expectRight(problem,
                "kind=cooperative store=tma stages=2 tile=128x256x64 warps=2x4",
                {1, 97}, 1);
}

/// Multiplies whose rows are columns of D, under each kind of schedule; 16 rows
/// of four warps.
TEST_P(Enumeration, Swapped) {
  for (ScaleLayout layout : layouts) {
    bool byTma = GetParam() % 2 == 0;
    GemmProblem problem = problemOf(100, GetParam() * 16, layout);
    for (const char *schedule :
         {"tile=32x48x64 warps=2x1", "kind=multistage tile=64x32x64 warps=1x1",
          byTma ? "kind=cooperative tile=16x128x64 warps=1x4 fill=tma"
                : "kind=cooperative tile=16x64x64 warps=1x4 stages=3"})
      expectRight(problem, std::string(schedule) + " swap=ab", {1, 40},
                  GetParam() % 2 + 1);
  }
}

/// Words of one, two and four groups of 32 rows or columns.
TEST_P(Enumeration, PackedScales) {
  for (ScaleLayout layout : layouts)
    for (const char *tile :
         {"tile=64x32x64 warps=2x1", "tile=64x64x64 warps=1x1",
          "tile=128x32x128 warps=1x1", "tile=32x128x64 warps=1x1"})
      expectRight(problemOf(100, GetParam() * 16, layout),
                  std::string("kind=multistage ") + tile, {1, 77, 133}, 2);
}

/// Accumulators in tensor memory: rows of 32, 64 and 128 bytes; groups that
/// have one tile, several or none.
TEST_P(Enumeration, Tensor) {
  int64_t blocks = 2 * GetParam();
  for (int64_t step : {64, 128, 256}) {
    GemmProblem problem = problemOf(GetParam() % 3 ? 40 : 140, blocks * 16,
                                    layouts[(GetParam() + step / 64) % 3]);
    expectRight(problem,
                "kind=tmem warps=4x1 fill=tma stages=2 tile=128x128x" +
                    std::to_string(step),
                {1, GetParam() % 2 ? 300 : 128}, GetParam() % 2 + 1, "sm_100a");
  }
}

/// Tiles of other widths, whose scale factors are copied for 128 rows all the
/// same, stored by TMA, and multiplies whose columns are rows of D; linear
/// scale factors by fours and byte by byte.
TEST_P(Enumeration, TensorColumns) {
  int number = GetParam();
  constexpr int widths[] = {16, 32, 64, 128, 256};
  std::string width = std::to_string(widths[number % 5]);
  std::string rest = "x" + std::to_string(64 << number % 3) + " fill=tma ";
  GemmProblem problem =
      problemOf(number % 2 ? 40 : 72, number * 32, layouts[number / 3 % 3]);
  problem.sfb = layouts[(number + number / 5) % 3];
  problem.d = number / 2 % 2 ? OutputType::BF16 : OutputType::F32;
  expectRight(problem, "kind=tmem warps=4x1 store=tma tile=128x" + width + rest,
              {number % 3 ? 130 : 1}, 1, "sm_100a");
  expectRight(problem,
              "kind=tmem warps=1x4 swap=ab tile=" + width + "x128" + rest,
              {number % 3 ? 70 : 1}, number % 2 + 1, "sm_100a");
}

/// What undoes a quantisation: one block for a thread, and two.
TEST_P(Enumeration, BackAgain) {
  constexpr OutputType types[] = {OutputType::BF16, OutputType::F16,
                                  OutputType::F32};
  for (ScaleLayout layout : layouts) {
    DequantizeProblem problem;
    problem.k = GetParam() * 16;
    problem.sf = layout;
    problem.y = types[GetParam() % 3];
    expectRight(problem, "", {0, 1, GetParam() * 8, 130}, 2);
    expectRight(problem, "tile=8x128x16 warps=1x1", {9, GetParam() * 8 + 1}, 3);
  }
}

/// Tiles by two CTAs: both are played together, for pairs that have one tile,
/// several or none.
TEST_P(Enumeration, Pairs) {
  int64_t columns = GetParam() % 3 ? 16 : 48, step = 64 << GetParam() % 3;
  GemmProblem problem = problemOf(GetParam() % 2 ? 12 : 20, GetParam() * 32,
                                  layouts[GetParam() % 3]);
  expectRight(problem,
              "kind=tmem warps=4x1 fill=tma stages=2 ctas=2 tile=256x" +
                  std::to_string(columns) + "x" + std::to_string(step),
              {1, 129, GetParam() % 2 ? 300 : 256}, GetParam() % 2 + 1,
              "sm_100a");
}

/// A kernel of any N and K, which all are for, under each schedule.
TEST_P(Enumeration, AnyNAndK) {
  constexpr std::pair<const char *, const char *> schedules[] = {
      {"tile=128x64x64 warps=4x1", "sm_120a"},
      {"kind=cooperative tile=128x64x64 warps=4x1 stages=2", "sm_120a"},
      {"kind=pingpong tile=128x64x64 warps=4x1 stages=2 fill=tma", "sm_120a"},
      {"kind=tmem tile=128x128x64 warps=4x1 stages=2 fill=tma", "sm_100a"}};
  auto [schedule, chip] = schedules[GetParam() % 4];
  SCOPED_TRACE(schedule);
  GemmProblem p = genericClass(problemOf(5, 16, layouts[GetParam() % 3]));
  p.sfb = layouts[GetParam() / 3 % 3];
  CtaInstance instance(p, schedule, /*templateText=*/"", chip);
  ASSERT_TRUE(instance.kernel);
  Verdict verdict = prove(instance);
  EXPECT_TRUE(verdict.accepted) << verdict.message;
  for (int64_t blocks : {GetParam(), 17 - GetParam()})
    for (int64_t m : {1, 130})
      for (int64_t n : {GetParam(), 64 + 5 * GetParam()}) {
        Launch launch{m, GetParam() % 3 + 1};
        launch.n = n;
        launch.blocks = blocks;
        auto violations = findViolations(instance.kernel, launch);
        ASSERT_TRUE(violations) << violations.message();
        for (const Violation &violation : *violations)
          ADD_FAILURE() << "M = " << m << ", N = " << n << ", " << blocks
                        << " K blocks: " << violation.lemma << ": "
                        << violation.text;
      }
}

/// What is passed for K must be K: one block fewer leaves one out.
TEST(EnumerationOfAnyK, FindsWhatIsMissing) {
  CtaInstance instance(genericClass(problemOf(5, 16, ScaleLayout::T8x4)),
                       "tile=128x64x64 warps=4x1");
  ASSERT_TRUE(instance.kernel);
  mlir::OpBuilder builder(instance.kernel.getBody());
  mlir::BlockArgument blocks = instance.kernel.argumentFor("k.blocks");
  mlir::Value one = mlir::arith::ConstantOp::create(
      builder, instance.kernel.getLoc(), builder.getI32IntegerAttr(1));
  mlir::Value fewer = mlir::arith::SubIOp::create(
      builder, instance.kernel.getLoc(), blocks, one);
  blocks.replaceAllUsesExcept(fewer, fewer.getDefiningOp());
  EXPECT_FALSE(prove(instance).accepted);
  Launch launch{3};
  launch.n = 5;
  launch.blocks = 6;
  auto violations = findViolations(instance.kernel, launch);
  ASSERT_TRUE(violations) << violations.message();
  EXPECT_FALSE(violations->empty());
}

/// The first and the last tiles of the largest M: nothing wraps there.
TEST_P(Enumeration, TheLargestRows) {
  constexpr int64_t m = (int64_t(1) << 24) - 3, tiles = (m + 127) / 128;
  for (ScaleLayout layout : layouts) {
    CtaInstance instance(problemOf(5, GetParam() * 16, layout),
                         "tile=128x16x128 warps=4x1");
    ASSERT_TRUE(instance.kernel);
    for (int64_t first : {int64_t(0), tiles / 2, tiles - 2}) {
      auto violations =
          findViolations(instance.kernel, {m, tiles, first, first + 2});
      ASSERT_TRUE(violations) << violations.message();
      EXPECT_TRUE(violations->empty()) << violations->front().text;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(KBlocks, Enumeration, testing::Range(1, 17));

} // namespace
