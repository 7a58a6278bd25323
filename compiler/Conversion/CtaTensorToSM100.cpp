// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensor memory and its multiplies, of the pass cta-to-sm100 (PTX ISA,
// tcgen05).
//
// Who asks for something is elected: elect.sync names the same lane for the
// same lanes, and only of such a thread ptxas knows that it is one. It has the
// whole K loop to itself: elected in each step, ptxas would have all of it a
// second time, lane by lane, for a warp that has parted.

#include "compiler/Conversion/CtaShared.h"
#include "compiler/Conversion/CtaToSM120.h"
#include "dialects/Cta/CtaOps.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace {

Value wideNumber(OpBuilder &b, Location loc, uint64_t value) {
  return LLVM::ConstantOp::create(b, loc, b.getI64IntegerAttr(value));
}

/// Of an op in a kernel that is run by pairs: both CTAs do it, or one for both.
constexpr StringLiteral byPair = "by_pair";
bool isByPair(Operation *op) { return op->hasAttr(byPair); }
std::string groupOf(Operation *op) {
  return isByPair(op) ? "cta_group::2" : "cta_group::1";
}

/// The first of the columns that an iteration has.
Value columnsAt(OpBuilder &b, Location loc, Value original, Value columns,
                Value iteration) {
  auto alloc = original.getDefiningOp<cta::TensorAllocOp>();
  auto ring = alloc.getRing().getDefiningOp<cta::RingOp>();
  Value stages = number(b, loc, ring.getStages());
  Value slot = LLVM::URemOp::create(b, loc, iteration, stages);
  Value width = number(b, loc, alloc.getColumns());
  Value skipped = LLVM::MulOp::create(b, loc, slot, width);
  return LLVM::AddOp::create(b, loc, columns, skipped);
}

//===----------------------------------------------------------------------===//
// Descriptors
//===----------------------------------------------------------------------===//

/// Of rows that lie densely, eight after eight, all but where they begin: from
/// eight to eight; the layout's version; the swizzle. The distance of what lies
/// beside each other is not needed, and is 1 (PTX ISA, tcgen05 shared memory
/// descriptor).
uint64_t descriptorOf(int64_t rowBytes, uint64_t swizzle) {
  uint64_t eightRows = 8 * rowBytes / 16;
  return uint64_t(1) << 16 | eightRows << 32 | uint64_t(1) << 46 |
         swizzle << 61;
}

uint64_t descriptorOf(cta::DescriptorType type) {
  uint64_t swizzle = type.getBytes() == 128 ? 2 : type.getBytes() == 64 ? 4 : 6;
  return descriptorOf(type.getBytes(), swizzle);
}

/// e2m1 of both sides, ue4m3 scale factors, N and M in 8 and 16 (PTX ISA,
/// tcgen05 instruction descriptor of mxf4nvf4).
int64_t instructionOf(cta::TensorMmaOp op) {
  int64_t ctas = isByPair(op) ? 2 : 1;
  int64_t m = ctas * op.getA().getType().getRows();
  int64_t n = ctas * op.getB().getType().getRows();
  return 1 << 7 | 1 << 10 | n / 8 << 17 | m / 16 << 24;
}

/// i32: where the slot of an iteration begins, in 16 bytes. Shared memory has
/// fewer than fit a descriptor's 14 bits, so what is added stays in them.
Value sixteensAt(OpBuilder &b, cta::StageAccess op, Value stage,
                 Value iteration) {
  Location loc = op.getLoc();
  auto alloc = op.getStage().getDefiningOp<cta::AllocOp>();
  Value address = LLVM::PtrToIntOp::create(b, loc, b.getI32Type(), stage);
  Value sixteens = LLVM::LShrOp::create(b, loc, address, number(b, loc, 4));
  Value first =
      LLVM::AndOp::create(b, loc, sixteens, number(b, loc, (1 << 14) - 1));
  Value slots = number(b, loc, slotsOf(alloc));
  Value slot = LLVM::URemOp::create(b, loc, iteration, slots);
  Value bytes = number(b, loc, slotBytes(alloc) / 16);
  Value skipped = LLVM::MulOp::create(b, loc, slot, bytes);
  return LLVM::AddOp::create(b, loc, first, skipped);
}

/// So many bytes further on.
Value makeDescriptor(OpBuilder &b, Location loc, Value sixteens, int64_t bytes,
                     uint64_t rest) {
  Value begin =
      LLVM::AddOp::create(b, loc, sixteens, number(b, loc, bytes / 16));
  Value wide = LLVM::ZExtOp::create(b, loc, b.getI64Type(), begin);
  return LLVM::OrOp::create(b, loc, wide, wideNumber(b, loc, rest));
}

struct LowerSmemDesc : Lowering<cta::SmemDescOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::SmemDescOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    b.replaceOp(op, sixteensAt(b, op, a.getStage(), a.getIteration()));
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

/// i1: this is one of the CTA's first warp.
Value isFirstWarp(OpBuilder &b, Location loc) {
  Value thread = NVVM::ThreadIdXOp::create(b, loc, b.getI32Type());
  return LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::ult, thread,
                              number(b, loc, 32));
}

/// All threads meet; what they did with tensor memory before is over.
void meet(OpBuilder &b, Location loc, bool ofPair) {
  inlinePtx(b, loc, {}, {}, "tcgen05.fence::before_thread_sync;", "~{memory}");
  if (ofPair)
    meetPair(b, loc);
  else
    NVVM::BarrierOp::create(b, loc);
  inlinePtx(b, loc, {}, {}, "tcgen05.fence::after_thread_sync;", "~{memory}");
}

/// A warp asks for it, waiting until there is room, and says that it asks no
/// more.
struct LowerTensorOpen : Lowering<cta::TensorOpenOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::TensorOpenOp op, OpAdaptor,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Value place = sharedArray(b, loc, op->getParentOfType<ModuleOp>(),
                              /*bytes=*/4, "tensor_memory");
    Value first = isFirstWarp(b, loc);
    std::string columns = std::to_string(op.getColumns());
    inlinePtx(b, loc, {}, {place, first},
              "@$1 tcgen05.alloc." + groupOf(op) +
                  ".sync.aligned.shared::cta.b32 [$0], " + columns + ";",
              "r,b,~{memory}");
    inlinePtx(b, loc, {}, first,
              "@$0 tcgen05.relinquish_alloc_permit." + groupOf(op) +
                  ".sync.aligned;",
              "b,~{memory}");
    meet(b, loc, /*ofPair=*/false);
    b.replaceOpWithNewOp<LLVM::LoadOp>(op, b.getI32Type(), place,
                                       /*alignment=*/4);
    return success();
  }
};

struct LowerTensorClose : Lowering<cta::TensorCloseOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::TensorCloseOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    meet(b, loc, isByPair(op));
    Value first = isFirstWarp(b, loc);
    inlinePtx(b, loc, {}, {a.getMemory(), first},
              "@$1 tcgen05.dealloc." + groupOf(op) + ".sync.aligned.b32 $0, " +
                  std::to_string(op.getColumns()) + ";",
              "r,b,~{memory}");
    b.eraseOp(op);
    return success();
  }
};

struct LowerTensorAlloc : Lowering<cta::TensorAllocOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::TensorAllocOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    b.replaceOpWithNewOp<LLVM::AddOp>(op, a.getMemory(),
                                      number(b, op.getLoc(), *op.getColumn()));
    return success();
  }
};

//===----------------------------------------------------------------------===//
// What one thread asks for
//===----------------------------------------------------------------------===//

struct LowerTensorCopy : Lowering<cta::TensorCopyOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::TensorCopyOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    constexpr int64_t rowBytes = 16, atomBytes = 512, atomColumns = 4;
    Value begin = sixteensAt(b, op, a.getStage(), a.getIteration());
    Value columns =
        columnsAt(b, loc, op.getColumns(), a.getColumns(), a.getIteration());
    for (int64_t atom = 0; atom < op.getStageBytes() / atomBytes; ++atom) {
      Value to = LLVM::AddOp::create(b, loc, columns,
                                     number(b, loc, atom * atomColumns));
      Value from = makeDescriptor(b, loc, begin, atom * atomBytes,
                                  descriptorOf(rowBytes, /*swizzle=*/0));
      inlinePtx(b, loc, {}, {to, from},
                "tcgen05.cp." + groupOf(op) + ".32x128b.warpx4 [$0], $1;",
                "r,l,~{memory}");
    }
    b.replaceOp(op, columns);
    return success();
  }
};

struct LowerTensorZero : Lowering<cta::TensorZeroOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::TensorZeroOp op, OpAdaptor,
                                ConversionPatternRewriter &b) const override {
    b.replaceOpWithNewOp<LLVM::ConstantOp>(op, b.getBoolAttr(false));
    return success();
  }
};

struct LowerTensorMma : Lowering<cta::TensorMmaOp> {
  LowerTensorMma(const TypeConverter &types, MLIRContext *context,
                 StringRef scaleVector)
      : Lowering(types, context), scaleVector(scaleVector) {}
  LogicalResult matchAndRewrite(cta::TensorMmaOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    constexpr int64_t stepBytes = 32, stepElements = 64;
    int64_t step = op.getStep();
    auto scalesAt = [&](Value scales, int64_t rows) -> Value {
      int64_t columns = scaleColumns(rows, step * stepElements);
      return LLVM::AddOp::create(b, loc, scales, number(b, loc, columns));
    };
    Value to =
        columnsAt(b, loc, op.getColumns(), a.getColumns(), a.getIteration());
    Value left = makeDescriptor(b, loc, a.getA(), step * stepBytes,
                                descriptorOf(op.getA().getType()));
    Value right = makeDescriptor(b, loc, a.getB(), step * stepBytes,
                                 descriptorOf(op.getB().getType()));
    int64_t pair = isByPair(op) ? 2 : 1;
    Value leftScales = scalesAt(a.getSa(), op.getA().getType().getRows());
    Value rightScales =
        scalesAt(a.getSb(), pair * op.getB().getType().getRows());
    Value instruction = number(b, loc, instructionOf(op));
    inlinePtx(
        b, loc, {},
        {to, left, right, instruction, leftScales, rightScales, a.getAcc()},
        "tcgen05.mma." + groupOf(op) + ".kind::mxf4nvf4.block_scale." +
            scaleVector.str() + " [$0], $1, $2, $3, [$4], [$5], $6;",
        "r,l,l,r,r,r,b,~{memory}");
    b.replaceOpWithNewOp<LLVM::ConstantOp>(op, b.getBoolAttr(true));
    return success();
  }

private:
  StringRef scaleVector;
};

/// Once all that was asked for is over, `barrier` is arrived at, in both CTAs
/// of a pair. Where `elected` is null, one thread is here.
void commit(OpBuilder &b, Operation *op, Value barrier, Value elected) {
  SmallVector<Value> operands{barrier};
  std::string constraints = "r",
              name = "tcgen05.commit." + groupOf(op) +
                     ".mbarrier::arrive::one.shared::cluster";
  std::string rest = ".b64 [$0]";
  if (isByPair(op)) {
    operands.push_back(
        LLVM::ConstantOp::create(b, op->getLoc(), b.getI16IntegerAttr(0b11)));
    constraints += ",h";
    rest = ".multicast::cluster.b64 [$0], $1";
  }
  std::string when;
  if (elected) {
    when = "@$" + std::to_string(operands.size()) + " ";
    operands.push_back(elected);
    constraints += ",b";
  }
  inlinePtx(b, op->getLoc(), {}, operands, when + name + rest + ";",
            constraints + ",~{memory}");
}

struct LowerTensorPublish : Lowering<cta::TensorPublishOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::TensorPublishOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Value full = fullBarrier(b, loc, op.getRing().getDefiningOp<cta::RingOp>(),
                             a.getRing(), a.getIteration());
    Value elected = electFor(b, loc, a.getMine());
    if (isByPair(op)) {
      Value first = isFirstOfPair(b, loc);
      elected = LLVM::AndOp::create(b, loc, elected, first);
    }
    commit(b, op, full, elected);
    b.replaceOpWithNewOp<LLVM::ConstantOp>(op, b.getBoolAttr(true));
    return success();
  }
};

/// By the one thread; see gatherAsked.
struct LowerTensorRelease : Lowering<cta::TensorReleaseOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::TensorReleaseOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Value empty =
        emptyBarrier(b, loc, op.getRing().getDefiningOp<cta::RingOp>(),
                     a.getRing(), a.getIteration());
    commit(b, op, empty, /*elected=*/{});
    b.eraseOp(op);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// What all threads of the group do
//===----------------------------------------------------------------------===//

/// One statement: what is loaded is there when it ends. A warp has the lanes of
/// its number in its warpgroup.
struct LowerTensorLoad : Lowering<cta::TensorLoadOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::TensorLoadOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    int64_t count = op.getNumResults();
    Value columns =
        columnsAt(b, loc, op.getColumns(), a.getColumns(), a.getIteration());
    Value thread = NVVM::ThreadIdXOp::create(b, loc, b.getI32Type());
    Value warp = LLVM::AndOp::create(b, loc, thread, number(b, loc, 3 * 32));
    Value lanes = LLVM::ShlOp::create(b, loc, warp, number(b, loc, 16));
    Value from = LLVM::AddOp::create(b, loc, columns, lanes);
    from = LLVM::AddOp::create(b, loc, from, number(b, loc, op.getFirst()));
    Type f32 = b.getF32Type();
    SmallVector<Type> types(count, f32);
    Type result = count == 1
                      ? f32
                      : LLVM::LLVMStructType::getLiteral(getContext(), types);
    std::string registers = "$0", constraints = "=f";
    for (int64_t i = 1; i < count; ++i) {
      registers += ", $" + std::to_string(i);
      constraints += ",=f";
    }
    Value loaded =
        inlinePtx(b, loc, result, from,
                  "tcgen05.ld.sync.aligned.32x32b.x" + std::to_string(count) +
                      ".b32 {" + registers + "}, [$" + std::to_string(count) +
                      "];\n\t"
                      "tcgen05.wait::ld.sync.aligned;\n\t"
                      "tcgen05.fence::before_thread_sync;",
                  constraints + ",r,~{memory}")
            .getResult(0);
    SmallVector<Value> results;
    for (int64_t i = 0; i < count; ++i)
      results.push_back(count == 1
                            ? loaded
                            : LLVM::ExtractValueOp::create(b, loc, loaded, i));
    b.replaceOp(op, results);
    return success();
  }
};

/// What lies in a ring's slots besides its stages.
constexpr StringLiteral holdsSums = "holds_sums", holdsScales = "holds_scales";

/// The first of its columns, and what its ring holds.
void place(cta::TensorAllocOp alloc, int64_t column) {
  auto ring = alloc.getRing().getDefiningOp<cta::RingOp>();
  bool sums = isa<cta::TensorColumnsType>(alloc.getResult().getType());
  ring->setAttr(sums ? holdsSums : holdsScales,
                UnitAttr::get(alloc.getContext()));
  alloc.setColumn(column);
}

} // namespace

/// Where threads have written scale factors, something else reads them.
void nybl::compiler::fenceTensorMemory(OpBuilder &b, Location loc,
                                       cta::RingOp ring, bool isFilled,
                                       Value copied) {
  bool scales = isFilled && ring->hasAttr(holdsScales);
  if (scales && copied)
    inlinePtx(b, loc, {}, copied, "@!$0 fence.proxy.async.shared::cta;",
              "b,~{memory}");
  else if (scales)
    inlinePtx(b, loc, {}, {}, "fence.proxy.async.shared::cta;", "~{memory}");
  if (scales || ring->hasAttr(holdsSums))
    inlinePtx(b, loc, {}, {}, "tcgen05.fence::after_thread_sync;", "~{memory}");
}

LogicalResult nybl::compiler::placeTensorMemory(cta::KernelOp kernel) {
  auto allocs = llvm::to_vector(kernel.getBody().getOps<cta::TensorAllocOp>());
  if (allocs.empty())
    return success();
  FailureOr<TensorMemoryPlan> plan = tensorMemoryOf(kernel);
  if (failed(plan))
    return failure();
  auto b = OpBuilder::atBlockBegin(&kernel.getBody().front());
  Location loc = kernel.getLoc();
  Value memory = cta::TensorOpenOp::create(b, loc, plan->allocated);
  for (auto [alloc, columns] : llvm::zip_equal(allocs, plan->map)) {
    place(alloc, columns.first);
    alloc.getMemoryMutable().assign(memory);
  }
  b.setInsertionPointToEnd(&kernel.getBody().front());
  cta::TensorCloseOp::create(b, loc, memory, plan->allocated);
  if (kernel.isByPairs())
    kernel.walk([](Operation *op) {
      if (isa<cta::TensorOpenOp, cta::TensorCloseOp, cta::TensorCopyOp,
              cta::TensorMmaOp, cta::TensorPublishOp, cta::TensorReleaseOp>(op))
        op->setAttr(byPair, UnitAttr::get(op->getContext()));
    });
  return success();
}

/// What one thread does by itself.
static bool isAsked(Operation &op) {
  return isPure(&op) ||
         isa<cta::RingWaitOp, cta::RingAcquireOp, cta::SmemDescOp,
             cta::TensorCopyOp, cta::TensorMmaOp, cta::TensorReleaseOp,
             cta::PairWaitOp, scf::YieldOp>(op);
}

/// The loop's result stands for columns, and nobody looks at its value.
static LogicalResult gatherLoop(cta::TensorReleaseOp release) {
  auto loop = dyn_cast<scf::ForOp>(release->getParentOp());
  Value mine = release.getMine();
  if (!loop || !loop.isDefinedOutsideOfLoop(mine) ||
      !llvm::all_of(*loop.getBody(), isAsked))
    return release.emitOpError("expected to be in a K loop in which one thread "
                               "waits for slots and asks, and nothing else");
  OpBuilder b(loop);
  Location loc = loop.getLoc();
  for (OpResult sum : loop.getResults())
    if (!sum.use_empty())
      sum.replaceAllUsesWith(cta::TensorZeroOp::create(b, loc));
  Value elected = electFor(b, loc, mine);
  auto branch = scf::IfOp::create(b, loc, elected, /*withElseRegion=*/false);
  loop->moveBefore(branch.thenBlock()->getTerminator());
  if (isByPair(release))
    partPair(loop);
  return success();
}

LogicalResult nybl::compiler::gatherAsked(cta::KernelOp kernel) {
  SmallVector<cta::TensorReleaseOp> releases;
  kernel.walk([&](cta::TensorReleaseOp op) { releases.push_back(op); });
  llvm::DenseSet<Operation *> gathered;
  for (cta::TensorReleaseOp release : releases) {
    if (!gathered.insert(release->getParentOp()).second)
      return release.emitOpError("expected to be the only one in its K loop");
    if (failed(gatherLoop(release)))
      return failure();
  }
  // Elsewhere all threads would ask.
  WalkResult asked = kernel.walk([&](Operation *op) {
    if (!isa<cta::TensorCopyOp, cta::TensorMmaOp, cta::PairWaitOp>(op) ||
        gathered.contains(op->getParentOp()))
      return WalkResult::advance();
    op->emitOpError("expected to be in a K loop that releases a slot by it");
    return WalkResult::interrupt();
  });
  return success(!asked.wasInterrupted());
}

void nybl::compiler::addTensorPatterns(TypeConverter &types,
                                       RewritePatternSet &patterns,
                                       StringRef scaleVector) {
  MLIRContext *context = patterns.getContext();
  patterns.add<LowerSmemDesc, LowerTensorOpen, LowerTensorClose,
               LowerTensorAlloc, LowerTensorCopy, LowerTensorZero,
               LowerTensorPublish, LowerTensorRelease, LowerTensorLoad>(
      types, context);
  patterns.add<LowerTensorMma>(types, context, scaleVector);
  addPairPatterns(types, patterns);
}
