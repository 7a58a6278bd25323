// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Who copies what. One thread moves some K blocks of one row at a time. K is a
// multiple of 16, so a block is wholly inside or wholly outside, and outside
// means zero.

#include "compiler/Conversion/TileEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "runtime/Abi/Problem.h"
#include "runtime/Abi/ScaleFormula.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

/// Bytes of e2m1 data in one K block.
static constexpr int64_t blockBytes = kBlock / 2;

RowMap TileEmitter::mapOf(Value scaleTile) const {
  bool ofA = false, ofB = false;
  for (Operation *user : scaleTile.getUsers())
    if (auto dot = dyn_cast<tile::DotScaledOp>(user)) {
      ofA |= dot.getSa() == scaleTile;
      ofB |= dot.getSb() == scaleTile;
    }
  return ofA == ofB ? RowMap() : ofA ? mapA : mapB;
}

bool TileEmitter::isShared(Value tile) const {
  return ctas > 1 && llvm::none_of(tile.getUsers(), [&](Operation *user) {
           auto dot = dyn_cast<tile::DotScaledOp>(user);
           return dot && dot.getSb() == tile;
         });
}

Index TileEmitter::firstRow(Value tile, Value row) {
  Index first = coordinate(row);
  if (!isShared(tile))
    return first;
  return first + *rank * staged.at(tile).rows;
}

/// Rows of data are 16 bytes apart more than they need: the 8 row addresses of
/// an ldmatrix then fall into different banks. (A swizzle does the same.)
/// Scales lie densely, those of rows behind the tile with them: what is copied
/// of these is real or zero as in it, and nothing reads it.
TileEmitter::Staged TileEmitter::stageFor(Value tile, Value ring) {
  if (auto known = staged.find(tile); known != staged.end())
    return known->second;
  bool scales = isa<tile::ScaleTileType>(tile.getType());
  auto sizes = scales ? cast<tile::ScaleTileType>(tile.getType()).getSizes()
                      : cast<tile::TileType>(tile.getType()).getSizes();
  int64_t rows = *tile::constantSize(sizes[0]);
  if (isShared(tile))
    rows /= ctas;
  if (scales)
    rows = llvm::alignTo(rows, scaleRows);
  int64_t blocks = *tile::constantSize(sizes[1]) / kBlock;
  bool swizzled = bool(tensorMapOf(tile));
  int64_t pitch = scales     ? blocks
                  : swizzled ? blocks * blockBytes
                             : blocks * blockBytes + 16;
  ScaleMap map{rows, blocks, 0};
  if (int64_t words = scales ? mapOf(tile).words : 0;
      words && rows % (RowMap::groupRows * words) == 0)
    map.words = words;
  MLIRContext *context = kernel.getContext();
  Type type = scales ? Type(cta::ScaleStageType::get(context, rows * pitch))
                     : Type(cta::StageType::get(context, rows * pitch));
  Value stage = cta::AllocOp::create(frameBuilder, location, type, ring,
                                     /*offset=*/nullptr);
  return staged[tile] = {stage, rows, pitch, map, swizzled};
}

Value TileEmitter::tensorMapOf(Value tile) {
  auto load = tile.getDefiningOp<tile::LoadOp>();
  return load ? Value(argument(load.getMatrix(), ".map")) : Value();
}

Value TileEmitter::both(Value a, Value b) {
  if (!a || !b)
    return a ? a : b;
  return arith::AndIOp::create(builder, location, a, b);
}

Value TileEmitter::isInside(Index row, Index block, Value operand) {
  Value isRealRow = isRow(row, operand);
  Value isRealBlock = isBlock(block, operand);
  return both(isRealRow, isRealBlock);
}

Value TileEmitter::isInside(Index row, Index block, int64_t rows,
                            int64_t blocks) {
  Value isRealRow = row < rowsOf(rows);
  Value isRealBlock = block < blocks;
  return both(isRealRow, isRealBlock);
}

void TileEmitter::forEachMove(int64_t rows, int64_t blocks, Value row,
                              Value column, llvm::function_ref<void(Move)> emit,
                              const ScaleMap *stage) {
  int64_t movesPerRow = tileK / kBlock / blocks;
  int64_t moves = rows * movesPerRow;
  Index firstBlock = index(column) / kBlock;
  for (int64_t done = 0; done < moves; done += threads) {
    Index move = *thread + done;
    Value mine = moves - done < threads ? move < moves : Value();
    auto [tileRow, tileBlock] =
        stage ? stage->rowAndBlockOf(move)
              : std::pair(move / movesPerRow, move % movesPerRow * blocks);
    emit({tileRow, tileBlock, index(row) + tileRow, firstBlock + tileBlock,
          mine});
  }
}

LogicalResult TileEmitter::checkLoad(Operation *op, ArrayRef<Attribute> tile,
                                     Value column) {
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
  auto load = dyn_cast<tile::LoadOp>(op);
  if (load && sourceOf(load.getMatrix()) == "d")
    return op->emitOpError("reads 'd', the output: expected an input of the "
                           "problem");
  return success();
}

Index TileEmitter::dataOffset(tile::LoadOp op, const Move &move) {
  Index stride = index(argument(op.getMatrix(), ".stride"));
  return move.row.extend() * stride + move.block.extend() * blockBytes;
}

FailureOr<Index> TileEmitter::scaleOffset(tile::LoadScalesOp op, Index row,
                                          Index block) {
  auto type = cast<cta::ScalesType>(argument(op.getScales()).getType());
  Expected<ScaleLayout> layout = parseScaleLayout(type.getLayout().getValue());
  if (!layout)
    return op.emitOpError(layout.message());
  if (!type.hasFreeBlocks())
    return scaleByteOffset<Index>(*layout, type.getBlocks(), row,
                                  block.extend());
  Index stride = index(argument(op.getScales(), ".tile_stride"));
  Index tileRow =
      scaleTileRows(*layout) == 1 ? row : row / scaleTileRows(*layout);
  Index first = tileRow * stride;
  return first + scaleByteInTileRow<Index>(*layout, row, block.extend());
}

/// Where moves of a thread are whole rows apart, and rows follow one another,
/// these are added to the first one when it is wide already: addresses then
/// differ by numbers, and need one register.
LogicalResult TileEmitter::copyScales(tile::LoadScalesOp op, const Staged &to,
                                      Value when) {
  Value base = argument(op.getScales());
  auto type = cast<cta::ScalesType>(base.getType());
  int64_t perRow = tileK / kBlock, skipped = 0;
  bool apart =
      threads % perRow == 0 &&
      type.getLayout().getValue() == StringRef(name(ScaleLayout::Linear));
  LogicalResult result = success();
  Index tileRow = firstRow(op, op.getRow());
  forEachMove(to.rows, 1, tileRow, coordinate(op.getColumn()), [&](Move move) {
    Value mine = both(move.mine, when);
    Value inside = both(isInside(move.row, move.block, base), mine);
    Index row = move.row.extend();
    if (apart) {
      Index first = tileRow + *thread / perRow;
      row = first.extend() + skipped;
    }
    skipped += threads / perRow;
    FailureOr<Index> offset = scaleOffset(op, row, move.block);
    result = LogicalResult(offset);
    if (failed(offset))
      return;
    Value scale =
        cta::LoadScaleOp::create(builder, op.getLoc(), base, *offset, inside);
    cta::StoreScaleOp::create(builder, op.getLoc(), scale, to.stage, iteration,
                              to.scales.byteOf(move.tileRow, move.tileBlock),
                              mine);
  });
  return result;
}
