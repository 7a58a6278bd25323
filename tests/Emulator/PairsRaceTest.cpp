// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Broken and mended kernels: accesses that nothing orders.

#include "tests/Emulator/PairsFixture.h"

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

const Pair races[] = {
    {"a load that no barrier parts from the store",
     {64},
     FindingKind::Race,
     "store",
     R"(
  st.shared.b32 [%mine], 0;
  bar.sync 0;
  st.shared.b32 [%mine], %tid;
  <<||bar.sync 0;>>
  xor.b32 %r1, %tid, 63; shl.b32 %r1, %r1, 2; add.u32 %r1, %sm, %r1;
  ld.shared.b32 %r2, [%r1];)"},
    {"a store that no barrier parts from the load",
     {64},
     FindingKind::Race,
     "load",
     R"(
  st.shared.b32 [%mine], %tid;
  bar.sync 0;
  xor.b32 %r1, %tid, 63; shl.b32 %r1, %r1, 2; add.u32 %r1, %sm, %r1;
  ld.shared.b32 %r2, [%r1];
  <<||bar.sync 0;>>
  st.shared.b32 [%mine], %r2;)"},
    {"a counter without atomics", {64}, FindingKind::Race, "PTX line", R"(
  <<@%leader ld.global.b32 %r1, [%out];
  @%leader add.u32 %r1, %r1, 1;
  @%leader st.global.b32 [%out], %r1;||
  @%leader red.global.add.u32 [%out], 1;>>)"},
    {"a counter of several CTAs without atomics",
     {1, 4},
     FindingKind::Race,
     "of cluster (",
     R"(
  <<ld.global.b32 %r1, [%out]; add.u32 %r1, %r1, 1;
  st.global.b32 [%out], %r1;||red.global.add.u32 [%out], 1;>>)"},
    {"a sum in shared memory without atomics",
     {64},
     FindingKind::Race,
     "store",
     R"(
  @%first st.shared.b32 [%sm], 0;
  bar.sync 0;
  <<@%leader ld.shared.b32 %r1, [%sm]; @%leader add.u32 %r1, %r1, 1;
  @%leader st.shared.b32 [%sm], %r1;||
  @%leader red.shared.add.u32 [%sm], 1;>>
  bar.sync 0;
  @%first ld.shared.b32 %r2, [%sm];)"},
    {"an atomic sum that is read too early",
     {64},
     FindingKind::Race,
     "store",
     R"(
  @%first st.shared.b32 [%sm], 0;
  bar.sync 0;
  @%leader red.shared.add.u32 [%sm], 1;
  <<||bar.sync 0;>>
  @%first ld.shared.b32 %r2, [%sm];)"},
    {"lanes exchange without a warp barrier",
     {32},
     FindingKind::Race,
     "store",
     R"(
  st.shared.b32 [%mine], %tid;
  <<||bar.warp.sync 0xffffffff;>>
  xor.b32 %r1, %tid, 1; shl.b32 %r1, %r1, 2; add.u32 %r1, %sm, %r1;
  ld.shared.b32 %r2, [%r1];)"},
    {"a warp barrier of the wrong half", {32}, FindingKind::Race, "store", R"(
  st.shared.b32 [%mine], %tid;
  setp.lt.u32 %p1, %lane, 16;
  @%p1 bar.warp.sync 0xffff;
  <<||@!%p1 bar.warp.sync 0xffff0000;>>
  xor.b32 %r1, %tid, 1; shl.b32 %r1, %r1, 2; add.u32 %r1, %sm, %r1;
  ld.shared.b32 %r2, [%r1];)"},
    {"lanes store different values to one word",
     {32},
     FindingKind::Race,
     "different values",
     "<<st.shared.b32 [%sm], %tid;||"
     "st.shared.b32 [%sm], 5;>>"},
    {"stores that overlap by two bytes", {64}, FindingKind::Race, "store", R"(
  shl.b32 %r1, %tid, 1; add.u32 %r1, %sm, %r1;
  cvt.u16.u32 %h1, %tid;
  setp.eq.u32 %p1, %tid, 31;
  st.shared.b16 [%r1], %h1;
  <<@%p1 st.shared.b32 [%sm+64], 1;||@%p1 st.shared.b32 [%sm+128], 1;>>)"},
    {"copies of another warp", {64}, FindingKind::Race, "cp.async", R"(
  setp.eq.u32 %p1, %warp, 1;
  @%p1 bra READ;
  mul.wide.u32 %d1, %tid, 4; add.u64 %d1, %in, %d1;
  cp.async.ca.shared.global [%mine], [%d1], 4;
  cp.async.wait_all;
  <<||bar.sync 0;>>
  ret;
  READ:
  <<mov.u32 %r5, 0;
  S: nanosleep.u32 20; add.u32 %r5, %r5, 1; setp.lt.u32 %p2, %r5, 50;
  @%p2 bra S;||bar.sync 0;>>
  ld.shared.b32 %r2, [%mine+-128];)"},
    {"a source that is overwritten while it is copied",
     {64},
     FindingKind::Race,
     "load",
     R"(
  setp.eq.u32 %p1, %warp, 1;
  add.u64 %d1, %out, 0;
  @!%p1 cp.async.ca.shared.global [%mine], [%d1], 4;
  @!%p1 cp.async.wait_all;
  <<||bar.sync 0;>>
  @%p1 st.global.b32 [%d1], 3;)"},
    {"an mbarrier is used before it is initialised",
     {64},
     FindingKind::Race,
     "mbarrier.init",
     R"(
  @%first mbarrier.init.shared.b64 [%bar], 2;
  <<||bar.sync 0;>>
  @%leader mbarrier.arrive.shared.b64 _, [%bar];
  W: mbarrier.try_wait.parity.shared.b64 %p2, [%bar], 0;
  @!%p2 bra W;)"},
};

/// CTA 0 hands a word to CTA 1 through a flag in global memory.
#define MESSAGE(STORE, LOAD)                                                   \
  "mov.u32 %r1, %ctaid.x; setp.eq.u32 %p1, %r1, 1; @%p1 bra READ;\n"           \
  "st.global.b32 [%out+128], 42;\n" STORE " ret;\n"                            \
  "READ: S:\n" LOAD " setp.ne.u32 %p2, %r2, 1; @%p2 bra S;\n"

const Pair messages[] = {
    {"a flag without the writer's fence",
     {1, 2},
     FindingKind::Race,
     "store",
     MESSAGE("<<||fence.acq_rel.gpu;>> st.relaxed.gpu.global.b32 [%out], 1;",
             "ld.relaxed.gpu.global.b32 %r2, [%out];") "fence.acq_rel.gpu; "
                                                       "ld.global.b32 %r3, "
                                                       "[%out+128];"},
    {"a flag without the reader's fence",
     {1, 2},
     FindingKind::Race,
     "store",
     MESSAGE("fence.acq_rel.gpu; st.relaxed.gpu.global.b32 [%out], 1;",
             "ld.relaxed.gpu.global.b32 %r2, [%out];") "<<||fence.acq_rel.gpu;>"
                                                       "> ld.global.b32 %r3, "
                                                       "[%out+128];"},
    {"a flag without release",
     {1, 2},
     FindingKind::Race,
     "store",
     MESSAGE("st.<<relaxed||release>>.gpu.global.b32 [%out], 1;",
             "ld.acquire.gpu.global.b32 %r2, [%out];") "ld.global.b32 %r3, "
                                                       "[%out+128];"},
    {"a flag without acquire",
     {1, 2},
     FindingKind::Race,
     "store",
     MESSAGE(
         "st.release.gpu.global.b32 [%out], 1;",
         "ld.<<relaxed||acquire>>.gpu.global.b32 %r2, [%out];") "ld.global.b32 "
                                                                "%r3, "
                                                                "[%out+128];"},
    {"a flag that is an ordinary word",
     {1, 2},
     FindingKind::Race,
     "PTX line",
     MESSAGE("membar.gl; st<<||.volatile>>.global.b32 [%out], 1;",
             "ld<<||.volatile>>.global.b32 %r2, [%out];") "membar.gl; "
                                                          "ld.global.b32 %r3, "
                                                          "[%out+128];"},
    {"a flag that is taken by exchange",
     {1, 2},
     FindingKind::Race,
     "store",
     MESSAGE(
         "red.<<relaxed||release>>.gpu.global.add.u32 [%out], 1;",
         "atom.acquire.gpu.global.cas.b32 %r2, [%out], 1, 1;") "ld.global.b32 "
                                                               "%r3, "
                                                               "[%out+128];"},
    // As in the CUDA sample threadFenceReduction.
    {"the last CTA sums without a fence",
     {32, 4},
     FindingKind::Race,
     "store",
     R"(
  mov.u32 %r1, %ctaid.x; mul.wide.u32 %d1, %r1, 4; add.u64 %d1, %out, %d1;
  @%first st.global.b32 [%d1+128], %r1;
  <<||@%first membar.gl;>>
  @!%first ret;
  atom.global.inc.u32 %r2, [%out], 3;
  setp.ne.u32 %p1, %r2, 3; @%p1 ret;
  <<||membar.gl;>>
  ld.global.v4.b32 {%r3, %r4, %r5, %r6}, [%out+128];)"},
    {"the flag before the barrier of its CTA",
     {64, 2},
     FindingKind::Race,
     "store",
     R"(
  mov.u32 %r1, %ctaid.x; setp.eq.u32 %p1, %r1, 1; @%p1 bra READ;
  mul.wide.u32 %d1, %tid, 4; add.u64 %d1, %out, %d1;
  st.global.b32 [%d1+128], %tid;
  <<||bar.sync 0;>>
  @%first st.release.gpu.global.b32 [%out], 1;
  ret;
  READ: @!%first bra READY;
  S: ld.acquire.gpu.global.b32 %r2, [%out];
  setp.ne.u32 %p2, %r2, 1; @%p2 bra S;
  READY: bar.sync 0;
  mul.wide.u32 %d1, %tid, 4; add.u64 %d1, %out, %d1;
  ld.global.b32 %r3, [%d1+128];)"},
    // As in PyTorch's reductions: fence, barrier, one thread's atomic.
    {"every thread's fence before the barrier",
     {64, 2},
     FindingKind::Race,
     "store",
     R"(
  mov.u32 %r1, %ctaid.x; mad.lo.u32 %r1, %r1, 64, %tid;
  mul.wide.u32 %d1, %r1, 4; add.u64 %d1, %out, %d1;
  <<setp.eq.u32 %p1, %tid, 999;||setp.ne.u32 %p1, %tid, 999;>>
  setp.ge.u32 %p2, %r1, 32; @%p2 st.global.b32 [%d1], %tid;
  @%p1 membar.gl;
  bar.sync 0;
  @%first atom.global.add.u32 %r2, [%out], 1;
  @%first st.shared.b32 [%sm], %r2;
  bar.sync 0;
  ld.shared.b32 %r2, [%sm];
  setp.ne.u32 %p1, %r2, 1; @%p1 ret;
  membar.gl;
  mul.wide.u32 %d1, %tid, 4; add.u64 %d1, %out, %d1;
  ld.global.b32 %r3, [%d1+128];)"},
};

TEST(Pairs, Races) {
  for (const Pair &pair : races)
    expectPair(pair);
}

TEST(Pairs, Messages) {
  for (const Pair &pair : messages)
    expectPair(pair);
}

/// A report names both accesses, whoever ran first.
TEST(Pairs, RaceNamesBoth) {
  const Pair pair{"", {64, 1}, FindingKind::Race, "", R"(
  setp.eq.u32 %p1, %tid, 3; setp.eq.u32 %p2, %tid, 40;
  @%p1 st.shared.b32 [%sm], 1;
  @%p2 ld.shared.b32 %r1, [%sm];)"};
  std::vector<Report> reports = runPair(pair, false, everySchedule()[0]);
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].warp, 1);
  EXPECT_EQ(reports[0].lane, 8);
  EXPECT_NE(reports[0].ptxText.find("ld.shared.b32"), std::string::npos);
  std::string line = std::to_string(reports[0].ptxLine - 1);
  for (const std::string &word :
       {"PTX line " + line, std::string("by warp 0, lane 3"),
        std::string("st.shared.b32")})
    EXPECT_NE(reports[0].message.find(word), std::string::npos)
        << reports[0].text();
}

/// Nothing is found unless it was asked for.
TEST(Pairs, RacesAreOffByDefault) {
  Machine m;
  uint64_t in = m.upload({0}), out = m.upload({0});
  ASSERT_EQ(m.run(pairText(races[2], false), 64, in, out), "");
  EXPECT_TRUE(m.result.reports.empty());
}

} // namespace
