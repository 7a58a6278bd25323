// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Decoded instructions and the state they work on: CTA, warp, registers.
//
// A register is a slot of 32 lanes. Registers of up to 32 bits use 32-bit lanes
// (upper bits zero), 64-bit ones 64-bit lanes, a predicate one 32-bit mask.
// Immediates and special registers are slots too, filled when the warp starts:
// every operand is a slot.
#ifndef NYBL_EMULATOR_EXEC_WARP_H
#define NYBL_EMULATOR_EXEC_WARP_H

#include "tools/emulator/Exec/Engine.h"

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
  Shared,
  Local,
  Param,
  Const
};

/// Generic addresses of shared, local and parameter memory lie in windows of
/// their own.
inline constexpr uint64_t sharedWindow = uint64_t(0x7e) << 48;
inline constexpr uint64_t localWindow = uint64_t(0x7d) << 48;
inline constexpr uint64_t paramWindow = uint64_t(0x7c) << 48;
inline constexpr uint64_t windowBytes = uint64_t(1) << 32;

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
};

/// An immediate: 64-bit lanes and 32-bit lanes lie differently in a slot, so a
/// value read both ways has two.
struct Constant {
  Slot slot;
  uint64_t bits;
  bool wide;
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
  Zero,
  WarpSize,
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
};

struct Kernel {
  KernelInfo info;
  std::vector<Instr> code;        ///< ends with an exit
  std::vector<SourceLine> source; ///< one for each instruction
  std::vector<Slot> lists;
  std::vector<Constant> constants;
  std::vector<SpecialSlot> specials;
  uint32_t slots = 0;
};

struct Cta;

struct Fragment {
  uint32_t pc, mask;
  bool waits = false; ///< for other lanes, at an instruction with a Sync
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
  unsigned stay = 0;      ///< steps for which a rotated fragment goes on
  unsigned barrierId = 0; ///< while waiting
  const Instr *barrier = nullptr;
  Counters counters;
  Allocation *lastHit = nullptr;

  uint32_t *w(Slot s) { return reinterpret_cast<uint32_t *>(&file[s * 32]); }
  uint64_t *q(Slot s) { return &file[s * 32]; }
  uint32_t &predicate(Slot s) { return *w(s); }
  uint16_t *taint(Slot s) { return &taints[s * 32]; }

  template <typename F>
  void forActive(F f) {
    for (uint32_t m = active; m; m &= m - 1)
      f(static_cast<unsigned>(__builtin_ctz(m)));
  }

  /// Runs until it waits, ends, a finding stops the CTA, or its turn is over.
  template <bool Poison>
  void run();
  void selectFragment();
  bool meets();
  bool everybodyIsHere(const Instr &in);
  bool meetAtBarriers();
  bool meetAtWarpBarriers();
  void stuck();
  bool guardIsMarked(const Instr &in);
  void report(FindingKind kind, unsigned lane, uint64_t address,
              std::string message);
};

struct Barrier {
  uint32_t arrived = 0, expected = 0;
  uint32_t count = 0, lanes = 0; ///< of a reduction: true ones, and all
};

struct Cta {
  const Kernel &kernel;
  const LaunchConfig &config;
  const uint8_t *parameters;
  GlobalMemory &memory;
  Dim3 index{};
  std::vector<uint8_t> shared{}, sharedShadow{};
  std::vector<Warp> warps{};
  Barrier barriers[16]{};
  std::vector<Report> reports{};
  uint64_t steps = 0;
  unsigned threads = 0;

  bool failed() const { return !reports.empty(); }
  void run();
  void releaseBarrier(unsigned id);
};

/// The lanes of a warp arrive at a barrier together (Control.cpp).
void arriveAtBarrier(Warp &w, const Instr &in);
/// Results of a reduction at a barrier that opens.
void finishBarrier(Warp &w, const Barrier &barrier);
void warpBarrier(Warp &w, const Instr &in);

/// The decoded kernel behind an info of this program.
const Kernel *kernelOf(const Program &program, const KernelInfo &info);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_WARP_H
