// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A CTA's barriers, and a cluster's warps taking turns until all have ended.
// Within a cluster everything is deterministic.

#include "tools/emulator/Exec/Cluster.h"

#include "tools/emulator/Exec/TensorMemory.h"
#include <algorithm>
#include <utility>

using namespace nybl::emu;

//===----------------------------------------------------------------------===//
// CTA
//===----------------------------------------------------------------------===//

static constexpr uint8_t freshByte = 0xcb;

Cta::Cta(Cluster &cluster, unsigned rank, const Dim3 &index)
    : cluster(cluster), kernel(cluster.grid.kernel),
      config(cluster.grid.config), parameters(cluster.grid.parameters.data()),
      memory(cluster.grid.memory), rank(rank), index(index),
      shared(kernel.info.staticShared + config.dynamicShared, freshByte),
      sharedShadow(shared.size()), lines(config.count ? kernel.code.size() : 0),
      threads(config.block.x * config.block.y * config.block.z) {}

Cta::~Cta() = default;

void Cta::report(FindingKind kind, uint32_t pc, unsigned warp, unsigned lane,
                 uint64_t address, std::string message) {
  static constexpr size_t most = 16;
  bool isLabel = config.recorder && (kind == FindingKind::PoisonStored ||
                                     kind == FindingKind::PoisonSteers);
  if (reports.size() >= most || isLabel)
    return;
  const SourceLine &source = kernel.source[pc];
  reports.push_back(
      {kind, kernel.info.name, source.line, source.text, index,
       static_cast<int>(warp), static_cast<int>(lane), address,
       std::move(message),
       source.file.empty()
           ? std::string()
           : source.file + ":" + std::to_string(source.fileLine)});
}

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
  cluster.changed();
  if (cluster.races)
    cluster.races->openBarrier(*this, id);
  Barrier opened = b;
  b = Barrier();
  for (Warp &w : warps)
    if (w.waiting && w.barrier && w.barrierId == id) {
      w.waiting = false;
      finishBarrier(w, opened);
    }
}

/// Fewer warps for barriers to wait for.
void Cta::warpEnded() {
  for (unsigned id = 0; id < 16; ++id)
    releaseBarrier(id);
  cluster.releaseClusterBarrier();
  ended = std::all_of(warps.begin(), warps.end(),
                      [](const Warp &w) { return w.done; });
  if (!ended)
    return;
  checkTensorMemoryFreed(warps.front());
  checkRegistersAgree(*this);
  if (const AsyncOp *op = cluster.async.at(*this))
    op->report(FindingKind::AsyncMisuse, 0,
               "CTA (" + std::to_string(index.x) + "," +
                   std::to_string(index.y) + "," + std::to_string(index.z) +
                   ") has ended while " + op->what +
                   " is at work on its shared memory");
  if (!triggered)
    cluster.grid.ctaTriggered();
  triggered = true;
}

//===----------------------------------------------------------------------===//
// Cluster
//===----------------------------------------------------------------------===//

static Dim3 unflatten(uint64_t number, const Dim3 &extent) {
  return {static_cast<uint32_t>(number % extent.x),
          static_cast<uint32_t>(number / extent.x % extent.y),
          static_cast<uint32_t>(number / extent.x / extent.y)};
}

Cluster::Cluster(GridState &grid, uint64_t number)
    : grid(grid), number(number), choices(grid.config.seed ^ number),
      async(*this) {
  const Dim3 &shape = grid.config.cluster;
  Dim3 at = unflatten(number, grid.clusters());
  unsigned count = shape.x * shape.y * shape.z;
  for (unsigned rank = 0; rank < count; ++rank) {
    Dim3 in = unflatten(rank, shape);
    ctas.push_back(
        std::make_unique<Cta>(*this, rank,
                              Dim3{at.x * shape.x + in.x, at.y * shape.y + in.y,
                                   at.z * shape.z + in.z}));
  }
  for (auto &cta : ctas) {
    unsigned warpCount = (cta->threads + 31) / 32;
    cta->warps.reserve(warpCount);
    for (unsigned i = 0; i < warpCount; ++i)
      cta->warps.emplace_back(*cta, i);
    for (Warp &w : cta->warps)
      warps.push_back(&w);
  }
  if (!grid.races)
    return;
  races = std::make_unique<ClusterRaces>(*this, *grid.races);
  for (Warp *w : warps)
    w->races = races.get();
}

bool Cluster::failed() const {
  return std::any_of(ctas.begin(), ctas.end(),
                     [](auto &cta) { return cta->failed(); });
}

bool Cluster::allDone() const {
  return std::all_of(warps.begin(), warps.end(),
                     [](const Warp *w) { return w->done; });
}

void Cluster::releaseClusterBarrier() {
  bool all = std::all_of(warps.begin(), warps.end(), [](const Warp *w) {
    return (w->lanes & ~w->clusterArrived) == 0;
  });
  bool any = std::any_of(warps.begin(), warps.end(),
                         [](const Warp *w) { return w->clusterArrived != 0; });
  if (!all || !any)
    return;
  ++barrierPhase;
  if (races)
    races->openClusterBarrier();
  for (Warp *w : warps)
    w->clusterArrived = 0;
  changed();
}

/// Steps of a turn: long, for a warm cache; short ones mix warps well, and do
/// for those that spin while one operation after the other completes.
static constexpr unsigned longTurn = 1 << 12, shortTurn = 64;

void Cluster::runTurn(Warp &w) {
  bool random = grid.config.policy == SchedulePolicy::Random;
  unsigned steps = random  ? 1 + static_cast<unsigned>(choices.below(shortTurn))
                   : spins ? shortTurn
                           : longTurn;
  if (grid.config.count)
    grid.config.poison ? w.run<true, true>(steps) : w.run<false, true>(steps);
  else
    grid.config.poison ? w.run<true, false>(steps) : w.run<false, false>(steps);
  if (w.done) {
    ++effects;
    w.cta.warpEnded();
  }
  if (random)
    async.perhapsCompleteOne();
  grid.fireTrigger();
}

/// One turn for every warp that can run.
bool Cluster::runTurns() {
  bool ran = false;
  size_t count = warps.size();
  SchedulePolicy policy = grid.config.policy;
  bool backward = policy == SchedulePolicy::Adversary;
  size_t first = 0;
  if (policy == SchedulePolicy::Random) {
    first = choices.below(count);
    backward = choices.below(2) != 0;
  }
  for (size_t i = 0; i < count && !failed(); ++i) {
    Warp &w = *warps[(first + (backward ? count - 1 - i : i)) % count];
    if (w.done || (w.waiting && !w.wake()))
      continue;
    ran = true;
    runTurn(w);
  }
  return ran;
}

Cluster::State Cluster::run() {
  // Random turns are too short to tell work from spinning.
  unsigned idleTurns = grid.config.policy == SchedulePolicy::Random ? 256 : 1;
  for (unsigned idle = 0;;) {
    uint64_t before = effects;
    bool ran = runTurns();
    if (failed() || grid.isAbandoned(number))
      return State::Failed;
    if (allDone()) {
      finish();
      return failed() ? State::Failed : State::Finished;
    }
    idle = effects != before ? 0 : idle + 1;
    spins = idle >= idleTurns;
    if (ran && idle < idleTurns)
      continue;
    if (async.completeOne() || async.completeOne(true))
      continue;
    if (!ran && waitsForPrerequisites())
      return State::Waits;
    bool gaveUp = giveUpWaits();
    if (gaveUp && !ran && !patience.polls)
      continue;
    if (ran || gaveUp)
      return State::Idle;
    reportDeadlock();
    return State::Failed;
  }
}

/// PTX lets try_wait come back with false after a time limit. Where nothing
/// else can go on all of them do: kernels peek at barriers, or try a few times,
/// and then do what others wait for. A loop that does nothing else is a
/// deadlock after so many rounds, and so is one that only stores (its own
/// counter, spilled). One that reads global memory may wait for another
/// cluster.
bool Cluster::giveUpWaits() {
  static constexpr unsigned mostFruitless = 1 << 10, mostUneventful = 1 << 12;
  uint64_t loads = 0;
  for (const Warp *w : warps)
    loads += w->counters.globalLoads;
  auto &p = patience;
  p.polls = std::exchange(p.loads, loads) != loads;
  if (std::exchange(p.effects, effects) != effects || p.polls)
    p.fruitless = 0;
  bool othersMayHelp = p.polls && grid.clusterCount() > 1;
  if (std::exchange(p.events, events) != events || othersMayHelp)
    p.uneventful = 0;
  if (p.fruitless == mostFruitless || p.uneventful == mostUneventful)
    return false;
  ++p.fruitless;
  ++p.uneventful;
  bool any = false;
  for (Warp *w : warps)
    for (Fragment &f : w->others)
      if (f.wait.kind == Wait::Mbarrier) {
        f.wait.givesUp = any = true;
        f.sawEvents = events - 1; // ready
      }
  return any;
}

bool Cluster::waitsForPrerequisites() const {
  return !grid.prerequisitesDone &&
         std::any_of(warps.begin(), warps.end(), [](const Warp *w) {
           return std::any_of(w->others.begin(), w->others.end(),
                              [](const Fragment &f) {
                                return f.wait.kind == Wait::Prerequisites;
                              });
         });
}

/// Nobody waits any more for what is left in the queue.
void Cluster::finish() {
  while (!failed() && async.completeOne(true))
    ;
  if (races)
    races->compareSameBytes();
}

/// What a warp waits for, in words.
static std::string waitText(const Warp &w) {
  if (w.barrier)
    return "barrier " + std::to_string(w.barrierId) + ", where " +
           std::to_string(w.cta.barriers[w.barrierId].arrived) +
           " threads have arrived";
  std::string text;
  for (const Fragment &f : w.others) {
    text += text.empty() ? "" : " and ";
    switch (f.wait.kind) {
    case Wait::Mbarrier: {
      auto found = f.wait.cta->mbarriers.find(f.wait.offset);
      text += "the mbarrier at offset " + std::to_string(f.wait.offset);
      if (found != f.wait.cta->mbarriers.end())
        text += " (" + found->second.text() + ")";
      break;
    }
    case Wait::CopyGroup:
      text += "a group of asynchronous copies";
      break;
    case Wait::ClusterBarrier:
      text += "barrier.cluster";
      break;
    case Wait::TensorMemory:
      text += "free columns of tensor memory";
      break;
    default:
      text += "lanes of its own";
      break;
    }
  }
  return text;
}

/// One finding at the first warp that waits, with what each one waits for.
void Cluster::reportDeadlock() {
  Warp *first = nullptr;
  std::string text;
  unsigned named = 0;
  for (Warp *w : warps) {
    if (w->done)
      continue;
    first = first ? first : w;
    if (++named > 16)
      continue;
    uint32_t pc = w->barrier || w->others.empty() ? w->pc : w->others[0].pc;
    text += "; rank " + std::to_string(w->cta.rank) + " warp " +
            std::to_string(w->id) + " waits at PTX line " +
            std::to_string(grid.kernel.source[pc].line) + " for " +
            waitText(*w);
  }
  if (!first->barrier && !first->others.empty())
    first->pc = first->others[0].pc;
  first->report(FindingKind::Deadlock, 0, first->barrierId,
                "every warp waits and nobody else will come" + text);
}
