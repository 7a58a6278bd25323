// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// CTAs that run together: their warps take turns on one host thread, and their
// asynchronous operations share a queue. All choices come from one seed.
#ifndef NYBL_EMULATOR_EXEC_CLUSTER_H
#define NYBL_EMULATOR_EXEC_CLUSTER_H

#include "tools/emulator/Exec/Async.h"
#include "tools/emulator/Exec/Race.h"
#include "tools/emulator/Exec/Warp.h"
#include <atomic>

namespace nybl::emu {

/// What a cluster asks of the grid it belongs to.
struct GridState {
  const Kernel &kernel;
  LaunchConfig config;
  std::vector<uint8_t> parameters;
  GlobalMemory &memory;
  std::atomic<bool> prerequisitesDone{false};
  /// Device memory in which the CTAs of a cooperative grid meet; 0: none.
  uint64_t workspace = 0;
  std::unique_ptr<GridRaces> races; ///< null: not looked for

  GridState(const Kernel &kernel, const LaunchConfig &config,
            const uint8_t *parameters, GlobalMemory &memory);
  virtual ~GridState();
  GridState(const GridState &) = delete;
  GridState &operator=(const GridState &) = delete;
  Dim3 clusters() const; ///< in each direction
  uint64_t clusterCount() const;
  /// clusterlaunchcontrol.try_cancel: the first CTA of a cluster that had not
  /// started and now never will; false if none is left.
  virtual bool cancelCluster(Dim3 &firstCta) = 0;
  /// A CTA has executed launch_dependents, or ended.
  virtual void ctaTriggered() = 0;
  /// Starts dependent grids once all CTAs have; called between turns.
  virtual void fireTrigger() = 0;
  /// A lower cluster has a finding: this one's would not be reported.
  virtual bool isAbandoned(uint64_t cluster) const = 0;
};

struct Cluster {
  Cluster(GridState &grid, uint64_t number);

  enum class State {
    Finished,
    Failed,
    Waits, ///< for prerequisite grids
    Idle   ///< warps spin: perhaps another cluster must run first
  };
  State run();

  GridState &grid;
  uint64_t number; ///< within the grid
  Choices choices;
  AsyncQueue async;
  std::vector<std::unique_ptr<Cta>> ctas; ///< by rank
  std::unique_ptr<ClusterRaces> races;    ///< null: not looked for
  /// Changes that may let a waiting warp go on; work that spinning is not.
  uint64_t events = 0, effects = 0;
  uint64_t barrierPhase = 0; ///< of barrier.cluster
  uint64_t tensorFences = 0; ///< how many tcgen05.fence there were

  void changed() { ++events, ++effects; }
  bool failed() const;
  /// Opens barrier.cluster if all living lanes are there.
  void releaseClusterBarrier();
  /// Every warp of the cluster, by CTA.
  const std::vector<Warp *> &everyWarp() const { return warps; }

private:
  bool runTurns(); ///< false: no warp could run
  void runTurn(Warp &w);
  void finish();
  void reportDeadlock();
  bool allDone() const;
  bool waitsForPrerequisites() const;
  /// Every try_wait that waits in vain comes back with false, if there is hope
  /// that this helps.
  bool giveUpWaits();

  std::vector<Warp *> warps;
  bool spins = false; ///< since the last thing that happened
  /// Of giving up: rounds since something happened, or an event; what was then.
  struct {
    unsigned fruitless = 0, uneventful = 0;
    uint64_t effects = 0, events = 0, loads = 0;
    bool polls = false; ///< global memory was read since
  } patience;
};

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_CLUSTER_H
