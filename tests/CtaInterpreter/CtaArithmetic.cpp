// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// arith: integers in the width of their type, floats by what they are made of.

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "tests/CtaInterpreter/CtaMachine.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::enumeration;

static uint64_t cut(uint64_t value, unsigned width) {
  return width >= 64 ? value : value & llvm::maskTrailingOnes<uint64_t>(width);
}

/// What two floats make: constants add nothing to what is known.
static Sum merge(const Sum &a, const Sum &b) {
  if (a == Sum() || a == b)
    return b;
  if (b == Sum())
    return a;
  Sum both = a;
  both.mixed = true;
  return both;
}

Status CtaMachine::executeArith(Operation &op) {
  Value result = op.getResult(0);
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    if (auto number = dyn_cast<IntegerAttr>(constant.getValue()))
      numbers(result).assign(threads, number.getValue().getZExtValue());
    else
      sums(result).assign(threads, Sum());
    return Status::ok();
  }
  if (isa<arith::SelectOp>(op))
    return executeSelect(op);
  if (isa<FloatType>(result.getType()))
    return executeFloat(op), Status::ok();
  if (isa<arith::CmpFOp>(op)) // only a tile.map has it, for a select
    return numbers(result).assign(threads, 0), Status::ok();
  return executeInteger(op);
}

void CtaMachine::executeFloat(Operation &op) {
  std::vector<Sum> made(threads);
  for (Value operand : op.getOperands())
    if (isa<FloatType>(operand.getType()))
      for (int thread = 0; thread < threads; ++thread)
        made[thread] = merge(made[thread], sums(operand)[thread]);
  sums(op.getResult(0)) = std::move(made);
}

Status CtaMachine::executeSelect(Operation &op) {
  auto select = cast<arith::SelectOp>(op);
  if (isa<FloatType>(select.getType()))
    return executeFloat(op), Status::ok();
  for (Value operand : op.getOperands())
    if (!isComputed(&op, operand))
      return numbers(select).assign(threads, 0), Status::ok();
  auto &result = numbers(select);
  for (int thread = 0; thread < threads; ++thread)
    result[thread] = numbers(select.getCondition())[thread]
                         ? numbers(select.getTrueValue())[thread]
                         : numbers(select.getFalseValue())[thread];
  return Status::ok();
}

namespace {

/// What an op on integers depends on besides its operands.
struct Form {
  unsigned in, out; ///< widths of operands and result
  arith::CmpIPredicate predicate = arith::CmpIPredicate::eq;

  uint64_t largest() const { return cut(~uint64_t(0), out); }
};

/// A result in 64 bits, not yet cut. `fits` becomes false where that loses
/// something; `defined` where the op has no result.
struct Result {
  uint64_t value;
  bool fits = true, defined = true;
};
using Operator = Result (*)(uint64_t a, uint64_t b, const Form &form);

Result compare(uint64_t a, uint64_t b, const Form &form) {
  int64_t x = llvm::SignExtend64(a, form.in),
          y = llvm::SignExtend64(b, form.in);
  switch (form.predicate) {
  case arith::CmpIPredicate::eq:
    return {a == b};
  case arith::CmpIPredicate::ne:
    return {a != b};
  case arith::CmpIPredicate::ult:
    return {a < b};
  case arith::CmpIPredicate::ule:
    return {a <= b};
  case arith::CmpIPredicate::ugt:
    return {a > b};
  case arith::CmpIPredicate::uge:
    return {a >= b};
  case arith::CmpIPredicate::slt:
    return {x < y};
  case arith::CmpIPredicate::sle:
    return {x <= y};
  case arith::CmpIPredicate::sgt:
    return {x > y};
  case arith::CmpIPredicate::sge:
    return {x >= y};
  }
  return {0, true, false};
}

Result add(uint64_t a, uint64_t b, const Form &form) {
  return {a + b, b <= form.largest() - a};
}
Result subtract(uint64_t a, uint64_t b, const Form &) {
  return {a - b, b <= a};
}
Result multiply(uint64_t a, uint64_t b, const Form &form) {
  return {a * b, a == 0 || b <= form.largest() / a};
}
Result divide(uint64_t a, uint64_t b, const Form &) {
  return {b ? a / b : 0, true, b != 0};
}
Result remainder(uint64_t a, uint64_t b, const Form &) {
  return {b ? a % b : 0, true, b != 0};
}
Result both(uint64_t a, uint64_t b, const Form &) { return {a & b}; }
Result either(uint64_t a, uint64_t b, const Form &) { return {a | b}; }
Result differ(uint64_t a, uint64_t b, const Form &) { return {a ^ b}; }
Result shiftLeft(uint64_t a, uint64_t b, const Form &form) {
  bool defined = b < form.out;
  return {defined ? a << b : 0, !defined || a <= form.largest() >> b, defined};
}
Result shiftRight(uint64_t a, uint64_t b, const Form &form) {
  return {b < form.out ? a >> b : 0, true, b < form.out};
}
Result resize(uint64_t a, uint64_t, const Form &form) {
  return {a, a <= form.largest()};
}
Result extendSigned(uint64_t a, uint64_t, const Form &form) {
  return {static_cast<uint64_t>(llvm::SignExtend64(a, form.in))};
}

Operator operatorOf(Operation &op) {
  return TypeSwitch<Operation *, Operator>(&op)
      .Case([](arith::AddIOp) { return add; })
      .Case([](arith::SubIOp) { return subtract; })
      .Case([](arith::MulIOp) { return multiply; })
      .Case([](arith::DivUIOp) { return divide; })
      .Case([](arith::RemUIOp) { return remainder; })
      .Case([](arith::AndIOp) { return both; })
      .Case([](arith::OrIOp) { return either; })
      .Case([](arith::XOrIOp) { return differ; })
      .Case([](arith::ShLIOp) { return shiftLeft; })
      .Case([](arith::ShRUIOp) { return shiftRight; })
      .Case([](arith::ExtUIOp) { return resize; })
      .Case([](arith::ExtSIOp) { return extendSigned; })
      .Case([](arith::TruncIOp) { return resize; })
      .Case([](arith::CmpIOp) { return compare; })
      .Default([](Operation *) { return nullptr; });
}

} // namespace

Status CtaMachine::executeInteger(Operation &op) {
  Operator apply = operatorOf(op);
  if (!apply)
    return unknownOp(op);
  Form form{op.getOperand(0).getType().getIntOrFloatBitWidth(),
            op.getResult(0).getType().getIntOrFloatBitWidth()};
  if (auto compared = dyn_cast<arith::CmpIOp>(op))
    form.predicate = compared.getPredicate();
  bool computed = llvm::all_of(
      op.getOperands(), [&](Value value) { return isComputed(&op, value); });
  auto &made = numbers(op.getResult(0));
  if (!computed)
    return made.assign(threads, 0), Status::ok();
  const auto &a = numbers(op.getOperand(0));
  const auto &b = numbers(op.getOperands().back());
  bool fits = true, defined = true;
  for (int thread = 0; thread < threads; ++thread) {
    Result result = apply(a[thread], b[thread], form);
    made[thread] = cut(result.value, form.out);
    fits &= result.fits;
    defined &= result.defined;
  }
  if (!fits || !defined)
    observer.fault(&op, "L6",
                   fits ? "has no result" : "leaves the width of its type");
  return Status::ok();
}
