// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass cta-to-sm120: cta.kernel becomes an llvm.func of NVVM ops for chips
// with mma.sync block_scale. Leaves only: nothing is decided here. Memory is
// CtaMemoryToSM120.cpp, rings are CtaRingToSM120.cpp, split tiles are
// CtaSplitToSM120.cpp, stores by TMA are CtaStoreToSM120.cpp.

#include "compiler/Conversion/CtaToSM120.h"
#include "compiler/Conversion/CtaRoles.h"
#include "compiler/Conversion/CtaShared.h"
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

/// Operands in global memory become global pointers, stages shared pointers, a
/// scale the 16-bit register PTX loads bytes into, a scale word 32 bits.
struct CtaTypeConverter : TypeConverter {
  explicit CtaTypeConverter(MLIRContext *context) {
    auto pointer = [context](unsigned space) {
      return LLVM::LLVMPointerType::get(context, space);
    };
    addConversion([](Type type) { return type; });
    // Its mbarriers, where it is between roles.
    addConversion([=](cta::RingType) -> Type { return pointer(sharedSpace); });
    addConversion([=](cta::TurnsType) -> Type { return pointer(sharedSpace); });
    addConversion(
        [=](cta::MatrixType) -> Type { return pointer(globalSpace); });
    addConversion(
        [=](cta::ScalesType) -> Type { return pointer(globalSpace); });
    addConversion(
        [=](cta::ScalarType) -> Type { return pointer(globalSpace); });
    addConversion(
        [=](cta::WorkspaceType) -> Type { return pointer(globalSpace); });
    // Passed by value: its address is that of the parameter.
    addConversion([=](cta::TensorMapType) -> Type { return pointer(0); });
    addConversion([=](cta::StageType) -> Type { return pointer(sharedSpace); });
    addConversion(
        [=](cta::ScaleStageType) -> Type { return pointer(sharedSpace); });
    addConversion(
        [=](cta::OutputStageType) -> Type { return pointer(sharedSpace); });
    addConversion([context](cta::ScaleType) -> Type {
      return IntegerType::get(context, 16);
    });
    addConversion([context](cta::ScaleWordType) -> Type {
      return IntegerType::get(context, 32);
    });
    addTensorTypes(context);
  }

  /// Tensor memory has 32-bit addresses; of accumulators what is left is
  /// whether a multiply adds to what their columns hold.
  void addTensorTypes(MLIRContext *context) {
    auto bits = [context](unsigned width) -> Type {
      return IntegerType::get(context, width);
    };
    addConversion([=](cta::TensorColumnsType) { return bits(32); });
    addConversion([=](cta::ScaleColumnsType) { return bits(32); });
    addConversion([=](cta::TensorScalesType) { return bits(32); });
    addConversion([=](cta::DescriptorType) { return bits(32); });
    addConversion([=](cta::TensorAccType) { return bits(1); });
    addConversion([=](cta::TensorSumType) { return bits(1); });
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

/// What was proven is what is lowered.
LogicalResult checkCertificate(cta::KernelOp op) {
  if (!op.getCertificate())
    return op.emitOpError("has no certificate: run prove-non-interference");
  if (op.getCertificate()->getHash() == op.hash())
    return success();
  return op.emitOpError("has the certificate of another text: expected the "
                        "hash ")
         << op.hash() << ", got " << op.getCertificate()->getHash()
         << "; run prove-non-interference again";
}

/// A CUtensorMap: 128 bytes, 64-byte aligned, which nobody writes.
void passTensorMap(OpBuilder &b, LLVM::LLVMFuncOp function, unsigned position) {
  auto bytes = LLVM::LLVMArrayType::get(b.getI8Type(), 128);
  function.setArgAttr(position, LLVM::LLVMDialect::getByValAttrName(),
                      TypeAttr::get(bytes));
  function.setArgAttr(position, LLVM::LLVMDialect::getAlignAttrName(),
                      b.getI64IntegerAttr(64));
  function.setArgAttr(position, NVVM::NVVMDialect::getGridConstantAttrName(),
                      b.getUnitAttr());
}

bool hasSetMaxRegister(cta::KernelOp kernel) {
  WalkResult result = kernel.walk(
      [](NVVM::SetMaxRegisterOp) { return WalkResult::interrupt(); });
  return result.wasInterrupted();
}

/// Two of its CTAs have no room beside each other in tensor memory.
bool isAloneInTensorMemory(cta::KernelOp kernel) {
  auto opens = kernel.getBody().getOps<cta::TensorOpenOp>();
  return llvm::any_of(opens, [](cta::TensorOpenOp open) {
    return 2 * int64_t(open.getColumns()) > columnsOfTensorMemory;
  });
}

struct LowerKernel : Lowering<cta::KernelOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::KernelOp op, OpAdaptor,
                                ConversionPatternRewriter &b) const override {
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
    if (op.isByPairs())
      function->setAttr(NVVM::NVVMDialect::getClusterDimAttrName(),
                        b.getDenseI32ArrayAttr({2, 1, 1}));
    // ptxas heeds setmaxnreg only where it knows how many registers there are;
    // and it would rather spill some than use those of CTAs that never come.
    if (hasSetMaxRegister(op) || isAloneInTensorMemory(op))
      function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                        b.getI32IntegerAttr(1));
    for (BlockArgument argument : op.getBody().getArguments())
      if (isa<cta::TensorMapType>(argument.getType()))
        passTensorMap(b, function, argument.getArgNumber());
    b.inlineRegionBefore(op.getBody(), function.getBody(), function.end());
    Block *entry = b.applySignatureConversion(&function.getBody().front(),
                                              signature, getTypeConverter());
    b.setInsertionPointToEnd(entry);
    LLVM::ReturnOp::create(b, op.getLoc(), ValueRange());
    b.eraseOp(op);
    return success();
  }
};

/// In the kernel's text a stage has no place: what was proven holds wherever
/// they lie, as long as they are apart.
void placeStages(cta::KernelOp kernel) {
  if (!usesDynamicShared(kernel))
    return;
  for (auto stage : kernel.getBody().getOps<cta::AllocOp>())
    stage.setOffset(offsetOf(stage));
}

struct CtaToSM120Pass : public compiler::impl::CtaToSM120Base<CtaToSM120Pass> {
  void runOnOperation() override {
    if (failed(lowerKernels(getOperation(),
                            [](auto &types, auto &patterns, auto &) {
                              addWarpMultiplyPatterns(types, patterns);
                            })))
      signalPassFailure();
  }
};

} // namespace

LogicalResult nybl::compiler::lowerKernels(
    ModuleOp module,
    function_ref<void(TypeConverter &, RewritePatternSet &, ConversionTarget &)>
        addMultiplies) {
  MLIRContext *context = module.getContext();
  for (auto kernel : module.getOps<cta::KernelOp>()) {
    if (failed(checkCertificate(kernel)))
      return failure();
    placeStages(kernel);
    if (failed(placeTensorMemory(kernel)))
      return failure();
    expandTileRanges(kernel);
    if (failed(branchToCopies(kernel)))
      return failure();
    if (failed(gatherAsked(kernel)))
      return failure();
  }
  CtaTypeConverter types(context);
  RewritePatternSet patterns(context);
  patterns.add<LowerKernel, LowerBarrier, LowerThreadId,
               LowerGrid<cta::GridWaitOp, NVVM::GridDepActionKind::wait>,
               LowerGrid<cta::GridReleaseOp,
                         NVVM::GridDepActionKind::launch_dependents>>(types,
                                                                      context);
  addRingPatterns(types, patterns);
  addSplitPatterns(types, patterns);
  addMemoryPatterns(types, patterns);
  addScaleAtomPatterns(types, patterns);
  addStorePatterns(types, patterns);
  addQuantizePatterns(types, patterns);
  ConversionTarget target(*context);
  target.addIllegalDialect<cta::CtaDialect>();
  target.addLegalOp<ModuleOp>();
  target.addLegalDialect<LLVM::LLVMDialect, NVVM::NVVMDialect,
                         arith::ArithDialect, scf::SCFDialect>();
  addMultiplies(types, patterns, target);
  return applyFullConversion(module, target, std::move(patterns));
}
