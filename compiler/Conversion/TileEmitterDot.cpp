// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Accumulators and the multiplies of a warp.

#include "compiler/Conversion/TileEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "runtime/Abi/Problem.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

void TileEmitter::bindAccumulators(ValueRange tiles, ValueRange values) {
  size_t width = mFragments * nFragments * 4;
  for (auto [i, tile] : llvm::enumerate(tiles))
    fragments[tile] = llvm::to_vector(values.slice(i * width, width));
}

FailureOr<int64_t> TileEmitter::stepsOf(tile::AccumulateOp op) {
  std::optional<int64_t> extent = tile::constantSize(op.getExtent());
  if (tile::isFree(op.getExtent(), "K") &&
      tile::constantSize(op.getStep()) == tileK && split == 1)
    return freeSteps;
  if (extent && *extent >= 0 && *extent <= maxExtent &&
      tile::constantSize(op.getStep()) == tileK)
    return stepsOfPart(op, (*extent + tileK - 1) / tileK);
  return op.emitOpError("expected a static extent, 0 or more, walked by the "
                        "schedule's K step, ")
         << tileK;
}

Value TileEmitter::stepCount(int64_t count) {
  if (count != freeSteps)
    return number(count);
  if (!steps) {
    OpBuilder::InsertionGuard guard(builder);
    builder.restoreInsertionPoint(frameBuilder.saveInsertionPoint());
    int64_t blocks = tileK / kBlock;
    steps = (size("k.blocks") + (blocks - 1)) / blocks;
  }
  return steps;
}

LogicalResult TileEmitter::convertAccumulate(tile::AccumulateOp op) {
  FailureOr<int64_t> steps = stepsOf(op);
  if (failed(steps))
    return failure();
  Fragments inits;
  for (Value init : op.getInits()) {
    if (failed(checkShape(op, cast<tile::AccType>(init.getType()))))
      return failure();
    llvm::append_range(inits, fragments.lookup(init));
  }
  // No step is no loop: nothing in its body is ever done.
  if (*steps == 0) {
    bindAccumulators(op.getResults(), inits);
    return success();
  }
  FailureOr<ValueRange> results = convertSteps(op, *steps, inits);
  if (failed(results))
    return failure();
  bindAccumulators(op.getResults(), *results);
  if (split > 1)
    accumulated = op;
  return success();
}

TileEmitter::Fragments TileEmitter::yielded(tile::AccumulateOp op) {
  Fragments yields;
  for (Value value : op.getBody().front().getTerminator()->getOperands())
    llvm::append_range(yields, fragments.lookup(value));
  return yields;
}

TileEmitter::MultiplySide TileEmitter::sideOf(tile::DotScaledOp op, bool rows) {
  int64_t eights = rows ? 2 : 1;
  if (rows != swapped)
    return {staged[op.getA()], staged[op.getSa()], mapA, *warpRow, eights};
  return {staged[op.getB()], staged[op.getSb()], mapB, *warpColumn, eights};
}

/// Packed words of a few groups of rows come with one read, that of a fragment
/// alone where rows are not packed.
TileEmitter::ScaleOperand
TileEmitter::scaleOperand(MultiplySide &side, int64_t fragment, int64_t k) {
  Value stage = side.scales.stage;
  const ScaleMap &scales = side.scales.scales;
  int64_t eight = fragment * side.eights, words = scales.words;
  if (words == 0) {
    Index row = side.eights == 2 ? side.map.rowOf(side.first, *g, *t % 2, eight)
                                 : side.map.rowOf(side.first, *g, eight);
    return {cta::LoadScaleWordOp::create(builder, location, stage, iteration,
                                         row * scales.blocks + k / kBlock),
            0};
  }
  int64_t group = eight / 4;
  if (eight % (4 * words) == 0) {
    Index part = side.first / (RowMap::groupRows * words) +
                 (k / 64 * scales.parts() + group / words);
    SmallVector<Type> types(words,
                            cta::ScaleWordType::get(builder.getContext()));
    side.words = cta::LoadScaleWordsOp::create(
                     builder, location, types, stage, iteration,
                     scales.slotOf(part, side.map.rowOf(*g, *t)))
                     .getWords();
  }
  return {side.words[group % words], eight % 4 / side.eights};
}

Index TileEmitter::dataAddress(const Staged &from, Index row, Index half,
                               int64_t k) {
  Index begin = row * from.pitch;
  return from.swizzled ? swizzled(begin, half + k / 32, from.pitch)
                       : begin + half * 16 + k / 2;
}

/// A swizzle XORs the number of the 16 bytes by that of the 128 bytes they are
/// in.
Index TileEmitter::swizzled(Index row, Index sixteen, int64_t rowBytes) {
  return row + (sixteen ^ row / 128 % (rowBytes / 16)) * 16;
}

LogicalResult TileEmitter::convertDot(tile::DotScaledOp op) {
  for (Value operand : op->getOperands().drop_back())
    if (!staged.contains(operand))
      return op.emitOpError("expected operands loaded in the same K step");
  if (failed(checkShape(op, op.getType())))
    return failure();
  Location loc = op.getLoc();
  Fragments acc = fragments.lookup(op.getAcc());
  MultiplySide rows = sideOf(op, true), columns = sideOf(op, false);
  // Row and 16-byte half that lane l points ldmatrix at; see cta.ldmatrix. Of
  // rows the second matrix is 8 rows on, of columns it is the second half.
  Index eight = *lane / 8 % 2, sixteen = *lane / 16;
  Index row = *lane % 8, halfOfRows = sixteen, halfOfColumns = eight;

  for (int64_t k = 0; k < tileK; k += 64) {
    SmallVector<cta::LdMatrixOp> columnData;
    SmallVector<ScaleOperand> columnScales;
    for (int64_t n = 0; n < nFragments; n += 2)
      columnData.push_back(cta::LdMatrixOp::create(
          builder, loc, columns.data.stage, iteration,
          dataAddress(columns.data,
                      columns.map.rowOf(columns.first, row, sixteen, n),
                      halfOfColumns, k)));
    for (int64_t n = 0; n < nFragments; ++n)
      columnScales.push_back(scaleOperand(columns, n, k));
    for (int64_t m = 0; m < mFragments; ++m) {
      auto rowData = cta::LdMatrixOp::create(
          builder, loc, rows.data.stage, iteration,
          dataAddress(rows.data, rows.map.rowOf(rows.first, row, eight, m * 2),
                      halfOfRows, k));
      ScaleOperand rowScales = scaleOperand(rows, m, k);
      for (int64_t n = 0; n < nFragments; ++n) {
        auto registers = columnData[n / 2].getResults().slice(n % 2 * 2, 2);
        MutableArrayRef<Value> c(&acc[(m * nFragments + n) * 4], 4);
        auto mma =
            cta::MmaOp::create(builder, loc, rowData.getResults(),
                               rowScales.word, registers, columnScales[n].word,
                               c, rowScales.selector, columnScales[n].selector);
        llvm::copy(mma.getResults(), c.begin());
      }
    }
  }
  fragments[op.getResult()] = acc;
  return success();
}
