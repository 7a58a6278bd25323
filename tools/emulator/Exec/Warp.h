// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Decoded instructions and the state they work on: warp, registers, CTA.
//
// A register is a slot of 32 lanes. Registers of up to 32 bits use 32-bit lanes
// (upper bits zero), 64-bit ones 64-bit lanes, a predicate one 32-bit mask.
// Immediates and special registers are slots too, filled when the warp starts:
// every operand is a slot.
#ifndef NYBL_EMULATOR_EXEC_WARP_H
#define NYBL_EMULATOR_EXEC_WARP_H

#include "tools/emulator/Exec/Engine.h"
#include "tools/emulator/Exec/Mbarrier.h"
#include <array>
#include <deque>
#include <unordered_map>

namespace nybl::emu {

struct Warp;
struct Instr;
using Handler = void (*)(Warp &, const Instr &);
using Slot = uint32_t;
inline constexpr Slot noSlot = ~0u;
inline constexpr uint32_t allLanes = ~0u;

enum class MemorySpace : uint8_t {
  Generic,
  Global,
  Shared, ///< shared::cta
  Local,
  Param,
  Const,
  SharedCluster
};

/// An address of shared memory: the rank of its CTA within the cluster, then
/// the offset. So the address of a CTA's own variable is also its address in
/// shared::cluster, as on hardware (kernels clear bit 24 to name the even CTA
/// of a pair).
inline constexpr unsigned sharedRankShift = 24;
inline constexpr uint64_t sharedOffsetMask =
    (uint64_t(1) << sharedRankShift) - 1;

/// Generic addresses of shared, local and parameter memory lie in windows of
/// their own.
inline constexpr uint64_t sharedWindow = uint64_t(0x7e) << 48;
inline constexpr uint64_t localWindow = uint64_t(0x7d) << 48;
inline constexpr uint64_t paramWindow = uint64_t(0x7c) << 48;
inline constexpr uint64_t windowBytes = uint64_t(1) << 32;

/// How an instruction's addresses are counted (Counting.h).
enum class Counted : uint8_t {
  Nothing,
  Load,
  Store,
  Atomic,
  Matrix,   ///< ldmatrix, stmatrix
  CopyAsync ///< cp.async: shared memory written, global memory read
};

/// Which lanes must have come before an instruction may run.
enum class Sync : uint8_t {
  None,
  Aligned,     ///< all living lanes, at this place
  WholeWarp,   ///< all 32 lanes, at this place
  Members,     ///< those of each lane's mask (Instr::members), at this place
  WarpBarrier, ///< those of the mask, at any warp barrier
  Barrier      ///< all living lanes, at any barrier of this number
};

struct Instr {
  Handler run = nullptr;
  Handler taint = nullptr; ///< runs before `run` when poison is followed
  Slot d = noSlot, a = noSlot, b = noSlot, c = noSlot, e = noSlot;
  int64_t imm = 0;
  uint32_t list = 0, listCount = 0; ///< more slots, in Kernel::lists
  Slot guard = noSlot;
  uint32_t target = 0; ///< of a branch
  bool guardNegated = false;
  bool isBranch = false;
  bool flag = false;
  MemorySpace space = MemorySpace::Generic;
  uint8_t bytes = 4; ///< of the type
  uint8_t mode = 0;  ///< rounding, comparison, shuffle mode ...
  bool isSigned = false;
  Sync sync = Sync::None;
  Slot members = noSlot;
  int32_t offset = 0; ///< of a second address
  uint8_t order = 0;  ///< MemoryOrder bits
  Counted counted = Counted::Nothing;
};

/// An immediate: 64-bit lanes and 32-bit lanes lie differently in a slot, so a
/// value read both ways has two.
struct Constant {
  Slot slot;
  uint64_t bits;
  bool wide;
  bool isShared; ///< an offset of shared memory: the CTA's rank is added
};

enum class Special : uint8_t {
  TidX,
  TidY,
  TidZ,
  NTidX,
  NTidY,
  NTidZ,
  CtaX,
  CtaY,
  CtaZ,
  NCtaX,
  NCtaY,
  NCtaZ,
  LaneId,
  WarpId,
  NWarpId,
  SmId,
  NSmId,
  LaneMaskEq,
  LaneMaskLt,
  LaneMaskLe,
  LaneMaskGt,
  LaneMaskGe,
  DynamicShared,
  TotalShared,
  GridId,
  ClusterX,
  ClusterY,
  ClusterZ,
  NClusterX,
  NClusterY,
  NClusterZ,
  ClusterCtaX,
  ClusterCtaY,
  ClusterCtaZ,
  ClusterNCtaX,
  ClusterNCtaY,
  ClusterNCtaZ,
  ClusterCtaRank,
  ClusterNCtaRank,
  IsExplicitCluster,
  GridWorkspaceHigh, ///< %envreg1 and 2: of cooperative groups
  GridWorkspaceLow,
  Clock,
  ClockHigh,
  Clock64
};

struct SpecialSlot {
  Slot slot;
  Special what;
};

struct SourceLine {
  unsigned line;
  std::string text;
  std::string file;      ///< of the program the PTX was made from, or empty
  unsigned fileLine = 0; ///< there

  std::string place() const {
    return file.empty() ? "" : file + ":" + std::to_string(fileLine);
  }
};

struct Kernel {
  KernelInfo info;
  const ChipLimits *chip = nullptr;
  std::vector<Instr> code;        ///< ends with an exit
  std::vector<SourceLine> source; ///< one for each instruction
  std::vector<Slot> lists;
  std::vector<Constant> constants;
  std::vector<SpecialSlot> specials;
  uint32_t slots = 0;
  bool usesGridWorkspace = false;
  uint8_t tensorGroup = 0; ///< the .cta_group of its tcgen05; 0: none yet
};

struct Cta;
struct Cluster;
struct CtaTensorMemory;
class ClusterRaces;

/// What a warp waits for that others must bring about; its instruction runs
/// again when something in the cluster has changed.
struct Wait {
  enum Kind : uint8_t {
    None,
    Mbarrier,  ///< `cta`, `offset`, `phase`
    CopyGroup, ///< asynchronous operations of this warp
    ClusterBarrier,
    Prerequisites, ///< griddepcontrol.wait
    TensorMemory   ///< columns to allocate
  } kind = None;
  Cta *cta = nullptr;
  uint32_t offset = 0;
  uint64_t phase = 0;
  bool givesUp = false; ///< of an mbarrier: comes back with false
};

struct Fragment {
  uint32_t pc, mask;
  bool waits = false;     ///< for other lanes, at an instruction with a Sync
  Wait wait{};            ///< kind is not None: for an event
  uint64_t sawEvents = 0; ///< Cluster::events when it came to wait
};

/// The asynchronous operations of one lane: of the group that is still open,
/// and of those committed, in order.
struct CopyGroups {
  std::vector<uint64_t> open;
  std::deque<std::vector<uint64_t>> committed;
};

struct Warp {
  Warp(Cta &cta, unsigned id);

  Cta &cta;
  const Kernel &kernel;
  unsigned id = 0;
  std::vector<uint64_t> file;   ///< 32 x 64 bits for each slot
  std::vector<uint16_t> taints; ///< one bit for each nibble, 32 lanes a slot
  std::vector<uint8_t> local;   ///< localBytes for each lane
  std::vector<uint8_t> localShadow;
  uint32_t pc = 0, next = 0;
  uint32_t mask = 0;            ///< lanes that run together now
  uint32_t active = 0;          ///< mask and the guard
  uint32_t lanes = 0;           ///< lanes that exist and have not exited
  std::vector<Fragment> others; ///< lanes that run elsewhere
  unsigned backEdges = 0;
  bool reselect = false, rotate = false, waiting = false, done = false;
  bool yields = false; ///< its turn is over: it spins
  Wait wait;           ///< set by an instruction that could not go on
  Wait resumed;        ///< what the running fragment waited for, if it did
  std::vector<Wait> refusals; ///< Adversary: waits that came back with false
  unsigned stay = 0;          ///< steps for which a rotated fragment goes on
  unsigned barrierId = 0;     ///< while waiting at one
  const Instr *barrier = nullptr; ///< null: waits for events
  unsigned registers = 0;         ///< as set by setmaxnreg; 0: never
  unsigned registerChanges = 0;   ///< how often
  uint32_t registersPc = 0;       ///< of the latest
  uint32_t clusterArrived = 0;    ///< lanes at barrier.cluster, this phase
  std::array<uint64_t, 32> clusterPhase{}; ///< of each lane's last arrival
  /// Of cp.async and of bulk copies, for each lane; empty until one is pending.
  std::vector<CopyGroups> copies, bulkCopies;
  std::vector<CopyGroups> productGroups; ///< of wgmma
  /// For each slot the operations that have yet to write or to read it.
  std::vector<uint16_t> pendingWrites, pendingReads;
  unsigned pendingRegisters = 0; ///< operations that hold any
  bool productFence = false;     ///< wgmma.fence has been executed
  struct TensorLoad {
    uint64_t operation = 0;
    const Instr *in = nullptr;
  };
  std::vector<TensorLoad> tensorLoads; ///< for tcgen05.wait
  std::vector<uint64_t> tensorStores;
  std::unordered_map<unsigned, std::vector<uint64_t>> tensorIssued; ///< by lane
  /// Of each lane, the number of operations that the cluster had issued at its
  /// latest tcgen05.fence of either kind, and when that was.
  struct TensorFence {
    uint64_t operations = 0, time = 0;
  };
  std::array<TensorFence, 32> tensorBefore{}, tensorAfter{};
  Counters counters;
  Allocation *lastHit = nullptr;
  ClusterRaces *races = nullptr; ///< the cluster's, if they are looked for

  uint32_t *w(Slot s) { return reinterpret_cast<uint32_t *>(&file[s * 32]); }
  uint64_t *q(Slot s) { return &file[s * 32]; }
  uint32_t &predicate(Slot s) { return *w(s); }
  uint16_t *taint(Slot s) { return &taints[s * 32]; }

  template <typename F>
  void forActive(F f) {
    for (uint32_t m = active; m; m &= m - 1)
      f(static_cast<unsigned>(__builtin_ctz(m)));
  }

  /// Runs until it waits, ends, a finding stops the CTA, or its turn of so many
  /// steps is over.
  template <bool Poison, bool Count>
  void run(unsigned steps);
  /// The instruction cannot go on: it runs again after an event.
  void waitFor(const Wait &what) { wait = what; }
  /// Waiting for events that have come: fragments may try again.
  bool wake();
  bool isReady(const Fragment &f) const;
  void park();
  void selectFragment();
  bool meets();
  bool everybodyIsHere(const Instr &in);
  bool meetAtBarriers();
  bool meetAtWarpBarriers();
  void stuck();
  void parkOrStuck();
  bool guardIsMarked(const Instr &in);
  void report(FindingKind kind, unsigned lane, uint64_t address,
              std::string message);
};

struct Barrier {
  uint32_t arrived = 0, expected = 0;
  uint32_t count = 0, lanes = 0; ///< of a reduction: true ones, and all
};

struct Cta {
  Cta(Cluster &cluster, unsigned rank, const Dim3 &index);
  ~Cta();

  Cluster &cluster;
  const Kernel &kernel;
  const LaunchConfig &config;
  const uint8_t *parameters;
  GlobalMemory &memory;
  unsigned rank; ///< within the cluster
  Dim3 index;
  std::vector<uint8_t> shared, sharedShadow;
  std::vector<Warp> warps;
  Barrier barriers[16]{};
  std::unordered_map<uint32_t, Mbarrier> mbarriers; ///< by offset
  std::unique_ptr<CtaTensorMemory> tensor;          ///< null: never used
  std::vector<Report> reports;
  uint64_t steps = 0;
  std::vector<LineCounts> lines; ///< by pc; empty unless LaunchConfig::count
  uint64_t bytesInFlight = 0, mostBytesInFlight = 0;
  unsigned threads = 0;
  bool triggered = false; ///< griddepcontrol.launch_dependents, or ended
  bool toldNone = false;  ///< it has seen that nothing was left to cancel
  bool ended = false;

  bool failed() const { return !reports.empty(); }
  /// A finding at an instruction; the first few are kept.
  void report(FindingKind kind, uint32_t pc, unsigned warp, unsigned lane,
              uint64_t address, std::string message);
  void releaseBarrier(unsigned id);
  void warpEnded();
  uint64_t sharedAddress(uint32_t offset) const {
    return uint64_t(rank) << sharedRankShift | offset;
  }
};

/// The lanes of a warp arrive at a barrier together (Control.cpp).
void arriveAtBarrier(Warp &w, const Instr &in);
/// Results of a reduction at a barrier that opens.
void finishBarrier(Warp &w, const Barrier &barrier);
void warpBarrier(Warp &w, const Instr &in);
/// Reports warps of one warpgroup that have not executed the same setmaxnreg;
/// the CTA has ended.
void checkRegistersAgree(Cta &cta);

/// The decoded kernel behind an info of this program.
const Kernel *kernelOf(const Program &program, const KernelInfo &info);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_WARP_H
