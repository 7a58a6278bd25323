// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The cooperative schedule by cp.async, over tiles that follow on each other in
// one CTA.

#include "tests/EndToEnd/Gemm/ScheduleFixture.h"

using namespace nybl;

namespace {

using Cooperative = road::ScheduleStepsTest;

/// K steps of 64, each of which exists in two forms: whole, and with a tail of
/// one block. Each case eagerly, and in one of the other orders, by turns.
TEST_P(Cooperative, IsThePlainOneBitForBit) {
  int steps = GetParam();
  for (int tail : {0, 1})
    for (int stages : {2, 3}) {
      int number = steps + tail + stages;
      int other = NYBL_EMU_SCHEDULE_LAZY + number % NYBL_EMU_SCHEDULE_ADVERSARY;
      expectPlain(road::problemOf(number, steps * 64 - (tail ? 48 : 0)),
                  number % 3 ? 37 : 130,
                  "kind=cooperative tile=32x32x64 warps=2x2 stages=" +
                      std::to_string(stages),
                  number, {NYBL_EMU_SCHEDULE_EAGER, other});
    }
}

INSTANTIATE_TEST_SUITE_P(KSteps, Cooperative, testing::Range(1, 8),
                         testing::PrintToStringParamName());

} // namespace
