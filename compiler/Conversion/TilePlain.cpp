// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The frame of the plain schedule: threads, tiles, and which op goes where.

#include "compiler/Conversion/TilePlain.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

//===----------------------------------------------------------------------===//
// Index
//===----------------------------------------------------------------------===//

Index Index::constant(int64_t number) const {
  return Index(*builder, arith::ConstantOp::create(
                             *builder, current.getLoc(),
                             IntegerAttr::get(current.getType(), number)));
}

Index Index::extend() const {
  return Index(*builder,
               arith::ExtUIOp::create(*builder, current.getLoc(),
                                      builder->getI64Type(), current));
}

template <typename Op>
static Value emit(OpBuilder &builder, Value a, Value b) {
  return Op::create(builder, a.getLoc(), a, b);
}

Index compiler::operator+(Index a, Index b) {
  return Index(*a.builder, emit<arith::AddIOp>(*a.builder, a, b));
}
Index compiler::operator*(Index a, Index b) {
  return Index(*a.builder, emit<arith::MulIOp>(*a.builder, a, b));
}
Index compiler::operator+(Index a, int64_t b) {
  return b == 0 ? a : a + a.constant(b);
}
Index compiler::operator*(Index a, int64_t b) {
  return b == 1 ? a : a * a.constant(b);
}
Index compiler::operator/(Index a, int64_t b) {
  return b == 1 ? a
                : Index(*a.builder,
                        emit<arith::DivUIOp>(*a.builder, a, a.constant(b)));
}
Index compiler::operator%(Index a, int64_t b) {
  return Index(*a.builder, emit<arith::RemUIOp>(*a.builder, a, a.constant(b)));
}
Value compiler::operator<(Index a, Index b) {
  return arith::CmpIOp::create(*a.builder, a.current.getLoc(),
                               arith::CmpIPredicate::ult, a, b);
}
Value compiler::operator<(Index a, int64_t b) { return a < a.constant(b); }

//===----------------------------------------------------------------------===//
// The frame
//===----------------------------------------------------------------------===//

TilePlain::TilePlain(cta::KernelOp kernel, tile::KernelOp source,
                     cta::ScheduleAttr schedule)
    : kernel(kernel), source(source),
      builder(OpBuilder::atBlockEnd(&kernel.getBody().front())),
      frameBuilder(builder), location(source.getLoc()),
      tileM(schedule.getTile()[0]), tileN(schedule.getTile()[1]),
      tileK(schedule.getTile()[2]), warpsM(schedule.getWarps()[0]),
      warpsN(schedule.getWarps()[1]), threads(kernel.getThreads()),
      mFragments(tileM / warpsM / 16), nFragments(tileN / warpsN / 8) {
  // L7: no access of global memory before the grids this one depends on ended.
  cta::GridWaitOp::create(builder, location);
  thread = index(cta::ThreadIdOp::create(builder, location));
  lane = *thread % 32;
  g = *lane / 4;
  t = *lane % 4;
  Index warp = *thread / 32;
  warpRow = warp / warpsN * (mFragments * 16);
  warpColumn = warp % warpsN * (nFragments * 8);
}

Index TilePlain::number(int64_t value) {
  return index(arith::ConstantOp::create(builder, location,
                                         builder.getI32IntegerAttr(value)));
}

Value TilePlain::argument(Value tileArgument, StringRef suffix) {
  unsigned position = cast<BlockArgument>(tileArgument).getArgNumber();
  StringRef name =
      cast<StringAttr>((*source.getSources())[position]).getValue();
  return kernel.argumentFor((name + suffix).str());
}

Index TilePlain::rowsOf(int64_t rows) {
  return rows == cta::dynamicRows ? index(kernel.argumentFor("m"))
                                  : number(rows);
}

LogicalResult TilePlain::convertTopLevel(Operation &op) {
  if (isa<tile::RequireOp>(op))
    return success();
  if (auto foreach = dyn_cast<tile::ForeachTileOp>(op))
    return convertForeachTile(foreach);
  return cloneArithmetic(op);
}

/// Tiles of one row of tiles follow one another: they share A.
LogicalResult TilePlain::convertForeachTile(tile::ForeachTileOp op) {
  std::optional<int64_t> columns = tile::constantSize(op.getExtents()[1]);
  std::optional<int64_t> stepM = tile::constantSize(op.getSteps()[0]);
  std::optional<int64_t> stepN = tile::constantSize(op.getSteps()[1]);
  if (!columns || stepM != tileM || stepN != tileN)
    return op.emitOpError("expected tiles of the schedule, ")
           << tileM << " x " << tileN << ", over a static number of columns";
  int64_t tilesN = (*columns + tileN - 1) / tileN;
  std::optional<int64_t> staticRows = tile::constantSize(op.getExtents()[0]);
  Index rows = rowsOf(staticRows.value_or(cta::dynamicRows));
  Index count = (rows + (tileM - 1)) / tileM * tilesN;
  auto range = cta::TileRangeOp::create(builder, location, count);
  frameBuilder.setInsertionPoint(range);
  Block *body = new Block();
  range.getBody().push_back(body);
  Index tileIndex = index(body->addArgument(builder.getI32Type(), location));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(body);
  mapping.map(op.getBody().getArgument(0),
              (tileIndex / tilesN * tileM).value());
  mapping.map(op.getBody().getArgument(1),
              (tileIndex % tilesN * tileN).value());
  for (Operation &inner : op.getBody().front())
    if (failed(convertInTile(inner)))
      return failure();
  return success();
}

LogicalResult TilePlain::convertInTile(Operation &op) {
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

/// Pure index arithmetic is cloned; anything else has no place here.
LogicalResult TilePlain::cloneArithmetic(Operation &op) {
  if (auto param = dyn_cast<tile::ParamOp>(op)) {
    std::optional<int64_t> value = tile::constantSize(param.getSize());
    if (!value)
      return param.emitOpError("expected a number after instantiation");
    mapping.map(param.getResult(), number(*value).value());
    return success();
  }
  if (!isa<arith::ArithDialect>(op.getDialect()))
    return op.emitOpError(
        "has no place here: the plain schedule lays out load, "
        "load_scales, dot_scaled, accumulate, map, store and "
        "arith on coordinates");
  builder.clone(op, mapping);
  return success();
}

LogicalResult TilePlain::checkShape(Operation *op, tile::AccType type) {
  if (tile::constantSize(type.getSizes()[0]) == tileM &&
      tile::constantSize(type.getSizes()[1]) == tileN)
    return success();
  return op->emitOpError("expected an accumulator of the schedule's tile, ")
         << tileM << " x " << tileN << ", got " << type;
}

void TilePlain::finish() { cta::GridReleaseOp::create(builder, location); }
