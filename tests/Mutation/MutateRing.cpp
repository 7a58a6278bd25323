// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators on rings: steps left out, of another iteration, too early or too
// late; slots too few.

#include "tests/Mutation/Edit.h"
#include "tests/Mutation/Mutants.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::mutation;

namespace {

bool isStep(Operation *op) {
  return isa<cta::RingAcquireOp, cta::RingPublishOp, cta::RingWaitOp,
             cta::RingReleaseOp, cta::TensorReleaseOp, cta::TensorPublishOp,
             cta::PairWaitOp>(op);
}

SmallVector<Operation *> stepsOf(cta::KernelOp kernel) {
  SmallVector<Operation *> steps;
  kernel.walk([&](Operation *op) {
    if (isStep(op))
      steps.push_back(op);
  });
  return steps;
}

void dropStep(Sites &sites) {
  for (Operation *op : stepsOf(sites.kernel))
    if (op->use_empty())
      sites.add(op, "dropped", [op] { op->erase(); });
}

void repeatStep(Sites &sites) {
  for (Operation *op : stepsOf(sites.kernel))
    sites.add(op, "done twice", [op] {
      OpBuilder b(op);
      b.clone(*op);
    });
}

void moveIteration(Sites &sites, Operation *op, unsigned operand) {
  for (int64_t by : {1, -1, 2})
    sites.add(op, "iteration moved by " + Twine(by), [op, operand, by] {
      Edit e(op);
      op->setOperand(operand, e.plus(op->getOperand(operand), by));
    });
  sites.add(op, "iteration 0", [op, operand] {
    Edit e(op);
    op->setOperand(operand, e.constant(e.b.getI32Type(), 0));
  });
}

void otherIteration(Sites &sites) {
  for (Operation *op : stepsOf(sites.kernel))
    moveIteration(sites, op, /*operand=*/1);
}

/// An access of the slot of another iteration.
void otherSlot(Sites &sites) {
  sites.kernel.walk([&](cta::StageAccess access) {
    for (OpOperand &operand : access->getOpOperands())
      if (access.getIteration() && operand.get() == access.getIteration()) {
        moveIteration(sites, access, operand.getOperandNumber());
        return;
      }
  });
}

void otherPending(Sites &sites) {
  for (cta::RingWaitOp wait : all<cta::RingWaitOp>(sites.kernel))
    for (int64_t by : {1, -1, 2}) {
      int64_t pending = static_cast<int64_t>(wait.getPending()) + by;
      if (pending >= 0)
        sites.add(wait, Twine(pending) + " pending",
                  [wait, pending]() mutable { wait.setPending(pending); });
    }
}

void otherStages(Sites &sites) {
  for (cta::RingOp ring : all<cta::RingOp>(sites.kernel))
    for (int64_t by : {-1, 1, -2}) {
      int64_t stages = static_cast<int64_t>(ring.getStages()) + by;
      if (stages >= 1)
        sites.add(ring, Twine(stages) + " stages",
                  [ring, stages]() mutable { ring.setStages(stages); });
    }
}

/// Over the ops around it that order or touch memory.
void moveStep(Sites &sites) {
  auto counts = [](Operation *op) {
    return isStep(op) ||
           isa<cta::StageAccess, cta::BarrierOp, scf::ForOp, scf::IfOp>(op);
  };
  for (Operation *op : stepsOf(sites.kernel)) {
    unsigned steps = 0;
    for (Operation *at = op->getPrevNode(); at && steps < 9;
         at = at->getPrevNode()) {
      if (llvm::is_contained(op->getOperands(),
                             at->getNumResults() ? at->getResult(0) : Value()))
        break; // what it is made of
      if (counts(at) && ++steps)
        sites.add(op, "moved up over " + Twine(steps),
                  [op, at] { op->moveBefore(at); });
    }
    steps = 0;
    for (Operation *at = op->getNextNode(); at && steps < 9;
         at = at->getNextNode())
      if (counts(at) && ++steps)
        sites.add(op, "moved down over " + Twine(steps),
                  [op, at] { op->moveAfter(at); });
  }
}

/// Copies before or behind the ops around them.
void moveCopy(Sites &sites) {
  sites.kernel.walk([&](cta::StageAccess access) {
    Operation *op = access;
    if (!access.getIteration())
      return;
    for (Operation *at = op->getNextNode(); at; at = at->getNextNode())
      if (isStep(at) && op->getNumResults() == 0) {
        sites.add(op, "moved down over a step of the ring",
                  [op, at] { op->moveAfter(at); });
        break;
      }
    for (Operation *at = op->getPrevNode(); at; at = at->getPrevNode()) {
      if (llvm::any_of(op->getOperands(),
                       [&](Value v) { return v.getDefiningOp() == at; }))
        break;
      if (isStep(at)) {
        sites.add(op, "moved up over a step of the ring",
                  [op, at] { op->moveBefore(at); });
        break;
      }
    }
  });
}

} // namespace

void nybl::mutation::addRingOperators(std::vector<Operator> &operators) {
  operators.push_back({"ring.drop-step", Target::Ring, dropStep});
  operators.push_back({"ring.repeat-step", Target::Ring, repeatStep});
  operators.push_back({"ring.other-iteration", Target::Ring, otherIteration});
  operators.push_back({"ring.other-slot", Target::Ring, otherSlot});
  operators.push_back({"ring.other-pending", Target::Ring, otherPending});
  operators.push_back({"ring.other-stages", Target::Ring, otherStages});
  operators.push_back({"ring.move-step", Target::Ring, moveStep});
  operators.push_back({"ring.move-copy", Target::Ring, moveCopy});
}
