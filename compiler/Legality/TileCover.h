// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whether the tiles of a kernel cover its output, each element once.
#ifndef NYBL_COMPILER_LEGALITY_TILECOVER_H
#define NYBL_COMPILER_LEGALITY_TILECOVER_H

#include "compiler/Legality/Slice.h"

namespace nybl::compiler {

struct Proof;

/// Rows rowBase .. + rows - 1 and columns columnBase .. + columns - 1 of an
/// output, as expressions over the index of a tile, or over its row and column.
struct TileRectangle {
  mlir::AffineExpr rowBase, columnBase;
  int64_t rows, columns;
};

/// Of the tile range around a store, for all M (part of L4). Fails with a
/// diagnostic: an element in no tile or in two, with the smallest M that has
/// one, or "not proven".
mlir::LogicalResult proveTiles(cta::GlobalAccess store,
                               const TileRectangle &tile, int64_t elementBytes,
                               Proof &proof);

/// The same of an output of `rows` x `columns` elements, or blocks.
mlir::LogicalResult proveTiles(cta::TileRangeOp range, llvm::StringRef operand,
                               mlir::AffineExpr rows, mlir::AffineExpr columns,
                               const TileRectangle &tile, Proof &proof);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_LEGALITY_TILECOVER_H
