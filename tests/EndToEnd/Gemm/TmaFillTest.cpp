// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The cooperative schedule by TMA. Each K step is as wide as another swizzle.

#include "tests/EndToEnd/Gemm/ScheduleFixture.h"

using namespace nybl;

namespace {

using TmaFillRegisters = road::ScheduleTest;
using TmaFill = road::ScheduleStepsTest;

/// A thread that multiplies has 128 accumulators, more than its share of
/// registers: setmaxnreg moves some to it, with three warpgroups and with two.
TEST_F(TmaFillRegisters, MoveToTheConsumers) {
  GemmProblem p;
  p.n = 200;
  p.k = 352;
  auto a = oracle::randomMatrix(130, p.k, 5);
  auto b = oracle::randomMatrix(p.n, p.k, 6);
  std::vector<uint8_t> plain = runPlain(p, a, b);
  for (const char *schedule :
       {"kind=cooperative tile=128x256x64 warps=2x4 stages=2 fill=tma",
        "kind=cooperative tile=128x128x128 warps=2x2 stages=3 fill=tma"})
    EXPECT_EQ(run(p, a, b, schedule), plain) << schedule;
}

/// K steps, whole or with half of the last.
TEST_P(TmaFill, IsThePlainOneBitForBit) {
  int steps = GetParam();
  for (int64_t step : {64, 128, 256}) {
    int number = steps + static_cast<int>(step / 64);
    expectPlain(
        road::problemOf(number, steps * step - (number % 3 == 0 ? 32 : 0)),
        number % 3 ? 37 : 70,
        "kind=cooperative tile=32x32x" + std::to_string(step) +
            " warps=2x2 stages=" + std::to_string(2 + number % 2) + " fill=tma",
        number, road::allOrders);
  }
}

INSTANTIATE_TEST_SUITE_P(KSteps, TmaFill, testing::Values(1, 2, 3, 5),
                         testing::PrintToStringParamName());

} // namespace
