// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Allocation of tensor memory, and the order of what works on it.

#include "tools/emulator/Exec/TensorMemory.h"

#include "tools/emulator/Exec/Cluster.h"
#include <algorithm>
#include <cstring>

using namespace nybl::emu;

static constexpr uint8_t freshByte = 0xcb;

CtaTensorMemory &nybl::emu::tensorMemoryOf(Cta &cta) {
  if (!cta.tensor)
    cta.tensor = std::make_unique<CtaTensorMemory>();
  return *cta.tensor;
}

uint32_t CtaTensorMemory::findFree(uint32_t count) const {
  uint32_t column = 0;
  for (auto &[first, taken] : allocations) {
    if (first - column >= count)
      return column;
    column = first + taken;
  }
  return columns - column >= count ? column : columns;
}

void CtaTensorMemory::allocate(uint32_t column, uint32_t count) {
  data.resize(size_t(lanes) * columns * cellBytes, freshByte);
  shadow.resize(data.size());
  allocations[column] = count;
}

/// What the columns held is gone.
void CtaTensorMemory::release(uint32_t column) {
  uint32_t bytes = allocations[column] * cellBytes;
  for (uint32_t lane = 0; lane < lanes; ++lane) {
    std::memset(cell(lane, column), freshByte, bytes);
    std::memset(marks(lane, column), 0, bytes);
  }
  allocations.erase(column);
}

bool CtaTensorMemory::isAllocated(uint32_t column, uint32_t count) const {
  uint32_t end = column + count;
  while (column < end) {
    auto next = allocations.upper_bound(column);
    if (next == allocations.begin())
      return false;
    auto &[first, taken] = *std::prev(next);
    if (column >= first + taken)
      return false;
    column = first + taken;
  }
  return true;
}

bool nybl::emu::checkTensorRange(Warp &w, unsigned lane, uint32_t address,
                                 const TensorRange &range, const char *what) {
  auto text = [&] {
    return std::string(what) + " of lanes " + std::to_string(range.lane) +
           " to " + std::to_string(range.lane + range.lanes - 1) +
           ", columns " + std::to_string(range.column) + " to " +
           std::to_string(range.column + range.columns - 1);
  };
  using M = CtaTensorMemory;
  if (range.lane + range.lanes > M::lanes ||
      range.column + range.columns > M::columns) {
    w.report(FindingKind::OutOfBounds, lane, address,
             text() + " leaves tensor memory");
    return false;
  }
  if (range.cta->tensor &&
      range.cta->tensor->isAllocated(range.column, range.columns))
    return true;
  w.report(FindingKind::TensorMemoryMisuse, lane, address,
           text() + ", which are not all allocated in CTA rank " +
               std::to_string(range.cta->rank));
  return false;
}

void nybl::emu::checkTensorMemoryFreed(Warp &w) {
  CtaTensorMemory *memory = w.cta.tensor.get();
  if (!memory || memory->allocations.empty())
    return;
  auto &[column, count] = *memory->allocations.begin();
  w.report(FindingKind::TensorMemoryMisuse, 0, column,
           "the CTA ends with " + std::to_string(count) +
               " columns of tensor memory from " + std::to_string(column) +
               " on still allocated");
}

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

static bool overlap(const std::vector<TensorRange> &a,
                    const std::vector<TensorRange> &b) {
  for (const TensorRange &x : a)
    for (const TensorRange &y : b)
      if (x.cta == y.cta && x.lane < y.lane + y.lanes &&
          y.lane < x.lane + x.lanes && x.column < y.column + y.columns &&
          y.column < x.column + x.columns)
        return true;
  return false;
}

/// Whether PTX promises that `later`, issued after `earlier`, takes effect
/// after it (PTX ISA 9.1 §9.7.16.6.2), or an axiom says so.
static bool isPipelined(const AsyncOp &earlier, const AsyncOp &later,
                        bool writesOnlyWhatWasRead, bool axiom) {
  using T = TensorOp;
  switch (later.tensor) {
  case T::Mma:
    if (earlier.tensor == T::Cp || earlier.tensor == T::CpSmall ||
        earlier.tensor == T::Shift)
      return true;
    if (earlier.tensor == T::Mma && earlier.tensorKey == later.tensorKey)
      return true;
    return earlier.tensor == T::Mma && writesOnlyWhatWasRead && axiom;
  case T::CpSmall:
    if (earlier.tensor == T::Shift)
      return true;
    [[fallthrough]];
  case T::Cp:
    // The axiom: kernels (CuTe DSL's block-scaled GEMM among them) overwrite
    // the scale factors of an earlier product without waiting for it. PTX
    // promises cp before mma but not mma before cp; tensor cores are taken to
    // have read their operands in issue order.
    return earlier.tensor == T::Mma && writesOnlyWhatWasRead && axiom;
  case T::Shift:
    return earlier.tensor == T::Mma;
  default:
    return false;
  }
}

/// Between threads an order needs a fence on either side, of the first thread
/// after it issued the operation, and of the second one after that fence.
static bool isFenced(const AsyncOp &earlier, const Warp &w, unsigned lane) {
  const Warp &issuer = earlier.cta->warps[earlier.warp];
  if (&issuer == &w && earlier.lane == lane)
    return true;
  const Warp::TensorFence &before = issuer.tensorBefore[earlier.lane],
                          &after = w.tensorAfter[lane];
  return before.operations >= earlier.id && after.time > before.time;
}

static const char *waitFor(TensorOp kind) {
  switch (kind) {
  case TensorOp::Load:
    return "tcgen05.wait::ld";
  case TensorOp::Store:
    return "tcgen05.wait::st";
  default:
    return "tcgen05.commit and a wait for its mbarrier, or for what is ordered "
           "anyway tcgen05.fence between threads";
  }
}

bool nybl::emu::orderTensorOp(Warp &w, unsigned lane, uint32_t address,
                              AsyncOp &op) {
  const AsyncQueue &queue = w.cta.cluster.async;
  bool axiom = w.cta.config.axiomMmaBeforeCp;
  std::vector<const AsyncOp *> conflicts;
  for (const AsyncOp &p : queue.all()) {
    if (p.tensor == TensorOp::None)
      continue;
    bool touchesWritten = overlap(p.tensorWrites, op.tensorReads) ||
                          overlap(p.tensorWrites, op.tensorWrites);
    bool writesRead = overlap(p.tensorReads, op.tensorWrites);
    if (!touchesWritten && !writesRead)
      continue;
    if (isPipelined(p, op, !touchesWritten, axiom) && isFenced(p, w, lane))
      op.after.push_back(p.id);
    else
      conflicts.push_back(&p);
  }
  for (const AsyncOp *p : conflicts) {
    if (queue.follows(op.after, p->id))
      continue;
    bool writes = overlap(p->tensorWrites, op.tensorReads) ||
                  overlap(p->tensorWrites, op.tensorWrites);
    w.report(FindingKind::InFlight, lane, address,
             std::string(op.what) + " touches cells of tensor memory that " +
                 p->what + " of PTX line " +
                 std::to_string(w.kernel.source[p->pc].line) +
                 (writes ? " has yet to write" : " has yet to read") +
                 ": nothing has waited for it (" + waitFor(p->tensor) + ")");
    return false;
  }
  return true;
}
