// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Counters on access patterns whose conflicts and sectors are known: 32 banks
// of 4 bytes, phases of 128 bytes, sectors of 32 bytes.

#include "tests/Emulator/ExecFixture.h"

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

const std::string buffer = "  .shared .align 1024 .b8 buffer[32768];\n";

LaunchResult runCounted(const std::string &body, LaunchConfig config = {},
                        unsigned threads = 32, bool count = true) {
  Machine m;
  uint64_t in = m.upload(std::vector<uint32_t>(4096));
  uint64_t out = m.upload(std::vector<uint32_t>(4096));
  config.count = count;
  config.checks = false;
  std::string all = "  mov.u32 %r60, %tid.x;\n  mov.u32 %r61, buffer;\n";
  EXPECT_EQ(m.run(kernelText(all + body, buffer), threads, in, out, config),
            "");
  EXPECT_TRUE(m.result.reports.empty()) << m.result.reports[0].text();
  return m.result;
}

/// Address of lane l: buffer + l * stride, in %r1.
std::string strided(unsigned stride, const std::string &access) {
  return "  mad.lo.u32 %r1, %r60, " + std::to_string(stride) + ", %r61;\n  " +
         access + "\n";
}

struct Expected2 {
  uint64_t taken, ideal;
};

void expectWavefronts(const std::string &body, Expected2 expected) {
  SCOPED_TRACE(body);
  Counters c = runCounted(body).counters;
  EXPECT_EQ(c.sharedWavefronts, expected.taken);
  EXPECT_EQ(c.idealWavefronts, expected.ideal);
}

TEST(Counting, WavefrontsOfWords) {
  std::string load = "ld.shared.b32 %r2, [%r1];";
  expectWavefronts(strided(4, load), {1, 1});
  expectWavefronts(strided(8, load), {2, 1});
  expectWavefronts(strided(12, load), {1, 1}); // an odd stride in words
  expectWavefronts(strided(16, load), {4, 1});
  expectWavefronts(strided(128, load), {32, 1});
  expectWavefronts(strided(132, load), {1, 1}); // padded rows
  expectWavefronts(strided(0, load), {1, 1});   // broadcast
  expectWavefronts(strided(128, "st.shared.b32 [%r1], %r60;"), {32, 1});
}

TEST(Counting, WavefrontsOfBytesAndHalves) {
  // Four (two) lanes share a word: no conflict.
  expectWavefronts(strided(1, "ld.shared.u8 %r2, [%r1];"), {1, 1});
  expectWavefronts(strided(2, "ld.shared.u16 %r2, [%r1];"), {1, 1});
  expectWavefronts(strided(128, "ld.shared.u8 %r2, [%r1];"), {32, 1});
}

TEST(Counting, WavefrontsOfVectors) {
  std::string two = "ld.shared.v2.b32 {%r2, %r3}, [%r1];";
  std::string four = "ld.shared.v4.b32 {%r2, %r3, %r4, %r5}, [%r1];";
  expectWavefronts(strided(8, two), {2, 2});
  expectWavefronts(strided(128, two), {32, 2}); // 16 lanes on one bank, twice
  expectWavefronts(strided(16, four), {4, 4});
  expectWavefronts(strided(32, four), {8, 4}); // 2 of 8 lanes share banks
  expectWavefronts(strided(128, four), {32, 4});
  expectWavefronts(strided(144, four), {4, 4}); // padded by 16 bytes
  expectWavefronts(strided(16, "st.shared.v4.b32 [%r1], {%r60, %r60, %r60, "
                               "%r60};"),
                   {4, 4});
}

TEST(Counting, GuardsAndGenericAddresses) {
  // Lanes 0 and 16 alone, 2048 bytes apart: one bank.
  expectWavefronts("  and.b32 %r2, %r60, 15;\n  setp.eq.u32 %p1, %r2, 0;\n" +
                       strided(128, "@%p1 ld.shared.b32 %r3, [%r1];"),
                   {2, 1});
  expectWavefronts(strided(128, "cvt.u64.u32 %d1, %r1; cvta.shared.u64 %d2, "
                                "%d1; ld.b32 %r3, [%d2];"),
                   {32, 1});
}

TEST(Counting, AtomicsOnOneWordTakeTurns) {
  expectWavefronts(strided(4, "red.shared.add.u32 [%r1], 1;"), {1, 1});
  expectWavefronts(strided(0, "red.shared.add.u32 [%r1], 1;"), {32, 1});
}

TEST(Counting, WavefrontsOfMatrices) {
  std::string x4 =
      "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r2, %r3, %r4, %r5}, [%r1];";
  expectWavefronts(strided(128, x4), {32, 4}); // 8 rows on 4 banks
  expectWavefronts(strided(144, x4), {4, 4});  // padded
  expectWavefronts(strided(16, x4), {4, 4});
  expectWavefronts(strided(64, x4), {16, 4}); // two rows cover the banks
  expectWavefronts(
      strided(128,
              "ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%r2, %r3}, [%r1];"),
      {16, 2});
  expectWavefronts(
      strided(128, "stmatrix.sync.aligned.m8n8.x1.shared.b16 [%r1], {%r60};"),
      {8, 1});
}

/// The swizzle of TMA's 128-byte mode, row by row: chunk ^= row % 8.
TEST(Counting, SwizzledRowsDoNotConflict) {
  expectWavefronts("  and.b32 %r4, %r60, 7;\n  shl.b32 %r4, %r4, 4;\n"
                   "  mad.lo.u32 %r1, %r60, 128, %r61;\n"
                   "  add.u32 %r1, %r1, %r4;\n"
                   "  ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r5, %r6, %r7, "
                   "%r8}, [%r1];\n",
                   {4, 4});
}

/// Address of lane l: in + offset + l * stride, in %d2.
std::string globally(unsigned stride, unsigned offset,
                     const std::string &access) {
  return "  mul.wide.u32 %d1, %r60, " + std::to_string(stride) +
         ";\n  add.s64 %d2, %in, %d1;\n  add.s64 %d2, %d2, " +
         std::to_string(offset) + ";\n  " + access + "\n";
}

TEST(Counting, SectorsOfLoads) {
  struct {
    unsigned stride, offset;
    const char *access;
    uint64_t sectors, bytes;
  } cases[] = {
      {4, 0, "ld.global.b32 %r2, [%d2];", 4, 128},
      {4, 4, "ld.global.b32 %r2, [%d2];", 5, 128}, // unaligned row
      {4, 32, "ld.global.b32 %r2, [%d2];", 4, 128},
      {32, 0, "ld.global.b32 %r2, [%d2];", 32, 128},
      {64, 0, "ld.global.b32 %r2, [%d2];", 32, 128},
      {0, 0, "ld.global.b32 %r2, [%d2];", 1, 4}, // broadcast
      {1, 0, "ld.global.u8 %r2, [%d2];", 1, 32},
      {16, 0, "ld.global.v4.b32 {%r2, %r3, %r4, %r5}, [%d2];", 16, 512},
      {16, 16, "ld.global.v4.b32 {%r2, %r3, %r4, %r5}, [%d2];", 17, 512},
      {4, 0, "ld.b32 %r2, [%d2];", 4, 128}, // generic
  };
  for (auto &c : cases) {
    SCOPED_TRACE(c.access);
    Counters counted =
        runCounted(globally(c.stride, c.offset, c.access)).counters;
    EXPECT_EQ(counted.sectorsLoaded, c.sectors);
    EXPECT_EQ(counted.bytesLoaded, c.bytes);
    EXPECT_EQ(counted.sectorsStored, 0u);
  }
}

TEST(Counting, SectorsOfStores) {
  Counters c =
      runCounted(globally(64, 28, "st.global.b32 [%d2], %r60;")).counters;
  EXPECT_EQ(c.sectorsStored, 32u);
  EXPECT_EQ(c.bytesStored, 128u);
  EXPECT_EQ(c.sectorsLoaded, 0u);
}

/// The last lanes' copies are cut to 4 bytes by their size.
const std::string copies =
    strided(16, "setp.ge.u32 %p1, %r60, 30;") +
    globally(16, 0,
             "selp.b32 %r5, 4, 16, %p1;\n"
             "  cp.async.ca.shared.global [%r1], [%d2], 16, %r5;\n"
             "  cp.async.commit_group;\n  cp.async.wait_group 0;");

TEST(Counting, CopiesAreSeenOnBothSides) {
  Counters c = runCounted(copies).counters;
  EXPECT_EQ(c.sectorsLoaded, 16u);
  EXPECT_EQ(c.bytesLoaded, 30u * 16 + 2 * 4);
  EXPECT_EQ(c.sharedWavefronts, 4u);
  EXPECT_EQ(c.idealWavefronts, 4u);
}

/// Three groups of 512 bytes; the third is issued once the first has come.
TEST(Counting, BytesInFlight) {
  std::string copy = "  cp.async.cg.shared.global [%r1], [%d2], 16;\n"
                     "  cp.async.commit_group;\n";
  std::string body = strided(16, "") + globally(16, 0, "") + copy +
                     "  add.u32 %r1, %r1, 512;\n" + copy +
                     "  cp.async.wait_group 1;\n  add.u32 %r1, %r1, 512;\n" +
                     copy + "  cp.async.wait_all;\n";
  LaunchConfig config;
  EXPECT_EQ(runCounted(body, config).counters.mostBytesInFlight, 0u);
  for (SchedulePolicy policy :
       {SchedulePolicy::Lazy, SchedulePolicy::Adversary}) {
    config.policy = policy;
    EXPECT_EQ(runCounted(body, config).counters.mostBytesInFlight, 1024u);
  }
}

TEST(Counting, RolesByWarp) {
  // Warp 0 leaves at once; warp 1 runs a loop of three instructions 10 times.
  LaunchResult result = runCounted(R"(
  setp.lt.u32 %p1, %r60, 32;
  @%p1 bra end;
  mov.u32 %r2, 10;
loop:
  sub.u32 %r2, %r2, 1;
  setp.ne.u32 %p2, %r2, 0;
  @%p2 bra loop;
end:)",
                                   {}, 64);
  const auto &roles = result.counters.roles;
  EXPECT_EQ(roles[1] - roles[0], 31u);
  EXPECT_EQ(roles[0] + roles[1], result.counters.warpInstructions);
  EXPECT_EQ(roles[2], 0u);
}

TEST(Counting, LinesNameTheHotSpot) {
  LaunchConfig config;
  config.grid = {3, 1, 1};
  LaunchResult result =
      runCounted(strided(128, "ld.shared.b32 %r2, [%r1];") +
                     strided(4, "ld.shared.b32 %r3, [%r1];") +
                     globally(64, 0, "ld.global.b32 %r4, [%d2];"),
                 config, 64);
  std::vector<CountedLine> hot, sparse;
  for (const CountedLine &line : result.lines) {
    if (line.counts.wavefronts > line.counts.idealWavefronts)
      hot.push_back(line);
    if (line.counts.sectors)
      sparse.push_back(line);
  }
  ASSERT_EQ(hot.size(), 1u);
  EXPECT_NE(hot[0].text.find("ld.shared.b32 %r2"), std::string::npos);
  EXPECT_EQ(hot[0].counts.executions, 6u); // 3 CTAs of 2 warps
  EXPECT_EQ(hot[0].counts.wavefronts, 6u * 32);
  EXPECT_EQ(hot[0].counts.idealWavefronts, 6u);
  ASSERT_EQ(sparse.size(), 1u);
  EXPECT_EQ(sparse[0].counts.sectors, 6u * 32);
  EXPECT_EQ(sparse[0].counts.bytes, 6u * 128);
  for (size_t i = 1; i < result.lines.size(); ++i)
    EXPECT_LE(result.lines[i - 1].line, result.lines[i].line);
}

/// A warp that waits executes its instruction again, but counts it once.
TEST(Counting, WaitingCountsOnce) {
  LaunchConfig config;
  config.policy = SchedulePolicy::Lazy;
  for (const CountedLine &line : runCounted(copies, config).lines)
    EXPECT_EQ(line.counts.executions, 1u) << line.text;
}

TEST(Counting, OffUnlessAsked) {
  LaunchResult result =
      runCounted(strided(128, "ld.shared.b32 %r2, [%r1];"), {}, 32, false);
  EXPECT_TRUE(result.lines.empty());
  EXPECT_EQ(result.counters.sharedWavefronts, 0u);
  EXPECT_EQ(result.counters.sharedLoads, 1u);
}

} // namespace
