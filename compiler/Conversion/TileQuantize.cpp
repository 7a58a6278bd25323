// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Load, quantise, store.

#include "compiler/Conversion/TileQuantize.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "runtime/Abi/Problem.h"
#include "runtime/Abi/ScaleFormula.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

LogicalResult TileQuantize::convert(Operation &op) {
  if (auto load = dyn_cast<tile::LoadElementsOp>(op))
    return convertLoad(load);
  if (auto silu = dyn_cast<tile::SiluMulOp>(op))
    return convertSiluMul(silu);
  if (auto amax = dyn_cast<tile::AmaxOp>(op))
    return convertAmax(amax);
  if (auto quantize = dyn_cast<tile::QuantizeOp>(op))
    return convertQuantize(quantize);
  if (auto store = dyn_cast<tile::StoreCodesOp>(op))
    return convertStoreCodes(store);
  if (auto store = dyn_cast<tile::StoreScalesOp>(op))
    return convertStoreScales(store);
  if (isa<tile::TileDialect>(op.getDialect()) &&
      !isa<tile::RequireOp, tile::ParamOp>(op))
    return op.emitOpError(
        "has no place in a kernel that quantises: expected "
        "load_elements, silu_mul, amax, quantize, "
        "store_codes, store_scales and arith on i32 coordinates");
  return cloneArithmetic(op);
}

LogicalResult TileQuantize::convertLoad(tile::LoadElementsOp op) {
  if (failed(checkTile(op, op.getType().getSizes())))
    return failure();
  if (sourceOf(op.getMatrix()) != "x")
    return op.emitOpError("reads '")
           << sourceOf(op.getMatrix())
           << "': expected the input of the problem, 'x'";
  Value base = argument(op.getMatrix());
  auto type = cast<cta::MatrixType>(base.getType());
  Type element = op.getMatrix().getType().getElement();
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  constexpr int64_t loadBytes = 16;
  SmallVector<Type> types(loadBytes / bytes, builder.getF32Type());
  elementsOf[op.getResult()] = element;
  Index stride = index(argument(op.getMatrix(), ".stride"));
  int64_t rowBytes = type.getRowBytes() / (op.getHalf() ? 2 : 1);
  int64_t begin = op.getHalf().value_or(0) * rowBytes;
  if (rowBytes % (kBlock * bytes) != 0)
    return op.emitOpError("expected a matrix whose halves are whole blocks of ")
           << kBlock << " columns";
  for (Place place : placesAt(op.getRow(), op.getColumn())) {
    Value inside = isInside(place.row, place.block, type.getRows(),
                            rowBytes / (kBlock * bytes));
    Index rowOffset = place.row.extend() * stride;
    Index inRow = place.block.extend() * (kBlock * bytes);
    Index first = rowOffset + (begin == 0 ? inRow : inRow + begin);
    Fragments &values = blocks[op.getResult()].emplace_back();
    for (int64_t at = 0; at < kBlock * bytes; at += loadBytes) {
      auto load = cta::LoadElementsOp::create(builder, op.getLoc(), types, base,
                                              first + at, inside, element);
      llvm::append_range(values, load.getValues());
    }
  }
  return success();
}

LogicalResult TileQuantize::convertSiluMul(tile::SiluMulOp op) {
  std::optional<int64_t> fast = tile::constantSize(op.getFast());
  Type element = elementsOf.lookup(op.getGate());
  if (!fast || !element || element != elementsOf.lookup(op.getUp()))
    return op.emitOpError("expected two tiles that were loaded as elements of "
                          "one type, and a number as fast");
  for (auto [gates, ups] :
       llvm::zip_equal(blocks[op.getGate()], blocks[op.getUp()])) {
    Fragments made;
    for (auto [gate, up] : llvm::zip_equal(gates, ups))
      made.push_back(cta::SiluMulOp::create(builder, op.getLoc(), gate, up,
                                            element, *fast != 0));
    blocks[op.getResult()].push_back(std::move(made));
  }
  return success();
}

LogicalResult TileQuantize::convertAmax(tile::AmaxOp op) {
  maximaOf[op.getResult()] = op.getValue();
  return success();
}

LogicalResult TileQuantize::convertQuantize(tile::QuantizeOp op) {
  if (maximaOf.lookup(op.getAmax()) != op.getValue())
    return op.emitOpError("expected the amax of the tile that it quantises");
  std::optional<int64_t> fast = tile::constantSize(op.getFast());
  if (!fast)
    return op.emitOpError("expected a number as fast after instantiation");
  for (const Fragments &values : blocks[op.getValue()]) {
    auto made = cta::QuantizeOp::create(builder, op.getLoc(), values,
                                        scalar(op.getGlobal()), *fast != 0);
    blocks[op.getCodes()].push_back({made.getCodes()});
    blocks[op.getScales()].push_back({made.getScale()});
  }
  return success();
}

LogicalResult TileQuantize::convertStoreCodes(tile::StoreCodesOp op) {
  if (sourceOf(op.getMatrix()) != "q")
    return op.emitOpError("writes '")
           << sourceOf(op.getMatrix())
           << "': expected the output of the problem, 'q'";
  Value base = argument(op.getMatrix());
  auto type = cast<cta::MatrixType>(base.getType());
  constexpr int64_t codeBytes = kBlock / 2;
  Index stride = index(argument(op.getMatrix(), ".stride"));
  for (auto [place, codes] : llvm::zip_equal(
           placesAt(op.getRow(), op.getColumn()), blocks[op.getCodes()])) {
    Value inside = isInside(place.row, place.block, type.getRows(),
                            type.getRowBytes() / codeBytes);
    Index rowOffset = place.row.extend() * stride;
    Index offset = rowOffset + place.block.extend() * codeBytes;
    cta::StoreCodesOp::create(builder, op.getLoc(), codes[0], base, offset,
                              inside);
  }
  return success();
}

/// Of padding K blocks in real rows, or of padding rows.
void TileQuantize::clearPadding(tile::StoreScalesOp op, const Place &place,
                                bool rows) {
  Value base = argument(op.getScales());
  auto type = cast<cta::ScalesType>(base.getType());
  ScaleLayout layout = *parseScaleLayout(type.getLayout().getValue());
  ScaleBox tile = tileBox(layout);
  int64_t padded = llvm::alignTo(type.getBlocks(), tile.blocks);
  Index m = rowsOf(type.getRows());
  Value begins =
      rows ? m < place.row + 1 : number(type.getBlocks() - 1) < place.block;
  Index end = rows ? (m + (tile.rows - 1)) / tile.rows * tile.rows : m;
  Value rowEnds = place.row < end;
  Value blockEnds = place.block < padded;
  Value guard = both(both(begins, rowEnds), blockEnds);
  Index wideRow = place.row.extend(), wideBlock = place.block.extend();
  Index offset =
      scaleByteOffset<Index>(layout, type.getBlocks(), wideRow, wideBlock);
  cta::ClearFactorOp::create(builder, op.getLoc(), base, offset, guard);
}

LogicalResult TileQuantize::convertStoreScales(tile::StoreScalesOp op) {
  std::optional<int64_t> padRows = tile::constantSize(op.getPadRows());
  if (sourceOf(op.getScales()) != "sfq" || !padRows)
    return op.emitOpError("expected the scale factors of the output, 'sfq', "
                          "and a number as pad_rows, got '")
           << sourceOf(op.getScales()) << "'";
  Value base = argument(op.getScales());
  auto type = cast<cta::ScalesType>(base.getType());
  Expected<ScaleLayout> layout = parseScaleLayout(type.getLayout().getValue());
  if (!layout)
    return op.emitOpError(layout.message());
  ScaleBox tile = tileBox(*layout);
  for (auto [place, scale] : llvm::zip_equal(
           placesAt(op.getRow(), op.getColumn()), blocks[op.getValues()])) {
    Value inside =
        isInside(place.row, place.block, type.getRows(), type.getBlocks());
    Index wideRow = place.row.extend(), wideBlock = place.block.extend();
    Index offset =
        scaleByteOffset<Index>(*layout, type.getBlocks(), wideRow, wideBlock);
    cta::StoreFactorOp::create(builder, op.getLoc(), scale[0], base, offset,
                               inside);
    if (type.getBlocks() % tile.blocks != 0)
      clearPadding(op, place, /*rows=*/false);
    if (*padRows != 0 && tile.rows > 1)
      clearPadding(op, place, /*rows=*/true);
  }
  return success();
}
