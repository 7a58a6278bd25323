// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The K loop of the plain schedule: copy, barrier, multiply, barrier.

#include "compiler/Conversion/TilePlain.h"
#include "runtime/Abi/Problem.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

FailureOr<ValueRange> TilePlain::convertSteps(tile::AccumulateOp op,
                                              int64_t steps,
                                              const Fragments &inits) {
  Value zero = number(0), count = stepCount(steps), one = number(1);
  auto loop = scf::ForOp::create(builder, op.getLoc(), zero, count, one, inits);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(loop.getBody());
  Block &body = op.getBody().front();
  bindAccumulators(body.getArguments().drop_front(), loop.getRegionIterArgs());
  enterStep(op, index(loop.getInductionVar()));
  for (Operation &inner : body)
    if (failed(convertInStep(inner)))
      return failure();
  // Nobody may overwrite the stage while others still read it.
  cta::BarrierOp::create(builder, op.getLoc());
  scf::YieldOp::create(builder, op.getLoc(), yielded(op));
  return ValueRange(loop.getResults());
}

LogicalResult TilePlain::convertInStep(Operation &op) {
  if (auto load = dyn_cast<tile::LoadOp>(op))
    return convertLoad(load);
  if (auto load = dyn_cast<tile::LoadScalesOp>(op))
    return convertLoadScales(load);
  if (auto dot = dyn_cast<tile::DotScaledOp>(op)) {
    cta::BarrierOp::create(builder, op.getLoc());
    return convertDot(dot);
  }
  if (isa<tile::YieldOp>(op))
    return success();
  return cloneArithmetic(op);
}

LogicalResult TilePlain::convertLoad(tile::LoadOp op) {
  if (failed(checkLoad(op, op.getType().getSizes(), op.getColumn())))
    return failure();
  Value base = argument(op.getMatrix());
  constexpr int64_t blockBytes = kBlock / 2;
  Staged to = stageFor(op, /*ring=*/Value());
  forEachMove(
      to.rows, 1, coordinate(op.getRow()), coordinate(op.getColumn()),
      [&](Move move) {
        Value inside = both(isInside(move.row, move.block, base), move.mine);
        Value data = cta::LoadOp::create(builder, op.getLoc(), base,
                                         dataOffset(op, move), inside);
        cta::StoreSharedOp::create(
            builder, op.getLoc(), data, to.stage, Value(),
            move.tileRow * to.pitch + move.tileBlock * blockBytes, move.mine);
      });
  return success();
}

LogicalResult TilePlain::convertLoadScales(tile::LoadScalesOp op) {
  if (failed(checkLoad(op, op.getType().getSizes(), op.getColumn())))
    return failure();
  return copyScales(op, stageFor(op, /*ring=*/Value()), /*when=*/Value());
}
