// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// D leaves by TMA while the next tile is multiplied: all of a warp's rows at
// once, or some at a time.

#include "tests/EndToEnd/Gemm/ScheduleFixture.h"

using namespace nybl;

namespace {

using TmaStore = road::ScheduleStepsTest;
using TmaStoreRows = road::ScheduleTest;

/// Boxes of 32, 64 and 128 bytes, which reach past D with a part of a box, with
/// boxes and with warps; of one group of consumers, and of two by turns.
TEST_P(TmaStore, IsThePlainOneBitForBit) {
  int steps = GetParam();
  const char *const tiles[] = {"tile=64x32x64 warps=4x1",
                               "tile=32x64x64 warps=2x2",
                               "tile=64x128x64 warps=2x2"};
  for (int type : {1, 2, 3})
    for (const char *kind :
         {"kind=cooperative fill=async ", "kind=pingpong fill=tma "}) {
      int number = 2 * type + steps;
      GemmProblem p = road::problemOf(number, steps * 64 - 32);
      p.d = static_cast<OutputType>(type);
      expectPlain(p, number % 2 ? 37 : 70,
                  std::string(kind) + "stages=2 store=tma " +
                      tiles[(type + steps) % 3],
                  number, road::allOrders);
    }
}

/// A stage for all of the tile would take 64 KiB: 16 of a warp's 32 rows go
/// first, of whose turned order each has its part; and 48 rows are no halves.
TEST_F(TmaStoreRows, SomeAtATime) {
  GemmProblem p = road::problemOf(3, 96);
  p.n = 232;
  for (OutputType type : {OutputType::F32, OutputType::BF16}) {
    p.d = type;
    for (const char *tile :
         {"tile=64x256x64 warps=2x4", "tile=128x256x64 warps=2x4",
          "tile=96x96x64 warps=2x2"})
      expectPlain(p, 150,
                  std::string("kind=cooperative stages=2 fill=tma store=tma ") +
                      tile,
                  5, {NYBL_EMU_SCHEDULE_EAGER, NYBL_EMU_SCHEDULE_ADVERSARY});
  }
}

INSTANTIATE_TEST_SUITE_P(KSteps, TmaStore, testing::Values(1, 2, 3),
                         testing::PrintToStringParamName());

} // namespace
