// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators on quantisations: elements of other blocks, codes and scale factors
// of other blocks, padding that is not cleared or that is not padding. (Guards
// and offsets are other files'.)

#include "tests/Mutation/Edit.h"
#include "tests/Mutation/Mutants.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::mutation;

namespace {

/// Elements 0, 7 and 15 of a block, by one of another, or of another place in
/// the same.
void otherElement(Sites &sites) {
  SmallVector<cta::QuantizeOp> ops = all<cta::QuantizeOp>(sites.kernel);
  for (cta::QuantizeOp op : ops)
    for (unsigned i : {0u, 7u, 15u}) {
      for (cta::QuantizeOp other : ops)
        if (other != op)
          sites.add(op, "element " + Twine(i) + " of another block",
                    [op, other, i]() mutable {
                      if (op->isBeforeInBlock(other))
                        op->moveAfter(other);
                      op->setOperand(i, other->getOperand(i));
                    });
      sites.add(op, "element " + Twine(i) + " is the one beside it",
                [op, i] { op->setOperand(i, op->getOperand(i ^ 1)); });
    }
}

void swapElements(Sites &sites) {
  for (cta::QuantizeOp op : all<cta::QuantizeOp>(sites.kernel))
    for (unsigned i : {0u, 7u, 14u})
      sites.add(op, "elements " + Twine(i) + " and the next swapped", [op, i] {
        Value first = op->getOperand(i);
        op->setOperand(i, op->getOperand(i + 1));
        op->setOperand(i + 1, first);
      });
}

/// Behind the last of both.
template <typename Op>
void otherBlock(Sites &sites) {
  SmallVector<cta::QuantizeOp> ops = all<cta::QuantizeOp>(sites.kernel);
  for (Op store : all<Op>(sites.kernel))
    for (cta::QuantizeOp op : ops) {
      Value value = store->getOperand(0);
      Value other = op->getResult(isa<cta::ScaleType>(value.getType()));
      if (value != other && op->isBeforeInBlock(store))
        sites.add(store, "of another block",
                  [store, other] { store->setOperand(0, other); });
    }
}

void swapGates(Sites &sites) {
  for (cta::SiluMulOp op : all<cta::SiluMulOp>(sites.kernel))
    sites.add(op, "gate and what it opens swapped", [op]() mutable {
      Value gate = op.getGate();
      op.getGateMutable().assign(op.getUp());
      op.getUpMutable().assign(gate);
    });
}

void otherGate(Sites &sites) {
  SmallVector<cta::SiluMulOp> ops = all<cta::SiluMulOp>(sites.kernel);
  for (auto [op, next] : llvm::zip(ops, llvm::drop_begin(ops)))
    sites.add(next, "gate of the one before", [op = op, next = next]() mutable {
      next.getGateMutable().assign(op.getGate());
    });
}

/// Padding is cleared where a factor belongs, and a factor stored as padding.
void otherKind(Sites &sites) {
  for (cta::StoreFactorOp store : all<cta::StoreFactorOp>(sites.kernel))
    sites.add(store, "is cleared", [store]() mutable {
      OpBuilder b(store);
      cta::ClearFactorOp::create(b, store.getLoc(), store.getBase(),
                                 store.getOffset(), store.getGuard());
      store.erase();
    });
  SmallVector<cta::QuantizeOp> ops = all<cta::QuantizeOp>(sites.kernel);
  for (cta::ClearFactorOp clear : all<cta::ClearFactorOp>(sites.kernel))
    if (!ops.empty() && ops[0]->isBeforeInBlock(clear))
      sites.add(clear, "gets a factor", [clear, ops]() mutable {
        OpBuilder b(clear);
        cta::StoreFactorOp::create(b, clear.getLoc(), ops[0].getScale(),
                                   clear.getBase(), clear.getOffset(),
                                   clear.getGuard());
        clear.erase();
      });
}

void globalsSteer(Sites &sites) {
  SmallVector<cta::LoadElementsOp> loads =
      all<cta::LoadElementsOp>(sites.kernel);
  for (cta::StoreCodesOp store : all<cta::StoreCodesOp>(sites.kernel))
    for (cta::LoadElementsOp load : loads)
      if (load->getBlock() == store->getBlock() && load->isBeforeInBlock(store))
        sites.add(store, "guarded by an element", [store, load]() mutable {
          Edit e(store);
          Value zero =
              arith::ConstantOp::create(e.b, e.loc, e.b.getF32FloatAttr(0));
          Value less = arith::CmpFOp::create(
              e.b, e.loc, arith::CmpFPredicate::OLT, zero, load->getResult(0));
          store.getGuardMutable().assign(e.both(store.getGuard(), less));
        });
}

/// Another number of the same inputs: no lemma speaks of it.
void otherArithmetic(Sites &sites) {
  for (cta::QuantizeOp op : all<cta::QuantizeOp>(sites.kernel))
    sites.add(op, "with the other division",
              [op]() mutable { op.setFast(!op.getFast()); });
}

} // namespace

void nybl::mutation::addQuantizeOperators(std::vector<Operator> &operators) {
  operators.push_back({"block.other-element", Target::Block, otherElement});
  operators.push_back({"block.swap-elements", Target::Block, swapElements});
  operators.push_back(
      {"block.other-codes", Target::Block, otherBlock<cta::StoreCodesOp>});
  operators.push_back(
      {"block.other-factor", Target::Block, otherBlock<cta::StoreFactorOp>});
  operators.push_back({"block.swap-gates", Target::Block, swapGates});
  operators.push_back({"block.other-gate", Target::Block, otherGate});
  operators.push_back({"block.other-kind", Target::Block, otherKind});
  operators.push_back({"flow.element-steers", Target::Flow, globalsSteer});
  operators.push_back({"epilogue.division", Target::Epilogue, otherArithmetic});
}
