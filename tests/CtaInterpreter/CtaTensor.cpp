// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensor memory by what lies in it. What a thread asks for is done in its
// order, and for others it is over when a step of a ring says so; but a copy
// does not wait for multiplies before it.

#include "tests/CtaInterpreter/CtaMachine.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::enumeration;

static constexpr int lanesOfSums = 128, lanesOfScales = 32;

/// For all threads of the role, and not for the one alone that asked.
template <typename Content>
bool CtaMachine::isWriteOver(const TensorCell<Content> &cell) const {
  return cell.writeClock <= seen[Cell::maxRoles + cell.writeRole];
}

bool CtaMachine::areOver(const std::array<int, Cell::clocks> &reads) const {
  return llvm::all_of_zip(reads, seen,
                          [](int read, int known) { return read <= known; });
}

bool CtaMachine::isAsked(Operation *op, Value mine) {
  if (!isComputed(op, mine))
    return false;
  const auto &asks = numbers(mine);
  auto count = llvm::count_if(asks, [](uint64_t is) { return is != 0; });
  if (count != 1) {
    observer.fault(op, "L3",
                   "is asked for by " + std::to_string(count) +
                       " threads of a group");
    return false;
  }
  auto thread = static_cast<int>(
      llvm::find_if(asks, [](uint64_t is) { return is != 0; }) - asks.begin());
  if (asker >= 0 && asker / 32 != thread / 32)
    observer.fault(op, "L3", "is asked for by another warp than before");
  asker = thread;
  return true;
}

/// The copies that filled the stage are over for all threads.
Origin CtaMachine::readByTensor(Operation *op, Value stage, uint64_t slot,
                                uint64_t offset, int ofRank) {
  auto alloc = stage.getDefiningOp<cta::AllocOp>();
  std::vector<Cell> &cells = (*sharedOf[ofRank])[stage];
  uint64_t size =
      cells.size() / alloc.getRing().getDefiningOp<cta::RingOp>().getStages();
  Cell &cell = cells[slot * size + offset];
  if (cell.origin.kind == Origin::Never)
    observer.fault(op, "L3", "reads a byte that nobody wrote");
  if (cell.writeClock > seen[cell.writeRole])
    observer.fault(op, "L3", "reads a byte that is still being written");
  if (cell.isOfThreads && !isFenced)
    observer.fault(op, "L3", "reads without a fence what threads wrote");
  cell.readClocks[tensorClock()] = asked;
  return cell.origin;
}

/// A copy waits for nothing that was asked for before it. One CTA of a pair
/// asks for both.
void CtaMachine::executeTensorCopy(cta::TensorCopyOp op) {
  auto alloc = op.getColumns().getDefiningOp<cta::TensorAllocOp>();
  uint64_t slot =
      claimedSlot(op, alloc.getRing(),
                  iterationOf(alloc.getRing(), uniform(op, op.getIteration())),
                  /*writes=*/false);
  numbers(op).assign(threads, slot);
  if (!isAsked(op, op.getMine()) || rank > 0)
    return;
  lastAsked = asked;
  for (int ofRank = 0; ofRank < ctas(); ++ofRank)
    copyScales(op, slot, ofRank);
}

void CtaMachine::copyScales(cta::TensorCopyOp op, uint64_t slot, int ofRank) {
  auto alloc = op.getColumns().getDefiningOp<cta::TensorAllocOp>();
  auto ring = alloc.getRing().getDefiningOp<cta::RingOp>();
  int64_t size = op.getStageBytes();
  auto &cells = tensorOf[ofRank]->scales[op.getColumns()];
  cells.resize(size * ring.getStages());
  for (int64_t at = 0; at < size; ++at) {
    int64_t lane = at % 512 / 16, column = at / 512 * 4 + at % 16 / 4;
    auto &cell =
        cells[slot * size + (column * lanesOfScales + lane) * 4 + at % 4];
    if (!isWriteOver(cell) || !areOver(cell.readClocks))
      observer.fault(op, "L3", "writes columns that are still in use");
    cell.content = readByTensor(op, op.getStage(), slot, at, ofRank);
    cell.isWritten = true;
    cell.writeRole = role;
    cell.writeClock = asked;
  }
}

Origin CtaMachine::tensorScale(cta::TensorMmaOp op, Value scales,
                               int64_t column, int64_t lane, int64_t byte,
                               int ofRank) {
  auto copy = scales.getDefiningOp<cta::TensorCopyOp>();
  int64_t size = copy.getStageBytes(),
          at = (column * lanesOfScales + lane) * 4 + byte;
  auto &cells = tensorOf[ofRank]->scales[copy.getColumns()];
  if (at >= size || cells.empty()) {
    observer.fault(op, "L2", "takes scale factors from other columns");
    return {};
  }
  auto &cell = cells[numbers(scales)[asker] * size + at];
  if (!cell.isWritten)
    observer.fault(op, "L3", "takes scale factors that nobody wrote");
  if (cell.writeRole != role && !isWriteOver(cell))
    observer.fault(op, "L3", "takes scale factors that are still being copied");
  cell.readClocks[tensorClock()] = asked;
  return cell.content;
}

TensorCell<Sum> *CtaMachine::tensorSums(Operation *op, Value columns,
                                        Value iteration, int ofRank) {
  auto alloc = columns.getDefiningOp<cta::TensorAllocOp>();
  auto ring = alloc.getRing().getDefiningOp<cta::RingOp>();
  int64_t size = lanesOfSums * alloc.getColumns();
  auto &cells = tensorOf[ofRank]->sums[columns];
  cells.resize(size * ring.getStages());
  uint64_t slot =
      claimedSlot(op, ring, iterationOf(ring, uniform(op, iteration)),
                  /*writes=*/isa<cta::TensorMmaOp>(op));
  return &cells[slot * size];
}

/// Multiplies follow each other in the order in which they are asked for.
void CtaMachine::writeSum(cta::TensorMmaOp op, TensorCell<Sum> &cell) {
  bool begins = numbers(op.getAcc())[asker] == 0;
  if (!begins && !cell.isWritten)
    observer.fault(op, "L3", "adds to what nobody wrote");
  if (!areOver(cell.readClocks) ||
      (cell.writeRole != role && !isWriteOver(cell)))
    observer.fault(op, "L3", "writes accumulators that are still in use");
  if (begins)
    cell.content = Sum();
  cell.isWritten = true;
  cell.writeRole = role;
  cell.writeClock = asked;
}

/// A warp reaches the 32 lanes of its number among four.
void CtaMachine::executeTensorLoad(cta::TensorLoadOp op) {
  TensorCell<Sum> *cells =
      tensorSums(op, op.getColumns(), op.getIteration(), rank);
  for (int thread = 0; thread < threads; ++thread)
    for (auto [i, value] : llvm::enumerate(op.getValues())) {
      int64_t lane = (firstThread + thread) % lanesOfSums;
      auto &cell = cells[(op.getFirst() + i) * lanesOfSums + lane];
      if (!cell.isWritten)
        observer.fault(op, "L3", "loads columns that nobody wrote");
      if (!isWriteOver(cell))
        observer.fault(op, "L3", "loads what is still being multiplied");
      cell.readClocks[role] = now;
      sums(value)[thread] = cell.content;
    }
}

void CtaMachine::checkAskedIsOver(Operation *op) {
  if (lastAsked > seen[tensorClock()])
    observer.fault(op, "L3", "ends while what it asked for is under way");
}
