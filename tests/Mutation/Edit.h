// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What mutation operators are made of: values beside an op, slices of address
// arithmetic, copies of a slice in which something is another.
#ifndef NYBL_TESTS_MUTATION_EDIT_H
#define NYBL_TESTS_MUTATION_EDIT_H

#include "dialects/Cta/CtaOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

namespace nybl::mutation {

/// Makes values right before an op.
class Edit {
public:
  explicit Edit(mlir::Operation *op) : b(op), loc(op->getLoc()) {}

  mlir::Value constant(mlir::Type type, int64_t value);
  mlir::Value truth(bool value) { return constant(b.getI1Type(), value); }
  /// value + n and value * n, wrapping.
  mlir::Value plus(mlir::Value value, int64_t n);
  mlir::Value times(mlir::Value value, int64_t n);
  mlir::Value less(mlir::Value small, mlir::Value large);
  mlir::Value both(mlir::Value x, mlir::Value y);
  /// The arithmetic that makes `value`, once more, with the values of `map` in
  /// the place of others. What does not depend on them is not copied.
  mlir::Value copySlice(mlir::Value value, mlir::IRMapping &map);
  /// Through `bits` bits and back.
  mlir::Value narrow(mlir::Value value, unsigned bits);

  mlir::OpBuilder b;
  mlir::Location loc;
};

template <typename Op>
llvm::SmallVector<Op> all(cta::KernelOp kernel) {
  llvm::SmallVector<Op> found;
  kernel.walk([&](Op op) { found.push_back(op); });
  return found;
}

/// The arith ops that `value` is made of, those of its operands first.
llvm::SmallVector<mlir::Operation *> sliceOf(mlir::Value value);
/// Whether `value` is made of `of`.
bool dependsOn(mlir::Value value, mlir::Value of);

std::optional<int64_t> constantOf(mlir::Value value);

/// The operand that holds the byte offset; those that are guards.
mlir::OpOperand *offsetOf(cta::GlobalAccess access);
llvm::SmallVector<mlir::OpOperand *> guardsOf(cta::GlobalAccess access);

/// A guard's comparisons, row and block: (row < rows) and (block < blocks).
struct Masks {
  mlir::arith::CmpIOp rows, blocks;
};
std::optional<Masks> masksOf(mlir::Value guard);

} // namespace nybl::mutation

#endif // NYBL_TESTS_MUTATION_EDIT_H
