// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Slices and small values.

#include "tests/Mutation/Edit.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::mutation;

Value Edit::constant(Type type, int64_t value) {
  return arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, value));
}

Value Edit::plus(Value value, int64_t n) {
  return arith::AddIOp::create(b, loc, value, constant(value.getType(), n));
}

Value Edit::times(Value value, int64_t n) {
  return arith::MulIOp::create(b, loc, value, constant(value.getType(), n));
}

Value Edit::less(Value small, Value large) {
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, small, large);
}

Value Edit::both(Value x, Value y) {
  return arith::AndIOp::create(b, loc, x, y);
}

Value Edit::narrow(Value value, unsigned bits) {
  Value small = arith::TruncIOp::create(b, loc, b.getIntegerType(bits), value);
  return arith::ExtUIOp::create(b, loc, value.getType(), small);
}

static bool isArith(Operation *op) {
  return op && isa<arith::ArithDialect>(op->getDialect());
}

Value Edit::copySlice(Value value, IRMapping &map) {
  if (Value known = map.lookupOrNull(value))
    return known;
  Operation *op = value.getDefiningOp();
  if (!isArith(op))
    return value;
  bool changed = false;
  for (Value operand : op->getOperands()) {
    Value copied = copySlice(operand, map);
    changed |= copied != operand;
  }
  if (!changed) {
    map.map(value, value);
    return value;
  }
  return b.clone(*op, map)->getResult(0);
}

static void gather(Value value, llvm::SetVector<Operation *> &found) {
  Operation *op = value.getDefiningOp();
  if (!isArith(op) || found.contains(op))
    return;
  for (Value operand : op->getOperands())
    gather(operand, found);
  found.insert(op);
}

SmallVector<Operation *> nybl::mutation::sliceOf(Value value) {
  llvm::SetVector<Operation *> found;
  gather(value, found);
  return llvm::to_vector(found);
}

bool nybl::mutation::dependsOn(Value value, Value of) {
  return value == of || llvm::any_of(sliceOf(value), [&](Operation *op) {
           return llvm::is_contained(op->getOperands(), of);
         });
}

std::optional<int64_t> nybl::mutation::constantOf(Value value) {
  IntegerAttr number;
  auto constant = value.getDefiningOp<arith::ConstantOp>();
  if (constant)
    number = dyn_cast<IntegerAttr>(constant.getValue());
  return number ? std::optional(number.getInt()) : std::nullopt;
}

OpOperand *nybl::mutation::offsetOf(cta::GlobalAccess access) {
  for (OpOperand &operand : access->getOpOperands())
    if (access.getByteOffset() && operand.get() == access.getByteOffset())
      return &operand;
  return nullptr;
}

SmallVector<OpOperand *> nybl::mutation::guardsOf(cta::GlobalAccess access) {
  SmallVector<OpOperand *> guards;
  for (OpOperand &operand : access->getOpOperands())
    if (operand.get().getType().isInteger(1))
      guards.push_back(&operand);
  return guards;
}

std::optional<Masks> nybl::mutation::masksOf(Value guard) {
  auto both = guard.getDefiningOp<arith::AndIOp>();
  if (!both)
    return std::nullopt;
  auto rows = both.getLhs().getDefiningOp<arith::CmpIOp>();
  auto blocks = both.getRhs().getDefiningOp<arith::CmpIOp>();
  if (!rows || !blocks)
    return std::nullopt;
  return Masks{rows, blocks};
}
