// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Multiplies whose rows are columns of D, under every kind of schedule:
// products commute, so no bit is another.

#include "tests/EndToEnd/Gemm/ScheduleFixture.h"

using namespace nybl;

namespace {

using Swapped = road::ScheduleStepsTest;

/// Scale factors word by word and packed, of either side; 16 rows for four
/// warps. K steps are whole, or have a tail of two blocks.
constexpr const char *schedules[] = {
    "tile=32x48x64 warps=2x1",
    "kind=multistage tile=64x32x64 warps=2x1",
    "kind=multistage tile=32x128x64 warps=1x1 stages=3",
    "kind=cooperative tile=16x64x64 warps=1x4 stages=3",
    "kind=cooperative tile=16x128x64 warps=1x4 stages=2 fill=tma",
    "kind=pingpong tile=64x64x64 warps=2x2 stages=3 fill=tma group=2",
};

TEST_P(Swapped, IsThePlainOneBitForBit) {
  int steps = GetParam();
  for (size_t i = 0; i < std::size(schedules); ++i) {
    int number = steps + static_cast<int>(i);
    int other = NYBL_EMU_SCHEDULE_LAZY + number % NYBL_EMU_SCHEDULE_ADVERSARY;
    expectPlain(road::problemOf(number, steps * 64 - (number % 2 ? 32 : 0)),
                number % 3 ? 37 : 130, std::string(schedules[i]) + " swap=ab",
                number, {NYBL_EMU_SCHEDULE_EAGER, other});
  }
}

INSTANTIATE_TEST_SUITE_P(KSteps, Swapped, testing::Values(1, 2, 3, 5),
                         testing::PrintToStringParamName());

} // namespace
