// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which accesses are ordered: vector clocks of warps and asynchronous
// operations, and for each granule of shared and global memory who touched it
// last. Everything here does nothing unless LaunchConfig::races is on.
#ifndef NYBL_EMULATOR_EXEC_RACE_H
#define NYBL_EMULATOR_EXEC_RACE_H

#include "tools/emulator/Exec/Access.h"
#include "tools/emulator/Exec/Async.h"
#include "tools/emulator/Exec/RaceClock.h"
#include "tools/emulator/Exec/RaceMemory.h"

namespace nybl::emu {

/// How an access takes part in ordering; bits of Instr::order. 0: weak.
enum MemoryOrder : uint8_t { Relaxed = 1, Acquire = 2, Release = 4, Rmw = 8 };

/// The bits that the qualifiers of an opcode stand for.
uint8_t memoryOrderOf(std::string_view opcode);

/// What the clusters of a launch share.
struct GridRaces {
  CellPages global;
  /// What a release at an address of global memory has published.
  std::unordered_map<uint64_t, Knowledge> published;
};

/// What an asynchronous operation knew at its issue, and its own accesses:
/// reads at `epoch`, writes one later.
struct AsyncClock {
  Knowledge known;
  Agent agent = 0;
  uint32_t epoch = 0;
  bool viaAsyncProxy = true;
};

class ClusterRaces {
public:
  ClusterRaces(Cluster &cluster, GridRaces &grid);

  /// An ordinary access; false: reported.
  bool access(Warp &w, const Place &place, unsigned lane, uint64_t address,
              uint32_t bytes, bool isStore);
  /// What tcgen05.alloc stores; false: reported.
  bool storeTensorAddress(Warp &w, const Place &place, unsigned lane);
  /// The source of an asynchronous copy; false: reported.
  bool loadGlobal(Warp &w, unsigned lane, uint64_t address, const uint8_t *data,
                  uint32_t bytes);
  /// Reports what the latest store brought to light.
  void compareSameBytes() {
    if (!sameBytes.empty())
      compareBytes();
  }

  // Barriers ----------------------------------------------------------------
  void arriveAtBarrier(Warp &w, unsigned id);
  void openBarrier(Cta &cta, unsigned id); ///< before waiting warps go on
  void arriveAtCluster(Warp &w, bool isRelaxed);
  void openClusterBarrier();
  void leaveClusterBarrier(Warp &w);
  void syncLanes(Warp &w, uint32_t lanes);

  // Fences --------------------------------------------------------------------
  void fence(Warp &w);
  void proxyFence(Warp &w);
  void initFence(Warp &w);

  // mbarriers ---------------------------------------------------------------
  /// Initialised or made invalid.
  bool changeMbarrier(Warp &w, const Place &place, unsigned lane, bool isInit);
  /// Before the arrival takes effect.
  bool arriveAtMbarrier(Warp &w, const Place &place, unsigned lane,
                        bool isRelaxed);
  bool waitedAtMbarrier(Warp &w, const Place &place, unsigned lane,
                        bool isComplete, bool isRelaxed);
  void signalMbarrier(const AsyncOp &op);

  // Asynchronous operations -------------------------------------------------
  void issue(Warp &w, unsigned lane, AsyncOp &op);
  /// The warp has waited for it or, readOnly, until it has read its source.
  void waitedFor(Warp &w, uint64_t id, bool readOnly);

private:
  struct WarpState {
    uint32_t epoch = 0;
    Knowledge now;
    Knowledge toFence; ///< read by relaxed loads: known after a fence
    std::array<uint32_t, 32> syncedAt{}; ///< own epoch, for each lane
  };
  struct MbarrierState {
    uint64_t phase = 0;
    Knowledge pending, done;
  };
  /// Who makes an access, and what it knows.
  struct Actor {
    Agent agent = 0, issuer = 0; ///< the same for a warp
    uint32_t epoch = 0;
    const Knowledge *known = nullptr;
    Warp *w = nullptr;
    unsigned lane = 0;
    uint8_t flags = 0;
    uint16_t serial = 0;   ///< of the instruction
    bool together = false; ///< all lanes of the warp make it
  };
  /// Where: for reports, and for comparing bytes.
  struct Target {
    CellPages *pages;
    uint64_t key;     ///< of its first byte, in `pages`
    uint64_t address; ///< as the kernel names it
    const uint8_t *data;
    const Cta *cta;
  };
  /// Bytes stored twice by lanes of one instruction: fine if they agree.
  struct SameBytes {
    const uint8_t *data;
    uint8_t old;
    Warp *w;
    uint32_t pc;
    unsigned lane;
    uint64_t address;
  };

  void compareBytes();
  WarpState &stateOf(const Warp &w);
  Agent agentOf(const Warp &w) const;
  Actor actorOf(Warp &w, unsigned lane, uint8_t flags);
  Target targetOf(Cta &cta, uint32_t offset);
  /// What the warp does from now on is not yet published.
  void nextEpoch(const Warp &w);
  MbarrierState &mbarrierAt(Cta &cta, uint32_t offset);

  bool visit(const Actor &actor, const Target &target, uint32_t bytes,
             bool isStore);
  void visitAll(const AsyncOp &op, Actor actor);
  bool hasBegun(const Actor &actor, const Target &target);
  bool visitCell(const Actor &actor, const Target &target, Cell &cell,
                 uint32_t at, uint32_t bytes, bool isStore);
  bool visitBytes(const Actor &actor, const Target &target, Cell &cell,
                  uint32_t at, uint32_t first, uint32_t bytes, bool isStore);
  bool isOrdered(const Touch &before, const Actor &now);
  bool lanesAreSynced(const Touch &before, const Actor &now);
  bool lacksFence(const Touch &before, const Actor &now, const Target &target,
                  bool isStore) const;
  bool check(const Touch &before, const Actor &now, const Target &target,
             uint32_t at, uint32_t bytes, bool wasStore, bool isStore);
  void rememberLoad(Cell &cell, const Actor &actor, const Touch &touch,
                    bool isShared);
  void reportRace(const Touch &before, const Actor &now, const Target &target,
                  uint32_t at, bool wasStore, bool isStore);
  void reportFence(const Touch &before, const Actor &now, const Target &target,
                   uint32_t at, bool isStore);
  std::string nameOf(const Touch &touch, const Warp &teller) const;

  void synchronise(Warp &w, const Place &place, uint64_t address, uint8_t order,
                   bool isStore);
  void acquire(Warp &w, const Knowledge &from);
  void release(Warp &w, Knowledge &to);
  std::pair<Agent, uint32_t> takeSlot(const Warp &w);

  Cluster &cluster;
  GridRaces &grid;
  uint32_t number; ///< of the cluster, as agents carry it
  std::vector<WarpState> warps;
  std::vector<uint32_t> slots; ///< latest epoch of each asynchronous agent
  size_t slotToTry = 0;
  std::vector<CellPages> shared;                ///< by rank
  std::vector<std::array<Knowledge, 16>> named; ///< barriers, by rank
  Knowledge clusterArriving, clusterOpen;
  std::unordered_map<uint64_t, MbarrierState> mbarriers;
  std::unordered_map<uint64_t, Knowledge> published; ///< in shared memory
  std::unordered_map<uint64_t, std::shared_ptr<const AsyncClock>> operations;
  std::vector<SameBytes> sameBytes;
};

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_RACE_H
