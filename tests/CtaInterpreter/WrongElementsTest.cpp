// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Edits of what undoes a quantisation.

#include "tests/CtaInterpreter/WrongKernels.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::enumeration;

namespace {

using Dequantize = cta::DequantizeOp;
using Store = cta::StoreElementsOp;

/// The second block of a thread takes what the first one has.
void takeOfFirst(cta::KernelOp kernel, unsigned operand) {
  auto blocks = all<Dequantize>(kernel);
  blocks.back()->setOperand(operand, blocks.front()->getOperand(operand));
}

/// The other half of the guard: rows or K blocks are no question any more.
void keepHalf(OpOperand &guard, unsigned half) {
  guard.set(guard.get().getDefiningOp()->getOperand(half));
}

constexpr Edit elementEdits[] = {
    {"FactorOfAnotherBlock", "L2", [](cta::KernelOp k) { takeOfFirst(k, 1); }},
    {"CodesOfAnotherBlock", "L2", [](cta::KernelOp k) { takeOfFirst(k, 0); }},
    {"BothOfAnotherBlock", "L2",
     [](cta::KernelOp k) {
       takeOfFirst(k, 0);
       takeOfFirst(k, 1);
     }},
    {"ElementsChangePlaces", "L2",
     [](cta::KernelOp k) {
       Store store = all<Store>(k).back();
       Value first = store->getOperand(0);
       store->setOperand(0, store->getOperand(1));
       store->setOperand(1, first);
     }},
    {"SumOfTwo", "L2",
     [](cta::KernelOp k) {
       auto map = all<arith::MulFOp>(k).front();
       map->setOperand(1, all<Dequantize>(k).front()->getResult(1));
     }},
    {"NumberInItsPlace", "L2",
     [](cta::KernelOp k) {
       auto map = all<arith::MulFOp>(k).front();
       map->setOperand(0, map->getOperand(1));
     }},
    {"NotStored", "L4", [](cta::KernelOp k) { all<Store>(k).back().erase(); }},
    {"StoredTwice", "L4",
     [](cta::KernelOp k) {
       Store store = all<Store>(k).back();
       OpBuilder(store).clone(*store);
     }},
    {"StoredPastTheLastRow", "L1",
     [](cta::KernelOp k) {
       Store store = all<Store>(k).back();
       keepHalf(store.getGuardMutable(), 1);
     }},
    {"StoredPastTheLastBlock", "L1",
     [](cta::KernelOp k) {
       Store store = all<Store>(k).back();
       keepHalf(store.getGuardMutable(), 0);
     }},
    {"FactorsOfPaddingRows", "L1",
     [](cta::KernelOp k) {
       auto load = all<cta::LoadScaleOp>(k).back();
       keepHalf(load.getGuardMutable(), 1);
     }},
    {"FactorsOfPaddingBlocks", "L1",
     [](cta::KernelOp k) {
       auto load = all<cta::LoadScaleOp>(k).back();
       keepHalf(load.getGuardMutable(), 0);
     }},
    {"CodesNotLoaded", "L2",
     [](cta::KernelOp k) {
       auto load = all<cta::LoadOp>(k).back();
       load.getGuardMutable().assign(all<cta::LoadOp>(k).front().getGuard());
     }},
};

class WrongElements : public testing::TestWithParam<Edit> {};

/// Two blocks for a thread; tails of both; several tiles.
TEST_P(WrongElements, IsFoundAndNotProven) {
  for (ScaleLayout layout : {ScaleLayout::T128x4, ScaleLayout::T8x4}) {
    DequantizeProblem problem;
    problem.k = 80;
    problem.sf = layout;
    Wrong wrong;
    wrong.schedule = "tile=8x128x16 warps=1x1";
    wrong.mayBeProven = false;
    expectFound(GetParam(), problem, wrong);
  }
}

INSTANTIATE_TEST_SUITE_P(Edits, WrongElements, testing::ValuesIn(elementEdits),
                         [](const testing::TestParamInfo<Edit> &info) {
                           return info.param.name;
                         });

} // namespace
