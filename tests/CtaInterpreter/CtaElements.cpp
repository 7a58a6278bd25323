// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elements of block-scaled tensors: which row and column each is of.

#include "tests/CtaInterpreter/CtaMachine.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::enumeration;

/// The codes of a block, and the factor beside them, are told of as a slot of a
/// multiply is.
void CtaMachine::executeDequantize(cta::DequantizeOp op) {
  for (int thread = 0; thread < threads; ++thread) {
    Origin block = blockOf(bytes(op.getCodes())[thread]);
    observer.slot({op, block, bytes(op.getScale())[thread][0]});
    for (auto [i, value] : llvm::enumerate(op.getValues())) {
      Sum &element = sums(value)[thread];
      element = Sum();
      element.mixed = block.kind != Origin::Real && block.kind != Origin::Zero;
      if (block.kind != Origin::Real)
        continue;
      element.row = block.row;
      element.rowOperand = block.operand;
      element.rowFirst = static_cast<int32_t>(16 * block.at + i);
    }
  }
}

void CtaMachine::executeStoreElements(cta::StoreElementsOp op) {
  const Operand &operand = operandOf(op.getBase());
  int64_t size = op.getElement().getIntOrFloatBitWidth() / 8;
  for (int thread = 0; thread < threads; ++thread)
    for (auto [i, value] : llvm::enumerate(op.getValues()))
      observer.stored(
          {op, operand.at(numbers(op.getOffset())[thread] + i * size), size,
           numbers(op.getGuard())[thread] != 0, sums(value)[thread]});
}
