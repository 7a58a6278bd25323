// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scale factors as they lie in memory: of 128 rows and 4 K blocks 512 bytes, an
// atom, and those of the next 4 K blocks behind them. Where all of a K step's
// are real, one thread copies them in one piece.

#include "compiler/Conversion/TileRing.h"
#include "compiler/Select/Schedule.h"
#include "runtime/Abi/Problem.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

using Atoms = cta::CopyScaleAtomsOp;

// So that what all threads copy at a time, a word each, is of one atom.
static_assert(producerWarps * 32 * 4 == Atoms::atomBytes);

/// The walk over tiles that a value is a coordinate of, and which.
static std::pair<tile::ForeachTileOp, unsigned> walkOf(Value coordinate) {
  auto argument = dyn_cast<BlockArgument>(coordinate);
  if (!argument)
    return {};
  return {dyn_cast<tile::ForeachTileOp>(argument.getOwner()->getParentOp()),
          argument.getArgNumber()};
}

int64_t TileRing::scaleRowsOf(tile::LoadScalesOp op) {
  int64_t rows = *tile::constantSize(op.getType().getSizes()[0]);
  return isShared(op) ? rows / ctas : rows;
}

int64_t TileRing::atomsOf(tile::LoadScalesOp op) {
  return scaleRowsOf(op) / Atoms::atomRows;
}

/// Tiles are whole atoms, in memory and in the stage, and some may be real.
bool TileRing::isInAtoms(tile::LoadScalesOp op) {
  auto [walk, side] = walkOf(op.getRow());
  auto type = cast<cta::ScalesType>(argument(op.getScales()).getType());
  if (!keepsAtoms() || !walk || staged.lookup(op).scales.words != 4 ||
      type.hasFreeBlocks()) // rows of atoms may be any number apart
    return false;
  int64_t step = *tile::constantSize(walk.getSteps()[side]);
  return step % Atoms::atomRows == 0 &&
         scaleRowsOf(op) % Atoms::atomRows == 0 &&
         type.getLayout().getValue() == StringRef(name(ScaleLayout::T128x4)) &&
         wholenessOf(op, 0) != Whole::Never;
}

TileRing::Whole TileRing::rowsOfAtom(tile::LoadScalesOp op, int64_t atom) {
  auto type = cast<cta::ScalesType>(argument(op.getScales()).getType());
  auto [walk, side] = walkOf(op.getRow());
  std::optional<int64_t> extent = tile::constantSize(walk.getExtents()[side]);
  if (type.getRows() == cta::dynamicRows || !extent || isShared(op))
    return Whole::Some;
  int64_t step = *tile::constantSize(walk.getSteps()[side]);
  int64_t end = (atom + 1) * Atoms::atomRows, rows = type.getRows();
  int64_t lastTile = (*extent - 1) / step * step;
  return end > rows              ? Whole::Never
         : lastTile + end > rows ? Whole::Some
                                 : Whole::Always;
}

TileRing::Whole TileRing::blocksOfStep(tile::LoadScalesOp op) {
  auto type = cast<cta::ScalesType>(argument(op.getScales()).getType());
  FailureOr<int64_t> steps = stepsOf(op->getParentOfType<tile::AccumulateOp>());
  int64_t end = type.getBlocks() * kBlock;
  return failed(steps) || tileK > end   ? Whole::Never
         : *steps * split * tileK > end ? Whole::Some
                                        : Whole::Always;
}

TileRing::Whole TileRing::wholenessOf(tile::LoadScalesOp op, int64_t atom) {
  return std::min(rowsOfAtom(op, atom), blocksOfStep(op));
}

Index TileRing::lastRowOf(tile::LoadScalesOp op, int64_t atom) {
  return firstRow(op, op.getRow()) + ((atom + 1) * Atoms::atomRows - 1);
}

Index TileRing::lastBlockOf(tile::LoadScalesOp op) {
  return coordinate(op.getColumn()) / kBlock + (tileK / kBlock - 1);
}

SmallVector<Value> TileRing::wholeAtoms(tile::LoadScalesOp op) {
  Value base = argument(op.getScales());
  Index lastBlock = lastBlockOf(op);
  SmallVector<Value> whole;
  for (int64_t i = 0; i < atomsOf(op); ++i) {
    Value &value = whole.emplace_back();
    if (wholenessOf(op, i) == Whole::Never)
      continue;
    Index lastRow = lastRowOf(op, i);
    value = isInside(lastRow, lastBlock, base);
  }
  return whole;
}

LogicalResult TileRing::copyAtoms(tile::LoadScalesOp op, const Staged &to,
                                  ValueRange whole, Value isStep) {
  Value base = argument(op.getScales());
  int64_t atoms = tileK / kBlock / Atoms::atomBlocks;
  Value mine = both(*thread < 1, isStep);
  for (auto [i, inside] : llvm::enumerate(whole)) {
    if (!inside)
      continue;
    int64_t skipped = i * Atoms::atomRows;
    Index row = (firstRow(op, op.getRow()) + skipped).extend();
    FailureOr<Index> offset =
        scaleOffset(op, row, coordinate(op.getColumn()) / kBlock);
    if (failed(offset))
      return failure();
    Index begin = number(i * Atoms::atomBytes);
    cta::CopyScaleAtomsOp::create(builder, op.getLoc(), base, *offset, inside,
                                  atoms, ring, to.stage, iteration, begin,
                                  to.scales.parts() * Atoms::atomBytes, mine,
                                  runsAhead(base));
  }
  return success();
}

Value TileRing::copiedInAtoms(tile::AccumulateOp op) {
  auto loads = op.getBody().front().getOps<tile::LoadScalesOp>();
  if (!llvm::all_of(loads, [&](tile::LoadScalesOp load) {
        return isInAtoms(load) &&
               wholenessOf(load, atomsOf(load) - 1) != Whole::Never;
      }))
    return {};
  Value copied;
  for (tile::LoadScalesOp load : loads) {
    auto type = cast<cta::ScalesType>(argument(load.getScales()).getType());
    for (int64_t i = 0; i < atomsOf(load); ++i)
      if (rowsOfAtom(load, i) == Whole::Some) {
        Index last = lastRowOf(load, i);
        copied = both(copied, last < rowsOf(type.getRows()));
      }
    if (blocksOfStep(load) == Whole::Some)
      copied = both(copied, lastBlockOf(load) < type.getBlocks());
  }
  return copied;
}
