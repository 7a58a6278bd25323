// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Part of L3: a wait that says that no thread has written scale factors of its
// iteration, so that no fence is needed, says it only where that is so.

#include "compiler/Legality/Prove.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace {

/// All that a claim says, in any order, of iteration s0.
struct Claim {
  SmallVector<LessThan> conjuncts;
  Iteration iteration;

  bool says(const LessThan &less, const Iteration &at, Slicer &slicer) const {
    auto alike = [&](AffineExpr a, AffineExpr b) {
      return isSame(slicer, byIteration(a, iteration), byIteration(b, at));
    };
    return llvm::any_of(conjuncts, [&](const LessThan &own) {
      return alike(own.small, less.small) && alike(own.large, less.large);
    });
  }
};

FailureOr<Claim> claimOf(cta::RingWaitOp wait, Slicer &slicer) {
  FailureOr<AffineExpr> leaf = slicer.index(wait.getIteration());
  FailureOr<SmallVector<LessThan>> conjuncts = slicer.guard(wait.getCopied());
  if (failed(leaf) || failed(conjuncts))
    return failure();
  if (const Leaf *step = slicer.leafOf(*leaf);
      !step || step->kind != LeafKind::Step)
    return wait.emitError("not proven: expected the K step as the iteration of "
                          "a wait that says `copied`");
  Claim claim{std::move(*conjuncts), {}};
  claim.iteration.leaf = *leaf;
  return claim;
}

/// Where the claim holds, threads leave these to atoms that are copied as a
/// whole: each part of that is claimed, or always true.
LogicalResult proveLeft(cta::StageAccess write, const Claim &claim,
                        Proof &proof) {
  Slicer &slicer = proof.slicer;
  auto words = dyn_cast<cta::CopyScalesOp>(write.getOperation());
  if (!words || !words.getUnless())
    return write.emitError("not proven: expected a ring whose waits do not say "
                           "`copied`: here threads write in any case");
  FailureOr<Iteration> iteration = iterationOf(write, slicer);
  FailureOr<SmallVector<LessThan>> unless = slicer.guard(words.getUnless());
  FailureOr<Domain> anywhere = slicer.domain(write, {});
  if (failed(iteration) || failed(unless) || failed(anywhere))
    return failure();
  for (const LessThan &less : *unless) {
    Sample sample;
    if (!claim.says(less, *iteration, slicer) &&
        proof.solver.findViolation(*anywhere, less, sample) !=
            Query::Answer::Empty)
      return write.emitError(
          "not proven: expected waits that say `copied` only "
          "where threads do not write here");
  }
  return success();
}

} // namespace

LogicalResult nybl::compiler::proveCopied(Proof &proof) {
  WalkResult result =
      proof.kernel.walk([&](cta::RingWaitOp wait) -> WalkResult {
        if (!wait.getCopied())
          return success();
        FailureOr<Claim> claim = claimOf(wait, proof.slicer);
        if (failed(claim))
          return failure();
        return proof.kernel.walk([&](cta::StageAccess write) -> WalkResult {
          auto alloc = write.getStage().getDefiningOp<cta::AllocOp>();
          if (!write.isStageWrite() || alloc.getRing() != wait.getRing() ||
              isa<cta::CopyScaleAtomsOp, cta::CopyBoxOp>(write.getOperation()))
            return success();
          return proveLeft(write, *claim, proof);
        });
      });
  return failure(result.wasInterrupted());
}
