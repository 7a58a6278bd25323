// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scale factors that come as a whole, by bulk copies, or word by word, by
// threads. Which of the two is a branch, and so is who asks for what comes in
// bulk: nobody computes addresses of copies that he does not make.

#include "compiler/Conversion/CtaToSM120.h"
#include "dialects/Cta/CtaOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace {

/// The thread that copies is expected to bring so many bytes: see LowerCopyBox.
struct LowerCopyScaleAtoms : Lowering<cta::CopyScaleAtomsOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::CopyScaleAtomsOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Value full = fullBarrier(b, loc, op.getRing().getDefiningOp<cta::RingOp>(),
                             a.getRing(), a.getIteration());
    Value copies = a.getInside(); // of who is elected: see electForCopies
    inlinePtx(b, loc, {}, {full, copies},
              "@$1 mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [$0], " +
                  std::to_string(op.getElementBytes()) + ";",
              "r,b,~{memory}");
    int64_t pieces = op.getPieces();
    int64_t bytes = op.getElementBytes() / pieces;
    for (int64_t piece = 0; piece < pieces; ++piece) {
      Value skipped = number(b, loc, piece * int64_t(op.getApart()));
      Value at = LLVM::AddOp::create(b, loc, a.getTo(), skipped);
      Value to = stageAddress(b, op, a.getStage(), a.getIteration(), at);
      Value offset = LLVM::AddOp::create(
          b, loc, a.getOffset(),
          LLVM::ConstantOp::create(b, loc, b.getI64IntegerAttr(piece * bytes)));
      Value from =
          LLVM::GEPOp::create(b, loc, a.getBase().getType(), b.getI8Type(),
                              a.getBase(), ArrayRef<LLVM::GEPArg>{offset});
      inlinePtx(b, loc, {}, {to, from, full, copies},
                "@$3 cp.async.bulk.shared::cta.global"
                ".mbarrier::complete_tx::bytes [$0], [$1], " +
                    std::to_string(bytes) + ", [$2];",
                "r,l,r,b,~{memory}");
    }
    b.eraseOp(op);
    return success();
  }
};

/// They are of one claim: what is moved to the last of them passes no step of a
/// ring.
LogicalResult checkClaim(ArrayRef<Operation *> ops) {
  for (Operation *op = ops.front(); op != ops.back(); op = op->getNextNode())
    if (isa<cta::RingAcquireOp, cta::RingPublishOp, cta::RingWaitOp,
            cta::RingReleaseOp>(op))
      return ops.back()->emitOpError("expected no step of a ring between this "
                                     "and what is copied with it");
  return success();
}

/// These ops go into a branch, before the last of them, and what is computed
/// for them alone goes with them.
void moveInto(scf::IfOp branch, ArrayRef<Operation *> ops) {
  for (Operation *op : ops)
    op->moveBefore(branch.thenBlock()->getTerminator());
  for (Operation *op = branch->getPrevNode(), *next; op; op = next) {
    next = op->getPrevNode();
    if (isPure(op) && !op->use_empty() &&
        llvm::all_of(op->getUsers(), [&](Operation *user) {
          return branch->isProperAncestor(user);
        }))
      op->moveBefore(&branch.thenBlock()->front());
  }
}

void branchAroundWords(Value whole, ArrayRef<Operation *> copies) {
  OpBuilder b(copies.back());
  Location loc = copies.back()->getLoc();
  Value always =
      arith::ConstantOp::create(b, loc, b.getIntegerAttr(b.getI1Type(), 1));
  Value some = arith::XOrIOp::create(b, loc, whole, always);
  for (Operation *copy : copies)
    cast<cta::CopyScalesOp>(copy).getUnlessMutable().clear();
  moveInto(scf::IfOp::create(b, loc, some, /*withElseRegion=*/false), copies);
}

/// Boxes and atoms: one election for all that the same thread asks for.
void electForCopies(Value mine, ArrayRef<Operation *> copies) {
  OpBuilder b(copies.back());
  Location loc = copies.back()->getLoc();
  Value elected = electFor(b, loc, mine);
  for (Operation *copy : copies)
    copy->setAttr(byElected, b.getUnitAttr());
  moveInto(scf::IfOp::create(b, loc, elected, /*withElseRegion=*/false),
           copies);
}

} // namespace

LogicalResult nybl::compiler::branchToCopies(cta::KernelOp kernel) {
  using Groups =
      llvm::MapVector<std::pair<Block *, Value>, SmallVector<Operation *>>;
  Groups words, elected;
  llvm::SmallPtrSet<Block *, 4> withAtoms;
  kernel.walk([&](cta::CopyScaleAtomsOp atoms) {
    withAtoms.insert(atoms->getBlock());
  });
  kernel.walk([&](Operation *op) {
    Block *block = op->getBlock();
    if (auto copy = dyn_cast<cta::CopyScalesOp>(op); copy && copy.getUnless())
      words[{block, copy.getUnless()}].push_back(op);
    if (!withAtoms.contains(block))
      return;
    if (auto box = dyn_cast<cta::CopyBoxOp>(op))
      elected[{block, box.getMine()}].push_back(op);
    if (auto atoms = dyn_cast<cta::CopyScaleAtomsOp>(op))
      elected[{block, atoms.getMine()}].push_back(op);
  });
  for (auto &[key, copies] : words) {
    if (failed(checkClaim(copies)))
      return failure();
    branchAroundWords(key.second, copies);
  }
  for (auto &[key, copies] : elected) {
    if (failed(checkClaim(copies)))
      return failure();
    electForCopies(key.second, copies);
  }
  return success();
}

void nybl::compiler::addScaleAtomPatterns(TypeConverter &types,
                                          RewritePatternSet &patterns) {
  patterns.add<LowerCopyScaleAtoms>(types, patterns.getContext());
}
