// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators on the launch formula: how many tiles there are, which rows and
// columns a tile is, how many threads, what the manifest says of the tile.

#include "tests/Mutation/Edit.h"
#include "tests/Mutation/Mutants.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::mutation;

namespace {

using NewValue = std::function<Value(Edit &, Value)>;

void becomeCount(Sites &sites, const Twine &what, NewValue make) {
  for (cta::TileRangeOp range : all<cta::TileRangeOp>(sites.kernel))
    sites.add(range, what, [range, make]() mutable {
      Edit e(range);
      range->setOperand(0, make(e, range.getCount()));
    });
}

void otherCount(Sites &sites) {
  for (int64_t by : {1, -1, 2})
    becomeCount(sites, "count moved by " + Twine(by),
                [by](Edit &e, Value count) { return e.plus(count, by); });
  becomeCount(sites, "count doubled",
              [](Edit &e, Value count) { return e.times(count, 2); });
  becomeCount(sites, "count halved", [](Edit &e, Value count) -> Value {
    return arith::DivUIOp::create(e.b, e.loc, count,
                                  e.constant(count.getType(), 2));
  });
  for (int64_t fixed : {0, 1, 2})
    becomeCount(sites, "count " + Twine(fixed), [fixed](Edit &e, Value count) {
      return e.constant(count.getType(), fixed);
    });
  BlockArgument rows = sites.kernel.argumentFor("m");
  if (rows)
    becomeCount(sites, "as many as rows",
                [rows](Edit &, Value) { return rows; });
}

/// Ops that decide which tile is which: those the count is made of, and those
/// of the tile's index alone.
SmallVector<Operation *> formula(cta::KernelOp kernel) {
  SmallVector<Operation *> found;
  for (cta::TileRangeOp range : all<cta::TileRangeOp>(kernel)) {
    llvm::append_range(found, sliceOf(range.getCount()));
    Value tile = range.getBody().getArgument(0);
    for (Operation &op : range.getBody().front()) {
      bool ofTile = op.getNumResults() == 1 && op.getNumOperands() == 2 &&
                    isa<arith::ArithDialect>(op.getDialect()) &&
                    dependsOn(op.getResult(0), tile);
      for (Operation *part : op.getNumResults() == 1
                                 ? sliceOf(op.getResult(0))
                                 : SmallVector<Operation *>())
        for (Value operand : part->getOperands())
          ofTile &= operand == tile || isa<OpResult>(operand);
      for (Operation *part : op.getNumResults() == 1
                                 ? sliceOf(op.getResult(0))
                                 : SmallVector<Operation *>())
        for (Value operand : part->getOperands())
          ofTile &= !operand.getDefiningOp<cta::ThreadIdOp>();
      if (ofTile)
        found.push_back(&op);
    }
  }
  return found;
}

void otherConstant(Sites &sites) {
  for (Operation *op : formula(sites.kernel))
    for (OpOperand &operand : op->getOpOperands())
      if (std::optional<int64_t> old = constantOf(operand.get()))
        for (int64_t value : {*old + 1, *old - 1, *old * 2, *old / 2}) {
          unsigned number = operand.getOperandNumber();
          if (value == 0 && isa<arith::DivUIOp, arith::RemUIOp>(op))
            continue;
          sites.add(op, "constant " + Twine(*old) + " becomes " + Twine(value),
                    [op, number, value] {
                      Edit e(op);
                      op->setOperand(
                          number,
                          e.constant(op->getOperand(number).getType(), value));
                    });
        }
}

void otherOperation(Sites &sites) {
  for (Operation *op : formula(sites.kernel)) {
    if (op->getNumOperands() != 2)
      continue;
    auto become = [&](const Twine &what, NewValue make) {
      sites.add(op, what, [op, make] {
        Edit e(op);
        op->getResult(0).replaceAllUsesWith(make(e, op->getResult(0)));
      });
    };
    Value x = op->getOperand(0), y = op->getOperand(1);
    become("becomes its first operand", [x](Edit &, Value) { return x; });
    if (!isa<arith::RemUIOp>(op))
      become("becomes remui", [x, y](Edit &e, Value) -> Value {
        return arith::RemUIOp::create(e.b, e.loc, x, y);
      });
    if (!isa<arith::DivUIOp>(op))
      become("becomes divui", [x, y](Edit &e, Value) -> Value {
        return arith::DivUIOp::create(e.b, e.loc, x, y);
      });
  }
}

/// Each use of the tile's index.
void otherTile(Sites &sites) {
  for (cta::TileRangeOp range : all<cta::TileRangeOp>(sites.kernel))
    for (OpOperand &use : range.getBody().getArgument(0).getUses()) {
      Operation *user = use.getOwner();
      unsigned number = use.getOperandNumber();
      for (int64_t by : {1, -1})
        sites.add(user, "tile moved by " + Twine(by), [user, number, by] {
          Edit e(user);
          user->setOperand(number, e.plus(user->getOperand(number), by));
        });
    }
}

/// tile / n is taken for the column, tile % n for the row.
void swapTiles(Sites &sites) {
  SmallVector<Operation *> ops = formula(sites.kernel);
  for (Operation *row : ops)
    for (Operation *column : ops)
      if (isa<arith::DivUIOp>(row) && isa<arith::RemUIOp>(column) &&
          row->getOperand(0) == column->getOperand(0))
        sites.add(row, "row and column of a tile swapped", [row, column] {
          Edit e(row);
          Value x = row->getOperand(0);
          Value divisor = row->getOperand(1), modulus = column->getOperand(1);
          Value quotient = arith::DivUIOp::create(e.b, e.loc, x, divisor);
          Value rest = arith::RemUIOp::create(e.b, e.loc, x, modulus);
          row->getResult(0).replaceAllUsesWith(rest);
          column->getResult(0).replaceAllUsesWith(quotient);
        });
}

void narrowTiles(Sites &sites) {
  for (unsigned bits : {8, 16, 20})
    becomeCount(sites, "count in " + Twine(bits) + " bits",
                [bits](Edit &e, Value count) { return e.narrow(count, bits); });
  for (Operation *op : formula(sites.kernel))
    for (unsigned bits : {8, 16, 24})
      sites.add(op, "in " + Twine(bits) + " bits", [op, bits] {
        Edit e(op);
        e.b.setInsertionPointAfter(op);
        Value narrow = e.narrow(op->getResult(0), bits);
        op->getResult(0).replaceUsesWithIf(narrow, [narrow](OpOperand &use) {
          return use.getOwner() !=
                 narrow.getDefiningOp()->getOperand(0).getDefiningOp();
        });
      });
}

void otherThreads(Sites &sites) {
  cta::KernelOp kernel = sites.kernel;
  int64_t threads = kernel.getThreads();
  for (int64_t count : {threads / 2, threads + 32, threads * 2, int64_t(32)})
    if (count != threads)
      sites.add(kernel, Twine(count) + " threads",
                [kernel, count]() mutable { kernel.setThreads(count); });
}

/// What the manifest takes for its grid formula.
void otherSchedule(Sites &sites) {
  cta::KernelOp kernel = sites.kernel;
  auto old = llvm::to_vector(kernel.getSchedule().getTile());
  for (unsigned i : {0, 1, 2})
    for (bool larger : {true, false}) {
      SmallVector<int64_t> tile(old.begin(), old.end());
      tile[i] = larger ? tile[i] * 2 : tile[i] / 2;
      sites.add(kernel,
                "schedule names the tile " + Twine(tile[0]) + " x " +
                    Twine(tile[1]) + " x " + Twine(tile[2]),
                [kernel, tile]() mutable {
                  cta::ScheduleAttr s = kernel.getSchedule();
                  kernel.setScheduleAttr(cta::ScheduleAttr::get(
                      kernel.getContext(), s.getKind(), tile, s.getWarps(),
                      s.getStages(), s.getFill(), s.getStore(), s.getSwap(),
                      s.getSplit(), s.getGroup(), s.getCtas(),
                      s.getScheduler()));
                });
    }
}

} // namespace

void nybl::mutation::addLaunchOperators(std::vector<Operator> &operators) {
  operators.push_back({"launch.other-count", Target::Launch, otherCount});
  operators.push_back({"launch.other-constant", Target::Launch, otherConstant});
  operators.push_back(
      {"launch.other-operation", Target::Launch, otherOperation});
  operators.push_back({"launch.other-tile", Target::Launch, otherTile});
  operators.push_back({"launch.swap-tiles", Target::Launch, swapTiles});
  operators.push_back({"launch.narrow", Target::Wrap, narrowTiles});
  operators.push_back({"launch.other-threads", Target::Launch, otherThreads});
  operators.push_back({"launch.other-schedule", Target::Launch, otherSchedule});
}
