// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A thread's blocks are `threads` apart in the tile.

#include "compiler/Conversion/TileBlocks.h"
#include "runtime/Abi/Problem.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

/// Blocks that a thread does one after the other, unrolled.
static constexpr int64_t maxPlaces = 16;

FailureOr<ValueRange> TileBlocks::convertSteps(tile::AccumulateOp op, int64_t,
                                               const Fragments &) {
  return op.emitOpError("has no place in a kernel of whole blocks");
}

LogicalResult TileBlocks::convertTile(tile::ForeachTileOp op) {
  placeAllThreads();
  for (Operation &inner : op.getBody().front())
    if (failed(convert(inner)))
      return failure();
  return success();
}

LogicalResult TileBlocks::checkTile(Operation *op, ArrayRef<Attribute> sizes) {
  int64_t tileBlocks = tileM * (tileN / kBlock);
  if (tileN % kBlock != 0 || tileBlocks % threads != 0 ||
      tileBlocks / threads > maxPlaces)
    return op->emitOpError("expected a schedule whose tile has 1 to ")
           << maxPlaces << " blocks of " << kBlock << " columns for each of "
           << threads << " threads, got " << tileM << " x " << tileN;
  if (tile::constantSize(sizes[0]) == tileM &&
      tile::constantSize(sizes[1]) == tileN)
    return success();
  return op->emitOpError("expected a tile of the schedule's, ")
         << tileM << " x " << tileN;
}

SmallVector<TileBlocks::Place> TileBlocks::placesAt(Value row, Value column) {
  int64_t blocksPerRow = tileN / kBlock;
  Index firstBlock = coordinate(column) / kBlock;
  SmallVector<Place> places;
  for (int64_t done = 0; done < tileM * blocksPerRow; done += threads) {
    Index number = *thread + done;
    Index rowOfPlace = coordinate(row) + number / blocksPerRow;
    Index blockOfPlace = firstBlock + number % blocksPerRow;
    places.push_back({rowOfPlace, blockOfPlace});
  }
  return places;
}
