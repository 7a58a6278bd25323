// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The protocol of rings as the dialect states it, watched over a few tiles:
// each slot is acquired, written, published, waited for, read, released, in
// this order; it is acquired again only when all threads have met after its
// release.

#include "tests/Mutation/CtaEvaluate.h"
#include "tests/Mutation/Enumerate.h"
#include <fmt/format.h>
#include <map>

using namespace mlir;
using namespace nybl;
using namespace nybl::mutation;

namespace {

/// What one thread has done. All threads do the same, so where it stands when
/// all meet, all stand.
class Protocol {
public:
  std::string see(const Event &event) {
    if (event.access)
      return seeAccess(event);
    if (isa<cta::BarrierOp>(event.op)) {
      ++meetings;
      return "";
    }
    if (!event.iteration.known)
      return "";
    auto ring = event.op->getOperand(0).getDefiningOp<cta::RingOp>();
    Slot &slot = slotOf(ring, event.iteration.bits);
    uint64_t iteration = event.iteration.bits;
    if (isa<cta::RingAcquireOp>(event.op))
      return acquire(slot, iteration);
    if (isa<cta::RingPublishOp>(event.op))
      return publish(slot, iteration);
    if (auto wait = dyn_cast<cta::RingWaitOp>(event.op))
      return waitFor(slot, iteration, wait.getPending());
    if (isa<cta::RingReleaseOp>(event.op))
      return release(slot, iteration);
    return "";
  }

private:
  enum class State { Free, Acquired, Published, Whole };
  struct Slot {
    State state = State::Free;
    uint64_t iteration = 0, group = 0;
    bool written = false;    ///< since it was acquired
    int64_t releasedAt = -1; ///< meetings before the release
  };

  Slot &slotOf(cta::RingOp ring, uint64_t iteration) {
    return slots[{ring.getOperation(), iteration % ring.getStages()}];
  }

  std::string seeAccess(const Event &event) {
    auto alloc = event.access->base.getDefiningOp<cta::AllocOp>();
    if (!alloc || !alloc.getRing() || !event.iteration.known)
      return "";
    auto ring = alloc.getRing().getDefiningOp<cta::RingOp>();
    Slot &slot = slotOf(ring, event.iteration.bits);
    State wanted = event.access->isWrite ? State::Acquired : State::Whole;
    slot.written |= event.access->isWrite && event.guard.bits;
    if (slot.state == wanted && slot.iteration == event.iteration.bits)
      return "";
    return fmt::format("touches iteration {}, which is not {}",
                       event.iteration.bits,
                       event.access->isWrite ? "acquired" : "waited for");
  }

  std::string acquire(Slot &slot, uint64_t iteration) {
    // Behind the last K step a slot is published without a copy into it; and
    // who claims twice claims nothing more.
    bool empty = slot.state == State::Published && !slot.written;
    bool again = slot.state == State::Acquired && slot.iteration == iteration;
    if (slot.state != State::Free && !empty && !again)
      return fmt::format("acquires iteration {} in a slot that is in use",
                         iteration);
    if (slot.releasedAt >= meetings)
      return fmt::format("acquires iteration {} before all threads have met "
                         "after the slot's release",
                         iteration);
    slot.state = State::Acquired;
    slot.iteration = iteration;
    slot.written = false;
    return "";
  }

  std::string publish(Slot &slot, uint64_t iteration) {
    slot.group = groups++;
    return advance(slot, iteration, State::Acquired, State::Published,
                   "publishes");
  }

  std::string waitFor(Slot &slot, uint64_t iteration, uint64_t pending) {
    ++meetings;
    if (slot.state == State::Whole && slot.iteration == iteration)
      return ""; // once more: nothing new
    if (slot.state == State::Published && slot.group + pending >= groups)
      return fmt::format("waits for iteration {} with {} groups pending of {}",
                         iteration, pending, groups);
    return advance(slot, iteration, State::Published, State::Whole,
                   "waits for");
  }

  std::string release(Slot &slot, uint64_t iteration) {
    slot.releasedAt = meetings;
    return advance(slot, iteration, State::Whole, State::Free, "releases");
  }

  static std::string advance(Slot &slot, uint64_t iteration, State from,
                             State to, const char *does) {
    bool fine = slot.state == from && slot.iteration == iteration;
    slot.state = to;
    return fine ? ""
                : fmt::format("{} iteration {} out of turn", does, iteration);
  }

  std::map<std::pair<Operation *, uint64_t>, Slot> slots;
  uint64_t groups = 0;
  int64_t meetings = 0;
};

std::optional<uint64_t> argument(cta::KernelOp kernel, StringRef source) {
  if (source == "m")
    return 200; // rows: several tiles
  return source.ends_with(".stride") ? std::optional<uint64_t>(1024)
                                     : std::nullopt;
}

} // namespace

std::optional<std::string> nybl::mutation::harmOfRings(cta::KernelOp kernel) {
  Evaluator evaluator(kernel);
  const uint64_t tiles[] = {0, 1, 2};
  for (uint64_t thread : {uint64_t(0), kernel.getThreads() - 1}) {
    Protocol protocol;
    std::string harm;
    evaluator.run([&](StringRef source) { return argument(kernel, source); },
                  tiles, thread,
                  [&](const Event &event) {
                    std::string found = harm.empty() ? protocol.see(event) : "";
                    if (!found.empty())
                      harm = event.op->getName().getStringRef().str() + " " +
                             found;
                  });
    if (!harm.empty())
      return harm;
  }
  return std::nullopt;
}
