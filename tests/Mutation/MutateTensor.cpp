// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators on tensor memory: what multiplies take and where they add up, who
// asks for it, and when it is over.

#include "tests/Mutation/Edit.h"
#include "tests/Mutation/Mutants.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::mutation;

namespace {

void swapOperands(Operation *op, unsigned i, unsigned j) {
  Value first = op->getOperand(i);
  op->setOperand(i, op->getOperand(j));
  op->setOperand(j, first);
}

/// Operands of a multiply: a 0, sa 1, b 2, sb 3.
void swapSides(Sites &sites) {
  for (cta::TensorMmaOp mma : all<cta::TensorMmaOp>(sites.kernel)) {
    sites.add(mma, "scales of a and b swapped",
              [mma] { swapOperands(mma, 1, 3); });
    if (mma.getA().getType() != mma.getB().getType())
      continue;
    sites.add(mma, "a and b swapped", [mma] { swapOperands(mma, 0, 2); });
    sites.add(mma, "a and b and their scales swapped", [mma] {
      swapOperands(mma, 0, 2);
      swapOperands(mma, 1, 3);
    });
  }
}

/// Another part of the K step.
void otherPart(Sites &sites) {
  for (cta::TensorMmaOp mma : all<cta::TensorMmaOp>(sites.kernel))
    for (int64_t by : {1, -1, 2})
      if (int64_t(mma.getStep()) + by >= 0)
        sites.add(mma, "part moved by " + Twine(by),
                  [mma, by]() mutable { mma.setStep(mma.getStep() + by); });
}

void dropMultiply(Sites &sites) {
  for (cta::TensorMmaOp mma : all<cta::TensorMmaOp>(sites.kernel))
    sites.add(mma, "dropped", [mma]() mutable {
      mma.getResult().replaceAllUsesWith(mma.getAcc());
      mma->erase();
    });
}

void repeatMultiply(Sites &sites) {
  for (cta::TensorMmaOp mma : all<cta::TensorMmaOp>(sites.kernel))
    sites.add(mma, "done twice", [mma]() mutable {
      OpBuilder b(mma);
      auto before = cast<cta::TensorMmaOp>(b.clone(*mma));
      mma.getAccMutable().assign(before.getResult());
    });
}

/// The accumulators begin in each K step.
void beginAgain(Sites &sites) {
  for (scf::ForOp loop : all<scf::ForOp>(sites.kernel))
    if (loop.getNumRegionIterArgs() == 1 &&
        isa<cta::TensorAccType>(loop.getRegionIterArg(0).getType()))
      for (cta::TensorMmaOp mma : all<cta::TensorMmaOp>(sites.kernel))
        if (mma.getAcc() == loop.getRegionIterArg(0))
          sites.add(mma, "begins at zero in each K step",
                    [loop, mma]() mutable {
                      OpBuilder b(mma);
                      Value zero = cta::TensorZeroOp::create(b, mma.getLoc());
                      Value whole = mma.getAcc();
                      mma.getAccMutable().assign(zero);
                      // What was added up before is handed on beside it.
                      loop.getBody()->getTerminator()->setOperand(0, whole);
                    });
}

/// Another stage of the same size, or of another slot.
void otherStage(Sites &sites) {
  sites.kernel.walk([&](Operation *op) {
    if (!isa<cta::SmemDescOp, cta::TensorCopyOp>(op))
      return;
    Value stage = op->getOperand(0);
    for (cta::AllocOp alloc : all<cta::AllocOp>(sites.kernel))
      if (alloc.getResult() != stage && alloc.getType() == stage.getType())
        sites.add(op, "of another stage",
                  [op, alloc] { op->setOperand(0, alloc->getResult(0)); });
  });
}

/// Two copies to each other's columns: as good as before.
void swapColumns(Sites &sites) {
  SmallVector<cta::TensorCopyOp> copies = all<cta::TensorCopyOp>(sites.kernel);
  for (auto [copy, next] : llvm::zip(copies, llvm::drop_begin(copies)))
    if (copy.getColumns().getType() == next.getColumns().getType())
      sites.add(copy, "and the next one to each other's columns",
                [copy = copy, next = next]() mutable {
                  Value columns = copy.getColumns();
                  copy.getColumnsMutable().assign(next.getColumns());
                  next.getColumnsMutable().assign(columns);
                });
}

void resizeColumns(Sites &sites) {
  for (cta::TensorAllocOp alloc : all<cta::TensorAllocOp>(sites.kernel)) {
    int64_t columns = alloc.getColumns();
    bool sums = isa<cta::TensorColumnsType>(alloc.getResult().getType());
    for (int64_t size : {columns / 2, columns + 8, columns * 2})
      sites.add(alloc, Twine(size) + " columns", [alloc, size, sums]() mutable {
        MLIRContext *context = alloc.getContext();
        alloc.getResult().setType(
            sums ? Type(cta::TensorColumnsType::get(context, size))
                 : Type(cta::ScaleColumnsType::get(context, size)));
      });
  }
}

/// The slot of another iteration: the other group's.
void otherSums(Sites &sites) {
  sites.kernel.walk([&](Operation *op) {
    unsigned operand = isa<cta::TensorMmaOp>(op)    ? 6
                       : isa<cta::TensorLoadOp>(op) ? 2
                                                    : 0;
    for (int64_t number : {1, 2})
      if (operand > 0)
        sites.add(op, "iteration " + Twine(number), [op, operand, number] {
          Edit e(op);
          op->setOperand(operand, e.constant(e.b.getI32Type(), number));
        });
  });
}

void otherLoads(Sites &sites) {
  SmallVector<cta::TensorLoadOp> loads = all<cta::TensorLoadOp>(sites.kernel);
  for (cta::TensorLoadOp load : loads)
    for (int64_t by : {1, -1, 8, 32, -32})
      if (int64_t(load.getFirst()) + by >= 0)
        sites.add(load, "column moved by " + Twine(by), [load, by]() mutable {
          load.setFirst(load.getFirst() + by);
        });
  for (cta::TensorLoadOp load : loads)
    for (unsigned i : {0u, load.getNumResults() / 2})
      if (i + 1 < load.getNumResults())
        sites.add(load, "columns " + Twine(i) + " and the next swapped",
                  [load, i]() mutable {
                    Value one = load->getResult(i),
                          two = load->getResult(i + 1);
                    SmallVector<OpOperand *> uses;
                    for (OpOperand &use : one.getUses())
                      uses.push_back(&use);
                    two.replaceAllUsesWith(one);
                    for (OpOperand *use : uses)
                      use->set(two);
                  });
}

//===----------------------------------------------------------------------===//
// Scale factors that are copied as a whole
//===----------------------------------------------------------------------===//

void otherAtoms(Sites &sites) {
  for (auto atoms : all<cta::CopyScaleAtomsOp>(sites.kernel)) {
    int64_t count = atoms.getAtoms(), apart = atoms.getApart();
    for (int64_t number : {count - 1, count + 1, 2 * count})
      sites.add(atoms, Twine(number) + " atoms",
                [atoms, number]() mutable { atoms.setAtoms(number); });
    sites.add(atoms, Twine(apart + 512) + " bytes apart",
              [atoms, apart]() mutable { atoms.setApart(apart + 512); });
    sites.add(atoms, "dropped", [atoms]() mutable { atoms.erase(); });
  }
}

/// Who leaves what to whom: words to nobody or to the other operand's atoms,
/// where these stand before.
void otherChoice(Sites &sites) {
  auto atoms = all<cta::CopyScaleAtomsOp>(sites.kernel);
  for (auto words : all<cta::CopyScalesOp>(sites.kernel)) {
    if (!words.getUnless())
      continue;
    sites.add(words, "copied in any case",
              [words]() mutable { words.getUnlessMutable().clear(); });
    sites.add(words, "dropped", [words]() mutable { words.erase(); });
    for (auto other : atoms)
      if (other.getInside() != words.getUnless() &&
          other->getBlock() == words->getBlock() &&
          other->isBeforeInBlock(words))
        sites.add(words, "left to other atoms", [words, other]() mutable {
          words.getUnlessMutable().assign(other.getInside());
        });
  }
}

/// Always, never, or for half of what is asked.
void otherFence(Sites &sites) {
  for (cta::RingWaitOp wait : all<cta::RingWaitOp>(sites.kernel)) {
    if (!wait.getCopied())
      continue;
    sites.add(wait, "with a fence",
              [wait]() mutable { wait.getCopiedMutable().clear(); });
    sites.add(wait, "without a fence", [wait]() mutable {
      Edit e(wait);
      wait.getCopiedMutable().assign(e.truth(true));
    });
    for (Operation *op : sliceOf(wait.getCopied()))
      if (auto both = dyn_cast<arith::AndIOp>(op))
        for (unsigned half : {0u, 1u})
          sites.add(wait, "without a fence by half", [both, half]() mutable {
            both.getResult().replaceAllUsesWith(both->getOperand(half));
          });
  }
}

//===----------------------------------------------------------------------===//
// Who asks, and when it is over
//===----------------------------------------------------------------------===//

bool asks(Operation *op) {
  return isa<cta::TensorCopyOp, cta::TensorMmaOp, cta::TensorReleaseOp,
             cta::TensorPublishOp>(op);
}

/// Of threads `first` to `first` + `count` - 1 of the group.
Value askedBy(Edit &e, Operation *op, int64_t first, int64_t count) {
  Value thread = op->getParentOfType<cta::RoleOp>().getBody().getArgument(0);
  Value moved = e.plus(thread, -first);
  return e.less(moved, e.constant(thread.getType(), count));
}

void otherAsker(Sites &sites) {
  SmallVector<Operation *> asking;
  sites.kernel.walk([&](Operation *op) {
    if (asks(op))
      asking.push_back(op);
  });
  const std::pair<int64_t, int64_t> threads[] = {
      {0, 2}, {32, 1}, {96, 1}, {0, 0}, {0, 128}};
  for (auto [first, count] : threads) {
    std::string who =
        (Twine(count) + " from thread " + Twine(first) + " on").str();
    auto ask = [first = first, count = count](Operation *op) {
      Edit e(op);
      for (OpOperand &operand : op->getOpOperands())
        if (operand.get().getType().isInteger(1))
          operand.set(askedBy(e, op, first, count));
    };
    for (Operation *op : asking)
      sites.add(op, "asked for by " + who, [op, ask] { ask(op); });
    if (!asking.empty())
      sites.add(asking[0], "and all else asked for by " + who, [asking, ask] {
        for (Operation *op : asking)
          ask(op);
      });
  }
}

/// Who lets go of a slot does not know when multiplies are over, or says it of
/// what threads read.
void otherRelease(Sites &sites) {
  for (cta::TensorReleaseOp release : all<cta::TensorReleaseOp>(sites.kernel))
    sites.add(release, "becomes cta.ring_release", [release]() mutable {
      OpBuilder b(release);
      cta::RingReleaseOp::create(b, release.getLoc(), release.getRing(),
                                 release.getIteration());
      release.erase();
    });
  auto published = all<cta::TensorPublishOp>(sites.kernel);
  for (cta::RingReleaseOp release : all<cta::RingReleaseOp>(sites.kernel))
    for (cta::TensorPublishOp publish : published)
      if (release->getBlock() == publish->getBlock())
        sites.add(release, "becomes cta.tensor_release",
                  [release, publish]() mutable {
                    OpBuilder b(release);
                    cta::TensorReleaseOp::create(
                        b, release.getLoc(), release.getRing(),
                        release.getIteration(), publish.getMine());
                    release.erase();
                  });
}

/// Over the steps of rings, and the other ops on tensor memory, around it.
void moveOver(Sites &sites) {
  auto counts = [](Operation *op) {
    return isa<cta::RingWaitOp, cta::RingReleaseOp, cta::RingAcquireOp,
               cta::TakeTurnOp, cta::PassTurnOp, cta::TensorLoadOp,
               cta::SmemDescOp, scf::ForOp>(op) ||
           asks(op);
  };
  sites.kernel.walk([&](Operation *op) {
    if (!asks(op) && !isa<cta::TensorLoadOp, cta::SmemDescOp>(op))
      return;
    unsigned steps = 0;
    for (Operation *at = op->getPrevNode(); at && steps < 4;
         at = at->getPrevNode()) {
      if (llvm::is_contained(at->getUsers(), op))
        break;
      if (counts(at) && ++steps)
        sites.add(op, "moved up over " + Twine(steps),
                  [op, at] { op->moveBefore(at); });
    }
    steps = 0;
    for (Operation *at = op->getNextNode(); at && steps < 4;
         at = at->getNextNode()) {
      if (llvm::is_contained(op->getUsers(), at))
        break;
      if (counts(at) && ++steps)
        sites.add(op, "moved down over " + Twine(steps),
                  [op, at] { op->moveAfter(at); });
    }
  });
}

} // namespace

void nybl::mutation::addTensorOperators(std::vector<Operator> &operators) {
  operators.push_back({"tensor.swap-sides", Target::Tensor, swapSides});
  operators.push_back({"tensor.other-part", Target::Tensor, otherPart});
  operators.push_back({"tensor.drop-multiply", Target::Tensor, dropMultiply});
  operators.push_back(
      {"tensor.repeat-multiply", Target::Tensor, repeatMultiply});
  operators.push_back({"tensor.begin-again", Target::Tensor, beginAgain});
  operators.push_back({"tensor.other-stage", Target::Tensor, otherStage});
  operators.push_back({"tensor.swap-columns", Target::Tensor, swapColumns});
  operators.push_back({"tensor.resize-columns", Target::Tensor, resizeColumns});
  operators.push_back({"tensor.other-sums", Target::Tensor, otherSums});
  operators.push_back({"tensor.other-loads", Target::Tensor, otherLoads});
  operators.push_back({"tensor.other-atoms", Target::Tensor, otherAtoms});
  operators.push_back({"tensor.other-choice", Target::Tensor, otherChoice});
  operators.push_back({"tensor.other-fence", Target::Tensor, otherFence});
  operators.push_back({"tensor.other-asker", Target::Tensor, otherAsker});
  operators.push_back({"tensor.other-release", Target::Tensor, otherRelease});
  operators.push_back({"tensor.move", Target::Tensor, moveOver});
}
