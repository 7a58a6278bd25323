// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Verifiers of the ops that do the work: load, dot, map, store.

#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace nybl::tile;

/// Operands of the problem are reached through the kernel's arguments alone:
/// what they are is then known wherever they are used.
static LogicalResult expectArgument(Operation *op, Value value,
                                    StringRef what) {
  auto argument = dyn_cast<BlockArgument>(value);
  if (argument && isa<KernelOp>(argument.getOwner()->getParentOp()))
    return success();
  return op->emitOpError("expected an argument of its tile.kernel as ") << what;
}

LogicalResult LoadOp::verify() {
  return expectArgument(*this, getMatrix(), "the matrix");
}

LogicalResult LoadScalesOp::verify() {
  std::optional<int64_t> columns =
      constantSize(getResult().getType().getSizes()[1]);
  int64_t block = getScales().getType().getBlock();
  if (columns && block && *columns % block != 0)
    return emitOpError("expected a tile of whole K blocks of ")
           << block << " columns, got " << *columns;
  return expectArgument(*this, getScales(), "the scales");
}

LogicalResult StoreOp::verify() {
  Type element = getMatrix().getType().getElement();
  if (element && !element.isF32() && !element.isF16() && !element.isBF16())
    return emitOpError("expected a matrix of f32, f16 or bf16 to store to, "
                       "got one of ")
           << element;
  return expectArgument(*this, getMatrix(), "the matrix");
}

LogicalResult DotScaledOp::verify() {
  ArrayRef<Attribute> a = getA().getType().getSizes();
  ArrayRef<Attribute> b = getB().getType().getSizes();
  ArrayRef<Attribute> acc = getAcc().getType().getSizes();
  if (getSa().getType().getSizes() != a || getSb().getType().getSizes() != b)
    return emitOpError("expected scale tiles of the sizes of their tiles");
  if (a[1] != b[1] || acc[0] != a[0] || acc[1] != b[0])
    return emitOpError("expected a: [BM, BK], b: [BN, BK], acc: [BM, BN], got "
                       "other sizes");
  return success();
}

//===----------------------------------------------------------------------===//
// MapOp
//===----------------------------------------------------------------------===//

/// A narrow float is nothing to compute with: it only rounds.
static bool haveScalarTypes(TypeRange types, bool narrow) {
  return llvm::all_of(types, [&](Type type) {
    return narrow ? type.isF16() || type.isBF16()
                  : type.isF32() || type.isInteger(1);
  });
}

/// Flags let an optimiser change values: what is written is what runs.
static bool hasValueChangingFlags(Operation *op) {
  if (auto fast = dyn_cast<arith::ArithFastMathInterface>(op)) {
    arith::FastMathFlagsAttr flags = fast.getFastMathFlagsAttr();
    if (flags && flags.getValue() != arith::FastMathFlags::none)
      return true;
  }
  auto truncate = dyn_cast<arith::TruncFOp>(op);
  return truncate && truncate.getRoundingmode().value_or(
                         arith::RoundingMode::to_nearest_even) !=
                         arith::RoundingMode::to_nearest_even;
}

bool nybl::tile::isElementwise(Operation *op) {
  bool known =
      isa<arith::ConstantOp, arith::AddFOp, arith::SubFOp, arith::MulFOp,
          arith::DivFOp, arith::NegFOp, arith::MaximumFOp, arith::MinimumFOp,
          arith::MaxNumFOp, arith::MinNumFOp, arith::CmpFOp, arith::SelectOp,
          arith::AndIOp, arith::OrIOp, arith::XOrIOp, arith::TruncFOp,
          arith::ExtFOp>(op);
  return known &&
         haveScalarTypes(op->getOperandTypes(), isa<arith::ExtFOp>(op)) &&
         haveScalarTypes(op->getResultTypes(), isa<arith::TruncFOp>(op)) &&
         !hasValueChangingFlags(op);
}

LogicalResult MapOp::verify() {
  for (Value operand : getOperands()) {
    auto acc = dyn_cast<AccType>(operand.getType());
    if (acc && acc != getResult().getType())
      return emitOpError("expected accumulators of the result's type ")
             << getResult().getType() << ", got " << acc;
    if (!acc && failed(expectArgument(*this, operand, "a scalar")))
      return failure();
  }
  return success();
}

LogicalResult MapOp::verifyRegions() {
  Block &body = getBody().front();
  if (body.getNumArguments() != getOperands().size())
    return emitOpError("expected one block argument for each operand, ")
           << getOperands().size() << ", got " << body.getNumArguments();
  for (Type type : body.getArgumentTypes())
    if (!type.isF32())
      return emitOpError("expected f32 block arguments, got ") << type;
  for (Operation &op : body.without_terminator())
    if (!isElementwise(&op))
      return op.emitOpError(
          "has no place in tile.map: expected arith that docs/templates.md "
          "lists, on f32 and i1, without fast-math flags");
  auto yield = dyn_cast<YieldOp>(body.getTerminator());
  if (!yield)
    return emitOpError("expected a body that ends in tile.yield");
  if (yield.getNumOperands() != 1 || !yield.getOperand(0).getType().isF32())
    return yield.emitOpError("expected one f32 in tile.map");
  return success();
}
