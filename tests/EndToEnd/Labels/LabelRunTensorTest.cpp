// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Label runs of kernels whose scale factors are copied to tensor memory, on the
// emulated sm_100a: at every slot of every multiply the factor of its own row
// and K block arrives.

#include "tests/EndToEnd/Labels/LabelCases.h"

using namespace nybl;
using namespace nybl::labels;

namespace {

class LabelRunTensor : public testing::TestWithParam<int64_t> {};

/// Full tiles and tails of rows, columns and K; several tiles for a CTA, so
/// that both groups have some.
TEST_P(LabelRunTensor, EveryFactorArrivesWhereItBelongs) {
  int64_t m = GetParam();
  for (int64_t step : {64, 128, 256}) {
    int64_t number = m + step / 64;
    Class c = makeClass(number % 2 ? 24 : 136, number % 3 ? 288 : 192,
                        layouts[number % 3], layouts[number / 3 % 3],
                        outputs[number % 3]);
    c.schedule = "kind=tmem tile=128x128x" + std::to_string(step) +
                 " warps=4x1 stages=" + std::to_string(2 + number % 2) +
                 " fill=tma";
    Launch launch;
    launch.m = m;
    launch.grid = 1 + static_cast<unsigned>(number % 2);
    expectArrival(c, launch);
  }
}

/// The family's kernel, by the multiply's other spelling, on whichever of its
/// chips is emulated: the same sums.
TEST(LabelRunFamily, OnEachOfItsChips) {
  Class c = makeClass(24, 160, layouts[1], layouts[2], OutputType::BF16);
  auto kernel = compileKernel(
      c.problem, "kind=tmem tile=128x128x128 warps=4x1 stages=3 fill=tma",
      "sm_100f");
  ASSERT_TRUE(kernel) << kernel.message();
  ASSERT_NE(kernel->ptx.find("block_scale.block16"), std::string::npos);
  Launch launch;
  launch.m = 129;
  launch.grid = 2;
  expectArrival(*kernel, launch);
}

/// Tiles of other widths, operands swapped, and D by TMA: factors of 128 rows
/// are copied where there are fewer.
TEST(LabelRunTensorColumns, EveryFactorArrivesWhereItBelongs) {
  int64_t number = 0;
  for (const char *tile :
       {"tile=128x24x128 warps=4x1", "tile=128x96x64 warps=4x1",
        "tile=128x256x64 warps=4x1", "tile=16x128x256 warps=1x4 swap=ab",
        "tile=128x32x256 warps=4x1 store=tma",
        "tile=128x16x128 warps=4x1 store=tma",
        "tile=64x128x128 warps=1x4 swap=ab"}) {
    Class c = makeClass(number ? 24 : 40, 192, layouts[number % 3],
                        layouts[number / 2 % 3], outputs[number % 3]);
    c.schedule = std::string("kind=tmem stages=2 fill=tma ") + tile;
    Launch launch;
    launch.m = number % 2 ? 130 : 33;
    ++number;
    expectArrival(c, launch);
  }
}

/// Two CTAs multiply a tile: each has the factors of its own rows and of all
/// columns, and what arrives at a multiply comes from both.
TEST(LabelRunPairs, EveryFactorArrivesWhereItBelongs) {
  int64_t number = 0;
  for (const char *tile : {"256x32x128", "256x144x64"}) {
    Class c = makeClass(number % 2 ? 24 : 40, 160, layouts[number % 3],
                        layouts[number / 2], outputs[number % 3]);
    c.schedule = std::string("kind=tmem stages=2 fill=tma warps=4x1 ctas=2 "
                             "tile=") +
                 tile;
    Launch launch;
    launch.m = number % 2 ? 130 : 257;
    launch.grid = number % 2 ? 2 : 4;
    ++number;
    expectArrival(c, launch);
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, LabelRunTensor,
                         testing::Values<int64_t>(1, 33, 128, 129),
                         testing::PrintToStringParamName());

} // namespace
