// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One kernel for any M, N and K, on whatever chip is emulated: equal to the
// oracle bit for bit, and to the kernel that is made for the very sizes, with
// padding marked and races looked for.

#include "nybl/nybl.hpp"
#include "tests/EndToEnd/Gemm/ScheduleFixture.h"

using namespace nybl;

namespace {

/// Tensor maps take K by 32.
int64_t unitOfK() {
  const char *chip = std::getenv("NYBL_EMU_CHIP");
  return chip && !std::string_view(chip).starts_with("sm_12") ? 32 : 16;
}

struct Sizes {
  int64_t m, n, units; ///< K in units
};

/// Tails of rows, columns, K steps and scale words, more tiles than one each
/// way, and the smallest.
constexpr Sizes sizes[] = {{1, 1, 1},     {17, 24, 5},  {130, 8, 8},
                           {33, 200, 9},  {129, 7, 17}, {5, 257, 16},
                           {128, 128, 11}};

class GenericScheduled : public road::ScheduleTest {
protected:
  /// As Tensor.*: threads that copy cannot fence what is still on its way.
  void SetUp() override {
    ScheduleTest::SetUp();
    if (session)
      session->extension<decltype(nyblEmuSetRaces)>("nyblEmuSetRaces")(
          1, /*strictFences=*/unitOfK() == 16);
  }
  static GemmProblem problemOf(int number) {
    GemmProblem p = road::problemOf(number, sizes[number].units * unitOfK());
    p.n = sizes[number].n;
    return p;
  }
  std::vector<uint8_t> runGeneric(const GemmProblem &p,
                                  const oracle::QuantizedMatrix &a,
                                  const oracle::QuantizedMatrix &b,
                                  const std::string &schedule = "") {
    road::Options options;
    options.schedule = schedule;
    options.poison = 0x7f;
    options.generic = true;
    road::Run run = road::gemm(*session, p, a, b, options);
    EXPECT_TRUE(run.ok()) << print(p) << ": " << run.error
                          << (run.reports.empty() ? "" : run.reports[0]);
    if (run.plan)
      expectClass(p, run.plan);
    return run.d;
  }
  static void expectClass(const GemmProblem &p, nybl_plan *plan) {
    auto details = face::sized<nybl_plan_details>();
    ASSERT_EQ(nybl_plan_info(plan, &details), NYBL_OK);
    EXPECT_EQ(details.problem_class, print(genericClass(p)));
  }
};

/// The parameter is a row of the table.
class Generic : public GenericScheduled,
                public testing::WithParamInterface<int> {};

TEST_P(Generic, IsTheOracleBitForBit) {
  GemmProblem p = problemOf(GetParam());
  auto a = oracle::randomMatrix(sizes[GetParam()].m, p.k, GetParam());
  auto b = oracle::randomMatrix(p.n, p.k, GetParam() + 1);
  auto expected =
      oracle::gemm(a, b, road::Options().alpha, p.d, oracle::Model::MmaSim);
  ASSERT_TRUE(expected) << expected.message();
  for (int policy : {NYBL_EMU_SCHEDULE_LAZY, NYBL_EMU_SCHEDULE_RANDOM}) {
    setPolicy(policy, static_cast<uint64_t>(GetParam()));
    EXPECT_EQ(runGeneric(p, a, b), expected->bytes) << "policy " << policy;
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Generic,
                         testing::Range(0, int(std::size(sizes))));

using GenericBeside = Generic;

/// What is made for the sizes, by the schedule that Select has for them.
TEST_P(GenericBeside, IsTheKernelOfTheSameSizes) {
  GemmProblem p = problemOf(GetParam());
  auto a = oracle::randomMatrix(sizes[GetParam()].m, p.k, GetParam());
  auto b = oracle::randomMatrix(p.n, p.k, GetParam() + 1);
  EXPECT_EQ(runGeneric(p, a, b), run(p, a, b, ""));
}

INSTANTIATE_TEST_SUITE_P(Shapes, GenericBeside, testing::Values(1, 3, 5));

/// Other schedules than the one that is chosen.
TEST_F(GenericScheduled, IsTheOracleBitForBit) {
  GemmProblem p = problemOf(3);
  p.k = 288; // TMA takes rows of whole 16 bytes
  auto a = oracle::randomMatrix(150, p.k, 7);
  auto b = oracle::randomMatrix(p.n, p.k, 8);
  auto expected =
      oracle::gemm(a, b, road::Options().alpha, p.d, oracle::Model::MmaSim);
  ASSERT_TRUE(expected) << expected.message();
  bool tensor = unitOfK() == 32;
  for (const char *schedule :
       {tensor ? "kind=tmem tile=128x64x128 warps=4x1 stages=2 fill=tma"
               : "kind=plain tile=128x64x64",
        tensor
            ? "kind=tmem tile=128x128x128 warps=1x4 stages=3 fill=tma swap=ab"
            : "kind=pingpong tile=128x128x128 warps=2x2 stages=3 fill=tma",
        tensor
            ? "kind=tmem tile=128x256x256 warps=4x1 stages=2 fill=tma"
            : "kind=cooperative tile=64x128x256 warps=1x4 stages=2 swap=ab"}) {
    setPolicy(NYBL_EMU_SCHEDULE_RANDOM, 5);
    EXPECT_EQ(runGeneric(p, a, b, schedule), expected->bytes) << schedule;
  }
}

} // namespace
