// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A warp over its fragments: which lanes run, wait, meet again.

#include "tools/emulator/Exec/Cluster.h"
#include "tools/emulator/Exec/Counting.h"
#include "tools/emulator/Exec/Marks.h"
#include "tools/emulator/Exec/Wgmma.h"

#include <algorithm>

using namespace nybl::emu;

static uint64_t specialValue(const Warp &w, Special what, unsigned lane) {
  const Cta &cta = w.cta;
  const LaunchConfig &c = cta.config;
  uint32_t thread = w.id * 32 + lane;
  uint32_t below = (1u << lane) - 1;
  switch (what) {
  case Special::TidX:
    return thread % c.block.x;
  case Special::TidY:
    return thread / c.block.x % c.block.y;
  case Special::TidZ:
    return thread / c.block.x / c.block.y;
  case Special::NTidX:
    return c.block.x;
  case Special::NTidY:
    return c.block.y;
  case Special::NTidZ:
    return c.block.z;
  case Special::CtaX:
    return cta.index.x;
  case Special::CtaY:
    return cta.index.y;
  case Special::CtaZ:
    return cta.index.z;
  case Special::NCtaX:
    return c.grid.x;
  case Special::NCtaY:
    return c.grid.y;
  case Special::NCtaZ:
    return c.grid.z;
  case Special::LaneId:
    return lane;
  case Special::WarpId:
    return w.id;
  case Special::NWarpId:
    return (cta.threads + 31) / 32;
  case Special::SmId:
    return cta.index.x % c.multiprocessors;
  case Special::NSmId:
    return c.multiprocessors;
  case Special::LaneMaskEq:
    return below + 1;
  case Special::LaneMaskLt:
    return below;
  case Special::LaneMaskLe:
    return below + (below + 1);
  case Special::LaneMaskGt:
    return uint32_t(~(below + (below + 1)));
  case Special::LaneMaskGe:
    return uint32_t(~below);
  case Special::DynamicShared:
    return c.dynamicShared;
  case Special::TotalShared:
    return cta.shared.size();
  case Special::ClusterX:
    return cta.index.x / c.cluster.x;
  case Special::ClusterY:
    return cta.index.y / c.cluster.y;
  case Special::ClusterZ:
    return cta.index.z / c.cluster.z;
  case Special::NClusterX:
    return c.grid.x / c.cluster.x;
  case Special::NClusterY:
    return c.grid.y / c.cluster.y;
  case Special::NClusterZ:
    return c.grid.z / c.cluster.z;
  case Special::ClusterCtaX:
    return cta.index.x % c.cluster.x;
  case Special::ClusterCtaY:
    return cta.index.y % c.cluster.y;
  case Special::ClusterCtaZ:
    return cta.index.z % c.cluster.z;
  case Special::ClusterNCtaX:
    return c.cluster.x;
  case Special::ClusterNCtaY:
    return c.cluster.y;
  case Special::ClusterNCtaZ:
    return c.cluster.z;
  case Special::ClusterCtaRank:
    return cta.rank;
  case Special::ClusterNCtaRank:
    return cta.cluster.ctas.size();
  case Special::GridWorkspaceHigh:
    return cta.cluster.grid.workspace >> 32;
  case Special::GridWorkspaceLow:
    return cta.cluster.grid.workspace & 0xffffffff;
  case Special::IsExplicitCluster:
    return c.explicitCluster;
  default: // %gridid, and clocks, which are read as they go
    break;
  }
  return 0;
}

Warp::Warp(Cta &cta, unsigned id)
    : cta(cta), kernel(cta.kernel), id(id), file(kernel.slots * 32),
      taints(cta.config.poison ? kernel.slots * 32 : 0),
      local(32 * kernel.info.localBytes),
      localShadow(cta.config.checks || cta.config.poison ? local.size() : 0) {
  unsigned threads = std::min(32u, cta.threads - id * 32);
  lanes = mask = threads == 32 ? allLanes : (1u << threads) - 1;
  for (const Constant &constant : kernel.constants)
    for (unsigned lane = 0; lane < 32; ++lane) {
      uint64_t bits = constant.bits;
      if (constant.isShared)
        bits += cta.sharedAddress(0);
      if (constant.wide)
        q(constant.slot)[lane] = bits;
      else
        w(constant.slot)[lane] = static_cast<uint32_t>(bits);
    }
  for (const SpecialSlot &special : kernel.specials)
    for (unsigned lane = 0; lane < 32; ++lane)
      w(special.slot)[lane] =
          static_cast<uint32_t>(specialValue(*this, special.what, lane));
}

void Warp::report(FindingKind kind, unsigned lane, uint64_t address,
                  std::string message) {
  cta.report(kind, pc, id, lane, address, std::move(message));
}

/// Lanes that part run one fragment after the other, the one at the lowest pc
/// first; those at the same place become one. After many turns of a loop
/// another fragment goes on for a while.
void Warp::selectFragment() {
  if (mask)
    others.push_back({next, mask});
  mask = 0;
  reselect = false;
  if (others.empty()) {
    done = true;
    return;
  }
  for (size_t i = 0; i < others.size(); ++i)
    for (size_t k = others.size() - 1; k > i; --k)
      if (others[k].pc == others[i].pc) {
        others[i].mask |= others[k].mask;
        others[i].waits = false;
        others[i].wait = {};
        others.erase(others.begin() + static_cast<long>(k));
      }
  auto chosen = others.end();
  for (auto f = others.begin(); f != others.end(); ++f)
    if (isReady(*f) &&
        (chosen == others.end() || (!rotate && f->pc < chosen->pc)))
      chosen = f;
  if (chosen == others.end())
    return parkOrStuck();
  stay = rotate ? 1024 : 0;
  rotate = false;
  next = chosen->pc;
  mask = chosen->mask;
  resumed = chosen->wait;
  others.erase(chosen);
}

/// The running lanes wait for an event; others may go on.
void Warp::park() {
  --counters.warpInstructions; // it will run again
  if (!cta.lines.empty())
    --cta.lines[pc].executions;
  others.push_back({pc, mask, false, wait, cta.cluster.events});
  wait = {};
  mask = 0;
  reselect = true;
}

/// No fragment can run.
void Warp::parkOrStuck() {
  bool forEvents =
      std::any_of(others.begin(), others.end(),
                  [](const Fragment &f) { return f.wait.kind != Wait::None; });
  if (!forEvents)
    return stuck();
  waiting = true;
  barrier = nullptr;
  reselect = true;
}

/// For an event it tries again once something has changed.
bool Warp::isReady(const Fragment &f) const {
  return !f.waits &&
         (f.wait.kind == Wait::None || f.sawEvents != cta.cluster.events);
}

bool Warp::wake() {
  if (barrier || std::none_of(others.begin(), others.end(),
                              [&](const Fragment &f) { return isReady(f); }))
    return false;
  waiting = false;
  return true;
}

/// Every lane is in its own member mask.
static bool wholeWarpIsMember(const uint32_t *members) {
  uint32_t absent = 0;
  for (unsigned lane = 0; lane < 32; ++lane)
    absent |= ~members[lane] & 1u << lane;
  return absent == 0;
}

/// Lanes that do not find all they need wait here; the others go on.
bool Warp::everybodyIsHere(const Instr &in) {
  unsigned first = static_cast<unsigned>(__builtin_ctz(active));
  uint32_t needed = in.sync == Sync::WholeWarp ? allLanes : lanes;
  if (in.sync == Sync::Members || in.sync == Sync::WarpBarrier) {
    if (active == allLanes && wholeWarpIsMember(w(in.members)))
      return true;
    needed = 0;
    for (uint32_t m = active; m; m &= m - 1) {
      auto lane = static_cast<unsigned>(__builtin_ctz(m));
      uint32_t members = w(in.members)[lane];
      needed |= members & lanes;
      if (members >> lane & 1)
        continue;
      report(FindingKind::BarrierMisuse, lane, members,
             "a lane outside of its own member mask");
      return false;
    }
  }
  if ((needed & ~active) == 0)
    return true;
  bool aligned = in.sync == Sync::Aligned || in.sync == Sync::WholeWarp;
  if (aligned && (active != mask || needed & ~lanes)) {
    report(FindingKind::BarrierMisuse, first, 0,
           "an aligned instruction reached by some lanes of the warp only");
    return false;
  }
  others.push_back({pc, active, true});
  mask &= ~active;
  reselect = true;
  return false;
}

/// Every fragment waits. Barriers may be met at different places; all else is
/// a finding.
void Warp::stuck() {
  if (meetAtBarriers() || meetAtWarpBarriers()) {
    if (!waiting)
      selectFragment();
    else
      reselect = true;
    return;
  }
  auto f = std::min_element(
      others.begin(), others.end(),
      [](const Fragment &a, const Fragment &b) { return a.pc < b.pc; });
  pc = f->pc;
  report(FindingKind::BarrierMisuse,
         static_cast<unsigned>(__builtin_ctz(f->mask)), 0,
         "some lanes of the warp wait here for lanes that wait elsewhere");
}

/// All lanes at barriers of one number: the warp arrives.
bool Warp::meetAtBarriers() {
  uint32_t id = 0;
  for (const Fragment &f : others) {
    const Instr &in = kernel.code[f.pc];
    uint32_t own = in.a == noSlot ? 0 : w(in.a)[__builtin_ctz(f.mask)];
    if (in.sync != Sync::Barrier || (&f != &others.front() && own != id))
      return false;
    id = own;
  }
  const Instr &in = kernel.code[others.front().pc];
  pc = others.front().pc;
  active = lanes;
  for (Fragment &f : others)
    f = {f.pc + 1, f.mask};
  arriveAtBarrier(*this, in);
  return true;
}

/// Warp barriers whose members are all there, wherever they wait.
bool Warp::meetAtWarpBarriers() {
  auto memberMask = [&](const Fragment &f) {
    const Instr &in = kernel.code[f.pc];
    return in.sync == Sync::WarpBarrier
               ? w(in.members)[__builtin_ctz(f.mask)] & lanes
               : 0;
  };
  bool met = false;
  for (const Fragment &f : std::vector<Fragment>(others)) {
    uint32_t members = memberMask(f), there = 0;
    for (const Fragment &g : others)
      there |= memberMask(g) == members ? g.mask : 0;
    if (!members || members & ~there)
      continue;
    for (Fragment &g : others)
      if (memberMask(g) == members)
        g = {g.pc + 1, g.mask};
    if (races)
      races->syncLanes(*this, there);
    met = true;
  }
  return met;
}

template <bool Poison, bool Count>
void Warp::run(unsigned left) {
  if (reselect)
    selectFragment();
  for (; left && !done && !waiting && !cta.failed(); --left) {
    pc = next;
    const Instr &in = kernel.code[pc];
    next = pc + 1;
    active = mask;
    if (in.guard != noSlot) {
      if (Poison && guardIsMarked(in))
        return;
      uint32_t guard = predicate(in.guard);
      active &= in.guardNegated ? ~guard : guard;
    }
    ++counters.warpInstructions;
    if (active && (in.sync == Sync::None || everybodyIsHere(in))) {
      if (pendingRegisters && touchesPendingRegisters(*this, in))
        return;
      if (Count)
        countInstruction(*this, in);
      if (Poison && in.taint)
        in.taint(*this, in);
      in.run(*this, in);
    }
    if (++cta.steps > cta.config.maxSteps)
      return report(FindingKind::Timeout, 0, 0,
                    "more instructions than the limit: an endless loop?");
    if (wait.kind != Wait::None)
      park();
    if (reselect ? !waiting : !others.empty() && meets())
      selectFragment();
    if (yields)
      break;
  }
  yields = false;
}

template void Warp::run<true, true>(unsigned);
template void Warp::run<true, false>(unsigned);
template void Warp::run<false, true>(unsigned);
template void Warp::run<false, false>(unsigned);

/// Another fragment is where this one goes, or waits below.
bool Warp::meets() {
  if (stay)
    --stay;
  return std::any_of(others.begin(), others.end(), [&](const Fragment &f) {
    return f.pc == next || (!stay && isReady(f) && f.pc < next);
  });
}

bool Warp::guardIsMarked(const Instr &in) {
  if (cta.config.recorder)
    return false;
  const uint16_t *marks = taint(in.guard);
  if (!anyMarks(marks))
    return false;
  for (uint32_t m = mask; m; m &= m - 1) {
    unsigned lane = static_cast<unsigned>(__builtin_ctz(m));
    if (!marks[lane])
      continue;
    report(FindingKind::PoisonSteers, lane, 0,
           "a marked byte decides whether this runs");
    return true;
  }
  return false;
}
