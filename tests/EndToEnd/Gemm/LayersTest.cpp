// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Layers of real models in their full size, as the library is used: the chosen
// schedule, on a whole chip. Watched are padding and bounds; copies land at
// once, and races are for smaller problems.

#include "tests/EndToEnd/Gemm/ScheduleFixture.h"

using namespace nybl;

namespace {

struct Shape {
  const char *name;
  int64_t m, n, k;
};

class Layers : public road::ScheduleTest,
               public testing::WithParamInterface<Shape> {};

TEST_P(Layers, AreTheOracleBitForBit) {
  const Shape &shape = GetParam();
  GemmProblem p;
  p.n = shape.n;
  p.k = shape.k;
  auto a = oracle::randomMatrix(shape.m, p.k, 1);
  auto b = oracle::randomMatrix(p.n, p.k, 2);
  setRaces(0);
  std::vector<uint8_t> d = run(p, a, b, /*schedule=*/"");
  auto expected =
      oracle::gemm(a, b, road::Options().alpha, p.d, oracle::Model::MmaSim);
  ASSERT_TRUE(expected) << expected.message();
  // A comparison of vectors would print megabytes.
  EXPECT_TRUE(d == expected->bytes);
}

INSTANTIATE_TEST_SUITE_P(Shapes, Layers,
                         testing::Values(Shape{"OutputOf128", 128, 7168, 2048},
                                         Shape{"Few", 17, 6144, 512},
                                         Shape{"Many", 1205, 6144, 256}),
                         [](const testing::TestParamInfo<Shape> &info) {
                           return info.param.name;
                         });

} // namespace
