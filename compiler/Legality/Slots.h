// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What multiplies multiply, and where in the output it belongs: for each
// accumulator the row of A and the row of B it is made of, and the K blocks it
// has met.
#ifndef NYBL_COMPILER_LEGALITY_SLOTS_H
#define NYBL_COMPILER_LEGALITY_SLOTS_H

#include "compiler/Legality/Slice.h"
#include <map>

namespace nybl::compiler {

struct Proof;

/// The rows of an operand that one side of a multiply takes, for each warp: 16
/// as rows, which PTX calls A, or 8 as columns, B. Either side may take either
/// operand of the problem. In tensor memory a multiply is the whole group's.
struct SlotRows {
  mlir::BlockArgument operand;
  mlir::AffineExpr base;
  std::vector<int64_t> rows; ///< base + rows[warp * 16 + r], or * 8 of columns;
                             ///< in tensor memory base + rows[r]
};

/// Of a multiply: both sides, and the bytes of K it takes from each: 32 from
/// columnBase + column on.
struct Slots {
  SlotRows a, b;
  mlir::AffineExpr columnBase;
  int64_t column = 0;
  mlir::Value tensor{}; ///< columns of its accumulators; null: in registers

  /// Which of base + ... of each side register `element` of a thread is of: in
  /// tensor memory a thread has one row, and a register for each column.
  int64_t rowOf(int64_t thread, unsigned element) const;
  int64_t columnOf(int64_t thread, unsigned element) const;
};

/// Bytes of e2m1 that a multiply takes from each row.
inline constexpr int64_t multiplyBytes = 32;

/// L2 of one multiply: both sides take the same bytes of K, and each scale
/// factor is that of the data it scales. Fails with a diagnostic.
mlir::FailureOr<Slots> slotsOf(cta::MmaOp mma, Proof &proof);

/// Of a value that is stored: register `element` of multiplies of these rows.
struct Origin {
  const Slots *slots = nullptr; ///< null: it is made of no multiply
  unsigned element = 0;
};

/// Follows values back to multiplies.
class Accumulators {
public:
  explicit Accumulators(Proof &proof) : proof(proof) {}

  /// All multiplies of the kernel; then origins can be asked for.
  mlir::LogicalResult collect();
  /// What a stored value is made of: multiplies that all have the same rows,
  /// each sum of them over each K block once.
  mlir::FailureOr<Origin> originOf(mlir::Value stored);
  size_t multiplies() const { return slots.size(); }

private:
  /// Multiplies in a row that add to one register.
  struct Chain {
    mlir::Value start; ///< an argument of a loop, or null: zero
    Origin origin;
    /// Columns and the steps they are walked in, allSteps where K is free. Of a
    /// sum over parts too, each with the part's number in its place.
    llvm::SmallVector<std::pair<mlir::AffineExpr, int64_t>> columns;
  };
  mlir::FailureOr<Chain> chainOf(mlir::Value value);
  mlir::FailureOr<Chain> chainNew(mlir::Value value);
  mlir::FailureOr<Chain> chainOfLoop(mlir::OpResult result);
  mlir::FailureOr<Chain> chainOfParts(mlir::BlockArgument sum);
  mlir::FailureOr<Chain> chainOfLoad(mlir::OpResult loaded);
  mlir::FailureOr<Chain> append(mlir::Operation *mma, mlir::Value accumulator,
                                unsigned element);
  mlir::LogicalResult join(Origin &into, Origin from, mlir::Operation *at);
  mlir::LogicalResult proveWhole(const Chain &chain, mlir::Operation *at);
  mlir::LogicalResult proveWholeOfAny(const Chain &chain, mlir::Operation *at);
  mlir::FailureOr<std::pair<int64_t, int64_t>> walkOf(mlir::AffineExpr column,
                                                      mlir::Operation *at);
  static constexpr int64_t allSteps = -1;
  bool sameRows(const SlotRows &a, const SlotRows &b) const;
  bool sameSlots(const Slots &a, const Slots &b) const;

  Proof &proof;
  std::map<mlir::Operation *, Slots> slots;
  llvm::DenseMap<mlir::Value, Chain> chains;
  llvm::DenseMap<mlir::Value, Origin> origins;
  /// Columns that were found to be whole.
  std::vector<llvm::SmallVector<std::pair<mlir::AffineExpr, int64_t>>> whole;
};

} // namespace nybl::compiler

#endif // NYBL_COMPILER_LEGALITY_SLOTS_H
