// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels that make elements of a block-scaled tensor: each thread does whole
// blocks, from registers, in one pass.
#ifndef NYBL_COMPILER_CONVERSION_TILEDEQUANTIZE_H
#define NYBL_COMPILER_CONVERSION_TILEDEQUANTIZE_H

#include "compiler/Conversion/TileBlocks.h"

namespace nybl::compiler {

class TileDequantize : public TileBlocks {
public:
  using TileBlocks::TileBlocks;

private:
  mlir::LogicalResult convert(mlir::Operation &op) override;
  mlir::LogicalResult convertLoad(tile::LoadOp op);
  mlir::LogicalResult convertLoadScales(tile::LoadScalesOp op);
  mlir::LogicalResult convertDequantize(tile::DequantizeOp op);
  mlir::LogicalResult convertStore(tile::StoreOp op);

  /// By place, of a loaded tile: the codes of a block, or its scale factor.
  llvm::DenseMap<mlir::Value, Fragments> loaded;
};

} // namespace nybl::compiler

#endif // NYBL_COMPILER_CONVERSION_TILEDEQUANTIZE_H
