// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels that make block-scaled tensors: each thread does whole blocks, from
// registers, in one pass.
#ifndef NYBL_COMPILER_CONVERSION_TILEQUANTIZE_H
#define NYBL_COMPILER_CONVERSION_TILEQUANTIZE_H

#include "compiler/Conversion/TileBlocks.h"

namespace nybl::compiler {

class TileQuantize : public TileBlocks {
public:
  using TileBlocks::TileBlocks;

private:
  mlir::LogicalResult convert(mlir::Operation &op) override;
  mlir::LogicalResult convertLoad(tile::LoadElementsOp op);
  mlir::LogicalResult convertSiluMul(tile::SiluMulOp op);
  mlir::LogicalResult convertAmax(tile::AmaxOp op);
  mlir::LogicalResult convertQuantize(tile::QuantizeOp op);
  mlir::LogicalResult convertStoreCodes(tile::StoreCodesOp op);
  mlir::LogicalResult convertStoreScales(tile::StoreScalesOp op);

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
