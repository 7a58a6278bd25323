// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a warp of the multistage schedule reads from shared memory for its
// multiplies, the scale factors it copies there, and what is written there for
// TMA to store, in passes through the banks as the emulated driver counts them.

#include "tests/EndToEnd/Gemm/Road.h"
#include "tests/Oracle/Data.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace nybl;

namespace {

struct Tile {
  int64_t m, n, k, warpsM, warpsN;

  std::string schedule() const {
    return "kind=multistage tile=" + std::to_string(m) + "x" +
           std::to_string(n) + "x" + std::to_string(k) +
           " warps=" + std::to_string(warpsM) + "x" + std::to_string(warpsN);
  }
};

void PrintTo(const Tile &tile, std::ostream *out) { *out << tile.schedule(); }

/// Of all executions of one instruction.
struct Passes {
  uint64_t taken = 0, fewest = 0;
};

class CountedPasses : public testing::Test {
protected:
  void SetUp() override {
    session = road::Session::get();
    ASSERT_TRUE(session);
    count(1);
  }
  void TearDown() override {
    if (session)
      count(0);
  }
  void count(int on) {
    session->extension<decltype(nyblEmuSetCounting)>("nyblEmuSetCounting")(on);
  }
  Passes passesOf(const char *instruction);

  road::Session *session = nullptr;
};

class BankConflicts : public CountedPasses,
                      public testing::WithParamInterface<Tile> {};
using OutputConflicts = CountedPasses;

Passes CountedPasses::passesOf(const char *instruction) {
  auto *number =
      session->extension<decltype(nyblEmuHotspotCount)>("nyblEmuHotspotCount");
  auto *read =
      session->extension<decltype(nyblEmuHotspotRead)>("nyblEmuHotspotRead");
  auto *textOf =
      session->extension<decltype(nyblEmuHotspotText)>("nyblEmuHotspotText");
  Passes sum;
  for (size_t i = 0, end = number(); i < end; ++i) {
    nyblEmuHotspot spot = {};
    spot.size = sizeof spot;
    char text[64];
    EXPECT_EQ(read(i, &spot), 0);
    EXPECT_EQ(textOf(i, text, sizeof text), 0);
    if (!std::strstr(text, instruction))
      continue;
    sum.taken += spot.wavefronts;
    sum.fewest += spot.idealWavefronts;
  }
  return sum;
}

/// Each lane of a warp reads each word of scale factors that it has for 32
/// rows or columns once: a pass is 32 words.
TEST_P(BankConflicts, NoneOfWhatMultipliesRead) {
  const Tile &tile = GetParam();
  GemmProblem p;
  p.n = 2 * tile.n;
  p.k = 256;
  auto a = oracle::randomMatrix(2 * tile.m, p.k, 1);
  auto b = oracle::randomMatrix(p.n, p.k, 2);
  road::Options options;
  options.schedule = tile.schedule();
  road::Run run = road::gemm(*session, p, a, b, options);
  ASSERT_TRUE(run.ok()) << run.error;
  Passes matrices = passesOf("ldmatrix"), scales = passesOf("ld.shared"),
         copies = passesOf("], 4, %r"); // cp.async of 4 bytes
  EXPECT_GT(matrices.taken, 0u);
  EXPECT_EQ(matrices.taken, matrices.fewest);
  EXPECT_EQ(scales.taken, scales.fewest);
  EXPECT_GT(copies.taken, 0u);
  EXPECT_EQ(copies.taken, copies.fewest);
  int64_t rows = tile.m / tile.warpsM, columns = tile.n / tile.warpsN;
  uint64_t perStep = rows / 32 + columns / 32;
  uint64_t multipliesPerStep = rows / 16 * (columns / 8);
  EXPECT_EQ(scales.taken * multipliesPerStep, run.counts.multiplies * perStep);
  auto perMultiply = [&](uint64_t passes) {
    return std::to_string(double(passes) / double(run.counts.multiplies));
  };
  RecordProperty("scalePassesPerMultiply", perMultiply(scales.taken));
  RecordProperty("dataPassesPerMultiply", perMultiply(matrices.taken));
  RecordProperty("allPassesPerMultiply",
                 perMultiply(run.counts.sharedWavefronts));
}

/// What warps write for TMA to store: 16 and 32 bits an element, boxes of each
/// width, rows turned and in order.
TEST_F(OutputConflicts, NoneOfWhatWarpsWrite) {
  for (const char *tile : {"64x32x64 warps=4x1", "64x64x64 warps=2x2",
                           "64x128x64 warps=2x2", "96x96x64 warps=2x2"})
    for (OutputType type : {OutputType::BF16, OutputType::F32}) {
      GemmProblem p;
      p.n = 200;
      p.k = 64;
      p.d = type;
      auto a = oracle::randomMatrix(100, p.k, 1);
      auto b = oracle::randomMatrix(p.n, p.k, 2);
      road::Options options;
      options.schedule = std::string("kind=cooperative store=tma tile=") + tile;
      road::Run run = road::gemm(*session, p, a, b, options);
      ASSERT_TRUE(run.ok()) << run.error;
      Passes pairs = passesOf("st.shared.");
      EXPECT_GT(pairs.taken, 0u);
      EXPECT_EQ(pairs.taken, pairs.fewest) << tile << ", " << print(p);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Tiles, BankConflicts,
    testing::Values(Tile{32, 32, 64, 1, 1}, Tile{64, 64, 128, 2, 2},
                    Tile{64, 64, 64, 1, 1}, Tile{128, 128, 128, 2, 2},
                    Tile{128, 128, 64, 1, 4}, Tile{128, 128, 128, 4, 1},
                    Tile{96, 64, 128, 1, 2}));

} // namespace
