// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels that make block-scaled tensors: each thread does whole blocks, from
// registers, in one pass.
#ifndef NYBL_COMPILER_CONVERSION_TILEQUANTIZE_H
#define NYBL_COMPILER_CONVERSION_TILEQUANTIZE_H

#include "compiler/Conversion/TileEmitter.h"

namespace nybl::compiler {

class TileQuantize : public TileEmitter {
public:
  using TileEmitter::TileEmitter;

private:
  /// One block of a row that this thread does, of the operands.
  struct Place {
    Index row, block;
  };

  mlir::LogicalResult convertTile(tile::ForeachTileOp op) override;
  mlir::FailureOr<mlir::ValueRange>
  convertSteps(tile::AccumulateOp op, int64_t steps,
               const Fragments &inits) override;
  mlir::LogicalResult convert(mlir::Operation &op);
  mlir::LogicalResult convertLoad(tile::LoadElementsOp op);
  mlir::LogicalResult convertSiluMul(tile::SiluMulOp op);
  mlir::LogicalResult convertAmax(tile::AmaxOp op);
  mlir::LogicalResult convertQuantize(tile::QuantizeOp op);
  mlir::LogicalResult convertStoreCodes(tile::StoreCodesOp op);
  mlir::LogicalResult convertStoreScales(tile::StoreScalesOp op);

  mlir::LogicalResult checkTile(mlir::Operation *op,
                                llvm::ArrayRef<mlir::Attribute> sizes);
  /// The blocks of the tile at (row, column) that this thread does.
  llvm::SmallVector<Place> placesAt(mlir::Value row, mlir::Value column);
  /// What is not real of the tensor of scale factors, in a row or in rows.
  void clearPadding(tile::StoreScalesOp op, const Place &place, bool rows);

  /// By place: the 16 elements of a loaded tile; its codes, one value, or its
  /// scale factor.
  llvm::DenseMap<mlir::Value, llvm::SmallVector<Fragments>> blocks;
  llvm::DenseMap<mlir::Value, mlir::Type> elementsOf; ///< of a loaded tile
  llvm::DenseMap<mlir::Value, mlir::Value> maximaOf;  ///< amax -> its tile
};

} // namespace nybl::compiler

#endif // NYBL_COMPILER_CONVERSION_TILEQUANTIZE_H
