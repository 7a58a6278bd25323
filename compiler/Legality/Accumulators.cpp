// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a value that is stored back through elementwise ops and K loops to the
// multiplies it is the sum of.

#include "compiler/Legality/Prove.h"
#include "compiler/Legality/Slots.h"
#include "compiler/Legality/TensorSlots.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

LogicalResult Accumulators::collect() {
  WalkResult result = proof.kernel.walk([&](Operation *op) -> WalkResult {
    auto mma = dyn_cast<cta::MmaOp>(op);
    auto tensor = dyn_cast<cta::TensorMmaOp>(op);
    if (!mma && !tensor)
      return success();
    FailureOr<Slots> found = mma ? slotsOf(mma, proof) : slotsOf(tensor, proof);
    if (succeeded(found))
      slots.emplace(op, std::move(*found));
    return success(succeeded(found));
  });
  return failure(result.wasInterrupted());
}

bool Accumulators::sameRows(const SlotRows &a, const SlotRows &b) const {
  return a.operand == b.operand && a.rows == b.rows &&
         isSame(proof.slicer, a.base, b.base);
}

bool Accumulators::sameSlots(const Slots &a, const Slots &b) const {
  return a.tensor == b.tensor && sameRows(a.a, b.a) && sameRows(a.b, b.b);
}

static InFlightDiagnostic refute(Operation *at) {
  Counterexample example;
  example.lemma = "L2";
  InFlightDiagnostic error = at->emitError("refuted: ");
  markRefuted(error, example);
  return error;
}

/// What adds up, or is computed from each other, is of one element of D.
LogicalResult Accumulators::join(Origin &into, Origin from, Operation *at) {
  if (!from.slots)
    return success();
  if (!into.slots) {
    into = from;
    return success();
  }
  if (into.element == from.element &&
      (into.slots == from.slots || sameSlots(*into.slots, *from.slots)))
    return success();
  return refute(at) << "this mixes accumulators of different elements of the "
                       "output";
}

FailureOr<Accumulators::Chain>
Accumulators::append(Operation *mma, Value accumulator, unsigned element) {
  FailureOr<Chain> chain = chainOf(accumulator);
  const Slots &own = slots.at(mma);
  if (failed(chain) || failed(join(chain->origin, {&own, element}, mma)))
    return failure();
  int64_t steps = 1;
  AffineExpr at = own.columnBase + own.column;
  if (auto loop = mma->getParentOfType<scf::ForOp>()) {
    FailureOr<AffineExpr> leaf = proof.slicer.index(loop.getInductionVar());
    if (failed(leaf))
      return failure();
    const Leaf *step = proof.slicer.leafOf(*leaf);
    steps = Slicer::isFree(*step)
                ? allSteps
                : cast<AffineConstantExpr>(step->max).getValue() + 1;
    // The same for every loop, so that what was asked can be found again.
    at = at.replace(*leaf, getAffineSymbolExpr(0, at.getContext()));
  }
  chain->columns.push_back({at, steps});
  return chain;
}

FailureOr<Accumulators::Chain> Accumulators::chainOfLoop(OpResult result) {
  auto loop = cast<scf::ForOp>(result.getOwner());
  FailureOr<Chain> chain =
      chainOf(loop.getInitArgs()[result.getResultNumber()]);
  if (failed(chain))
    return failure();
  FailureOr<Chain> body = chainOf(
      loop.getBody()->getTerminator()->getOperand(result.getResultNumber()));
  if (failed(body))
    return failure();
  if (body->start != loop.getRegionIterArg(result.getResultNumber()))
    return refute(loop) << "the accumulator " << result.getResultNumber()
                        << " of this loop is not handed on from K step to K "
                           "step";
  if (failed(join(chain->origin, body->origin, loop)))
    return failure();
  chain->columns.append(body->columns);
  return chain;
}

/// Each part adds what it has of the register, the first to zero.
FailureOr<Accumulators::Chain> Accumulators::chainOfParts(BlockArgument sum) {
  auto op = cast<cta::SumPartsOp>(sum.getOwner()->getParentOp());
  FailureOr<Chain> own = chainOf(op.getValues()[sum.getArgNumber()]);
  FailureOr<AffineExpr> part = proof.slicer.index(op.getPart());
  if (failed(own) || failed(part))
    return failure();
  Chain chain{own->start, own->origin, {}};
  int64_t parts = op->getParentOfType<cta::TileRangeOp>().getParts();
  for (int64_t number = 0; number < parts; ++number)
    for (auto [column, steps] : own->columns)
      chain.columns.push_back(
          {column.replace(*part, proof.slicer.constant(number)), steps});
  return chain;
}

/// A register for each column from `first` on, of what was added up there. (L3:
/// nothing else writes these columns before.)
FailureOr<Accumulators::Chain> Accumulators::chainOfLoad(OpResult loaded) {
  auto load = cast<cta::TensorLoadOp>(loaded.getOwner());
  auto publish = load.getSum().getDefiningOp<cta::TensorPublishOp>();
  FailureOr<Chain> chain = chainOf(publish.getAcc());
  if (failed(chain))
    return failure();
  auto alloc = load.getColumns().getDefiningOp<cta::TensorAllocOp>();
  if (!chain->origin.slots || alloc.getRing() != publish.getRing() ||
      chain->origin.slots->tensor != load.getColumns())
    return load.emitError("not proven: expected columns that multiplies have "
                          "been added up in, of the ring that says so");
  chain->origin.element = int64_t(load.getFirst()) + loaded.getResultNumber();
  if (chain->origin.element >= chain->origin.slots->b.rows.size())
    return load.emitError("not proven: expected columns that multiplies write");
  return chain;
}

FailureOr<Accumulators::Chain> Accumulators::chainOf(Value value) {
  if (auto known = chains.find(value); known != chains.end())
    return known->second;
  FailureOr<Chain> result = chainNew(value);
  if (succeeded(result))
    chains[value] = *result;
  return result;
}

FailureOr<Accumulators::Chain> Accumulators::chainNew(Value value) {
  if (matchPattern(value, m_PosZeroFloat()))
    return Chain{};
  if (auto argument = dyn_cast<BlockArgument>(value);
      argument && isa<scf::ForOp>(argument.getOwner()->getParentOp()))
    return Chain{argument, {}, {}};
  if (auto argument = dyn_cast<BlockArgument>(value);
      argument && isa<cta::SumPartsOp>(argument.getOwner()->getParentOp()))
    return chainOfParts(argument);
  Operation *op = value.getDefiningOp();
  if (auto mma = dyn_cast_or_null<cta::MmaOp>(op)) {
    unsigned element = cast<OpResult>(value).getResultNumber();
    return append(mma, mma.getAcc()[element], element);
  }
  if (auto mma = dyn_cast_or_null<cta::TensorMmaOp>(op))
    return append(mma, mma.getAcc(), /*element=*/0); // of all at once
  if (isa_and_present<cta::TensorZeroOp>(op))
    return Chain{};
  if (isa_and_present<cta::TensorLoadOp>(op))
    return chainOfLoad(cast<OpResult>(value));
  if (isa_and_present<scf::ForOp>(op))
    return chainOfLoop(cast<OpResult>(value));
  return (op ? op : proof.kernel.getOperation())
      ->emitError("not proven: expected zero, a multiply or a K loop's "
                  "result as an accumulator");
}

/// The byte of K that step 0 of a loop takes 32 bytes from, and how far on step
/// 1 is: both are whole multiplies.
FailureOr<std::pair<int64_t, int64_t>> Accumulators::walkOf(AffineExpr column,
                                                            Operation *at) {
  AffineExpr number = getAffineSymbolExpr(0, at->getContext());
  auto valueAt = [&](int64_t step) {
    auto value = dyn_cast<AffineConstantExpr>(
        column.replace(number, getAffineConstantExpr(step, at->getContext())));
    return value ? std::optional(value.getValue()) : std::nullopt;
  };
  std::optional<int64_t> first = valueAt(0), second = valueAt(1);
  if (first && second && *first % multiplyBytes == 0 &&
      (*second - *first) % multiplyBytes == 0 &&
      isSame(proof.slicer, column, number * (*second - *first) + *first))
    return std::pair(*first, *second - *first);
  return at->emitError("not proven: expected K to be walked over in steps "
                       "of 64 elements");
}

/// Of K block `unit` * 4.
static LogicalResult refuteTimes(Operation *at, size_t unit, int64_t times) {
  return refute(at) << "K block " << unit * 4 << " is "
                    << (times == 0 ? "never multiplied"
                                   : "multiplied more than once")
                    << " in what is stored here";
}

/// The columns of K that a chain walks over, in the multiplies' order: step s
/// of a loop takes s * (bytes of a step) and what follows, each 32 bytes once.
LogicalResult Accumulators::proveWhole(const Chain &chain, Operation *at) {
  if (llvm::is_contained(whole, chain.columns))
    return success();
  auto matrix = cast<cta::MatrixType>(chain.origin.slots->a.operand.getType());
  if (matrix.hasFreeRowBytes())
    return proveWholeOfAny(chain, at);
  int64_t units = llvm::divideCeil(matrix.getRowBytes(), multiplyBytes);
  constexpr int64_t maxUnits = 1 << 22; // K of 268 million
  if (units > maxUnits)
    return at->emitError("not proven: expected a K of at most ")
           << maxUnits * 64;
  std::vector<uint8_t> met(units);
  for (auto [column, steps] : chain.columns) {
    auto walk = walkOf(column, at);
    if (failed(walk))
      return failure();
    for (int64_t step = 0, unit = walk->first / multiplyBytes;
         step < steps && unit < units;
         ++step, unit += walk->second / multiplyBytes)
      if (++met[unit] > 1)
        break;
  }
  for (auto [unit, times] : llvm::enumerate(met))
    if (times != 1)
      return refuteTimes(at, unit, times);
  whole.push_back(chain.columns);
  return success();
}

/// Where K is free: in each step of one loop the multiplies take each of so
/// many times 32 bytes once, and all steps together reach the end of K.
LogicalResult Accumulators::proveWholeOfAny(const Chain &chain, Operation *at) {
  std::optional<int64_t> stepBytes;
  std::map<int64_t, int64_t> met; // units of step 0
  for (auto [column, steps] : chain.columns) {
    auto walk = walkOf(column, at);
    if (failed(walk))
      return failure();
    if (steps != allSteps || stepBytes.value_or(walk->second) != walk->second ||
        walk->second <= 0)
      return at->emitError("not proven: expected K to be walked over by one "
                           "loop where K is free");
    stepBytes = walk->second;
    ++met[walk->first / multiplyBytes];
  }
  int64_t units = stepBytes.value_or(0) / multiplyBytes;
  for (int64_t unit = 0; unit < units; ++unit)
    if (met[unit] != 1)
      return refuteTimes(at, unit, met[unit]);
  if (units == 0 || int64_t(met.size()) != units)
    return at->emitError("not proven: expected each K step to multiply what it "
                         "walks over, and nothing else");
  AffineExpr reached = proof.slicer.freeSteps() * *stepBytes;
  AffineExpr last = proof.slicer.rowBytesOf(chain.origin.slots->a.operand) - 1;
  Sample sample;
  switch (proof.solver.findViolation({}, {last, reached}, sample)) {
  case Query::Answer::Empty:
    whole.push_back(chain.columns);
    return success();
  case Query::Answer::TooLarge:
    return at->emitError("not proven: whether the K steps reach the end of K "
                         "is too large a question");
  case Query::Answer::Inhabited:
    return refute(at) << "with " << describe(proof.slicer, sample)
                      << " the last K blocks are never multiplied in what is "
                         "stored here";
  }
  llvm_unreachable("every answer is handled above");
}

/// Elementwise ops are followed back; what has no multiply in it is a scalar.
FailureOr<Origin> Accumulators::originOf(Value value) {
  if (auto known = origins.find(value); known != origins.end())
    return known->second;
  Operation *op = value.getDefiningOp();
  if (!op && isa<cta::SumPartsOp>(value.getParentBlock()->getParentOp()))
    op = value.getParentBlock()->getParentOp();
  Origin result;
  if (isa_and_present<cta::MmaOp, cta::TensorLoadOp, scf::ForOp,
                      cta::SumPartsOp>(op)) {
    FailureOr<Chain> chain = chainOf(value);
    if (failed(chain))
      return failure();
    if (chain->start)
      return op->emitError("not proven: expected what is stored to be computed "
                           "after the K loop");
    result = chain->origin;
    if (result.slots && failed(proveWhole(*chain, op)))
      return failure();
  } else if (op && isa<arith::ArithDialect>(op->getDialect())) {
    for (Value operand : op->getOperands()) {
      FailureOr<Origin> from = originOf(operand);
      if (failed(from) || failed(join(result, *from, op)))
        return failure();
    }
  } else if (op && !isa<cta::LoadScalarOp>(op)) {
    return op->emitError("not proven: expected what is stored to be made of "
                         "multiplies, scalars and numbers");
  }
  origins[value] = result;
  return result;
}
