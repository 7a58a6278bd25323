// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Running: a grid over host threads, a CTA over its warps, a warp over its
// fragments. Within a CTA everything is deterministic: warps run in turn until
// they wait.

#include "tools/emulator/Exec/Warp.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

using namespace nybl::emu;

void Counters::add(const Counters &o) {
  warpInstructions += o.warpInstructions;
  multiplies += o.multiplies;
  globalLoads += o.globalLoads;
  globalStores += o.globalStores;
  sharedLoads += o.sharedLoads;
  sharedStores += o.sharedStores;
}

//===----------------------------------------------------------------------===//
// Warp
//===----------------------------------------------------------------------===//

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
  default: // %gridid, and what has no value outside of a cluster
    break;
  }
  return 0;
}

Warp::Warp(Cta &cta, unsigned id)
    : cta(cta), kernel(cta.kernel), id(id), file(kernel.slots * 32),
      taints(cta.config.poison ? kernel.slots * 32 : 0),
      local(32 * kernel.info.localBytes),
      localShadow(cta.config.poison ? local.size() : 0, shadow::initialised) {
  unsigned threads = std::min(32u, cta.threads - id * 32);
  lanes = mask = threads == 32 ? allLanes : (1u << threads) - 1;
  for (const Constant &constant : kernel.constants)
    for (unsigned lane = 0; lane < 32; ++lane) {
      if (constant.wide)
        q(constant.slot)[lane] = constant.bits;
      else
        w(constant.slot)[lane] = static_cast<uint32_t>(constant.bits);
    }
  for (const SpecialSlot &special : kernel.specials)
    for (unsigned lane = 0; lane < 32; ++lane)
      w(special.slot)[lane] =
          static_cast<uint32_t>(specialValue(*this, special.what, lane));
}

void Warp::report(FindingKind kind, unsigned lane, uint64_t address,
                  std::string message) {
  if (cta.reports.size() >= 16)
    return;
  const SourceLine &source = kernel.source[pc];
  cta.reports.push_back({kind, kernel.info.name, source.line, source.text,
                         cta.index, static_cast<int>(id),
                         static_cast<int>(lane), address, std::move(message)});
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
        others.erase(others.begin() + static_cast<long>(k));
      }
  auto chosen = others.end();
  for (auto f = others.begin(); f != others.end(); ++f)
    if (!f->waits &&
        (chosen == others.end() || (!rotate && f->pc < chosen->pc)))
      chosen = f;
  if (chosen == others.end())
    return stuck();
  stay = rotate ? 1024 : 0;
  rotate = false;
  next = chosen->pc;
  mask = chosen->mask;
  others.erase(chosen);
}

/// Lanes that do not find all they need wait here; the others go on.
bool Warp::everybodyIsHere(const Instr &in) {
  unsigned first = static_cast<unsigned>(__builtin_ctz(active));
  uint32_t needed = in.sync == Sync::WholeWarp ? allLanes : lanes;
  if (in.sync == Sync::Members || in.sync == Sync::WarpBarrier) {
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
    met = true;
  }
  return met;
}

/// A warp that runs this long gives the others a turn: it may wait for them.
static constexpr unsigned stepsOfATurn = 1 << 16;

template <bool Poison>
void Warp::run() {
  if (reselect)
    selectFragment();
  for (unsigned left = stepsOfATurn; left && !done && !waiting && !cta.failed();
       --left) {
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
      if (Poison && in.taint)
        in.taint(*this, in);
      in.run(*this, in);
    }
    if (++cta.steps > cta.config.maxSteps)
      return report(FindingKind::Timeout, 0, 0,
                    "more instructions than the limit: an endless loop?");
    if (reselect ? !waiting : !others.empty() && meets())
      selectFragment();
  }
}

/// Another fragment is where this one goes, or waits below.
bool Warp::meets() {
  if (stay)
    --stay;
  return std::any_of(others.begin(), others.end(), [&](const Fragment &f) {
    return f.pc == next || (!stay && !f.waits && f.pc < next);
  });
}

bool Warp::guardIsMarked(const Instr &in) {
  const uint16_t *marks = taint(in.guard);
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

//===----------------------------------------------------------------------===//
// CTA
//===----------------------------------------------------------------------===//

/// Opens a barrier once everybody it waits for is there.
void Cta::releaseBarrier(unsigned id) {
  Barrier &b = barriers[id];
  if (b.arrived == 0)
    return;
  uint32_t expected = b.expected;
  if (expected == 0)
    for (const Warp &w : warps)
      expected += w.done ? 0 : 32;
  if (b.arrived < expected)
    return;
  Barrier opened = b;
  b = Barrier();
  for (Warp &w : warps)
    if (w.waiting && w.barrierId == id) {
      w.waiting = false;
      finishBarrier(w, opened);
    }
}

void Cta::run() {
  unsigned count = (threads + 31) / 32;
  warps.reserve(count);
  for (unsigned i = 0; i < count; ++i)
    warps.emplace_back(*this, i);
  bool progress = true;
  while (progress && !failed()) {
    progress = false;
    for (Warp &w : warps) {
      if (w.done || w.waiting)
        continue;
      progress = true;
      config.poison ? w.run<true>() : w.run<false>();
      if (failed())
        return;
      if (w.done)
        for (unsigned id = 0; id < 16; ++id)
          releaseBarrier(id);
    }
  }
  for (Warp &w : warps)
    if (!w.done)
      return w.report(FindingKind::Deadlock, 0, w.barrierId,
                      "warps wait at barrier " + std::to_string(w.barrierId) +
                          ", where " +
                          std::to_string(barriers[w.barrierId].arrived) +
                          " threads arrived and nobody else will");
}

//===----------------------------------------------------------------------===//
// Grid
//===----------------------------------------------------------------------===//

namespace {

struct Grid {
  const Kernel &kernel;
  const LaunchConfig &config;
  const uint8_t *parameters;
  GlobalMemory &memory;
  std::atomic<uint64_t> nextCta{0};
  std::mutex mutex{};
  uint64_t firstFailed = ~uint64_t(0);
  LaunchResult result{};

  uint64_t count() const {
    return uint64_t(config.grid.x) * config.grid.y * config.grid.z;
  }

  void runCta(uint64_t number, Counters &counters) {
    Cta cta{kernel, config, parameters, memory};
    cta.index = {static_cast<uint32_t>(number % config.grid.x),
                 static_cast<uint32_t>(number / config.grid.x % config.grid.y),
                 static_cast<uint32_t>(number / config.grid.x / config.grid.y)};
    cta.threads = config.block.x * config.block.y * config.block.z;
    cta.shared.assign(kernel.info.staticShared + config.dynamicShared, 0xcb);
    cta.sharedShadow.assign(cta.shared.size(), 0);
    cta.run();
    for (const Warp &w : cta.warps)
      counters.add(w.counters);
    if (cta.reports.empty())
      return;
    std::lock_guard lock(mutex);
    if (number < firstFailed) {
      firstFailed = number;
      result.reports = std::move(cta.reports);
    }
  }

  /// After a finding only lower CTAs matter: theirs would be reported instead.
  void work() {
    Counters counters;
    for (uint64_t number; (number = nextCta++) < count();) {
      {
        std::lock_guard lock(mutex);
        if (number > firstFailed)
          break;
      }
      runCta(number, counters);
    }
    std::lock_guard lock(mutex);
    result.counters.add(counters);
  }
};

} // namespace

LaunchResult nybl::emu::runKernel(const Program &program,
                                  const KernelInfo &info,
                                  const LaunchConfig &config,
                                  const uint8_t *parameters,
                                  GlobalMemory &memory) {
  const Kernel *kernel = kernelOf(program, info);
  if (!kernel)
    return {};
  Grid grid{*kernel, config, parameters, memory};
  unsigned hosts = config.hostThreads ? config.hostThreads
                                      : std::thread::hardware_concurrency();
  hosts = static_cast<unsigned>(
      std::min<uint64_t>(std::max(hosts, 1u), grid.count()));
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < hosts; ++i)
    threads.emplace_back([&] { grid.work(); });
  grid.work();
  for (std::thread &thread : threads)
    thread.join();
  return std::move(grid.result);
}
