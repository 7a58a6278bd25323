// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Warps, CTAs and grids that wait for each other, under every schedule: what a
// correct kernel computes does not depend on it.

#include "tests/Emulator/ExecFixture.h"
#include "tests/Emulator/Schedules.h"

#include <algorithm>

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

using Words = std::vector<uint32_t>;

/// Runs a body and gives the first words of `out`, which starts as zeros.
struct Outcome {
  Words out;
  std::vector<Report> reports;
  Counters counters;
};

Outcome runBody(const std::string &body, const std::string &declarations,
                const LaunchConfig &config, const Words &in, size_t outWords) {
  Machine m;
  uint64_t input = m.upload(in);
  uint64_t output = m.upload(Words(outWords));
  EXPECT_EQ(m.run(kernelText(body, declarations), config.block.x, input, output,
                  config),
            "");
  return {m.read(output, outWords), std::move(m.result.reports),
          m.result.counters};
}

void expectUnderAll(const std::string &body, const std::string &declarations,
                    const LaunchShape &shape, const Words &in,
                    const Words &expected) {
  for (const Schedule &s : everySchedule()) {
    SCOPED_TRACE(s.name);
    Outcome o =
        runBody(body, declarations, configOf(shape, s), in, expected.size());
    EXPECT_EQ(o.reports.size(), 0u);
    if (!o.reports.empty())
      FAIL() << o.reports[0].text();
    EXPECT_EQ(o.out, expected);
  }
}

/// A finding of the kind under every schedule, with this word in its message.
void expectFinding(const std::string &body, const std::string &declarations,
                   const LaunchShape &shape, FindingKind kind,
                   const std::string &word) {
  for (const Schedule &s : everySchedule()) {
    SCOPED_TRACE(s.name);
    LaunchConfig config = configOf(shape, s);
    config.maxSteps = 1 << 14;
    Outcome o = runBody(body, declarations, config, Words(64), 64);
    ASSERT_FALSE(o.reports.empty());
    EXPECT_EQ(o.reports[0].kind, kind) << o.reports[0].text();
    EXPECT_NE(o.reports[0].message.find(word), std::string::npos)
        << o.reports[0].text();
  }
}

/// %r1: thread, %r2: warp, %r3: lane, %r10: barriers, %p1: first thread.
const char *const ids = R"(
  mov.u32 %r1, %tid.x; shr.u32 %r2, %r1, 5; and.b32 %r3, %r1, 31;
  setp.eq.u32 %p1, %r1, 0; mov.u32 %r10, bars;
)";
const char *const sharedVariables =
    "  .shared .align 16 .b8 bars[64];\n  .shared .align 16 .b8 buf[1024];\n";

//===----------------------------------------------------------------------===//
// mbarrier
//===----------------------------------------------------------------------===//

/// Six tiles through a ring of two; the consumer sums (i + 1) * tile[lane ^ 5].
TEST(AsyncFrame, RingBetweenWarpsByParity) {
  std::string body = std::string(ids) + R"(
  @%p1 mbarrier.init.shared.b64 [%r10], 32;
  @%p1 mbarrier.init.shared.b64 [%r10+8], 32;
  @%p1 mbarrier.init.shared.b64 [%r10+16], 32;
  @%p1 mbarrier.init.shared.b64 [%r10+24], 32;
  bar.sync 0;
  mov.u32 %r20, 0; mov.u32 %r4, 0;
LOOP:
  and.b32 %r5, %r4, 1; shr.u32 %r6, %r4, 1; and.b32 %r6, %r6, 1;
  shl.b32 %r8, %r5, 3; add.u32 %r9, %r10, %r8;
  shl.b32 %r12, %r5, 7; mov.u32 %r13, buf; add.u32 %r12, %r12, %r13;
  setp.ne.u32 %p2, %r2, 0;
  @%p2 bra CONSUME;
  xor.b32 %r7, %r6, 1;
W1: mbarrier.try_wait.parity.shared.b64 %p3, [%r9+16], %r7;
  @!%p3 bra W1;
  mad.lo.u32 %r11, %r4, 100, %r3; shl.b32 %r14, %r3, 2;
  add.u32 %r12, %r12, %r14;
  st.shared.b32 [%r12], %r11;
  mbarrier.arrive.shared.b64 _, [%r9];
  bra NEXT;
CONSUME:
W2: mbarrier.try_wait.parity.shared.b64 %p3, [%r9], %r6;
  @!%p3 bra W2;
  xor.b32 %r14, %r3, 5; shl.b32 %r14, %r14, 2; add.u32 %r12, %r12, %r14;
  ld.shared.b32 %r15, [%r12];
  mbarrier.arrive.shared.b64 _, [%r9+16];
  add.u32 %r16, %r4, 1; mad.lo.u32 %r20, %r15, %r16, %r20;
NEXT:
  add.u32 %r4, %r4, 1; setp.lt.u32 %p4, %r4, 6;
  @%p4 bra LOOP;
  setp.eq.u32 %p5, %r2, 0;
  @%p5 ret;
  mul.wide.u32 %d1, %r3, 4; add.u64 %d1, %out, %d1;
  st.global.b32 [%d1], %r20;)";
  Words expected(32);
  for (uint32_t lane = 0; lane < 32; ++lane)
    for (uint32_t i = 0; i < 6; ++i)
      expected[lane] += (i + 1) * (i * 100 + (lane ^ 5));
  expectUnderAll(body, sharedVariables, {64}, {0}, expected);
}

/// Two warps meet by tokens: arrive gives a state, test_wait asks for it.
TEST(AsyncFrame, MeetingByState) {
  std::string body = std::string(ids) + R"(
  @%p1 mbarrier.init.shared.b64 [%r10], 64;
  bar.sync 0;
  shl.b32 %r4, %r1, 2; mov.u32 %r5, buf; add.u32 %r5, %r5, %r4;
  st.shared.b32 [%r5], %r1;
  mbarrier.arrive.shared.b64 %d5, [%r10];
W: mbarrier.test_wait.shared.b64 %p2, [%r10], %d5;
  @!%p2 bra W;
  xor.b32 %r4, %r1, 63; shl.b32 %r4, %r4, 2; mov.u32 %r5, buf;
  add.u32 %r5, %r5, %r4;
  ld.shared.b32 %r6, [%r5];
  mul.wide.u32 %d1, %r1, 4; add.u64 %d1, %out, %d1;
  st.global.b32 [%d1], %r6;)";
  Words expected(64);
  for (uint32_t i = 0; i < 64; ++i)
    expected[i] = i ^ 63;
  expectUnderAll(body, sharedVariables, {64}, {0}, expected);
}

/// A barrier that opens for others leaves alone a warp that was there before
/// and now waits for an mbarrier.
TEST(AsyncFrame, BarrierPassesOverWhoWaitsForAnEvent) {
  std::string body = std::string(ids) + R"(
  @%p1 mbarrier.init.shared.b64 [%r10], 32;
  bar.sync 0;
  setp.eq.u32 %p2, %r2, 1; setp.eq.u32 %p3, %r2, 2;
  @%p2 bra ONE;
  @%p3 bra TWO;
  bar.sync 1, 64;
W: mbarrier.try_wait.parity.shared.b64 %p4, [%r10], 0;
  @!%p4 bra W;
  @%p1 ld.shared.b32 %r6, [buf];
  @%p1 st.global.b32 [%out], %r6;
  ret;
ONE:
  bar.sync 1, 64;
  bar.sync 2, 64;
  bar.sync 1, 64;
  st.shared.b32 [buf], 77;
  mbarrier.arrive.shared.b64 _, [%r10];
  ret;
TWO:
  bar.sync 2, 64;
  bar.sync 1, 64;)";
  expectUnderAll(body, sharedVariables, {96}, {0}, {77});
}

/// The phase ends when the arrival and all bytes have come, in any order.
TEST(AsyncFrame, TransactionsCount) {
  std::string body = std::string(ids) + R"(
  @%p1 mbarrier.init.shared.b64 [%r10], 1;
  bar.sync 0;
  setp.eq.u32 %p2, %r1, 32;
  @%p1 mbarrier.arrive.expect_tx.shared.b64 _, [%r10], 48;
  @%p2 mbarrier.complete_tx.relaxed.cluster.shared::cluster.b64 [%r10], 16;
  @%p2 st.shared.b32 [buf], 77;
  @%p2 mbarrier.complete_tx.relaxed.cluster.shared::cluster.b64 [%r10], 32;
  mov.u32 %r5, 0;
W: mbarrier.try_wait.parity.shared.b64 %p3, [%r10], 0;
  @!%p3 bra W;
  @%p1 ld.shared.b32 %r6, [buf];
  @%p1 st.global.b32 [%out], %r6;)";
  expectUnderAll(body, sharedVariables, {64}, {0}, {77});
}

/// A dropped thread is not awaited in the next phase.
TEST(AsyncFrame, DropLowersWhatIsExpected) {
  std::string body = std::string(ids) + R"(
  @%p1 mbarrier.init.shared.b64 [%r10], 2;
  bar.sync 0;
  setp.eq.u32 %p2, %r1, 32;
  @%p2 mbarrier.arrive_drop.shared.b64 _, [%r10];
  @%p2 bra END;
  @!%p1 bra END;
  mbarrier.arrive.shared.b64 _, [%r10];
W1: mbarrier.try_wait.parity.shared.b64 %p3, [%r10], 0;
  @!%p3 bra W1;
  mbarrier.arrive.shared.b64 _, [%r10];
W2: mbarrier.try_wait.parity.shared.b64 %p3, [%r10], 1;
  @!%p3 bra W2;
  st.global.b32 [%out], 5;
END:)";
  expectUnderAll(body, sharedVariables, {64}, {0}, {5});
}

/// Pending counts by PTX ISA §9.7.13.15: 4 expected; noComplete takes two.
TEST(AsyncFrame, PendingCountAndNoComplete) {
  std::string body = std::string(ids) + R"(
  @%p1 mbarrier.init.shared.b64 [%r10], 4;
  mbarrier.arrive.noComplete.shared.b64 %d5, [%r10], 2;
  mbarrier.arrive.shared.b64 %d6, [%r10];
  mbarrier.pending_count.b64 %r5, %d5;
  mbarrier.pending_count.b64 %r6, %d6;
  st.global.b32 [%out], %r5; st.global.b32 [%out+4], %r6;
  mbarrier.arrive.shared.b64 %d7, [%r10];
  mbarrier.test_wait.shared.b64 %p2, [%r10], %d7;
  selp.u32 %r7, 1, 0, %p2; st.global.b32 [%out+8], %r7;)";
  expectUnderAll(body, sharedVariables, {1}, {0}, {4, 2, 1});
  expectFinding(std::string(ids) + R"(
  mbarrier.init.shared.b64 [%r10], 2;
  mbarrier.arrive.noComplete.shared.b64 %d5, [%r10], 2;)",
                sharedVariables, {1}, FindingKind::MbarrierMisuse,
                "noComplete");
}

/// A token of two phases ago is no longer an answer.
TEST(AsyncFrame, StaleStateIsReported) {
  expectFinding(std::string(ids) + R"(
  mbarrier.init.shared.b64 [%r10], 1;
  mbarrier.arrive.shared.b64 %d5, [%r10];
  mbarrier.arrive.shared.b64 %d6, [%r10];
  mbarrier.test_wait.shared.b64 %p2, [%r10], %d5;)",
                sharedVariables, {1}, FindingKind::MbarrierMisuse, "state");
}

/// Nobody keeps the second phase from passing before warp 1 looked.
TEST(AsyncFrame, MissedPhaseIsReported) {
  std::string body = std::string(ids) + R"(
  @%p1 mbarrier.init.shared.b64 [%r10], 1;
  @%p1 mbarrier.init.shared.b64 [%r10+8], 1;
  bar.sync 0;
  setp.eq.u32 %p2, %r2, 0;
  @%p2 bra SENDER;
W: mbarrier.try_wait.parity.shared.b64 %p3, [%r10], 0;
  @!%p3 bra W;
  bra END;
SENDER:
  @%p1 mbarrier.arrive.shared.b64 _, [%r10];
  @%p1 mbarrier.arrive.shared.b64 _, [%r10];
END:)";
  LaunchConfig config = configOf({64}, {SchedulePolicy::Lazy, 0, ""});
  Outcome o = runBody(body, sharedVariables, config, {0}, 1);
  ASSERT_FALSE(o.reports.empty());
  EXPECT_EQ(o.reports[0].kind, FindingKind::MbarrierMisuse);
  EXPECT_NE(o.reports[0].message.find("2 phases"), std::string::npos);
}

//===----------------------------------------------------------------------===//
// Clusters
//===----------------------------------------------------------------------===//

/// Each CTA of four stores into, adds to and reads from its right neighbour.
TEST(AsyncFrame, DistributedSharedMemory) {
  std::string body = std::string(ids) + R"(
  mov.u32 %r20, %cluster_ctarank; add.u32 %r21, %r20, 1; and.b32 %r21, %r21, 3;
  mov.u32 %r5, buf;
  @%p1 st.shared.b32 [%r5+256], 1000;
  barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;
  shl.b32 %r4, %r1, 2; add.u32 %r6, %r5, %r4;
  mapa.shared::cluster.u32 %r7, %r6, %r21;
  mapa.shared::cluster.u32 %r8, %r5, %r21;
  mad.lo.u32 %r9, %r20, 1000, %r1;
  st.shared::cluster.b32 [%r7], %r9;
  atom.shared::cluster.add.u32 %r11, [%r8+256], 1;
  barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;
  ld.shared.b32 %r12, [%r6];
  ld.shared.b32 %r13, [%r5+256];
  ld.shared::cluster.b32 %r14, [%r7];
  add.u32 %r12, %r12, %r13; add.u32 %r12, %r12, %r14;
  mad.lo.u32 %r15, %r20, 64, %r1;
  mul.wide.u32 %d1, %r15, 4; add.u64 %d1, %out, %d1;
  st.global.b32 [%d1], %r12;
  barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;)";
  Words expected;
  for (uint32_t rank = 0; rank < 4; ++rank)
    for (uint32_t i = 0; i < 64; ++i) // from the left, the sum, to the right
      expected.push_back((rank + 3) % 4 * 1000 + i + 1064 + rank * 1000 + i);
  expectUnderAll(body, sharedVariables, {64, 4, 4}, {0}, expected);
}

/// Both CTAs arrive at a barrier of rank 0, which then reads what rank 1 sent.
TEST(AsyncFrame, RemoteArrival) {
  std::string body = std::string(ids) + R"(
  mov.u32 %r20, %cluster_ctarank; mov.u32 %r5, buf;
  setp.eq.u32 %p2, %r20, 0; and.pred %p3, %p1, %p2;
  @%p3 mbarrier.init.shared.b64 [%r10], 2;
  @%p3 fence.mbarrier_init.release.cluster;
  barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;
  mov.u32 %r21, 0;
  mapa.shared::cluster.u32 %r7, %r10, %r21;
  mapa.shared::cluster.u32 %r8, %r5, %r21;
  @!%p1 bra DONE;
  add.u32 %r9, %r20, 40; shl.b32 %r11, %r20, 2; add.u32 %r8, %r8, %r11;
  st.shared::cluster.b32 [%r8], %r9;
  mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%r7];
  @!%p2 bra DONE;
W: mbarrier.try_wait.parity.acquire.cluster.shared.b64 %p4, [%r10], 0;
  @!%p4 bra W;
  ld.shared.b32 %r12, [%r5]; ld.shared.b32 %r13, [%r5+4];
  st.global.b32 [%out], %r12; st.global.b32 [%out+4], %r13;
DONE:
  barrier.cluster.arrive; barrier.cluster.wait;)";
  expectUnderAll(body, sharedVariables, {32, 2, 2}, {0}, {40, 41});
}

//===----------------------------------------------------------------------===//
// cp.async
//===----------------------------------------------------------------------===//

/// Four groups; the first two are read while the others may be pending.
TEST(AsyncFrame, CopyGroupsInOrder) {
  std::string body = std::string(ids) + R"(
  mul.wide.u32 %d1, %r1, 4; add.u64 %d2, %in, %d1; add.u64 %d3, %out, %d1;
  shl.b32 %r4, %r1, 2; mov.u32 %r5, buf; add.u32 %r5, %r5, %r4;
  cp.async.ca.shared.global [%r5], [%d2], 4; cp.async.commit_group;
  cp.async.ca.shared.global [%r5+128], [%d2+128], 4; cp.async.commit_group;
  cp.async.ca.shared.global [%r5+256], [%d2+256], 4; cp.async.commit_group;
  cp.async.ca.shared.global [%r5+384], [%d2+384], 4, 0; cp.async.commit_group;
  cp.async.wait_group 2;
  ld.shared.b32 %r6, [%r5]; ld.shared.b32 %r7, [%r5+128];
  cp.async.wait_group 1;
  ld.shared.b32 %r8, [%r5+256];
  cp.async.wait_all;
  ld.shared.b32 %r9, [%r5+384];
  st.global.b32 [%d3], %r6; st.global.b32 [%d3+128], %r7;
  st.global.b32 [%d3+256], %r8; st.global.b32 [%d3+384], %r9;)";
  Words in(128), expected(128);
  for (uint32_t i = 0; i < 128; ++i) {
    in[i] = i * 7 + 3;
    expected[i] = i < 96 ? in[i] : 0; // the last one's source size is 0
  }
  expectUnderAll(body, sharedVariables, {32}, in, expected);
}

/// The arrival comes after the thread's copies; .noinc counts as expected.
TEST(AsyncFrame, CopiesArriveAtABarrier) {
  for (bool noinc : {false, true}) {
    std::string arrive =
        noinc ? "cp.async.mbarrier.arrive.noinc.shared.b64 [%r10];"
              : "cp.async.mbarrier.arrive.shared.b64 [%r10]; "
                "mbarrier.arrive.shared.b64 _, [%r10];";
    std::string body = std::string(ids) + R"(
  @%p1 mbarrier.init.shared.b64 [%r10], 32;
  bar.sync 0;
  setp.ne.u32 %p2, %r2, 0;
  @%p2 bra READ;
  mul.wide.u32 %d1, %r1, 4; add.u64 %d2, %in, %d1;
  shl.b32 %r4, %r1, 2; mov.u32 %r5, buf; add.u32 %r5, %r5, %r4;
  cp.async.ca.shared.global [%r5], [%d2], 4;
  )" + arrive + R"(
  cp.async.wait_all;
  ret;
READ:
W: mbarrier.try_wait.parity.shared.b64 %p3, [%r10], 0;
  @!%p3 bra W;
  xor.b32 %r4, %r3, 31; shl.b32 %r4, %r4, 2; mov.u32 %r5, buf;
  add.u32 %r5, %r5, %r4; ld.shared.b32 %r6, [%r5];
  mul.wide.u32 %d1, %r3, 4; add.u64 %d3, %out, %d1;
  st.global.b32 [%d3], %r6;)";
    Words in(32), expected(32);
    for (uint32_t i = 0; i < 32; ++i)
      in[i] = 500 - i, expected[i] = 500 - (i ^ 31);
    expectUnderAll(body, sharedVariables, {64}, in, expected);
  }
}

//===----------------------------------------------------------------------===//
// Grids
//===----------------------------------------------------------------------===//

/// One counter in global memory that all CTAs wait for.
TEST(AsyncFrame, CtasSpinOnEachOther) {
  std::string body = R"(
  mov.u32 %r1, %tid.x; setp.ne.u32 %p1, %r1, 0;
  @%p1 bra MEET;
  atom.add.acq_rel.gpu.global.u32 %r2, [%out], 1;
S: ld.acquire.gpu.global.u32 %r3, [%out];
  setp.lt.u32 %p2, %r3, 12;
  @%p2 bra S;
MEET:
  bar.sync 0;
  mov.u32 %r4, %ctaid.x; mul.wide.u32 %d1, %r4, 4; add.u64 %d1, %out, %d1;
  @!%p1 st.global.b32 [%d1+4], 1;)";
  Words expected(13, 1);
  expected[0] = 12;
  for (unsigned hosts : {1u, 3u})
    for (const Schedule &s : everySchedule()) {
      SCOPED_TRACE(s.name);
      LaunchConfig config = configOf({64, 12}, s);
      config.hostThreads = hosts;
      config.multiprocessors = 12;
      Outcome o = runBody(body, "", config, {0}, expected.size());
      ASSERT_TRUE(o.reports.empty()) << o.reports[0].text();
      EXPECT_EQ(o.out, expected);
    }
}

/// A dependent grid starts at the trigger and goes on when all has been written
/// - also what the first grid writes after its trigger.
TEST(AsyncFrame, DependentGrid) {
  const std::string primary = kernelText(R"(
  mov.u32 %r1, %ctaid.x; mul.wide.u32 %d1, %r1, 4; add.u64 %d1, %out, %d1;
  griddepcontrol.launch_dependents;
  add.u32 %r2, %r1, 100;
  st.global.b32 [%d1], %r2;)");
  const std::string dependent = kernelText(R"(
  mov.u32 %r1, %ctaid.x; mul.wide.u32 %d1, %r1, 4;
  add.u64 %d2, %out, %d1; add.u64 %d1, %in, %d1;
  griddepcontrol.wait;
  ld.global.b32 %r2, [%d1]; mul.lo.u32 %r2, %r2, 2;
  st.global.b32 [%d2], %r2;)");
  for (const Schedule &s : everySchedule()) {
    SCOPED_TRACE(s.name);
    Machine m;
    uint64_t between = *m.memory.allocate(16), out = m.upload(Words(4));
    auto first = loadProgram(primary, *m.chip, m.memory);
    auto second = loadProgram(dependent, *m.chip, m.memory);
    ASSERT_TRUE(first && second);
    uint64_t firstArgs[] = {0, between}, secondArgs[] = {between, out};
    LaunchConfig config = configOf({32, 4}, s);
    config.hostThreads = 1;
    auto a =
        startKernel(**first, *(*first)->findKernel("k"), config,
                    reinterpret_cast<const uint8_t *>(firstArgs), m.memory);
    config.hasPrerequisites = true;
    auto b =
        startKernel(**second, *(*second)->findKernel("k"), config,
                    reinterpret_cast<const uint8_t *>(secondArgs), m.memory);
    unsigned triggers = 0;
    a->onTriggered = [&] {
      ++triggers;
      b->advance();
      EXPECT_FALSE(b->finished());
    };
    a->advance();
    ASSERT_TRUE(a->finished());
    EXPECT_EQ(triggers, 1u);
    b->prerequisitesComplete();
    b->advance();
    ASSERT_TRUE(b->finished());
    EXPECT_TRUE(a->takeResult().reports.empty());
    EXPECT_TRUE(b->takeResult().reports.empty());
    EXPECT_EQ(m.read(out, 4), (Words{200, 202, 204, 206}));
  }
}

/// Whoever runs takes the work of those that have not started: each number
/// from 0 to 19 is counted once.
TEST(AsyncFrame, WorkIsStolen) {
  std::string body = std::string(ids) + R"(
  .reg .b128 %q;
  mov.u32 %r4, %ctaid.x; mov.u32 %r5, buf;
  mbarrier.init.shared.b64 [%r10], 1;
  mov.u32 %r6, 0;
AGAIN:
  mul.wide.u32 %d1, %r4, 4; add.u64 %d1, %out, %d1;
  red.global.add.u32 [%d1], 1;
  mbarrier.arrive.expect_tx.shared.b64 _, [%r10], 16;
  clusterlaunchcontrol.try_cancel.async.shared::cta.mbarrier::complete_tx::bytes.b128 [%r5], [%r10];
W: mbarrier.try_wait.parity.shared.b64 %p2, [%r10], %r6;
  @!%p2 bra W;
  xor.b32 %r6, %r6, 1;
  ld.shared.b128 %q, [%r5];
  clusterlaunchcontrol.query_cancel.is_canceled.pred.b128 %p3, %q;
  @!%p3 bra END;
  clusterlaunchcontrol.query_cancel.get_first_ctaid::x.b32.b128 %r4, %q;
  bra AGAIN;
END:)";
  expectUnderAll(body, sharedVariables, {1, 20}, {0}, Words(20, 1));
}

TEST(AsyncFrame, RegistersGoOneWay) {
  expectUnderAll("setmaxnreg.dec.sync.aligned.u32 40; "
                 "setmaxnreg.inc.sync.aligned.u32 232;",
                 "", {128}, {0}, {0});
  expectFinding("setmaxnreg.dec.sync.aligned.u32 40; "
                "setmaxnreg.dec.sync.aligned.u32 80;",
                "", {128}, FindingKind::Trap, "setmaxnreg");
}

//===----------------------------------------------------------------------===//
// What never ends
//===----------------------------------------------------------------------===//

TEST(AsyncFrame, DeadlockNamesWhoWaits) {
  std::string body = std::string(ids) + R"(
  @%p1 mbarrier.init.shared.b64 [%r10+8], 3;
  bar.sync 0;
  @%p1 mbarrier.arrive.expect_tx.shared.b64 _, [%r10+8], 64;
  setp.eq.u32 %p2, %r2, 0;
  @%p2 bar.sync 3;
W: mbarrier.try_wait.parity.shared.b64 %p3, [%r10+8], 0;
  @!%p3 bra W;)";
  for (const char *word :
       {"warp 0 waits", "barrier 3, where 32 threads have arrived",
        "warp 1 waits", "the mbarrier at offset 8",
        "phase 0, 2 of 3 arrivals pending, 64 bytes outstanding"})
    expectFinding(body, sharedVariables, {64}, FindingKind::Deadlock, word);
}

TEST(AsyncFrame, BarrierCountsMustAgree) {
  expectFinding(std::string(ids) + R"(
  setp.eq.u32 %p2, %r2, 0;
  @%p2 bar.sync 1, 64;
  @!%p2 bar.sync 1, 96;)",
                sharedVariables, {96}, FindingKind::BarrierMisuse, "disagree");
}

TEST(AsyncFrame, EndlessLoopsAreStopped) {
  expectFinding("L: bra L;", "", {64}, FindingKind::Timeout, "endless");
  expectFinding(std::string(ids) + R"(
  @%p1 mbarrier.init.shared.b64 [%r10], 2;
  bar.sync 0;
W: mbarrier.test_wait.parity.shared.b64 %p3, [%r10], 0;
  @!%p3 bra W;)",
                sharedVariables, {64}, FindingKind::Timeout, "endless");
}

//===----------------------------------------------------------------------===//
// Determinism
//===----------------------------------------------------------------------===//

/// Four warps take tickets: their order is the schedule's.
TEST(AsyncFrame, SameSeedSameRun) {
  std::string body = std::string(ids) + R"(
  mov.u32 %r4, 0;
L: atom.global.add.u32 %r5, [%out], 1;
  mad.lo.u32 %r6, %r5, 4, 4; cvt.u64.u32 %d1, %r6; add.u64 %d1, %out, %d1;
  st.global.b32 [%d1], %r2;
  add.u32 %r4, %r4, 1; setp.lt.u32 %p2, %r4, 8; @%p2 bra L;)";
  std::vector<Words> seen;
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    LaunchConfig config = configOf({128}, {SchedulePolicy::Random, seed, ""});
    Outcome a = runBody(body, sharedVariables, config, {0}, 1 + 128 * 8);
    Outcome b = runBody(body, sharedVariables, config, {0}, 1 + 128 * 8);
    EXPECT_TRUE(a.reports.empty());
    EXPECT_EQ(a.out, b.out);
    EXPECT_EQ(a.counters.warpInstructions, b.counters.warpInstructions);
    seen.push_back(a.out);
  }
  EXPECT_NE(std::count(seen.begin(), seen.end(), seen[0]), 8);
}

TEST(AsyncFrame, SameSeedSameFindings) {
  std::string body = std::string(ids) + R"(
  cvt.u64.u32 %d1, %r1; ld.global.b32 %r5, [%d1];)";
  for (const Schedule &s : everySchedule()) {
    Outcome a = runBody(body, sharedVariables, configOf({128}, s), {0}, 1);
    Outcome b = runBody(body, sharedVariables, configOf({128}, s), {0}, 1);
    ASSERT_FALSE(a.reports.empty());
    ASSERT_EQ(a.reports.size(), b.reports.size());
    for (size_t i = 0; i < a.reports.size(); ++i)
      EXPECT_EQ(a.reports[i].text(), b.reports[i].text());
  }
}

} // namespace
