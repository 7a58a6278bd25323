// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// L1. For each access the question is whether a thread that passes the guard
// can leave the operand's extent, or read an output, or write an input; the
// answer must be no, and the guard must let some thread pass, or the lemma
// would be empty.

#include "compiler/Legality/Prove.h"
#include "compiler/Legality/Verdict.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "runtime/Abi/ScaleFormula.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace {

/// An AffineExpr with the operators scaleByteOffset wants.
struct AffineIndex {
  AffineExpr expr;
  friend AffineIndex operator+(AffineIndex a, AffineIndex b) {
    return {a.expr + b.expr};
  }
  friend AffineIndex operator*(AffineIndex a, int64_t b) {
    return {a.expr * b};
  }
  friend AffineIndex operator/(AffineIndex a, int64_t b) {
    return {a.expr.floorDiv(b)};
  }
  friend AffineIndex operator%(AffineIndex a, int64_t b) {
    return {a.expr % b};
  }
};

class AccessProver {
public:
  AccessProver(cta::KernelOp kernel, Slicer &slicer)
      : kernel(kernel), slicer(slicer) {}

  FailureOr<Shown> run() {
    if (failed(checkOps()))
      return failure();
    WalkResult result = kernel.walk(
        [&](cta::GlobalAccess access) -> WalkResult { return prove(access); });
    if (result.wasInterrupted() || failed(checkLoops()))
      return failure();
    for (BlockArgument argument : kernel.getBody().getArguments())
      if (isa<cta::MatrixType, cta::ScalesType>(argument.getType()) &&
          !reached.contains(argument)) {
        kernel.emitOpError("not proven: no thread ever accesses '")
            << kernel.sourceOf(argument) << "', for no M";
        return failure();
      }
    return Shown{std::to_string(count) + " accesses, each class never, " +
                 std::to_string(idle) +
                 " of them in no launch; sample: " + firstSample};
  }

private:
  LogicalResult checkOps();
  LogicalResult checkLoops();
  LogicalResult prove(cta::GlobalAccess access);
  LogicalResult proveDirection(cta::GlobalAccess access, const Sample &thread);
  LogicalResult proveMatrix(cta::GlobalAccess access, cta::MatrixType type,
                            const Offset &offset, const Domain &domain);
  LogicalResult proveScales(cta::GlobalAccess access, cta::ScalesType type,
                            const Offset &offset, const Domain &domain);
  LogicalResult proveScalar(cta::GlobalAccess access, const Offset &offset,
                            const Domain &domain);
  bool isNamedByGuard(ScaleLayout layout, cta::ScalesType type,
                      AffineExpr offset, const Domain &domain);
  /// A thread in the domain, if there is one.
  Query::Answer findThread(const Domain &domain, Sample &thread);
  /// small < large everywhere in the domain.
  LogicalResult proveLess(Operation *op, const Domain &domain,
                          const LessThan &less, const Twine &meaning);
  LogicalResult refute(Operation *op, const Sample &sample,
                       const Twine &meaning);
  StringRef nameOf(cta::GlobalAccess access) {
    return kernel.sourceOf(cast<BlockArgument>(access.getBase()));
  }

  cta::KernelOp kernel;
  Slicer &slicer;
  size_t count = 0, idle = 0;
  unsigned searches = Query::maxSearches; ///< that are left
  std::string firstSample;
  llvm::DenseSet<Value> reached; ///< operands that some thread does access
  /// Answers of "conjunct implies less": many accesses share a row or a column.
  /// No region is around these questions, so the answers hold in every domain.
  using Implication =
      std::tuple<AffineExpr, AffineExpr, AffineExpr, AffineExpr>;
  llvm::DenseMap<Implication, bool> implied;
  bool implies(const LessThan &conjunct, const LessThan &less);
  Query::Answer askNegation(const Domain &domain, const LessThan &less,
                            unsigned &searches, Sample *sample);
};

/// Ops of other dialects might touch memory where nobody looks.
LogicalResult AccessProver::checkOps() {
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

/// No data may decide how often anything happens, not even a barrier.
LogicalResult AccessProver::checkLoops() {
  WalkResult result = kernel.walk([&](scf::ForOp loop) -> WalkResult {
    return success(succeeded(slicer.index(loop.getInductionVar())));
  });
  return failure(result.wasInterrupted());
}

LogicalResult AccessProver::prove(cta::GlobalAccess access) {
  ++count;
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
  FailureOr<Domain> domain = slicer.domain(access, access.getGuard());
  if (failed(domain))
    return failure();
  Sample thread;
  switch (findThread(*domain, thread)) {
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
  if (firstSample.empty() && !thread.empty())
    firstSample = describe(slicer, thread);
  if (failed(proveDirection(access, thread)))
    return failure();
  if (auto matrix = dyn_cast<cta::MatrixType>(base.getType()))
    return proveMatrix(access, matrix, *offset, *domain);
  if (auto scales = dyn_cast<cta::ScalesType>(base.getType()))
    return proveScales(access, scales, *offset, *domain);
  return proveScalar(access, *offset, *domain);
}

/// What an output held before the launch is no input of the kernel.
LogicalResult AccessProver::proveDirection(cta::GlobalAccess access,
                                           const Sample &thread) {
  bool isOutput = kernel.isOutput(cast<BlockArgument>(access.getBase()));
  if (access.isWrite() == isOutput)
    return success();
  StringRef where = isOutput ? "the output '" : "the input '";
  StringRef how = isOutput ? "' with a load" : "' with a store";
  return refute(access, thread, where + nameOf(access) + how);
}

/// Byte plain of row factor, where factor * stride is the operand's own. Both
/// have lower bounds of 0: nothing the slicer returns is negative.
LogicalResult AccessProver::proveMatrix(cta::GlobalAccess access,
                                        cta::MatrixType type,
                                        const Offset &offset,
                                        const Domain &domain) {
  StringRef name = nameOf(access);
  if (!offset.stride || kernel.sourceOf(cast<BlockArgument>(offset.stride)) !=
                            (name + ".stride").str())
    return access.emitError("not proven: expected row * ")
           << name << ".stride + byte as the offset into '" << name << "'";
  int64_t bytes = access.getAccessBytes();
  if (!offset.plain.isMultipleOf(bytes)) // base and stride are, at launch
    return access.emitError("not proven: expected a multiple of ")
           << bytes << " as the byte within a row of '" << name << "'";
  AffineExpr lastByte = offset.plain + (bytes - 1);
  if (failed(proveLess(access, domain,
                       {offset.factor, slicer.rows(type.getRows())},
                       "a row of '" + name + "' past its last")) ||
      failed(proveLess(access, domain,
                       {lastByte, slicer.constant(type.getRowBytes())},
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
  AffineExpr lastByte = offset.plain + (access.getAccessBytes() - 1);
  return proveLess(access, domain, {lastByte, slicer.constant(4)},
                   "a byte past the scalar '" + nameOf(access) + "'");
}

/// The guard names a row and a K block (conjuncts "row < rows" and "block <
/// blocks") and the layout puts exactly that scale at the offset.
bool AccessProver::isNamedByGuard(ScaleLayout layout, cta::ScalesType type,
                                  AffineExpr offset, const Domain &domain) {
  AffineExpr rows = slicer.rows(type.getRows());
  AffineExpr blocks = slicer.constant(type.getBlocks());
  // So that the formula does not overflow.
  auto isSmall = [&](AffineExpr expr) {
    return slicer.bounds(expr).high <= largestOf(32);
  };
  for (const LessThan &row : domain.guard)
    for (const LessThan &block : domain.guard) {
      if (row.large != rows || block.large != blocks || !isSmall(row.small) ||
          !isSmall(block.small))
        continue;
      AffineIndex expected = scaleByteOffset<AffineIndex>(
          layout, type.getBlocks(), {row.small}, {block.small});
      if (expected.expr == offset)
        return true;
    }
  return false;
}

/// Which row and K block the byte at an offset belongs to.
static std::pair<AffineExpr, AffineExpr>
rowAndBlock(ScaleLayout layout, int64_t blocks, AffineExpr offset) {
  if (layout == ScaleLayout::Linear)
    return {offset.floorDiv(blocks), offset % blocks};
  bool tall = layout == ScaleLayout::T128x4;
  int64_t tilesPerRow = (blocks + 3) / 4, tileBytes = tall ? 512 : 32;
  AffineExpr tile = offset.floorDiv(tileBytes), in = offset % tileBytes;
  AffineExpr rowInTile =
      tall ? in.floorDiv(16) + (in % 16).floorDiv(4) * 32 : in.floorDiv(4);
  return {tile.floorDiv(tilesPerRow) * (tall ? 128 : 8) + rowInTile,
          tile % tilesPerRow * 4 + in % 4};
}

/// The scale at this offset must be a real one. Where the guard names it, the
/// guard is the proof; elsewhere the layout is inverted.
LogicalResult AccessProver::proveScales(cta::GlobalAccess access,
                                        cta::ScalesType type,
                                        const Offset &offset,
                                        const Domain &domain) {
  StringRef name = nameOf(access);
  Expected<ScaleLayout> layout = parseScaleLayout(type.getLayout().getValue());
  if (!layout)
    return access.emitError(layout.message());
  if (offset.stride || access.getAccessBytes() != 1)
    return access.emitError("not proven: expected one scale factor of '")
           << name << "' at an offset without a stride";
  if (isNamedByGuard(*layout, type, offset.plain, domain))
    return success();
  auto [row, block] = rowAndBlock(*layout, type.getBlocks(), offset.plain);
  if (failed(proveLess(access, domain, {row, slicer.rows(type.getRows())},
                       "a scale factor of '" + name + "' in a padding row")) ||
      failed(
          proveLess(access, domain, {block, slicer.constant(type.getBlocks())},
                    "a scale factor of '" + name + "' in a padding K block")))
    return failure();
  return success();
}

Query::Answer AccessProver::findThread(const Domain &domain, Sample &thread) {
  Query query(slicer, domain);
  std::optional<Sample> guess = query.guess();
  if (!guess)
    return query.solve(searches, &thread);
  thread = std::move(*guess);
  return Query::Answer::Inhabited;
}

Query::Answer AccessProver::askNegation(const Domain &domain,
                                        const LessThan &less,
                                        unsigned &searches, Sample *sample) {
  Query query(slicer, domain);
  query.require(less.small - less.large);
  return query.solve(searches, sample);
}

bool AccessProver::implies(const LessThan &conjunct, const LessThan &less) {
  Implication key{conjunct.small, conjunct.large, less.small, less.large};
  auto [known, isNew] = implied.try_emplace(key, false);
  if (isNew) {
    unsigned none = 0;
    known->second = askNegation({{conjunct}, {}}, less, none, nullptr) ==
                    Query::Answer::Empty;
  }
  return known->second;
}

LogicalResult AccessProver::proveLess(Operation *op, const Domain &domain,
                                      const LessThan &less,
                                      const Twine &meaning) {
  if (llvm::is_contained(domain.guard, less))
    return success();
  // Bounds over the whole box are the cheapest proof.
  if (slicer.bounds(less.large - less.small - 1).low >= 0)
    return success();
  // One conjunct alone usually decides, in a smaller question.
  for (const LessThan &conjunct : domain.guard)
    if (implies(conjunct, less))
      return success();
  Sample sample;
  switch (askNegation(domain, less, searches, &sample)) {
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
  InFlightDiagnostic error = op->emitError("refuted: with ");
  markRefuted(error);
  return error << describe(slicer, sample) << " this reaches " << meaning;
}

} // namespace

FailureOr<Shown> nybl::compiler::proveAccess(cta::KernelOp kernel,
                                             Slicer &slicer) {
  return AccessProver(kernel, slicer).run();
}
