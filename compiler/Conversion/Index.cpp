// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Formulas to ops of arith.

#include "compiler/Conversion/Index.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

Index Index::constant(int64_t number) const {
  return Index(*builder, arith::ConstantOp::create(
                             *builder, current.getLoc(),
                             IntegerAttr::get(current.getType(), number)));
}

Index Index::extend() const {
  return Index(*builder,
               arith::ExtUIOp::create(*builder, current.getLoc(),
                                      builder->getI64Type(), current));
}

template <typename Op>
static Value emit(OpBuilder &builder, Value a, Value b) {
  return Op::create(builder, a.getLoc(), a, b);
}

Index compiler::operator+(Index a, Index b) {
  return Index(*a.builder, emit<arith::AddIOp>(*a.builder, a, b));
}
Index compiler::operator*(Index a, Index b) {
  return Index(*a.builder, emit<arith::MulIOp>(*a.builder, a, b));
}
Index compiler::operator+(Index a, int64_t b) {
  return b == 0 ? a : a + a.constant(b);
}
Index compiler::operator*(Index a, int64_t b) {
  return b == 1 ? a : a * a.constant(b);
}
Index compiler::operator/(Index a, int64_t b) {
  return b == 1 ? a
                : Index(*a.builder,
                        emit<arith::DivUIOp>(*a.builder, a, a.constant(b)));
}
Index compiler::operator%(Index a, int64_t b) {
  return Index(*a.builder, emit<arith::RemUIOp>(*a.builder, a, a.constant(b)));
}
Index compiler::operator-(Index a, Index b) {
  return Index(*a.builder, emit<arith::SubIOp>(*a.builder, a, b));
}
Index compiler::operator/(Index a, Index b) {
  return Index(*a.builder, emit<arith::DivUIOp>(*a.builder, a, b));
}
Index compiler::operator%(Index a, Index b) {
  return Index(*a.builder, emit<arith::RemUIOp>(*a.builder, a, b));
}
Index compiler::min(Index a, int64_t b) {
  return Index(*a.builder, emit<arith::MinUIOp>(*a.builder, a, a.constant(b)));
}
Index compiler::operator^(Index a, Index b) {
  return {*a.builder,
          arith::XOrIOp::create(*a.builder, a.builder->getUnknownLoc(), a, b)};
}
Value compiler::operator<(Index a, Index b) {
  return arith::CmpIOp::create(*a.builder, a.current.getLoc(),
                               arith::CmpIPredicate::ult, a, b);
}
Value compiler::operator<(Index a, int64_t b) { return a < a.constant(b); }
