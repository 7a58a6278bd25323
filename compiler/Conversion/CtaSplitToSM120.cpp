// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sums over the parts of a tile, of the pass cta-to-sm120. A counter for each
// warp says whose turn it is: acquire and release at the scope of the GPU order
// the sums, which are plain loads and stores between them (PTX ISA, memory
// consistency model: a release is cumulative over what its warp's barrier has
// ordered before it).

#include "compiler/Conversion/CtaRoles.h"
#include "compiler/Conversion/CtaToSM120.h"
#include "dialects/Cta/CtaOps.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace {

/// What one cta.sum_parts becomes.
class Turn {
public:
  Turn(OpBuilder &b, cta::SumPartsOp op, cta::SumPartsOp::Adaptor a,
       int64_t parts)
      : b(b), loc(op.getLoc()), type(op.getWorkspace().getType()),
        part(a.getPart()), thread(a.getThread()) {
    Type i64 = b.getI64Type();
    Value tile = LLVM::ZExtOp::create(b, loc, i64, a.getTile());
    Value bytes =
        LLVM::ConstantOp::create(b, loc, b.getI64IntegerAttr(type.tileBytes()));
    Value offset = LLVM::MulOp::create(b, loc, tile, bytes);
    base = at(a.getWorkspace(), offset);
    Value warp = LLVM::UDivOp::create(b, loc, thread, number(32));
    Value counters = LLVM::MulOp::create(b, loc, warp, number(4));
    counter = at(base, counters);
    isLast = LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::eq, part,
                                  number(parts - 1));
    isAfter =
        LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::ne, part, number(0));
    zero = LLVM::ConstantOp::create(b, loc, b.getF32FloatAttr(0.0f));
  }

  /// All lanes look, so that each has seen what came before.
  void wait() {
    inlinePtx(b, loc, {}, {counter, part},
              "{\n\t.reg .pred others;\n\t.reg .b32 turn;\n"
              "turn_${:uid}:\n\t"
              "ld.acquire.gpu.global.b32 turn, [$0];\n\t"
              "setp.ne.b32 others, turn, $1;\n\t"
              "@others bra turn_${:uid};\n\t}",
              "l,r,~{memory}");
  }

  /// Four registers: added to what is there, and left there, or zero.
  SmallVector<Value> add(int64_t row, ValueRange values) {
    Value own = LLVM::MulOp::create(b, loc, thread, number(16));
    int64_t rowBytes = type.getThreads() * 16;
    Value offset = LLVM::AddOp::create(
        b, loc, own, number(type.counterBytes() + row * rowBytes));
    Value address = at(base, offset);
    SmallVector<Type> floats(4, b.getF32Type());
    auto four = LLVM::LLVMStructType::getLiteral(b.getContext(), floats);
    Value before =
        inlinePtx(b, loc, four, {address, isAfter},
                  "mov.b32 $0, 0;\n\tmov.b32 $1, 0;\n\tmov.b32 $2, 0;\n\t"
                  "mov.b32 $3, 0;\n\t"
                  "@$5 ld.global.v4.b32 {$0, $1, $2, $3}, [$4];",
                  "=&f,=&f,=&f,=&f,l,b,~{memory}")
            .getResult(0);
    SmallVector<Value> sums, operands{address};
    for (auto [i, value] : llvm::enumerate(values)) {
      Value sum = LLVM::ExtractValueOp::create(b, loc, before, i);
      sums.push_back(LLVM::FAddOp::create(b, loc, sum, value));
      operands.push_back(
          LLVM::SelectOp::create(b, loc, isLast, zero, sums.back()));
    }
    inlinePtx(b, loc, {}, operands, "st.global.v4.b32 [$0], {$1, $2, $3, $4};",
              "l,f,f,f,f,~{memory}");
    return sums;
  }

  /// One lane speaks for its warp, when all its lanes have written.
  void handOn() {
    NVVM::SyncWarpOp::create(b, loc, number(-1));
    Value lane = LLVM::AndOp::create(b, loc, thread, number(31));
    Value first =
        LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::eq, lane, number(0));
    Value next = LLVM::AddOp::create(b, loc, part, number(1));
    Value turn = LLVM::SelectOp::create(b, loc, isLast, number(0), next);
    inlinePtx(b, loc, {}, {counter, turn, first},
              "@$2 st.release.gpu.global.b32 [$0], $1;", "l,r,b,~{memory}");
  }

  Value isLast;

private:
  Value number(int64_t value) { return compiler::number(b, loc, value); }
  Value at(Value from, Value offset) {
    return LLVM::GEPOp::create(b, loc, from.getType(), b.getI8Type(), from,
                               ArrayRef<LLVM::GEPArg>{offset});
  }

  OpBuilder &b;
  Location loc;
  cta::WorkspaceType type;
  Value part, thread, base, counter, isAfter, zero;
};

struct LowerSumParts : Lowering<cta::SumPartsOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::SumPartsOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    int64_t parts = op->getAttrOfType<IntegerAttr>(partsOfTile).getInt();
    Turn turn(b, op, a, parts);
    turn.wait();
    SmallVector<Value> sums;
    for (size_t row = 0; row < a.getValues().size() / 4; ++row)
      llvm::append_range(sums, turn.add(row, a.getValues().slice(4 * row, 4)));
    turn.handOn();
    auto branch = scf::IfOp::create(b, op.getLoc(), turn.isLast);
    b.inlineBlockBefore(&op.getBody().front(),
                        branch.thenBlock()->getTerminator(), sums);
    b.eraseOp(op);
    return success();
  }
};

} // namespace

void nybl::compiler::addSplitPatterns(TypeConverter &types,
                                      RewritePatternSet &patterns) {
  patterns.add<LowerSumParts>(types, patterns.getContext());
}
