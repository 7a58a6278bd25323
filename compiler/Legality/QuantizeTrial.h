// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Small launches of a kernel that quantises, or undoes it, thread by thread:
// what may refute it, and proves nothing.
#ifndef NYBL_COMPILER_LEGALITY_QUANTIZETRIAL_H
#define NYBL_COMPILER_LEGALITY_QUANTIZETRIAL_H

#include "compiler/Legality/Slice.h"
#include "runtime/Abi/ScaleLayout.h"

namespace nybl::compiler {

/// What x, q and sfq have in common.
struct QuantizedOperands {
  ScaleLayout layout = ScaleLayout::Linear;
  mlir::AffineExpr rows; ///< M, or a number
  int64_t blocks = 0, paddedBlocks = 0;
  int64_t elementBytes = 0; ///< of x
};

/// An op that stores one block's codes or scale factor, clears padding, or
/// stores elements that were made of a block.
struct BlockWrite {
  enum Kind { Codes, Factor, ClearBlocks, ClearRows, Elements };

  mlir::Operation *op;
  Kind kind;
  mlir::AffineExpr row, block;
  mlir::AffineExpr byte; ///< of sfq; of a row of q
  llvm::SmallVector<LessThan> guard;
};

/// Whether two guards are the same conjuncts, in any order.
bool isSameGuard(const Slicer &slicer, llvm::ArrayRef<LessThan> a,
                 llvm::ArrayRef<LessThan> b);

/// Fails with the first byte that a launch stores twice, wrongly or never.
mlir::LogicalResult tryOutQuantize(cta::KernelOp kernel, Slicer &slicer,
                                   const QuantizedOperands &operands,
                                   llvm::ArrayRef<BlockWrite> writes);

/// Fails with the first thread that stores a block in another row, or another
/// byte of its row, than it was loaded from: `first` of each is what was
/// loaded, and from which operand.
mlir::LogicalResult
tryOutPlace(Slicer &slicer, const BlockWrite &write,
            std::pair<mlir::AffineExpr, mlir::AffineExpr> rows,
            std::pair<mlir::AffineExpr, mlir::AffineExpr> bytes,
            int64_t elementBytes,
            std::pair<llvm::StringRef, llvm::StringRef> operands);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_LEGALITY_QUANTIZETRIAL_H
