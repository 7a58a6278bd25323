// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Verifiers of the ops that make block-scaled tensors, and what their accesses
// tell the proof.

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

LogicalResult LoadElementsOp::verify() {
  Type element = getElement();
  if (failed(expectElement(*this, element)))
    return failure();
  size_t expected = 16 * 8 / element.getIntOrFloatBitWidth();
  if (getValues().size() == expected)
    return success();
  return emitOpError("expected ")
         << expected << " results, those of 16 bytes, got "
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
