// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which iteration of a ring is meant, in which K step.

#include "compiler/Legality/Prove.h"
#include "compiler/Legality/StageContent.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

/// The K step around an op, if it is in a loop.
static FailureOr<AffineExpr> stepAround(Operation *op, Slicer &slicer) {
  auto loop = op->getParentOfType<scf::ForOp>();
  return loop ? slicer.index(loop.getInductionVar()) : AffineExpr();
}

static int64_t constantOf(AffineExpr expr) {
  return cast<AffineConstantExpr>(expr).getValue();
}

FailureOr<Iteration> nybl::compiler::iterationOf(cta::StageAccess access,
                                                 Slicer &slicer) {
  FailureOr<AffineExpr> named = access.getIteration()
                                    ? slicer.index(access.getIteration())
                                    : stepAround(access, slicer);
  if (failed(named))
    return failure();
  Iteration result;
  if (!*named)
    return result;
  result.leaf = *named;
  if (auto sum = dyn_cast<AffineBinaryOpExpr>(*named);
      sum && sum.getKind() == AffineExprKind::Add)
    if (auto shift = dyn_cast<AffineConstantExpr>(sum.getRHS())) {
      result.leaf = sum.getLHS();
      result.shift = shift.getValue();
    }
  const Leaf *leaf = slicer.leafOf(result.leaf);
  if (!leaf || leaf->kind != LeafKind::Step)
    return access.emitError("not proven: expected a K step, or a K step and a "
                            "number, as the iteration of a ring");
  // Of steps that K alone counts all are alike: a shift would have ends.
  auto alloc = access.getStage().getDefiningOp<cta::AllocOp>();
  bool meetsRoles =
      !alloc.getRing() ||
      alloc.getRing().getDefiningOp<cta::RingOp>().isBetweenRoles();
  if (Slicer::isFree(*leaf) && (result.shift != 0 || !meetsRoles))
    return access.emitError("not proven: expected the K step itself, of a ring "
                            "between roles, where K is free");
  result.begin = result.shift;
  result.end =
      result.shift +
      (Slicer::isFree(*leaf) ? int64_t(leaf->high) : constantOf(leaf->max)) + 1;
  return result;
}

FailureOr<int64_t> nybl::compiler::stepsOf(scf::ForOp loop, Proof &proof) {
  FailureOr<AffineExpr> index = proof.slicer.index(loop.getInductionVar());
  if (failed(index))
    return failure();
  if (loop->getParentOfType<scf::ForOp>())
    return loop.emitError("not proven: expected no K loop in a K loop");
  const Leaf &leaf = *proof.slicer.leafOf(*index);
  return Slicer::isFree(leaf) ? proof.stepsTraced : constantOf(leaf.max) + 1;
}

FailureOr<int64_t> nybl::compiler::iterationAt(Operation *op, Value named,
                                               int64_t step, Slicer &slicer) {
  FailureOr<AffineExpr> index = slicer.index(named);
  if (failed(index))
    return failure();
  Sample point;
  for (auto [number, leaf] : llvm::enumerate(slicer.leaves())) {
    bool steps = leaf.kind == LeafKind::Step;
    point[number] = steps ? step : 0;
    if (!steps && index->isFunctionOfDim(number))
      return op->emitError("not proven: expected the K step, or a K step and a "
                           "number, as the iteration of a ring");
  }
  return evaluate(*index, point);
}

AffineExpr nybl::compiler::byIteration(AffineExpr expr,
                                       const Iteration &iteration) {
  if (!iteration.leaf)
    return expr;
  AffineExpr number = getAffineSymbolExpr(0, expr.getContext());
  return expr.replace(iteration.leaf, number - iteration.shift);
}

AffineExpr nybl::compiler::atIteration(AffineExpr expr,
                                       const Iteration &iteration) {
  if (!iteration.leaf)
    return expr;
  AffineExpr number = getAffineSymbolExpr(0, expr.getContext());
  return expr.replace(number, iteration.leaf + iteration.shift);
}
