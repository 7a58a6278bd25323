// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How the two CTAs of a pair meet, of the pass cta-to-sm100. The CTA of rank 1
// tells that of rank 0, at an mbarrier there, that its slot of a ring is whole;
// what is asked for then tells both when it is over.

#include "compiler/Conversion/CtaToSM120.h"
#include "dialects/Cta/CtaOps.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace {

struct LowerPairRank : Lowering<cta::PairRankOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::PairRankOp op, OpAdaptor,
                                ConversionPatternRewriter &b) const override {
    b.replaceOpWithNewOp<NVVM::ClusterId>(op, b.getI32Type());
    return success();
  }
};

struct LowerPairMeet : Lowering<cta::PairMeetOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::PairMeetOp op, OpAdaptor,
                                ConversionPatternRewriter &b) const override {
    meetPair(b, op.getLoc());
    b.eraseOp(op);
    return success();
  }
};

/// Accumulators that this CTA has read, and the slot that it has waited for,
/// are the other's from here on.
struct LowerPairArrive : Lowering<cta::PairArriveOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::PairArriveOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    auto ring = op.getRing().getDefiningOp<cta::RingOp>();
    Value own = pairBarrier(b, loc, ring, a.getRing(), a.getIteration());
    inlinePtx(b, loc, {}, {}, "tcgen05.fence::before_thread_sync;",
              "~{memory}");
    Value first = inlinePtx(b, loc, b.getI32Type(), own,
                            "mapa.shared::cluster.u32 $0, $1, 0;", "=r,r")
                      .getResult(0);
    inlinePtx(b, loc, {}, first,
              "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [$0];",
              "r,~{memory}");
    b.eraseOp(op);
    return success();
  }
};

struct LowerPairWait : Lowering<cta::PairWaitOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::PairWaitOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    waitForPair(b, op.getLoc(), op.getRing().getDefiningOp<cta::RingOp>(),
                a.getRing(), a.getIteration());
    inlinePtx(b, op.getLoc(), {}, {}, "tcgen05.fence::after_thread_sync;",
              "~{memory}");
    b.eraseOp(op);
    return success();
  }
};

/// Of a K step in the CTA of rank 1: it waits for its slot and hands it over.
void cloneHandover(OpBuilder &b, Operation &op, IRMapping &mapping) {
  if (auto wait = dyn_cast<cta::PairWaitOp>(op))
    cta::PairArriveOp::create(b, op.getLoc(),
                              mapping.lookupOrDefault(wait.getRing()),
                              mapping.lookupOrDefault(wait.getIteration()),
                              /*mine=*/Value());
  else if (isa<cta::RingWaitOp, cta::RingAcquireOp>(op) ||
           (isPure(&op) && op.getNumRegions() == 0 &&
            llvm::none_of(op.getOperandTypes(),
                          llvm::IsaPred<cta::TensorAccType>)))
    b.clone(op, mapping);
}

} // namespace

void nybl::compiler::meetPair(OpBuilder &b, Location loc) {
  inlinePtx(b, loc, {}, {},
            "barrier.cluster.arrive.release.aligned;\n\t"
            "barrier.cluster.wait.acquire.aligned;",
            "~{memory}");
}

Value nybl::compiler::isFirstOfPair(OpBuilder &b, Location loc) {
  Value rank = NVVM::ClusterId::create(b, loc, b.getI32Type());
  Value zero = number(b, loc, 0);
  return LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::eq, rank, zero);
}

void nybl::compiler::partPair(scf::ForOp loop) {
  OpBuilder b(loop);
  Location loc = loop.getLoc();
  loop.walk([](cta::PairWaitOp wait) {
    wait.getRing().getDefiningOp()->setAttr(isHandedOver,
                                            UnitAttr::get(wait.getContext()));
  });
  Value first = isFirstOfPair(b, loc);
  auto branch = scf::IfOp::create(b, loc, first, /*withElseRegion=*/true);
  loop->moveBefore(branch.thenBlock()->getTerminator());
  b.setInsertionPointToStart(branch.elseBlock());
  auto handover = scf::ForOp::create(b, loc, loop.getLowerBound(),
                                     loop.getUpperBound(), loop.getStep());
  IRMapping mapping;
  mapping.map(loop.getInductionVar(), handover.getInductionVar());
  b.setInsertionPointToStart(handover.getBody());
  for (Operation &op : loop.getBody()->without_terminator())
    cloneHandover(b, op, mapping);
}

void nybl::compiler::addPairPatterns(TypeConverter &types,
                                     RewritePatternSet &patterns) {
  patterns.add<LowerPairRank, LowerPairMeet, LowerPairArrive, LowerPairWait>(
      types, patterns.getContext());
}
