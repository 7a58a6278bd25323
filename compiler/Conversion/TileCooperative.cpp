// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A tile is walked through twice: for its copies, by the producer, and for all
// else, by the consumers.

#include "compiler/Conversion/TileCooperative.h"
#include "compiler/Select/Schedule.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

LogicalResult TileCooperative::convertTile(tile::ForeachTileOp op) {
  return success(succeeded(convertProducer(op)) &&
                 succeeded(convertConsumer(op)));
}

/// Where a thread holds more elements than this, the consumers' threads need
/// more registers than all can have, and the producer gives some away. With 40
/// and 232, three warpgroups fill a multiprocessor (CUTLASS takes the same).
static constexpr int64_t manyElements = 64;
static constexpr int64_t producerRegisters = 40, consumerRegisters = 232;

void TileCooperative::beginRole(StringRef name, int64_t first, int64_t count,
                                int64_t registers, int64_t groups) {
  auto where = [&](bool isGiven, int64_t value) {
    return isGiven ? builder.getI64IntegerAttr(value) : IntegerAttr();
  };
  bool differ = heldElements > manyElements;
  auto role =
      cta::RoleOp::create(builder, location, name, first, count * groups,
                          where(groups > 1, groups), where(differ, registers));
  Block &body = role.getBody().emplaceBlock();
  body.addArgument(builder.getI32Type(), location);
  builder.setInsertionPointToEnd(&body);
  placeThreads(index(body.getArgument(0)), 32 * count);
}

LogicalResult TileCooperative::convertProducer(tile::ForeachTileOp op) {
  OpBuilder::InsertionGuard guard(builder);
  beginRole("producer", consumers * warpsM * warpsN, producerWarps,
            producerRegisters);
  for (Operation &inner : op.getBody().front()) {
    LogicalResult result = success();
    if (auto accumulate = dyn_cast<tile::AccumulateOp>(inner))
      result = fillSteps(accumulate);
    else if (!isa<tile::ZerosOp, tile::MapOp, tile::StoreOp>(inner))
      result = cloneArithmetic(inner);
    if (failed(result))
      return failure();
  }
  return success();
}

LogicalResult TileCooperative::fillSteps(tile::AccumulateOp op) {
  FailureOr<int64_t> steps = stepsOf(op);
  if (failed(steps))
    return failure();
  if (*steps == 0)
    return success();
  Location loc = op.getLoc();
  bool isFree = *steps == freeSteps;
  Value zero = number(0), count = stepCount(*steps), one = number(1);
  ring = cta::RingOp::create(
      frameBuilder, loc, cta::RingType::get(builder.getContext()),
      builder.getI64IntegerAttr(stages),
      isFree ? IntegerAttr() : builder.getI64IntegerAttr(*steps),
      isFree ? count : Value());
  rings[op] = ring;
  auto loop = scf::ForOp::create(builder, loc, zero, count, one);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  return fill(op, index(loop.getInductionVar()), /*isStep=*/Value());
}

LogicalResult TileCooperative::convertConsumer(tile::ForeachTileOp op) {
  OpBuilder::InsertionGuard guard(builder);
  beginRole("consumer", 0, warpsM * warpsN, consumerRegisters, consumers);
  // A turn lasts from the first K step to the last.
  auto loops = llvm::to_vector(
      llvm::make_filter_range(op.getBody().getOps<tile::AccumulateOp>(),
                              [&](auto loop) { return rings.contains(loop); }));
  bool takesTurns = consumers > 1 && !loops.empty();
  turnEnds = takesTurns ? loops.back().getOperation() : nullptr;
  for (Operation &inner : op.getBody().front()) {
    if (takesTurns && loops.front() == &inner)
      cta::TakeTurnOp::create(builder, location, Value(), Value());
    if (failed(convertInTile(inner)))
      return failure();
  }
  return success();
}

void TileCooperative::passTurn(tile::AccumulateOp op) {
  if (turnEnds == op.getOperation())
    cta::PassTurnOp::create(builder, location, Value(), Value());
}

FailureOr<ValueRange> TileCooperative::convertSteps(tile::AccumulateOp op,
                                                    int64_t steps,
                                                    const Fragments &inits) {
  Location loc = op.getLoc();
  ring = rings.at(op);
  Value zero = number(0), count = stepCount(steps), one = number(1);
  auto loop = scf::ForOp::create(builder, loc, zero, count, one, inits);
  passTurn(op);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(loop.getBody());
  bindAccumulators(op.getBody().front().getArguments().drop_front(),
                   loop.getRegionIterArgs());
  Index step = index(loop.getInductionVar());
  cta::RingWaitOp::create(builder, loc, ring, step, /*pending=*/0);
  enter(op, step);
  if (failed(multiply(op)))
    return failure();
  cta::RingReleaseOp::create(builder, loc, ring, step);
  scf::YieldOp::create(builder, loc, yielded(op));
  return ValueRange(loop.getResults());
}
