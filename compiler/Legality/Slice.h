// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From values of the kernel to expressions the proof can reason about: each
// integer value becomes an affine expression with floordiv and mod by constants
// over a few leaves (thread, tile, K step, M).
#ifndef NYBL_COMPILER_LEGALITY_SLICE_H
#define NYBL_COMPILER_LEGALITY_SLICE_H

#include "dialects/Cta/CtaOps.h"
#include "mlir/IR/AffineExpr.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/DenseMap.h"

namespace nybl::compiler {

/// The largest M of every kernel: 2^24 rows. L6 is proven up to it; launch
/// refuses more (manifest precondition rows_max).
inline constexpr int64_t rowsMax = int64_t(1) << 24;
/// The largest row stride in bytes (precondition stride_max).
inline constexpr int64_t strideMax = (int64_t(1) << 32) - 1;

/// A value all others are made of: 0 <= leaf <= max, where max may depend on
/// leaves before it. Where max is negative the leaf's region never runs.
struct Leaf {
  mlir::Value value;
  std::string name; ///< in the user's words: "M", "thread", "tile", "K step"
  mlir::AffineExpr max;
};

/// value = plain + factor * stride, stride being one of the kernel's arguments
/// (products of two unknowns have no place in Presburger arithmetic, so rows
/// and bytes within a row are kept apart).
struct Offset {
  mlir::AffineExpr plain, factor;
  mlir::Value stride;
};

/// One conjunct of a guard: small < large.
struct LessThan {
  mlir::AffineExpr small, large;
  friend bool operator==(const LessThan &, const LessThan &) = default;
};

/// What is true where an access happens: its guard, and that the regions around
/// it run, each for some value of its leaf.
struct Domain {
  llvm::SmallVector<LessThan> guard;
  llvm::SmallVector<mlir::AffineExpr> around;
};

/// What arithmetic computed and in how many bits: what L6 must bound.
struct Computed {
  mlir::Operation *op;
  Offset value;
  unsigned width;
};

/// An interval; both ends included.
struct Interval {
  __int128 low, high;
};

class Slicer {
public:
  explicit Slicer(cta::KernelOp kernel);

  /// Failure means "outside the fragment": a diagnostic at the op says why.
  mlir::FailureOr<Offset> offset(mlir::Value value);
  mlir::FailureOr<mlir::AffineExpr> index(mlir::Value value);
  mlir::FailureOr<llvm::SmallVector<LessThan>> guard(mlir::Value value);
  /// The domain of an access; `predicate` is its guard, or null.
  mlir::FailureOr<Domain> domain(mlir::Operation *access,
                                 mlir::Value predicate);

  llvm::ArrayRef<Leaf> leaves() const { return leafList; }
  /// Adds the leaves an expression is made of and those that bound them. No
  /// other leaf may constrain a question about it: a loop that never runs, or a
  /// tile of no rows, says nothing about what happens outside.
  void addLeaves(mlir::AffineExpr expr, llvm::BitVector &used) const;
  llvm::ArrayRef<Computed> computed() const { return computedList; }
  mlir::AffineExpr constant(int64_t value);
  /// M, or the number where rows are static.
  mlir::AffineExpr rows(int64_t rows);

  /// Bounds of an expression over the box of all leaves, a region that never
  /// runs taken to run once.
  Interval bounds(mlir::AffineExpr expr) const;
  Interval bounds(const Offset &offset) const;

private:
  mlir::FailureOr<Offset> sliceArgument(mlir::BlockArgument argument);
  mlir::FailureOr<Offset> sliceConstant(mlir::Operation *op,
                                        const llvm::APInt &number);
  mlir::FailureOr<Offset> sliceOp(mlir::Operation *op);
  mlir::FailureOr<Offset> sliceMul(mlir::Operation *op);
  mlir::FailureOr<Offset> sliceDivRem(mlir::Operation *op);
  mlir::AffineExpr makeLeaf(mlir::Value value, llvm::StringRef name,
                            mlir::AffineExpr max);

  cta::KernelOp kernel;
  mlir::MLIRContext *context;
  llvm::SmallVector<Leaf> leafList;
  llvm::SmallVector<Computed> computedList;
  llvm::DenseMap<mlir::Value, Offset> known;
};

} // namespace nybl::compiler

#endif // NYBL_COMPILER_LEGALITY_SLICE_H
