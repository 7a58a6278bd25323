// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What Select chooses for each class of M, by TMA and by cp.async, against the
// plain schedule; and that a class keeps its rows.

#include "tests/EndToEnd/Gemm/ScheduleFixture.h"

using namespace nybl;

namespace {

using Selected = road::ScheduleTest;

TEST_F(Selected, IsThePlainOneBitForBit) {
  int number = 0;
  for (int64_t rows : {16, 1, 30, 64, 100, 130}) {
    GemmProblem p = road::problemOf(number, number % 2 ? 336 : 288);
    p.n = 136;
    p.m = Extent::fixed(rows);
    int order = NYBL_EMU_SCHEDULE_EAGER + number % 4;
    expectPlain(p, rows, /*schedule=*/"", ++number, {order});
  }
}

TEST_F(Selected, AClassIsForItsRows) {
  GemmProblem p = road::problemOf(1, 288);
  p.m = Extent::fixed(10);
  auto b = oracle::randomMatrix(p.n, p.k, 2);
  road::Run most =
      road::gemm(*session, p, oracle::randomMatrix(16, p.k, 1), b, {});
  EXPECT_TRUE(most.ok()) << most.error;
  road::Run more =
      road::gemm(*session, p, oracle::randomMatrix(17, p.k, 1), b, {});
  EXPECT_EQ(more.status, NYBL_REFUSED);
  EXPECT_NE(more.error.find("expected 0 to 16 rows"), std::string::npos)
      << more.error;
}

} // namespace
