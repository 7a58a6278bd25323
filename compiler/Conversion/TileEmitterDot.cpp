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
  if (extent && *extent >= 0 && *extent <= maxExtent &&
      tile::constantSize(op.getStep()) == tileK)
    return stepsOfPart(op, (*extent + tileK - 1) / tileK);
  return op.emitOpError("expected a static extent, 0 or more, walked by the "
                        "schedule's K step, ")
         << tileK;
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

/// Packed words of a few groups of rows come with one read, that of a fragment
/// alone where rows are not packed.
TileEmitter::ScaleOperand
TileEmitter::scaleOperand(ScaleSide &side, int64_t fragment, int64_t k) {
  Value stage = side.from.stage;
  const ScaleMap &scales = side.from.scales;
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
  Staged a = staged[op.getA()], sa = staged[op.getSa()];
  Staged b = staged[op.getB()], sb = staged[op.getSb()];
  if (failed(checkShape(op, op.getType())))
    return failure();
  Location loc = op.getLoc();
  Fragments acc = fragments.lookup(op.getAcc());
  // Row and 16-byte half that lane l points ldmatrix at; see cta.ldmatrix. For
  // A the second matrix is 8 rows on, for B it is the second half of the row.
  Index eight = *lane / 8 % 2, sixteen = *lane / 16;
  Index row = *lane % 8, halfA = sixteen, halfB = eight;
  ScaleSide aScales{sa, mapA, *warpRow, 2}, bScales{sb, mapB, *warpColumn, 1};

  for (int64_t k = 0; k < tileK; k += 64) {
    SmallVector<cta::LdMatrixOp> bData;
    SmallVector<ScaleOperand> bScale;
    for (int64_t n = 0; n < nFragments; n += 2)
      bData.push_back(cta::LdMatrixOp::create(
          builder, loc, b.stage, iteration,
          dataAddress(b, mapB.rowOf(*warpColumn, row, sixteen, n), halfB, k)));
    for (int64_t n = 0; n < nFragments; ++n)
      bScale.push_back(scaleOperand(bScales, n, k));
    for (int64_t m = 0; m < mFragments; ++m) {
      auto aData = cta::LdMatrixOp::create(
          builder, loc, a.stage, iteration,
          dataAddress(a, mapA.rowOf(*warpRow, row, eight, m * 2), halfA, k));
      ScaleOperand aScale = scaleOperand(aScales, m, k);
      for (int64_t n = 0; n < nFragments; ++n) {
        auto registers = bData[n / 2].getResults().slice(n % 2 * 2, 2);
        MutableArrayRef<Value> c(&acc[(m * nFragments + n) * 4], 4);
        auto mma = cta::MmaOp::create(builder, loc, aData.getResults(),
                                      aScale.word, registers, bScale[n].word, c,
                                      aScale.selector, bScale[n].selector);
        llvm::copy(mma.getResults(), c.begin());
      }
    }
  }
  fragments[op.getResult()] = acc;
  return success();
}
