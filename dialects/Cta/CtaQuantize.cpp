// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Verifiers of the ops that make block-scaled tensors and elements of them, and
// what their accesses tell the proof.

#include "dialects/Cta/CtaOps.h"

using namespace mlir;
using namespace nybl::cta;

using Guards = SmallVector<Value>;

static LogicalResult expectElement(Operation *op, Type element) {
  if (element.isF32() || element.isF16() || element.isBF16())
    return success();
  return op->emitOpError("expected elements of f32, f16 or bf16, got ")
         << element;
}

LogicalResult SiluMulOp::verify() { return expectElement(*this, getElement()); }

/// As many elements as 16 bytes have.
static LogicalResult expectSixteenBytes(Operation *op, Type element,
                                        size_t count, StringRef what) {
  if (failed(expectElement(op, element)))
    return failure();
  size_t expected = 16 * 8 / element.getIntOrFloatBitWidth();
  if (count == expected)
    return success();
  return op->emitOpError("expected ")
         << expected << " " << what << ", those of 16 bytes, got " << count;
}

LogicalResult LoadElementsOp::verify() {
  return expectSixteenBytes(*this, getElement(), getValues().size(), "results");
}

LogicalResult StoreElementsOp::verify() {
  return expectSixteenBytes(*this, getElement(), getValues().size(), "values");
}

LogicalResult DequantizeOp::verify() {
  if (getValues().size() == 16)
    return success();
  return emitOpError("expected a block of 16 elements, got ")
         << getValues().size();
}

LogicalResult QuantizeOp::verify() {
  if (getValues().size() == 16)
    return success();
  return emitOpError("expected a block of 16 elements, got ")
         << getValues().size();
}

Value LoadElementsOp::getByteOffset() { return getOffset(); }
int64_t LoadElementsOp::getElementBytes() { return 16; }
Guards LoadElementsOp::getGuards(unsigned) { return {getGuard()}; }

Value StoreElementsOp::getByteOffset() { return getOffset(); }
int64_t StoreElementsOp::getElementBytes() { return 16; }
Guards StoreElementsOp::getGuards(unsigned) { return {getGuard()}; }
bool StoreElementsOp::isWrite() { return true; }

Value StoreCodesOp::getByteOffset() { return getOffset(); }
int64_t StoreCodesOp::getElementBytes() { return 8; }
Guards StoreCodesOp::getGuards(unsigned) { return {getGuard()}; }
bool StoreCodesOp::isWrite() { return true; }

Value StoreFactorOp::getByteOffset() { return getOffset(); }
int64_t StoreFactorOp::getElementBytes() { return 1; }
Guards StoreFactorOp::getGuards(unsigned) { return {getGuard()}; }
bool StoreFactorOp::isWrite() { return true; }

Value ClearFactorOp::getByteOffset() { return getOffset(); }
int64_t ClearFactorOp::getElementBytes() { return 1; }
Guards ClearFactorOp::getGuards(unsigned) { return {getGuard()}; }
bool ClearFactorOp::isWrite() { return true; }
