// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Findings: each comes where it must, with its place, and has a silent twin.

#include "tests/Emulator/ExecFixture.h"

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

struct Case {
  const char *name, *body;
  FindingKind kind;
  bool found;
};

/// in: 4 words, the second one marked; out: 8 words, the upper 4 never written.
LaunchResult runCase(const char *body, unsigned threads = 1,
                     LaunchConfig config = {}) {
  Machine m;
  uint64_t in = m.upload({10, 20, 0, 40});
  m.memory.setPoison(in + 4, 4, true);
  uint64_t out = *m.memory.allocate(32);
  std::vector<uint32_t> zeros(4);
  m.memory.write(out, zeros.data(), 16);
  m.memory.declareOutput(out, "d", 2, 4, 16, 4);
  std::string ptx = kernelText(body, "  .shared .align 16 .b8 s[64];\n");
  ptx.insert(ptx.find(".visible"), ".const .align 128 .b8 c[128];\n");
  EXPECT_EQ(m.run(ptx, threads, in, out, config), "");
  return std::move(m.result);
}

const Case cases[] = {
    {"past the end", "ld.global.b32 %r1, [%in+16];", FindingKind::OutOfBounds,
     true},
    {"the last word", "ld.global.b32 %r1, [%in+12];", FindingKind::OutOfBounds,
     false},
    {"before the start", "ld.global.b32 %r1, [%in+-4];",
     FindingKind::OutOfBounds, true},
    {"guarded away", "setp.ne.u32 %p1, 1, 1; @%p1 ld.global.b32 %r1, [%in+16];",
     FindingKind::OutOfBounds, false},
    {"a constant stored to", "cvta.const.u64 %d1, c; st.b32 [%d1], 1;",
     FindingKind::OutOfBounds, true},
    {"a constant loaded", "cvta.const.u64 %d1, c; ld.b32 %r1, [%d1];",
     FindingKind::OutOfBounds, false},
    {"a constant as a vector",
     "cvta.const.u64 %d1, c; ld.b32 %r1, [%d1]; st.global.v4.b32 [%d1], {%r1, "
     "%r1, %r1, %r1};",
     FindingKind::OutOfBounds, true},
    {"a constant counted up",
     "cvta.const.u64 %d1, c; atom.global.add.u32 %r1, [%d1], 1;",
     FindingKind::OutOfBounds, true},
    {"a constant reduced to",
     "cvta.const.u64 %d1, c; red.global.add.v4.f32 [%d1], {%f1, %f1, %f1, "
     "%f1};",
     FindingKind::OutOfBounds, true},
    {"a constant copied to",
     "mov.u32 %r1, s; cvta.const.u64 %d1, c; "
     "st.shared.v4.b32 [%r1], {0, 0, 0, 0}; fence.proxy.async; "
     "cp.async.bulk.global.shared::cta.bulk_group [%d1], [%r1], 16; "
     "cp.async.bulk.commit_group; cp.async.bulk.wait_group 0;",
     FindingKind::OutOfBounds, true},
    {"a tensor map among constants changed",
     "cvta.const.u64 %d1, c; tensormap.replace.tile.rank.global.b1024.b32 "
     "[%d1], 1;",
     FindingKind::OutOfBounds, true},
    {"a constant discarded",
     "cvta.const.u64 %d1, c; discard.global.L2 [%d1], 128;",
     FindingKind::OutOfBounds, true},
    {"past shared", "mov.u32 %r1, s; ld.shared.b32 %r2, [%r1+64];",
     FindingKind::OutOfBounds, true},
    {"misaligned", "ld.global.b32 %r1, [%in+2];", FindingKind::Misaligned,
     true},
    {"aligned", "ld.global.b16 %h1, [%in+2];", FindingKind::Misaligned, false},
    {"uninitialised global", "ld.global.b32 %r1, [%out+16];",
     FindingKind::UninitialisedRead, true},
    {"initialised global", "ld.global.b32 %r1, [%out+12];",
     FindingKind::UninitialisedRead, false},
    {"uninitialised shared", "mov.u32 %r1, s; ld.shared.b32 %r2, [%r1];",
     FindingKind::UninitialisedRead, true},
    {"initialised shared",
     "mov.u32 %r1, s; st.shared.b32 [%r1], 1; ld.shared.b32 %r2, [%r1];",
     FindingKind::UninitialisedRead, false},
    {"poison stored",
     "ld.global.b32 %r1, [%in+4]; st.global.b32 [%out+4], %r1;",
     FindingKind::PoisonStored, true},
    {"clean stored", "ld.global.b32 %r1, [%in]; st.global.b32 [%out+4], %r1;",
     FindingKind::PoisonStored, false},
    {"poison through arithmetic",
     "ld.global.b32 %r1, [%in+4]; add.u32 %r2, %r1, 1; cvt.rn.f32.u32 %f1, "
     "%r2; st.global.f32 [%out], %f1;",
     FindingKind::PoisonStored, true},
    {"poison through shared",
     "mov.u32 %r9, s; ld.global.b32 %r1, [%in+4]; st.shared.b32 [%r9], %r1; "
     "ld.shared.b32 %r2, [%r9]; st.global.b32 [%out], %r2;",
     FindingKind::PoisonStored, true},
    {"poison overwritten in shared",
     "mov.u32 %r9, s; ld.global.b32 %r1, [%in+4]; st.shared.b32 [%r9], %r1; "
     "st.shared.b32 [%r9], 5; ld.shared.b32 %r2, [%r9]; st.global.b32 [%out], "
     "%r2;",
     FindingKind::PoisonStored, false},
    {"poison through cp.async",
     "mov.u32 %r9, s; cp.async.ca.shared.global [%r9], [%in+4], 4; "
     "cp.async.wait_all; ld.shared.b32 %r2, [%r9]; st.global.b32 [%out], %r2;",
     FindingKind::PoisonStored, true},
    {"poison through shfl",
     "ld.global.b32 %r1, [%in+4]; shfl.sync.bfly.b32 %r2, %r1, 0, 31, 1; "
     "st.global.b32 [%out], %r2;",
     FindingKind::PoisonStored, true},
    {"masked away",
     "ld.global.b32 %r1, [%in+4]; and.b32 %r2, %r1, 0; st.global.b32 [%out], "
     "%r2;",
     FindingKind::PoisonStored, false},
    {"shifted away",
     "ld.global.b32 %r1, [%in+4]; shl.b32 %r2, %r1, 32; st.global.b32 [%out], "
     "%r2;",
     FindingKind::PoisonStored, false},
    {"the other byte",
     "ld.global.b32 %r1, [%in+4]; prmt.b32 %r2, %r1, 0, 0x4444; st.global.b32 "
     "[%out], %r2;",
     FindingKind::PoisonStored, false},
    {"the chosen side",
     "ld.global.b32 %r1, [%in+4]; setp.eq.u32 %p1, 0, 1; selp.b32 %r2, %r1, 3, "
     "%p1; st.global.b32 [%out], %r2;",
     FindingKind::PoisonStored, false},
    {"poison in an address",
     "ld.global.b32 %r1, [%in+4]; and.b32 %r1, %r1, 4; cvt.u64.u32 %d1, %r1; "
     "add.s64 %d2, %in, %d1; ld.global.b32 %r2, [%d2];",
     FindingKind::PoisonSteers, true},
    {"poison in a branch",
     "ld.global.b32 %r1, [%in+4]; setp.eq.u32 %p1, %r1, 20; @%p1 bra end; "
     "mov.u32 %r2, 1; end:",
     FindingKind::PoisonSteers, true},
    {"poison in a guard",
     "ld.global.b32 %r1, [%in+4]; setp.eq.u32 %p1, %r1, 20; @%p1 st.global.b32 "
     "[%out], 1;",
     FindingKind::PoisonSteers, true},
    {"trap", "trap;", FindingKind::Trap, true},
};

TEST(ExecCheck, FindingsAndTheirSilentTwins) {
  for (const Case &c : cases) {
    LaunchResult r = runCase(c.body);
    if (!c.found) {
      EXPECT_TRUE(r.reports.empty()) << c.name << ": " << r.reports[0].text();
      continue;
    }
    ASSERT_FALSE(r.reports.empty()) << c.name;
    EXPECT_EQ(r.reports[0].kind, c.kind) << c.name << r.reports[0].text();
    EXPECT_EQ(r.reports[0].kernel, "k");
    EXPECT_GT(r.reports[0].ptxLine, 4u);
  }
}

TEST(ExecCheck, AReportNamesTheElement) {
  LaunchResult r =
      runCase("ld.global.b32 %r1, [%in+4]; st.global.b32 [%out+20], %r1;");
  ASSERT_EQ(r.reports.size(), 1u);
  EXPECT_NE(r.reports[0].message.find("d[1, 1]"), std::string::npos)
      << r.reports[0].text();
}

TEST(ExecCheck, ChecksCanBeOff) {
  LaunchConfig off;
  off.checks = off.poison = false;
  EXPECT_TRUE(
      runCase("ld.global.b32 %r1, [%out+16]; st.global.b32 [%out], %r1;", 1,
              off)
          .reports.empty());
  EXPECT_TRUE(
      runCase("ld.global.b32 %r1, [%in+4]; st.global.b32 [%out], %r1;", 1, off)
          .reports.empty());
  EXPECT_FALSE(runCase("ld.global.b32 %r1, [%in+16];", 1, off).reports.empty());
}

TEST(ExecCheck, UseAfterFree) {
  Machine m;
  uint64_t in = m.upload({1}), out = m.upload({0});
  m.memory.release(in);
  ASSERT_EQ(m.run(kernelText("ld.global.b32 %r1, [%in];"), 1, in, out), "");
  ASSERT_FALSE(m.result.reports.empty());
  EXPECT_EQ(m.result.reports[0].kind, FindingKind::UseAfterFree);
}

TEST(ExecCheck, BarrierFindings) {
  LaunchResult some = runCase(
      "mov.u32 %r1, %laneid; setp.lt.u32 %p1, %r1, 5; @%p1 bar.sync 0;", 32);
  ASSERT_FALSE(some.reports.empty());
  EXPECT_EQ(some.reports[0].kind, FindingKind::BarrierMisuse);
  LaunchResult stuck = runCase("mov.u32 %r1, %tid.x; setp.ge.u32 %p1, %r1, 32; "
                               "@%p1 bra end; bar.sync 1, 64; end:",
                               64);
  ASSERT_FALSE(stuck.reports.empty());
  EXPECT_EQ(stuck.reports[0].kind, FindingKind::Deadlock);
  EXPECT_TRUE(runCase("bar.sync 1, 64;", 64).reports.empty());
}

TEST(ExecCheck, EndlessLoopsEnd) {
  LaunchConfig config;
  config.maxSteps = 10000;
  LaunchResult r = runCase("loop: bra loop;", 1, config);
  ASSERT_FALSE(r.reports.empty());
  EXPECT_EQ(r.reports[0].kind, FindingKind::Timeout);
}

/// The lowest CTA's finding is reported, whatever the number of host threads.
TEST(ExecCheck, ReportsDoNotDependOnHostThreads) {
  for (unsigned hosts : {1u, 2u, 4u}) {
    LaunchConfig config;
    config.grid = {64, 1, 1};
    config.hostThreads = hosts;
    LaunchResult r = runCase("mov.u32 %r1, %ctaid.x; setp.lt.u32 %p1, %r1, 7; "
                             "@%p1 bra end; ld.global.b32 %r2, [%in+16]; end:",
                             1, config);
    ASSERT_EQ(r.reports.size(), 1u);
    EXPECT_EQ(r.reports[0].cta.x, 7u) << hosts;
  }
}

TEST(ExecCheck, LoadErrorsHaveALine) {
  const std::pair<std::string, std::string> table[] = {
      {kernelText("  frob.b32 %r1, %r2;"),
       "line 14, column 3: the emulator does not know the instruction "
       "'frob.b32'"},
      {kernelText("  add.u32.odd %r1, %r2, 3;"),
       "does not know the qualifier '.odd'"},
      {kernelText("  add.u32 %r1, %r2;"), "expected 3 operands, got 2"},
      {kernelText("  bra nowhere;"), "no label 'nowhere'"},
      {kernelText("  mov.u32 %r1, %unknown;"), "unknown name '%unknown'"},
      {kernelText("  mov.u32 %r1 %r2;"),
       "line 14, column 15: expected ',', got '%r2'"},
      {".version 8.7\n.target sm_100a\n",
       "PTX for sm_100a does not run on sm_120a"},
      {".version 8.7\n.target sm_121a\n",
       "PTX for sm_121a does not run on sm_120a"},
      {".version 8.6\n.target sm_120a\n",
       "expected .version 8.7 or later for .target sm_120a, got 8.6"},
      {".version 8.7\n.target sm_120f\n", "expected .version 8.8"},
      {".version 7.7\n.target sm_90\n", "expected .version 7.8"},
      {kernelText("  bar.sync 16;"), "a barrier from 0 to 15"},
      {kernelText("  bar.sync 1, 33;"), "a multiple of 32"},
      {kernelText("  bar.arrive 1, 0;"), "a multiple of 32"},
      {kernelText("  bar.red.popc.u32 %r1, 16, %p1;"), "0 to 15"},
      {kernelText("  ld.global.u32 %r1, [4];"), "exists in .local only"},
      {kernelText("  add.u32 %r1, %tid.x, 1;"), "read by mov and cvt"},
      {kernelText("  mov.u32 %r1, %is_explicit_cluster;"), "a predicate"},
      {kernelText("  mov.u64 %d1, %tid.x;"), "32 bits wide"},
      {kernelText("  mov.u32 %r1, %clock64;"), "64 bits wide"},
      {kernelText("  mov.u32 %r1, %envreg0;"), "knows 1 and 2"},
      {kernelText("  mov.u32 %r1, %pm0;"), "no performance counters"},
      {kernelText("  mov.u64 %d1, %current_graph_exec;"), "from the device"},
      {kernelText("  mov.u32 %r1, %reserved_smem_offset_begin;"), "reserves"},
      {kernelText("  mov.v4.u32 {%r1, %r2, %r3}, %tid;"), "four registers"},
      {"", "expected .version and .target"},
      {".version 99.0\n", "expected PTX 6.0 to 9.4"},
  };
  Machine m;
  for (const auto &[ptx, part] : table) {
    auto program = loadProgram(ptx, *m.chip, m.memory);
    ASSERT_FALSE(program) << part;
    EXPECT_NE(program.message().find(part), std::string::npos)
        << program.message();
  }
  const std::string mma =
      kernelText("  "
                 "mma.sync.aligned.kind::mxf4nvf4.block_scale.scale_vec::4X."
                 "m16n8k64.row.col.f32.e2m1.e2m1.f32.ue4m3 "
                 "{%r0,%r1,%r2,%r3},{%r0,%r1,%r2,%r3},{%r4,%r5},{%r0,%r1,%r2,%"
                 "r3},{%r6},{0,0},{%r7},{0,0};");
  std::string other = mma;
  other.replace(other.find("sm_120a"), 7, "sm_100a");
  auto refused = loadProgram(other, *findChip("sm_100a"), m.memory);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.message().find("sm_100a has no block-scaled mma"),
            std::string::npos);
  EXPECT_TRUE(loadProgram(mma, *m.chip, m.memory));
}

} // namespace
