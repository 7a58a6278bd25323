// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Broken and mended kernels: barriers, mbarriers, groups of copies, clusters.

#include "tests/Emulator/PairsFixture.h"

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

const Pair waiting[] = {
    {"the copy's barrier is not waited for",
     {32},
     FindingKind::InFlight,
     "nothing has waited",
     R"(
  @%first mbarrier.init.shared.b64 [%bar], 32;
  bar.sync 0;
  mul.wide.u32 %d1, %tid, 4; add.u64 %d1, %in, %d1;
  cp.async.ca.shared.global [%mine], [%d1], 4;
  cp.async.mbarrier.arrive.noinc.shared.b64 [%bar];
  <<||W: mbarrier.try_wait.parity.shared.b64 %p1, [%bar], 0; @!%p1 bra W;>>
  ld.shared.b32 %r1, [%mine];
  Z: mbarrier.try_wait.parity.shared.b64 %p1, [%bar], 0;
  @!%p1 bra Z;)"},
    {"the parity of the phase before", {64}, FindingKind::Race, "store", R"(
  @%first mbarrier.init.shared.b64 [%bar], 32;
  st.shared.b32 [%mine], 0;
  bar.sync 0;
  setp.eq.u32 %p1, %warp, 1;
  @%p1 bra READ;
  st.shared.b32 [%mine], %tid;
  mbarrier.arrive.shared.b64 _, [%bar];
  ret;
  READ:
  W: mbarrier.try_wait.parity.shared.b64 %p2, [%bar], <<1||0>>;
  @!%p2 bra W;
  ld.shared.b32 %r1, [%mine+-128];)"},
    {"the same parity in both rounds",
     {64},
     FindingKind::MbarrierMisuse,
     "2 phases",
     R"(
  @%first mbarrier.init.shared.b64 [%bar], 32;
  @%first mbarrier.init.shared.b64 [%bar+8], 32;
  bar.sync 0;
  mov.u32 %r1, 0;
  setp.eq.u32 %p1, %warp, 1;
  L: <<mov.u32 %r2, 0;||mov.u32 %r2, %r1;>>
  @%p1 bra READ;
  st.shared.b32 [%mine], %r1;
  mbarrier.arrive.shared.b64 _, [%bar];
  W1: mbarrier.try_wait.parity.shared.b64 %p2, [%bar+8], %r1;
  @!%p2 bra W1;
  bra NEXT;
  READ:
  W2: mbarrier.try_wait.parity.shared.b64 %p2, [%bar], %r2;
  @!%p2 bra W2;
  ld.shared.b32 %r3, [%mine+-128];
  mbarrier.arrive.shared.b64 _, [%bar+8];
  NEXT: add.u32 %r1, %r1, 1; setp.lt.u32 %p3, %r1, 2;
  @%p3 bra L;)"},
    {"fewer bytes expected than come",
     {1},
     FindingKind::Deadlock,
     "-16 bytes outstanding",
     R"(
  mbarrier.init.shared.b64 [%bar], 1;
  mbarrier.arrive.expect_tx.shared.b64 _, [%bar], <<16||32>>;
  mbarrier.complete_tx.relaxed.cluster.shared::cluster.b64 [%bar], 32;
  W: mbarrier.try_wait.parity.shared.b64 %p1, [%bar], 0;
  @!%p1 bra W;)"},
    {"more bytes expected than come",
     {1},
     FindingKind::Deadlock,
     "16 bytes outstanding",
     R"(
  mbarrier.init.shared.b64 [%bar], 1;
  mbarrier.arrive.expect_tx.shared.b64 _, [%bar], <<48||32>>;
  mbarrier.complete_tx.relaxed.cluster.shared::cluster.b64 [%bar], 32;
  W: mbarrier.try_wait.parity.shared.b64 %p1, [%bar], 0;
  @!%p1 bra W;)"},
    {"a stage is filled one turn early", {64}, FindingKind::Race, "load", R"(
  @%first mbarrier.init.shared.b64 [%bar], 32;
  @%first mbarrier.init.shared.b64 [%bar+8], 32;
  @%first mbarrier.init.shared.b64 [%bar+16], 32;
  @%first mbarrier.init.shared.b64 [%bar+24], 32;
  bar.sync 0;
  mov.u32 %r4, 0;
  LOOP:
  and.b32 %r5, %r4, 1; shr.u32 %r6, %r4, 1; and.b32 %r6, %r6, 1;
  shl.b32 %r8, %r5, 3; add.u32 %r9, %bar, %r8;
  shl.b32 %r12, %r5, 7; add.u32 %r12, %sm, %r12;
  shl.b32 %r13, %lane, 2; add.u32 %r12, %r12, %r13;
  setp.ne.u32 %p2, %warp, 0;
  @%p2 bra CONSUME;
  setp.lt.u32 %p6, %r4, <<3||2>>;
  @%p6 bra FILL;
  xor.b32 %r7, %r6, 1;
  W1: mbarrier.try_wait.parity.shared.b64 %p3, [%r9+16], %r7;
  @!%p3 bra W1;
  FILL: st.shared.b32 [%r12], %r4;
  mbarrier.arrive.shared.b64 _, [%r9];
  bra NEXT;
  CONSUME:
  W2: mbarrier.try_wait.parity.shared.b64 %p3, [%r9], %r6;
  @!%p3 bra W2;
  ld.shared.b32 %r15, [%r12];
  mbarrier.arrive.shared.b64 _, [%r9+16];
  NEXT: add.u32 %r4, %r4, 1; setp.lt.u32 %p4, %r4, 6;
  @%p4 bra LOOP;)"},
    {"the CTA ends under a copy",
     {32},
     FindingKind::AsyncMisuse,
     "has ended",
     R"(
  mul.wide.u32 %d1, %tid, 4; add.u64 %d1, %in, %d1;
  cp.async.ca.shared.global [%mine], [%d1], 4;
  cp.async.commit_group;
  <<||cp.async.wait_group 0;>>)"},
    {"one group too many may be pending",
     {32},
     FindingKind::InFlight,
     "cp.async",
     R"(
  mul.wide.u32 %d1, %tid, 4; add.u64 %d1, %in, %d1;
  cp.async.ca.shared.global [%mine], [%d1], 4;
  cp.async.commit_group;
  cp.async.ca.shared.global [%mine+128], [%d1], 4;
  cp.async.commit_group;
  cp.async.wait_group <<2||1>>;
  ld.shared.b32 %r1, [%mine];
  cp.async.wait_all;)"},
    {"a copy that no group holds", {32}, FindingKind::InFlight, "cp.async", R"(
  mul.wide.u32 %d1, %tid, 4; add.u64 %d1, %in, %d1;
  cp.async.ca.shared.global [%mine], [%d1], 4;
  <<||cp.async.commit_group;>>
  cp.async.wait_group 0;
  ld.shared.b32 %r1, [%mine];
  cp.async.wait_all;)"},
    {"a response is read before it has come",
     {1},
     FindingKind::InFlight,
     "clusterlaunchcontrol",
     R"(
  .reg .b128 %q;
  mbarrier.init.shared.b64 [%bar], 1;
  mbarrier.arrive.expect_tx.shared.b64 _, [%bar], 16;
  clusterlaunchcontrol.try_cancel.async.shared::cta.mbarrier::complete_tx::bytes.b128 [%sm], [%bar];
  <<ld.shared.b128 %q, [%sm];||>>
  W: mbarrier.try_wait.parity.shared.b64 %p1, [%bar], 0;
  @!%p1 bra W;
  ld.shared.b128 %q, [%sm];)"},
    {"a request after one that has failed",
     {1},
     FindingKind::AsyncMisuse,
     "no further request",
     R"(
  .reg .b128 %q;
  mbarrier.init.shared.b64 [%bar], 1;
  mbarrier.arrive.expect_tx.shared.b64 _, [%bar], 16;
  clusterlaunchcontrol.try_cancel.async.shared::cta.mbarrier::complete_tx::bytes.b128 [%sm], [%bar];
  W: mbarrier.try_wait.parity.shared.b64 %p1, [%bar], 0;
  @!%p1 bra W;
  ld.shared.b128 %q, [%sm];
  clusterlaunchcontrol.query_cancel.is_canceled.pred.b128 %p2, %q;
  <<||@!%p2 ret;>>
  mbarrier.arrive.expect_tx.shared.b64 _, [%bar], 16;
  clusterlaunchcontrol.try_cancel.async.shared::cta.mbarrier::complete_tx::bytes.b128 [%sm], [%bar];
  V: mbarrier.try_wait.parity.shared.b64 %p1, [%bar], 1;
  @!%p1 bra V;)"},
    {"a relaxed wait", {64}, FindingKind::Race, "store", R"(
  @%first mbarrier.init.shared.b64 [%bar], 32;
  bar.sync 0;
  setp.eq.u32 %p1, %warp, 1;
  @%p1 bra READ;
  st.shared.b32 [%mine], %tid;
  mbarrier.arrive.shared.b64 _, [%bar];
  ret;
  READ:
  W: mbarrier.try_wait.parity.<<relaxed||acquire>>.cta.shared.b64 %p2, [%bar], 0;
  @!%p2 bra W;
  ld.shared.b32 %r1, [%mine+-128];)"},
};

const Pair counting[] = {
    {"an mbarrier that nobody initialised",
     {1},
     FindingKind::MbarrierMisuse,
     "no barrier was initialised",
     R"(
  <<||mbarrier.init.shared.b64 [%bar], 1;>>
  mbarrier.arrive.shared.b64 _, [%bar];)"},
    {"initialised twice",
     {1},
     FindingKind::MbarrierMisuse,
     "initialised again",
     R"(
  mbarrier.init.shared.b64 [%bar], 1;
  <<||mbarrier.inval.shared.b64 [%bar];>>
  mbarrier.init.shared.b64 [%bar], 2;)"},
    {"a count of no threads",
     {1},
     FindingKind::MbarrierMisuse,
     "arrivals",
     R"(
  mov.u32 %r1, <<0||1>>;
  mbarrier.init.shared.b64 [%bar], %r1;)"},
    {"a count too small for those who arrive",
     {96},
     FindingKind::Race,
     "store",
     R"(
  @%first mbarrier.init.shared.b64 [%bar], <<1||2>>;
  bar.sync 0;
  setp.eq.u32 %p1, %warp, 2;
  @%p1 bra READ;
  @!%leader ret;
  st.shared.b32 [%mine], %tid;
  mbarrier.arrive.shared.b64 _, [%bar];
  ret;
  READ:
  W: mbarrier.try_wait.parity.shared.b64 %p2, [%bar], 0;
  @!%p2 bra W;
  ld.shared.b32 %r1, [%sm]; ld.shared.b32 %r2, [%sm+128];)"},
    {"a count too large for those who arrive",
     {64},
     FindingKind::Deadlock,
     "1 of 65 arrivals pending",
     R"(
  @%first mbarrier.init.shared.b64 [%bar], <<65||64>>;
  bar.sync 0;
  mbarrier.arrive.shared.b64 _, [%bar];
  W: mbarrier.try_wait.parity.shared.b64 %p2, [%bar], 0;
  @!%p2 bra W;)"},
    {"more arrivals than are pending",
     {1},
     FindingKind::MbarrierMisuse,
     "an arrival of 3",
     R"(
  mbarrier.init.shared.b64 [%bar], 2;
  mbarrier.arrive.shared.b64 _, [%bar], <<3||2>>;)"},
    {"an arrival beside that of the copies",
     {32},
     FindingKind::InFlight,
     "cp.async",
     R"(
  @%first mbarrier.init.shared.b64 [%bar], 32;
  bar.sync 0;
  mul.wide.u32 %d1, %tid, 4; add.u64 %d1, %in, %d1;
  cp.async.ca.shared.global [%mine], [%d1], 4;
  cp.async.mbarrier.arrive.noinc.shared.b64 [%bar];
  <<mbarrier.arrive.shared.b64 _, [%bar];||>>
  W: mbarrier.try_wait.parity.shared.b64 %p1, [%bar], 0;
  @!%p1 bra W;
  ld.shared.b32 %r1, [%mine];)"},
    {"a barrier for more warps than come",
     {96},
     FindingKind::Deadlock,
     "barrier 1",
     "setp.eq.u32 %p1, %warp, 2; @%p1 ret; bar.sync 1, <<96||64>>;"},
    {"one warp goes elsewhere", {64}, FindingKind::Deadlock, "barrier 2", R"(
  setp.eq.u32 %p1, %warp, 0;
  @%p1 bar.sync <<2||1>>, 64;
  @!%p1 bar.sync 1, 64;)"},
    {"nobody arrives for the one that syncs",
     {64},
     FindingKind::Deadlock,
     "barrier 1",
     R"(
  setp.eq.u32 %p1, %warp, 0;
  @%p1 bar.sync 1, 64;
  <<||@!%p1 bar.arrive 1, 64;>>)"},
    {"numbers of threads that differ",
     {64},
     FindingKind::BarrierMisuse,
     "disagree",
     R"(
  setp.eq.u32 %p1, %warp, 0;
  @%p1 bar.sync 1, 64;
  @!%p1 bar.sync 1, <<32||64>>;)"},
    {"half a warp at an aligned barrier",
     {64},
     FindingKind::BarrierMisuse,
     "aligned",
     R"(
  setp.lt.u32 %p1, %lane, 16;
  <<@%p1||>> bar.sync 0;)"},
    {"two phases that nobody waited for",
     {1},
     FindingKind::MbarrierMisuse,
     "2 phases of the barrier are over",
     R"(
  mbarrier.init.shared.b64 [%bar], 1;
  mbarrier.arrive.shared.b64 _, [%bar];
  <<||V: mbarrier.try_wait.parity.shared.b64 %p1, [%bar], 0; @!%p1 bra V;>>
  mbarrier.arrive.shared.b64 _, [%bar];
  W: mbarrier.try_wait.parity.shared.b64 %p1, [%bar], 1; @!%p1 bra W;)"},
    {"registers of one warp of four",
     {128},
     FindingKind::Trap,
     "not every warp",
     R"(
  setp.eq.u32 %p1, %warp, 0;
  <<@%p1||>> setmaxnreg.dec.sync.aligned.u32 80;)"},
    {"registers given back upward", {128}, FindingKind::Trap, "setmaxnreg", R"(
  setmaxnreg.dec.sync.aligned.u32 80;
  setmaxnreg.<<dec||inc>>.sync.aligned.u32 160;)"},
};

const Pair clusters[] = {
    {"a neighbour is read before it has written",
     {32, 2, 2},
     FindingKind::Race,
     "store",
     R"(
  st.shared.b32 [%mine], 0;
  barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;
  st.shared.b32 [%mine], %tid;
  <<||barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;>>
  xor.b32 %r1, %rank, 1;
  mapa.shared::cluster.u32 %r2, %mine, %r1;
  ld.shared::cluster.b32 %r3, [%r2];
  barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;)"},
    {"a cluster barrier that orders nothing",
     {32, 2, 2},
     FindingKind::Race,
     "store",
     R"(
  st.shared.b32 [%mine], %tid;
  barrier.cluster.arrive<<.relaxed||>>.aligned; barrier.cluster.wait.aligned;
  xor.b32 %r1, %rank, 1;
  mapa.shared::cluster.u32 %r2, %mine, %r1;
  ld.shared::cluster.b32 %r3, [%r2];
  barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;)"},
    {"the neighbour has ended",
     {32, 2, 2},
     FindingKind::OutOfBounds,
     "has ended",
     R"(
  st.shared.b32 [%mine], %tid;
  barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;
  xor.b32 %r1, %rank, 1;
  mapa.shared::cluster.u32 %r2, %mine, %r1;
  ld.shared::cluster.b32 %r3, [%r2];
  <<||barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;>>)"},
    {"initialised without a fence for the cluster",
     {32, 2, 2},
     FindingKind::MissingFence,
     "fence.mbarrier_init",
     R"(
  @%first mbarrier.init.shared.b64 [%bar], 1;
  <<||@%first fence.mbarrier_init.release.cluster;>>
  barrier.cluster.arrive.relaxed.aligned; barrier.cluster.wait.aligned;
  xor.b32 %r1, %rank, 1;
  mapa.shared::cluster.u32 %r2, %bar, %r1;
  @%first mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%r2];
  W: mbarrier.try_wait.parity.shared.b64 %p1, [%bar], 0;
  @!%p1 bra W;
  barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;)"},
    {"used by the neighbour before it is initialised",
     {32, 2, 2},
     FindingKind::MbarrierMisuse,
     "no barrier was initialised",
     R"(
  @%first mbarrier.init.shared.b64 [%bar], 1;
  <<||barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;>>
  xor.b32 %r1, %rank, 1;
  mapa.shared::cluster.u32 %r2, %bar, %r1;
  @%first mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%r2];
  W: mbarrier.try_wait.parity.shared.b64 %p1, [%bar], 0;
  @!%p1 bra W;
  barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;)"},
    {"waiting for a cluster barrier without arriving",
     {32, 2, 2},
     FindingKind::BarrierMisuse,
     "without an arrive",
     R"(
  <<||barrier.cluster.arrive.aligned;>>
  barrier.cluster.wait.aligned;)"},
    {"arriving twice", {32, 2, 2}, FindingKind::BarrierMisuse, "twice", R"(
  barrier.cluster.arrive.aligned;
  <<||barrier.cluster.wait.aligned;>>
  barrier.cluster.arrive.aligned;
  barrier.cluster.wait.aligned;)"},
    {"a neighbour that has perhaps not begun",
     {32, 2, 2},
     FindingKind::Race,
     "not begun",
     R"(
  <<||barrier.cluster.arrive.relaxed.aligned; barrier.cluster.wait.aligned;>>
  xor.b32 %r1, %rank, 1;
  mapa.shared::cluster.u32 %r2, %mine, %r1;
  st.shared::cluster.b32 [%r2], %tid;
  barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;)"},
    {"a rank that does not exist",
     {32, 2, 2},
     FindingKind::OutOfBounds,
     "rank 2",
     R"(
  add.u32 %r1, %rank, 1; <<||and.b32 %r1, %r1, 1;>>
  mapa.shared::cluster.u32 %r2, %mine, %r1;)"},
    {"the neighbour's address in the own window",
     {32, 2, 2},
     FindingKind::OutOfBounds,
     "another CTA's",
     R"(
  st.shared.b32 [%mine], %tid;
  barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;
  xor.b32 %r1, %rank, 1;
  mapa.shared::cluster.u32 %r2, %mine, %r1;
  ld.shared<<||::cluster>>.b32 %r3, [%r2];
  barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;)"},
};

TEST(Pairs, Waiting) {
  for (const Pair &pair : waiting)
    expectPair(pair);
}

TEST(Pairs, Counting) {
  for (const Pair &pair : counting)
    expectPair(pair);
}

TEST(Pairs, Clusters) {
  for (const Pair &pair : clusters)
    expectPair(pair);
}

/// Whichever CTA comes first: the phase may have gone on before the second
/// arrival.
TEST(Pairs, EveryScheduleFindsTheSecondArrival) {
  const Pair pair{"", {32, 2, 2}, FindingKind::BarrierMisuse, "", R"(
  barrier.cluster.arrive.aligned;
  barrier.cluster.arrive.aligned;
  barrier.cluster.wait.aligned;)"};
  for (const Schedule &s : everySchedule()) {
    std::vector<Report> reports = runPair(pair, false, s);
    ASSERT_FALSE(reports.empty()) << s.name;
    EXPECT_EQ(reports[0].kind, FindingKind::BarrierMisuse) << s.name;
  }
}

/// A dependent grid that does not wait reads what has not been written yet.
TEST(Pairs, DependentGrid) {
  const std::string first =
      kernelText("griddepcontrol.launch_dependents; st.global.b32 [%out], 7;");
  const std::string text =
      "<<||griddepcontrol.wait;>> ld.global.b32 %r1, [%in]; "
      "st.global.b32 [%out], %r1;";
  for (bool mended : {false, true}) {
    Machine m;
    uint64_t between = *m.memory.allocate(4), out = m.upload({0});
    auto a = loadProgram(first, *m.chip, m.memory);
    auto b = loadProgram(kernelText(choose(text, mended)), *m.chip, m.memory);
    ASSERT_TRUE(a && b);
    uint64_t firstArgs[] = {0, between}, secondArgs[] = {between, out};
    LaunchConfig config = configOf({1}, everySchedule()[0]);
    auto one =
        startKernel(**a, *(*a)->findKernel("k"), config,
                    reinterpret_cast<const uint8_t *>(firstArgs), m.memory);
    config.hasPrerequisites = true;
    auto two =
        startKernel(**b, *(*b)->findKernel("k"), config,
                    reinterpret_cast<const uint8_t *>(secondArgs), m.memory);
    one->onTriggered = [&] { two->advance(); };
    one->advance();
    two->prerequisitesComplete();
    two->advance();
    ASSERT_TRUE(one->finished() && two->finished());
    std::vector<Report> reports = two->takeResult().reports;
    ASSERT_EQ(reports.empty(), mended);
    EXPECT_EQ(m.read(out, 1)[0], mended ? 7u : 0u);
    for (const Report &r : reports)
      EXPECT_EQ(r.kind, FindingKind::UninitialisedRead);
  }
}

} // namespace
