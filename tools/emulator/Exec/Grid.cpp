// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A grid over host threads. Each thread runs one cluster to its end if it can;
// where warps spin, perhaps for another cluster, further ones join until the
// chip is full.

#include "tools/emulator/Exec/Cluster.h"
#include "tools/emulator/Exec/Counting.h"

#include <algorithm>
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
  bulkBytes += o.bulkBytes;
  tensorBytes += o.tensorBytes;
  asyncBytesLoaded += o.asyncBytesLoaded;
  for (unsigned i = 0; i < mostRoles; ++i)
    roles[i] += o.roles[i];
  sharedWavefronts += o.sharedWavefronts;
  idealWavefronts += o.idealWavefronts;
  sectorsLoaded += o.sectorsLoaded;
  sectorsStored += o.sectorsStored;
  bytesLoaded += o.bytesLoaded;
  bytesStored += o.bytesStored;
  mostBytesInFlight = std::max(mostBytesInFlight, o.mostBytesInFlight);
}

GridState::GridState(const Kernel &kernel, const LaunchConfig &config,
                     const uint8_t *parameters, GlobalMemory &memory)
    : kernel(kernel), config(config),
      parameters(parameters, parameters + kernel.info.parameterBytes),
      memory(memory), prerequisitesDone(!config.hasPrerequisites),
      races(config.races ? std::make_unique<GridRaces>() : nullptr) {
  // Without it a cooperative group knows that it may not synchronise, and
  // traps.
  if (!kernel.usesGridWorkspace || !config.cooperative)
    return;
  // cooperative_groups/details/driver_abi.h: two words, the second a barrier.
  constexpr uint32_t words[2] = {sizeof words, 0};
  if (Expected<uint64_t> address = memory.allocate(sizeof words)) {
    workspace = *address;
    memory.write(workspace, words, sizeof words);
  }
}

GridState::~GridState() {
  if (workspace)
    memory.release(workspace);
}

Dim3 GridState::clusters() const {
  return {config.grid.x / config.cluster.x, config.grid.y / config.cluster.y,
          config.grid.z / config.cluster.z};
}

uint64_t GridState::clusterCount() const {
  Dim3 n = clusters();
  return uint64_t(n.x) * n.y * n.z;
}

namespace {

using ClusterRef = std::unique_ptr<Cluster>;

class Grid : public GridRun, public GridState {
public:
  using GridState::GridState;

  void advance() override;
  bool finished() const override {
    return waiting.empty() && (next >= clusterCount() || failed());
  }
  void prerequisitesComplete() override {
    prerequisitesDone = true;
    for (ClusterRef &cluster : waiting)
      cluster->changed();
  }
  LaunchResult takeResult() override {
    result.lines = countedLines(kernel, lines);
    return std::move(result);
  }

private:
  bool cancelCluster(Dim3 &firstCta) override;
  void ctaTriggered() override { ++triggered; }
  void fireTrigger() override;
  bool isAbandoned(uint64_t cluster) const override {
    return cluster > firstFailed.load(std::memory_order_relaxed);
  }
  bool failed() const { return firstFailed != none; }

  void work();
  ClusterRef takeCluster(bool isFirst);
  bool retire(ClusterRef &cluster, Cluster::State state);
  uint64_t mostResident() const;

  static constexpr uint64_t none = ~uint64_t(0);
  std::mutex mutex;
  uint64_t next = 0;               ///< cluster to start
  uint64_t resident = 0;           ///< started and not ended
  std::vector<ClusterRef> waiting; ///< for prerequisites
  std::atomic<uint64_t> firstFailed{none}, triggered{0};
  std::atomic<bool> fired{false};
  std::vector<LineCounts> lines; ///< by pc
  LaunchResult result;
};

/// Shared memory that the system takes of each CTA's (CUDA C++ Programming
/// Guide, compute capability 8.0 and later).
constexpr uint64_t reservedShared = 1024;

/// Clusters that the chip holds at a time.
uint64_t Grid::mostResident() const {
  const ChipLimits &chip = *kernel.chip;
  uint64_t threads = uint64_t(config.block.x) * config.block.y * config.block.z;
  uint64_t shared =
      kernel.info.staticShared + config.dynamicShared + reservedShared;
  uint64_t ctas = std::min<uint64_t>({chip.ctasPerMultiprocessor,
                                      chip.threadsPerMultiprocessor / threads,
                                      chip.sharedPerMultiprocessor / shared});
  ctas = std::max<uint64_t>(ctas, 1) * config.multiprocessors;
  uint64_t size =
      uint64_t(config.cluster.x) * config.cluster.y * config.cluster.z;
  return std::max<uint64_t>(ctas / size, 1);
}

/// A cluster to run: one whose prerequisites have completed, or a new one.
ClusterRef Grid::takeCluster(bool isFirst) {
  std::lock_guard lock(mutex);
  if (prerequisitesDone && !waiting.empty()) {
    ClusterRef cluster = std::move(waiting.back());
    waiting.pop_back();
    return cluster;
  }
  bool full = resident >= mostResident() && (!isFirst || !waiting.empty());
  if (next >= clusterCount() || failed() || full)
    return nullptr;
  ++resident;
  return std::make_unique<Cluster>(*this, next++);
}

bool Grid::cancelCluster(Dim3 &firstCta) {
  std::lock_guard lock(mutex);
  if (next >= clusterCount())
    return false;
  uint64_t number = next++;
  const Dim3 n = clusters(), &c = config.cluster;
  firstCta = {static_cast<uint32_t>(number % n.x) * c.x,
              static_cast<uint32_t>(number / n.x % n.y) * c.y,
              static_cast<uint32_t>(number / n.x / n.y) * c.z};
  triggered += uint64_t(c.x) * c.y * c.z;
  return true;
}

void Grid::fireTrigger() {
  uint64_t all = uint64_t(config.grid.x) * config.grid.y * config.grid.z;
  if (triggered.load(std::memory_order_relaxed) == all && onTriggered &&
      !fired.exchange(true))
    onTriggered();
}

/// Of the lowest cluster with findings those of its lowest CTA are reported.
bool Grid::retire(ClusterRef &cluster, Cluster::State state) {
  if (state == Cluster::State::Idle && !failed())
    return false;
  std::lock_guard lock(mutex);
  if (state == Cluster::State::Waits && !failed()) {
    waiting.push_back(std::move(cluster));
    return true;
  }
  --resident;
  for (auto &cta : cluster->ctas) {
    addCounts(*cta, lines, result.counters);
    if (cta->failed() && cluster->number < firstFailed) {
      firstFailed = cluster->number;
      result.reports = std::move(cta->reports);
    }
  }
  cluster.reset();
  return true;
}

/// What this thread runs: one cluster, or several that spin in turn.
void Grid::work() {
  std::vector<ClusterRef> own;
  for (;;) {
    bool isFirst = own.empty();
    if (ClusterRef cluster = takeCluster(isFirst))
      own.push_back(std::move(cluster));
    if (own.empty())
      return;
    for (ClusterRef &cluster : own)
      retire(cluster, cluster->run());
    std::erase(own, nullptr);
  }
}

void Grid::advance() {
  unsigned hosts = races ? 1 : config.hostThreads;
  if (hosts == 0)
    hosts = config.policy == SchedulePolicy::Eager
                ? std::thread::hardware_concurrency()
                : 1;
  hosts = static_cast<unsigned>(
      std::min<uint64_t>({std::max(hosts, 1u), clusterCount(),
                          std::max<uint64_t>(mostResident(), 1)}));
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < hosts; ++i)
    threads.emplace_back([&] { work(); });
  work();
  for (std::thread &thread : threads)
    thread.join();
  fireTrigger();
}

} // namespace

std::unique_ptr<GridRun> nybl::emu::startKernel(const Program &program,
                                                const KernelInfo &info,
                                                const LaunchConfig &config,
                                                const uint8_t *parameters,
                                                GlobalMemory &memory) {
  const Kernel *kernel = kernelOf(program, info);
  if (!kernel)
    return nullptr;
  return std::make_unique<Grid>(*kernel, config, parameters, memory);
}

LaunchResult nybl::emu::runKernel(const Program &program,
                                  const KernelInfo &info,
                                  const LaunchConfig &config,
                                  const uint8_t *parameters,
                                  GlobalMemory &memory) {
  std::unique_ptr<GridRun> run =
      startKernel(program, info, config, parameters, memory);
  if (!run)
    return {};
  run->advance();
  return run->takeResult();
}
