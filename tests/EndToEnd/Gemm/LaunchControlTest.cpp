// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// scheduler=clc: CTAs take over the tiles of CTAs that have not begun. Equal to
// the oracle bit for bit, with padding marked and races looked for, whichever
// order warps run and answers land in; on a chip with tensor memory by that.

#include "tests/EndToEnd/Gemm/ScheduleFixture.h"
#include <cstdlib>
#include <cstring>

using namespace nybl;

namespace {

struct Schedule {
  const char *text;
  int64_t step; ///< elements of K
  bool staticWeights = false;
};

/// Of these one K step and eight slots are where copies are furthest ahead.
constexpr Schedule schedules[] = {
    {"kind=cooperative tile=32x32x64 warps=2x2 stages=8", 64},
    {"kind=cooperative tile=32x32x128 warps=2x2 stages=3 fill=tma group=2", 128,
     true},
    {"kind=pingpong tile=32x32x128 warps=2x2 stages=2 fill=tma", 128, true},
    {"kind=pingpong tile=64x32x64 warps=4x1 stages=6 fill=tma store=tma "
     "group=3",
     64}};

constexpr Schedule tensorSchedules[] = {
    {"kind=tmem tile=128x32x128 warps=4x1 stages=3 fill=tma", 128},
    {"kind=tmem tile=128x32x64 warps=4x1 stages=8 fill=tma store=tma group=2",
     64, true},
    {"kind=tmem tile=32x128x128 warps=1x4 stages=3 fill=tma swap=ab", 128},
    {"kind=tmem tile=128x256x256 warps=4x1 stages=2 fill=tma", 256, true}};

bool hasTensorMemory() {
  const char *chip = std::getenv("NYBL_EMU_CHIP");
  return chip && chip == std::string("sm_100a");
}

class TakenOver : public road::ScheduleTest {
protected:
  void SetUp() override {
    ScheduleTest::SetUp();
    if (session) // scale factors on their way to tensor memory: see TensorTest
      session->extension<decltype(nyblEmuSetRaces)>("nyblEmuSetRaces")(
          1, /*strictFences=*/!hasTensorMemory());
  }

  /// In one of the orders, by turns.
  void expectOracle(const GemmProblem &p, int64_t rows,
                    const std::string &schedule, int number) {
    int policy = road::allOrders[size_t(number) % road::allOrders.size()];
    ScheduleTest::expectOracle(p, rows, schedule + " scheduler=clc", number,
                               {policy});
  }
};

/// The parameter is the number of K steps.
class LaunchControl : public TakenOver,
                      public testing::WithParamInterface<int> {};

/// From one tile to more than there is room for answers, and than few
/// multiprocessors hold CTAs.
TEST_P(LaunchControl, IsTheOracleBitForBit) {
  constexpr int64_t columns[] = {24, 72, 136}, rows[] = {30, 70, 101};
  int steps = GetParam(), number = steps;
  bool tensor = hasTensorMemory();
  for (const Schedule &schedule : tensor ? tensorSchedules : schedules) {
    ++number;
    GemmProblem p =
        road::problemOf(number, steps * schedule.step - (number % 2 ? 32 : 0));
    p.n = columns[number % 3];
    p.staticWeights = schedule.staticWeights;
    expectOracle(p, rows[(number + 1) % 3], schedule.text, number);
  }
}

/// How often warps have executed what contains these words.
uint64_t executionsOf(road::Session &session, const char *words) {
  auto *number =
      session.extension<decltype(nyblEmuHotspotCount)>("nyblEmuHotspotCount");
  auto *read =
      session.extension<decltype(nyblEmuHotspotRead)>("nyblEmuHotspotRead");
  auto *textOf =
      session.extension<decltype(nyblEmuHotspotText)>("nyblEmuHotspotText");
  uint64_t sum = 0;
  for (size_t i = 0, end = number(); i < end; ++i) {
    nyblEmuHotspot spot = {};
    spot.size = sizeof spot;
    char text[200];
    EXPECT_EQ(read(i, &spot), 0);
    EXPECT_EQ(textOf(i, text, sizeof text), 0);
    if (std::strstr(text, words))
      sum += spot.executions;
  }
  return sum;
}

/// The test above would pass if each CTA did its own tile alone. On one host
/// thread the emulated driver runs a CTA to its end before another begins, so
/// the first one takes all; on more they compete.
TEST_F(TakenOver, OneCtaMayTakeAll) {
  auto *count =
      session->extension<decltype(nyblEmuSetCounting)>("nyblEmuSetCounting");
  GemmProblem p = road::problemOf(1, 128);
  p.n = 256;
  bool tensor = hasTensorMemory();
  std::string schedule = tensor ? tensorSchedules[0].text : schedules[2].text;
  constexpr uint64_t tiles = 24, warps = 12;
  auto a = oracle::randomMatrix(3 * (tensor ? 128 : 32) - 5, p.k, 1);
  auto b = oracle::randomMatrix(p.n, p.k, 2);
  count(1);
  std::vector<uint8_t> alone = run(p, a, b, schedule + " scheduler=clc");
  count(0);
  EXPECT_EQ(executionsOf(*session, "try_cancel"), tiles);
  EXPECT_EQ(executionsOf(*session, "griddepcontrol.wait"), warps);
  setRaces(0);
  EXPECT_EQ(run(p, a, b, schedule + " scheduler=clc"), alone);
  EXPECT_EQ(run(p, a, b, schedule), alone);
}

INSTANTIATE_TEST_SUITE_P(KSteps, LaunchControl, testing::Values(1, 2, 3),
                         testing::PrintToStringParamName());

} // namespace
