// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Global memory by operand, shared memory by byte.

#include "tests/CtaInterpreter/CtaMachine.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::enumeration;

//===----------------------------------------------------------------------===//
// Global memory
//===----------------------------------------------------------------------===//

/// What keeps a thread from copying, or null.
static Value unlessOf(Operation *op) {
  auto words = dyn_cast<cta::CopyScalesOp>(op);
  return words ? words.getUnless() : Value();
}

/// True where all guards of an element let the thread pass.
static bool passes(cta::GlobalAccess op, unsigned element,
                   llvm::function_ref<uint64_t(Value)> numberOf) {
  Value unless = unlessOf(op);
  return (!unless || numberOf(unless) == 0) &&
         llvm::all_of(op.getGuards(element),
                      [&](Value guard) { return numberOf(guard) != 0; });
}

/// Tells the observer of each thread's access, then does what the op does.
void CtaMachine::executeAccess(cta::GlobalAccess op) {
  if (auto box = dyn_cast<cta::CopyBoxOp>(op.getOperation()))
    return executeBox(box);
  if (auto atoms = dyn_cast<cta::CopyScaleAtomsOp>(op.getOperation()))
    return executeAtoms(atoms);
  Value base = op.getBase();
  const Operand &operand = operandOf(base);
  Value offset = op.getByteOffset();
  Value unless = unlessOf(op);
  bool computed = (!offset || isComputed(op, offset)) &&
                  (!unless || isComputed(op, unless));
  for (unsigned element = 0; element < op.getElementCount(); ++element)
    for (Value guard : op.getGuards(element))
      computed = computed && isComputed(op, guard);
  if (!computed)
    return;
  int64_t size = op.getElementBytes();
  for (int thread = 0; thread < threads; ++thread)
    for (unsigned element = 0; element < op.getElementCount(); ++element) {
      uint64_t at = (offset ? numbers(offset)[thread] : 0) + element * size;
      bool done = passes(op, element,
                         [&](Value guard) { return numbers(guard)[thread]; });
      observer.access({op, cast<BlockArgument>(base).getArgNumber(),
                       static_cast<unsigned>(firstThread + thread), at, size,
                       done, op.isWrite(), operand.at(at),
                       operand.at(at + size - 1)});
    }
  TypeSwitch<Operation *>(op)
      .Case([&](cta::LoadOp load) { executeLoad(op, load.getResult(), 8); })
      .Case(
          [&](cta::LoadScaleOp load) { executeLoad(op, load.getResult(), 1); })
      .Case([&](cta::LoadScalarOp load) { sums(load).assign(threads, Sum()); })
      .Case([&](cta::StoreOp store) { executeStore(store); })
      .Case([&](cta::StoreElementsOp store) { executeStoreElements(store); })
      .Case<cta::CopyOp, cta::CopyScalesOp>([&](auto) { executeCopy(op); });
}

void CtaMachine::executeLoad(cta::GlobalAccess op, Value result, int64_t size) {
  const Operand &operand = operandOf(op.getBase());
  auto &loaded = bytes(result);
  for (int thread = 0; thread < threads; ++thread) {
    bool done =
        passes(op, 0, [&](Value guard) { return numbers(guard)[thread]; });
    uint64_t at = numbers(op.getByteOffset())[thread];
    for (int64_t i = 0; i < size; ++i)
      loaded[thread][i] = done ? operand.at(at + i) : Origin{Origin::Zero};
  }
}

void CtaMachine::executeStore(cta::StoreOp op) {
  const Operand &operand = operandOf(op.getBase());
  int64_t size = cta::GlobalAccess(op).getElementBytes();
  for (int thread = 0; thread < threads; ++thread)
    observer.stored({op, operand.at(numbers(op.getOffset())[thread]), size,
                     numbers(op.getGuard())[thread] != 0,
                     sums(op.getValue())[thread]});
}

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

Cell *CtaMachine::cellAt(cta::StageAccess op, uint64_t offset, int thread) {
  auto alloc = op.getStage().getDefiningOp<cta::AllocOp>();
  uint64_t slots =
      alloc.getRing() ? alloc.getRing().getDefiningOp<cta::RingOp>().getStages()
                      : 1;
  std::vector<Cell> &cells = (*shared)[op.getStage()];
  uint64_t size = cells.size() / slots;
  if (offset >= size) {
    observer.fault(op, "L3", "leaves its stage");
    return nullptr;
  }
  uint64_t iteration =
      op.getIteration() ? numbers(op.getIteration())[thread] : 0;
  if (alloc.getRing() && role >= 0)
    iteration =
        claimedSlot(op, alloc.getRing(),
                    iterationOf(alloc.getRing(), iteration), op.isStageWrite());
  return &cells[iteration % slots * size + offset];
}

void CtaMachine::write(cta::StageAccess op, uint64_t offset, int thread,
                       const Origin &origin, int byGroup) {
  Cell *cell = cellAt(op, offset, thread);
  if (!cell)
    return;
  bool raced = (cell->writeEpoch == epoch && cell->writer != thread) ||
               (cell->readEpoch == epoch && cell->reader != thread) ||
               cell->group >= waited;
  if (role >= 0)
    raced = !isWriteBefore(*cell, thread) || !areReadsBefore(*cell, thread);
  if (raced)
    observer.fault(op, "L3",
                   "writes a byte that another thread touched since the last "
                   "barrier, or that a copy is under way to");
  cell->origin = origin;
  cell->writeEpoch = epoch;
  cell->writer = thread;
  cell->group = byGroup;
  cell->isCopied = byGroup >= 0;
  cell->isOfThreads = !isa<cta::CopyBoxOp, cta::CopyScaleAtomsOp>(op);
  cell->writeRole = std::max(role, 0);
  cell->writeClock = now;
}

Origin CtaMachine::read(cta::StageAccess op, uint64_t offset, int thread) {
  Cell *cell = cellAt(op, offset, thread);
  if (!cell)
    return {};
  if (cell->origin.kind == Origin::Never)
    observer.fault(op, "L3", "reads a byte that nobody wrote");
  bool raced = (cell->writeEpoch == epoch && cell->writer != thread) ||
               cell->group >= waited;
  if (role >= 0)
    raced = !isWriteBefore(*cell, thread);
  if (raced)
    observer.fault(op, "L3",
                   "reads a byte that another thread wrote since the last "
                   "barrier, or that a copy is under way to");
  bool shares = cell->readEpoch == epoch && cell->reader != thread;
  if (role >= 0) // what was read in an earlier claim is seen by its clock
    shares = cell->reader != Cell::nobody && cell->reader != thread;
  cell->reader = shares ? Cell::several : thread;
  cell->readEpoch = epoch;
  cell->readClocks[std::max(role, 0)] = now;
  return cell->origin;
}

bool CtaMachine::isStageComputed(cta::StageAccess op) {
  return isComputed(op, op.getStageOffset()) &&
         (!op.getStageGuard() || isComputed(op, op.getStageGuard())) &&
         (!op.getIteration() || isComputed(op, op.getIteration()));
}

bool CtaMachine::writesStage(cta::StageAccess op, int thread) {
  if (op.getStageGuard() && !numbers(op.getStageGuard())[thread])
    return false;
  if (Value unless = unlessOf(op); unless && numbers(unless)[thread])
    return false;
  if (numbers(op.getStageOffset())[thread] % op.getStageBytes() != 0)
    observer.fault(op, "L3", "writes at an offset that is not aligned");
  return true;
}

void CtaMachine::executeStoreShared(cta::StageAccess op, Value value) {
  if (!isStageComputed(op))
    return;
  for (int thread = 0; thread < threads; ++thread) {
    if (!writesStage(op, thread))
      continue;
    for (int64_t i = 0; i < op.getStageBytes(); ++i)
      write(op, numbers(op.getStageOffset())[thread] + i, thread,
            bytes(value)[thread][i]);
  }
}

/// The hardware copies the first elements and fills the rest with zeros.
void CtaMachine::executeCopy(cta::GlobalAccess op) {
  auto stage = cast<cta::StageAccess>(op.getOperation());
  if (!isStageComputed(stage))
    return;
  const Operand &operand = operandOf(op.getBase());
  int64_t size = op.getElementBytes();
  for (int thread = 0; thread < threads; ++thread) {
    if (!writesStage(stage, thread))
      continue;
    uint64_t from = numbers(op.getByteOffset())[thread];
    uint64_t to = numbers(stage.getStageOffset())[thread];
    bool before = true;
    for (unsigned element = 0; element < op.getElementCount(); ++element) {
      bool inside = passes(op, element,
                           [&](Value guard) { return numbers(guard)[thread]; });
      if (inside && !before)
        observer.fault(op, "L1", "copies an element but not those before it");
      before = inside;
      for (int64_t i = element * size; i < (element + 1) * size; ++i)
        write(stage, to + i, thread,
              inside ? operand.at(from + i) : Origin{Origin::Zero}, group);
    }
  }
}

/// One thread copies all of it.
template <typename Op>
void CtaMachine::copyByOne(Op op, llvm::function_ref<void(int thread)> copy) {
  int copies = 0;
  for (int thread = 0; thread < threads; ++thread)
    if (numbers(op.getMine())[thread]) {
      copy(thread);
      ++copies;
    }
  if (copies != 1)
    observer.fault(op, "L3",
                   "is done by " + std::to_string(copies) +
                       " threads, and the ring counts on one");
}

void CtaMachine::executeBox(cta::CopyBoxOp op) {
  for (Value value :
       {op.getRow(), op.getColumn(), op.getIteration(), op.getMine()})
    if (!isComputed(op, value))
      return;
  copyByOne(op, [&](int thread) { copyBox(op, thread); });
}

void CtaMachine::executeAtoms(cta::CopyScaleAtomsOp op) {
  for (Value value : {op.getOffset(), op.getTo(), op.getInside(),
                      op.getIteration(), op.getMine()})
    if (!isComputed(op, value))
      return;
  copyByOne(op, [&](int thread) {
    if (numbers(op.getInside())[thread])
      copyAtoms(op, thread);
  });
}

/// 512 bytes at a time, as they lie.
void CtaMachine::copyAtoms(cta::CopyScaleAtomsOp op, int thread) {
  const Operand &operand = operandOf(op.getBase());
  uint64_t from = numbers(op.getOffset())[thread];
  uint64_t to = numbers(op.getTo())[thread];
  if (from % 16 != 0 || to % 512 != 0)
    observer.fault(op, "L1", "copies in bulk at an offset that is not aligned");
  for (uint64_t i = 0; i < 512 * uint64_t(op.getAtoms()); ++i) {
    Origin origin = operand.at(from + i);
    observer.access({op, cast<BlockArgument>(op.getBase()).getArgNumber(),
                     static_cast<unsigned>(firstThread + thread), from + i,
                     /*bytes=*/1, /*guard=*/true, /*isWrite=*/false, origin,
                     origin});
    write(op, to + i / 512 * uint64_t(op.getApart()) + i % 512, thread, origin,
          group);
  }
}

/// Coordinates are signed; what the map does not hold becomes zero.
void CtaMachine::copyBox(cta::CopyBoxOp op, int thread) {
  auto map = cast<cta::TensorMapType>(op.getMap().getType());
  const Operand &operand = operandOf(op.getBase());
  auto firstRow = static_cast<int32_t>(numbers(op.getRow())[thread]);
  auto firstByte = static_cast<int32_t>(numbers(op.getColumn())[thread]);
  for (int64_t at = 0; at < map.getRows() * map.getBytes(); ++at) {
    int64_t row = firstRow + at / map.getBytes();
    int64_t byte = firstByte + at % map.getBytes();
    bool inside =
        row >= 0 && row < operand.rows() && byte >= 0 && byte < operand.width();
    uint64_t from = row * operand.stride() + byte;
    Origin origin = inside ? operand.at(from) : Origin{Origin::Zero};
    if (inside)
      observer.access({op, cast<BlockArgument>(op.getBase()).getArgNumber(),
                       static_cast<unsigned>(firstThread + thread), from,
                       /*bytes=*/1, /*guard=*/true, /*isWrite=*/false, origin,
                       origin});
    write(op, map.swizzled(at), thread, origin, group);
  }
}

void CtaMachine::executeWait(cta::RingWaitOp op) {
  waited = std::max<int>(waited, group - static_cast<int>(op.getPending()));
  ++epoch;
}

/// Lane l gives the address of row l % 8 of matrix l / 8, and gets bytes
/// 4 * (l % 4) .. + 3 of row l / 4 of each matrix.
void CtaMachine::executeLdMatrix(cta::LdMatrixOp op) {
  if (!isStageComputed(op))
    return;
  const auto &offsets = numbers(op.getOffset());
  for (int thread = 0; thread < threads; ++thread) {
    int lane = thread % 32, warp = thread - lane;
    if (offsets[thread] % 16 != 0)
      observer.fault(op, "L3", "reads a row that is not 16-byte aligned");
    for (int matrix = 0; matrix < 4; ++matrix) {
      uint64_t row = offsets[warp + matrix * 8 + lane / 4];
      Bytes &loaded = bytes(op->getResult(matrix))[thread];
      for (int i = 0; i < 4; ++i)
        loaded[i] = read(op, row + lane % 4 * 4 + i, thread);
    }
  }
}

void CtaMachine::executeLoadScaleWords(cta::StageAccess op) {
  if (!isStageComputed(op))
    return;
  unsigned words = op->getNumResults();
  for (int thread = 0; thread < threads; ++thread) {
    uint64_t at = numbers(op.getStageOffset())[thread];
    if (at % (words * 4) != 0)
      observer.fault(op, "L3", "reads words that are not aligned as a whole");
    for (unsigned i = 0; i < words * 4; ++i)
      bytes(op->getResult(i / 4))[thread][i % 4] = read(op, at + i, thread);
  }
}
