// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators on what undoes a quantisation: elements of other places and of
// other blocks, codes by the factors of others. (Guards and offsets are other
// files'.)

#include "tests/Mutation/Edit.h"
#include "tests/Mutation/Mutants.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::mutation;

namespace {

using Stores = SmallVector<cta::StoreElementsOp>;

/// Behind all that stores take, so that each may take what is another's.
void moveBehind(ArrayRef<cta::StoreElementsOp> stores) {
  Operation *last = stores.back();
  for (cta::StoreElementsOp store : stores.drop_back())
    store->moveBefore(last);
}

void otherPlaces(Sites &sites) {
  Stores stores = all<cta::StoreElementsOp>(sites.kernel);
  for (cta::StoreElementsOp store : stores)
    for (unsigned i : {0u, 2u}) {
      sites.add(store, "elements " + Twine(i) + " and the next swapped",
                [store, i] {
                  Value first = store->getOperand(i);
                  store->setOperand(i, store->getOperand(i + 1));
                  store->setOperand(i + 1, first);
                });
      sites.add(store, "element " + Twine(i) + " is the one beside it",
                [store, i] { store->setOperand(i, store->getOperand(i ^ 1)); });
      sites.add(store, "element " + Twine(i) + " is 1", [store, i] {
        Edit e(store);
        Value one =
            arith::ConstantOp::create(e.b, e.loc, e.b.getF32FloatAttr(1));
        store->setOperand(i, one);
      });
    }
}

/// Of another store: one element, or all.
void otherStored(Sites &sites) {
  Stores stores = all<cta::StoreElementsOp>(sites.kernel);
  for (cta::StoreElementsOp store : stores)
    for (cta::StoreElementsOp other : stores) {
      if (other == store)
        continue;
      for (unsigned i : {0u, 3u})
        sites.add(store, "element " + Twine(i) + " of another",
                  [stores, store, other, i] {
                    moveBehind(stores);
                    store->setOperand(i, other->getOperand(i));
                  });
      sites.add(store, "stores what another does",
                [stores, store, other]() mutable {
                  moveBehind(stores);
                  for (unsigned i = 0; i < store.getValues().size(); ++i)
                    store->setOperand(i, other->getOperand(i));
                });
    }
}

/// Codes or factor of another block.
void otherBlock(Sites &sites) {
  SmallVector<cta::DequantizeOp> ops = all<cta::DequantizeOp>(sites.kernel);
  for (cta::DequantizeOp op : ops)
    for (cta::DequantizeOp other : ops)
      for (unsigned i : {0u, 1u})
        if (other != op)
          sites.add(
              op, i ? "factor of another block" : "codes of another block",
              [op, other, i] { op->setOperand(i, other->getOperand(i)); });
}

/// Each code where the next one stood.
void shiftCodes(Sites &sites) {
  for (cta::DequantizeOp op : all<cta::DequantizeOp>(sites.kernel))
    for (bool up : {true, false})
      sites.add(
          op, up ? "codes one place up" : "codes one place down", [op, up] {
            Edit e(op);
            Value codes = op->getOperand(0);
            Value bits = e.constant(codes.getType(), 4);
            Value moved =
                up ? arith::ShLIOp::create(e.b, e.loc, codes, bits).getResult()
                   : arith::ShRUIOp::create(e.b, e.loc, codes, bits)
                         .getResult();
            op->setOperand(0, moved);
          });
}

/// What arithmetic makes of an element: of two, or of another one.
void mixElements(Sites &sites) {
  for (cta::DequantizeOp op : all<cta::DequantizeOp>(sites.kernel))
    for (unsigned i : {0u, 7u, 15u})
      for (bool sum : {true, false})
        sites.add(op,
                  sum ? "element " + Twine(i) + " plus the one beside it"
                      : "element " + Twine(i) +
                            " replaced by the one beside it",
                  [op, i, sum] {
                    Value own = op->getResult(i), beside = op->getResult(i ^ 1);
                    Edit e(op->getNextNode());
                    Value mixed = beside;
                    Operation *added = nullptr;
                    if (sum) {
                      added = arith::AddFOp::create(e.b, e.loc, own, beside);
                      mixed = added->getResult(0);
                    }
                    own.replaceUsesWithIf(mixed, [added](OpOperand &use) {
                      return use.getOwner() != added;
                    });
                  });
}

void elementsSteer(Sites &sites) {
  for (cta::StoreElementsOp store : all<cta::StoreElementsOp>(sites.kernel))
    for (unsigned i : {0u, 3u})
      sites.add(store, "guarded by element " + Twine(i), [store, i]() mutable {
        Edit e(store);
        Value zero =
            arith::ConstantOp::create(e.b, e.loc, e.b.getF32FloatAttr(0));
        Value less = arith::CmpFOp::create(
            e.b, e.loc, arith::CmpFPredicate::OLT, zero, store->getOperand(i));
        store.getGuardMutable().assign(e.both(store.getGuard(), less));
      });
}

/// Another number of the same inputs: no lemma speaks of it.
void otherFormat(Sites &sites) {
  for (cta::StoreElementsOp store : all<cta::StoreElementsOp>(sites.kernel))
    if (store.getElement().isBF16() || store.getElement().isF16())
      sites.add(store, "rounded to the other format of two bytes",
                [store]() mutable {
                  Builder b(store.getContext());
                  Type bf16 = b.getBF16Type(), f16 = b.getF16Type();
                  store.setElement(store.getElement() == bf16 ? f16 : bf16);
                });
}

} // namespace

void nybl::mutation::addDequantizeOperators(std::vector<Operator> &operators) {
  operators.push_back({"back.other-places", Target::Block, otherPlaces});
  operators.push_back({"back.other-stored", Target::Block, otherStored});
  operators.push_back({"back.other-block", Target::Block, otherBlock});
  operators.push_back({"back.shift-codes", Target::Block, shiftCodes});
  operators.push_back({"back.mix-elements", Target::Block, mixElements});
  operators.push_back({"flow.made-steers", Target::Flow, elementsSteer});
  operators.push_back({"epilogue.format", Target::Epilogue, otherFormat});
}
