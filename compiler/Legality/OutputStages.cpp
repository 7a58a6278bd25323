// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A role's acquires, pairs, publishes and boxes of one tile, in a row. Warps
// take no part in each other's, so the order of one is all there is; and since
// each tile begins with an acquire, tiles are alike.

#include "compiler/Legality/OutputStages.h"
#include "compiler/Legality/Prove.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace {

/// Who wrote an element's bytes of a stage since the warp's last acquire.
struct Written {
  int64_t element = -1; ///< of the output; -1: nobody
  int64_t thread = 0;
};

class OutputTracer {
public:
  OutputTracer(cta::RoleOp role, Proof &proof)
      : role(role), proof(proof), threads(role.getThreads()) {}

  LogicalResult run();

  BoxedOutput output;

private:
  LogicalResult trace(Operation &op);
  LogicalResult tracePair(cta::StorePairOp pair);
  LogicalResult write(cta::StorePairOp pair, std::vector<Written> &stage,
                      int64_t at, const Written &by);
  LogicalResult traceBox(cta::StoreBoxOp box);
  LogicalResult checkAlike(cta::StoreBoxOp box, const std::vector<bool> &mine,
                           ArrayRef<int64_t> byThread);
  LogicalResult storeBox(cta::StoreBoxOp box, int64_t thread, int64_t from,
                         int64_t row, int64_t column);
  FailureOr<std::vector<bool>> threadsOf(cta::StoreBoxOp box);
  LogicalResult setBase(cta::StoreBoxOp box, AffineExpr row, AffineExpr column);
  FailureOr<ArrayRef<int64_t>> offsets(Operation *op, Value offset);
  FailureOr<std::vector<Written> *> contentOf(Operation *op, Value stage);
  LogicalResult checkAllStored();

  cta::RoleOp role;
  Proof &proof;
  int64_t threads;
  bool mayWrite = false; ///< acquired, and not published yet
  int64_t elementBytes = 0;
  llvm::DenseMap<Value, std::vector<Written>> stages; ///< by element
};

/// The ops that this file is about, but for the drain.
bool isOutputStep(Operation *op) {
  return isa<cta::OutputAcquireOp, cta::OutputPublishOp, cta::StorePairOp,
             cta::StoreBoxOp>(op);
}

FailureOr<ArrayRef<int64_t>> OutputTracer::offsets(Operation *op,
                                                   Value offset) {
  FailureOr<AffineExpr> index = proof.slicer.index(offset);
  if (failed(index))
    return failure();
  std::optional<Split> split = proof.threads.split(*index);
  if (split && isa<AffineConstantExpr>(split->base))
    return proof.threads.of(split->base + split->local);
  return op->emitError("not proven: expected an offset in shared memory that "
                       "depends on the thread alone");
}

/// Other roles do not know when this one's boxes have been read.
FailureOr<std::vector<Written> *> OutputTracer::contentOf(Operation *op,
                                                          Value stage) {
  for (Operation *user : stage.getUsers())
    if (user->getParentOp() != role)
      return op->emitError("not proven: expected a stage of D to be one role's "
                           "own, outside its K loops");
  int64_t bytes = cast<cta::OutputStageType>(stage.getType()).getBytes();
  std::vector<Written> &content = stages[stage];
  if (content.empty())
    content.resize(bytes / elementBytes);
  return &content;
}

LogicalResult OutputTracer::write(cta::StorePairOp pair,
                                  std::vector<Written> &stage, int64_t at,
                                  const Written &by) {
  if (at >= int64_t(stage.size()))
    return refuteOutput(pair, "L3", by.thread)
           << "writes byte " << at * elementBytes << " of a stage of "
           << stage.size() * elementBytes;
  Written &before = stage[at];
  if (before.element >= 0 && before.thread == by.thread)
    return pair.emitError(
        "not proven: expected each thread to write an element "
        "of a stage of D once");
  if (before.element >= 0)
    return refuteOutput(pair, "L3", by.thread)
           << "writes byte " << at * elementBytes
           << " of a stage a second time";
  before = by;
  return success();
}

LogicalResult OutputTracer::tracePair(cta::StorePairOp pair) {
  if (elementBytes != 0 && elementBytes != pair.getElementBytes())
    return pair.emitError("not proven: expected elements of one width in 'd'");
  elementBytes = pair.getElementBytes();
  FailureOr<ArrayRef<int64_t>> at = offsets(pair, pair.getOffset());
  FailureOr<std::vector<Written> *> stage = contentOf(pair, pair.getStage());
  if (failed(at) || failed(stage))
    return failure();
  if (!mayWrite)
    return refuteOutput(pair, "L3", 0)
           << "is written while a box that was stored before may still be read";
  int64_t first = output.elements.size();
  for (Value value : {pair.getFirst(), pair.getSecond()})
    output.elements.push_back({pair, value, std::vector<int64_t>(threads, -1),
                               std::vector<int64_t>(threads, -1)});
  for (int64_t thread = 0; thread < threads; ++thread) {
    int64_t byte = (*at)[thread];
    if (byte % (2 * elementBytes) != 0)
      return refuteOutput(pair, "L3", thread)
             << "writes byte " << byte << " of a stage, no multiple of "
             << 2 * elementBytes;
    for (int64_t i : {0, 1})
      if (failed(write(pair, **stage, byte / elementBytes + i,
                       {first + i, thread})))
        return failure();
  }
  return success();
}

/// A guard speaks of the thread alone.
FailureOr<std::vector<bool>> OutputTracer::threadsOf(cta::StoreBoxOp box) {
  FailureOr<SmallVector<LessThan>> guard = proof.slicer.guard(box.getMine());
  if (failed(guard))
    return failure();
  std::vector<bool> mine(threads, true);
  for (const LessThan &less : *guard) {
    std::optional<Split> split =
        proof.threads.split(less.large - less.small - 1);
    if (!split || !isa<AffineConstantExpr>(split->base))
      return box.emitError("not proven: expected `when` to speak of the thread "
                           "alone");
    ArrayRef<int64_t> values = proof.threads.of(split->base + split->local);
    for (int64_t thread = 0; thread < threads; ++thread)
      mine[thread] = mine[thread] && values[thread] >= 0;
  }
  return mine;
}

/// All boxes are placed in the tile alike.
LogicalResult OutputTracer::setBase(cta::StoreBoxOp box, AffineExpr row,
                                    AffineExpr column) {
  if (output.last && (!isSame(proof.slicer, row, output.rowBase) ||
                      !isSame(proof.slicer, column, output.columnBase)))
    return box.emitError("not proven: expected the tile's part of row and "
                         "column to be the same for all boxes");
  output.last = box;
  output.rowBase = row;
  output.columnBase = column;
  return success();
}

LogicalResult OutputTracer::traceBox(cta::StoreBoxOp box) {
  if (elementBytes == 0)
    return refuteOutput(box, "L3", 0)
           << "stores a stage that nothing has written";
  FailureOr<AffineExpr> row = proof.slicer.index(box.getRow());
  FailureOr<AffineExpr> column = proof.slicer.index(box.getColumn());
  FailureOr<std::vector<bool>> mine = threadsOf(box);
  FailureOr<ArrayRef<int64_t>> from = offsets(box, box.getOffset());
  if (failed(row) || failed(column) || failed(mine) || failed(from))
    return failure();
  if (!column->isMultipleOf(elementBytes))
    return box.emitError("not proven: expected a multiple of ")
           << elementBytes << " as the first byte of a box";
  std::optional<Split> splitRow = proof.threads.split(*row);
  std::optional<Split> splitColumn =
      proof.threads.split(column->floorDiv(elementBytes));
  if (!splitRow || !splitColumn)
    return box.emitError("not proven: expected row and column of a box to be "
                         "sums of a part of the thread's and a part of the "
                         "tile's");
  if (failed(setBase(box, splitRow->base, splitColumn->base)))
    return failure();
  if (mayWrite)
    return refuteOutput(box, "L3", 0)
           << "is stored before what its warp wrote is published";
  ArrayRef<int64_t> rows = proof.threads.of(splitRow->local);
  ArrayRef<int64_t> columns = proof.threads.of(splitColumn->local);
  for (ArrayRef<int64_t> place : {*from, rows, columns})
    if (failed(checkAlike(box, *mine, place)))
      return failure();
  for (int64_t thread = 0; thread < threads; ++thread)
    if ((*mine)[thread] && failed(storeBox(box, thread, (*from)[thread],
                                           rows[thread], columns[thread])))
      return failure();
  return success();
}

/// Any thread of its warp may do it in the place of the one that has it to do.
LogicalResult OutputTracer::checkAlike(cta::StoreBoxOp box,
                                       const std::vector<bool> &mine,
                                       ArrayRef<int64_t> byThread) {
  for (int64_t first = 0; first < threads; first += 32) {
    auto doing = llvm::count(
        llvm::make_range(mine.begin() + first, mine.begin() + first + 32),
        true);
    if (doing > 1 || !llvm::all_equal(byThread.slice(first, 32)))
      return box.emitError("not proven: expected at most one thread of a warp "
                           "to store a box, and to be alike to the others of "
                           "its warp");
  }
  return success();
}

LogicalResult OutputTracer::storeBox(cta::StoreBoxOp box, int64_t thread,
                                     int64_t from, int64_t row,
                                     int64_t column) {
  cta::TensorMapType map = box.getMap().getType();
  FailureOr<std::vector<Written> *> stage = contentOf(box, box.getStage());
  if (failed(stage))
    return failure();
  int64_t size = (*stage)->size() * elementBytes;
  if (from % map.alignment() != 0 || from + map.boxBytes() > size)
    return refuteOutput(box, "L3", thread)
           << "stores " << map.boxBytes() << " bytes from byte " << from
           << " of a stage of " << size << " on: expected a multiple of "
           << map.alignment() << ", and all of them in the stage";
  for (int64_t i = 0; i < map.boxBytes(); i += elementBytes) {
    int64_t at = from + map.swizzled(i);
    const Written &written = (**stage)[at / elementBytes];
    if (written.element < 0)
      return refuteOutput(box, "L3", thread)
             << "stores byte " << at
             << " of a stage, which its warp has not written since its last "
                "acquire";
    if (written.thread / 32 != thread / 32)
      return refuteOutput(box, "L3", thread)
             << "stores byte " << at << " of a stage, which thread "
             << written.thread << " of another warp writes";
    BoxedElement &element = output.elements[written.element];
    if (element.rows[written.thread] >= 0)
      return refuteOutput(box, "L4", thread)
             << "stores byte " << at << " of a stage a second time";
    element.rows[written.thread] = row + i / map.getBytes();
    element.columns[written.thread] =
        column + i % map.getBytes() / elementBytes;
  }
  return success();
}

LogicalResult OutputTracer::checkAllStored() {
  for (const BoxedElement &element : output.elements)
    for (int64_t thread = 0; thread < threads; ++thread)
      if (element.rows[thread] < 0)
        return refuteOutput(element.pair, "L4", thread)
               << "writes an element of 'd' that no box stores";
  return success();
}

LogicalResult OutputTracer::trace(Operation &op) {
  if (isa<cta::OutputAcquireOp>(op)) {
    mayWrite = true;
    stages.clear();
  } else if (isa<cta::OutputPublishOp>(op)) {
    mayWrite = false;
  } else if (auto pair = dyn_cast<cta::StorePairOp>(op)) {
    return tracePair(pair);
  } else if (auto box = dyn_cast<cta::StoreBoxOp>(op)) {
    return traceBox(box);
  }
  return success();
}

LogicalResult OutputTracer::run() {
  WalkResult result = role.walk([&](Operation *op) -> WalkResult {
    if (!isOutputStep(op) || op->getParentOp() == role)
      return success();
    return op->emitError(
        "not proven: expected stores by TMA in a tile, outside "
        "its K loops");
  });
  if (result.wasInterrupted())
    return failure();
  for (Operation &op : role.getBody().front())
    if (failed(trace(op)))
      return failure();
  return checkAllStored();
}

/// Shared memory is given back, and the output said to be there, at the end.
LogicalResult checkDrained(Proof &proof, cta::StoreBoxOp box) {
  auto range = box->getParentOfType<cta::TileRangeOp>();
  for (auto drain : proof.kernel.getBody().getOps<cta::OutputDrainOp>())
    if (range->isBeforeInBlock(drain))
      return success();
  return box.emitError(
      "not proven: expected cta.output_drain behind the tiles");
}

} // namespace

FailureOr<std::vector<BoxedOutput>>
nybl::compiler::proveOutputStages(Proof &proof) {
  std::vector<BoxedOutput> outputs;
  WalkResult result = proof.kernel.walk([&](cta::RoleOp role) -> WalkResult {
    OutputTracer tracer(role, proof);
    if (failed(tracer.run()))
      return failure();
    if (!tracer.output.last)
      return success();
    outputs.push_back(std::move(tracer.output));
    return checkDrained(proof, outputs.back().last);
  });
  if (result.wasInterrupted())
    return failure();
  // The verifier keeps boxes in roles; pairs elsewhere reach none.
  result = proof.kernel.walk([](cta::StorePairOp pair) -> WalkResult {
    if (pair->getParentOfType<cta::RoleOp>())
      return success();
    return pair.emitError("not proven: expected to be in a role");
  });
  if (result.wasInterrupted())
    return failure();
  return outputs;
}

InFlightDiagnostic nybl::compiler::refuteOutput(Operation *op, StringRef lemma,
                                                int64_t thread) {
  Counterexample example;
  example.lemma = lemma;
  example.operand = "d";
  example.tile = 0;
  example.thread = thread;
  InFlightDiagnostic error = op->emitError("refuted: with tile = 0, thread = ");
  markRefuted(error, example);
  error << thread << " this ";
  return error;
}
