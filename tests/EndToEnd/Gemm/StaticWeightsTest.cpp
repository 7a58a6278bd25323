// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// weights=static: B is copied ahead of griddepcontrol.wait into slots that are
// empty, for the first tile of each CTA. Around as many K steps as the ring has
// stages, over several tiles in one CTA.

#include "tests/EndToEnd/Gemm/ScheduleFixture.h"

using namespace nybl;

namespace {

using StaticWeights = road::ScheduleStepsTest;

constexpr int stages = 3;

struct RingSchedule {
  const char *text;
  int64_t step; ///< elements of K
};

constexpr RingSchedule schedules[] = {
    {"kind=cooperative tile=32x32x64 warps=2x2 stages=3", 64},
    {"kind=cooperative tile=32x32x128 warps=2x2 stages=3 fill=tma", 128},
    {"kind=pingpong tile=32x32x128 warps=2x2 stages=3 fill=tma", 128}};

/// Bit for bit, and so is weights=stream: with whole K steps and with a tail,
/// for one tile of rows and several, by turns.
TEST_P(StaticWeights, IsThePlainOneBitForBit) {
  constexpr int64_t rows[] = {1, 37, 70};
  int number = GetParam();
  for (const RingSchedule &schedule : schedules) {
    ++number;
    GemmProblem p = road::problemOf(number, GetParam() * schedule.step -
                                                (number % 2 ? 32 : 0));
    p.staticWeights = true;
    expectPlain(p, rows[number % 3], schedule.text, number, road::allOrders);
    p.staticWeights = false;
    expectPlain(p, rows[number % 3], schedule.text, number,
                {NYBL_EMU_SCHEDULE_EAGER});
  }
}

INSTANTIATE_TEST_SUITE_P(KSteps, StaticWeights,
                         testing::Values(1, stages - 1, stages, stages + 1,
                                         2 * stages + 1),
                         testing::PrintToStringParamName());

} // namespace
