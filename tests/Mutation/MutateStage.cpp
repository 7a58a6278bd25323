// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators on shared memory and on what orders it: stages, lanes, barriers,
// and the waits of dependent grids.

#include "tests/Mutation/Edit.h"
#include "tests/Mutation/Mutants.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::mutation;

namespace {

/// An access of shared memory, and its offset within the stage. (Boxes have
/// none: they fill it.)
struct Shared {
  Operation *op;
  OpOperand *stage, *offset;
};

SmallVector<Shared> sharedAccesses(cta::KernelOp kernel) {
  SmallVector<Shared> found;
  kernel.walk([&](cta::StageAccess access) {
    Shared shared{access, nullptr, nullptr};
    for (OpOperand &operand : access->getOpOperands()) {
      if (operand.get() == access.getStage())
        shared.stage = &operand;
      if (operand.get() == access.getStageOffset())
        shared.offset = &operand;
    }
    if (shared.offset)
      found.push_back(shared);
  });
  return found;
}

int64_t bytesOf(Operation *op) {
  return cast<cta::StageAccess>(op).getStageBytes();
}

bool isStore(Operation *op) {
  return isa<cta::StoreSharedOp, cta::StoreScaleOp>(op);
}

void moveStageOffset(Sites &sites) {
  for (Shared s : sharedAccesses(sites.kernel))
    for (int64_t by : {bytesOf(s.op), -bytesOf(s.op), int64_t(64)})
      sites.add(s.op, "offset by " + Twine(by) + " bytes", [s, by] {
        Edit e(s.op);
        s.offset->set(e.plus(s.offset->get(), by));
      });
}

/// Constants of the arithmetic of an offset: pitches, divisors.
void otherStageConstant(Sites &sites) {
  for (Shared s : sharedAccesses(sites.kernel))
    for (Operation *op : sliceOf(s.offset->get()))
      for (OpOperand &operand : op->getOpOperands())
        if (std::optional<int64_t> old = constantOf(operand.get()))
          for (int64_t value : {*old + 1, *old * 2, (*old + 1) / 2}) {
            unsigned number = operand.getOperandNumber();
            sites.add(s.op,
                      "constant " + Twine(*old) + " of " +
                          op->getName().getStringRef() + " becomes " +
                          Twine(value),
                      [s, op, number, value] {
                        Edit e(s.op);
                        Value other =
                            e.constant(op->getOperand(number).getType(), value);
                        Operation *copy = e.b.clone(*op);
                        copy->setOperand(number, other);
                        IRMapping map;
                        map.map(op->getResult(0), copy->getResult(0));
                        s.offset->set(e.copySlice(s.offset->get(), map));
                      });
          }
}

/// Another stage of the same kind of bytes.
void otherStage(Sites &sites) {
  SmallVector<cta::AllocOp> allocs = all<cta::AllocOp>(sites.kernel);
  for (Shared s : sharedAccesses(sites.kernel))
    for (cta::AllocOp alloc : allocs) {
      Value other = alloc.getResult();
      if (other != s.stage->get() &&
          s.stage->get().getType().getTypeID() == other.getType().getTypeID())
        sites.add(s.op, "in another stage",
                  [s, other] { s.stage->set(other); });
    }
}

/// Two stages in the same bytes.
void overlapStages(Sites &sites) {
  SmallVector<cta::AllocOp> allocs = all<cta::AllocOp>(sites.kernel);
  for (cta::AllocOp alloc : allocs)
    for (cta::AllocOp other : allocs)
      if (alloc->isBeforeInBlock(other) && alloc.getRing() == other.getRing() &&
          alloc.getType().getTypeID() == other.getType().getTypeID())
        sites.add(other, "is an earlier stage", [alloc, other]() mutable {
          other.getResult().replaceAllUsesWith(alloc.getResult());
        });
}

void resizeStage(Sites &sites) {
  for (cta::AllocOp alloc : all<cta::AllocOp>(sites.kernel))
    llvm::TypeSwitch<Type>(alloc.getType())
        .Case<cta::StageType, cta::ScaleStageType, cta::OutputStageType>(
            [&]<typename Stage>(Stage stage) {
              int64_t bytes = stage.getBytes();
              for (int64_t size : {bytes / 2, bytes - 16, bytes + 128})
                if (size > 0)
                  sites.add(alloc, Twine(size) + " bytes",
                            [alloc, size]() mutable {
                              alloc.getResult().setType(
                                  Stage::get(alloc.getContext(), size));
                            });
            });
}

/// Lanes that are masked skip the write, and leave what was there.
void skipMaskedLanes(Sites &sites) {
  for (Shared s : sharedAccesses(sites.kernel)) {
    auto load = s.op->getOperand(0).getDefiningOp<cta::GlobalAccess>();
    if (!load || !isStore(s.op))
      continue;
    sites.add(s.op, "masked lanes skip it", [s, load]() mutable {
      Value guard = load.getGuards(0).front();
      if (auto store = dyn_cast<cta::StoreSharedOp>(s.op))
        store.getGuardMutable().assign(guard);
      else
        cast<cta::StoreScaleOp>(s.op).getGuardMutable().assign(guard);
    });
    for (int64_t bound : {31, 32})
      sites.add(
          s.op, "done by the first " + Twine(bound) + " threads alone",
          [s, bound] {
            Edit e(s.op);
            Value thread =
                cta::ThreadIdOp::create(e.b, e.loc, e.b.getI32Type());
            Value guard = e.less(thread, e.constant(thread.getType(), bound));
            if (auto store = dyn_cast<cta::StoreSharedOp>(s.op))
              store.getGuardMutable().assign(guard);
            else
              cast<cta::StoreScaleOp>(s.op).getGuardMutable().assign(guard);
          });
  }
}

void dropStageStore(Sites &sites) {
  for (Shared s : sharedAccesses(sites.kernel))
    if (s.op->getNumResults() == 0)
      sites.add(s.op, "dropped", [s] { s.op->erase(); });
}

/// The value of another copy of the same kind.
void otherCopy(Sites &sites) {
  SmallVector<Shared> accesses = sharedAccesses(sites.kernel);
  for (Shared s : accesses)
    for (Shared t : accesses)
      if (isStore(s.op) && t.op->getBlock() == s.op->getBlock() &&
          t.op->isBeforeInBlock(s.op) && t.op->getName() == s.op->getName())
        sites.add(s.op, "stores what another copy loaded",
                  [s, t] { s.op->setOperand(0, t.op->getOperand(0)); });
}

//===----------------------------------------------------------------------===//
// Lanes
//===----------------------------------------------------------------------===//

/// A use of the thread's index or of a part of it, off by one.
void moveLane(Sites &sites) {
  sites.kernel.walk([&](Operation *op) {
    bool isPart =
        isa<cta::ThreadIdOp>(op) || (isa<arith::DivUIOp, arith::RemUIOp>(op) &&
                                     op->getResult(0).getType().isInteger(32));
    if (!isPart)
      return;
    SmallVector<Operation *> slice = sliceOf(op->getResult(0));
    bool ofThread = isa<cta::ThreadIdOp>(op);
    for (Operation *part : slice)
      for (Value operand : part->getOperands())
        ofThread |= operand.getDefiningOp<cta::ThreadIdOp>() != nullptr;
    if (!ofThread)
      return;
    for (OpOperand &use : op->getResult(0).getUses())
      for (int64_t by : {1, -1}) {
        Operation *user = use.getOwner();
        unsigned number = use.getOperandNumber();
        sites.add(user,
                  "operand " + Twine(number) +
                      ", a part of the lane, moved by " + Twine(by),
                  [user, number, by] {
                    Edit e(user);
                    user->setOperand(number,
                                     e.plus(user->getOperand(number), by));
                  });
      }
  });
}

/// x of (x + ...) % 8, where x is a part of the lane: a row before eights are
/// turned. Null for others.
Value unturned(Operation *op) {
  if (!isa<arith::RemUIOp>(op) || constantOf(op->getOperand(1)) != 8)
    return {};
  Value row = op->getOperand(0);
  while (auto sum = row.getDefiningOp<arith::AddIOp>())
    row = sum.getLhs();
  Operation *part = row.getDefiningOp();
  return row != op->getOperand(0) &&
                 isa_and_present<arith::RemUIOp, arith::DivUIOp, arith::MulIOp>(
                     part)
             ? row
             : Value();
}

/// A row that is not turned, where all others are.
void turnNone(Sites &sites) {
  auto add = [&](Operation *op, OpOperand *offset) {
    for (Operation *turn : sliceOf(offset->get()))
      if (Value row = unturned(turn))
        sites.add(op, "its row is not turned", [op, offset, turn, row] {
          Edit e(op);
          IRMapping map;
          map.map(turn->getResult(0), row);
          offset->set(e.copySlice(offset->get(), map));
        });
  };
  for (Shared s : sharedAccesses(sites.kernel))
    add(s.op, s.offset);
  for (cta::StoreOp store : all<cta::StoreOp>(sites.kernel))
    add(store, offsetOf(store));
}

/// No row is turned, anywhere: banks have conflicts, and nothing else.
void turnNowhere(Sites &sites) {
  cta::KernelOp kernel = sites.kernel;
  SmallVector<Operation *> all;
  kernel.walk([&](arith::RemUIOp op) {
    if (unturned(op))
      all.push_back(op);
  });
  if (!all.empty())
    sites.add(kernel, "no row is turned", [all] {
      for (Operation *op : all)
        op->getResult(0).replaceAllUsesWith(unturned(op));
    });
}

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

template <typename Op>
void dropAll(Sites &sites) {
  for (Op op : all<Op>(sites.kernel))
    sites.add(op, "dropped", [op] { op->erase(); });
}

template <typename Op>
void repeat(Sites &sites) {
  for (Op op : all<Op>(sites.kernel))
    sites.add(op, "done twice", [op] {
      OpBuilder b(op);
      b.clone(*op);
    });
}

/// Earlier or later among the ops with memory effects around it.
template <typename Op>
void move(Sites &sites) {
  auto counts = [](Operation *op) {
    return !isa<arith::ArithDialect>(op->getDialect()) &&
           !isa<cta::AllocOp, cta::ThreadIdOp>(op) &&
           !op->hasTrait<OpTrait::IsTerminator>();
  };
  for (Op op : all<Op>(sites.kernel)) {
    unsigned steps = 0;
    for (Operation *at = op->getPrevNode(); at && steps < 6;
         at = at->getPrevNode())
      if (counts(at) && ++steps)
        sites.add(op, "moved up over " + Twine(steps),
                  [op, at] { op->moveBefore(at); });
    steps = 0;
    for (Operation *at = op->getNextNode(); at && steps < 8;
         at = at->getNextNode())
      if (counts(at) && ++steps)
        sites.add(op, "moved down over " + Twine(steps),
                  [op, at] { op->moveAfter(at); });
  }
}

/// Into the tile loop, or behind everything.
template <typename Op>
void moveElsewhere(Sites &sites) {
  for (Op op : all<Op>(sites.kernel)) {
    for (cta::TileRangeOp range : all<cta::TileRangeOp>(sites.kernel))
      if (op->getParentOp() != range)
        sites.add(op, "at the begin of each tile", [op, range]() mutable {
          op->moveBefore(&range.getBody().front().front());
        });
    cta::KernelOp kernel = sites.kernel;
    sites.add(op, "at the very begin", [op, kernel]() mutable {
      op->moveBefore(&kernel.getBody().front().front());
    });
    sites.add(op, "at the very end", [op, kernel]() mutable {
      op->moveAfter(&kernel.getBody().front().back());
    });
  }
}

template <typename Op>
void addOrder(std::vector<Operator> &operators, const std::string &name) {
  operators.push_back({name + ".drop", Target::Sync, dropAll<Op>});
  operators.push_back({name + ".twice", Target::Sync, repeat<Op>});
  operators.push_back({name + ".move", Target::Sync, move<Op>});
  operators.push_back({name + ".elsewhere", Target::Sync, moveElsewhere<Op>});
}

} // namespace

void nybl::mutation::addStageOperators(std::vector<Operator> &operators) {
  operators.push_back({"stage.move-offset", Target::Stage, moveStageOffset});
  operators.push_back(
      {"stage.other-constant", Target::Stage, otherStageConstant});
  operators.push_back({"stage.other-stage", Target::Stage, otherStage});
  operators.push_back({"stage.overlap", Target::Stage, overlapStages});
  operators.push_back({"stage.resize", Target::Stage, resizeStage});
  operators.push_back({"stage.skip-masked", Target::Stage, skipMaskedLanes});
  operators.push_back({"stage.drop-store", Target::Stage, dropStageStore});
  operators.push_back({"stage.other-copy", Target::Stage, otherCopy});
  operators.push_back({"lane.move", Target::Lane, moveLane});
  operators.push_back({"lane.turn-none", Target::Lane, turnNone});
  operators.push_back({"lane.turn-nowhere", Target::Lane, turnNowhere});
  addOrder<cta::BarrierOp>(operators, "barrier");
  addOrder<cta::GridWaitOp>(operators, "grid-wait");
  addOrder<cta::GridReleaseOp>(operators, "grid-release");
  addOrder<cta::OutputAcquireOp>(operators, "output-acquire");
  addOrder<cta::OutputPublishOp>(operators, "output-publish");
  addOrder<cta::OutputDrainOp>(operators, "output-drain");
  addOrder<cta::StoreBoxOp>(operators, "output-box");
}
