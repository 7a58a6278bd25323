// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How tcgen05.mma reads shared memory by a descriptor and scale factors from
// tensor memory, and how tcgen05.cp brings them there, applied to what the
// stages hold. That is an axiom (docs/trust.md).

#include "compiler/Legality/TensorSlots.h"
#include "compiler/Legality/Prove.h"
#include "runtime/Abi/Problem.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace {

/// Bytes of data that one scale factor scales, and factors of a multiply's row.
constexpr int64_t blockBytes = kBlock / 2, blocks = 4;

/// Where byte `at` of a tile with rows of `rowBytes` lies, by the descriptor's
/// swizzle over so many bytes: bits 4.. of an address are XORed with bits 7...
int64_t swizzled(int64_t at, int64_t rowBytes) {
  int64_t mask = rowBytes == 128 ? 7 : rowBytes == 64 ? 3 : 1;
  return at ^ ((at >> 7 & mask) << 4);
}

/// From which byte of a stage the factor of a row and one of four K blocks
/// comes: tensor memory has it in byte `block` of lane row mod 32, and of
/// column row div 32 of the step's, which begin with four for each 128 rows;
/// tcgen05.cp has filled four columns from 512 bytes, a lane from 16, a column
/// of it from 4.
int64_t scaleByte(int64_t step, int64_t rows, int64_t row, int64_t block) {
  int64_t columnsOfStep = llvm::divideCeil(rows, 128) * 4;
  int64_t column = step * columnsOfStep + row / 32, lane = row % 32;
  return column / 4 * 512 + lane * 16 + column % 4 * 4 + block;
}

class TensorProver {
public:
  TensorProver(cta::TensorMmaOp mma, Proof &proof) : mma(mma), proof(proof) {}
  FailureOr<Slots> run();

private:
  FailureOr<SlotRows> sideOf(Value descriptor);
  FailureOr<SlotRows> ofBoth(const SlotRows &own);
  LogicalResult checkRow(const StageRead &read, cta::DescriptorType type,
                         int64_t row);
  LogicalResult checkScales(Value copied, const SlotRows &side);
  const StageRead *readOf(Operation *op);
  InFlightDiagnostic refute();

  cta::TensorMmaOp mma;
  Proof &proof;
  AffineExpr columnBase;
  std::optional<int64_t> column;
};

InFlightDiagnostic TensorProver::refute() {
  Counterexample example;
  example.lemma = "L2";
  example.tile = example.step = 0;
  InFlightDiagnostic error =
      mma.emitError("refuted: with tile = 0, K step = 0 ");
  markRefuted(error, example);
  error << "this ";
  return error;
}

/// What was described, or copied, in the same K step.
const StageRead *TensorProver::readOf(Operation *op) {
  auto found = op ? proof.reads.find(op) : proof.reads.end();
  return found == proof.reads.end() || op->getBlock() != mma->getBlock()
             ? nullptr
             : &found->second;
}

/// The bytes of a row are neighbours in one row of the operand, from the byte
/// of K on that those of all rows begin with.
LogicalResult TensorProver::checkRow(const StageRead &read,
                                     cta::DescriptorType type, int64_t row) {
  int64_t begin =
      row * type.getBytes() + int64_t(mma.getStep()) * multiplyBytes;
  int64_t first = swizzled(begin, type.getBytes());
  if (!column)
    column = read.columns[first];
  for (int64_t i = 0; i < multiplyBytes; ++i) {
    int64_t at = swizzled(begin + i, type.getBytes());
    if (read.rows[at] != read.rows[first])
      return refute() << "multiplies bytes of row " << read.rows[first]
                      << " and of row " << read.rows[at] << " of '"
                      << proof.kernel.sourceOf(read.operand) << "' as one";
    if (read.columns[at] != *column + i)
      return refute() << "multiplies byte " << read.columns[at]
                      << " of a row where byte " << *column + i
                      << " of K belongs";
  }
  return success();
}

FailureOr<SlotRows> TensorProver::sideOf(Value descriptor) {
  const StageRead *read = readOf(descriptor.getDefiningOp());
  if (!read)
    return mma.emitError("not proven: expected what cta.smem_desc gave in the "
                         "same K step as data");
  if (!columnBase)
    columnBase = read->columnBase;
  if (!isSame(proof.slicer, columnBase, read->columnBase))
    return mma.emitError("not proven: expected A and B to walk over K alike");
  auto type = cast<cta::DescriptorType>(descriptor.getType());
  SlotRows side{read->operand, read->rowBase, {}};
  for (int64_t row = 0; row < type.getRows(); ++row) {
    if (failed(checkRow(*read, type, row)))
      return failure();
    side.rows.push_back(
        read->rows[swizzled(row * type.getBytes(), type.getBytes())]);
  }
  return side;
}

/// As columns a pair's multiply takes the rows that both CTAs have, those of
/// rank 1 behind those of rank 0.
FailureOr<SlotRows> TensorProver::ofBoth(const SlotRows &own) {
  AffineExpr first = proof.slicer.atRank(own.base, 0);
  AffineExpr second = proof.slicer.atRank(own.base, 1);
  auto apart = dyn_cast<AffineConstantExpr>(simplifyAffineExpr(
      second - first, proof.slicer.leaves().size(), /*numSymbols=*/1));
  if (!apart)
    return mma.emitError("not proven: expected rows of '")
           << proof.kernel.sourceOf(own.operand)
           << "' that are a number of rows apart in the CTAs of a pair";
  SlotRows both{own.operand, first, own.rows};
  for (int64_t row : own.rows)
    both.rows.push_back(row + apart.getValue());
  return both;
}

LogicalResult TensorProver::checkScales(Value copied, const SlotRows &side) {
  const StageRead *read = readOf(copied.getDefiningOp());
  if (!read)
    return mma.emitError(
        "not proven: expected what cta.tensor_copy gave in the "
        "same K step as scale factors");
  StringRef data = proof.kernel.sourceOf(side.operand);
  StringRef scales = proof.kernel.sourceOf(read->operand);
  if (scales != ("sf" + data).str())
    return refute() << "scales '" << data << "' by '" << scales << "'";
  if (!isSame(proof.slicer, read->rowBase, side.base) ||
      !isSame(proof.slicer, read->columnBase * blockBytes, columnBase))
    return mma.emitError("not proven: expected data and scale factors of '")
           << data << "' to walk over rows and K alike";
  int64_t rows = side.rows.size(), step = mma.getStep();
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t block = 0; block < blocks; ++block) {
      int64_t at = scaleByte(step, rows, row, block);
      if (at >= int64_t(read->rows.size()))
        return refute() << "takes scale factors that are in no column of '"
                        << scales << "'";
      if (read->rows[at] != side.rows[row])
        return refute() << "scales row " << side.rows[row] << " of '" << data
                        << "' by factors of row " << read->rows[at];
      if ((read->columns[at] - block) * blockBytes != *column)
        return refute() << "scales K block " << *column / blockBytes + block
                        << " of '" << data << "' by the factor of K block "
                        << read->columns[at];
    }
  return success();
}

FailureOr<Slots> TensorProver::run() {
  FailureOr<SlotRows> a = sideOf(mma.getA());
  if (failed(a))
    return failure();
  FailureOr<SlotRows> b = sideOf(mma.getB());
  if (succeeded(b) && proof.kernel.isByPairs()) {
    if (!isSame(proof.slicer, columnBase, proof.slicer.atRank(columnBase, 0)))
      return mma.emitError("not proven: expected both CTAs of a pair to walk "
                           "over K alike");
    b = ofBoth(*b);
  }
  if (failed(b) || failed(checkScales(mma.getSa(), *a)) ||
      failed(checkScales(mma.getSb(), *b)))
    return failure();
  return Slots{std::move(*a), std::move(*b), columnBase, *column,
               mma.getColumns()};
}

//===----------------------------------------------------------------------===//
// Who asks
//===----------------------------------------------------------------------===//

Value askerOf(Operation *op) {
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case<cta::TensorCopyOp, cta::TensorMmaOp, cta::TensorReleaseOp,
            cta::TensorPublishOp, cta::PairWaitOp>(
          [](auto asks) -> Value { return asks.getMine(); })
      .Default([](Operation *) { return Value(); });
}

/// How many threads of a role's group an i1 names, whatever the tile.
FailureOr<int64_t> countThreads(Operation *op, Value mine, Proof &proof) {
  FailureOr<SmallVector<LessThan>> guard = proof.slicer.guard(mine);
  if (failed(guard))
    return failure();
  std::vector<bool> named(threadsAt(op), true);
  for (const LessThan &less : *guard) {
    std::optional<Split> split =
        proof.threads.split(less.large - less.small - 1);
    if (!split || !isa<AffineConstantExpr>(split->base))
      return op->emitError("not proven: expected `when` to speak of the thread "
                           "alone");
    ArrayRef<int64_t> values = proof.threads.of(split->base + split->local);
    for (size_t thread = 0; thread < named.size(); ++thread)
      named[thread] = named[thread] && values[thread] >= 0;
  }
  return llvm::count(named, true);
}

} // namespace

FailureOr<Slots> nybl::compiler::slotsOf(cta::TensorMmaOp mma, Proof &proof) {
  return TensorProver(mma, proof).run();
}

LogicalResult nybl::compiler::proveAskers(Proof &proof) {
  llvm::DenseMap<Operation *, Value> askers; // by role
  WalkResult result = proof.kernel.walk([&](Operation *op) -> WalkResult {
    Value mine = askerOf(op);
    if (!mine)
      return success();
    Value &known = askers[op->getParentOfType<cta::RoleOp>()];
    if (known == mine)
      return success();
    if (known)
      return op->emitError("not proven: expected one value as `when` of all "
                           "that a role asks for in tensor memory");
    known = mine;
    FailureOr<int64_t> threads = countThreads(op, mine, proof);
    if (failed(threads) || *threads == 1)
      return success(succeeded(threads));
    Counterexample example;
    example.lemma = "L3";
    InFlightDiagnostic error = op->emitError("refuted: ");
    markRefuted(error, example);
    error << *threads << " threads of a group ask for this, not one";
    return WalkResult(error);
  });
  return failure(result.wasInterrupted());
}
