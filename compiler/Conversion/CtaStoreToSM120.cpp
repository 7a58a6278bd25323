// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Stores by TMA of the pass cta-to-sm120. Each box is a bulk group of the
// thread that stores it; whoever has stored none waits for nothing.

#include "compiler/Conversion/CtaToSM120.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace {

/// A number that is added last is left to the instruction: many places of a
/// thread are so one register. (That the sum does not wrap is L6.)
Value addressIn(OpBuilder &b, Location loc, Value stage, Value offset) {
  APInt number(32, 0);
  auto sum = offset.getDefiningOp<arith::AddIOp>();
  if (sum && matchPattern(sum.getRhs(), m_ConstantInt(&number)))
    offset = sum.getLhs();
  auto skip = [&](Value from, LLVM::GEPArg by) {
    return LLVM::GEPOp::create(b, loc, stage.getType(), b.getI8Type(), from,
                               ArrayRef<LLVM::GEPArg>{by});
  };
  return skip(skip(stage, offset), static_cast<int32_t>(number.getZExtValue()));
}

void syncWarp(OpBuilder &b, Location loc) {
  NVVM::SyncWarpOp::create(b, loc, number(b, loc, -1));
}

/// A plain store of both, which is one instruction: no padding is in a stage.
struct LowerStorePair : Lowering<cta::StorePairOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::StorePairOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Value address = addressIn(b, loc, a.getStage(), a.getOffset());
    Type type = VectorType::get(2, a.getFirst().getType());
    Value pair = LLVM::PoisonOp::create(b, loc, type);
    Value zero = number(b, loc, 0), one = number(b, loc, 1);
    pair = LLVM::InsertElementOp::create(b, loc, pair, a.getFirst(), zero);
    pair = LLVM::InsertElementOp::create(b, loc, pair, a.getSecond(), one);
    int64_t bytes = 2 * op.getElementBytes();
    if (bytes == 4) // one word
      pair = LLVM::BitcastOp::create(b, loc, b.getI32Type(), pair);
    b.replaceOpWithNewOp<LLVM::StoreOp>(op, pair, address, bytes);
    return success();
  }
};

struct LowerStoreBox : Lowering<cta::StoreBoxOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::StoreBoxOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Value from = addressIn(b, loc, a.getStage(), a.getOffset());
    Value elected = electFor(b, loc, a.getMine());
    inlinePtx(b, loc, {},
              {a.getMap(), a.getColumn(), a.getRow(), from, elected},
              "@$4 cp.async.bulk.tensor.2d.global.shared::cta.tile"
              ".bulk_group [$0, {$1, $2}], [$3];",
              "l,r,r,r,b,~{memory}");
    inlinePtx(b, loc, {}, {}, "cp.async.bulk.commit_group;", "~{memory}");
    b.eraseOp(op);
    return success();
  }
};

/// The lane that stored knows when its boxes have been read, and then the warp.
struct LowerAcquire : Lowering<cta::OutputAcquireOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::OutputAcquireOp op, OpAdaptor,
                                ConversionPatternRewriter &b) const override {
    inlinePtx(b, op.getLoc(), {}, {}, "cp.async.bulk.wait_group.read 0;",
              "~{memory}");
    syncWarp(b, op.getLoc());
    b.eraseOp(op);
    return success();
  }
};

/// Each lane makes its writes known to TMA, and then the warp meets.
struct LowerPublish : Lowering<cta::OutputPublishOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::OutputPublishOp op, OpAdaptor,
                                ConversionPatternRewriter &b) const override {
    inlinePtx(b, op.getLoc(), {}, {}, "fence.proxy.async.shared::cta;",
              "~{memory}");
    syncWarp(b, op.getLoc());
    b.eraseOp(op);
    return success();
  }
};

struct LowerDrain : Lowering<cta::OutputDrainOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::OutputDrainOp op, OpAdaptor,
                                ConversionPatternRewriter &b) const override {
    inlinePtx(b, op.getLoc(), {}, {}, "cp.async.bulk.wait_group 0;",
              "~{memory}");
    b.eraseOp(op);
    return success();
  }
};

} // namespace

void nybl::compiler::addStorePatterns(TypeConverter &types,
                                      RewritePatternSet &patterns) {
  patterns.add<LowerStorePair, LowerStoreBox, LowerAcquire, LowerPublish,
               LowerDrain>(types, patterns.getContext());
}
