// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The multistage schedule against the plain one and the oracle: bit for bit,
// whatever the padding holds and in whichever order warps run and copies land.

#include "tests/EndToEnd/Gemm/ScheduleFixture.h"

using namespace nybl;

namespace {

using Multistage = road::ScheduleStepsTest;

/// Scale factors of A row by row, packed ones of 32 columns; of two groups of
/// 32 on both sides; of four on one.
constexpr const char *tiles[] = {
    "tile=32x32x64 warps=2x1", "tile=64x64x128 warps=1x1",
    "tile=128x32x64 warps=1x1", "tile=32x128x64 warps=1x1"};

/// K steps of 64, each of which exists in two forms: whole, and with a tail of
/// one block.
TEST_P(Multistage, IsThePlainOneBitForBit) {
  int steps = GetParam();
  for (int tail : {0, 1})
    for (int stages : {2, 3}) {
      int number = steps + tail + stages;
      expectPlain(road::problemOf(number, steps * 64 - (tail ? 48 : 0)),
                  number % 3 ? 37 : 130,
                  std::string("kind=multistage ") + tiles[number % 4] +
                      " stages=" + std::to_string(stages),
                  number, road::allOrders);
    }
}

INSTANTIATE_TEST_SUITE_P(KSteps, Multistage, testing::Range(1, 8),
                         testing::PrintToStringParamName());

/// A scale tensor that is not on a multiple of 4 cannot be copied 4 at a time,
/// but one at a time.
TEST(MultistageLaunch, ScalesOffAlignmentAreRefused) {
  road::Session *session = road::Session::get();
  ASSERT_TRUE(session);
  GemmProblem p;
  p.n = 24;
  p.k = 128;
  auto a = oracle::randomMatrix(5, p.k, 1),
       b = oracle::randomMatrix(p.n, p.k, 2);
  auto run = [&](const char *schedule, uint64_t scaleOffset) {
    road::Options options;
    options.poison = 0x7f;
    options.schedule = schedule;
    options.scaleOffset = scaleOffset;
    return road::gemm(*session, p, a, b, options);
  };
  const char *multistage = "kind=multistage tile=32x32x64 warps=2x1";
  road::Run plain = run("tile=32x32x64 warps=2x1", 1);
  EXPECT_TRUE(plain.ok()) << plain.error;
  road::Run aligned = run(multistage, 4);
  EXPECT_TRUE(aligned.ok()) << aligned.error;
  EXPECT_EQ(aligned.d, plain.d);
  for (uint64_t offset : {1, 2, 3}) {
    road::Run refused = run(multistage, offset);
    EXPECT_EQ(refused.status, NYBL_REFUSED);
    EXPECT_NE(
        refused.error.find("a_scales.pointer: expected a multiple of 4 bytes"),
        std::string::npos)
        << refused.error;
  }
}

TEST(MultistageLaunch, BothScaleTensorsAreToBeAligned) {
  road::Session *session = road::Session::get();
  ASSERT_TRUE(session);
  GemmProblem p;
  p.n = 24;
  p.k = 128;
  std::string error;
  nybl_plan *plan =
      session->plan(p, &error, "", "kind=multistage tile=32x32x64 warps=2x1");
  ASSERT_TRUE(plan) << error;
  auto details = nybl_plan_details();
  details.size = sizeof details;
  ASSERT_EQ(nybl_plan_info(plan, &details), NYBL_OK);
  std::string manifest = details.manifest_json;
  for (const char *operand : {"sfa", "sfb"})
    EXPECT_NE(manifest.find("\"check\": \"alignment\",\n      \"operand\": \"" +
                            std::string(operand) + "\",\n      \"value\": 4"),
              std::string::npos)
        << operand;
}

} // namespace
