// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Persistent kernels with at least three tiles for each CTA, however many
// multiprocessors the chip has and CTAs each of them holds: every schedule
// against the plain one, bit for bit, with padding marked and, on few
// multiprocessors, races looked for and copies landing in any order.

#include "tests/EndToEnd/Gemm/ScheduleFixture.h"
#include <cstdlib>

using namespace nybl;

namespace {

struct Schedule {
  const char *text;
  int64_t rows, columns; ///< of its tile
  int64_t split = 1;
};

/// Three stages where there are stages. K steps of 256, so that few CTAs find
/// room on a multiprocessor and three tiles for each are not too many.
constexpr Schedule schedules[] = {
    {"tile=32x32x256 warps=2x2", 32, 32},
    {"kind=multistage tile=32x32x256 warps=2x1 stages=3", 32, 32},
    {"kind=multistage tile=32x32x256 warps=1x2 stages=3 swap=ab group=4", 32,
     32},
    {"kind=cooperative tile=32x32x256 warps=2x2 stages=3 fill=async", 32, 32},
    {"kind=cooperative tile=32x32x256 warps=2x2 stages=3 fill=tma group=8", 32,
     32},
    {"kind=cooperative tile=64x32x256 warps=4x1 stages=3 fill=tma store=tma",
     64, 32},
    {"kind=pingpong tile=64x32x256 warps=4x1 stages=3 fill=tma", 64, 32},
    {"kind=pingpong tile=32x64x256 warps=2x2 stages=3 store=tma group=2", 32,
     64},
    {"kind=cooperative tile=32x32x256 warps=2x2 stages=3 fill=tma split=3", 32,
     32, 3},
    {"kind=pingpong tile=64x32x256 warps=4x1 stages=3 split=2 group=2", 64, 32,
     2},
    {"kind=pingpong tile=64x32x256 warps=4x1 stages=3 fill=tma scheduler=clc",
     64, 32},
};

/// Of chips with tensor memory.
constexpr Schedule tensorSchedules[] = {
    {"kind=tmem tile=128x128x256 warps=4x1 stages=2 fill=tma", 128, 128},
    {"kind=tmem tile=128x128x128 warps=4x1 stages=3 fill=tma group=4 "
     "scheduler=clc",
     128, 128},
    {"kind=tmem tile=128x128x64 warps=4x1 stages=4 fill=tma", 128, 128},
    {"kind=tmem tile=128x16x128 warps=4x1 stages=3 fill=tma store=tma", 128,
     16},
    {"kind=tmem tile=32x128x128 warps=1x4 stages=3 fill=tma swap=ab", 32, 128},
};

bool hasTensorMemory() {
  const char *chip = std::getenv("NYBL_EMU_CHIP");
  return chip && chip == std::string("sm_100a");
}

/// Each CTA takes three tiles, or parts of them, or more of as many rows.
int64_t rowsForThree(const nybl_plan_details &details, const Schedule &schedule,
                     int64_t n) {
  int64_t ctas = int64_t(details.multiprocessors) * details.resident_ctas;
  int64_t tileColumns = (n + schedule.columns - 1) / schedule.columns;
  int64_t tiles = (3 * ctas + schedule.split - 1) / schedule.split;
  int64_t tileRows = (tiles + tileColumns - 1) / tileColumns;
  return tileRows * schedule.rows - 5;
}

/// The parameter is the number of K steps of a tile, or of its part.
class ManyTiles : public road::ScheduleStepsTest {
protected:
  /// The plain schedule's, or the oracle's where there is none.
  std::vector<uint8_t> otherOpinion(const GemmProblem &p,
                                    const oracle::QuantizedMatrix &a,
                                    const oracle::QuantizedMatrix &b,
                                    int64_t split) {
    setRaces(0); // the other opinion has its own tests
    if (!hasTensorMemory())
      return run(p, a, b,
                 "tile=32x32x64 warps=2x1 split=" + std::to_string(split));
    auto d =
        oracle::gemm(a, b, road::Options().alpha, p.d, oracle::Model::MmaSim);
    EXPECT_TRUE(d) << d.message();
    return d ? d->bytes : std::vector<uint8_t>();
  }

  void expectPlainOf(const Schedule &schedule, int number) {
    GemmProblem p = road::problemOf(number, GetParam() * 256 * schedule.split);
    p.n = hasTensorMemory() ? 24 : 104;
    std::string error;
    nybl_plan *plan = session->plan(p, &error, "", schedule.text);
    ASSERT_TRUE(plan) << error;
    nybl_plan_details details{};
    details.size = sizeof details;
    ASSERT_EQ(nybl_plan_info(plan, &details), NYBL_OK);
    if (const char *asked = std::getenv("NYBL_EMU_SMS")) {
      ASSERT_EQ(details.multiprocessors, unsigned(std::atoi(asked)));
    }
    int64_t rows = rowsForThree(details, schedule, p.n);
    SCOPED_TRACE(print(p) + ", M = " + std::to_string(rows));
    auto a = oracle::randomMatrix(rows, p.k, number);
    auto b = oracle::randomMatrix(p.n, p.k, number + 1);
    std::vector<uint8_t> plain = otherOpinion(p, a, b, schedule.split);
    // Thousands of tiles, with every access compared with those before it and
    // every copy kept waiting, would take hours: on a whole chip padding and
    // bounds are what is watched.
    bool few = details.multiprocessors <= 3;
    session->extension<decltype(nyblEmuSetRaces)>("nyblEmuSetRaces")(
        few, /*strictFences=*/few && !hasTensorMemory());
    setPolicy(few ? road::allOrders[size_t(number) / 2 % road::allOrders.size()]
                  : NYBL_EMU_SCHEDULE_EAGER,
              static_cast<uint64_t>(number));
    // A comparison of vectors would print megabytes.
    EXPECT_TRUE(run(p, a, b, schedule.text) == plain) << schedule.text;
    setPolicy(NYBL_EMU_SCHEDULE_EAGER, 0);
  }
};

TEST_P(ManyTiles, IsThePlainScheduleBitForBit) {
  int number = GetParam();
  if (hasTensorMemory()) // many multiplies each: the kinds by turns
    return expectPlainOf(tensorSchedules[number % std::size(tensorSchedules)],
                         number);
  // On one, two and three multiprocessors each schedule has every second
  // number of K steps, those that it has not on the next.
  const char *sms = std::getenv("NYBL_EMU_SMS");
  for (const Schedule &schedule : schedules) {
    if (!sms || (number + std::atoi(sms)) % 2)
      expectPlainOf(schedule, number);
    ++number;
  }
}

/// Three stages: one step, fewer than stages, as many, one more, twice as many
/// and one more.
INSTANTIATE_TEST_SUITE_P(KSteps, ManyTiles, testing::Values(1, 2, 3, 4, 7),
                         testing::PrintToStringParamName());

} // namespace
