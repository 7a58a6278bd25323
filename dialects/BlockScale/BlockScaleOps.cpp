// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Registration, text and verifiers of BlockScale.

#include "dialects/BlockScale/BlockScaleOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "runtime/Abi/ScaleLayout.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace nybl::block_scale;

static ParseResult parseShape(AsmParser &parser, SmallVector<int64_t> &shape,
                              Type &element) {
  return failure(parser.parseDimensionList(shape) || parser.parseType(element));
}

static void printShape(AsmPrinter &printer, ArrayRef<int64_t> shape,
                       Type element) {
  printer.printDimensionList(shape);
  printer << "x" << element;
}

#include "dialects/BlockScale/BlockScaleDialect.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/BlockScale/BlockScaleTypes.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/BlockScale/BlockScaleOps.cpp.inc"

void BlockScaleDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/BlockScale/BlockScaleTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/BlockScale/BlockScaleOps.cpp.inc"
      >();
}

LogicalResult
ScaledTensorType::verify(function_ref<InFlightDiagnostic()> emitError,
                         ArrayRef<int64_t> shape, Type element, Type scale,
                         int64_t block, StringAttr layout) {
  if (shape.size() != 2)
    return emitError() << "expected rows and columns, got " << shape.size()
                       << " dimensions";
  if (!isa<Float4E2M1FNType>(element) || !isa<Float8E4M3FNType>(scale) ||
      block != 16)
    return emitError() << "expected NVFP4, f4E2M1FN with f8E4M3FN per 16, got "
                       << element << " with " << scale << " per " << block;
  if (!ShapedType::isDynamic(shape[1]) &&
      (shape[1] <= 0 || shape[1] % block != 0))
    return emitError() << "expected a positive multiple of " << block
                       << " columns, or ?";
  if (auto known = nybl::parseScaleLayout(layout.getValue()); !known)
    return emitError() << known.message();
  return success();
}

LogicalResult GemmOp::verify() {
  auto a = getA().getType().getShape(), b = getB().getType().getShape();
  auto d = getD().getType().getShape();
  if (a[1] != b[1])
    return emitOpError("expected a and b to have the same K, got ")
           << a[1] << " and " << b[1];
  if (d.size() != 2 || d[0] != a[0] || d[1] != b[0])
    return emitOpError("expected d to be [rows of a, rows of b], got ")
           << getD().getType();
  if (ShapedType::isDynamic(b[0]) != ShapedType::isDynamic(b[1]))
    return emitOpError("expected N and K to be numbers, or both free");
  return success();
}

/// Of what is quantised, or was, K is a number.
static LogicalResult verifyColumns(Operation *op, ScaledTensorType q) {
  if (!ShapedType::isDynamic(q.getShape()[1]))
    return success();
  return op->emitOpError("expected a static K");
}

LogicalResult QuantizeOp::verify() {
  if (failed(verifyColumns(*this, getQ().getType())))
    return failure();
  SmallVector<int64_t> shape(getQ().getType().getShape());
  shape.back() *= getSiluMul() ? 2 : 1;
  if (getX().getType().getShape() != ArrayRef(shape))
    return emitOpError("expected x and q to have the same rows, and x ")
           << (getSiluMul() ? "twice as many" : "as many")
           << " columns as q, got " << getX().getType() << " and "
           << getQ().getType();
  if (getDecode() && !getGlobal())
    return emitOpError("expected a global scale beside `decode`");
  return success();
}

LogicalResult DequantizeOp::verify() {
  if (failed(verifyColumns(*this, getQ().getType())))
    return failure();
  if (getY().getType().getShape() != getQ().getType().getShape())
    return emitOpError("expected y and q to have the same rows and columns, "
                       "got ")
           << getY().getType() << " and " << getQ().getType();
  if (getEncode() && !getGlobal())
    return emitOpError("expected a global scale beside `encode`");
  return success();
}
