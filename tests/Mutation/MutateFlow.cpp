// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators on multiplies, accumulators and the K loop; and values that steer
// what they must not.

#include "tests/Mutation/Edit.h"
#include "tests/Mutation/Mutants.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::mutation;

namespace {

void swapOperands(Sites &sites, Operation *op, unsigned i, unsigned j,
                  const Twine &what) {
  if (op->getOperand(i) == op->getOperand(j) ||
      op->getOperand(i).getType() != op->getOperand(j).getType())
    return;
  sites.add(op, what, [op, i, j] {
    Value first = op->getOperand(i);
    op->setOperand(i, op->getOperand(j));
    op->setOperand(j, first);
  });
}

/// Registers of one multiply: a 0..3, sa 4, b 5..6, sb 7, acc 8..11.
void swapRegisters(Sites &sites) {
  for (cta::MmaOp mma : all<cta::MmaOp>(sites.kernel)) {
    swapOperands(sites, mma, 0, 1, "a0 and a1 swapped");
    swapOperands(sites, mma, 0, 2, "a0 and a2 swapped");
    swapOperands(sites, mma, 5, 6, "b0 and b1 swapped");
    swapOperands(sites, mma, 4, 7, "scales of a and b swapped");
    swapOperands(sites, mma, 8, 9, "acc0 and acc1 swapped");
    swapOperands(sites, mma, 8, 10, "acc0 and acc2 swapped");
  }
}

/// A register of another multiply, or of another load before this one.
void otherRegister(Sites &sites) {
  SmallVector<cta::MmaOp> multiplies = all<cta::MmaOp>(sites.kernel);
  for (cta::MmaOp mma : multiplies) {
    for (unsigned i : {0u, 4u, 5u, 7u, 8u})
      for (cta::MmaOp other : multiplies)
        if (other->getBlock() == mma->getBlock() &&
            other->isBeforeInBlock(mma) &&
            other->getOperand(i) != mma->getOperand(i)) {
          Value value = other->getOperand(i);
          sites.add(mma, "operand " + Twine(i) + " of another multiply",
                    [mma, i, value] { mma->setOperand(i, value); });
        }
    SmallVector<Value> words;
    for (cta::LoadScaleWordOp load : all<cta::LoadScaleWordOp>(sites.kernel))
      words.push_back(load);
    for (cta::LoadScaleWordsOp load : all<cta::LoadScaleWordsOp>(sites.kernel))
      llvm::append_range(words, load.getWords());
    for (unsigned i : {4u, 7u})
      for (Value word : words) {
        Operation *load = word.getDefiningOp();
        if (load->getBlock() == mma->getBlock() && load->isBeforeInBlock(mma) &&
            word != mma->getOperand(i))
          sites.add(mma, "operand " + Twine(i) + " of another scale word",
                    [mma, i, word] { mma->setOperand(i, word); });
      }
  }
}

/// The other word of the same read: factors of rows 32 on or back.
void otherWord(Sites &sites) {
  for (cta::MmaOp mma : all<cta::MmaOp>(sites.kernel))
    for (unsigned i : {4u, 7u})
      if (auto load = mma->getOperand(i).getDefiningOp<cta::LoadScaleWordsOp>())
        for (Value word : load.getWords())
          if (word != mma->getOperand(i))
            sites.add(mma, "operand " + Twine(i) + " of other rows",
                      [mma, i, word] { mma->setOperand(i, word); });
}

/// Scale factors from other lanes.
void otherSelector(Sites &sites) {
  for (cta::MmaOp mma : all<cta::MmaOp>(sites.kernel)) {
    int64_t a = 1 - mma.getSaSelector();
    sites.add(mma, "selector of A becomes " + Twine(a),
              [mma, a]() mutable { mma.setSaSelector(a); });
    for (int64_t b = 0; b < 4; ++b)
      if (b != int64_t(mma.getSbSelector()))
        sites.add(mma, "selector of B becomes " + Twine(b),
                  [mma, b]() mutable { mma.setSbSelector(b); });
  }
}

void dropMultiply(Sites &sites) {
  for (cta::MmaOp mma : all<cta::MmaOp>(sites.kernel))
    sites.add(mma, "dropped", [mma]() mutable {
      mma->replaceAllUsesWith(SmallVector<Value>(mma.getAcc()));
      mma->erase();
    });
}

void swapYields(Sites &sites) {
  for (scf::ForOp loop : all<scf::ForOp>(sites.kernel)) {
    Operation *yield = loop.getBody()->getTerminator();
    for (unsigned i = 0; i + 1 < yield->getNumOperands(); ++i)
      swapOperands(sites, yield, i, i + 1,
                   "accumulators " + Twine(i) + " and " + Twine(i + 1) +
                       " swapped");
  }
}

void keepAccumulator(Sites &sites) {
  for (scf::ForOp loop : all<scf::ForOp>(sites.kernel)) {
    Operation *yield = loop.getBody()->getTerminator();
    for (unsigned i = 0; i < yield->getNumOperands(); ++i)
      sites.add(yield, "accumulator " + Twine(i) + " is not yielded",
                [loop, yield, i]() mutable {
                  yield->setOperand(i, loop.getRegionIterArg(i));
                });
  }
}

/// The store's value is that of the next one.
void otherStored(Sites &sites) {
  SmallVector<cta::StoreOp> stores = all<cta::StoreOp>(sites.kernel);
  for (auto [store, next] : llvm::zip(stores, llvm::drop_begin(stores)))
    sites.add(store, "and the next one store each other's value",
              [store = store, next = next]() mutable {
                cta::StoreOp last = next;
                Value first = store.getValue();
                store->moveBefore(last);
                store->setOperand(0, last.getValue());
                last->setOperand(0, first);
              });
}

/// Other arithmetic between accumulators and stores. The theorem says nothing
/// of what is computed there, only of what it is computed from.
void otherAlpha(Sites &sites) {
  for (arith::MulFOp mul : all<arith::MulFOp>(sites.kernel))
    sites.add(mul, "becomes its first operand", [mul]() mutable {
      mul.getResult().replaceAllUsesWith(mul.getLhs());
    });
  for (arith::SelectOp select : all<arith::SelectOp>(sites.kernel))
    swapOperands(sites, select, 1, 2, "its values swapped");
  for (arith::DivFOp div : all<arith::DivFOp>(sites.kernel))
    swapOperands(sites, div, 0, 1, "its operands swapped");
  for (cta::LoadScalarOp load : all<cta::LoadScalarOp>(sites.kernel))
    sites.add(load, "becomes the value of the host", [load]() mutable {
      load.getResult().replaceAllUsesWith(load.getValue());
    });
}

//===----------------------------------------------------------------------===//
// The K loop
//===----------------------------------------------------------------------===//

void otherBounds(Sites &sites) {
  const char *names[] = {"lower bound", "upper bound", "step"};
  for (scf::ForOp loop : all<scf::ForOp>(sites.kernel))
    for (unsigned i : {0u, 1u, 2u})
      for (int64_t by : {1, -1, 2})
        if (i != 2 || by > 0)
          sites.add(loop, Twine(names[i]) + " moved by " + Twine(by),
                    [loop, i, by] {
                      Edit e(loop);
                      loop->setOperand(i, e.plus(loop->getOperand(i), by));
                    });
}

void otherInit(Sites &sites) {
  for (scf::ForOp loop : all<scf::ForOp>(sites.kernel))
    for (unsigned i = 0; i < loop.getInitArgs().size(); ++i)
      sites.add(loop, "accumulator " + Twine(i) + " begins at 1", [loop, i] {
        Edit e(loop);
        Value one =
            arith::ConstantOp::create(e.b, e.loc, e.b.getF32FloatAttr(1));
        loop->setOperand(3 + i, one);
      });
}

/// Each use of the loop's variable.
void otherStep(Sites &sites) {
  for (scf::ForOp loop : all<scf::ForOp>(sites.kernel))
    for (OpOperand &use : loop.getInductionVar().getUses())
      for (int64_t by : {1, -1}) {
        Operation *user = use.getOwner();
        unsigned number = use.getOperandNumber();
        sites.add(user, "K step moved by " + Twine(by), [user, number, by] {
          Edit e(user);
          user->setOperand(number, e.plus(user->getOperand(number), by));
        });
      }
}

//===----------------------------------------------------------------------===//
// Values that steer
//===----------------------------------------------------------------------===//

/// Part of a loaded word, as `bits` of it; 0 bits: nothing of it, in vain.
Value partOf(Edit &e, Value word, int64_t bits) {
  return arith::AndIOp::create(e.b, e.loc, word,
                               e.constant(word.getType(), bits));
}

void dataSteers(Sites &sites) {
  SmallVector<cta::LoadOp> loads = all<cta::LoadOp>(sites.kernel);
  sites.kernel.walk([&](cta::GlobalAccess access) {
    for (cta::LoadOp load : loads) {
      if (load->getBlock() != access->getBlock() ||
          !load->isBeforeInBlock(access) || !offsetOf(access))
        continue;
      for (int64_t bits : {8, 0})
        sites.add(access, "offset plus data & " + Twine(bits),
                  [access, load, bits]() mutable {
                    Edit e(access);
                    OpOperand *offset = offsetOf(access);
                    offset->set(arith::AddIOp::create(
                        e.b, e.loc, offset->get(),
                        partOf(e, load.getResult(), bits)));
                  });
      sites.add(access, "guarded by data", [access, load]() mutable {
        Edit e(access);
        OpOperand *guard = guardsOf(access).front();
        Value bit = partOf(e, load.getResult(), 1);
        Value zero = e.constant(bit.getType(), 0);
        Value set = arith::CmpIOp::create(e.b, e.loc, arith::CmpIPredicate::eq,
                                          bit, zero);
        guard->set(e.both(guard->get(), set));
      });
    }
  });
}

} // namespace

void nybl::mutation::addFlowOperators(std::vector<Operator> &operators) {
  operators.push_back({"mma.swap-registers", Target::Flow, swapRegisters});
  operators.push_back({"mma.other-register", Target::Flow, otherRegister});
  operators.push_back({"mma.other-word", Target::Flow, otherWord});
  operators.push_back({"mma.other-selector", Target::Flow, otherSelector});
  operators.push_back({"mma.drop", Target::Flow, dropMultiply});
  operators.push_back({"acc.swap", Target::Flow, swapYields});
  operators.push_back({"acc.keep", Target::Flow, keepAccumulator});
  operators.push_back({"acc.other-stored", Target::Flow, otherStored});
  operators.push_back({"epilogue.other", Target::Epilogue, otherAlpha});
  operators.push_back({"flow.data-steers", Target::Flow, dataSteers});
  operators.push_back({"loop.other-bounds", Target::Loop, otherBounds});
  operators.push_back({"loop.other-init", Target::Loop, otherInit});
  operators.push_back({"loop.other-step", Target::Loop, otherStep});
}
