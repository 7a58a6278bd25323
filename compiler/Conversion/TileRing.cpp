// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One K step of a ring: its copies, or its multiplies.

#include "compiler/Conversion/TileRing.h"
#include "runtime/Abi/Problem.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

LogicalResult TileRing::fill(tile::AccumulateOp op, Index step, Value isStep) {
  Location loc = op.getLoc();
  cta::RingAcquireOp::create(builder, loc, ring, step);
  enter(op, step);
  for (Operation &inner : op.getBody().front().without_terminator()) {
    LogicalResult result = success();
    if (auto load = dyn_cast<tile::LoadOp>(inner))
      result = convertLoad(load, isStep);
    else if (auto load = dyn_cast<tile::LoadScalesOp>(inner))
      result = convertLoadScales(load, isStep);
    else if (!isa<tile::DotScaledOp>(inner))
      result = cloneArithmetic(inner);
    if (failed(result))
      return failure();
  }
  cta::RingPublishOp::create(builder, loc, ring, step);
  return success();
}

void TileRing::enter(tile::AccumulateOp op, Index step) {
  iteration = step;
  enterStep(op, step);
}

LogicalResult TileRing::multiply(tile::AccumulateOp op) {
  for (Operation &inner : op.getBody().front().without_terminator()) {
    LogicalResult result = success();
    if (auto dot = dyn_cast<tile::DotScaledOp>(inner))
      result = convertDot(dot);
    else if (!isa<tile::LoadOp, tile::LoadScalesOp>(inner))
      result = cloneArithmetic(inner);
    if (failed(result))
      return failure();
  }
  return success();
}

/// Between roles the slots are empty when the kernel begins, and who fills them
/// has nothing else to do.
bool TileRing::runsAhead(Value base) {
  return ring.getDefiningOp<cta::RingOp>().isBetweenRoles() &&
         kernel.isStatic(cast<BlockArgument>(base));
}

LogicalResult TileRing::convertLoad(tile::LoadOp op, Value isStep) {
  if (failed(checkLoad(op, op.getType().getSizes(), op.getColumn())))
    return failure();
  Value base = argument(op.getMatrix());
  constexpr int64_t blockBytes = kBlock / 2;
  Staged to = stageFor(op, ring);
  Index row = firstRow(op, op.getRow());
  if (Value map = tensorMapOf(op)) {
    Index byte = coordinate(op.getColumn()) / 2;
    Value mine = both(*thread < 1, isStep);
    cta::CopyBoxOp::create(builder, op.getLoc(), map, base, row, byte, ring,
                           to.stage, iteration, mine, runsAhead(base));
    return success();
  }
  forEachMove(to.rows, 1, row, coordinate(op.getColumn()), [&](Move move) {
    Index from = dataOffset(op, move);
    Value inside = isInside(move.row, move.block, base);
    Index place = move.tileRow * to.pitch;
    place = place + move.tileBlock * blockBytes;
    Value mine = both(move.mine, isStep);
    cta::CopyOp::create(builder, op.getLoc(), base, from, inside, to.stage,
                        iteration, place, mine, runsAhead(base));
  });
  return success();
}

LogicalResult TileRing::copyWord(tile::LoadScalesOp op, const Staged &to,
                                 const Move &move, Value mine, Value unless) {
  Value base = argument(op.getScales());
  std::array<Value, 4> inside;
  for (int64_t i = 0; i < 4; ++i)
    inside[i] = isInside(move.row, move.block + i, base);
  FailureOr<Index> offset = scaleOffset(op, move.row.extend(), move.block);
  if (failed(offset))
    return failure();
  cta::CopyScalesOp::create(builder, op.getLoc(), base, *offset, inside[0],
                            inside[1], inside[2], inside[3], to.stage,
                            iteration,
                            to.scales.byteOf(move.tileRow, move.tileBlock),
                            mine, unless, runsAhead(base));
  return success();
}

/// Four at a time where four lie together, on a multiple of four bytes: so they
/// do in tiles, and in rows of whole fours.
LogicalResult TileRing::convertLoadScales(tile::LoadScalesOp op, Value isStep) {
  if (failed(checkLoad(op, op.getType().getSizes(), op.getColumn())))
    return failure();
  Staged to = stageFor(op, ring);
  auto type = cast<cta::ScalesType>(argument(op.getScales()).getType());
  if (type.getLayout().getValue() == StringRef(name(ScaleLayout::Linear)) &&
      (type.hasFreeBlocks() || type.getBlocks() % 4 != 0))
    return copyScales(op, to, isStep);
  SmallVector<Value> whole;
  if (isInAtoms(op)) {
    whole = wholeAtoms(op);
    if (failed(copyAtoms(op, to, whole, isStep)))
      return failure();
  }
  LogicalResult result = success();
  int64_t moves = 0; // where there are atoms, each is of one
  forEachMove(
      to.rows, 4, firstRow(op, op.getRow()), coordinate(op.getColumn()),
      [&](Move move) {
        Value byAtom;
        if (int64_t atoms = whole.size()) {
          int64_t atom = moves++ % atoms;
          if (wholenessOf(op, atom) == Whole::Always)
            return;
          byAtom = whole[atom];
        }
        if (succeeded(result))
          result = copyWord(op, to, move, both(move.mine, isStep), byAtom);
      },
      &to.scales);
  return result;
}
