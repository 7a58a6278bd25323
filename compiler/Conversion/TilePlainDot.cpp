// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The K loop of the plain schedule and its multiplies.

#include "compiler/Conversion/TilePlain.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "runtime/Abi/Problem.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

void TilePlain::bindAccumulators(ValueRange tiles, ValueRange values) {
  size_t width = mFragments * nFragments * 4;
  for (auto [i, tile] : llvm::enumerate(tiles))
    fragments[tile] = llvm::to_vector(values.slice(i * width, width));
}

LogicalResult TilePlain::convertAccumulate(tile::AccumulateOp op) {
  std::optional<int64_t> extent = tile::constantSize(op.getExtent());
  if (!extent || *extent < 0 || *extent > maxExtent ||
      tile::constantSize(op.getStep()) != tileK)
    return op.emitOpError("expected a static extent, 0 or more, walked by the "
                          "schedule's K step, ")
           << tileK;
  Fragments inits;
  for (Value init : op.getInits()) {
    if (failed(checkShape(op, cast<tile::AccType>(init.getType()))))
      return failure();
    llvm::append_range(inits, fragments.lookup(init));
  }
  // No step is no loop: nothing in its body is ever done.
  if (*extent == 0) {
    bindAccumulators(op.getResults(), inits);
    return success();
  }
  Value zero = number(0), one = number(1);
  Value steps = number((*extent + tileK - 1) / tileK);
  auto loop = scf::ForOp::create(builder, op.getLoc(), zero, steps, one, inits);
  if (failed(convertSteps(op, loop)))
    return failure();
  bindAccumulators(op.getResults(), loop.getResults());
  return success();
}

/// copy, barrier, multiply, barrier, for each K step.
LogicalResult TilePlain::convertSteps(tile::AccumulateOp op, scf::ForOp loop) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(loop.getBody());
  Block &body = op.getBody().front();
  bindAccumulators(body.getArguments().drop_front(), loop.getRegionIterArgs());
  mapping.map(body.getArgument(0),
              (index(loop.getInductionVar()) * tileK).value());
  for (Operation &inner : body)
    if (failed(convertInStep(inner)))
      return failure();
  Fragments yields;
  for (Value value : body.getTerminator()->getOperands())
    llvm::append_range(yields, fragments.lookup(value));
  // Nobody may overwrite the stage while others still read it.
  cta::BarrierOp::create(builder, op.getLoc());
  scf::YieldOp::create(builder, op.getLoc(), yields);
  return success();
}

LogicalResult TilePlain::convertInStep(Operation &op) {
  if (auto load = dyn_cast<tile::LoadOp>(op))
    return convertLoad(load);
  if (auto load = dyn_cast<tile::LoadScalesOp>(op))
    return convertLoadScales(load);
  if (auto dot = dyn_cast<tile::DotScaledOp>(op))
    return convertDot(dot);
  if (isa<tile::YieldOp>(op))
    return success();
  return cloneArithmetic(op);
}

LogicalResult TilePlain::convertDot(tile::DotScaledOp op) {
  for (Value operand : op->getOperands().drop_back())
    if (!staged.contains(operand))
      return op.emitOpError("expected operands loaded in the same K step");
  Staged a = staged[op.getA()], sa = staged[op.getSa()];
  Staged b = staged[op.getB()], sb = staged[op.getSb()];
  if (failed(checkShape(op, op.getType())))
    return failure();
  Location loc = op.getLoc();
  cta::BarrierOp::create(builder, loc);
  Fragments acc = fragments.lookup(op.getAcc());
  // Row and 16-byte half that lane l points ldmatrix at; see cta.ldmatrix. For
  // A the second matrix is 8 rows on, for B it is the second half of the row.
  Index eight = *lane / 8 % 2, sixteen = *lane / 16;
  Index rowA = *warpRow + *lane % 8 + eight * 8, halfA = sixteen;
  Index rowB = *warpColumn + *lane % 8 + sixteen * 8, halfB = eight;
  Index scaleRowA = *warpRow + *g + *t % 2 * 8, scaleRowB = *warpColumn + *g;

  for (int64_t k = 0; k < tileK; k += 64) {
    SmallVector<cta::LdMatrixOp> bData;
    SmallVector<Value> bScales;
    for (int64_t n = 0; n < nFragments; n += 2)
      bData.push_back(cta::LdMatrixOp::create(builder, loc, b.stage,
                                              (rowB + n * 8) * b.pitch +
                                                  halfB * 16 + k / 2));
    for (int64_t n = 0; n < nFragments; ++n)
      bScales.push_back(cta::LoadScaleWordOp::create(
          builder, loc, sb.stage, (scaleRowB + n * 8) * sb.pitch + k / kBlock));
    for (int64_t m = 0; m < mFragments; ++m) {
      auto aData = cta::LdMatrixOp::create(builder, loc, a.stage,
                                           (rowA + m * 16) * a.pitch +
                                               halfA * 16 + k / 2);
      Value aScale = cta::LoadScaleWordOp::create(
          builder, loc, sa.stage, (scaleRowA + m * 16) * sa.pitch + k / kBlock);
      for (int64_t n = 0; n < nFragments; ++n) {
        auto registers = bData[n / 2].getResults().slice(n % 2 * 2, 2);
        MutableArrayRef<Value> c(&acc[(m * nFragments + n) * 4], 4);
        auto mma = cta::MmaOp::create(builder, loc, aData.getResults(), aScale,
                                      registers, bScales[n], c);
        llvm::copy(mma.getResults(), c.begin());
      }
    }
  }
  fragments[op.getResult()] = acc;
  return success();
}
