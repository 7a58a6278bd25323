// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators on the parts of tiles: other K steps, other numbers of parts, other
// places in the workspace, sums of other registers, and stores by every part.

#include "tests/Mutation/Edit.h"
#include "tests/Mutation/Mutants.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::mutation;

namespace {

/// The K steps of another part.
void otherSteps(Sites &sites) {
  for (cta::TileRangeOp range : all<cta::TileRangeOp>(sites.kernel)) {
    BlockArgument part = range.getPart();
    for (Operation *user :
         part ? llvm::to_vector(part.getUsers()) : SmallVector<Operation *>())
      if (isa<arith::MulIOp>(user))
        for (int64_t by : {-1, 1})
          sites.add(user, "of the part " + Twine(by) + " on",
                    [user, part, by]() mutable {
                      user->replaceUsesOfWith(part, Edit(user).plus(part, by));
                    });
  }
}

/// Steps that are not those of a part times its number.
void otherShare(Sites &sites) {
  for (cta::TileRangeOp range : all<cta::TileRangeOp>(sites.kernel)) {
    BlockArgument part = range.getPart();
    for (Operation *user :
         part ? llvm::to_vector(part.getUsers()) : SmallVector<Operation *>())
      if (isa<arith::MulIOp>(user))
        sites.add(user, "twice as many", [user]() mutable {
          Edit e(user);
          user->setOperand(0, e.times(user->getOperand(0), 2));
        });
  }
}

void otherCount(Sites &sites) {
  for (cta::TileRangeOp range : all<cta::TileRangeOp>(sites.kernel))
    for (int64_t by : {-1, 1})
      if (int64_t parts = range.getParts(); parts > 1 && parts + by > 1)
        sites.add(range, Twine(parts + by) + " parts",
                  [range, parts, by]() mutable { range.setParts(parts + by); });
}

void otherPlace(Sites &sites) {
  for (cta::SumPartsOp sum : all<cta::SumPartsOp>(sites.kernel)) {
    for (int64_t by : {1, 32})
      sites.add(sum, "thread moved by " + Twine(by), [sum, by]() mutable {
        sum.getThreadMutable().assign(Edit(sum).plus(sum.getThread(), by));
      });
    sites.add(sum, "of the part as its tile",
              [sum]() mutable { sum.getTileMutable().assign(sum.getPart()); });
    sites.add(sum, "of the tile as its part",
              [sum]() mutable { sum.getPartMutable().assign(sum.getTile()); });
    sites.add(sum, "of the next part", [sum]() mutable {
      sum.getPartMutable().assign(Edit(sum).plus(sum.getPart(), 1));
    });
  }
}

void otherRegisters(Sites &sites) {
  for (cta::SumPartsOp sum : all<cta::SumPartsOp>(sites.kernel)) {
    size_t count = sum.getValues().size();
    for (size_t i : {size_t(0), count / 2})
      sites.add(sum,
                "registers " + Twine(i) + " and " + Twine(i + 1) +
                    " change places",
                [sum, i]() mutable {
                  SmallVector<Value> values(sum.getValues());
                  std::swap(values[i], values[i + 1]);
                  sum.getValuesMutable().assign(values);
                });
    sites.add(sum, "register 1 twice", [sum]() mutable {
      SmallVector<Value> values(sum.getValues());
      values[0] = values[1];
      sum.getValuesMutable().assign(values);
    });
  }
}

/// What the last part does is done by every part, with what it has itself.
void byEveryPart(Sites &sites) {
  for (cta::SumPartsOp sum : all<cta::SumPartsOp>(sites.kernel))
    sites.add(sum, "every part stores", [sum]() mutable {
      Block &body = sum.getBody().front();
      for (auto [argument, value] :
           llvm::zip(body.getArguments(), sum.getValues()))
        argument.replaceAllUsesWith(value);
      for (Operation &op : llvm::make_early_inc_range(body))
        op.moveBefore(sum);
    });
}

void withoutSum(Sites &sites) {
  for (cta::SumPartsOp sum : all<cta::SumPartsOp>(sites.kernel))
    sites.add(sum, "dropped", [sum] { sum->erase(); });
}

} // namespace

void nybl::mutation::addPartOperators(std::vector<Operator> &operators) {
  operators.push_back({"part.other-steps", Target::Part, otherSteps});
  operators.push_back({"part.other-share", Target::Part, otherShare});
  operators.push_back({"part.other-count", Target::Part, otherCount});
  operators.push_back({"part.other-place", Target::Part, otherPlace});
  operators.push_back({"part.other-registers", Target::Part, otherRegisters});
  operators.push_back({"part.by-every", Target::Part, byEveryPart});
  operators.push_back({"part.drop", Target::Part, withoutSum});
}
