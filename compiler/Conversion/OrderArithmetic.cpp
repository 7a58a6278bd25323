// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass order-arithmetic. Formulas emit their ops in the order in which a
// C++ compiler evaluates operands, which is its own; the same kernel must be
// the same text whoever built us.

#include "compiler/Conversion/Passes.h"
#include "dialects/Cta/CtaOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace nybl::compiler {
#define GEN_PASS_DEF_ORDERARITHMETIC
#include "compiler/Conversion/Passes.h.inc"
} // namespace nybl::compiler

namespace {

/// Arithmetic on numbers, of addresses and guards. All else stays where it is.
bool isMovable(Operation *op) {
  return op && isa<arith::ArithDialect>(op->getDialect()) &&
         llvm::all_of(op->getResultTypes(),
                      [](Type type) { return type.isInteger(); });
}

/// One block: before each op that stays comes what it and its regions use, from
/// the first operand to the last.
class BlockOrder {
public:
  explicit BlockOrder(Block &block) : block(block) {}

  void run() {
    SmallVector<Operation *> staying;
    for (Operation &op : block)
      if (!isMovable(&op))
        staying.push_back(&op);
    for (Operation *op : staying)
      op->walk<WalkOrder::PreOrder>([&](Operation *user) {
        for (Value operand : user->getOperands())
          place(operand, op);
      });
    // Whom nobody uses would now stand before what it uses.
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
      if (isMovable(&op) && !placed.contains(&op))
        op.erase();
  }

private:
  void place(Value value, Operation *before) {
    Operation *op = value.getDefiningOp();
    if (!isMovable(op) || op->getBlock() != &block || !placed.insert(op).second)
      return;
    for (Value operand : op->getOperands())
      place(operand, before);
    op->moveBefore(before);
  }

  Block &block;
  llvm::DenseSet<Operation *> placed;
};

struct OrderArithmeticPass
    : public compiler::impl::OrderArithmeticBase<OrderArithmeticPass> {
  void runOnOperation() override {
    SmallVector<Block *> blocks;
    for (auto kernel : getOperation().getOps<cta::KernelOp>())
      kernel->walk([&](Block *block) { blocks.push_back(block); });
    for (Block *block : blocks)
      BlockOrder(*block).run();
  }
};

} // namespace
