// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The frame of a kernel: threads, tiles, and which op goes where.

#include "compiler/Conversion/TileEmitter.h"
#include "compiler/Conversion/ScheduleAttribute.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

TileEmitter::TileEmitter(cta::KernelOp kernel, tile::KernelOp source,
                         cta::ScheduleAttr schedule)
    : kernel(kernel), source(source),
      builder(OpBuilder::atBlockEnd(&kernel.getBody().front())),
      frameBuilder(builder), location(source.getLoc()),
      tileM(schedule.getTile()[0]), tileN(schedule.getTile()[1]),
      tileK(schedule.getTile()[2]), group(schedule.getGroup()),
      warpsM(schedule.getWarps()[0]), warpsN(schedule.getWarps()[1]),
      threads(0), split(schedule.getSplit()), ctas(schedule.getCtas()),
      swapped(bool(schedule.getSwap())),
      mFragments((swapped ? tileN / warpsN : tileM / ctas / warpsM) / 16),
      nFragments((swapped ? tileM / warpsM : tileN / warpsN) / 8),
      scaleRows(scheduleOf(schedule).scaleRows()) {
  // L7: no access of global memory before the grids this one depends on ended.
  cta::GridWaitOp::create(builder, location);
}

void TileEmitter::placeAllThreads() {
  placeThreads(index(cta::ThreadIdOp::create(builder, location)),
               kernel.getThreads());
}

void TileEmitter::placeThreads(Index number, int64_t count) {
  threads = count;
  thread = number;
  lane = *thread % 32;
  g = *lane / 4;
  t = *lane % 4;
  Index warp = *thread / 32;
  int64_t rows = tileM / ctas;
  warpRow = warp / warpsN * (rows / warpsM);
  if (rank)
    warpRow = *warpRow + *rank * rows;
  warpColumn = warp % warpsN * (tileN / warpsN);
}

Index TileEmitter::number(int64_t value) {
  return index(arith::ConstantOp::create(builder, location,
                                         builder.getI32IntegerAttr(value)));
}

StringRef TileEmitter::sourceOf(Value tileArgument) {
  unsigned position = cast<BlockArgument>(tileArgument).getArgNumber();
  return cast<StringAttr>((*source.getSources())[position]).getValue();
}

Value TileEmitter::argument(Value tileArgument, StringRef suffix) {
  return kernel.argumentFor((sourceOf(tileArgument) + suffix).str());
}

std::optional<int64_t> compiler::convertRows(Attribute size, StringRef name) {
  if (tile::isFree(size, name))
    return cta::dynamicRows;
  std::optional<int64_t> rows = tile::constantSize(size);
  return rows && *rows > 0 && *rows <= maxExtent ? rows : std::nullopt;
}

Index TileEmitter::rowsOf(int64_t rows) {
  return rows == cta::dynamicRows ? size("m") : number(rows);
}

Value TileEmitter::isRow(Index row, Value operand) {
  auto matrix = dyn_cast<cta::MatrixType>(operand.getType());
  int64_t rows = matrix ? matrix.getRows()
                        : cast<cta::ScalesType>(operand.getType()).getRows();
  if (rows != cta::dynamicRows)
    return row < rowsOf(rows);
  StringRef source = kernel.sourceOf(cast<BlockArgument>(operand));
  return row < size(source == "b" || source == "sfb" ? "n" : "m");
}

Value TileEmitter::isColumn(Index column, Value d, int64_t elementBytes) {
  auto type = cast<cta::MatrixType>(d.getType());
  if (type.hasFreeRowBytes())
    return column < size("n");
  return column < type.getRowBytes() / elementBytes;
}

Value TileEmitter::isBlock(Index block, Value operand) {
  constexpr int64_t blockBytes = kBlock / 2;
  auto matrix = dyn_cast<cta::MatrixType>(operand.getType());
  auto scales = dyn_cast<cta::ScalesType>(operand.getType());
  if (matrix ? matrix.hasFreeRowBytes() : scales.hasFreeBlocks())
    return block < size("k.blocks");
  return block <
         (matrix ? matrix.getRowBytes() / blockBytes : scales.getBlocks());
}

LogicalResult TileEmitter::convertTopLevel(Operation &op) {
  if (auto foreach = dyn_cast<tile::ForeachTileOp>(op))
    return convertForeachTile(foreach);
  return cloneArithmetic(op);
}

/// Tiles of one row of tiles follow one another: they share A. In groups of
/// rows those that run together share B too.
LogicalResult TileEmitter::convertForeachTile(tile::ForeachTileOp op) {
  std::optional<int64_t> columns = tile::constantSize(op.getExtents()[1]);
  std::optional<int64_t> stepM = tile::constantSize(op.getSteps()[0]);
  std::optional<int64_t> stepN = tile::constantSize(op.getSteps()[1]);
  bool isFree = tile::isFree(op.getExtents()[1], "N");
  if ((!columns && !isFree) || stepM != tileM || stepN != tileN)
    return op.emitOpError("expected tiles of the schedule, ")
           << tileM << " x " << tileN << ", over a static number of columns";
  std::optional<int64_t> rows = convertRows(op.getExtents()[0]);
  if (!rows || (columns && (*columns < 1 || *columns > maxExtent)))
    return op.emitOpError("expected M or a number of rows, and at least one "
                          "column, to walk over");
  Index tileRows = (rowsOf(*rows) + (tileM - 1)) / tileM;
  if (isFree)
    return convertTilesOfAnyN(op, tileRows);
  int64_t tilesN = (*columns + tileN - 1) / tileN;
  Index count = tileRows * tilesN;
  if (ctas > 1)
    rank = index(cta::PairRankOp::create(builder, location));
  bool grouped = group > 1;
  auto attribute = [&](int64_t value) {
    return grouped ? builder.getI64IntegerAttr(value) : IntegerAttr();
  };
  auto range = cta::TileRangeOp::create(builder, location, count,
                                        /*across=*/Value(), split,
                                        attribute(tilesN), attribute(group));
  frameBuilder.setInsertionPoint(range);
  Block *body = new Block();
  range.getBody().push_back(body);
  tileIndex = index(body->addArgument(builder.getI32Type(), location));
  if (split > 1)
    part = index(body->addArgument(builder.getI32Type(), location));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(body);
  mapping.map(op.getBody().getArgument(0),
              (*tileIndex / tilesN * tileM).value());
  mapping.map(op.getBody().getArgument(1),
              (*tileIndex % tilesN * tileN).value());
  return convertTile(op);
}

/// Products of two unknowns have no place in the proof: tiles come by row and
/// column.
LogicalResult TileEmitter::convertTilesOfAnyN(tile::ForeachTileOp op,
                                              Index tileRows) {
  if (split > 1 || group > 1)
    return op.emitOpError("expected a schedule without split and group where N "
                          "is free");
  Index across = (size("n") + (tileN - 1)) / tileN;
  auto range =
      cta::TileRangeOp::create(builder, location, tileRows, across,
                               /*parts=*/1, IntegerAttr(), IntegerAttr());
  frameBuilder.setInsertionPoint(range);
  Block *body = new Block();
  range.getBody().push_back(body);
  Type i32 = builder.getI32Type();
  Index row = index(body->addArgument(i32, location));
  Index column = index(body->addArgument(i32, location));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(body);
  mapping.map(op.getBody().getArgument(0), (row * tileM).value());
  mapping.map(op.getBody().getArgument(1), (column * tileN).value());
  return convertTile(op);
}

LogicalResult TileEmitter::convertTile(tile::ForeachTileOp op) {
  for (Operation &inner : op.getBody().front())
    if (failed(convertInTile(inner)))
      return failure();
  return success();
}

LogicalResult TileEmitter::convertInTile(Operation &op) {
  if (accumulated && failed(sumParts()))
    return failure();
  if (auto zeros = dyn_cast<tile::ZerosOp>(op)) {
    if (failed(checkShape(&op, zeros.getType())))
      return failure();
    Value zero = arith::ConstantOp::create(builder, location,
                                           builder.getF32FloatAttr(0.0f));
    fragments[zeros].assign(mFragments * nFragments * 4, zero);
    return success();
  }
  if (auto accumulate = dyn_cast<tile::AccumulateOp>(op))
    return convertAccumulate(accumulate);
  if (auto map = dyn_cast<tile::MapOp>(op))
    return convertMap(map);
  if (auto store = dyn_cast<tile::StoreOp>(op))
    return convertStore(store);
  return cloneArithmetic(op);
}

LogicalResult TileEmitter::convertParam(tile::ParamOp op) {
  std::optional<int64_t> value = tile::constantSize(op.getSize());
  if (!value || *value < 0 || *value > maxExtent)
    return op.emitOpError("expected a number from 0 to ")
           << maxExtent << " after instantiation";
  mapping.map(op.getResult(), number(*value).value());
  return success();
}

/// Coordinates are i32; flags would promise LLVM what nobody proves.
static bool isCoordinateArithmetic(Operation &op) {
  auto isCoordinate = [](Type type) {
    return type.isInteger(1) || type.isInteger(32);
  };
  auto flags = dyn_cast<arith::ArithIntegerOverflowFlagsInterface>(op);
  return isa<arith::ArithDialect>(op.getDialect()) &&
         llvm::all_of(op.getOperandTypes(), isCoordinate) &&
         llvm::all_of(op.getResultTypes(), isCoordinate) &&
         !op.hasAttr("isExact") &&
         (!flags || (!flags.hasNoSignedWrap() && !flags.hasNoUnsignedWrap()));
}

/// Arithmetic on coordinates and constants is cloned; anything else has no
/// place here.
LogicalResult TileEmitter::cloneArithmetic(Operation &op) {
  if (isa<tile::RequireOp>(op))
    return success();
  if (auto param = dyn_cast<tile::ParamOp>(op))
    return convertParam(param);
  bool known =
      llvm::all_of(op.getOperands(),
                   [&](Value value) { return mapping.contains(value); }) &&
      (isCoordinateArithmetic(op) || tile::isElementwise(&op));
  if (!known)
    return op.emitOpError("has no place here: a schedule lays out load, "
                          "load_scales, dot_scaled, accumulate, map, store, "
                          "arith on i32 coordinates and on f32 constants");
  builder.clone(op, mapping);
  return success();
}

LogicalResult TileEmitter::checkShape(Operation *op, tile::AccType type) {
  if (tile::constantSize(type.getSizes()[0]) == tileM &&
      tile::constantSize(type.getSizes()[1]) == tileN)
    return success();
  return op->emitOpError("expected an accumulator of the schedule's tile, ")
         << tileM << " x " << tileN << ", got " << type;
}

void TileEmitter::finish() {
  if (kernel.argumentFor("d.map"))
    cta::OutputDrainOp::create(builder, location);
  cta::GridReleaseOp::create(builder, location);
}
