// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One method for each kind of arith op.

#include "tests/TileInterpreter/TileScalars.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "tests/Oracle/Formats.h"

#include <cmath>

using namespace mlir;
using namespace nybl;
using namespace nybl::oracle;

Status nybl::oracle::unknownOp(Operation &op) {
  return Status::invalid("the interpreter does not know '" +
                         op.getName().getStringRef().str() + "'");
}

static std::string textOf(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

/// The op is known, but not on this type.
static Status refusedOn(Operation &op, Type type) {
  return Status::invalid("the interpreter does not know '" +
                         op.getName().getStringRef().str() + "' on " +
                         textOf(type) +
                         ": expected f32 in arithmetic, bf16 and f16 only "
                         "between truncf and extf, i32 in coordinates");
}

static bool isSmallFloat(Type type) {
  return type.isF32() || type.isBF16() || type.isF16();
}

Status TileScalars::execute(Operation &op) {
  if (isa<arith::ConstantOp>(op))
    return executeConstant(op);
  if (isa<arith::CmpFOp>(op))
    return executeCompare(op);
  if (isa<arith::SelectOp>(op))
    return executeSelect(op);
  if (isa<arith::TruncFOp, arith::ExtFOp>(op))
    return executeConversion(op);
  if (isa<arith::AddIOp, arith::SubIOp, arith::MulIOp>(op))
    return executeI32(op);
  if (isa<arith::DivUIOp, arith::RemUIOp>(op))
    return executeDivision(op);
  if (isa<arith::AndIOp, arith::OrIOp, arith::XOrIOp>(op))
    return executeLogic(op);
  return executeF32(op);
}

Status TileScalars::executeConstant(Operation &op) {
  Attribute value = cast<arith::ConstantOp>(op).getValue();
  Type type = op.getResult(0).getType();
  if (auto number = dyn_cast<FloatAttr>(value); number && isSmallFloat(type))
    setFloat(op.getResult(0), static_cast<float>(number.getValueAsDouble()));
  else if (type.isInteger(32))
    setInteger(op.getResult(0), cast<IntegerAttr>(value).getInt());
  else if (type.isInteger(1))
    setInteger(op.getResult(0), cast<IntegerAttr>(value).getValue().isOne());
  else
    return refusedOn(op, type);
  return Status::ok();
}

/// What the predicate says of two numbers, none of them NaN.
static bool ordered(arith::CmpFPredicate predicate, float x, float y) {
  using P = arith::CmpFPredicate;
  switch (predicate) {
  case P::OEQ:
  case P::UEQ:
    return x == y;
  case P::OGT:
  case P::UGT:
    return x > y;
  case P::OGE:
  case P::UGE:
    return x >= y;
  case P::OLT:
  case P::ULT:
    return x < y;
  case P::OLE:
  case P::ULE:
    return x <= y;
  case P::ONE:
  case P::UNE:
    return x != y;
  case P::ORD:
  case P::AlwaysTrue:
    return true;
  case P::UNO:
  case P::AlwaysFalse:
    return false;
  }
  return false;
}

/// What it says where one of them is NaN.
static bool unordered(arith::CmpFPredicate predicate) {
  using P = arith::CmpFPredicate;
  return llvm::is_contained(
      {P::UEQ, P::UGT, P::UGE, P::ULT, P::ULE, P::UNE, P::UNO, P::AlwaysTrue},
      predicate);
}

Status TileScalars::executeCompare(Operation &op) {
  auto compare = cast<arith::CmpFOp>(op);
  if (Type type = compare.getLhs().getType(); !isSmallFloat(type))
    return refusedOn(op, type);
  float x = number(compare.getLhs()), y = number(compare.getRhs());
  arith::CmpFPredicate predicate = compare.getPredicate();
  setInteger(compare, std::isnan(x) || std::isnan(y)
                          ? unordered(predicate)
                          : ordered(predicate, x, y));
  return Status::ok();
}

Status TileScalars::executeSelect(Operation &op) {
  auto select = cast<arith::SelectOp>(op);
  Value chosen = integer(select.getCondition()) ? select.getTrueValue()
                                                : select.getFalseValue();
  if (isSmallFloat(select.getType()))
    setFloat(select, number(chosen));
  else if (select.getType().isInteger(32) || select.getType().isInteger(1))
    setInteger(select, integer(chosen));
  else
    return refusedOn(op, select.getType());
  return Status::ok();
}

/// truncf rounds once; extf changes no value.
Status TileScalars::executeConversion(Operation &op) {
  Type from = op.getOperand(0).getType(), to = op.getResult(0).getType();
  if (!isSmallFloat(from) || !isSmallFloat(to))
    return refusedOn(op, isSmallFloat(to) ? from : to);
  float value = number(op.getOperand(0));
  if (auto truncate = dyn_cast<arith::TruncFOp>(op)) {
    auto mode = truncate.getRoundingmode();
    if (mode && *mode != arith::RoundingMode::to_nearest_even)
      return Status::invalid("the interpreter knows 'arith.truncf' only to "
                             "nearest even, got " +
                             arith::stringifyRoundingMode(*mode).str());
    FloatFormat format = to.isBF16() ? kBf16 : kF16;
    value = static_cast<float>(decodeFloat(format, encodeFloat(format, value)));
  }
  setFloat(op.getResult(0), value);
  return Status::ok();
}

/// The larger one, with -0 < +0. Where one is NaN: NaN, or the other one.
static float maximum(float x, float y, bool nanWins) {
  if (std::isnan(x) || std::isnan(y))
    return nanWins == std::isnan(x) ? x : y;
  return x > y || (x == y && std::signbit(y)) ? x : y;
}

static std::optional<float> compute(Operation &op, float x, float y) {
  if (isa<arith::AddFOp>(op))
    return x + y;
  if (isa<arith::SubFOp>(op))
    return x - y;
  if (isa<arith::MulFOp>(op))
    return x * y;
  if (isa<arith::DivFOp>(op))
    return x / y;
  if (isa<arith::NegFOp>(op))
    return -x;
  if (isa<arith::MaximumFOp, arith::MaxNumFOp>(op))
    return maximum(x, y, isa<arith::MaximumFOp>(op));
  if (isa<arith::MinimumFOp, arith::MinNumFOp>(op))
    return -maximum(-x, -y, isa<arith::MinimumFOp>(op));
  return std::nullopt;
}

Status TileScalars::executeF32(Operation &op) {
  unsigned count = op.getNumOperands();
  float x = count > 0 ? number(op.getOperand(0)) : 0;
  float y = count > 1 ? number(op.getOperand(1)) : 0;
  std::optional<float> value = compute(op, x, y);
  if (!value)
    return unknownOp(op);
  if (Type type = op.getResult(0).getType(); !type.isF32())
    return refusedOn(op, type);
  setFloat(op.getResult(0), *value);
  return Status::ok();
}

/// Wraps as i32 does.
Status TileScalars::executeI32(Operation &op) {
  if (Type type = op.getResult(0).getType(); !type.isInteger(32))
    return refusedOn(op, type);
  int64_t x = integer(op.getOperand(0)), y = integer(op.getOperand(1));
  int64_t value = isa<arith::AddIOp>(op)   ? x + y
                  : isa<arith::SubIOp>(op) ? x - y
                                           : x * y;
  setInteger(op.getResult(0), static_cast<int32_t>(value));
  return Status::ok();
}

/// Unsigned.
Status TileScalars::executeDivision(Operation &op) {
  if (Type type = op.getResult(0).getType(); !type.isInteger(32))
    return refusedOn(op, type);
  auto x = static_cast<uint32_t>(integer(op.getOperand(0)));
  auto y = static_cast<uint32_t>(integer(op.getOperand(1)));
  if (y == 0)
    return Status::invalid("expected a divisor other than 0 of '" +
                           op.getName().getStringRef().str() + "'");
  setInteger(op.getResult(0),
             static_cast<int32_t>(isa<arith::DivUIOp>(op) ? x / y : x % y));
  return Status::ok();
}

Status TileScalars::executeLogic(Operation &op) {
  if (Type type = op.getResult(0).getType(); !type.isInteger(1))
    return refusedOn(op, type);
  bool x = integer(op.getOperand(0)), y = integer(op.getOperand(1));
  bool value = isa<arith::AndIOp>(op)  ? x && y
               : isa<arith::OrIOp>(op) ? x || y
                                       : x != y;
  setInteger(op.getResult(0), value);
  return Status::ok();
}
