// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The estimate: small cases counted by hand, what must hold for any, and the
// candidates it puts in order.

#include "compiler/Driver/Compiler.h"
#include "compiler/Select/Candidates.h"
#include "runtime/Abi/Manifest.h"

#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::compiler;

namespace {

const Chip &chip() { return **findChip("sm_120a"); }
const Card &card() { return **findCard("rtx-pro-6000", chip()); }

GemmProblem problem(int64_t n, int64_t k) {
  GemmProblem p;
  p.n = n;
  p.k = k;
  return p;
}

Estimate of(int64_t m, int64_t n, int64_t k, const KernelShape &shape,
            const Card &on = card()) {
  return estimate(problem(n, k), m, shape, chip(), on);
}

double secondsOf(const Estimate &e, Resource resource) {
  return e.seconds[static_cast<size_t>(resource)];
}

/// A ping-pong kernel such as peers have.
KernelShape pingPong() {
  KernelShape shape;
  shape.warps = {2, 2};
  shape.stages = 4;
  shape.copy = CopyKind::Tma;
  shape.tilesAtATime = 2;
  shape.wholeSectorStores = true;
  return shape;
}

std::vector<KernelShape> someShapes() {
  std::vector<KernelShape> shapes = {pingPong()};
  KernelShape split = pingPong();
  split.splitK = 4;
  split.tilesAtATime = 1;
  shapes.push_back(split);
  KernelShape alongM = pingPong();
  alongM.order = TileOrder::AlongM;
  shapes.push_back(alongM);
  for (const char *text : {"", "kind=plain tile=16x64x256 warps=1x4",
                           "kind=plain tile=16x16x64 "
                           "warps=1x1",
                           "kind=multistage tile=64x64x128 warps=2x2 stages=3"})
    shapes.push_back(describe(*parseSchedule(text), chip()));
  return shapes;
}

/// One tile, one step of K: 128 multiplies of 16x8x64, each 4 cycles of the
/// multiprocessor's 2048 multiply-adds a cycle, at 0.78 of the peak.
TEST(Estimate, OneTileByHand) {
  KernelShape shape; // 128x128x128 by 2x4 warps, plain
  Estimate e = of(128, 128, 128, shape);
  EXPECT_EQ(e.tiles, 1);
  EXPECT_EQ(e.multiprocessorsBusy, 1);
  EXPECT_DOUBLE_EQ(e.waves, 1 / 188.0);
  EXPECT_DOUBLE_EQ(e.lastWaveFill, 1 / 188.0);
  EXPECT_DOUBLE_EQ(e.tensorCycles, 256 * 4 / 0.78);
  // A warp has 64 x 32: 4 + 2 ldmatrix of 4 wavefronts and 4 + 4 scale words,
  // twice; 8 warps; 256 rows of 64 bytes, and their 8 scale factors one by one.
  EXPECT_DOUBLE_EQ(e.sharedWavefronts,
                   8 * 2 * (6 * 4 + 8) + 256 * 64 / 128 + 256 * 8 / 32);
  // Reads of both tiles, and D in half-empty sectors.
  EXPECT_DOUBLE_EQ(e.l2Bytes, 256 * 72 + 128 * 128 * 2 * 4);
  EXPECT_DOUBLE_EQ(e.memoryBytes, 256 * 72 + 128 * 128 * 2);
  EXPECT_DOUBLE_EQ(e.bytesInFlight, 256 * 72);
  EXPECT_EQ(e.bound, Resource::Latency);
}

/// As the emulated driver counts them (`./dev bench resources`), but for what
/// TMA writes: that it does not count, and it is 0.5 and 0.375 here.
TEST(Estimate, WavefrontsAreThoseOfTheEmulatedDriver) {
  const std::pair<const char *, double> table[] = {
      {"kind=plain tile=128x128x128 warps=2x4", 3.25},
      {"kind=multistage tile=128x128x128 warps=2x4 stages=2", 2.75},
      {"kind=multistage tile=64x128x128 warps=2x4 stages=2", 3.84375},
      {"kind=multistage tile=64x64x128 warps=2x2 stages=3", 4.375},
      {"kind=cooperative tile=128x128x128 warps=2x4 stages=4", 2.75},
      {"kind=cooperative tile=128x128x128 warps=2x4 stages=4 fill=tma",
       1.75 + 0.5},
      {"kind=cooperative tile=128x256x128 warps=2x4 stages=3 fill=tma",
       1.171875 + 0.375}};
  for (auto [text, expected] : table) {
    Schedule s = *parseSchedule(text);
    Estimate e = of(s.tile[0], s.tile[1], 128, describe(s, chip()));
    double multiplies = double(s.tile[0] / 16 * s.tile[1] / 8 * 2);
    EXPECT_DOUBLE_EQ(e.sharedWavefronts / multiplies, expected) << text;
  }
}

TEST(Estimate, WavesAndTheirLast) {
  KernelShape shape;
  Estimate e = of(128 * 20, 128 * 10, 128, shape); // 200 tiles on 188
  EXPECT_EQ(e.tiles, 200);
  EXPECT_DOUBLE_EQ(e.waves, 200 / 188.0);
  EXPECT_NEAR(e.lastWaveFill, 12 / 188.0, 1e-12);
  EXPECT_EQ(e.multiprocessorsBusy, 188);
  EXPECT_DOUBLE_EQ(e.tensorCycles, 2 * 256 * 4 / 0.78);
  EXPECT_DOUBLE_EQ(of(128 * 47, 128 * 4, 128, shape).lastWaveFill, 1);
}

/// Rows past M are multiplied but not read.
TEST(Estimate, SmallMReadsTheWeightsOnce) {
  KernelShape shape;
  Estimate e = of(1, 4096, 14336, shape);
  double weights = 4096 * 14336 * 0.5625, row = 14336 * 0.5625;
  EXPECT_DOUBLE_EQ(e.memoryBytes, weights + row + 4096 * 2);
  EXPECT_DOUBLE_EQ(e.l2Bytes, weights + 32 * row + 4096 * 2 * 4);
  EXPECT_EQ(e.multiprocessorsBusy, 32);
  EXPECT_DOUBLE_EQ(e.bytesInFlight, 129 * 72);
  EXPECT_DOUBLE_EQ(e.tensorCycles, of(128, 4096, 14336, shape).tensorCycles);
}

/// B of 33 MB does not stay in GB10's 24 MB of L2, so it is read once for each
/// set of rows of tiles that run together: 48 tiles are 1.5 rows of 32.
TEST(Estimate, MemoryReadsAgainWhatL2DoesNotHold) {
  const Chip &small = **findChip("sm_121a");
  const Card &gb10 = **findCard("gb10", small);
  double operand = 4096 * 14336 * 0.5625, d = 4096 * 4096 * 2;
  GemmProblem p = problem(4096, 14336);
  EXPECT_DOUBLE_EQ(estimate(p, 4096, KernelShape(), small, gb10).memoryBytes,
                   22 * operand + operand + d);
  EXPECT_DOUBLE_EQ(of(4096, 4096, 14336, KernelShape()).memoryBytes,
                   2 * operand + d);
}

TEST(Estimate, NothingToDoTakesNoTime) {
  for (const KernelShape &shape : someShapes()) {
    Estimate e = of(0, 4096, 4096, shape);
    EXPECT_EQ(e.time(), 0);
    EXPECT_EQ(e.tiles, 0);
    EXPECT_EQ(flopsPerSecond(problem(4096, 4096), 0, e), 0);
  }
}

TEST(Estimate, MoreMultiprocessorsAreNotSlower) {
  for (const KernelShape &shape : someShapes())
    for (int64_t m : {1, 17, 512, 3000, 8192}) {
      double before = 0;
      for (unsigned count : {1, 2, 3, 20, 48, 84, 85, 170, 188, 255}) {
        Card some = card();
        some.multiprocessors = static_cast<uint8_t>(count);
        double time = of(m, 5120, 4096, shape, some).time();
        EXPECT_TRUE(before == 0 || time <= before)
            << m << " rows on " << count << ", tile " << shape.tile[0];
        before = time;
      }
    }
}

TEST(Estimate, LargerProductsAreNotFaster) {
  for (const KernelShape &shape : someShapes()) {
    double before = 0;
    for (int64_t k : {16, 64, 128, 144, 4096, 4112, 14336, 65536}) {
      double time = of(300, 4096, k, shape).time();
      EXPECT_LE(before, time) << "K = " << k << ", tile " << shape.tile[0];
      before = time;
    }
    before = 0;
    for (int64_t m : {1, 2, 16, 17, 128, 129, 1000, 20000}) {
      double time = of(m, 4096, 4096, shape).time();
      EXPECT_LE(before, time) << "M = " << m << ", tile " << shape.tile[0];
      before = time;
    }
  }
}

TEST(Estimate, NobodyIsAboveTheRoofline) {
  for (const KernelShape &shape : someShapes())
    for (int64_t size : {128, 1024, 8192, 32768}) {
      Estimate e = of(size, size, size, shape);
      EXPECT_GE(e.time() * (1 + 1e-12),
                roofline(problem(size, size), size, chip(), card()));
      EXPECT_LT(flopsPerSecond(problem(size, size), size, e),
                peakFlops(chip(), card()));
      EXPECT_GE(e.time(), secondsOf(e, Resource::Memory));
    }
}

/// What ping-pong is for: with few steps of K the epilogue is much of a tile.
TEST(Estimate, PingPongHidesTheEpilogue) {
  KernelShape together = pingPong();
  together.tilesAtATime = 1;
  Estimate hidden = of(8192, 8192, 1024, pingPong());
  Estimate shown = of(8192, 8192, 1024, together);
  EXPECT_LT(hidden.time(), 0.95 * shown.time());
  EXPECT_EQ(hidden.tensorCycles, shown.tensorCycles);
}

/// What stages are for: one waits out the latency at each step.
TEST(Estimate, StagesHideLatency) {
  auto timeOf = [](const char *text) {
    return of(4096, 4096, 8192, describe(*parseSchedule(text), chip())).time();
  };
  EXPECT_LT(timeOf("kind=multistage tile=64x64x128 warps=2x2 stages=3"),
            timeOf("kind=plain tile=64x64x128 warps=2x2"));
}

/// What a producer is for: it is on the next tile while others store.
TEST(Estimate, ProducersHideTheStart) {
  auto waiting = [](const char *text) {
    return secondsOf(
        of(8192, 8192, 512, describe(*parseSchedule(text), chip())),
        Resource::Latency);
  };
  EXPECT_LT(waiting("kind=cooperative tile=128x128x64 warps=2x4 stages=3"),
            waiting("kind=multistage tile=128x128x64 warps=2x4 stages=3"));
}

/// Columns of D that are multiplies' rows leave in half the sectors.
TEST(Estimate, SwappedSidesStoreFullerSectors) {
  const char *text = "kind=cooperative tile=16x64x256 warps=1x4 stages=6";
  Schedule s = *parseSchedule(text);
  Estimate plain = of(16, 4096, 4096, describe(s, chip()));
  s.swapped = true;
  Estimate swapped = of(16, 4096, 4096, describe(s, chip()));
  EXPECT_DOUBLE_EQ(plain.l2Bytes - swapped.l2Bytes, 16 * 4096 * 2 * 2);
  EXPECT_EQ(plain.tensorCycles, swapped.tensorCycles);
}

/// Where L2 does not hold B, rows of tiles that are walked together share it.
TEST(Estimate, GroupsShareWhatL2DoesNotHold) {
  const Chip &small = **findChip("sm_121a");
  const Card &gb10 = **findCard("gb10", small);
  KernelShape shape;
  shape.group = 8;
  double operand = 4096 * 14336 * 0.5625, d = 4096 * 4096 * 2;
  EXPECT_DOUBLE_EQ(
      estimate(problem(4096, 14336), 4096, shape, small, gb10).memoryBytes,
      4 * operand + operand + d);
}

TEST(Estimate, SplittingKFillsTheCard) {
  KernelShape whole = pingPong(), split = pingPong();
  split.splitK = 4;
  Estimate few = of(32, 5120, 25600, whole), many = of(32, 5120, 25600, split);
  EXPECT_EQ(few.multiprocessorsBusy, 40);
  EXPECT_EQ(many.multiprocessorsBusy, 160);
  EXPECT_LT(many.time(), 0.6 * few.time());
  EXPECT_GT(many.l2Bytes, few.l2Bytes);
}

/// What the fit was made for: how many CTAs fit, and whether ptxas spills.
TEST(Estimate, RegistersAreAboutWhatPtxasGives) {
  for (const char *text :
       {"kind=plain", "kind=multistage tile=64x64x128 warps=2x2 stages=3",
        "kind=cooperative tile=16x64x256 warps=1x4 stages=6 fill=tma swap=ab",
        "kind=cooperative tile=64x64x128 warps=2x2 stages=4",
        "kind=multistage tile=16x16x256 warps=1x1 stages=8",
        "kind=multistage tile=64x128x64 warps=1x4 stages=4"}) {
    CompileOptions options;
    options.schedule = text;
    auto made = compile("gemm n=4096 k=7168", "sm_120a", options);
    ASSERT_TRUE(made) << made.message();
    auto manifest = parseManifest(made->manifest);
    ASSERT_TRUE(manifest) << manifest.message();
    EXPECT_NEAR(registersWanted(*parseSchedule(text)), manifest->registers, 30)
        << text;
  }
  EXPECT_GT(registersWanted(*parseSchedule(
                "kind=multistage tile=128x128x128 warps=2x2 stages=2")),
            255); // 256 bytes are spilled
}

/// Whole sectors leave by TMA.
/// One multiply of 128 x 128 x 64 is 64 cycles of a B200's tensor cores, and
/// reads 8 KB of shared memory, 64 passes, which the copies before it wrote.
TEST(Estimate, TensorMemoryByHand) {
  const Chip &b200 = **findChip("sm_100a");
  Schedule schedule =
      *parseSchedule("kind=tmem tile=128x128x256 warps=4x1 stages=4 fill=tma");
  KernelShape shape = describe(schedule, b200);
  EXPECT_TRUE(shape.tensorMemory);
  EXPECT_EQ(shape.ctasPerMultiprocessor, 1);
  EXPECT_EQ(shape.spilledRegisters, 0);
  GemmProblem one = problem(128, 256);
  Estimate e = estimate(one, 128, shape, b200, **findCard("", b200));
  EXPECT_EQ(e.tiles, 1);
  EXPECT_NEAR(e.tensorCycles, 4 * 64 / 0.78, 0.5);
  EXPECT_NEAR(e.sharedWavefronts, 2 * (4 * 64 + 32), 0.5);
}

/// Two CTAs have a tile of 256 x 256: each multiplies 128 x 256, with 128 rows
/// of either operand in its shared memory, and the scale factors of 384. There
/// are as many halves of tiles as CTAs of pairs.
TEST(Estimate, PairsOfCtasByHand) {
  const Chip &b200 = **findChip("sm_100a");
  Schedule schedule = *parseSchedule(
      "kind=tmem tile=256x256x256 warps=4x1 stages=4 fill=tma ctas=2");
  KernelShape shape = describe(schedule, b200);
  GemmProblem one = problem(256, 256);
  Estimate e = estimate(one, 256, shape, b200, **findCard("", b200));
  EXPECT_EQ(e.tiles, 2);
  EXPECT_NEAR(e.tensorCycles, 4 * 128 / 0.78, 0.5);
  EXPECT_NEAR(e.sharedWavefronts, 2 * (256 + 48), 0.5);
  EXPECT_EQ(estimate(one, 1, shape, b200, **findCard("", b200)).tiles, 2);
}

/// No kernel of warps' multiplies is for such a chip.
TEST(Candidates, TensorMemoryHasItsOwn) {
  const Chip &b200 = **findChip("sm_100a");
  auto all = candidates(problem(4096, 7168), b200);
  EXPECT_GT(all.size(), 4u);
  for (const Schedule &schedule : all)
    EXPECT_TRUE(schedule.inTensorMemory()) << print(schedule);
  auto ranked =
      rank(all, problem(4096, 7168), 8192, b200, **findCard("", b200));
  ASSERT_TRUE(ranked) << ranked.message();
  EXPECT_EQ(ranked->size(), all.size());
}

TEST(Estimate, StoresByTma) {
  Schedule s = *parseSchedule("kind=cooperative tile=128x128x128 warps=2x2");
  EXPECT_FALSE(describe(s, chip()).wholeSectorStores);
  s.storesByTma = true;
  EXPECT_TRUE(describe(s, chip()).wholeSectorStores);
}

TEST(Candidates, AreValidDifferentAndMany) {
  GemmProblem p = problem(4096, 7168);
  std::vector<Schedule> all = candidates(p, chip());
  EXPECT_GT(all.size(), 300u);
  bool holdsDefault = false;
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_TRUE(validate(all[i], chip(), p)) << print(all[i]);
    holdsDefault |= all[i] == Schedule();
    for (size_t j = 0; j < i; ++j)
      ASSERT_FALSE(all[i] == all[j]) << print(all[i]);
  }
  EXPECT_TRUE(holdsDefault);
}

TEST(Candidates, RankIsAPermutationInOrder) {
  GemmProblem p = problem(4096, 7168);
  auto ranked = rank(candidates(p, chip()), p, 512, chip(), card());
  ASSERT_TRUE(ranked) << ranked.message();
  EXPECT_EQ(ranked->size(), candidates(p, chip()).size());
  for (size_t i = 1; i < ranked->size(); ++i)
    EXPECT_LE((*ranked)[i - 1].estimate.time(),
              (*ranked)[i].estimate.time() + 1e-11);
  auto again = rank(candidates(p, chip()), p, 512, chip(), card());
  for (size_t i = 0; i < ranked->size(); ++i)
    ASSERT_EQ((*ranked)[i].schedule, (*again)[i].schedule);
}

/// One row of A does not want 128 rows of tile.
TEST(Candidates, SmallMPrefersSmallTiles) {
  auto best = [](int64_t m) {
    GemmProblem p = problem(8192, 8192);
    return rank(candidates(p, chip()), p, m, chip(), card())->front();
  };
  EXPECT_LE(best(1).schedule.tile[0], 32);
  EXPECT_GE(best(4096).schedule.tile[0], 64);
  EXPECT_GE(best(1).estimate.multiprocessorsBusy, 128);
}

TEST(Candidates, ChipsWithoutRatesAreRefused) {
  auto ranked =
      rank({Schedule()}, problem(64, 64), 1, **findChip("sm_110a"), card());
  ASSERT_FALSE(ranked);
  EXPECT_EQ(ranked.status().code(), ErrorCode::Refused);
}

} // namespace
