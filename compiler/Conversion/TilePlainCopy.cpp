// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Copies of the plain schedule. One thread moves one K block of one row at a
// time: 8 bytes of data or one scale factor. K is a multiple of 16, so a block
// is wholly inside or wholly outside, and outside means zero.

#include "compiler/Conversion/TilePlain.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "runtime/Abi/Problem.h"
#include "runtime/Abi/ScaleFormula.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

/// Bytes of e2m1 data in one K block.
static constexpr int64_t blockBytes = kBlock / 2;

/// Rows of data are 16 bytes apart more than they need: the 8 row addresses of
/// an ldmatrix then fall into different banks. Scales lie densely.
TilePlain::Staged TilePlain::stageFor(Value tile, bool scales) {
  auto sizes = scales ? cast<tile::ScaleTileType>(tile.getType()).getSizes()
                      : cast<tile::TileType>(tile.getType()).getSizes();
  int64_t rows = *tile::constantSize(sizes[0]);
  int64_t blocks = *tile::constantSize(sizes[1]) / kBlock;
  int64_t pitch = scales ? blocks : blocks * blockBytes + 16;
  MLIRContext *context = kernel.getContext();
  Type type = scales ? Type(cta::ScaleStageType::get(context, rows * pitch))
                     : Type(cta::StageType::get(context, rows * pitch));
  Value stage = cta::AllocOp::create(frameBuilder, location, type);
  return staged[tile] = {stage, rows, pitch};
}

/// Emits, for each K block this thread is to move: emit(row in tile, block in
/// tile, row, block, guard of the move, guard of being inside).
template <typename Emit>
void TilePlain::forEachBlock(int64_t rows, Value row, Value column,
                             int64_t rowsInside, int64_t blocks,
                             Location location, Emit emit) {
  int64_t blocksPerRow = tileK / kBlock;
  int64_t moves = rows * blocksPerRow;
  Index firstBlock = index(column) / kBlock;
  for (int64_t done = 0; done < moves; done += threads) {
    Index move = *thread + done;
    Value mine = moves - done < threads ? move < moves : Value();
    Index tileRow = move / blocksPerRow, tileBlock = move % blocksPerRow;
    Index atRow = index(row) + tileRow, atBlock = firstBlock + tileBlock;
    Value inside = arith::AndIOp::create(
        builder, location, atRow < rowsOf(rowsInside), atBlock < blocks);
    if (mine)
      inside = arith::AndIOp::create(builder, location, inside, mine);
    emit(tileRow, tileBlock, atRow, atBlock, mine, inside);
  }
}

/// The rows of a load are unrolled; its K step must be the schedule's.
static LogicalResult checkLoad(Operation *op, ArrayRef<Attribute> tile,
                               int64_t tileK, Value column) {
  std::optional<int64_t> rows = tile::constantSize(tile[0]);
  if (!rows || *rows < 1 || *rows > maxTileRows)
    return op->emitOpError("expected a tile of 1 to ")
           << maxTileRows << " rows, got "
           << (rows ? std::to_string(*rows) : "a free size");
  if (tile::constantSize(tile[1]) != tileK)
    return op->emitOpError("expected a tile of the schedule's K step, ")
           << tileK << " columns";
  auto accumulate = op->getParentOfType<tile::AccumulateOp>();
  if (column != accumulate.getBody().getArgument(0))
    return op->emitOpError("expected the K coordinate of its accumulate as the "
                           "column");
  return success();
}

LogicalResult TilePlain::convertLoad(tile::LoadOp op) {
  if (failed(checkLoad(op, op.getType().getSizes(), tileK, op.getColumn())))
    return failure();
  if (sourceOf(op.getMatrix()) == "d")
    return op.emitOpError("reads 'd', the output: expected an input of the "
                          "problem");
  Value base = argument(op.getMatrix());
  Index stride = index(argument(op.getMatrix(), ".stride"));
  auto type = cast<cta::MatrixType>(base.getType());
  Staged to = stageFor(op, /*scales=*/false);
  forEachBlock(
      to.rows, coordinate(op.getRow()), coordinate(op.getColumn()),
      type.getRows(), type.getRowBytes() / blockBytes, op.getLoc(),
      [&](Index tileRow, Index tileBlock, Index row, Index block, Value mine,
          Value inside) {
        Index offset = row.extend() * stride + block.extend() * blockBytes;
        Value data =
            cta::LoadOp::create(builder, op.getLoc(), base, offset, inside);
        cta::StoreSharedOp::create(builder, op.getLoc(), data, to.stage,
                                   tileRow * to.pitch + tileBlock * blockBytes,
                                   mine);
      });
  return success();
}

LogicalResult TilePlain::convertLoadScales(tile::LoadScalesOp op) {
  if (failed(checkLoad(op, op.getType().getSizes(), tileK, op.getColumn())))
    return failure();
  Value base = argument(op.getScales());
  auto type = cast<cta::ScalesType>(base.getType());
  Expected<ScaleLayout> layout = parseScaleLayout(type.getLayout().getValue());
  if (!layout)
    return op.emitOpError(layout.message());
  Staged to = stageFor(op, /*scales=*/true);
  forEachBlock(
      to.rows, coordinate(op.getRow()), coordinate(op.getColumn()),
      type.getRows(), type.getBlocks(), op.getLoc(),
      [&](Index tileRow, Index tileBlock, Index row, Index block, Value mine,
          Value inside) {
        Index offset = scaleByteOffset<Index>(*layout, type.getBlocks(),
                                              row.extend(), block.extend());
        Value scale = cta::LoadScaleOp::create(builder, op.getLoc(), base,
                                               offset, inside);
        cta::StoreScaleOp::create(builder, op.getLoc(), scale, to.stage,
                                  tileRow * to.pitch + tileBlock, mine);
      });
  return success();
}
