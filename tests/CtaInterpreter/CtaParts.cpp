// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Parts of tiles: the sums that they leave for each other. One CTA does all of
// them, in their order; who waits for another CTA is not looked at here.

#include "tests/CtaInterpreter/CtaMachine.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::enumeration;

namespace {

/// The first side of a sum, or the second, gets the K blocks that follow.
bool append(int32_t &row, uint8_t &operand, int32_t &first, int32_t &blocks,
            int32_t ownRow, uint8_t ownOperand, int32_t ownFirst,
            int32_t ownBlocks) {
  if (ownBlocks == 0)
    return true;
  bool fits = blocks == 0 || (row == ownRow && operand == ownOperand &&
                              first + blocks == ownFirst);
  if (blocks == 0)
    row = ownRow, operand = ownOperand, first = ownFirst;
  blocks += ownBlocks;
  return fits;
}

/// What a part adds to the sum of those before it.
Sum add(Sum before, const Sum &own) {
  bool fits =
      append(before.row, before.rowOperand, before.rowFirst, before.rowBlocks,
             own.row, own.rowOperand, own.rowFirst, own.rowBlocks);
  fits &= append(before.column, before.columnOperand, before.columnFirst,
                 before.columnBlocks, own.column, own.columnOperand,
                 own.columnFirst, own.columnBlocks);
  before.mixed |= own.mixed || !fits;
  return before;
}

} // namespace

Status CtaMachine::executeSumParts(cta::SumPartsOp op) {
  auto range = op->getParentOfType<cta::TileRangeOp>();
  cta::WorkspaceType type = op.getWorkspace().getType();
  for (Value value : {op.getTile(), op.getPart(), op.getThread()})
    if (!isComputed(op, value))
      return Status::ok();
  uint64_t tile = uniform(op, op.getTile()), part = uniform(op, op.getPart());
  TileSums &found = (*workspace)[tile];
  auto isTurn = [&found, part] { return found.turn == part; };
  if (role >= 0 ? !team->turns.pass(role, isTurn) : !isTurn()) {
    if (role < 0)
      observer.fault(op, "L3", "waits for ever for its part's turn");
    return Status::refused("a part waits for ever");
  }
  found.sums.resize(type.getThreads() * type.getRegisters());
  bool isLast = part + 1 == range.getParts();
  for (int thread = 0; thread < threads; ++thread) {
    uint64_t place = numbers(op.getThread())[thread];
    if (place >= uint64_t(type.getThreads())) {
      observer.fault(op, "L1", "leaves its tile of the workspace");
      continue;
    }
    for (auto [i, value] : llvm::enumerate(op.getValues())) {
      Sum &sum = found.sums[place * type.getRegisters() + i];
      sum = add(sum, sums(value)[thread]);
      sums(op.getBody().getArgument(i))[thread] = sum;
      if (isLast)
        sum = Sum();
    }
  }
  found.turn = isLast ? 0 : part + 1;
  return isLast ? execute(op.getBody().front()) : Status::ok();
}

void CtaMachine::checkWorkspace() {
  for (const auto &[tile, left] : *workspace)
    if (left.turn != 0 || !llvm::all_equal(left.sums) ||
        (!left.sums.empty() && left.sums.front() != Sum()))
      return observer.fault(kernel, "L3",
                            "leaves a tile's workspace other than it was");
}
