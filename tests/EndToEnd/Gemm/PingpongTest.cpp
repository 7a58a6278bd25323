// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Two groups of consumers that have a tile each, by turns: over tiles that
// follow on each other in one CTA, in groups of rows too.

#include "tests/EndToEnd/Gemm/ScheduleFixture.h"

using namespace nybl;

namespace {

using PingpongRegisters = road::ScheduleTest;
using Pingpong = road::ScheduleStepsTest;

/// The schedule for large products: 128 accumulators a thread in two groups.
TEST_F(PingpongRegisters, MoveToTheConsumers) {
  GemmProblem p;
  p.n = 264;
  p.k = 352;
  auto a = oracle::randomMatrix(261, p.k, 5);
  auto b = oracle::randomMatrix(p.n, p.k, 6);
  EXPECT_EQ(run(p, a, b,
                "kind=pingpong tile=128x128x128 warps=2x2 stages=3 fill=tma "
                "group=2"),
            runPlain(p, a, b));
}

/// K steps of 64 by cp.async, whole and with a tail of one block: a tile has
/// fewer steps than the ring has slots, as many, and more, even and odd.
TEST_P(Pingpong, IsThePlainOneBitForBit) {
  int steps = GetParam();
  for (int stages : {2, 3}) {
    int number = steps + stages;
    expectPlain(road::problemOf(number, steps * 64 - (number % 2 ? 48 : 0)),
                number % 3 ? 101 : 130,
                "kind=pingpong tile=32x32x64 warps=2x2 stages=" +
                    std::to_string(stages) + (stages == 3 ? " group=3" : ""),
                number, road::allOrders);
  }
}

TEST_P(Pingpong, ByTmaToo) {
  int steps = GetParam();
  int number = steps + 1;
  expectPlain(road::problemOf(number, steps * 128 - (number % 3 ? 0 : 32)),
              number % 3 ? 101 : 70,
              "kind=pingpong tile=32x32x128 warps=2x2 fill=tma stages=" +
                  std::to_string(2 + number % 2),
              number, road::allOrders);
}

INSTANTIATE_TEST_SUITE_P(KSteps, Pingpong, testing::Values(1, 2, 3, 4, 5, 7),
                         testing::PrintToStringParamName());

} // namespace
