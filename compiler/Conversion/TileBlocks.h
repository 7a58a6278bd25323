// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels whose threads do whole blocks of a row, in registers: how the blocks
// of a tile are given out.
#ifndef NYBL_COMPILER_CONVERSION_TILEBLOCKS_H
#define NYBL_COMPILER_CONVERSION_TILEBLOCKS_H

#include "compiler/Conversion/TileEmitter.h"

namespace nybl::compiler {

class TileBlocks : public TileEmitter {
public:
  using TileEmitter::TileEmitter;

protected:
  /// One block of a row that this thread does, of the operands.
  struct Place {
    Index row, block;
  };

  /// One op in a tile.
  virtual mlir::LogicalResult convert(mlir::Operation &op) = 0;
  mlir::LogicalResult convertTile(tile::ForeachTileOp op) override;
  mlir::FailureOr<mlir::ValueRange>
  convertSteps(tile::AccumulateOp op, int64_t steps,
               const Fragments &inits) override;
  int64_t elementsOfThread() const override { return tileM * tileN / threads; }

  mlir::LogicalResult checkTile(mlir::Operation *op,
                                llvm::ArrayRef<mlir::Attribute> sizes);
  /// The blocks of the tile at (row, column) that this thread does. Neighbours
  /// among threads touch neighbours in memory.
  llvm::SmallVector<Place> placesAt(mlir::Value row, mlir::Value column);
};

} // namespace nybl::compiler

#endif // NYBL_COMPILER_CONVERSION_TILEBLOCKS_H
