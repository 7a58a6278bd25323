// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The K loop of the multistage schedule. The steps ahead of the first are
// filled before the loop; step k then waits for its own copies, fills k +
// stages - 1 into the slot that step k - 1 has left, and multiplies.

#include "compiler/Conversion/TileMultistage.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

FailureOr<ValueRange> TileMultistage::convertSteps(tile::AccumulateOp op,
                                                   int64_t steps,
                                                   const Fragments &inits) {
  Location loc = op.getLoc();
  if (steps == freeSteps)
    return op.emitOpError("expected another schedule than kind=multistage "
                          "where K is free: its first steps stand apart");
  ring = cta::RingOp::create(frameBuilder, loc, stages, /*steps=*/nullptr);
  if (failed(fillAhead(op, steps)))
    return failure();
  auto loop = scf::ForOp::create(builder, loc, number(0), number(steps),
                                 number(1), inits);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToEnd(loop.getBody());
    bindAccumulators(op.getBody().front().getArguments().drop_front(),
                     loop.getRegionIterArgs());
    Index step = index(loop.getInductionVar());
    cta::RingWaitOp::create(builder, loc, ring, step, stages - 2);
    Index next = step + (stages - 1);
    if (failed(fill(op, next, next < steps)))
      return failure();
    enter(op, step);
    if (failed(multiply(op)))
      return failure();
    cta::RingReleaseOp::create(builder, loc, ring, step);
    scf::YieldOp::create(builder, loc, yielded(op));
  }
  // The next tile begins to fill slots that others may still read.
  cta::BarrierOp::create(builder, loc);
  iteration = Value();
  return ValueRange(loop.getResults());
}

LogicalResult TileMultistage::fillAhead(tile::AccumulateOp op, int64_t steps) {
  auto loop = scf::ForOp::create(builder, op.getLoc(), number(0),
                                 number(stages - 1), number(1));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  Index step = index(loop.getInductionVar());
  return fill(op, step, stages - 1 > steps ? step < steps : Value());
}
