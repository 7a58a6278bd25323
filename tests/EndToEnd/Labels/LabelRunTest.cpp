// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Label runs of the kernels that exist: every residue of M, all layouts, random
// sizes, and the bounds where an index could wrap.

#include "tests/EndToEnd/Labels/LabelCases.h"
#include "tests/Oracle/Data.h"

using namespace nybl;
using namespace nybl::labels;

namespace {

class EveryResidue : public testing::TestWithParam<int64_t> {};

/// 22 classes, which have but the divisor 2 in common with 128; each under the
/// eager and the adversary schedule by turns.
TEST_P(EveryResidue, ArrivesWhereItBelongs) {
  int64_t m = GetParam();
  Launch launch;
  launch.m = m;
  launch.seed = static_cast<uint64_t>(m);
  launch.policy =
      m / 22 % 2 ? NYBL_EMU_SCHEDULE_EAGER : NYBL_EMU_SCHEDULE_ADVERSARY;
  Class c = classOf(m % 22);
  auto kernel = compileKernel(c.problem, c.schedule);
  ASSERT_TRUE(kernel) << kernel.message();
  expectArrivalOnce(*kernel, launch);
}

INSTANTIATE_TEST_SUITE_P(LabelRun, EveryResidue,
                         testing::Range<int64_t>(1, 131),
                         testing::PrintToStringParamName());
INSTANTIATE_TEST_SUITE_P(LabelRunBeyond, EveryResidue,
                         testing::Values(255, 256, 257),
                         testing::PrintToStringParamName());

/// The schedule that Select takes, at the edges of its tile.
TEST(LabelRun, DefaultSchedule) {
  int64_t number = 0;
  for (int64_t m : {1, 127, 129}) {
    Launch launch;
    launch.m = m;
    Class c = classOf(4 * number++);
    c.schedule.clear();
    expectArrival(c, launch);
  }
}

/// Tiles of roles, several for a CTA, whose last K step is half of one; by
/// cp.async and stores, or by TMA both.
TEST(LabelRun, SchedulesWithRoles) {
  int64_t number = 0;
  for (const char *kind :
       {"kind=cooperative", "kind=cooperative fill=tma store=tma",
        "kind=pingpong group=2", "kind=pingpong fill=tma store=tma"})
    for (int64_t m : {1, 70}) {
      std::string schedule = " tile=32x32x64 warps=2x2 stages=3";
      ScaleLayout sfa = layouts[number % 3], sfb = layouts[number / 3 % 3];
      Class c = makeClass(40, 288, sfa, sfb);
      c.schedule = kind + schedule;
      Launch launch;
      launch.m = m;
      launch.grid = 2;
      launch.seed = static_cast<uint64_t>(number++);
      expectArrival(c, launch);
    }
}

/// Parts of tiles, whose factors are those of their own K steps. As many CTAs
/// as there are parts: waiting for each other takes the emulated device long.
TEST(LabelRun, SplitTiles) {
  int64_t number = 0;
  for (const char *kind :
       {"tile=16x16x64 warps=1x1 split=3",
        "kind=cooperative tile=32x32x64 warps=2x2 stages=2 fill=tma split=3"}) {
    Class c = makeClass(24, 160, layouts[number % 3], layouts[1]);
    c.schedule = kind;
    Launch launch;
    launch.m = 33;
    launch.grid = 18;
    launch.seed = static_cast<uint64_t>(number++);
    expectArrival(c, launch);
  }
}

/// The family's kernel, on whichever of its chips is emulated.
TEST(LabelRunFamily, OnEachOfItsChips) {
  Class c = makeClass(24, 144, layouts[1], layouts[2], OutputType::BF16);
  auto kernel = compileKernel(
      c.problem, "kind=cooperative tile=32x32x64 warps=2x2 stages=2",
      "sm_120f");
  ASSERT_TRUE(kernel) << kernel.message();
  Launch launch;
  launch.m = 65;
  launch.grid = 2;
  expectArrival(*kernel, launch);
}

TEST(LabelRun, RandomSizes) {
  oracle::Random random(2027);
  for (int i = 0; i < 8; ++i) {
    Class c = classOf(random.between(0, 44));
    c.problem.n = columnsOf(c, random.between(1, 72));
    c.problem.k = 16 * random.between(1, 20);
    Launch launch;
    launch.m = random.between(1, 200);
    launch.grid = static_cast<unsigned>(random.between(1, 9));
    launch.seed = random.next() % 1000;
    expectArrival(c, launch);
  }
}

//===----------------------------------------------------------------------===//
// Where an index could wrap
//===----------------------------------------------------------------------===//
//
// M at its bound: a CTA that computes one tile, and memory that holds nothing
// else, at the addresses where it would lie. An index that wraps is out of
// bounds, or its labels are those of another row.

constexpr int64_t rowsMax = int64_t(1) << 24;
constexpr int64_t largestStride = (int64_t(1) << 32) - 8;

/// The tile of rows [row, ...) and columns [column, ...); both are multiples of
/// the tile's sides.
void expectTile(const Class &c, Launch launch, int64_t row, int64_t column) {
  auto kernel = compileKernel(c.problem, c.schedule);
  ASSERT_TRUE(kernel) << kernel.message();
  const Manifest &m = kernel->manifest;
  int64_t across = (c.problem.n + m.tileN - 1) / m.tileN;
  int64_t down = (launch.m + m.tileM - 1) / m.tileM;
  // Tiles are handed out row by row.
  int64_t tile = row / m.tileM * across + column / m.tileN;
  auto one = onlyTile(*kernel, tile, down * across);
  ASSERT_TRUE(one) << one.message();
  launch.part = Part{{row, std::min(launch.m, row + m.tileM)},
                     {column, std::min(c.problem.n, column + m.tileN)}};
  expectArrival(*one, launch);
}

TEST(LabelRunBounds, TheBoundIsTheCertificates) {
  auto kernel = compileKernel(classOf(0).problem, classOf(0).schedule);
  ASSERT_TRUE(kernel) << kernel.message();
  EXPECT_EQ(kernel->manifest.certificate.rowsMax, rowsMax);
}

TEST(LabelRunBounds, FirstMiddleAndLastTile) {
  for (ScaleLayout layout : layouts) {
    Class c = makeClass(24, 272, layout, layout);
    Launch launch;
    launch.m = rowsMax;
    expectTile(c, launch, 0, 0);
    // Where bytes of A pass 2^31, and elements of D 2^28.
    expectTile(c, launch, (int64_t(1) << 31) / (272 / 2 + 16) / 16 * 16, 16);
    expectTile(c, launch, rowsMax - 16, 16);
    launch.m = rowsMax - 5;
    expectTile(c, launch, rowsMax - 16, 0);
  }
}

/// One row in the last tile, 4 GiB from the row before it.
TEST(LabelRunBounds, LargestStrides) {
  for (ScaleLayout layout : layouts) {
    Class c = makeClass(129, 48, layout, layout);
    c.schedule.clear();
    Launch launch;
    launch.m = rowsMax - 127;
    launch.aStride = launch.bStride = launch.dStride = largestStride;
    expectTile(c, launch, rowsMax - 128, 128);
  }
}

/// The vocabulary of a language model: M * N is past 2^41.
TEST(LabelRunBounds, ManyColumns) {
  Class c = makeClass(151936, 16, ScaleLayout::T128x4, ScaleLayout::T8x4);
  c.schedule = "kind=plain tile=128x128x64 warps=2x4";
  Launch launch;
  launch.m = rowsMax - 127;
  expectTile(c, launch, rowsMax - 128, 151936 - 128);
}

} // namespace
