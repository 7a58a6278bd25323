// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Emptiness questions: is there a thread, a tile, a K step and an M that
// satisfy some inequalities? Answered by MLIR's Presburger library.
#ifndef NYBL_COMPILER_LEGALITY_QUERY_H
#define NYBL_COMPILER_LEGALITY_QUERY_H

#include "compiler/Legality/Slice.h"
#include <string>

namespace nybl::compiler {

/// Values of the leaves that satisfy a query, in the slicer's order.
using Sample = llvm::SmallVector<int64_t>;

class Query {
public:
  explicit Query(const Slicer &slicer) : slicer(slicer) {}

  /// Adds expr >= 0.
  void require(mlir::AffineExpr nonNegative);
  void require(const LessThan &less) { require(less.large - less.small - 1); }

  enum class Answer { Empty, Inhabited, TooLarge };
  /// The library cannot be interrupted, so a query of more than `maxVariables`
  /// variables is not asked: TooLarge.
  Answer solve(Sample *sample = nullptr) const;

  static constexpr unsigned maxVariables = 40;

private:
  const Slicer &slicer;
  llvm::SmallVector<mlir::AffineExpr> constraints;
};

/// True if the leaves' values lie in their ranges and satisfy all conjuncts.
bool satisfies(const Slicer &slicer, llvm::ArrayRef<LessThan> conjuncts,
               llvm::ArrayRef<int64_t> point);

/// The value of an expression at a point.
int64_t evaluate(mlir::AffineExpr expr, llvm::ArrayRef<int64_t> point);

/// "M = 5, tile = 0, thread = 7"
std::string describe(const Slicer &slicer, llvm::ArrayRef<int64_t> sample);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_LEGALITY_QUERY_H
