// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// L1. For each access the question is whether a thread that passes the guard
// can leave the operand's extent, or read an output, or write an input; the
// answer must be no, and the guard must let some thread pass, or the lemma
// would be empty.

#include "compiler/Legality/Prove.h"
#include "compiler/Legality/ProveSplit.h"
#include "compiler/Legality/ScaleFactor.h"
#include "compiler/Legality/Verdict.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "runtime/Abi/ScaleLayout.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace {

class AccessProver {
public:
  explicit AccessProver(Proof &proof)
      : kernel(proof.kernel), slicer(proof.slicer), solver(proof.solver) {}

  FailureOr<Shown> run() {
    WalkResult result = kernel.walk(
        [&](cta::GlobalAccess access) -> WalkResult { return prove(access); });
    if (result.wasInterrupted() || failed(checkLoops()))
      return failure();
    for (BlockArgument argument : kernel.getBody().getArguments())
      if (isa<cta::MatrixType, cta::ScalesType, cta::WorkspaceType>(
              argument.getType()) &&
          !reached.contains(argument)) {
        kernel.emitOpError("not proven: no thread ever accesses '")
            << kernel.sourceOf(argument) << "', for no M";
        return failure();
      }
    std::string cleared =
        clearing ? ", but " + std::to_string(clearing) + " that clear padding"
                 : "";
    return Shown{std::to_string(count) + " accesses, each class never" +
                     cleared + ", " + std::to_string(idle) +
                     " of them in no launch",
                 firstSample};
  }

private:
  LogicalResult checkLoops();
  LogicalResult prove(cta::GlobalAccess access);
  LogicalResult proveFirstOnes(cta::CopyScalesOp copy);
  LogicalResult proveElement(cta::GlobalAccess access, unsigned element);
  LogicalResult proveDirection(cta::GlobalAccess access, const Domain &domain);
  LogicalResult proveBox(Operation *op, Value row, Value column);
  LogicalResult proveMatrix(cta::GlobalAccess access, const Offset &offset,
                            const Domain &domain);
  LogicalResult proveScales(cta::GlobalAccess access, cta::ScalesType type,
                            const Offset &offset, const Domain &domain);
  LogicalResult proveAtoms(cta::CopyScaleAtomsOp copy, const Offset &offset,
                           const Domain &domain);
  LogicalResult proveReal(cta::GlobalAccess access, cta::ScalesType type,
                          AffineExpr offset, const ScaleFactor &factor,
                          const Domain &domain);
  LogicalResult proveFreeScales(cta::GlobalAccess access, const Offset &offset,
                                const Domain &domain);
  LogicalResult proveScalar(cta::GlobalAccess access, const Offset &offset,
                            const Domain &domain);
  LogicalResult provePadding(cta::ClearFactorOp clear, cta::ScalesType type,
                             const ScaleFactor &factor, const Domain &domain);
  FailureOr<bool> proveNamed(cta::GlobalAccess access, const LessThan &row,
                             const LessThan &block,
                             std::pair<LessThan, LessThan> inverse,
                             const Domain &domain);
  Sample complete(Sample sample) const;
  /// small < large everywhere in the domain.
  LogicalResult proveLess(Operation *op, const Domain &domain,
                          const LessThan &less, const Twine &meaning);
  LogicalResult refute(Operation *op, const Sample &sample,
                       const Twine &meaning);
  std::string nameOf(cta::GlobalAccess access) {
    return kernel.sourceOf(cast<BlockArgument>(access.getBase())).str();
  }

  cta::KernelOp kernel;
  Slicer &slicer;
  Solver &solver;
  size_t count = 0, idle = 0, clearing = 0;
  Offset asked; ///< of the access that is being proven
  std::string firstSample;
  llvm::DenseSet<Value> reached; ///< operands that some thread does access
};

/// No data may decide how often anything happens, not even a barrier.
LogicalResult AccessProver::checkLoops() {
  WalkResult result = kernel.walk([&](scf::ForOp loop) -> WalkResult {
    return success(succeeded(slicer.index(loop.getInductionVar())));
  });
  return failure(result.wasInterrupted());
}

/// The hardware copies the first factors of four and fills the rest, and only
/// at multiples of 4 (the base is one, at launch).
LogicalResult AccessProver::proveFirstOnes(cta::CopyScalesOp copy) {
  FailureOr<Offset> offset = slicer.offset(copy.getOffset());
  if (failed(offset))
    return failure();
  // Rows of tiles are whole fours apart, but for those of linear scales.
  auto type = cast<cta::ScalesType>(copy.getBase().getType());
  bool isTiled = type.getLayout() != name(ScaleLayout::Linear);
  if ((offset->stride && !isTiled) || !offset->plain.isMultipleOf(4))
    return copy.emitError(
        "not proven: expected a multiple of 4 as the offset of "
        "4 scale factors");
  for (unsigned i = 1; i < 4; ++i) {
    FailureOr<Domain> domain = slicer.domain(copy, copy.getGuards(i));
    FailureOr<SmallVector<LessThan>> before =
        slicer.guard(copy.getInside()[i - 1]);
    if (failed(domain) || failed(before))
      return failure();
    asked = *offset;
    for (const LessThan &less : *before)
      if (failed(proveLess(copy, *domain, less,
                           "scale factor " + Twine(i) + " of '" +
                               nameOf(cta::GlobalAccess(copy)) +
                               "' but not the one before it")))
        return failure();
  }
  return success();
}

LogicalResult AccessProver::prove(cta::GlobalAccess access) {
  ++count;
  clearing += isa<cta::ClearFactorOp>(access.getOperation());
  if (auto copy = dyn_cast<cta::CopyScalesOp>(access.getOperation()))
    if (failed(proveFirstOnes(copy)))
      return failure();
  for (unsigned element = 0; element < access.getElementCount(); ++element)
    if (failed(proveElement(access, element)))
      return failure();
  return success();
}

LogicalResult AccessProver::proveElement(cta::GlobalAccess access,
                                         unsigned element) {
  Value base = access.getBase();
  auto argument = dyn_cast<BlockArgument>(base);
  if (!argument || argument.getOwner()->getParentOp() != kernel)
    return access.emitError("not proven: expected an argument of the kernel as "
                            "the base of an access");
  FailureOr<Offset> offset = Offset{slicer.constant(0), slicer.constant(0), {}};
  if (Value byteOffset = access.getByteOffset())
    offset = slicer.offset(byteOffset);
  if (failed(offset))
    return failure();
  offset->plain = offset->plain + int64_t(element) * access.getElementBytes();
  FailureOr<Domain> domain = slicer.domain(access, access.getGuards(element));
  if (failed(domain))
    return failure();
  Sample thread;
  switch (solver.findPoint(*domain, thread)) {
  case Query::Answer::TooLarge:
    return access.emitError(
        "not proven: whether any thread passes its guard is too large a "
        "question; use fewer divisions and remainders");
  case Query::Answer::Empty: // a small N leaves some rows of the tile idle
    ++idle;
    return success();
  case Query::Answer::Inhabited:
    break;
  }
  reached.insert(base);
  if (auto sum = dyn_cast<cta::SumPartsOp>(access.getOperation()))
    return proveOwnSums(sum);
  asked = *offset;
  if (firstSample.empty() && !thread.empty())
    firstSample = describe(slicer, thread);
  if (failed(proveDirection(access, *domain)))
    return failure();
  if (auto box = dyn_cast<cta::CopyBoxOp>(access.getOperation()))
    return proveBox(box, box.getRow(), box.getColumn());
  if (auto box = dyn_cast<cta::StoreBoxOp>(access.getOperation()))
    return proveBox(box, box.getRow(), box.getColumn());
  if (auto atoms = dyn_cast<cta::CopyScaleAtomsOp>(access.getOperation()))
    return proveAtoms(atoms, *offset, *domain);
  if (isa<cta::MatrixType>(base.getType()))
    return proveMatrix(access, *offset, *domain);
  if (auto scales = dyn_cast<cta::ScalesType>(base.getType()))
    return proveScales(access, scales, *offset, *domain);
  return proveScalar(access, *offset, *domain);
}

/// A tensor map ends with its operand, and so does what TMA reads or writes (an
/// axiom). What is left is that its coordinates are the numbers they seem to
/// be.
LogicalResult AccessProver::proveBox(Operation *op, Value row, Value column) {
  for (Value coordinate : {row, column}) {
    FailureOr<AffineExpr> index = slicer.index(coordinate);
    if (failed(index))
      return failure();
    if (slicer.bounds(*index).high > largestOf(32))
      return op->emitError("not proven: expected coordinates of a box below "
                           "2^31: TMA takes them as signed numbers");
  }
  return success();
}

/// What an output held before the launch is no input of the kernel.
LogicalResult AccessProver::proveDirection(cta::GlobalAccess access,
                                           const Domain &domain) {
  bool isOutput = kernel.isOutput(cast<BlockArgument>(access.getBase()));
  if (access.isWrite() == isOutput)
    return success();
  // Never true: so the least point of the domain is an answer.
  LessThan never{slicer.constant(0), slicer.constant(0)};
  return proveLess(access, domain, never,
                   (isOutput ? "the output '" : "the input '") +
                       nameOf(access) +
                       (isOutput ? "' with a load" : "' with a store"));
}

/// Byte plain of row factor, where factor * stride is the operand's own. Both
/// have lower bounds of 0: nothing the slicer returns is negative.
LogicalResult AccessProver::proveMatrix(cta::GlobalAccess access,
                                        const Offset &offset,
                                        const Domain &domain) {
  std::string name = nameOf(access);
  if (!offset.stride ||
      kernel.sourceOf(cast<BlockArgument>(offset.stride)) != name + ".stride")
    return access.emitError("not proven: expected row * ")
           << name << ".stride + byte as the offset into '" << name << "'";
  int64_t bytes = access.getElementBytes();
  if (!offset.plain.isMultipleOf(bytes)) // base and stride are, at launch
    return access.emitError("not proven: expected a multiple of ")
           << bytes << " as the byte within a row of '" << name << "'";
  AffineExpr lastByte = offset.plain + (bytes - 1);
  if (failed(proveLess(access, domain,
                       {offset.factor, slicer.rowsOf(access.getBase())},
                       "a row of '" + name + "' past its last")) ||
      failed(proveLess(access, domain,
                       {lastByte, slicer.rowBytesOf(access.getBase())},
                       "a byte of '" + name + "' past the end of its row")))
    return failure();
  return success();
}

/// A scalar is one f32, if its address is not null.
LogicalResult AccessProver::proveScalar(cta::GlobalAccess access,
                                        const Offset &offset,
                                        const Domain &domain) {
  if (offset.stride)
    return access.emitError("not proven: expected an offset without a stride");
  AffineExpr lastByte = offset.plain + (access.getElementBytes() - 1);
  return proveLess(access, domain, {lastByte, slicer.constant(4)},
                   "a byte past the scalar '" + nameOf(access) + "'");
}

/// The scale at this offset must be a real one. Where the guard names it, the
/// guard is the proof; elsewhere the layout is inverted.
LogicalResult AccessProver::proveScales(cta::GlobalAccess access,
                                        cta::ScalesType type,
                                        const Offset &offset,
                                        const Domain &domain) {
  std::string name = nameOf(access);
  if (type.hasFreeBlocks())
    return proveFreeScales(access, offset, domain);
  if (offset.stride || access.getElementBytes() != 1)
    return access.emitError("not proven: expected one scale factor of '")
           << name << "' at an offset without a stride";
  FailureOr<ScaleFactor> factor =
      nameScale(access, access.getBase(), offset, domain, slicer);
  if (failed(factor))
    return failure();
  if (auto clear = dyn_cast<cta::ClearFactorOp>(access.getOperation()))
    return provePadding(clear, type, *factor, domain);
  return proveReal(access, type, offset.plain, *factor, domain);
}

/// Atoms lie one after the other as K blocks do, so with the last byte's row
/// and K block all others are real, if the first is of the same rows.
LogicalResult AccessProver::proveAtoms(cta::CopyScaleAtomsOp copy,
                                       const Offset &offset,
                                       const Domain &domain) {
  cta::GlobalAccess access = cast<cta::GlobalAccess>(copy.getOperation());
  if (offset.stride || !offset.plain.isMultipleOf(copy.atomBytes))
    return copy.emitError("not proven: expected a multiple of ")
           << copy.atomBytes << " as the offset of whole atoms";
  cta::ScalesType type = copy.getBase().getType();
  AffineExpr last = offset.plain + (copy.getElementBytes() - 1);
  FailureOr<ScaleFactor> factor = nameScale(
      access, copy.getBase(), {last, offset.factor, {}}, domain, slicer);
  if (failed(factor) || failed(proveReal(access, type, last, *factor, domain)))
    return failure();
  int64_t before = int64_t(copy.getAtoms()) * copy.atomBlocks - 1;
  return proveLess(copy, domain, {slicer.constant(before - 1), factor->block},
                   "scale factors of '" + nameOf(access) +
                       "' of other rows too");
}

/// The factor at this offset, where its guard does not say that it is real.
LogicalResult AccessProver::proveReal(cta::GlobalAccess access,
                                      cta::ScalesType type, AffineExpr offset,
                                      const ScaleFactor &factor,
                                      const Domain &domain) {
  if (factor.byGuard)
    return success();
  FailureOr<ScaleFactor> inverse = invertScale(access, type, offset);
  if (failed(inverse))
    return failure();
  LessThan row{inverse->row, slicer.rowsOf(access.getBase())};
  LessThan block{inverse->block, slicer.constant(type.getBlocks())};
  if (factor.named) {
    FailureOr<bool> real =
        proveNamed(access, {factor.row, row.large}, {factor.block, block.large},
                   {row, block}, domain);
    if (failed(real) || *real)
      return LogicalResult(real);
  }
  std::string what = "a scale factor of '" + nameOf(access) + "' in a padding ";
  return success(succeeded(proveLess(access, domain, row, what + "row")) &&
                 succeeded(proveLess(access, domain, block, what + "K block")));
}

/// Where K is free the layout has no inverse: its tiles are as far apart as the
/// launch says. So the guard must name the factor; what a byte is elsewhere is
/// tried out on small launches, which may refute.
LogicalResult AccessProver::proveFreeScales(cta::GlobalAccess access,
                                            const Offset &offset,
                                            const Domain &domain) {
  std::string name = nameOf(access);
  if (access.getElementBytes() != 1 || isa<cta::ClearFactorOp>(access) ||
      (offset.stride && kernel.sourceOf(cast<BlockArgument>(offset.stride)) !=
                            name + ".tile_stride"))
    return access.emitError("not proven: expected one scale factor of '")
           << name << "' at row of tiles * " << name << ".tile_stride + byte";
  auto factor = nameScaleByGuard(access.getBase(), offset, domain, slicer);
  AffineExpr rows = slicer.rowsOf(access.getBase());
  AffineExpr blocks = slicer.blocksOf(access.getBase());
  Sample sample;
  auto holds = [&](const LessThan &less) {
    return solver.findViolation(domain, less, sample) == Query::Answer::Empty;
  };
  if (factor && (factor->byGuard || (holds({factor->row, rows}) &&
                                     holds({factor->block, blocks}))))
    return success();
  Query query(slicer, domain);
  for (AffineExpr part : {offset.plain, offset.factor, rows, blocks})
    query.mention(part);
  auto isWrong = [&](const Sample &point) {
    return !isRealFactor(access.getBase(), offset, point, slicer);
  };
  if (std::optional<Sample> point = query.tryOut(isWrong))
    return refute(access, *point, "no scale factor of '" + name + "'");
  return access.emitError("not proven: expected a guard that ends with the "
                          "rows and the K blocks of '")
         << name << "', and the offset of the factor that it names";
}

/// What is cleared lies in the tensor with its padding. (That it is padding is
/// L4.)
LogicalResult AccessProver::provePadding(cta::ClearFactorOp clear,
                                         cta::ScalesType type,
                                         const ScaleFactor &factor,
                                         const Domain &domain) {
  if (!factor.named)
    return clear.emitError("not proven: expected a guard that compares the row "
                           "and the K block of a factor");
  ScaleLayout layout = *parseScaleLayout(type.getLayout().getValue());
  int64_t inTile = tileBox(layout).rows;
  AffineExpr rows = slicer.rowsOf(clear.getBase());
  AffineExpr paddedRows = (rows + (inTile - 1)).floorDiv(inTile) * inTile;
  int64_t blocks = paddedBox(layout, 1, type.getBlocks()).blocks;
  std::string what = "a byte past the padded ";
  std::string of = " of '" + nameOf(cta::GlobalAccess(clear)) + "'";
  return success(succeeded(proveLess(clear, domain, {factor.row, paddedRows},
                                     what + "rows" + of)) &&
                 succeeded(proveLess(clear, domain,
                                     {factor.block, slicer.constant(blocks)},
                                     what + "K blocks" + of)));
}

/// The plain formula of a factor asks small questions. True: it is real
/// wherever the guard lets a thread pass. A row or block that is not real may
/// still have the byte of one that is, so a refutation is looked at again.
FailureOr<bool> AccessProver::proveNamed(cta::GlobalAccess access,
                                         const LessThan &row,
                                         const LessThan &block,
                                         std::pair<LessThan, LessThan> inverse,
                                         const Domain &domain) {
  bool real = true;
  for (const LessThan &less : {row, block}) {
    Sample sample;
    Query::Answer answer = solver.findViolation(domain, less, sample);
    real &= answer == Query::Answer::Empty;
    if (answer != Query::Answer::Inhabited)
      continue;
    Sample point = complete(sample);
    auto holds = [&](const LessThan &l) {
      return evaluate(l.small, point) < evaluate(l.large, point);
    };
    if (!holds(inverse.first) || !holds(inverse.second))
      return refute(access, sample,
                    "a scale factor of '" + nameOf(access) + "' in a padding " +
                        (holds(inverse.first) ? "K block" : "row"));
  }
  return real;
}

/// What a question left out may be anything: 0.
Sample AccessProver::complete(Sample sample) const {
  for (unsigned leaf = 0; leaf < slicer.leaves().size(); ++leaf)
    sample.try_emplace(leaf, 0);
  return sample;
}

LogicalResult AccessProver::proveLess(Operation *op, const Domain &domain,
                                      const LessThan &less,
                                      const Twine &meaning) {
  Sample sample;
  switch (solver.findViolation(domain, less, sample)) {
  case Query::Answer::Empty:
    return success();
  case Query::Answer::TooLarge:
    return op->emitError("not proven: whether this reaches ")
           << meaning << " is too large a question; use fewer divisions and "
           << "remainders, or a guard that names the row and the byte";
  case Query::Answer::Inhabited:
    return refute(op, sample, meaning);
  }
  llvm_unreachable("every answer is handled above");
}

LogicalResult AccessProver::refute(Operation *op, const Sample &sample,
                                   const Twine &meaning) {
  auto access = cast<cta::GlobalAccess>(op);
  Counterexample example = counterexampleAt(slicer, sample);
  example.lemma = "L1";
  example.operand = nameOf(access);
  Sample point = complete(sample);
  example.row = asked.stride ? evaluate(asked.factor, point) : -1;
  example.byte = evaluate(asked.plain, point);
  InFlightDiagnostic error = op->emitError("refuted: with ");
  markRefuted(error, example);
  return error << describe(slicer, sample) << " this reaches " << meaning;
}

} // namespace

/// Ops of other dialects might touch memory where nobody looks.
LogicalResult nybl::compiler::checkOps(cta::KernelOp kernel) {
  WalkResult result = kernel.walk([&](Operation *op) -> WalkResult {
    if (isa<cta::CtaDialect, arith::ArithDialect>(op->getDialect()) ||
        isa<scf::ForOp, scf::YieldOp>(op))
      return success();
    return op->emitError(
        "not proven: expected ops of cta and arith and scf.for "
        "in a kernel");
  });
  return failure(result.wasInterrupted());
}

FailureOr<Shown> nybl::compiler::proveAccess(Proof &proof) {
  return AccessProver(proof).run();
}
