// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Stages of D: who wrote a byte, and whether a box that takes it to memory may
// still read it. Only lanes of one warp know of each other.

#include "tests/CtaInterpreter/CtaMachine.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::enumeration;

OutputCell *CtaMachine::outputCellAt(Operation *op, Value stage,
                                     uint64_t offset) {
  int64_t group = role < 0 ? 0 : team->runners[role].group;
  std::vector<OutputCell> &cells =
      outputs->stages[{stage.getAsOpaquePointer(), group}];
  cells.resize(cast<cta::OutputStageType>(stage.getType()).getBytes());
  if (offset < cells.size())
    return &cells[offset];
  observer.fault(op, "L3", "leaves its stage");
  return nullptr;
}

void CtaMachine::writePair(cta::StorePairOp op, int thread) {
  int64_t size = op.getElementBytes();
  uint64_t offset = numbers(op.getOffset())[thread];
  if (offset % (2 * size) != 0)
    observer.fault(op, "L3", "writes at an offset that is not aligned");
  for (int64_t i = 0; i < 2 * size; ++i) {
    OutputCell *cell = outputCellAt(op, op.getStage(), offset + i);
    if (!cell)
      return;
    Lane own{role, thread};
    bool isWritten = cell->writer.role >= 0 && cell->writer != own &&
                     !(cell->isOver && cell->writer.isBeside(own));
    bool isRead =
        cell->reader.role >= 0 && !(cell->isRead && cell->reader.isBeside(own));
    if (isWritten || isRead)
      observer.fault(op, "L3",
                     isRead ? "writes a byte that a box may still read"
                            : "writes a byte that another thread wrote");
    Value value = i < size ? op.getFirst() : op.getSecond();
    *cell = OutputCell();
    cell->value = sums(value)[thread];
    cell->bytes = static_cast<int>(size);
    cell->number = static_cast<int>(i % size);
    cell->writer = own;
  }
}

void CtaMachine::executeStorePair(cta::StorePairOp op) {
  if (isComputed(op, op.getOffset()))
    for (int thread = 0; thread < threads; ++thread)
      writePair(op, thread);
}

/// What is not real stays where it is.
void CtaMachine::storeBox(cta::StoreBoxOp op, int thread) {
  auto map = cast<cta::TensorMapType>(op.getMap().getType());
  const Operand &operand = operandOf(op.getBase());
  auto firstRow = static_cast<int32_t>(numbers(op.getRow())[thread]);
  auto firstByte = static_cast<int32_t>(numbers(op.getColumn())[thread]);
  uint64_t from = numbers(op.getOffset())[thread];
  if (from % map.alignment() != 0)
    observer.fault(op, "L3", "begins where its swizzle does not");
  for (int64_t at = 0; at < map.boxBytes(); ++at) {
    OutputCell *cell = outputCellAt(op, op.getStage(), from + map.swizzled(at));
    int64_t row = firstRow + at / map.getBytes();
    int64_t byte = firstByte + at % map.getBytes();
    if (!cell)
      return;
    if (row >= 0 && row < operand.rows() && byte >= 0 && byte < operand.width())
      storeByte(op, thread, *cell, row * operand.stride() + byte);
  }
}

void CtaMachine::storeByte(cta::StoreBoxOp op, int thread, OutputCell &cell,
                           uint64_t to) {
  Lane own{role, thread};
  if (cell.writer.role < 0 || !cell.isPublished || !cell.writer.isBeside(own))
    observer.fault(op, "L3", "stores a byte that its warp has not published");
  cell.reader = own;
  cell.isRead = false;
  Origin origin = operandOf(op.getBase()).at(to);
  observer.access({op, cast<BlockArgument>(op.getBase()).getArgNumber(),
                   static_cast<unsigned>(firstThread + thread), to, /*bytes=*/1,
                   /*guard=*/true, /*isWrite=*/true, origin, origin});
  if (cell.bytes == 0)
    return;
  if (origin.at % cell.bytes != cell.number)
    observer.fault(op, "L4", "stores an element in pieces");
  if (cell.number == 0)
    observer.stored({op, origin, cell.bytes, /*guard=*/true, cell.value});
}

void CtaMachine::executeStoreBox(cta::StoreBoxOp op) {
  for (Value value :
       {op.getRow(), op.getColumn(), op.getOffset(), op.getMine()})
    if (!isComputed(op, value))
      return;
  for (int first = 0; first < threads; first += 32) {
    int storing = 0;
    for (int thread = first; thread < first + 32; ++thread)
      if (numbers(op.getMine())[thread] && ++storing == 1) {
        storeBox(op, thread);
        outputs->isDrained = false;
      }
    // Any lane may do it for the one that has it to do.
    for (Value place : {op.getRow(), op.getColumn(), op.getOffset()})
      if (storing > 1 ||
          !llvm::all_equal(llvm::ArrayRef(numbers(place)).slice(first, 32)))
        observer.fault(op, "L3", "is not the same for all lanes of a warp");
  }
}

/// Of all warps of this role, each for itself.
void CtaMachine::executeOutputStep(Operation &op) {
  if (isa<cta::OutputDrainOp>(op)) {
    outputs->isDrained = true;
    return;
  }
  bool acquires = isa<cta::OutputAcquireOp>(op);
  for (auto &[stage, cells] : outputs->stages)
    for (OutputCell &cell : cells) {
      if (cell.writer.role == role) {
        cell.isOver = true;
        cell.isPublished |= !acquires;
      }
      cell.isRead |= acquires && cell.reader.role == role;
    }
}

void CtaMachine::checkDrained() {
  if (!outputs->isDrained)
    observer.fault(kernel, "L3", "ends while boxes are under way");
}
