// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mbarrier.* and what changes a barrier.

#include "tools/emulator/Exec/Mbarrier.h"

#include "tools/emulator/Exec/Access.h"
#include "tools/emulator/Exec/Cluster.h"
#include "tools/emulator/Exec/Decode.h"
#include <cstring>
#include <utility>

using namespace nybl::emu;

//===----------------------------------------------------------------------===//
// The object
//===----------------------------------------------------------------------===//

std::string Mbarrier::arrive(uint32_t count) {
  if (count > pending)
    return "an arrival of " + std::to_string(count) +
           " at a barrier that has " + std::to_string(pending) +
           " pending in this phase";
  pending -= count;
  completeIfDue();
  return "";
}

std::string Mbarrier::drop(uint32_t count) {
  if (count > expected)
    return "more arrivals dropped than the barrier expects";
  expected -= count;
  return arrive(count);
}

std::string Mbarrier::expect(int64_t bytes) {
  transactions += bytes;
  if (transactions > mostTransactions || transactions < -mostTransactions)
    return "a transaction count beyond 2^20 - 1: " +
           std::to_string(transactions);
  completeIfDue();
  return "";
}

bool Mbarrier::completeIfDue() {
  if (pending != 0 || transactions != 0)
    return false;
  ++phase;
  pending = expected;
  return true;
}

std::string Mbarrier::text() const {
  return "phase " + std::to_string(phase) + ", " + std::to_string(pending) +
         " of " + std::to_string(expected) + " arrivals pending, " +
         std::to_string(transactions) + " bytes outstanding";
}

static Mbarrier *live(Cta &cta, uint32_t offset, std::string &problem) {
  auto found = cta.mbarriers.find(offset);
  if (found != cta.mbarriers.end() && !cta.ended)
    return &found->second;
  problem = cta.ended ? "its CTA has ended"
                      : "no barrier was initialised at offset " +
                            std::to_string(offset) + " of CTA rank " +
                            std::to_string(cta.rank);
  return nullptr;
}

std::string nybl::emu::arriveAt(Cta &cta, uint32_t offset, uint32_t count) {
  std::string problem;
  if (Mbarrier *b = live(cta, offset, problem))
    problem = b->arrive(count);
  cta.cluster.changed();
  return problem;
}

std::string nybl::emu::expectAt(Cta &cta, uint32_t offset, int64_t bytes) {
  std::string problem;
  if (Mbarrier *b = live(cta, offset, problem))
    problem = b->expect(bytes);
  cta.cluster.changed();
  return problem;
}

std::string nybl::emu::addPending(Cta &cta, uint32_t offset) {
  std::string problem;
  if (Mbarrier *b = live(cta, offset, problem)) {
    if (b->pending == Mbarrier::mostArrivals)
      return "too many pending arrivals";
    ++b->pending;
  }
  return problem;
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

namespace {

/// A barrier's state as a register holds it: phase and pending arrivals.
uint64_t stateOf(const Mbarrier &b) { return b.phase << 20 | b.pending; }
uint64_t phaseOf(uint64_t state) { return state >> 20; }

/// Where a lane's barrier lies, or a report and no data.
Place barrierPlace(Warp &w, const Instr &in, unsigned lane) {
  uint64_t address = addressOf(w, in, lane);
  Place place = resolve(w, in.space, lane, address, 8);
  if (place.data && !place.cta) {
    w.report(FindingKind::MbarrierMisuse, lane, address,
             "expected an mbarrier in shared memory");
    return {};
  }
  return place;
}

void misuse(Warp &w, const Instr &in, unsigned lane, std::string message) {
  w.report(FindingKind::MbarrierMisuse, lane, addressOf(w, in, lane),
           std::move(message));
}

/// f(lane, place) for the active lanes, until a finding.
template <typename F>
void eachBarrier(Warp &w, const Instr &in, F f) {
  w.forActive([&](unsigned lane) {
    if (w.cta.failed())
      return;
    if (Place place = barrierPlace(w, in, lane); place.data)
      f(lane, place);
  });
}

/// The same for live barriers.
template <typename F>
void eachLiveBarrier(Warp &w, const Instr &in, F f) {
  eachBarrier(w, in, [&](unsigned lane, Place &place) {
    std::string problem;
    if (Mbarrier *b = live(*place.cta, place.offset, problem))
      f(lane, place, *b);
    else
      misuse(w, in, lane, problem);
  });
}

void initialise(Warp &w, const Instr &in) {
  eachBarrier(w, in, [&](unsigned lane, Place &place) {
    uint32_t count = w.w(in.b)[lane];
    if (count == 0 || count > Mbarrier::mostArrivals)
      return misuse(w, in, lane,
                    "expected 1 to 2^20 - 1 arrivals, got " +
                        std::to_string(count));
    if (place.cta->mbarriers.count(place.offset))
      return misuse(w, in, lane,
                    "a barrier that is live is initialised again "
                    "(mbarrier.inval first)");
    if (w.races && !w.races->changeMbarrier(w, place, lane, true))
      return;
    place.cta->mbarriers[place.offset] = {count, count, 0, 0, 0};
    std::memset(place.shadow, shadow::mbarrier | shadow::initialised, 8);
  });
  w.cta.cluster.changed();
}

void invalidate(Warp &w, const Instr &in) {
  eachLiveBarrier(w, in, [&](unsigned lane, Place &place, Mbarrier &) {
    if (w.races && !w.races->changeMbarrier(w, place, lane, false))
      return;
    place.cta->mbarriers.erase(place.offset);
    std::memset(place.shadow, 0, 8);
  });
  w.cta.cluster.changed();
}

/// mode bits of arrivals.
enum : uint8_t { Drop = 1, ExpectTx = 2, NoComplete = 4 };

/// b: the count of arrivals or, with ExpectTx, of bytes; d: the state before.
void arrive(Warp &w, const Instr &in) {
  eachLiveBarrier(w, in, [&](unsigned lane, Place &place, Mbarrier &b) {
    bool isRelaxed = in.order == Relaxed;
    if (w.races && !w.races->arriveAtMbarrier(w, place, lane, isRelaxed))
      return;
    uint32_t value = in.b == noSlot ? 1 : w.w(in.b)[lane];
    uint32_t count = in.mode & ExpectTx ? 1 : value;
    std::string problem;
    if (in.mode & ExpectTx)
      problem = b.expect(value);
    uint64_t state = stateOf(b);
    if (count == 0 || count > Mbarrier::mostArrivals)
      problem = "expected 1 to 2^20 - 1 arrivals, got " + std::to_string(count);
    if (in.mode & NoComplete && count >= b.pending)
      problem = "mbarrier.arrive.noComplete would complete the phase";
    if (problem.empty())
      problem = in.mode & Drop ? b.drop(count) : b.arrive(count);
    if (!problem.empty())
      return misuse(w, in, lane, problem);
    if (in.d != noSlot)
      w.q(in.d)[lane] = state;
  });
  w.cta.cluster.changed();
}

/// mode 0: expect_tx, 1: complete_tx.
void transact(Warp &w, const Instr &in) {
  eachLiveBarrier(w, in, [&](unsigned lane, Place &place, Mbarrier &b) {
    if (w.races && !w.races->arriveAtMbarrier(w, place, lane, !in.mode))
      return;
    int64_t bytes = w.w(in.b)[lane];
    std::string problem = b.expect(in.mode ? -bytes : bytes);
    if (!problem.empty())
      misuse(w, in, lane, problem);
  });
  w.cta.cluster.changed();
}

/// mode bits of waits.
enum : uint8_t { ByParity = 1, MayBlock = 2 };

/// Has the phase completed that a lane asks about?
bool isComplete(Warp &w, const Instr &in, unsigned lane, const Mbarrier &b) {
  if (in.mode & ByParity)
    return (b.phase & 1) != (w.w(in.b)[lane] & 1);
  uint64_t asked = phaseOf(w.q(in.b)[lane]);
  if (asked > b.phase || asked + 1 < b.phase)
    misuse(w, in, lane,
           "the state is neither of the phase in progress nor of the one "
           "before");
  return b.phase > asked;
}

/// A wait in vain that was parked in one phase and finds itself two further on
/// has missed a phase: its parity says the opposite of what it asked.
void checkMissedPhase(Warp &w, const Instr &in, unsigned lane,
                      const Place &place, const Mbarrier &b) {
  const Wait &before = w.resumed;
  if (before.kind == Wait::Mbarrier && before.cta == place.cta &&
      before.offset == place.offset && b.phase >= before.phase + 2)
    misuse(w, in, lane,
           "the barrier went on by " + std::to_string(b.phase - before.phase) +
               " phases while this warp waited for one");
}

/// Of a phase that nobody saw end before the next one ended too, a parity says
/// the opposite (PTX wants each phase to be waited for).
void checkUnseenPhase(Warp &w, const Instr &in, unsigned lane,
                      const Mbarrier &b) {
  if (in.mode & ByParity && b.phase >= b.seen + 2 && !w.cta.failed())
    misuse(
        w, in, lane,
        std::to_string(b.phase - b.seen) +
            " phases of the barrier are over and nobody has waited for them: "
            "a parity cannot tell them apart");
}

/// The adversary's try_wait is in vain once for each phase: a kernel that does
/// not look at the result goes on too early.
bool isFirstRefusal(Warp &w, const Wait &wait) {
  for (Wait &before : w.refusals)
    if (before.cta == wait.cta && before.offset == wait.offset)
      return std::exchange(before.phase, wait.phase) != wait.phase;
  w.refusals.push_back(wait);
  return true;
}

/// Whether a try_wait that cannot go on comes back with false, as it may after
/// a time that only the hardware knows.
bool givesUp(Warp &w, const Wait &wait) {
  switch (w.cta.config.policy) {
  case SchedulePolicy::Random:
    return w.resumed.givesUp || w.cta.cluster.choices.below(4) == 0;
  case SchedulePolicy::Adversary:
    return w.resumed.givesUp || isFirstRefusal(w, wait);
  default:
    return w.resumed.givesUp;
  }
}

/// try_wait with no lane that may go on waits here, or gives up; test_wait
/// gives way to other warps.
void waitOn(Warp &w, const Instr &in) {
  uint32_t complete = 0;
  Wait wait;
  eachLiveBarrier(w, in, [&](unsigned lane, Place &place, Mbarrier &b) {
    checkMissedPhase(w, in, lane, place, b);
    checkUnseenPhase(w, in, lane, b);
    bool isOver = isComplete(w, in, lane, b);
    if (isOver)
      b.seen = b.phase;
    bool isRelaxed = in.order == Relaxed;
    if (w.races &&
        !w.races->waitedAtMbarrier(w, place, lane, isOver, isRelaxed))
      return;
    complete |= uint32_t(isOver) << lane;
    wait = {Wait::Mbarrier, place.cta, place.offset, b.phase};
  });
  bool waits = !w.cta.failed() && complete == 0 && in.mode & MayBlock &&
               !givesUp(w, wait);
  w.resumed = {};
  if (w.cta.failed())
    return;
  if (waits)
    return w.waitFor(wait);
  if (complete != w.active)
    w.yields = true;
  uint32_t &p = w.predicate(in.d);
  p = (p & ~w.active) | complete;
}

void pendingCount(Warp &w, const Instr &in) {
  w.forActive([&](unsigned i) {
    w.w(in.d)[i] = static_cast<uint32_t>(w.q(in.a)[i]) & Mbarrier::mostArrivals;
  });
}

/// Marks must not steer a barrier.
void taintBarrierUse(Warp &w, const Instr &in) {
  w.forActive([&](unsigned lane) {
    bool marked = w.taint(in.a)[lane] != 0 ||
                  (in.b != noSlot && w.taint(in.b)[lane] != 0);
    if (marked && !w.cta.failed())
      w.report(
          FindingKind::PoisonSteers, lane, addressOf(w, in, lane),
          "a marked byte is part of an mbarrier's address, count or phase");
  });
  if (in.d != noSlot)
    taintClear(w, in);
}

void takeSpaceOfBarrier(Decoder &d) {
  int space = d.takeOneOf({"shared::cluster", "shared::cta", "shared"});
  d.out.space = space < 0    ? MemorySpace::Generic
                : space == 0 ? MemorySpace::SharedCluster
                             : MemorySpace::Shared;
}

void takeOrder(Decoder &d, std::initializer_list<std::string_view> orders) {
  if (d.takeOneOf(orders) >= 0 && d.takeOneOf({"cta", "cluster"}) < 0)
    d.fail("expected .cta or .cluster after the order");
}

void decodeArrive(Decoder &d, bool drop) {
  bool expects = d.take("expect_tx"), noComplete = d.take("noComplete");
  takeOrder(d, {"release", "relaxed"});
  takeSpaceOfBarrier(d);
  size_t count = d.source->operands.size();
  bool needsCount = expects || noComplete;
  if (!d.take("b64") || count < 1)
    return d.fail("expected .b64 and a barrier");
  // The state is left out by some: mbarrier.arrive [bar].
  size_t first = d.operand(0).kind == ptx::Operand::Address ? 0 : 1;
  if (count < first + 1 + (needsCount ? 1 : 0) || count > first + 2)
    return d.fail("expected a state or _, a barrier and perhaps a count");
  bool keeps = first == 1 && d.operand(0).kind != ptx::Operand::Sink;
  if (keeps && d.out.space == MemorySpace::SharedCluster)
    return d.fail("an arrival in shared::cluster gives no state: expected _");
  if (keeps)
    d.out.d = d.destination(0, Type::B64);
  d.address(first);
  if (count == first + 2)
    d.out.b = d.slot(first + 1, Type::B32);
  d.out.mode =
      static_cast<uint8_t>((drop ? Drop : 0) | (expects ? ExpectTx : 0) |
                           (noComplete ? NoComplete : 0));
  d.out.run = arrive;
}

void decodeWait(Decoder &d, bool mayBlock) {
  bool parity = d.take("parity");
  takeOrder(d, {"acquire", "relaxed"});
  takeSpaceOfBarrier(d);
  size_t count = d.source->operands.size();
  if (!d.take("b64") || count < 3 || count > 3u + mayBlock)
    return d.fail("expected .b64, a predicate, a barrier and a phase");
  if (d.out.space == MemorySpace::SharedCluster)
    return d.fail("only a barrier of the CTA's own can be waited for");
  d.out.d = d.destination(0, Type::Pred);
  d.address(1);
  d.out.b = d.slot(2, parity ? Type::B32 : Type::B64);
  if (count == 4)
    d.slot(3, Type::U32);
  d.out.mode =
      static_cast<uint8_t>((parity ? ByParity : 0) | (mayBlock ? MayBlock : 0));
  d.out.run = waitOn;
}

void decodeTransact(Decoder &d, bool completes) {
  takeOrder(d, {"relaxed"});
  takeSpaceOfBarrier(d);
  if (!d.take("b64"))
    return d.fail("expected .b64");
  if (!d.operands(2))
    return;
  d.address(0);
  d.out.b = d.slot(1, Type::B32);
  d.out.mode = completes;
  d.out.run = transact;
}

void decodePlain(Decoder &d, bool init) {
  takeSpaceOfBarrier(d);
  if (!d.take("b64"))
    return d.fail("expected .b64");
  if (!d.operands(init ? 2 : 1))
    return;
  if (d.out.space == MemorySpace::SharedCluster)
    return d.fail("a barrier is initialised by its own CTA");
  d.address(0);
  if (init)
    d.out.b = d.slot(1, Type::U32);
  d.out.run = init ? initialise : invalidate;
}

void decodePendingCount(Decoder &d) {
  if (!d.take("b64"))
    return d.fail("expected .b64");
  d.simple(pendingCount, taintClear,
           {Type::B32, Type::B64, Type::None, Type::None}, 2);
}

void decodeMbarrier(Decoder &d) {
  int what =
      d.takeOneOf({"init", "inval", "arrive", "arrive_drop", "expect_tx",
                   "complete_tx", "test_wait", "try_wait", "pending_count"});
  d.out.taint = taintBarrierUse;
  switch (what) {
  case 0:
  case 1:
    return decodePlain(d, what == 0);
  case 2:
  case 3:
    return decodeArrive(d, what == 3);
  case 4:
  case 5:
    return decodeTransact(d, what == 5);
  case 6:
  case 7:
    return decodeWait(d, what == 7);
  case 8:
    return decodePendingCount(d);
  default:
    return d.fail("the emulator does not know this operation on mbarriers");
  }
}

} // namespace

void nybl::emu::addMbarrierOpcodes(OpcodeTable &table) {
  table["mbarrier"] = decodeMbarrier;
}
