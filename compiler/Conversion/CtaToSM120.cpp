// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass cta-to-sm120: cta.kernel becomes an llvm.func of NVVM ops for chips
// with mma.sync block_scale. Leaves only: nothing is decided here.
//
// Global memory is touched by predicated inline PTX alone. llvm.load would let
// LLVM widen a guarded byte load over the gap to its neighbour or drop the
// guard, and then what was proven is not what runs.

#include "compiler/Conversion/Passes.h"
#include "dialects/Cta/CtaOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Transforms/DialectConversion.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace nybl::compiler {
#define GEN_PASS_DEF_CTATOSM120
#include "compiler/Conversion/Passes.h.inc"
} // namespace nybl::compiler

namespace {

constexpr unsigned globalSpace = 1, sharedSpace = 3;

/// Operands in global memory become global pointers, stages shared pointers, a
/// scale the 16-bit register PTX loads bytes into, a scale word 32 bits.
struct CtaTypeConverter : TypeConverter {
  explicit CtaTypeConverter(MLIRContext *context) {
    auto pointer = [context](unsigned space) {
      return LLVM::LLVMPointerType::get(context, space);
    };
    addConversion([](Type type) { return type; });
    addConversion(
        [=](cta::MatrixType) -> Type { return pointer(globalSpace); });
    addConversion(
        [=](cta::ScalesType) -> Type { return pointer(globalSpace); });
    addConversion(
        [=](cta::ScalarType) -> Type { return pointer(globalSpace); });
    addConversion([=](cta::StageType) -> Type { return pointer(sharedSpace); });
    addConversion(
        [=](cta::ScaleStageType) -> Type { return pointer(sharedSpace); });
    addConversion([context](cta::ScaleType) -> Type {
      return IntegerType::get(context, 16);
    });
    addConversion([context](cta::ScaleWordType) -> Type {
      return IntegerType::get(context, 32);
    });
  }
};

template <typename Op>
struct Lowering : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;
};

Value addressOf(OpBuilder &b, Location loc, Value base, Value offset) {
  return LLVM::GEPOp::create(b, loc, base.getType(), b.getI8Type(), base,
                             ArrayRef<LLVM::GEPArg>{offset});
}

/// One asm statement with a side effect, so that it stays where it is.
LLVM::InlineAsmOp inlinePtx(OpBuilder &b, Location loc, Type result,
                            ValueRange operands, StringRef text,
                            StringRef constraints) {
  return LLVM::InlineAsmOp::create(
      b, loc, result ? TypeRange(result) : TypeRange(), operands, text,
      constraints, /*has_side_effects=*/true, /*is_align_stack=*/false,
      LLVM::TailCallKind::None,
      LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT),
      /*operand_attrs=*/ArrayAttr());
}

//===----------------------------------------------------------------------===//
// Global memory
//===----------------------------------------------------------------------===//
//
// The result is written before the address is read, so it may not share its
// register: '&'.

struct LowerLoad : Lowering<cta::LoadOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::LoadOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Value address = addressOf(b, op.getLoc(), a.getBase(), a.getOffset());
    b.replaceOp(op, inlinePtx(b, op.getLoc(), b.getI64Type(),
                              {address, a.getGuard()},
                              "mov.b64 $0, 0;\n\t@$2 ld.global.b64 $0, [$1];",
                              "=&l,l,b"));
    return success();
  }
};

struct LowerLoadScale : Lowering<cta::LoadScaleOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::LoadScaleOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Value address = addressOf(b, op.getLoc(), a.getBase(), a.getOffset());
    b.replaceOp(op, inlinePtx(b, op.getLoc(), b.getI16Type(),
                              {address, a.getGuard()},
                              "mov.b16 $0, 0;\n\t@$2 ld.global.b8 $0, [$1];",
                              "=&h,l,b"));
    return success();
  }
};

struct LowerLoadScalar : Lowering<cta::LoadScalarOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::LoadScalarOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Value null = LLVM::ZeroOp::create(b, loc, a.getBase().getType());
    Value given = LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::ne,
                                       a.getBase(), null);
    b.replaceOp(op, inlinePtx(b, loc, b.getF32Type(),
                              {a.getBase(), given, a.getValue()},
                              "mov.b32 $0, $3;\n\t@$2 ld.global.b32 $0, [$1];",
                              "=&f,l,b,f"));
    return success();
  }
};

struct LowerStore : Lowering<cta::StoreOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::StoreOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Value address = addressOf(b, loc, a.getBase(), a.getOffset());
    Value value = a.getValue();
    bool wide = value.getType().isF32();
    if (!wide)
      value = LLVM::BitcastOp::create(b, loc, b.getI16Type(), value);
    inlinePtx(b, loc, {}, {address, value, a.getGuard()},
              wide ? "@$2 st.global.b32 [$0], $1;"
                   : "@$2 st.global.b16 [$0], $1;",
              wide ? "l,f,b" : "l,h,b");
    b.eraseOp(op);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Shared memory and multiply
//===----------------------------------------------------------------------===//

/// A name of the module's that nobody has: a kernel may be called stage0.
std::string freeStageName(ModuleOp module) {
  for (unsigned i = 0;; ++i)
    if (std::string name = "stage" + std::to_string(i);
        !SymbolTable::lookupSymbolIn(module, name))
      return name;
}

struct LowerAlloc : Lowering<cta::AllocOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::AllocOp op, OpAdaptor,
                                ConversionPatternRewriter &b) const override {
    auto stage = dyn_cast<cta::StageType>(op.getType());
    int64_t bytes = stage ? stage.getBytes()
                          : cast<cta::ScaleStageType>(op.getType()).getBytes();
    auto module = op->getParentOfType<ModuleOp>();
    LLVM::GlobalOp global;
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(module.getBody());
      global = LLVM::GlobalOp::create(
          b, op.getLoc(), LLVM::LLVMArrayType::get(b.getI8Type(), bytes),
          /*isConstant=*/false, LLVM::Linkage::Internal, freeStageName(module),
          Attribute(), /*alignment=*/128, sharedSpace);
    }
    b.replaceOpWithNewOp<LLVM::AddressOfOp>(op, global);
    return success();
  }
};

/// Shared memory is ours alone, so these may be plain stores: there is no
/// padding in it to leak.
template <typename Op>
struct LowerStoreShared : Lowering<Op> {
  using Lowering<Op>::Lowering;
  LogicalResult matchAndRewrite(Op op, typename Op::Adaptor a,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Value address = addressOf(b, loc, a.getStage(), a.getOffset());
    bool scale = a.getValue().getType().isInteger(16);
    if (Value guard = a.getGuard()) {
      inlinePtx(b, loc, {}, {address, a.getValue(), guard},
                scale ? "@$2 st.shared.b8 [$0], $1;"
                      : "@$2 st.shared.b64 [$0], $1;",
                scale ? "r,h,b" : "r,l,b");
      b.eraseOp(op);
      return success();
    }
    Value value = a.getValue();
    if (scale)
      value = LLVM::TruncOp::create(b, loc, b.getI8Type(), value);
    b.replaceOpWithNewOp<LLVM::StoreOp>(op, value, address,
                                        /*alignment=*/scale ? 1 : 8);
    return success();
  }
};

struct LowerLoadScaleWord : Lowering<cta::LoadScaleWordOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::LoadScaleWordOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Value address = addressOf(b, op.getLoc(), a.getStage(), a.getOffset());
    b.replaceOpWithNewOp<LLVM::LoadOp>(op, b.getI32Type(), address,
                                       /*alignment=*/4);
    return success();
  }
};

struct LowerLdMatrix : Lowering<cta::LdMatrixOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::LdMatrixOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Value address = addressOf(b, loc, a.getStage(), a.getOffset());
    SmallVector<Type> registers(4, b.getI32Type());
    auto type = LLVM::LLVMStructType::getLiteral(getContext(), registers);
    auto shape = NVVM::LdStMatrixShapeAttr::get(getContext(), 8, 8);
    Value loaded = NVVM::LdMatrixOp::create(b, loc, type, address, /*num=*/4,
                                            NVVM::MMALayout::row, shape,
                                            NVVM::LdStMatrixEltType::B16);
    SmallVector<Value> results;
    for (int64_t i = 0; i < 4; ++i)
      results.push_back(LLVM::ExtractValueOp::create(b, loc, loaded, i));
    b.replaceOp(op, results);
    return success();
  }
};

struct LowerMma : Lowering<cta::MmaOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::MmaOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    // Byte id and thread ids are 0: LLVM prints them as registers that hold a
    // constant, which ptxas folds.
    Value zero = LLVM::ConstantOp::create(b, loc, b.getI16IntegerAttr(0));
    SmallVector<Type> lanes(4, b.getF32Type());
    auto type = LLVM::LLVMStructType::getLiteral(getContext(), lanes);
    Value product = NVVM::MmaBlockScaleOp::create(
        b, loc, type, a.getA(), a.getB(), a.getAcc(), a.getSa(), zero, zero,
        a.getSb(), zero, zero, ArrayRef<int64_t>{16, 8, 64},
        std::array{NVVM::MMATypes::e2m1, NVVM::MMATypes::e2m1},
        NVVM::ScaleVecSize::X4, NVVM::BlockScaleFormat::UE4M3,
        NVVM::MMABlockScaleKind::MXF4NVF4);
    SmallVector<Value> results;
    for (int64_t i = 0; i < 4; ++i)
      results.push_back(LLVM::ExtractValueOp::create(b, loc, product, i));
    b.replaceOp(op, results);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

struct LowerThreadId : Lowering<cta::ThreadIdOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::ThreadIdOp op, OpAdaptor,
                                ConversionPatternRewriter &b) const override {
    b.replaceOpWithNewOp<NVVM::ThreadIdXOp>(op, b.getI32Type());
    return success();
  }
};

struct LowerBarrier : Lowering<cta::BarrierOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::BarrierOp op, OpAdaptor,
                                ConversionPatternRewriter &b) const override {
    NVVM::BarrierOp::create(b, op.getLoc());
    b.eraseOp(op);
    return success();
  }
};

template <typename Op, NVVM::GridDepActionKind action>
struct LowerGrid : Lowering<Op> {
  using Lowering<Op>::Lowering;
  LogicalResult matchAndRewrite(Op op, typename Op::Adaptor,
                                ConversionPatternRewriter &b) const override {
    b.replaceOpWithNewOp<NVVM::GriddepcontrolOp>(op, action);
    return success();
  }
};

/// tile = CTA index, + grid size, ...: each tile below count exactly once. The
/// index cannot wrap: count is proven (L6) to leave room for one grid more.
struct LowerTileRange : Lowering<cta::TileRangeOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::TileRangeOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Type i32 = b.getI32Type();
    Value first = NVVM::BlockIdXOp::create(b, loc, i32);
    Value grid = NVVM::GridDimXOp::create(b, loc, i32);
    auto loop = scf::ForOp::create(b, loc, first, a.getCount(), grid);
    Block *body = loop.getBody();
    b.inlineBlockBefore(&op.getBody().front(), body->getTerminator(),
                        loop.getInductionVar());
    b.eraseOp(op);
    return success();
  }
};

struct LowerKernel : Lowering<cta::KernelOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::KernelOp op, OpAdaptor,
                                ConversionPatternRewriter &b) const override {
    if (!op.getCertificate())
      return op.emitOpError("has no certificate: run prove-non-interference");
    if (op.getCertificate()->getHash() != op.hash())
      return op.emitOpError("has the certificate of another text: expected the "
                            "hash ")
             << op.hash() << ", got " << op.getCertificate()->getHash()
             << "; run prove-non-interference again";
    TypeConverter::SignatureConversion signature(
        op.getBody().getNumArguments());
    if (failed(getTypeConverter()->convertSignatureArgs(
            op.getBody().getArgumentTypes(), signature)))
      return failure();
    auto type = LLVM::LLVMFunctionType::get(
        LLVM::LLVMVoidType::get(getContext()), signature.getConvertedTypes());
    auto function =
        LLVM::LLVMFuncOp::create(b, op.getLoc(), op.getSymName(), type);
    // No noalias, readonly or dereferenceable on the caller's buffers.
    function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(),
                      b.getUnitAttr());
    function->setAttr(
        NVVM::NVVMDialect::getReqntidAttrName(),
        b.getDenseI32ArrayAttr({static_cast<int32_t>(op.getThreads())}));
    b.inlineRegionBefore(op.getBody(), function.getBody(), function.end());
    Block *entry = b.applySignatureConversion(&function.getBody().front(),
                                              signature, getTypeConverter());
    b.setInsertionPointToEnd(entry);
    LLVM::ReturnOp::create(b, op.getLoc(), ValueRange());
    b.eraseOp(op);
    return success();
  }
};

struct CtaToSM120Pass : public compiler::impl::CtaToSM120Base<CtaToSM120Pass> {
  void runOnOperation() override {
    MLIRContext *context = &getContext();
    CtaTypeConverter types(context);
    RewritePatternSet patterns(context);
    patterns.add<LowerKernel, LowerTileRange, LowerBarrier, LowerThreadId,
                 LowerGrid<cta::GridWaitOp, NVVM::GridDepActionKind::wait>,
                 LowerGrid<cta::GridReleaseOp,
                           NVVM::GridDepActionKind::launch_dependents>,
                 LowerLoad, LowerLoadScale, LowerLoadScalar, LowerStore,
                 LowerAlloc, LowerStoreShared<cta::StoreSharedOp>,
                 LowerStoreShared<cta::StoreScaleOp>, LowerLoadScaleWord,
                 LowerLdMatrix, LowerMma>(types, context);
    ConversionTarget target(*context);
    target.addIllegalDialect<cta::CtaDialect>();
    target.addLegalOp<ModuleOp>();
    target.addLegalDialect<LLVM::LLVMDialect, NVVM::NVVMDialect,
                           arith::ArithDialect, scf::SCFDialect>();
    if (failed(
            applyFullConversion(getOperation(), target, std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
