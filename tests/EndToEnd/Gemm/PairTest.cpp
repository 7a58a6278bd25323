// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tiles that two CTAs multiply together, on the emulated sm_100a: equal to the
// oracle bit for bit, with padding marked and races looked for, whichever order
// warps of either CTA run and copies and multiplies are done in.

#include "tests/EndToEnd/Gemm/TensorFixture.h"

#include <cstdlib>

using namespace nybl;

namespace {

std::string scheduleOf(int64_t columns, int64_t step, int stages,
                       const std::string &rest = "") {
  return "kind=tmem tile=256x" + std::to_string(columns) + "x" +
         std::to_string(step) +
         " warps=4x1 ctas=2 fill=tma stages=" + std::to_string(stages) + rest;
}

bool hasRoom() {
  const char *sms = std::getenv("NYBL_EMU_SMS");
  return !sms || std::string(sms) != "1";
}

/// The parameter is the number of columns of a tile, of which each CTA copies
/// half the rows of B.
class Pair : public road::TensorScheduleTest,
             public testing::WithParamInterface<int64_t> {
protected:
  void SetUp() override {
    if (!hasRoom())
      GTEST_SKIP() << "a pair has no room on one multiprocessor";
    TensorScheduleTest::SetUp();
  }
};

TEST(OneMultiprocessor, HasNoRoomForAPair) {
  if (hasRoom())
    GTEST_SKIP() << "there are more";
  std::string error;
  EXPECT_FALSE(road::Session::get()->plan(road::problemOf(1, 64), &error, "",
                                          scheduleOf(64, 64, 2)));
  EXPECT_NE(error.find("the kernel is run by clusters of 2 CTAs: expected a "
                       "device that holds one at once, but sm_100a with 1 "
                       "multiprocessors holds none"),
            std::string::npos)
      << error;
}

/// Rows that end in either CTA's half, or before the second one's; columns that
/// end in either's rows of B, more than a tile of them; parts of the last K
/// step.
TEST_P(Pair, IsTheOracleBitForBit) {
  int64_t columns = GetParam();
  int number = static_cast<int>(columns / 16);
  for (int64_t rows : {1, 129, 300}) {
    int64_t step = 64 << (number + rows) % 3;
    GemmProblem p = road::problemOf(number, step + 96);
    p.n = columns + (rows == 129 ? columns / 2 + 3 : -1);
    p.staticWeights = rows == 129;
    expectOracle(p, rows, scheduleOf(columns, step, 2), number,
                 rows == 300 ? road::allOrders
                             : std::vector<int>{NYBL_EMU_SCHEDULE_RANDOM});
  }
}

/// Many steps of a small ring, a tile after another.
TEST_P(Pair, GoesOnFromTileToTile) {
  int64_t columns = GetParam();
  int number = static_cast<int>(columns / 16) + 1;
  GemmProblem p = road::problemOf(number, 3 * 64);
  p.n = columns + 8;
  expectOracle(
      p, 520, scheduleOf(columns, 64, 2 + number % 2), number,
      {number % 2 ? NYBL_EMU_SCHEDULE_LAZY : NYBL_EMU_SCHEDULE_ADVERSARY});
}

TEST_P(Pair, StoresByTma) {
  int64_t columns = GetParam();
  int number = static_cast<int>(columns / 16) + 2;
  GemmProblem p = road::problemOf(number, 320);
  p.n = columns + 8;
  expectOracle(p, 260, scheduleOf(columns, 128, 3, " store=tma group=2"),
               number, {NYBL_EMU_SCHEDULE_RANDOM});
}

INSTANTIATE_TEST_SUITE_P(Of, Pair, testing::Values(16, 64, 128, 208, 256),
                         testing::PrintToStringParamName());

} // namespace
