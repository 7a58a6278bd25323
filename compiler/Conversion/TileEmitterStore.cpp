// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elementwise ops and stores: each lane holds two columns of two rows of each
// multiply and stores element by element, where they lie inside, unless TMA
// stores them (TileEmitterBoxes).

#include "compiler/Conversion/TileEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

/// The scalar's value in this kernel: read once, its reciprocal taken where the
/// launch says that it is an encode scale.
Value TileEmitter::scalar(Value tileScalar) {
  Value &value = scalars[tileScalar];
  if (value)
    return value;
  OpBuilder &b = frameBuilder;
  Value given = cta::LoadScalarOp::create(b, location, argument(tileScalar),
                                          argument(tileScalar, ".value"));
  Value one = arith::ConstantOp::create(b, location, b.getF32FloatAttr(1.0f));
  Value zero = arith::ConstantOp::create(b, location, b.getI32IntegerAttr(0));
  Value encode =
      arith::CmpIOp::create(b, location, arith::CmpIPredicate::ne,
                            argument(tileScalar, ".reciprocal"), zero);
  Value reciprocal = arith::DivFOp::create(b, location, one, given);
  return value =
             arith::SelectOp::create(b, location, encode, reciprocal, given);
}

LogicalResult TileEmitter::convertMap(tile::MapOp op) {
  if (failed(checkShape(op, op.getType())))
    return failure();
  int64_t elements = elementsOfThread();
  elementOps += elements * int64_t(op.getBody().front().getOperations().size());
  if (elementOps > maxElementOps)
    return op.emitOpError("expected at most ")
           << maxElementOps / elements
           << " ops in all tile.map bodies together, since a thread does them "
              "for "
           << elements << " elements; write fewer, or use more warps";
  // Constants from outside the body are the same for each element.
  IRMapping outside;
  llvm::SetVector<Value> captured;
  getUsedValuesDefinedAbove(op.getBody(), captured);
  for (Value value : captured)
    outside.map(value, mapping.lookup(value));
  Fragments result;
  for (int64_t i = 0; i < elements; ++i) {
    IRMapping element = outside;
    for (auto [operand, parameter] :
         llvm::zip(op.getOperands(), op.getBody().getArguments()))
      element.map(parameter, isa<tile::AccType>(operand.getType())
                                 ? fragments.lookup(operand)[i]
                                 : scalar(operand));
    for (Operation &inner : op.getBody().front().without_terminator())
      builder.clone(inner, element);
    result.push_back(element.lookupOrDefault(
        op.getBody().front().getTerminator()->getOperand(0)));
  }
  fragments[op.getResult()] = std::move(result);
  return success();
}

std::pair<Index, Index> TileEmitter::placeOf(int64_t i, Index row,
                                             Index column) const {
  int64_t m = i / 4 / nFragments, n = i / 4 % nFragments, part = i % 4;
  auto ofRows = [&](const RowMap &map, Index first) {
    return map.rowOf(first, *g, m * 2 + part / 2);
  };
  auto ofColumns = [&](const RowMap &map, Index first) {
    return map.rowOf(first, *t * 2, n, part % 2);
  };
  Index inRow = swapped ? ofColumns(mapA, row) : ofRows(mapA, row);
  Index inColumn = swapped ? ofRows(mapB, column) : ofColumns(mapB, column);
  return {inRow, inColumn};
}

LogicalResult TileEmitter::convertStore(tile::StoreOp op) {
  if (failed(checkShape(op, op.getValue().getType())))
    return failure();
  if (sourceOf(op.getMatrix()) != "d")
    return op.emitOpError("writes '")
           << sourceOf(op.getMatrix())
           << "', an input: expected the output of the problem, 'd'";
  const Fragments &values = fragments[op.getValue()];
  if (argument(op.getMatrix(), ".map"))
    storeBoxes(op, values);
  else
    storeElements(op, values);
  return success();
}

void TileEmitter::storeElements(tile::StoreOp op, const Fragments &values) {
  Location loc = op.getLoc();
  Value base = argument(op.getMatrix());
  Index stride = index(argument(op.getMatrix(), ".stride"));
  Type element = op.getMatrix().getType().getElement();
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  Index firstRow = coordinate(op.getRow()) + *warpRow;
  Index firstColumn = coordinate(op.getColumn()) + *warpColumn;
  for (int64_t i = 0; i < int64_t(values.size()); ++i) {
    auto [row, column] = placeOf(i, firstRow, firstColumn);
    Value isRealRow = isRow(row, base);
    Value isRealColumn = isColumn(column, base, bytes);
    Value inside = arith::AndIOp::create(builder, loc, isRealRow, isRealColumn);
    Value rounded = round(values[i], element);
    cta::StoreOp::create(builder, loc, rounded, base,
                         row.extend() * stride + column.extend() * bytes,
                         inside);
  }
}

Value TileEmitter::round(Value value, Type element) {
  if (element.isF32())
    return value;
  return arith::TruncFOp::create(builder, location, element, value);
}
