// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators on what leaves by TMA: pairs that are written elsewhere, boxes that
// are taken from elsewhere or brought elsewhere. (Guards of boxes, their loss
// and their order are other files'.)

#include "tests/Mutation/Edit.h"
#include "tests/Mutation/Mutants.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::mutation;

namespace {

void moveOperand(Sites &sites, Operation *op, OpOperand &operand,
                 const Twine &what, ArrayRef<int64_t> distances) {
  unsigned number = operand.getOperandNumber();
  for (int64_t by : distances)
    sites.add(op, what + " moved by " + Twine(by), [op, number, by] {
      Edit e(op);
      op->setOperand(number, e.plus(op->getOperand(number), by));
    });
}

void movePair(Sites &sites) {
  for (cta::StorePairOp pair : all<cta::StorePairOp>(sites.kernel)) {
    int64_t bytes = 2 * pair.getElementBytes();
    moveOperand(sites, pair, pair.getOffsetMutable(), "byte",
                {bytes, -bytes, bytes / 2, 16, 64, 512});
  }
}

void dropPair(Sites &sites) {
  for (cta::StorePairOp pair : all<cta::StorePairOp>(sites.kernel))
    sites.add(pair, "dropped", [pair] { pair->erase(); });
}

void repeatPair(Sites &sites) {
  for (cta::StorePairOp pair : all<cta::StorePairOp>(sites.kernel))
    sites.add(pair, "done twice", [pair] { OpBuilder(pair).clone(*pair); });
}

void turnPair(Sites &sites) {
  for (cta::StorePairOp pair : all<cta::StorePairOp>(sites.kernel))
    sites.add(pair, "turned round", [pair]() mutable {
      Value first = pair.getFirst();
      pair->setOperand(0, pair.getSecond());
      pair->setOperand(1, first);
    });
}

void otherPair(Sites &sites) {
  SmallVector<cta::StorePairOp> pairs = all<cta::StorePairOp>(sites.kernel);
  for (auto [pair, next] : llvm::zip(pairs, llvm::drop_begin(pairs)))
    sites.add(pair, "and the next one at each other's place",
              [pair = pair, next = next]() mutable {
                Value at = pair.getOffset();
                pair->moveBefore(next);
                pair.getOffsetMutable().assign(next.getOffset());
                next.getOffsetMutable().assign(at);
              });
}

void moveBox(Sites &sites) {
  for (cta::StoreBoxOp box : all<cta::StoreBoxOp>(sites.kernel)) {
    int64_t swizzle = box.getMap().getType().alignment();
    moveOperand(sites, box, box.getRowMutable(), "row", {1, -1, 8, 64});
    moveOperand(sites, box, box.getColumnMutable(), "byte", {1, 2, -2, 16, 32});
    moveOperand(sites, box, box.getOffsetMutable(), "byte of the stage",
                {16, swizzle, -swizzle});
  }
}

/// Other lanes store: all, another one, those of one warp.
void otherLanes(Sites &sites) {
  for (cta::StoreBoxOp box : all<cta::StoreBoxOp>(sites.kernel)) {
    Value thread = box->getParentOfType<cta::RoleOp>().getBody().getArgument(0);
    auto add = [&](const Twine &what, std::function<Value(Edit &)> make) {
      sites.add(box, what, [box, make]() mutable {
        Edit e(box);
        box.getMineMutable().assign(make(e));
      });
    };
    for (int64_t bound : {1, 2})
      add("of the first " + Twine(bound) + " threads",
          [thread, bound](Edit &e) {
            return e.less(thread, e.constant(thread.getType(), bound));
          });
    add("of the last lane", [thread](Edit &e) {
      Value lane = arith::RemUIOp::create(e.b, e.loc, thread,
                                          e.constant(thread.getType(), 32));
      return e.less(e.constant(thread.getType(), 30), lane);
    });
  }
}

} // namespace

void nybl::mutation::addOutputOperators(std::vector<Operator> &operators) {
  operators.push_back({"pair.moved", Target::Output, movePair});
  operators.push_back({"pair.drop", Target::Output, dropPair});
  operators.push_back({"pair.twice", Target::Output, repeatPair});
  operators.push_back({"pair.turned", Target::Output, turnPair});
  operators.push_back({"pair.other", Target::Output, otherPair});
  operators.push_back({"output-box.moved", Target::Output, moveBox});
  operators.push_back({"output-box.lanes", Target::Output, otherLanes});
}
