// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Memory and multiplies of the pass cta-to-sm120.
//
// Global memory is touched by predicated inline PTX alone. llvm.load would let
// LLVM widen a guarded byte load over the gap to its neighbour or drop the
// guard, and then what was proven is not what runs.
//
// Shared memory is read by plain loads. Statements that write it, or say when
// it is written, clobber memory: LLVM moves loads past those that do not.

#include "compiler/Conversion/CtaShared.h"
#include "compiler/Conversion/CtaToSM120.h"
#include "dialects/Cta/CtaOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

LLVM::InlineAsmOp nybl::compiler::inlinePtx(OpBuilder &b, Location loc,
                                            Type result, ValueRange operands,
                                            StringRef text,
                                            StringRef constraints) {
  return LLVM::InlineAsmOp::create(
      b, loc, result ? TypeRange(result) : TypeRange(), operands, text,
      constraints, /*has_side_effects=*/true, /*is_align_stack=*/false,
      LLVM::TailCallKind::None,
      LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT),
      /*operand_attrs=*/ArrayAttr());
}

/// A name of the module's that nobody has: a kernel may be called stage0.
static std::string freeName(ModuleOp module, StringRef prefix) {
  for (unsigned i = 0;; ++i)
    if (std::string name = prefix.str() + std::to_string(i);
        !SymbolTable::lookupSymbolIn(module, name))
      return name;
}

/// What the launch gives: an array without a length.
static Value dynamicShared(OpBuilder &b, Location loc, ModuleOp module) {
  constexpr StringLiteral name = "dynamic_shared";
  auto global = module.lookupSymbol<LLVM::GlobalOp>(name);
  if (!global) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    global = LLVM::GlobalOp::create(
        b, loc, LLVM::LLVMArrayType::get(b.getI8Type(), 0),
        /*isConstant=*/false, LLVM::Linkage::External, name, Attribute(),
        stageAlignment, sharedSpace);
  }
  return LLVM::AddressOfOp::create(b, loc, global);
}

Value nybl::compiler::sharedArray(OpBuilder &b, Location loc, ModuleOp module,
                                  int64_t bytes, StringRef name) {
  LLVM::GlobalOp global;
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    global = LLVM::GlobalOp::create(
        b, loc, LLVM::LLVMArrayType::get(b.getI8Type(), bytes),
        /*isConstant=*/false, LLVM::Linkage::Internal, freeName(module, name),
        Attribute(), /*alignment=*/128, sharedSpace);
  }
  return LLVM::AddressOfOp::create(b, loc, global);
}

Value nybl::compiler::electFor(OpBuilder &b, Location loc, Value mine) {
  return inlinePtx(b, loc, b.getI1Type(), mine,
                   "{\n\t.reg .pred any;\n\t"
                   "vote.sync.any.pred any, $1, 0xffffffff;\n\t"
                   "elect.sync _|$0, 0xffffffff;\n\t"
                   "and.pred $0, $0, any;\n\t}",
                   "=b,b")
      .getResult(0);
}

namespace {

Value addressOf(OpBuilder &b, Location loc, Value base, Value offset) {
  return LLVM::GEPOp::create(b, loc, base.getType(), b.getI8Type(), base,
                             ArrayRef<LLVM::GEPArg>{offset});
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

} // namespace

/// Here an iteration gets its slot.
Value nybl::compiler::stageAddress(OpBuilder &b, cta::StageAccess op,
                                   Value stage, Value iteration, Value offset) {
  Location loc = op.getLoc();
  Value address = offset ? addressOf(b, loc, stage, offset) : stage;
  if (!iteration)
    return address;
  auto alloc = op.getStage().getDefiningOp<cta::AllocOp>();
  Value slots = number(b, loc, slotsOf(alloc));
  Value slot = LLVM::URemOp::create(b, loc, iteration, slots);
  Value bytes = number(b, loc, slotBytes(alloc));
  Value skipped = LLVM::MulOp::create(b, loc, slot, bytes);
  return addressOf(b, loc, address, skipped);
}

namespace {

struct LowerAlloc : Lowering<cta::AllocOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::AllocOp op, OpAdaptor,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    auto module = op->getParentOfType<ModuleOp>();
    std::optional<uint64_t> offset = op.getOffset();
    if (!offset) {
      b.replaceOp(op, sharedArray(b, loc, module, slotsOf(op) * slotBytes(op),
                                  "stage"));
      return success();
    }
    Value base = dynamicShared(b, loc, module);
    b.replaceOpWithNewOp<LLVM::GEPOp>(
        op, base.getType(), b.getI8Type(), base,
        ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(*offset)});
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
    Value address =
        stageAddress(b, op, a.getStage(), a.getIteration(), a.getOffset());
    bool scale = a.getValue().getType().isInteger(16);
    if (Value guard = a.getGuard()) {
      inlinePtx(b, loc, {}, {address, a.getValue(), guard},
                scale ? "@$2 st.shared.b8 [$0], $1;"
                      : "@$2 st.shared.b64 [$0], $1;",
                scale ? "r,h,b,~{memory}" : "r,l,b,~{memory}");
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

/// A thread that has nothing to copy does nothing; one that has copies the
/// first `size` bytes, and the hardware fills the rest of `bytes` with zeros.
void copyAsync(OpBuilder &b, Location loc, Value to, Value from, int64_t bytes,
               Value size, Value mine) {
  std::string copy = "cp.async.ca.shared.global [$0], [$1], " +
                     std::to_string(bytes) + ", $2;";
  if (mine)
    inlinePtx(b, loc, {}, {to, from, size, mine}, "@$3 " + copy,
              "r,l,r,b,~{memory}");
  else
    inlinePtx(b, loc, {}, {to, from, size}, copy, "r,l,r,~{memory}");
}

struct LowerCopy : Lowering<cta::CopyOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::CopyOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Value to = stageAddress(b, op, a.getStage(), a.getIteration(), a.getTo());
    Value from = addressOf(b, loc, a.getBase(), a.getOffset());
    Value all = number(b, loc, 8), none = number(b, loc, 0);
    Value size = LLVM::SelectOp::create(b, loc, a.getInside(), all, none);
    copyAsync(b, loc, to, from, 8, size, a.getMine());
    b.eraseOp(op);
    return success();
  }
};

/// The thread that copies is expected, by the slot's barrier, to bring so many
/// bytes, before it arrives: so the phase cannot end without them.
struct LowerCopyBox : Lowering<cta::CopyBoxOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::CopyBoxOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Value to = stageAddress(b, op, a.getStage(), a.getIteration(), Value());
    Value full = fullBarrier(b, loc, op.getRing().getDefiningOp<cta::RingOp>(),
                             a.getRing(), a.getIteration());
    std::string expect =
        "mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [$0], " +
        std::to_string(op.getElementBytes()) + ";";
    std::string copy = "cp.async.bulk.tensor.2d.shared::cta.global.tile"
                       ".mbarrier::complete_tx::bytes [$0], [$1, {$2, $3}], "
                       "[$4];";
    SmallVector<Value> box{to, a.getMap(), a.getColumn(), a.getRow(), full};
    if (op->hasAttr(byElected)) {
      inlinePtx(b, loc, {}, full, expect, "r,~{memory}");
      inlinePtx(b, loc, {}, box, copy, "r,l,r,r,r,~{memory}");
    } else {
      Value elected = electFor(b, loc, a.getMine());
      inlinePtx(b, loc, {}, {full, elected}, "@$1 " + expect, "r,b,~{memory}");
      box.push_back(elected);
      inlinePtx(b, loc, {}, box, "@$5 " + copy, "r,l,r,r,r,b,~{memory}");
    }
    b.eraseOp(op);
    return success();
  }
};

/// Those that are inside are the first ones, so their number is the size.
struct LowerCopyScales : Lowering<cta::CopyScalesOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::CopyScalesOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Value to = stageAddress(b, op, a.getStage(), a.getIteration(), a.getTo());
    Value from = addressOf(b, loc, a.getBase(), a.getOffset());
    Value size;
    for (Value inside :
         {a.getInside0(), a.getInside1(), a.getInside2(), a.getInside3()}) {
      Value one = LLVM::ZExtOp::create(b, loc, b.getI32Type(), inside);
      size = size ? Value(LLVM::AddOp::create(b, loc, size, one)) : one;
    }
    copyAsync(b, loc, to, from, 4, size, a.getMine());
    b.eraseOp(op);
    return success();
  }
};

struct LowerLoadScaleWord : Lowering<cta::LoadScaleWordOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::LoadScaleWordOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Value address =
        stageAddress(b, op, a.getStage(), a.getIteration(), a.getOffset());
    b.replaceOpWithNewOp<LLVM::LoadOp>(op, b.getI32Type(), address,
                                       /*alignment=*/4);
    return success();
  }
};

/// As one vector, which is one instruction.
struct LowerLoadScaleWords : Lowering<cta::LoadScaleWordsOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::LoadScaleWordsOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Value address =
        stageAddress(b, op, a.getStage(), a.getIteration(), a.getOffset());
    int64_t words = op.getNumResults();
    Value loaded = LLVM::LoadOp::create(
        b, loc, VectorType::get(words, b.getI32Type()), address,
        /*alignment=*/4 * words);
    SmallVector<Value> results;
    for (int64_t i = 0; i < words; ++i) {
      Value word = number(b, loc, i);
      results.push_back(LLVM::ExtractElementOp::create(b, loc, loaded, word));
    }
    b.replaceOp(op, results);
    return success();
  }
};

struct LowerLdMatrix : Lowering<cta::LdMatrixOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::LdMatrixOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Value address =
        stageAddress(b, op, a.getStage(), a.getIteration(), a.getOffset());
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
    // The byte id is 0. LLVM prints it and the thread ids as registers that
    // hold a constant, which ptxas folds.
    auto number = [&](uint64_t value) -> Value {
      return LLVM::ConstantOp::create(b, loc, b.getI16IntegerAttr(value));
    };
    Value zero = number(0), threadA = number(op.getSaSelector()),
          threadB = number(op.getSbSelector());
    SmallVector<Type> lanes(4, b.getF32Type());
    auto type = LLVM::LLVMStructType::getLiteral(getContext(), lanes);
    Value product = NVVM::MmaBlockScaleOp::create(
        b, loc, type, a.getA(), a.getB(), a.getAcc(), a.getSa(), zero, threadA,
        a.getSb(), zero, threadB, ArrayRef<int64_t>{16, 8, 64},
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

} // namespace

void nybl::compiler::addMemoryPatterns(TypeConverter &types,
                                       RewritePatternSet &patterns) {
  patterns.add<LowerLoad, LowerLoadScale, LowerLoadScalar, LowerStore,
               LowerAlloc, LowerStoreShared<cta::StoreSharedOp>,
               LowerStoreShared<cta::StoreScaleOp>, LowerCopy, LowerCopyBox,
               LowerCopyScales>(types, patterns.getContext());
}

void nybl::compiler::addWarpMultiplyPatterns(TypeConverter &types,
                                             RewritePatternSet &patterns) {
  patterns
      .add<LowerLoadScaleWord, LowerLoadScaleWords, LowerLdMatrix, LowerMma>(
          types, patterns.getContext());
}
