// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A state is how far each of two threads is. From (mine, other) either may do
// its next event; one that waits for all needs the other to have come as far.

#include "compiler/Legality/StageModel.h"
#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

using namespace nybl::compiler;
using Kind = StageEvent::Kind;

namespace {

constexpr size_t never = SIZE_MAX;

class Explorer {
public:
  explicit Explorer(llvm::ArrayRef<StageEvent> events) : events(events) {}

  std::optional<StageViolation> run() {
    findEnds();
    for (size_t i = 0; i < events.size() && !violation; ++i)
      checkOrder(i);
    if (!violation)
      walk();
    return violation;
  }

private:
  bool isAccess(size_t i) const { return events[i].kind <= Kind::Read; }
  bool isWrite(size_t i) const { return events[i].kind <= Kind::Copy; }
  bool meetsAll(size_t i) const {
    return events[i].kind == Kind::Barrier || events[i].kind == Kind::Wait;
  }
  bool sameSlot(size_t a, size_t b) const {
    return events[a].resource == events[b].resource &&
           events[a].slot == events[b].slot;
  }
  void fail(size_t event, std::string what) {
    if (!violation)
      violation = {event, std::move(what)};
  }

  void findEnds();
  void checkOrder(size_t event);
  void checkClaim(size_t event);
  void walk();
  void checkState(size_t mine, size_t other);
  void checkPair(size_t mine, size_t theirs, bool inFlight);

  llvm::ArrayRef<StageEvent> events;
  /// Of a write: the event after which it is over; of a copy its wait.
  std::vector<size_t> ends;
  /// Copies that may not be over when a thread is about to do an event.
  std::vector<std::vector<size_t>> underWay;
  /// Of a stage, slot and phase: who writes it last.
  std::map<std::tuple<unsigned, int64_t, int64_t>, size_t> lastWrites;
  /// Of a read: the writes it reads from.
  std::vector<std::vector<size_t>> sources;
  std::optional<StageViolation> violation;
};

/// A copy belongs to the group that the next publish ends; a wait is for all
/// groups but the last `pending` before it.
void Explorer::findEnds() {
  ends.assign(events.size(), never);
  std::vector<std::vector<size_t>> groups;
  std::vector<size_t> open;
  size_t waited = 0;
  for (size_t i = 0; i < events.size(); ++i) {
    if (events[i].kind == Kind::Write)
      ends[i] = i;
    if (events[i].kind == Kind::Copy)
      open.push_back(i);
    if (events[i].kind == Kind::Publish)
      groups.push_back(std::exchange(open, {}));
    if (events[i].kind != Kind::Wait)
      continue;
    size_t pending = std::min<size_t>(events[i].pending, groups.size());
    for (; waited < groups.size() - pending; ++waited)
      for (size_t copy : groups[waited])
        ends[copy] = i;
  }
  underWay.resize(events.size() + 1);
  for (size_t i = 0; i < events.size(); ++i)
    if (isWrite(i))
      lastWrites[{events[i].resource, events[i].slot, events[i].phase}] = i;
  for (size_t i = 0; i < events.size(); ++i)
    if (events[i].kind == Kind::Copy)
      for (size_t at = i + 1; at <= std::min(ends[i], events.size()); ++at)
        underWay[at].push_back(i);
}

/// In a thread's own order: what is read was written last, for this phase.
void Explorer::checkOrder(size_t event) {
  sources.resize(events.size());
  if (!isAccess(event))
    return checkClaim(event);
  if (events[event].ring)
    checkClaim(event);
  if (events[event].kind != Kind::Read)
    return;
  for (size_t i = event; i-- > 0;) {
    if (!isWrite(i) || !sameSlot(i, event))
      continue;
    if (events[i].phase != events[event].phase)
      break;
    sources[event].push_back(i);
  }
  if (sources[event].empty())
    fail(event, "this is read before it is written for its K step");
  const StageEvent &e = events[event];
  if (lastWrites[{e.resource, e.slot, e.phase}] > event)
    fail(event, "this is read before all of it is written for its K step");
}

/// Acquire before a write and no publish between; wait before a read and no
/// release between; an acquire only after the release of the slot's phase
/// before.
void Explorer::checkClaim(size_t event) {
  const StageEvent &e = events[event];
  bool access = isAccess(event);
  unsigned ring = access ? *e.ring : e.resource;
  Kind opens =
      isWrite(event) || e.kind == Kind::Publish ? Kind::Acquire : Kind::Wait;
  Kind closes = opens == Kind::Acquire ? Kind::Publish : Kind::Release;
  if (e.kind == Kind::Barrier || e.kind == Kind::Acquire ||
      e.kind == Kind::Wait)
    return;
  for (size_t i = event; i-- > 0;) {
    const StageEvent &before = events[i];
    if (isAccess(i) || before.resource != ring || before.phase != e.phase)
      continue;
    if (before.kind == opens)
      return;
    if (before.kind == closes)
      break;
  }
  fail(event, opens == Kind::Acquire
                  ? "this is written outside acquire and publish of its K step"
                  : "this is read outside wait and release of its K step");
}

/// Two accesses that nothing orders: fine between writers of one phase (each
/// byte has one of them) and between readers.
void Explorer::checkPair(size_t mine, size_t theirs, bool inFlight) {
  if (!isAccess(mine) || !isAccess(theirs) || !sameSlot(mine, theirs) ||
      (!isWrite(mine) && !isWrite(theirs)))
    return;
  if (isWrite(mine) && isWrite(theirs) &&
      events[mine].phase == events[theirs].phase)
    return;
  if (isWrite(mine))
    return fail(mine, inFlight
                          ? "this is written while a copy into it is under way"
                          : "this is written while another thread may still "
                            "read it");
  fail(mine, "this is read while it may still be written");
}

void Explorer::checkState(size_t mine, size_t other) {
  const StageEvent &e = events[mine];
  if (other < events.size())
    checkPair(mine, other, /*inFlight=*/false);
  for (size_t thread : {mine, other})
    for (size_t copy : underWay[thread])
      checkPair(mine, copy, /*inFlight=*/true);
  if (e.kind == Kind::Read)
    for (size_t source : sources[mine])
      if (ends[source] >= other)
        fail(mine, "this is read while another thread may not have written it");
  if (e.kind != Kind::Acquire)
    return;
  for (size_t i = mine; i-- > 0;)
    if (events[i].kind == Kind::Wait && events[i].resource == e.resource &&
        events[i].slot == e.slot) {
      bool released = false;
      for (size_t j = i; j < other && j < mine; ++j)
        released |= events[j].kind == Kind::Release &&
                    events[j].resource == e.resource &&
                    events[j].phase == events[i].phase;
      if (!released)
        fail(mine, "this is acquired while another thread has not released the "
                   "slot");
      return;
    }
}

void Explorer::walk() {
  // States by how far the first is; the other's range follows from barriers.
  size_t count = events.size(), first = 0;
  for (size_t mine = 0; mine < count && !violation; ++mine) {
    // Events since the last one at which all met, up to the next one.
    size_t last = mine;
    while (last < count && !meetsAll(last))
      ++last;
    for (size_t other = first; other <= last && !violation; ++other)
      checkState(mine, other);
    if (meetsAll(mine))
      first = mine + 1;
  }
}

} // namespace

std::optional<StageViolation>
nybl::compiler::exploreStages(llvm::ArrayRef<StageEvent> events) {
  return Explorer(events).run();
}
