// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What orders accesses: barriers, mbarriers, groups of copies, fences with
// atomics. Scopes are not looked at.

#include "tools/emulator/Exec/Cluster.h"
#include "tools/emulator/Exec/Race.h"

using namespace nybl::emu;

void ClusterRaces::syncLanes(Warp &w, uint32_t lanes) {
  nextEpoch(w);
  WarpState &s = stateOf(w);
  for (uint32_t m = lanes; m; m &= m - 1)
    s.syncedAt[static_cast<unsigned>(__builtin_ctz(m))] = s.epoch;
}

/// What one lane has waited for the whole warp is taken to know.
void ClusterRaces::acquire(Warp &w, const Knowledge &from) {
  stateOf(w).now.join(from);
  syncLanes(w, allLanes);
}

/// Publishes all that the warp has done so far.
void ClusterRaces::release(Warp &w, Knowledge &to) {
  to.join(stateOf(w).now);
  nextEpoch(w);
}

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

void ClusterRaces::arriveAtBarrier(Warp &w, unsigned id) {
  release(w, named[w.cta.rank][id]);
}

void ClusterRaces::openBarrier(Cta &cta, unsigned id) {
  Knowledge open = std::exchange(named[cta.rank][id], {});
  for (Warp &w : cta.warps)
    if (w.waiting && w.barrier && w.barrierId == id)
      acquire(w, open);
}

void ClusterRaces::arriveAtCluster(Warp &w, bool isRelaxed) {
  if (!isRelaxed)
    return release(w, clusterArriving);
  clusterArriving.inits.join(stateOf(w).now.inits);
  clusterArriving.begun |= stateOf(w).now.begun;
}

void ClusterRaces::openClusterBarrier() {
  clusterOpen = std::exchange(clusterArriving, {});
}

void ClusterRaces::leaveClusterBarrier(Warp &w) { acquire(w, clusterOpen); }

//===----------------------------------------------------------------------===//
// Fences
//===----------------------------------------------------------------------===//

void ClusterRaces::fence(Warp &w) {
  WarpState &s = stateOf(w);
  s.now.join(std::exchange(s.toFence, {}));
  s.now.fenced.join(s.now.generic);
  nextEpoch(w);
}

/// PTX ISA 9.1 §8.9.5 lets the fence stand anywhere between the two accesses;
/// strict: whoever stores must have it.
void ClusterRaces::proxyFence(Warp &w) {
  WarpState &s = stateOf(w);
  if (cluster.grid.config.strictProxyFence)
    s.now.async.set(agentOf(w), s.epoch);
  else
    s.now.async.join(s.now.generic);
  nextEpoch(w);
}

void ClusterRaces::initFence(Warp &w) {
  WarpState &s = stateOf(w);
  s.now.inits.set(agentOf(w), s.epoch);
  nextEpoch(w);
}

//===----------------------------------------------------------------------===//
// mbarriers
//===----------------------------------------------------------------------===//

static uint64_t keyOf(const Cta &cta, uint32_t offset) {
  return cta.sharedAddress(offset);
}

/// The state beside a barrier; what was pending is done once the phase is over.
ClusterRaces::MbarrierState &ClusterRaces::mbarrierAt(Cta &cta,
                                                      uint32_t offset) {
  MbarrierState &state = mbarriers[keyOf(cta, offset)];
  auto found = cta.mbarriers.find(offset);
  if (found != cta.mbarriers.end() && found->second.phase != state.phase) {
    state.done.join(std::exchange(state.pending, {}));
    state.phase = found->second.phase;
  }
  return state;
}

static constexpr uint32_t mbarrierBytes = 8;

bool ClusterRaces::changeMbarrier(Warp &w, const Place &place, unsigned lane,
                                  bool isInit) {
  uint8_t flags = isInit ? Touch::Init : 0;
  mbarriers.erase(keyOf(*place.cta, place.offset));
  return visit(actorOf(w, lane, flags), targetOf(*place.cta, place.offset),
               mbarrierBytes, true);
}

bool ClusterRaces::arriveAtMbarrier(Warp &w, const Place &place, unsigned lane,
                                    bool isRelaxed) {
  if (!visit(actorOf(w, lane, Touch::Strong),
             targetOf(*place.cta, place.offset), mbarrierBytes, false))
    return false;
  MbarrierState &state = mbarrierAt(*place.cta, place.offset);
  if (!isRelaxed)
    release(w, state.pending);
  return true;
}

bool ClusterRaces::waitedAtMbarrier(Warp &w, const Place &place, unsigned lane,
                                    bool isComplete, bool isRelaxed) {
  if (!visit(actorOf(w, lane, Touch::Strong),
             targetOf(*place.cta, place.offset), mbarrierBytes, false))
    return false;
  if (isComplete && !isRelaxed)
    acquire(w, mbarrierAt(*place.cta, place.offset).done);
  return true;
}

/// What the operation did is known to whoever knows that it is complete.
static void publish(const AsyncClock &op, Knowledge &to) {
  if (op.viaAsyncProxy)
    to.set(op.agent, op.epoch + 1);
  else
    to.generic.set(op.agent, op.epoch + 1);
}

void ClusterRaces::signalMbarrier(const AsyncOp &op) {
  Knowledge &pending = mbarrierAt(*op.signals, op.signalOffset).pending;
  pending.join(op.clock->known);
  publish(*op.clock, pending);
}

//===----------------------------------------------------------------------===//
// Asynchronous operations
//===----------------------------------------------------------------------===//

/// An agent that is free again once the issuer knows its last operation to be
/// complete: what knows of the new one then knows of the old one.
std::pair<Agent, uint32_t> ClusterRaces::takeSlot(const Warp &w) {
  static constexpr size_t tries = 8;
  const Clock &known = stateOf(w).now.generic;
  size_t first = warps.size(), most = agentMask - first;
  auto agent = [&](size_t slot) {
    return number << agentBits | static_cast<uint32_t>(first + slot);
  };
  size_t chosen = slots.size();
  for (size_t i = 0; i < std::min(tries, slots.size()); ++i) {
    slotToTry = (slotToTry + 1) % slots.size();
    if (known.of(agent(slotToTry)) >= slots[slotToTry]) {
      chosen = slotToTry;
      break;
    }
  }
  if (chosen == slots.size() && slots.size() < most)
    slots.push_back(0);
  else if (chosen == slots.size())
    chosen = slotToTry;
  slots[chosen] += 2;
  return {agent(chosen), slots[chosen] - 1};
}

/// Reads at the actor's epoch, writes and the signal one later.
void ClusterRaces::visitAll(const AsyncOp &op, Actor actor) {
  bool fine = true;
  for (const SharedRange &r : op.reads)
    fine = fine && visit(actor, targetOf(*r.cta, r.offset), r.bytes, false);
  for (const GlobalRange &r : op.globalReads)
    fine = fine &&
           visit(actor, {&grid.global, r.address, r.address, r.data, nullptr},
                 r.bytes, false);
  ++actor.epoch;
  for (const SharedRange &r : op.writes)
    fine = fine && visit(actor, targetOf(*r.cta, r.offset), r.bytes, true);
  actor.flags |= Touch::Strong;
  if (op.signals && fine)
    visit(actor, targetOf(*op.signals, op.signalOffset), mbarrierBytes, false);
}

void ClusterRaces::issue(Warp &w, unsigned lane, AsyncOp &op) {
  static constexpr uint64_t mostRemembered = 1 << 14;
  auto clock = std::make_shared<AsyncClock>();
  clock->known = stateOf(w).now;
  clock->viaAsyncProxy = op.viaAsyncProxy;
  for (uint64_t id : op.after)
    if (auto found = operations.find(id); found != operations.end()) {
      clock->known.join(found->second->known);
      publish(*found->second, clock->known);
    }
  std::tie(clock->agent, clock->epoch) = takeSlot(w);
  nextEpoch(w);

  compareSameBytes();
  bool oneLane = op.viaAsyncProxy && (w.active & (w.active - 1)) == 0;
  Actor actor =
      actorOf(w, oneLane ? lane : unsigned(Touch::manyLanes), Touch::Slot);
  if (op.viaAsyncProxy)
    actor.flags |= Touch::AsyncProxy;
  actor.agent = clock->agent;
  actor.epoch = clock->epoch;
  actor.known = &clock->known;
  visitAll(op, actor);
  op.clock = clock;
  operations[op.id] = std::move(clock);
  operations.erase(op.id - mostRemembered);
}

void ClusterRaces::waitedFor(Warp &w, uint64_t id, bool readOnly) {
  auto found = operations.find(id);
  if (found == operations.end())
    return;
  const AsyncClock &op = *found->second;
  Knowledge &now = stateOf(w).now;
  if (now.generic.of(op.agent) >= op.epoch + !readOnly)
    return;
  if (readOnly)
    return now.generic.set(op.agent, op.epoch);
  now.join(op.known);
  publish(op, now);
}

//===----------------------------------------------------------------------===//
// Atomics and other strong accesses
//===----------------------------------------------------------------------===//

/// What a relaxed store publishes. That a fence stood before a barrier of the
/// CTA, and the store after it, is common and taken to be fine.
static void publishFenced(const Knowledge &now, Knowledge &to) {
  to.generic.join(now.fenced);
  to.fenced.join(now.fenced);
  to.async.join(now.async);
  to.inits.join(now.inits);
  to.begun |= now.begun;
}

/// A release, or a fence before: what it published is known to whoever reads
/// the value and acquires, or has a fence afterwards.
void ClusterRaces::synchronise(Warp &w, const Place &place, uint64_t address,
                               uint8_t order, bool isStore) {
  auto &map = place.cta ? published : grid.published;
  uint64_t key = place.cta ? keyOf(*place.cta, place.offset) : address;
  WarpState &s = stateOf(w);
  auto found = map.find(key);
  bool reads = !isStore || order & Rmw;
  if (reads && found != map.end()) {
    if (order & Acquire)
      acquire(w, found->second);
    else
      s.toFence.join(found->second);
  }
  if (!isStore)
    return;
  if (!(order & Rmw) && found != map.end())
    map.erase(found);
  if (order & Release)
    release(w, map[key]);
  else if (!s.now.fenced.empty())
    publishFenced(s.now, map[key]);
}
