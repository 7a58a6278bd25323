// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Load, dequantise, compute, store. `fragments` holds the elements of a thread,
// 16 of each block.

#include "compiler/Conversion/TileDequantize.h"
#include "runtime/Abi/Problem.h"
#include "runtime/Abi/ScaleFormula.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

LogicalResult TileDequantize::convert(Operation &op) {
  if (auto load = dyn_cast<tile::LoadOp>(op))
    return convertLoad(load);
  if (auto load = dyn_cast<tile::LoadScalesOp>(op))
    return convertLoadScales(load);
  if (auto dequantize = dyn_cast<tile::DequantizeOp>(op))
    return convertDequantize(dequantize);
  if (auto map = dyn_cast<tile::MapOp>(op))
    return convertMap(map);
  if (auto store = dyn_cast<tile::StoreOp>(op))
    return convertStore(store);
  if (isa<tile::TileDialect>(op.getDialect()) &&
      !isa<tile::RequireOp, tile::ParamOp>(op))
    return op.emitOpError("has no place in a kernel that dequantises: expected "
                          "load, load_scales, dequantize, map, store and arith "
                          "on i32 coordinates");
  return cloneArithmetic(op);
}

LogicalResult TileDequantize::convertLoad(tile::LoadOp op) {
  if (failed(checkTile(op, op.getType().getSizes())))
    return failure();
  if (sourceOf(op.getMatrix()) != "q")
    return op.emitOpError("reads '")
           << sourceOf(op.getMatrix())
           << "': expected the codes of the problem, 'q'";
  Value base = argument(op.getMatrix());
  auto type = cast<cta::MatrixType>(base.getType());
  constexpr int64_t codeBytes = kBlock / 2;
  Index stride = index(argument(op.getMatrix(), ".stride"));
  for (Place place : placesAt(op.getRow(), op.getColumn())) {
    Value inside = isInside(place.row, place.block, type.getRows(),
                            type.getRowBytes() / codeBytes);
    Index rowOffset = place.row.extend() * stride;
    Index offset = rowOffset + place.block.extend() * codeBytes;
    loaded[op.getResult()].push_back(
        cta::LoadOp::create(builder, op.getLoc(), base, offset, inside));
  }
  return success();
}

LogicalResult TileDequantize::convertLoadScales(tile::LoadScalesOp op) {
  if (failed(checkTile(op, op.getType().getSizes())))
    return failure();
  Value base = argument(op.getScales());
  auto type = cast<cta::ScalesType>(base.getType());
  Expected<ScaleLayout> layout = parseScaleLayout(type.getLayout().getValue());
  if (!layout)
    return op.emitOpError(layout.message());
  for (Place place : placesAt(op.getRow(), op.getColumn())) {
    Value inside =
        isInside(place.row, place.block, type.getRows(), type.getBlocks());
    Index wideRow = place.row.extend(), wideBlock = place.block.extend();
    Index offset =
        scaleByteOffset<Index>(*layout, type.getBlocks(), wideRow, wideBlock);
    loaded[op.getResult()].push_back(
        cta::LoadScaleOp::create(builder, op.getLoc(), base, offset, inside));
  }
  return success();
}

LogicalResult TileDequantize::convertDequantize(tile::DequantizeOp op) {
  SmallVector<Type> types(kBlock, builder.getF32Type());
  Fragments elements;
  for (auto [codes, factor] : llvm::zip_equal(loaded.lookup(op.getCodes()),
                                              loaded.lookup(op.getScales()))) {
    auto made =
        cta::DequantizeOp::create(builder, op.getLoc(), types, codes, factor);
    llvm::append_range(elements, made.getValues());
  }
  fragments[op.getResult()] = std::move(elements);
  return success();
}

LogicalResult TileDequantize::convertStore(tile::StoreOp op) {
  if (failed(checkShape(op, op.getValue().getType())))
    return failure();
  if (sourceOf(op.getMatrix()) != "y")
    return op.emitOpError("writes '")
           << sourceOf(op.getMatrix())
           << "': expected the output of the problem, 'y'";
  Value base = argument(op.getMatrix());
  auto type = cast<cta::MatrixType>(base.getType());
  Type element = op.getMatrix().getType().getElement();
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  constexpr int64_t storeBytes = 16;
  Index stride = index(argument(op.getMatrix(), ".stride"));
  ArrayRef<Value> left = fragments[op.getValue()];
  for (Place place : placesAt(op.getRow(), op.getColumn())) {
    Value inside = isInside(place.row, place.block, type.getRows(),
                            type.getRowBytes() / (kBlock * bytes));
    Index rowOffset = place.row.extend() * stride;
    Index first = rowOffset + place.block.extend() * (kBlock * bytes);
    for (int64_t at = 0; at < kBlock * bytes; at += storeBytes) {
      cta::StoreElementsOp::create(builder, op.getLoc(),
                                   left.take_front(storeBytes / bytes), base,
                                   first + at, inside, element);
      left = left.drop_front(storeBytes / bytes);
    }
  }
  return success();
}
