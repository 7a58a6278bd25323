// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tables of what copies leave in a stage. Threads and bytes are few, so who
// writes what is enumerated; tiles, iterations and M stay symbolic.

#include "compiler/Legality/StageContent.h"
#include "compiler/Legality/Prove.h"
#include "compiler/Legality/ScaleFactor.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include <set>

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

//===----------------------------------------------------------------------===//
// Writers
//===----------------------------------------------------------------------===//

namespace {

/// Consecutive bytes of one row, from a column on.
struct Piece {
  Split row, column;
  int64_t bytes;
};

/// One op that writes the stage.
struct Writer {
  cta::StageAccess op;
  int64_t begin, end; ///< iterations it writes
  std::vector<bool> mine;
  ArrayRef<int64_t> to; ///< by thread; a box begins with the stage
  SmallVector<Piece, 4> pieces;
  cta::TensorMapType box{}; ///< of a copy by TMA, whose first byte is the piece
  cta::CopyScaleAtomsOp atoms{}; ///< the piece is their first factor
  /// i1: whether atoms are copied as a whole, or where they are not. Null: this
  /// is copied in either case.
  Value whole{};
};

class ContentBuilder {
public:
  ContentBuilder(cta::AllocOp stage, Proof &proof)
      : stage(stage), proof(proof), slicer(proof.slicer) {
    auto data = dyn_cast<cta::StageType>(stage.getType());
    bytes = data ? data.getBytes()
                 : cast<cta::ScaleStageType>(stage.getType()).getBytes();
  }

  FailureOr<StageContent> run();

private:
  FailureOr<Writer> describe(cta::StageAccess op);
  FailureOr<Writer> describeBox(cta::CopyBoxOp op);
  FailureOr<Writer> describeAtoms(cta::CopyScaleAtomsOp op);
  FailureOr<SmallVector<LessThan>> guardOf(cta::StageAccess op);
  LogicalResult addPiece(Writer &writer, Piece piece,
                         const Iteration &iteration);
  LogicalResult setOperand(cta::StageAccess op, Value base);
  LogicalResult writeBox(StageContent &content, const Writer &writer,
                         int64_t thread);
  LogicalResult describeGuard(Writer &writer, const Iteration &iteration,
                              ArrayRef<LessThan> guard);
  LogicalResult restrict(Writer &writer, AffineExpr nonNegative);
  LogicalResult describeSource(Writer &writer, const Iteration &iteration,
                               ArrayRef<LessThan> mine);
  LogicalResult proveReal(cta::StageAccess op, const Domain &domain,
                          const ScaleFactor &factor);
  FailureOr<Piece> describePiece(cta::GlobalAccess source, unsigned element,
                                 cta::StageAccess op, ArrayRef<LessThan> mine);
  void renumber(Split &split, const Iteration &iteration);
  LogicalResult pairChoices(ArrayRef<Writer> writers);
  LogicalResult proveAlways(cta::CopyScaleAtomsOp op);
  LogicalResult refuteLeftOut(int64_t byte);
  FailureOr<StageContent> fill(ArrayRef<Writer> writers, int64_t iteration,
                               bool inAtoms);
  FailureOr<StageContent> fillEitherWay(ArrayRef<Writer> writers,
                                        int64_t iteration);
  LogicalResult write(StageContent &content, const Writer &writer,
                      int64_t thread);
  LogicalResult writeAtoms(StageContent &content, const Writer &writer,
                           int64_t thread);
  LogicalResult writeByte(StageContent &content, const Writer &writer,
                          int64_t thread, int64_t at, int64_t row,
                          int64_t column);
  LogicalResult refute(const Writer &writer, int64_t thread, int64_t iteration,
                       const Twine &what);

  cta::AllocOp stage;
  Proof &proof;
  Slicer &slicer;
  int64_t bytes;
  BlockArgument operand;
  AffineExpr rowBase, columnBase;
  int64_t filling = 0;       ///< the iteration
  bool fillingAtoms = false; ///< those that are copied as a whole
  /// So many rows are real in the first tile where they are: as many as a tile
  /// has at most.
  static constexpr int64_t rowsOfAtoms = 256;
  std::vector<Value> wholes{}; ///< by byte: of its writer
};

/// The access of global memory that a write to shared memory takes its value
/// from.
cta::GlobalAccess sourceOf(cta::StageAccess op) {
  if (auto store = dyn_cast<cta::StoreSharedOp>(op.getOperation()))
    return dyn_cast_or_null<cta::GlobalAccess>(
        store.getValue().getDefiningOp());
  if (auto store = dyn_cast<cta::StoreScaleOp>(op.getOperation()))
    return dyn_cast_or_null<cta::GlobalAccess>(
        store.getValue().getDefiningOp());
  return dyn_cast<cta::GlobalAccess>(op.getOperation());
}

FailureOr<SmallVector<LessThan>> ContentBuilder::guardOf(cta::StageAccess op) {
  Value guard = op.getStageGuard();
  return guard ? slicer.guard(guard) : SmallVector<LessThan>();
}

FailureOr<Writer> ContentBuilder::describe(cta::StageAccess op) {
  if (auto box = dyn_cast<cta::CopyBoxOp>(op.getOperation()))
    return describeBox(box);
  if (auto atoms = dyn_cast<cta::CopyScaleAtomsOp>(op.getOperation()))
    return describeAtoms(atoms);
  FailureOr<Iteration> iteration = iterationOf(op, slicer);
  FailureOr<AffineExpr> to = slicer.index(op.getStageOffset());
  if (failed(iteration) || failed(to))
    return failure();
  std::optional<Split> split = proof.threads.split(*to);
  if (!split || !isa<AffineConstantExpr>(split->base))
    return op.emitError("not proven: expected an offset in shared memory that "
                        "depends on the thread alone; name the K step `at`");
  FailureOr<SmallVector<LessThan>> mine = guardOf(op);
  if (failed(mine))
    return failure();
  Writer writer{op, iteration->begin, iteration->end, {}, {}, {}};
  writer.to = proof.threads.of(split->base + split->local);
  if (auto words = dyn_cast<cta::CopyScalesOp>(op.getOperation()))
    writer.whole = words.getUnless();
  if (failed(describeGuard(writer, *iteration, *mine)) ||
      failed(describeSource(writer, *iteration, *mine)))
    return failure();
  return writer;
}

/// One thread copies it, from a place that does not depend on who that is.
FailureOr<Writer> ContentBuilder::describeBox(cta::CopyBoxOp op) {
  cta::StageAccess access = cast<cta::StageAccess>(op.getOperation());
  FailureOr<Iteration> iteration = iterationOf(access, slicer);
  FailureOr<SmallVector<LessThan>> mine = guardOf(access);
  FailureOr<AffineExpr> row = slicer.index(op.getRow());
  FailureOr<AffineExpr> column = slicer.index(op.getColumn());
  if (failed(iteration) || failed(mine) || failed(row) || failed(column))
    return failure();
  Writer writer{access, iteration->begin, iteration->end, {}, {}, {}};
  writer.box = op.getMap().getType();
  if (failed(describeGuard(writer, *iteration, *mine)) ||
      failed(setOperand(access, op.getBase())))
    return failure();
  std::optional<Split> splitRow = proof.threads.split(*row);
  std::optional<Split> splitColumn = proof.threads.split(*column);
  if (llvm::count(writer.mine, true) != 1 || !splitRow || !splitColumn ||
      !isa<AffineConstantExpr>(splitRow->local) ||
      !isa<AffineConstantExpr>(splitColumn->local))
    return op.emitError("not proven: expected one thread that copies a box, to "
                        "which it is the same who does");
  if (failed(addPiece(writer, {*splitRow, *splitColumn, writer.box.getBytes()},
                      *iteration)))
    return failure();
  return writer;
}

/// Whether they are copied, from where and to where is the same for all
/// threads. The row and the K block of their first factor follow from those of
/// the last, which L1 has shown to be of the same rows.
FailureOr<Writer> ContentBuilder::describeAtoms(cta::CopyScaleAtomsOp op) {
  cta::StageAccess access = cast<cta::StageAccess>(op.getOperation());
  cta::GlobalAccess source = cast<cta::GlobalAccess>(op.getOperation());
  FailureOr<Iteration> iteration = iterationOf(access, slicer);
  FailureOr<SmallVector<LessThan>> mine = guardOf(access);
  FailureOr<AffineExpr> to = slicer.index(op.getTo());
  FailureOr<Offset> offset = slicer.offset(op.getOffset());
  FailureOr<Domain> domain = slicer.domain(source, source.getGuards(0));
  if (failed(iteration) || failed(mine) || failed(to) || failed(offset) ||
      failed(domain))
    return failure();
  Writer writer{access, iteration->begin, iteration->end, {}, {}, {}};
  writer.atoms = op;
  writer.whole = op.getInside();
  writer.to = proof.threads.of(*to);
  AffineExpr last = offset->plain + (op.getElementBytes() - 1);
  FailureOr<ScaleFactor> factor =
      nameScale(op, op.getBase(), {last, offset->factor, {}}, *domain, slicer);
  if (failed(describeGuard(writer, *iteration, *mine)) || failed(factor) ||
      failed(setOperand(access, op.getBase())))
    return failure();
  if (factor->named && !factor->byGuard &&
      failed(proveReal(access, *domain, *factor)))
    return failure();
  int64_t blocks = int64_t(op.getAtoms()) * op.atomBlocks;
  std::optional<Split> row =
      proof.threads.split(factor->row - (op.atomRows - 1));
  std::optional<Split> block =
      proof.threads.split(factor->block - (blocks - 1));
  bool alike = llvm::all_of(domain->guard, [&](const LessThan &less) {
    std::optional<Split> split = proof.threads.split(less.large - less.small);
    return llvm::is_contained(*mine, less) ||
           (split && isa<AffineConstantExpr>(split->local));
  });
  if (llvm::count(writer.mine, true) != 1 || !alike || !row || !block ||
      !isa<AffineConstantExpr>(*to) || !isa<AffineConstantExpr>(row->local) ||
      !isa<AffineConstantExpr>(block->local))
    return op.emitError("not proven: expected one thread that copies atoms, to "
                        "which it is the same who does");
  if (failed(
          addPiece(writer, {*row, *block, op.getElementBytes()}, *iteration)))
    return failure();
  return writer;
}

LogicalResult ContentBuilder::setOperand(cta::StageAccess op, Value base) {
  auto from = cast<BlockArgument>(base);
  if (operand && operand != from)
    return op.emitError("not proven: expected one operand in a stage");
  operand = from;
  return success();
}

/// All pieces of a stage walk over their operand alike.
LogicalResult ContentBuilder::addPiece(Writer &writer, Piece piece,
                                       const Iteration &iteration) {
  renumber(piece.row, iteration);
  renumber(piece.column, iteration);
  if (!rowBase) {
    rowBase = piece.row.base;
    columnBase = piece.column.base;
  }
  if (!isSame(slicer, rowBase, piece.row.base) ||
      !isSame(slicer, columnBase, piece.column.base))
    return writer.op.emitError(
        "not proven: expected all copies into a stage to walk over their "
        "operand alike");
  writer.pieces.push_back(piece);
  return success();
}

/// A conjunct says which threads write, or in which iterations.
LogicalResult ContentBuilder::describeGuard(Writer &writer,
                                            const Iteration &iteration,
                                            ArrayRef<LessThan> guard) {
  writer.mine.assign(threadsAt(writer.op), true);
  for (const LessThan &less : guard) {
    AffineExpr holds = less.large - less.small - 1;
    std::optional<Split> split = proof.threads.split(holds);
    if (split && isa<AffineConstantExpr>(split->base)) {
      ArrayRef<int64_t> values = proof.threads.of(split->base + split->local);
      for (size_t thread = 0; thread < writer.mine.size(); ++thread)
        writer.mine[thread] = writer.mine[thread] && values[thread] >= 0;
      continue;
    }
    if (!split || !isa<AffineConstantExpr>(split->local) ||
        failed(restrict(writer, byIteration(holds, iteration))))
      return writer.op.emitError(
          "not proven: expected `when` to speak of the thread or of the K step "
          "in each of its parts");
  }
  return success();
}

/// number * s0 + constant >= 0.
LogicalResult ContentBuilder::restrict(Writer &writer, AffineExpr nonNegative) {
  AffineExpr number = getAffineSymbolExpr(0, nonNegative.getContext());
  auto at = [&](int64_t value) {
    return dyn_cast<AffineConstantExpr>(
        nonNegative.replace(number, slicer.constant(value)));
  };
  auto zero = at(0), one = at(1);
  if (!zero || !one)
    return failure();
  int64_t constant = zero.getValue(), factor = one.getValue() - constant;
  if (factor == 0 || !isSame(slicer, nonNegative, number * factor + constant))
    return failure();
  if (factor > 0)
    writer.begin =
        std::max(writer.begin, -llvm::divideFloorSigned(constant, factor));
  else
    writer.end =
        std::min(writer.end, llvm::divideFloorSigned(constant, -factor) + 1);
  return success();
}

LogicalResult ContentBuilder::describeSource(Writer &writer,
                                             const Iteration &iteration,
                                             ArrayRef<LessThan> mine) {
  cta::GlobalAccess source = sourceOf(writer.op);
  auto from =
      source ? dyn_cast<BlockArgument>(source.getBase()) : BlockArgument();
  if (!from || !isa<cta::MatrixType, cta::ScalesType>(from.getType()) ||
      source.isWrite())
    return writer.op.emitError("not proven: expected what a load gave as what "
                               "goes into a stage");
  if (failed(setOperand(writer.op, from)))
    return failure();
  for (unsigned i = 0; i < source.getElementCount(); ++i) {
    FailureOr<Piece> piece = describePiece(source, i, writer.op, mine);
    if (failed(piece) || failed(addPiece(writer, *piece, iteration)))
      return failure();
  }
  return success();
}

/// By iteration; the number that this adds to the base goes to the local part.
void ContentBuilder::renumber(Split &split, const Iteration &iteration) {
  split.base = simplifyAffineExpr(byIteration(split.base, iteration),
                                  slicer.leaves().size(), /*numSymbols=*/1);
  auto sum = dyn_cast<AffineBinaryOpExpr>(split.base);
  if (sum && sum.getKind() == AffineExprKind::Add &&
      isa<AffineConstantExpr>(sum.getRHS()))
    split = {sum.getLHS(), split.local + sum.getRHS()};
}

/// What the guard lets pass is real by the names it gives, so that what these
/// names call padding is zero: the byte alone may be another row's.
LogicalResult ContentBuilder::proveReal(cta::StageAccess op,
                                        const Domain &domain,
                                        const ScaleFactor &factor) {
  LessThan row{factor.row, slicer.rowsOf(operand)};
  LessThan block{factor.block, slicer.blocksOf(operand)};
  Sample sample;
  for (const LessThan &less : {row, block})
    if (proof.solver.findViolation(domain, less, sample) !=
        Query::Answer::Empty)
      return op.emitError(
                 "not proven: expected a guard that ends with the rows "
                 "and the K blocks of '")
             << proof.kernel.sourceOf(operand) << "'";
  return success();
}

FailureOr<Piece> ContentBuilder::describePiece(cta::GlobalAccess source,
                                               unsigned element,
                                               cta::StageAccess op,
                                               ArrayRef<LessThan> mine) {
  FailureOr<Offset> offset = slicer.offset(source.getByteOffset());
  FailureOr<Domain> domain = slicer.domain(source, source.getGuards(element));
  if (failed(offset) || failed(domain))
    return failure();
  int64_t elementBytes = source.getElementBytes();
  AffineExpr at = offset->plain + int64_t(element) * elementBytes;
  AffineExpr row = offset->factor, column = at, columns;
  AffineExpr rows = slicer.rowsOf(operand);
  bool named = true;
  if (isa<cta::ScalesType>(operand.getType())) {
    FailureOr<ScaleFactor> factor = nameScale(
        op, operand, {at, offset->factor, offset->stride}, *domain, slicer);
    if (failed(factor))
      return failure();
    row = factor->row;
    column = factor->block;
    named = factor->named;
    if (named && !factor->byGuard && failed(proveReal(op, *domain, *factor)))
      return failure();
    columns = slicer.blocksOf(operand);
  } else {
    columns = slicer.rowBytesOf(operand);
  }
  if (failed(proveComplete(
          op, "L2", proof.kernel.sourceOf(operand), *domain, mine,
          {{row, rows}, {column + (elementBytes - 1), columns}}, proof, named)))
    return failure();
  std::optional<Split> splitRow = proof.threads.split(row);
  std::optional<Split> splitColumn = proof.threads.split(column);
  if (!splitRow || !splitColumn)
    return op.emitError("not proven: expected row and column of a copy to be "
                        "sums of a part of the thread's and a part of the "
                        "tile's and the K step's");
  return Piece{*splitRow, *splitColumn, elementBytes};
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

LogicalResult ContentBuilder::refute(const Writer &writer, int64_t thread,
                                     int64_t iteration, const Twine &what) {
  Counterexample example;
  example.lemma = "L3";
  example.operand = proof.kernel.sourceOf(operand);
  example.rows = fillingAtoms ? rowsOfAtoms : 1;
  example.tile = 0;
  example.step = iteration;
  example.thread = thread;
  cta::StageAccess op = writer.op;
  InFlightDiagnostic error = op.emitError("refuted: with M = ");
  markRefuted(error, example);
  return error << example.rows << ", tile = 0, K step = " << iteration
               << ", thread = " << thread << " this writes " << what;
}

/// TMA leaves a box row by row, swizzled.
LogicalResult ContentBuilder::writeBox(StageContent &content,
                                       const Writer &writer, int64_t thread) {
  const Piece &first = writer.pieces.front();
  int64_t row = proof.threads.of(first.row.local)[thread];
  int64_t column = proof.threads.of(first.column.local)[thread];
  int64_t rowBytes = writer.box.getBytes();
  for (int64_t i = 0; i < bytes; ++i) {
    int64_t at = writer.box.swizzled(i);
    if (content.rows[at] >= 0)
      return refute(writer, thread, filling,
                    "byte " + Twine(at) + " of a stage a second time");
    content.rows[at] = row + i / rowBytes;
    content.columns[at] = column + i % rowBytes;
  }
  return success();
}

LogicalResult ContentBuilder::write(StageContent &content, const Writer &writer,
                                    int64_t thread) {
  if (writer.box)
    return writeBox(content, writer, thread);
  if (writer.atoms)
    return writeAtoms(content, writer, thread);
  int64_t at = writer.to[thread],
          unit = cta::StageAccess(writer.op).getStageBytes();
  if (at % unit != 0)
    return refute(writer, thread, filling,
                  "byte " + Twine(at) + " of a stage, no multiple of " +
                      Twine(unit));
  for (const Piece &piece : writer.pieces) {
    int64_t row = proof.threads.of(piece.row.local)[thread];
    int64_t column = proof.threads.of(piece.column.local)[thread];
    for (int64_t i = 0; i < piece.bytes; ++i, ++at)
      if (failed(writeByte(content, writer, thread, at, row, column + i)))
        return failure();
  }
  return success();
}

LogicalResult ContentBuilder::writeByte(StageContent &content,
                                        const Writer &writer, int64_t thread,
                                        int64_t at, int64_t row,
                                        int64_t column) {
  if (at >= bytes)
    return refute(writer, thread, filling,
                  "byte " + Twine(at) + " of a stage of " + Twine(bytes));
  if (content.rows[at] >= 0)
    return refute(writer, thread, filling,
                  "byte " + Twine(at) + " of a stage a second time");
  content.rows[at] = row;
  content.columns[at] = column;
  wholes[at] = writer.whole;
  return success();
}

/// As they lie in memory (runtime/Abi/ScaleFormula.h).
LogicalResult ContentBuilder::writeAtoms(StageContent &content,
                                         const Writer &writer, int64_t thread) {
  cta::CopyScaleAtomsOp op = writer.atoms;
  const Piece &first = writer.pieces.front();
  if (int64_t to = writer.to[thread]; to % op.atomBytes != 0)
    return refute(writer, thread, filling,
                  "byte " + Twine(to) + " of a stage, no multiple of " +
                      Twine(int64_t(op.atomBytes)));
  int64_t firstRow = proof.threads.of(first.row.local)[thread];
  int64_t firstBlock = proof.threads.of(first.column.local)[thread];
  for (int64_t i = 0; i < first.bytes; ++i) {
    int64_t atom = i / op.atomBytes, byte = i % op.atomBytes;
    int64_t at = writer.to[thread] + atom * int64_t(op.getApart()) + byte;
    int64_t row = firstRow + byte / 16 + byte % 16 / 4 * 32;
    int64_t block = firstBlock + atom * op.atomBlocks + byte % 4;
    if (failed(writeByte(content, writer, thread, at, row, block)))
      return failure();
  }
  return success();
}

/// Which copies there are where atoms are copied as a whole, or not.
FailureOr<StageContent> ContentBuilder::fill(ArrayRef<Writer> writers,
                                             int64_t iteration, bool inAtoms) {
  filling = iteration;
  fillingAtoms = inAtoms;
  wholes.assign(bytes, Value());
  StageContent content;
  content.operand = operand;
  content.rowBase = rowBase;
  content.columnBase = columnBase;
  content.rows.assign(bytes, -1);
  content.columns.assign(bytes, -1);
  for (const Writer &writer : writers) {
    if (iteration < writer.begin || iteration >= writer.end ||
        (writer.whole && bool(writer.atoms) != inAtoms))
      continue;
    for (size_t thread = 0; thread < writer.mine.size(); ++thread)
      if (writer.mine[thread] && failed(write(content, writer, thread)))
        return failure();
  }
  return content;
}

/// Each byte that is copied in one way is copied in the other, by the same
/// choice, or always in bulk: so whatever is copied as a whole, what is there
/// is the same.
FailureOr<StageContent> ContentBuilder::fillEitherWay(ArrayRef<Writer> writers,
                                                      int64_t iteration) {
  FailureOr<StageContent> content = fill(writers, iteration, /*inAtoms=*/false);
  if (failed(content) || llvm::none_of(writers, [](const Writer &writer) {
        return bool(writer.atoms);
      }))
    return content;
  std::vector<Value> choices = wholes;
  FailureOr<StageContent> inAtoms = fill(writers, iteration, /*inAtoms=*/true);
  if (failed(inAtoms))
    return failure();
  llvm::SmallDenseSet<Value> alone;
  for (int64_t at = 0; at < bytes; ++at) {
    int64_t row = inAtoms->rows[at], column = inAtoms->columns[at];
    bool isInWords = content->rows[at] >= 0, isInAtoms = row >= 0;
    if (isInWords && isInAtoms &&
        (content->rows[at] != row || content->columns[at] != column ||
         choices[at] != wholes[at]))
      return stage.emitError("not proven: expected the same scale factor in "
                             "byte ")
             << at << " of a stage whether or not it is copied as a whole";
    if (isInWords && !isInAtoms)
      return refuteLeftOut(at);
    if (!isInWords && isInAtoms)
      alone.insert(wholes[at]);
    content->rows[at] = row;
    content->columns[at] = column;
  }
  for (const Writer &writer : writers)
    if (writer.atoms && alone.contains(writer.whole) &&
        failed(proveAlways(writer.atoms)))
      return failure();
  return content;
}

/// Words that are left to atoms are left to those of the same step, so that the
/// choice is one.
LogicalResult ContentBuilder::pairChoices(ArrayRef<Writer> writers) {
  for (const Writer &words : writers) {
    if (words.atoms || !words.whole)
      continue;
    cta::StageAccess op = words.op;
    if (llvm::none_of(writers, [&](const Writer &writer) {
          cta::CopyScaleAtomsOp atoms = writer.atoms;
          return atoms && writer.whole == words.whole &&
                 atoms->getBlock() == op->getBlock() &&
                 atoms.getIteration() == op.getIteration();
        }))
      return op.emitError("not proven: expected atoms that are copied as a "
                          "whole, in the same K step, where this is not");
  }
  return success();
}

/// A byte that only words bring, where they are left to atoms.
LogicalResult ContentBuilder::refuteLeftOut(int64_t byte) {
  Counterexample example;
  example.lemma = "L3";
  example.operand = proof.kernel.sourceOf(operand);
  example.rows = rowsOfAtoms;
  example.tile = 0;
  example.step = filling;
  InFlightDiagnostic error = stage.emitError("refuted: with M = ");
  markRefuted(error, example);
  return error << example.rows << ", tile = 0, K step = " << filling
               << " nothing writes byte " << byte << " of this stage";
}

/// Nobody copies them otherwise.
LogicalResult ContentBuilder::proveAlways(cta::CopyScaleAtomsOp op) {
  FailureOr<Domain> domain = slicer.domain(op, {op.getMine()});
  FailureOr<SmallVector<LessThan>> inside = slicer.guard(op.getInside());
  if (failed(domain) || failed(inside))
    return failure();
  StringRef name = proof.kernel.sourceOf(operand);
  for (const LessThan &less : *inside) {
    Sample sample;
    Query::Answer answer = proof.solver.findViolation(*domain, less, sample);
    if (answer == Query::Answer::Empty)
      continue;
    if (answer == Query::Answer::TooLarge)
      return op.emitError("not proven: whether these scale factors of '")
             << name << "' are always copied is too large a question";
    Counterexample example = counterexampleAt(slicer, sample);
    example.lemma = "L3";
    example.operand = name;
    InFlightDiagnostic error = op.emitError("refuted: with ");
    markRefuted(error, example);
    return error << compiler::describe(slicer, sample) << " scale factors of '"
                 << name << "' are copied neither as a whole nor word by word";
  }
  return success();
}

FailureOr<StageContent> ContentBuilder::run() {
  std::vector<Writer> writers;
  WalkResult walked =
      proof.kernel.walk([&](cta::StageAccess access) -> WalkResult {
        if (access.getStage() != stage || !access.isStageWrite())
          return success();
        FailureOr<Writer> writer = describe(access);
        if (succeeded(writer) && writer->begin < writer->end)
          writers.push_back(std::move(*writer));
        return success(succeeded(writer));
      });
  if (walked.wasInterrupted())
    return failure();
  if (failed(pairChoices(writers)))
    return failure();
  // Between two of these the same ops write.
  std::set<int64_t> cuts;
  for (const Writer &writer : writers)
    cuts.insert({writer.begin, writer.end});
  std::optional<StageContent> all;
  for (int64_t begin : cuts) {
    if (begin == *cuts.rbegin())
      break;
    FailureOr<StageContent> content = fillEitherWay(writers, begin);
    if (failed(content))
      return failure();
    if (all && (all->rows != content->rows || all->columns != content->columns))
      return stage.emitError("not proven: expected the same copies in each K "
                             "step, and from step ")
             << begin << " on they differ";
    all = std::move(*content);
  }
  if (!all)
    return stage.emitError("not proven: nothing is ever written to this stage");
  all->begin = *cuts.begin();
  all->end = *cuts.rbegin();
  all->writers.clear();
  for (const Writer &writer : writers)
    all->writers.push_back({writer.op, writer.begin, writer.end});
  return *all;
}

} // namespace

LogicalResult nybl::compiler::proveComplete(Operation *op, StringRef lemma,
                                            StringRef operand,
                                            const Domain &access,
                                            ArrayRef<LessThan> mine,
                                            ArrayRef<LessThan> real,
                                            Proof &proof, bool mayRefute) {
  Domain domain{llvm::to_vector(mine), access.around};
  llvm::append_range(domain.guard, real);
  for (const LessThan &less : access.guard) {
    Sample sample;
    switch (proof.solver.findViolation(domain, less, sample)) {
    case Query::Answer::Empty:
      continue;
    case Query::Answer::TooLarge:
      return op->emitError("not proven: whether this leaves out nothing of '")
             << operand << "' is too large a question";
    case Query::Answer::Inhabited:
      if (!mayRefute)
        return op->emitError("not proven: expected a guard that compares the "
                             "row and the K block of a factor of '")
               << operand << "'";
      Counterexample example = counterexampleAt(proof.slicer, sample);
      example.lemma = lemma;
      example.operand = operand;
      InFlightDiagnostic error = op->emitError("refuted: with ");
      markRefuted(error, example);
      return error << describe(proof.slicer, sample)
                   << " this leaves out what is real of '" << operand << "'";
    }
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Reads
//===----------------------------------------------------------------------===//

static LogicalResult refuteRead(cta::StageAccess read, const StageContent &from,
                                int64_t thread, const Twine &what,
                                Proof &proof) {
  Counterexample example;
  example.lemma = "L3";
  example.operand = proof.kernel.sourceOf(from.operand);
  example.rows = 1;
  example.tile = example.step = 0;
  example.thread = thread;
  InFlightDiagnostic error = read.emitError("refuted: with M = 1, tile = 0, ");
  markRefuted(error, example);
  return error << "K step = 0, thread = " << thread << " this reads " << what;
}

/// One thread's bytes: those of a piece of one row, one after the other.
static LogicalResult readBytes(cta::StageAccess read, const StageContent &from,
                               int64_t thread, int64_t at, StageRead &result,
                               Proof &proof) {
  int64_t bytes = read.getStageBytes(), size = from.rows.size();
  if (at % bytes != 0 || at + bytes > size)
    return refuteRead(read, from, thread,
                      Twine(bytes) + " bytes at byte " + Twine(at) +
                          " of a stage of " + Twine(size),
                      proof);
  int64_t pieceBytes = bytes / read.getStagePieces();
  for (int64_t i = 0; i < bytes; ++i) {
    int64_t first = at + i / pieceBytes * pieceBytes;
    if (from.rows[at + i] < 0)
      return refuteRead(
          read, from, thread,
          "byte " + Twine(at + i) + " of a stage, which nothing writes", proof);
    if (from.rows[at + i] != from.rows[first] ||
        from.columns[at + i] != from.columns[first] + at + i - first)
      return refuteRead(read, from, thread,
                        "what are no neighbours in a row of '" +
                            proof.kernel.sourceOf(from.operand) + "'",
                        proof);
  }
  for (int64_t i = 0; i < read.getStagePieces(); ++i) {
    result.rows[i * threadsAt(read) + thread] = from.rows[at + i * pieceBytes];
    result.columns[i * threadsAt(read) + thread] =
        from.columns[at + i * pieceBytes];
  }
  return success();
}

/// All of a slot, by whoever is asked: byte i at [i].
static FailureOr<StageRead> readWhole(cta::StageAccess read,
                                      const StageContent &from,
                                      const Iteration &iteration,
                                      Proof &proof) {
  for (auto [at, row] : llvm::enumerate(from.rows))
    if (row < 0)
      return refuteRead(
          read, from, 0,
          "byte " + Twine(at) + " of a stage, which nothing writes", proof);
  return StageRead{from.operand, atIteration(from.rowBase, iteration),
                   atIteration(from.columnBase, iteration), from.rows,
                   from.columns};
}

FailureOr<StageRead> nybl::compiler::readOf(cta::StageAccess read,
                                            Proof &proof) {
  const StageContent &from = proof.stages.find(read.getStage())->second;
  FailureOr<Iteration> iteration = iterationOf(read, proof.slicer);
  if (failed(iteration))
    return failure();
  if (iteration->begin < from.begin || iteration->end > from.end)
    return refuteRead(read, from, 0,
                      "iterations " + Twine(iteration->begin) + " to " +
                          Twine(iteration->end - 1) + ", and " +
                          Twine(from.begin) + " to " + Twine(from.end - 1) +
                          " are written",
                      proof);
  if (!read.getStageOffset())
    return readWhole(read, from, *iteration, proof);
  FailureOr<AffineExpr> offset = proof.slicer.index(read.getStageOffset());
  if (failed(offset))
    return failure();
  std::optional<Split> split = proof.threads.split(*offset);
  if (!split || !isa<AffineConstantExpr>(split->base))
    return read.emitError("not proven: expected an offset in shared memory "
                          "that depends on the thread alone");
  StageRead result;
  result.operand = from.operand;
  result.rowBase = atIteration(from.rowBase, *iteration);
  result.columnBase = atIteration(from.columnBase, *iteration);
  int64_t threads = threadsAt(read);
  result.rows.resize(threads * read.getStagePieces());
  result.columns.resize(result.rows.size());
  ArrayRef<int64_t> at = proof.threads.of(split->base + split->local);
  for (int64_t thread = 0; thread < threads; ++thread)
    if (failed(readBytes(read, from, thread, at[thread], result, proof)))
      return failure();
  return result;
}

FailureOr<StageContent> nybl::compiler::contentOf(cta::AllocOp stage,
                                                  Proof &proof) {
  return ContentBuilder(stage, proof).run();
}
