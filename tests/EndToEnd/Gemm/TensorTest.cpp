// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The schedule of chips with tensor memory, on the emulated sm_100a: equal to
// the oracle bit for bit, with padding marked and races looked for, whichever
// order warps run and copies and multiplies are done in.

#include "tests/EndToEnd/Gemm/TensorFixture.h"

using namespace nybl;

namespace {

using TensorChosen = road::TensorScheduleTest;

/// The parameter is the number of K steps.
class Tensor : public TensorChosen, public testing::WithParamInterface<int> {};

std::string scheduleOf(int64_t step, int stages) {
  return "kind=tmem tile=128x128x" + std::to_string(step) +
         " warps=4x1 stages=" + std::to_string(stages) + " fill=tma";
}

/// K steps, whole or with a part of the last; tails of rows and columns, and
/// tiles without any. Each K step is as wide as another swizzle.
TEST_P(Tensor, IsTheOracleBitForBit) {
  int steps = GetParam();
  for (int64_t step : {64, 128, 256}) {
    int number = steps + static_cast<int>(step / 64);
    GemmProblem p = road::problemOf(number, steps * step);
    if (number % 3 == 0)
      p.k -= 32;
    p.n = number % 2 ? 200 : 256;
    p.staticWeights = number % 2;
    expectOracle(p, number % 3 ? 300 : 256, scheduleOf(step, 2 + number % 3),
                 number, road::allOrders);
  }
}

/// The parameter is the number of columns of multiplies: columns of D, or with
/// swap=ab rows. Scale factors of 128 rows are copied, whatever it is; with 256
/// there is one group.
class TensorColumns : public TensorChosen,
                      public testing::WithParamInterface<int64_t> {};

TEST_P(TensorColumns, IsTheOracleBitForBit) {
  int64_t columns = GetParam(), rows = 130, some = columns * 3 / 2 + 1;
  int number = static_cast<int>(columns / 8);
  int64_t step = columns < 256 ? 64 << number % 3 : 256;
  std::string rest = "x" + std::to_string(step) + " stages=2 fill=tma ";
  GemmProblem p = road::problemOf(number, 288 + number % 2 * 32);
  std::string schedule =
      "kind=tmem warps=4x1 tile=128x" + std::to_string(columns) + rest;
  p.n = some;
  expectOracle(p, rows, schedule, number, {NYBL_EMU_SCHEDULE_RANDOM});
  if (columns % 16 == 0) { // boxes of whole 32 bytes, rows of whole 16
    p.n = some / 8 * 8;
    expectOracle(p, rows, schedule + "store=tma", number,
                 {NYBL_EMU_SCHEDULE_LAZY, NYBL_EMU_SCHEDULE_ADVERSARY});
  }
  p.n = rows;
  expectOracle(p, some,
               "kind=tmem warps=1x4 swap=ab tile=" + std::to_string(columns) +
                   "x128" + rest,
               number, {NYBL_EMU_SCHEDULE_LAZY});
}

/// Scale factors that are copied as a whole, and where they are not: rows
/// around a multiple of 128, columns that are one or not, K steps that end with
/// a tail or not, tiles of one atom's rows and of two. The parameter is M.
class WholeScales : public TensorChosen,
                    public testing::WithParamInterface<int64_t> {};

TEST_P(WholeScales, IsTheOracleBitForBit) {
  int64_t rows = GetParam();
  int number = static_cast<int>(rows % 3);
  GemmProblem p = road::problemOf(number, number % 2 ? 256 : 224);
  p.sfa = p.sfb = ScaleLayout::T128x4;
  p.n = number % 3 ? 256 : 264;
  p.staticWeights = number % 2;
  expectOracle(p, rows, scheduleOf(128, 3), number, road::allOrders);
  p.n = number % 2 ? 256 : 264;
  expectOracle(p, rows,
               "kind=tmem tile=128x256x128 warps=4x1 stages=2 fill=tma", number,
               {NYBL_EMU_SCHEDULE_ADVERSARY});
  expectOracle(p, rows,
               "kind=tmem swap=ab tile=256x128x128 warps=1x4 stages=2 fill=tma",
               number, {NYBL_EMU_SCHEDULE_RANDOM});
}

INSTANTIATE_TEST_SUITE_P(Rows, WholeScales,
                         testing::Values(127, 128, 129, 255, 256, 257),
                         testing::PrintToStringParamName());

/// Where all of them are, no thread writes what tcgen05.cp reads: not even a
/// fence of the writer's is missing.
TEST_F(TensorChosen, WholeScalesNeedNoFence) {
  auto setRaces =
      session->extension<decltype(nyblEmuSetRaces)>("nyblEmuSetRaces");
  setRaces(1, /*strictFences=*/1);
  GemmProblem p = road::problemOf(1, 256);
  p.sfa = p.sfb = ScaleLayout::T128x4;
  p.n = 256;
  expectOracle(p, 256, scheduleOf(128, 3), 1, road::allOrders);
}

/// A bulk copy takes 16 bytes; words take 4.
TEST_F(TensorChosen, ScalesOffAlignmentAreRefused) {
  GemmProblem p = road::problemOf(0, 256);
  p.n = 136;
  auto a = oracle::randomMatrix(5, p.k, 1);
  auto b = oracle::randomMatrix(p.n, p.k, 2);
  auto runAt = [&](ScaleLayout layout, uint64_t offset) {
    p.sfa = p.sfb = layout;
    road::Options options;
    options.schedule = scheduleOf(128, 2);
    options.scaleOffset = offset;
    return road::gemm(*session, p, a, b, options);
  };
  road::Run words = runAt(ScaleLayout::T8x4, 4);
  road::Run aligned = runAt(ScaleLayout::T128x4, 16);
  EXPECT_TRUE(words.ok()) << words.error;
  EXPECT_TRUE(aligned.ok()) << aligned.error;
  EXPECT_EQ(aligned.d, words.d);
  for (uint64_t offset : {4, 8}) {
    road::Run refused = runAt(ScaleLayout::T128x4, offset);
    EXPECT_EQ(refused.status, NYBL_REFUSED);
    EXPECT_NE(
        refused.error.find("a_scales.pointer: expected a multiple of 16 bytes"),
        std::string::npos)
        << refused.error;
  }
}

/// What is chosen, for few rows and many.
TEST_F(TensorChosen, IsChosenOnThisChip) {
  for (int64_t rows : {1, 128, 129}) {
    GemmProblem p = road::problemOf(3, 288);
    expectOracle(p, rows, "", static_cast<int>(rows), {NYBL_EMU_SCHEDULE_LAZY});
  }
}

INSTANTIATE_TEST_SUITE_P(KSteps, Tensor, testing::Values(1, 2, 3, 5),
                         testing::PrintToStringParamName());

INSTANTIATE_TEST_SUITE_P(Of, TensorColumns,
                         testing::Values(8, 16, 24, 64, 96, 192, 256),
                         testing::PrintToStringParamName());

} // namespace
