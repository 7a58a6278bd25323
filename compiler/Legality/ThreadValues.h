// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What an expression is for each thread of a CTA: threads are few, so what
// depends on them is tabled rather than reasoned about.
#ifndef NYBL_COMPILER_LEGALITY_THREADVALUES_H
#define NYBL_COMPILER_LEGALITY_THREADVALUES_H

#include "compiler/Legality/Slice.h"

namespace nybl::compiler {

/// expr = base + local, where local is made of the thread and numbers, and base
/// of everything else (tile, K step, M) without a number added.
struct Split {
  mlir::AffineExpr base, local;
};

class ThreadValues {
public:
  explicit ThreadValues(const Slicer &slicer, int64_t threads)
      : slicer(slicer), threads(threads) {}

  /// Nothing where the thread and the rest are mixed in one division.
  std::optional<Split> split(mlir::AffineExpr expr);
  /// The value of a local expression for each thread: as many values as the CTA
  /// has threads, of which those count that do the op (threadsAt()).
  llvm::ArrayRef<int64_t> of(mlir::AffineExpr local);

private:
  std::optional<Split> splitNew(mlir::AffineExpr expr);
  std::optional<Split> splitDivision(mlir::AffineBinaryOpExpr expr);
  std::vector<int64_t> compute(mlir::AffineExpr local);

  const Slicer &slicer;
  int64_t threads;
  llvm::DenseMap<mlir::AffineExpr, std::optional<Split>> splits;
  /// Tables stay where they are: `of` hands them out.
  llvm::DenseMap<mlir::AffineExpr, std::unique_ptr<std::vector<int64_t>>>
      tables;
};

/// True if both are the same for all values of their leaves, as far as sums
/// show; symbols count as leaves.
bool isSame(const Slicer &slicer, mlir::AffineExpr a, mlir::AffineExpr b);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_LEGALITY_THREADVALUES_H
