// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Index arithmetic that reads like the formula it is.
#ifndef NYBL_COMPILER_CONVERSION_INDEX_H
#define NYBL_COMPILER_CONVERSION_INDEX_H

#include "mlir/IR/Builders.h"

namespace nybl::compiler {

class Index;
Index operator+(Index a, Index b);
Index operator*(Index a, Index b);
Index operator+(Index a, int64_t b);
Index operator*(Index a, int64_t b);
Index operator/(Index a, int64_t b);
Index operator%(Index a, int64_t b);
Index operator-(Index a, Index b);
Index operator/(Index a, Index b);
Index operator%(Index a, Index b);
Index min(Index a, int64_t b);
Index operator^(Index a, Index b);
mlir::Value operator<(Index a, Index b);
mlir::Value operator<(Index a, int64_t b);

/// Arithmetic on i32 or i64 values, written as formulas. Operators take numbers
/// or indices of the same width; values are non-negative, so / % and min are
/// unsigned, and - takes what is at most as large.
class Index {
public:
  Index(mlir::OpBuilder &builder, mlir::Value value)
      : builder(&builder), current(value) {}
  mlir::Value value() const { return current; }
  operator mlir::Value() const { return current; }
  Index extend() const; ///< i32 -> i64

  friend Index operator+(Index a, Index b);
  friend Index operator*(Index a, Index b);
  friend Index operator+(Index a, int64_t b);
  friend Index operator*(Index a, int64_t b);
  friend Index operator/(Index a, int64_t b);
  friend Index operator%(Index a, int64_t b);
  friend Index operator-(Index a, Index b);
  friend Index operator/(Index a, Index b);
  friend Index operator%(Index a, Index b);
  friend Index min(Index a, int64_t b);
  friend Index operator^(Index a, Index b);
  /// i1: a < b
  friend mlir::Value operator<(Index a, Index b);
  friend mlir::Value operator<(Index a, int64_t b);

private:
  Index constant(int64_t number) const;
  mlir::OpBuilder *builder;
  mlir::Value current;
};

} // namespace nybl::compiler

#endif // NYBL_COMPILER_CONVERSION_INDEX_H
