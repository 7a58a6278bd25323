// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One group's tile: multiplies into its columns, then rows into registers.

#include "compiler/Conversion/TileTensor.h"
#include "compiler/Select/TensorMemory.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/bit.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

/// Tensor memory has room for the accumulators of one product in each group's
/// stage.
LogicalResult TileTensor::checkAccumulate(tile::AccumulateOp op,
                                          const Fragments &inits) {
  Block &body = op.getBody().front();
  auto dots = llvm::to_vector(body.getOps<tile::DotScaledOp>());
  bool one = op.getNumResults() == 1 && dots.size() == 1 && !columns;
  if (!one || dots[0].getAcc() != body.getArgument(1) ||
      body.getTerminator()->getOperand(0) != dots[0].getResult())
    return op.emitOpError("expected one accumulator, of one tile.dot_scaled in "
                          "each K step, where kind=tmem");
  if (llvm::all_of(inits, [](Value init) {
        return matchPattern(init, m_PosZeroFloat());
      }))
    return success();
  return op.emitOpError("expected an accumulator that begins as zeros where "
                        "kind=tmem");
}

/// The accumulators of a tile are an iteration of a ring, in which each group
/// has a slot: it writes it, and reads it when it is whole.
FailureOr<ValueRange> TileTensor::convertSteps(tile::AccumulateOp op,
                                               int64_t steps,
                                               const Fragments &inits) {
  if (failed(checkAccumulate(op, inits)))
    return failure();
  Location loc = op.getLoc();
  ring = rings.at(op);
  sums = cta::RingOp::create(frameBuilder, loc, consumers,
                             builder.getI64IntegerAttr(1));
  int64_t count = swapped ? tileM : tileN;
  auto type = cta::TensorColumnsType::get(builder.getContext(), count);
  columns = cta::TensorAllocOp::create(frameBuilder, loc, type, sums, Value(),
                                       /*column=*/nullptr);
  mine = *thread < 1;
  Value tile = number(0);
  cta::RingAcquireOp::create(builder, loc, sums, tile);
  Value product = multiplyAll(op, steps);
  if (!product)
    return failure();
  Value sum =
      cta::TensorPublishOp::create(builder, loc, sums, tile, product, mine);
  passTurn(op);
  cta::RingWaitOp::create(builder, loc, sums, tile, /*pending=*/0);
  loaded.clear();
  for (int64_t first = 0; first < count;) {
    uint64_t most = std::min(count - first, columnsOfLoad);
    SmallVector<Type> types(llvm::bit_floor(most), builder.getF32Type());
    llvm::append_range(loaded,
                       cta::TensorLoadOp::create(builder, loc, types, sum,
                                                 columns, tile, first)
                           .getValues());
    first += types.size();
  }
  release = cta::RingReleaseOp::create(builder, loc, sums, tile);
  return ValueRange(loaded);
}

LogicalResult TileTensor::convertTile(tile::ForeachTileOp op) {
  if (failed(TileCooperative::convertTile(op)))
    return failure();
  if (release)
    storeLoadByLoad();
  return success();
}

void TileTensor::bring(Operation *op, Operation *anchor) {
  op->walk([&](Operation *inner) {
    for (Value operand : inner->getOperands()) {
      Operation *needed = operand.getDefiningOp();
      if (!needed || !toPlace.erase(needed))
        continue;
      bring(needed, anchor);
      needed->moveBefore(anchor);
    }
  });
}

void TileTensor::storeLoadByLoad() {
  Operation *first = loaded.front().getDefiningOp();
  SmallVector<Operation *> anchors, pure;
  for (Operation *op = first; op; op = op->getNextNode())
    if (isa<cta::TensorLoadOp>(op) || isPure(op))
      toPlace.insert(op);
    else if (op != release)
      anchors.push_back(op);
  llvm::copy_if(llvm::make_pointer_range(*first->getBlock()),
                std::back_inserter(pure), [&](Operation *op) {
                  return toPlace.contains(op) && !isa<cta::TensorLoadOp>(op);
                });
  for (Operation *anchor : anchors)
    bring(anchor, anchor);
  // What nobody stores would stand ahead of the loads that it is made of.
  for (Operation *op : llvm::reverse(pure))
    if (toPlace.erase(op) && op->use_empty())
      op->erase();
  Operation *last = first;
  for (Value value : loaded)
    if (last->isBeforeInBlock(value.getDefiningOp()))
      last = value.getDefiningOp();
  release->moveAfter(last);
}

/// What is added up in the K loop; null after a diagnostic.
Value TileTensor::multiplyAll(tile::AccumulateOp op, int64_t steps) {
  Location loc = op.getLoc();
  Value zero = cta::TensorZeroOp::create(builder, loc);
  Value from = number(0), count = stepCount(steps), one = number(1);
  auto loop = scf::ForOp::create(builder, loc, from, count, one, zero);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(loop.getBody());
  accumulators[op.getBody().getArgument(1)] = loop.getRegionIterArg(0);
  Index step = index(loop.getInductionVar());
  enter(op, step);
  Value copied = copiedInAtoms(op);
  cta::RingWaitOp::create(builder, loc, ring, step, copied, /*pending=*/0);
  if (rank)
    cta::PairWaitOp::create(builder, loc, ring, step, mine);
  if (failed(multiply(op)))
    return {};
  cta::TensorReleaseOp::create(builder, loc, ring, step, mine);
  Value yielded = op.getBody().front().getTerminator()->getOperand(0);
  scf::YieldOp::create(builder, loc, accumulators.at(yielded));
  return loop.getResult(0);
}

LogicalResult TileTensor::checkOperands(tile::DotScaledOp op) {
  for (Value operand : op->getOperands().drop_back())
    if (!staged.contains(operand))
      return op.emitOpError("expected operands loaded in the same K step");
  if (failed(checkShape(op, op.getType())))
    return failure();
  for (Value data : {op.getA(), op.getB()})
    if (!staged[data].swizzled)
      return op.emitOpError("expected data that TMA has copied: use fill=tma");
  for (Value scales : {op.getSa(), op.getSb()})
    if (staged[scales].scales.words != 4)
      return op.emitOpError(
          "expected scale factors of one operand on each side "
          "where kind=tmem");
  return success();
}

Value TileTensor::describe(const Staged &data) {
  auto type =
      cta::DescriptorType::get(builder.getContext(), data.rows, data.pitch);
  return cta::SmemDescOp::create(builder, location, type, data.stage,
                                 iteration);
}

Value TileTensor::copyToTensor(const Staged &scales) {
  auto type = cta::ScaleColumnsType::get(builder.getContext(),
                                         scaleColumns(scales.rows, tileK));
  Value to = cta::TensorAllocOp::create(frameBuilder, location, type, ring,
                                        Value(), /*column=*/nullptr);
  return cta::TensorCopyOp::create(builder, location, scales.stage, iteration,
                                   to, mine);
}

LogicalResult TileTensor::convertDot(tile::DotScaledOp op) {
  if (failed(checkOperands(op)))
    return failure();
  std::array<Value, 2> sides = {op.getA(), op.getB()},
                       factors = {op.getSa(), op.getSb()};
  int64_t rows = swapped ? 1 : 0; // of multiplies: which operand's
  Value a = describe(staged[sides[rows]]);
  Value b = describe(staged[sides[1 - rows]]);
  Value sa = copyToTensor(staged[factors[rows]]);
  Value sb = copyToTensor(staged[factors[1 - rows]]);
  Value sum = accumulators.lookup(op.getAcc());
  Value tile = number(0);
  for (int64_t step = 0; step < tileK / 64; ++step)
    sum = cta::TensorMmaOp::create(builder, op.getLoc(), a, sa, b, sb, sum,
                                   columns, tile, step, mine);
  accumulators[op.getResult()] = sum;
  return success();
}

/// A thread has a row of multiplies, whose columns are its registers.
std::pair<Index, Index> TileTensor::placeOf(int64_t i, Index row,
                                            Index column) const {
  if (swapped)
    return {row + i, column + *lane};
  return {row + *lane, column + i};
}

/// Box by box, in one stage, as they are loaded: a lane writes its row of each,
/// pair by pair.
void TileTensor::storeBoxes(tile::StoreOp op, const Fragments &values) {
  Type element = op.getMatrix().getType().getElement();
  OutputStage to = outputStageOf(op, /*boxes=*/1);
  to.planeBytes = 0;
  int64_t columnsOfBox = to.rowBytes / to.elementBytes;
  Index row = (index(to.firstRow) + *lane) * to.rowBytes;
  for (int64_t box = 0; box * columnsOfBox < tileN; ++box) {
    cta::OutputAcquireOp::create(builder, op.getLoc());
    for (int64_t i = 0; i < columnsOfBox; i += 2) {
      Value left = round(values[box * columnsOfBox + i], element);
      Value right = round(values[box * columnsOfBox + i + 1], element);
      int64_t byte = i * to.elementBytes;
      Index at = swizzled(row, number(byte / 16), to.rowBytes) + byte % 16;
      cta::StorePairOp::create(builder, op.getLoc(), left, right, to.stage, at);
    }
    cta::OutputPublishOp::create(builder, op.getLoc());
    storeBox(op, box, to);
  }
}
