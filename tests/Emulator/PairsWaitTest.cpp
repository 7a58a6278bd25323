// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Broken and mended kernels: a try_wait may come back with false whenever the
// hardware likes, and a kernel must be right whether it does or not.

#include "tests/Emulator/PairsFixture.h"

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

const Pair pairs[] = {
    {"a try_wait whose result is ignored",
     {1},
     FindingKind::InFlight,
     "nothing has waited",
     R"(
  mbarrier.init.shared.b64 [%bar], 1;
  mbarrier.arrive.expect_tx.shared.b64 _, [%bar], 64;
  cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes [%sm], [%in], 64, [%bar];
  W: mbarrier.try_wait.parity.shared.b64 %p1, [%bar], 0;
  <<||@!%p1 bra W;>>
  ld.shared.b32 %r1, [%sm];
  Z: mbarrier.try_wait.parity.shared.b64 %p1, [%bar], 0; @!%p1 bra Z;)"},
    {"a peek before the arrival",
     {1},
     FindingKind::Deadlock,
     "1 of 1 arrivals pending",
     R"(
  mbarrier.init.shared.b64 [%bar], 1;
  mbarrier.try_wait.parity.shared.b64 %p1, [%bar], 0;
  selp.u32 %r1, 1, 0, %p1;
  st.shared.b32 [%sm], %r1;
  <<||mbarrier.arrive.shared.b64 _, [%bar];>>
  W: mbarrier.try_wait.parity.shared.b64 %p1, [%bar], 0; @!%p1 bra W;)"},
    {"tries that are counted, or only spilled",
     {1},
     FindingKind::Deadlock,
     "1 of 1 arrivals pending",
     R"(
  .local .b32 tries; .reg .b64 %at; mov.u64 %at, tries;
  mbarrier.init.shared.b64 [%bar], 1;
  mov.u32 %r1, 0;
  W: st.local.b32 [%at], %r1;
  mbarrier.try_wait.parity.shared.b64 %p1, [%bar], 0;
  ld.local.b32 %r1, [%at]; add.u32 %r1, %r1, 1;
  setp.lt.u32 %p2, %r1, 100;
  @%p1 bra DONE;
  <<bra W;||@%p2 bra W;>>
  DONE: st.global.b32 [%out], %r1;)"},
    {"a peek at the next tile before this one's buffer is free",
     {64},
     FindingKind::Deadlock,
     "waits at PTX line",
     R"(
  @%first mbarrier.init.shared.b64 [%bar], 1;
  @%first mbarrier.init.shared.b64 [%bar+8], 1;
  bar.sync 0;
  @!%leader ret;
  mov.u32 %r4, 0;
  setp.eq.u32 %p1, %warp, 1;
  @%p1 bra FILL;
  mbarrier.try_wait.parity.shared.b64 %p5, [%bar], 0;
  USE: and.b32 %r5, %r4, 1;
  @%p5 bra GO;
  W1: mbarrier.try_wait.parity.shared.b64 %p2, [%bar], %r5; @!%p2 bra W1;
  GO: ld.shared.b32 %r6, [%sm];
  add.u32 %r4, %r4, 1; and.b32 %r7, %r4, 1; setp.lt.u32 %p3, %r4, 3;
  @%p3 mbarrier.try_wait.parity.shared.b64 %p5, [%bar], %r7;
  <<@!%p3||>> mbarrier.arrive.shared.b64 _, [%bar+8];
  @%p3 bra USE;
  ret;
  FILL: and.b32 %r5, %r4, 1; xor.b32 %r5, %r5, 1;
  W2: mbarrier.try_wait.parity.shared.b64 %p2, [%bar+8], %r5; @!%p2 bra W2;
  st.shared.b32 [%sm], %r4;
  mbarrier.arrive.shared.b64 _, [%bar];
  add.u32 %r4, %r4, 1; setp.lt.u32 %p3, %r4, 3;
  @%p3 bra FILL;)"},
    {"a flag of another CTA, asked for between tries",
     {1, 2},
     FindingKind::Timeout,
     "endless",
     R"(
  mov.u32 %r5, %ctaid.x; setp.ne.u32 %p3, %r5, 0;
  @%p3 bra SET;
  mbarrier.init.shared.b64 [%bar], 1;
  W: mbarrier.try_wait.parity.shared.b64 %p1, [%bar], 0;
  @%p1 ret;
  ld.acquire.gpu.global.b32 %r1, [%out];
  setp.ne.u32 %p2, %r1, 0;
  @%p2 mbarrier.arrive.shared.b64 _, [%bar];
  bra W;
  SET: <<||st.release.gpu.global.b32 [%out], 1;>>)"},
};

TEST(Pairs, WaitsThatGiveUp) {
  for (const Pair &pair : pairs)
    expectPair(pair);
}

/// What a kernel of one warp asks twice of a barrier nobody arrives at.
std::string answers(SchedulePolicy policy) {
  const Pair pair{"", {1}, FindingKind::Trap, "", R"(
  mbarrier.init.shared.b64 [%bar], 1;
  mbarrier.try_wait.parity.shared.b64 %p1, [%bar], 0;
  mbarrier.arrive.shared.b64 _, [%bar];
  mbarrier.try_wait.parity.shared.b64 %p2, [%bar], 0;
  @%p1 trap;
  @!%p2 trap;)"};
  std::string text;
  for (const Report &r : runPair(pair, true, {policy, 0, ""}))
    text += r.text();
  return text;
}

/// False before the arrival and true after it.
TEST(TryWait, AnswersAreThoseOfTheBarrier) {
  for (SchedulePolicy policy :
       {SchedulePolicy::Eager, SchedulePolicy::Lazy, SchedulePolicy::Adversary})
    EXPECT_EQ(answers(policy), "") << static_cast<int>(policy);
}

} // namespace
