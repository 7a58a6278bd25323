// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scale factors that come as a whole, by bulk copies, or word by word, by
// threads: which of the two is a branch, so that nobody computes addresses of
// copies that are not made.

#include "compiler/Conversion/CtaToSM120.h"
#include "dialects/Cta/CtaOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/MapVector.h"

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
    Value elected = electFor(b, loc, a.getMine());
    Value copies = LLVM::AndOp::create(b, loc, elected, a.getInside());
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

/// What is computed for these copies alone goes with them.
void branchAround(Value whole, ArrayRef<cta::CopyScalesOp> copies) {
  cta::CopyScalesOp last = copies.back();
  OpBuilder b(last);
  Location loc = last.getLoc();
  Value always =
      arith::ConstantOp::create(b, loc, b.getIntegerAttr(b.getI1Type(), 1));
  Value some = arith::XOrIOp::create(b, loc, whole, always);
  auto branch = scf::IfOp::create(b, loc, some, /*withElseRegion=*/false);
  for (cta::CopyScalesOp copy : copies) {
    copy.getUnlessMutable().clear();
    copy->moveBefore(branch.thenBlock()->getTerminator());
  }
  for (Operation *op = branch->getPrevNode(), *next; op; op = next) {
    next = op->getPrevNode();
    if (isPure(op) && !op->use_empty() &&
        llvm::all_of(op->getUsers(), [&](Operation *user) {
          return branch->isProperAncestor(user);
        }))
      op->moveBefore(&branch.thenBlock()->front());
  }
}

} // namespace

void nybl::compiler::branchAroundWholeScales(cta::KernelOp kernel) {
  using Key = std::pair<Block *, Value>;
  llvm::MapVector<Key, SmallVector<cta::CopyScalesOp>> groups;
  kernel.walk([&](cta::CopyScalesOp copy) {
    if (Value whole = copy.getUnless())
      groups[Key(copy->getBlock(), whole)].push_back(copy);
  });
  for (auto &[key, copies] : groups)
    branchAround(key.second, copies);
}

void nybl::compiler::addScaleAtomPatterns(TypeConverter &types,
                                          RewritePatternSet &patterns) {
  patterns.add<LowerCopyScaleAtoms>(types, patterns.getContext());
}
