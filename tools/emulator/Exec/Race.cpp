// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Accesses that nothing orders, in the manner of FastTrack (Flanagan and
// Freund, PLDI 2009): a cell knows its latest store and the loads since.

#include "tools/emulator/Exec/Race.h"

#include "tools/emulator/Exec/Cluster.h"

using namespace nybl::emu;

uint8_t nybl::emu::memoryOrderOf(std::string_view opcode) {
  auto has = [&](std::string_view qualifier) {
    for (size_t at = opcode.find(qualifier); at != opcode.npos;
         at = opcode.find(qualifier, at + 1)) {
      size_t end = at + qualifier.size();
      if (end == opcode.size() || opcode[end] == '.')
        return true;
    }
    return false;
  };
  uint8_t order = 0;
  if (opcode.starts_with("atom.") || opcode.starts_with("red."))
    order |= Relaxed | Rmw;
  if (has(".relaxed") || has(".volatile") || has(".mmio"))
    order |= Relaxed;
  if (has(".acquire") || has(".acq_rel"))
    order |= Relaxed | Acquire;
  if (has(".release") || has(".acq_rel"))
    order |= Relaxed | Release;
  return order;
}

ClusterRaces::ClusterRaces(Cluster &cluster, GridRaces &grid)
    : cluster(cluster), grid(grid),
      number(static_cast<uint32_t>(cluster.number) &
             ((1u << (32 - agentBits)) - 1)),
      warps(cluster.everyWarp().size()), shared(cluster.ctas.size()),
      named(cluster.ctas.size()) {
  for (const Warp *w : cluster.everyWarp()) {
    nextEpoch(*w);
    stateOf(*w).now.begun = 1u << w->cta.rank;
  }
}

Agent ClusterRaces::agentOf(const Warp &w) const {
  return number << agentBits |
         static_cast<uint32_t>(w.cta.rank * w.cta.warps.size() + w.id);
}

ClusterRaces::WarpState &ClusterRaces::stateOf(const Warp &w) {
  return warps[agentOf(w) & agentMask];
}

void ClusterRaces::nextEpoch(const Warp &w) {
  WarpState &s = stateOf(w);
  s.now.generic.set(agentOf(w), ++s.epoch);
}

ClusterRaces::Actor ClusterRaces::actorOf(Warp &w, unsigned lane,
                                          uint8_t flags) {
  WarpState &s = stateOf(w);
  Agent agent = agentOf(w);
  return {agent,   agent,
          s.epoch, &s.now,
          &w,      lane,
          flags,   static_cast<uint16_t>(w.counters.warpInstructions)};
}

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

/// Lanes of one warp: in order for the same lane, and where both have come to
/// a barrier since.
bool ClusterRaces::lanesAreSynced(const Touch &before, const Actor &now) {
  if (now.lane == Touch::manyLanes || before.lane == now.lane ||
      before.lane == Touch::wholeWarp)
    return true;
  const auto &syncedAt = stateOf(*now.w).syncedAt;
  return before.epoch < syncedAt[now.lane] &&
         (before.lane == Touch::manyLanes ||
          before.epoch < syncedAt[before.lane]);
}

bool ClusterRaces::isOrdered(const Touch &before, const Actor &now) {
  if (before.epoch == 0 || before.agent == now.agent)
    return before.epoch == 0 || (before.flags & Touch::Slot) ||
           lanesAreSynced(before, now);
  if (before.agent == now.issuer)
    return lanesAreSynced(before, now);
  if (now.known->generic.of(before.agent) >= before.epoch)
    return true;
  return before.flags & Touch::Init &&
         now.known->inits.of(before.agent) >= before.epoch;
}

/// After a store by another proxy, with no fence in between that counts.
bool ClusterRaces::lacksFence(const Touch &before, const Actor &now,
                              const Target &target, bool isStore) const {
  bool strict = cluster.grid.config.strictProxyFence;
  bool isInit = before.flags & Touch::Init;
  if (!(now.flags & Touch::AsyncProxy) || before.flags & Touch::AsyncProxy ||
      now.known->async.of(before.agent) >= before.epoch)
    return false;
  if (isInit && now.known->inits.of(before.agent) >= before.epoch)
    return false;
  // Kernels of others have no fence between an mbarrier.init and copies of the
  // same CTA that signal it, nor (Triton) before a copy overwrites what
  // tcgen05.alloc stored: PTX does not say through which proxy that was.
  bool lax = (isInit && target.cta == &now.w->cta) ||
             (before.flags & Touch::Allocates && isStore);
  return strict || !lax;
}

/// True if the access may follow the one before.
bool ClusterRaces::check(const Touch &before, const Actor &now,
                         const Target &target, uint32_t at, uint32_t bytes,
                         bool wasStore, bool isStore) {
  if (before.epoch == 0 || (before.flags & now.flags & Touch::Strong))
    return true;
  bool sameLane = before.agent == now.agent && before.lane == now.lane;
  if (sameLane && !(now.flags & Touch::AsyncProxy))
    return true;
  if (!isOrdered(before, now)) {
    bool sameInstruction = before.agent == now.agent && wasStore && isStore &&
                           before.serial == now.serial &&
                           before.pc == now.w->pc && !(now.flags & Touch::Slot);
    if (!sameInstruction) {
      reportRace(before, now, target, at, wasStore, isStore);
      return false;
    }
    for (uint32_t i = 0; i < bytes; ++i)
      sameBytes.push_back({target.data + at + i, target.data[at + i], now.w,
                           now.w->pc, now.lane, target.address + at + i});
    return true;
  }
  if (!wasStore || !lacksFence(before, now, target, isStore))
    return true;
  reportFence(before, now, target, at, isStore);
  return false;
}

//===----------------------------------------------------------------------===//
// Cells
//===----------------------------------------------------------------------===//

/// One lane, or several of the same warp.
static void merge(Touch &into, const Touch &touch, bool ordered) {
  bool oneLane = ordered || into.lane == touch.lane;
  uint8_t strong = into.flags & touch.flags & Touch::Strong;
  into = touch;
  if (oneLane)
    return;
  into.lane = Touch::manyLanes;
  into.flags = static_cast<uint8_t>((into.flags & ~Touch::Strong) | strong);
}

void ClusterRaces::rememberLoad(Cell &cell, const Actor &actor,
                                const Touch &touch, bool isShared) {
  static constexpr size_t mostLoads = 8; ///< of global memory
  if (bool ordered = isOrdered(cell.load, actor);
      ordered || cell.load.agent == touch.agent)
    return merge(cell.load, touch, ordered);
  if (!cell.moreLoads)
    cell.moreLoads = std::make_unique<std::vector<Touch>>();
  for (Touch &other : *cell.moreLoads)
    if (other.agent == touch.agent || isOrdered(other, actor))
      return merge(other, touch, isOrdered(other, actor));
  if (isShared || cell.moreLoads->size() < mostLoads)
    cell.moreLoads->push_back(touch);
}

bool ClusterRaces::visitCell(const Actor &actor, const Target &target,
                             Cell &cell, uint32_t at, uint32_t bytes,
                             bool isStore) {
  auto lane =
      static_cast<uint8_t>(actor.together ? Touch::wholeWarp : actor.lane);
  auto isSame = [&](const Touch &t) {
    return t.agent == actor.agent && t.epoch == actor.epoch && t.lane == lane &&
           t.flags == actor.flags;
  };
  if (!isStore && isSame(cell.load))
    return true;
  Touch touch{actor.agent, actor.epoch, actor.w->pc,
              lane,        actor.flags, actor.serial};
  if (!check(cell.store, actor, target, at, bytes, true, isStore))
    return false;
  if (!isStore) {
    rememberLoad(cell, actor, touch, target.cta != nullptr);
    return true;
  }
  if (!check(cell.load, actor, target, at, bytes, false, true))
    return false;
  if (cell.moreLoads) {
    for (const Touch &load : *cell.moreLoads)
      if (!check(load, actor, target, at, bytes, false, true))
        return false;
    cell.moreLoads->clear();
  }
  cell.load = {};
  bool sameStore = cell.store.agent == touch.agent &&
                   cell.store.serial == touch.serial &&
                   cell.store.lane != touch.lane;
  cell.store = touch;
  if (sameStore)
    cell.store.lane = Touch::manyLanes;
  return true;
}

static std::unique_ptr<std::array<Cell, 4>> split(const Cell &cell) {
  auto bytes = std::make_unique<std::array<Cell, 4>>();
  for (Cell &byte : *bytes) {
    byte.store = cell.store;
    byte.load = cell.load;
    if (cell.moreLoads)
      byte.moreLoads = std::make_unique<std::vector<Touch>>(*cell.moreLoads);
  }
  return bytes;
}

bool ClusterRaces::visitBytes(const Actor &actor, const Target &target,
                              Cell &cell, uint32_t at, uint32_t first,
                              uint32_t bytes, bool isStore) {
  if (!cell.bytes)
    cell.bytes = split(cell);
  for (uint32_t i = 0; i < bytes; ++i)
    if (!visitCell(actor, target, (*cell.bytes)[first + i], at + i, 1, isStore))
      return false;
  if (!isStore || bytes < 4)
    return true;
  cell.store = (*cell.bytes)[0].store;
  cell.load = {};
  if (cell.moreLoads)
    cell.moreLoads->clear();
  cell.bytes.reset();
  return true;
}

/// A CTA's shared memory may be touched by others from when it has begun, which
/// a cluster barrier tells.
bool ClusterRaces::hasBegun(const Actor &actor, const Target &target) {
  if (!target.cta || actor.known->begun >> target.cta->rank & 1)
    return true;
  actor.w->report(FindingKind::Race,
                  actor.lane == Touch::manyLanes ? 0 : actor.lane,
                  target.address,
                  "CTA rank " + std::to_string(target.cta->rank) +
                      " has perhaps not begun yet, whose shared memory this "
                      "is; a cluster barrier would tell");
  return false;
}

bool ClusterRaces::visit(const Actor &actor, const Target &target,
                         uint32_t bytes, bool isStore) {
  if (!hasBegun(actor, target))
    return false;
  for (uint32_t at = 0; at < bytes;) {
    auto first = static_cast<uint32_t>((target.key + at) % 4);
    uint32_t count = std::min(4 - first, bytes - at);
    Cell &cell = target.pages->at((target.key + at) / 4);
    bool fine =
        count == 4 && !cell.bytes
            ? visitCell(actor, target, cell, at, count, isStore)
            : visitBytes(actor, target, cell, at, first, count, isStore);
    if (!fine)
      return false;
    at += count;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Accesses
//===----------------------------------------------------------------------===//

ClusterRaces::Target ClusterRaces::targetOf(Cta &cta, uint32_t offset) {
  return {&shared[cta.rank], offset, cta.sharedAddress(offset),
          &cta.shared[offset], &cta};
}

bool ClusterRaces::access(Warp &w, const Place &place, unsigned lane,
                          uint64_t address, uint32_t bytes, bool isStore) {
  if (!place.cta && place.space != MemorySpace::Global)
    return true;
  compareSameBytes();
  const Instr &in = w.kernel.code[w.pc];
  uint8_t order = in.order;
  if (order)
    synchronise(w, place, address, order, isStore);
  Target target =
      place.cta ? targetOf(*place.cta, place.offset)
                : Target{&grid.global, address, address, place.data, nullptr};
  Actor actor = actorOf(w, lane, order ? uint8_t(Touch::Strong) : uint8_t(0));
  actor.together = in.sync == Sync::Aligned || in.sync == Sync::WholeWarp;
  return visit(actor, target, bytes, isStore);
}

bool ClusterRaces::storeTensorAddress(Warp &w, const Place &place,
                                      unsigned lane) {
  compareSameBytes();
  Actor actor = actorOf(w, lane, Touch::Allocates);
  actor.together = true;
  return visit(actor, targetOf(*place.cta, place.offset), 4, true);
}

bool ClusterRaces::loadGlobal(Warp &w, unsigned lane, uint64_t address,
                              const uint8_t *data, uint32_t bytes) {
  return visit(actorOf(w, lane, 0),
               {&grid.global, address, address, data, nullptr}, bytes, false);
}

/// What a lane stored over another one's bytes, in the same instruction.
void ClusterRaces::compareBytes() {
  for (const SameBytes &same : std::exchange(sameBytes, {})) {
    if (*same.data == same.old || same.w->cta.failed())
      continue;
    uint32_t pc = std::exchange(same.w->pc, same.pc);
    same.w->report(FindingKind::Race, same.lane, same.address,
                   "lanes of one store write different values to this byte");
    same.w->pc = pc;
  }
}

//===----------------------------------------------------------------------===//
// Reports
//===----------------------------------------------------------------------===//

/// Whose access that was, as the warp that finds it would say.
std::string ClusterRaces::nameOf(const Touch &touch, const Warp &teller) const {
  const SourceLine &source = teller.kernel.source[touch.pc];
  std::string line =
      " of PTX line " + std::to_string(source.line) + " (" + source.text + ")";
  if (touch.flags & Touch::Slot)
    return line;
  const GridState &g = cluster.grid;
  uint32_t index = touch.agent & agentMask;
  auto perCta = static_cast<uint32_t>(teller.cta.warps.size());
  line += " by warp " + std::to_string(index % perCta);
  if (touch.lane < 32)
    line += ", lane " + std::to_string(touch.lane);
  uint32_t home = touch.agent >> agentBits;
  if (home == number && index / perCta == teller.cta.rank)
    return line;
  if (home == number)
    return line + ", of CTA rank " + std::to_string(index / perCta);
  const Dim3 n = g.clusters();
  return line + ", of cluster (" + std::to_string(home % n.x) + "," +
         std::to_string(home / n.x % n.y) + "," +
         std::to_string(home / n.x / n.y) + ") rank " +
         std::to_string(index / perCta);
}

static const char *verb(bool isStore) { return isStore ? "a store" : "a load"; }

void ClusterRaces::reportRace(const Touch &before, const Actor &now,
                              const Target &target, uint32_t at, bool wasStore,
                              bool isStore) {
  bool isInit = before.flags & Touch::Init;
  bool lacksFence = isInit && target.cta && target.cta != &now.w->cta;
  std::string text =
      isInit ? "an mbarrier is used that the mbarrier.init" +
                   nameOf(before, *now.w) +
                   " has perhaps not initialised yet: nothing orders the two"
             : std::string(verb(isStore)) + " that nothing orders after the " +
                   (wasStore ? "store" : "load") + nameOf(before, *now.w);
  if (lacksFence)
    text += "; a fence.mbarrier_init and a cluster barrier would";
  now.w->report(lacksFence ? FindingKind::MissingFence : FindingKind::Race,
                now.lane == Touch::manyLanes ? 0 : now.lane,
                target.address + at, std::move(text));
}

void ClusterRaces::reportFence(const Touch &before, const Actor &now,
                               const Target &target, uint32_t at,
                               bool isStore) {
  now.w->report(FindingKind::MissingFence,
                now.lane == Touch::manyLanes ? 0 : now.lane,
                target.address + at,
                std::string(verb(isStore)) +
                    " by the async proxy after the ordinary store" +
                    nameOf(before, *now.w) +
                    ", without a fence.proxy.async between them");
}
