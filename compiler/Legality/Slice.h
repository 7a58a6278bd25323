// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From values of the kernel to expressions the proof can reason about: each
// integer value becomes an affine expression with floordiv and mod by constants
// over a few leaves (thread, tile, K step, M, and N and K where they are free).
#ifndef NYBL_COMPILER_LEGALITY_SLICE_H
#define NYBL_COMPILER_LEGALITY_SLICE_H

#include "dialects/Cta/CtaOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/AffineExpr.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/DenseMap.h"

namespace nybl::compiler {

/// The largest M of every kernel: 2^24 rows. L6 is proven up to it; launch
/// refuses more (manifest precondition rows_max).
inline constexpr int64_t rowsMax = int64_t(1) << 24;
/// The largest N and K / 16 of a kernel that is made for any (preconditions
/// n_max and k_max).
inline constexpr int64_t columnsMax = int64_t(1) << 18;
inline constexpr int64_t blocksMax = int64_t(1) << 16;
/// The largest row stride in bytes (precondition stride_max).
inline constexpr int64_t strideMax = (int64_t(1) << 32) - 1;

/// In the order in which a counterexample is to be small.
enum class LeafKind {
  Rows,
  Columns,
  Blocks,
  Tile,
  TileColumn,
  Part,
  Rank,
  Step,
  Thread
};

/// A value all others are made of: low <= leaf <= max, where max may depend on
/// leaves before it. Where max is negative the leaf's region never runs.
struct Leaf {
  mlir::Value value;
  LeafKind kind;
  mlir::AffineExpr max;
  __int128 high;   ///< of max, but at least 1: see Slicer::bounds
  int64_t low = 0; ///< 1 of N and K / 16: of none there is no kernel

  /// A size that the launch names.
  bool isSize() const { return kind <= LeafKind::Blocks; }
};

/// value = plain + factor * stride, stride being one of the kernel's arguments,
/// of a matrix or of a row of a scale layout's tiles (products of two unknowns
/// have no place in Presburger arithmetic, so rows and bytes within a row are
/// kept apart).
struct Offset {
  mlir::AffineExpr plain, factor;
  mlir::Value stride;
  unsigned size = 1; ///< operations in it, those in shared parts counted again
};

/// One conjunct of a guard: small < large.
struct LessThan {
  mlir::AffineExpr small, large;
  friend bool operator==(const LessThan &, const LessThan &) = default;
};

/// The threads that do an op: those of the role around it, or all.
int64_t threadsAt(mlir::Operation *op);

/// In the user's words: "M", "N", "K / 16", "tile", "tile column", "part", "CTA
/// of its pair", "K step", "thread".
llvm::StringRef nameOf(LeafKind kind);

/// What is true where an access happens: its guard, and that the regions around
/// it run, each for some value of its leaf.
struct Domain {
  llvm::SmallVector<LessThan> guard;
  llvm::SmallVector<mlir::AffineExpr> around;
};

/// Of an offset; the proof walks expressions as trees, and may take no longer
/// than a template deserves.
inline constexpr unsigned maxSize = 1000;

/// An interval; both ends included.
struct Interval {
  __int128 low, high;
};

/// The largest value of this width that L6 allows: one that is the same number
/// signed and unsigned, with a bit to spare for the proof's own sums.
constexpr __int128 largestOf(unsigned width) {
  return (__int128(1) << (std::min(width, 63u) - 1)) - 1;
}

class Slicer {
public:
  explicit Slicer(cta::KernelOp kernel);

  /// Failure means "outside the fragment", or that a value may not fit its
  /// width (L6): a diagnostic at the op says why. So what comes back is the
  /// value that the kernel computes, and it is not negative.
  mlir::FailureOr<Offset> offset(mlir::Value value);
  mlir::FailureOr<mlir::AffineExpr> index(mlir::Value value);
  mlir::FailureOr<llvm::SmallVector<LessThan>> guard(mlir::Value value);
  /// Where an access happens whose guards are `predicates`.
  mlir::FailureOr<Domain> domain(mlir::Operation *access,
                                 mlir::ValueRange predicates);

  llvm::ArrayRef<Leaf> leaves() const { return leafList; }
  /// What an expression is in one CTA of a pair, of rank 0 or 1.
  mlir::AffineExpr atRank(mlir::AffineExpr expr, int64_t rank);
  /// The leaf an expression is, if it is one.
  const Leaf *leafOf(mlir::AffineExpr expr) const;
  /// Adds the leaves an expression is made of and those that bound them. No
  /// other leaf may constrain a question about it: a loop that never runs, or a
  /// tile of no rows, says nothing about what happens outside.
  void addLeaves(mlir::AffineExpr expr, llvm::BitVector &used) const;
  /// How many values were computed and fit.
  size_t computed() const { return computedCount; }
  mlir::AffineExpr constant(int64_t value);
  // Sizes of an operand: numbers, or what the launch names.
  mlir::AffineExpr rowsOf(mlir::Value operand);
  mlir::AffineExpr rowBytesOf(mlir::Value matrix);
  mlir::AffineExpr blocksOf(mlir::Value scales);
  /// Steps of each K loop whose number follows from K at launch; they are all
  /// as many, 1 at least. Null: the kernel has none that was sliced.
  mlir::AffineExpr freeSteps() const { return freeStepCount; }
  /// Whether a loop is one of those.
  static bool isFree(const Leaf &step) {
    return !mlir::isa<mlir::AffineConstantExpr>(step.max);
  }

  /// Bounds of an expression over the box of all leaves, a region that never
  /// runs taken to run once.
  Interval bounds(mlir::AffineExpr expr) const;
  Interval bounds(const Offset &offset) const;

private:
  /// An offset that has no stride.
  mlir::FailureOr<Offset> unstrided(mlir::Value value);
  mlir::FailureOr<Offset> sliceNew(mlir::Value value);
  mlir::FailureOr<Offset> sliceArgument(mlir::BlockArgument argument);
  mlir::FailureOr<Offset> sliceOfKernel(mlir::BlockArgument argument);
  mlir::FailureOr<Offset> sliceTile(cta::TileRangeOp range,
                                    mlir::BlockArgument argument);
  mlir::FailureOr<Offset> sliceStep(mlir::scf::ForOp loop);
  mlir::FailureOr<mlir::AffineExpr> countOf(mlir::scf::ForOp loop);
  mlir::FailureOr<Offset> sliceConstant(mlir::Operation *op,
                                        const llvm::APInt &number);
  mlir::FailureOr<Offset> sliceOp(mlir::Operation *op);
  mlir::FailureOr<Offset> sliceAdd(mlir::Operation *op);
  mlir::FailureOr<Offset> sliceMul(mlir::Operation *op);
  mlir::FailureOr<Offset> sliceDivRem(mlir::Operation *op);
  mlir::FailureOr<Offset> sliceXor(mlir::Operation *op);
  mlir::LogicalResult fits(mlir::Operation *op, Interval range);
  mlir::AffineExpr makeLeaf(mlir::Value value, LeafKind kind,
                            mlir::AffineExpr max, int64_t low = 0);
  /// What the launch gives as `source`.
  mlir::AffineExpr sizeFrom(llvm::StringRef source);
  mlir::AffineExpr threadLeaf(mlir::Value value, int64_t threads);
  mlir::AffineExpr rankLeaf(mlir::Value value);

  cta::KernelOp kernel;
  mlir::MLIRContext *context;
  llvm::SmallVector<Leaf> leafList;
  size_t computedCount = 0;
  unsigned depth = 0; ///< of the recursion
  mlir::AffineExpr freeStepCount;
  llvm::DenseMap<mlir::Value, Offset> known;
};

} // namespace nybl::compiler

#endif // NYBL_COMPILER_LEGALITY_SLICE_H
