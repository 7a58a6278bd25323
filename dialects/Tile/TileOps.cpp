// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Verifiers of the ops that do the work: load, dot, map, store.

#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace nybl::tile;

/// A tile or matrix has rows and columns: two sizes.
static LogicalResult expectRank2(Operation *op, ArrayRef<Attribute> sizes,
                                 StringRef what) {
  if (sizes.size() == 2)
    return success();
  return op->emitOpError("expected ")
         << what << " with two sizes, rows and columns, got " << sizes.size();
}

LogicalResult LoadOp::verify() {
  return success(succeeded(expectRank2(*this, getMatrix().getType().getSizes(),
                                       "a matrix")) &&
                 succeeded(expectRank2(*this, getResult().getType().getSizes(),
                                       "a tile")));
}

LogicalResult LoadScalesOp::verify() {
  if (failed(expectRank2(*this, getScales().getType().getSizes(), "scales")) ||
      failed(expectRank2(*this, getResult().getType().getSizes(), "a tile")))
    return failure();
  std::optional<int64_t> columns =
      constantSize(getResult().getType().getSizes()[1]);
  int64_t block = getScales().getType().getBlock();
  if (columns && block && *columns % block != 0)
    return emitOpError("expected a tile of whole K blocks of ")
           << block << " columns, got " << *columns;
  return success();
}

LogicalResult StoreOp::verify() {
  return success(
      succeeded(
          expectRank2(*this, getMatrix().getType().getSizes(), "a matrix")) &&
      succeeded(expectRank2(*this, getValue().getType().getSizes(), "a tile")));
}

LogicalResult DotScaledOp::verify() {
  ArrayRef<Attribute> a = getA().getType().getSizes();
  ArrayRef<Attribute> b = getB().getType().getSizes();
  ArrayRef<Attribute> acc = getAcc().getType().getSizes();
  if (failed(expectRank2(*this, a, "a")) ||
      failed(expectRank2(*this, b, "b")) ||
      failed(expectRank2(*this, acc, "an accumulator")))
    return failure();
  if (getSa().getType().getSizes() != a || getSb().getType().getSizes() != b)
    return emitOpError("expected scale tiles of the sizes of their tiles");
  if (a[1] != b[1] || acc[0] != a[0] || acc[1] != b[0])
    return emitOpError("expected a: [BM, BK], b: [BN, BK], acc: [BM, BN], got "
                       "other sizes");
  return success();
}

LogicalResult MapOp::verifyRegions() {
  Block &body = getBody().front();
  if (body.getNumArguments() != getOperands().size())
    return emitOpError("expected one block argument for each operand, ")
           << getOperands().size() << ", got " << body.getNumArguments();
  for (Value operand : getOperands())
    if (auto acc = dyn_cast<AccType>(operand.getType());
        acc && acc != getResult().getType())
      return emitOpError("expected accumulators of the result's type ")
             << getResult().getType() << ", got " << acc;
  for (Type type : body.getArgumentTypes())
    if (!type.isF32())
      return emitOpError("expected f32 block arguments, got ") << type;
  for (Operation &op : body.without_terminator())
    if (!isMemoryEffectFree(&op) || op.getNumRegions() != 0)
      return op.emitOpError("has no place in tile.map: expected pure "
                            "elementwise ops on f32");
  auto yield = cast<YieldOp>(body.getTerminator());
  if (yield.getNumOperands() != 1 || !yield.getOperand(0).getType().isF32())
    return yield.emitOpError("expected one f32 in tile.map");
  return success();
}
