// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tiles whose K steps are shared by several CTAs: the same bits as the oracle's
// sums of the parts, added in their order, whatever order CTAs run in.

#include "tests/EndToEnd/Gemm/ScheduleFixture.h"

using namespace nybl;

namespace {

std::vector<uint8_t> sumOfParts(const GemmProblem &p,
                                const oracle::QuantizedMatrix &a,
                                const oracle::QuantizedMatrix &b,
                                int64_t partElements) {
  auto sum = oracle::gemmOfParts(a, b, road::Options().alpha, p.d,
                                 oracle::Model::MmaSim, partElements);
  EXPECT_TRUE(sum) << sum.message();
  return sum ? sum->bytes : std::vector<uint8_t>();
}

class Split : public road::ScheduleTest,
              public testing::WithParamInterface<int> {
protected:
  /// Two launches in a row, in each order.
  void expectSumOfParts(const GemmProblem &p, int64_t rows,
                        const std::string &kind, int64_t parts,
                        int64_t partElements) {
    auto a = oracle::randomMatrix(rows, p.k, 7 + int(parts));
    auto b = oracle::randomMatrix(p.n, p.k, 8);
    std::vector<uint8_t> expected = sumOfParts(p, a, b, partElements);
    road::Options options;
    options.poison = 0x7f;
    options.launches = 2;
    options.schedule = kind + " split=" + std::to_string(parts);
    SCOPED_TRACE(print(p) + ", M = " + std::to_string(rows) + ", " +
                 options.schedule);
    for (int policy : road::allOrders) {
      setPolicy(policy, static_cast<uint64_t>(rows));
      road::Run run = road::gemm(*session, p, a, b, options);
      EXPECT_TRUE(run.ok())
          << run.error << (run.reports.empty() ? "" : run.reports[0]);
      EXPECT_EQ(run.d, expected) << "policy " << policy;
    }
  }
};

/// The parameter is the number of parts. K steps are whole or half.
TEST_P(Split, IsTheSumOfThePartsBitForBit) {
  int64_t parts = GetParam();
  int number = 0;
  for (const char *kind :
       {"tile=32x32x64 warps=2x1",
        "kind=multistage tile=32x32x64 warps=2x1 stages=3",
        "kind=cooperative tile=32x32x64 warps=2x2 stages=2",
        "kind=cooperative tile=32x32x64 warps=2x2 stages=3 fill=tma",
        "kind=pingpong tile=32x32x64 warps=2x2 stages=2 fill=tma group=2"}) {
    int64_t steps = 1 + number % 3;
    int64_t k = parts * steps * 64 - (number % 2 ? 32 : 0);
    GemmProblem p = road::problemOf(number + GetParam(), k);
    p.n = number % 2 ? 24 : 40;
    expectSumOfParts(p, number % 2 ? 37 : 20, kind, parts, 64 * steps);
    ++number;
  }
}

INSTANTIATE_TEST_SUITE_P(Parts, Split, testing::Values(2, 3, 4),
                         testing::PrintToStringParamName());

using SplitOnce = road::ScheduleTest;

/// Sums of f32 as they are added by the hardware, without an epilogue in the
/// way, and registers that move between roles.
TEST_F(SplitOnce, ManyAccumulators) {
  GemmProblem p;
  p.n = 200;
  p.k = 384;
  p.d = OutputType::F32;
  auto a = oracle::randomMatrix(130, p.k, 5),
       b = oracle::randomMatrix(p.n, p.k, 6);
  EXPECT_EQ(run(p, a, b,
                "kind=cooperative tile=128x128x128 warps=2x2 stages=2 "
                "fill=tma split=3"),
            sumOfParts(p, a, b, 128));
}

/// Another M on the same workspace, and none.
TEST_F(SplitOnce, AnyNumberOfRows) {
  GemmProblem p = road::problemOf(4, 256);
  for (int64_t rows : {0, 1, 31, 32, 33, 100}) {
    auto a = oracle::randomMatrix(rows, p.k, rows),
         b = oracle::randomMatrix(p.n, p.k, 3);
    std::vector<uint8_t> d =
        run(p, a, b, "kind=cooperative tile=32x32x64 warps=2x2 split=2");
    if (rows != 0)
      EXPECT_EQ(d, sumOfParts(p, a, b, 128)) << rows;
  }
}

TEST_F(SplitOnce, DoesNotDivideTheSteps) {
  GemmProblem p = road::problemOf(2, 320);
  std::string error;
  EXPECT_EQ(session->plan(p, &error, "", "tile=32x32x64 warps=2x1 split=4"),
            nullptr);
  EXPECT_NE(error.find("k=320 is 5 steps of 64"), std::string::npos) << error;
}

} // namespace
