// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rings of the pass cta-to-sm120, and turns. Within one role, cp.async groups
// and a barrier; between roles, two mbarriers for each slot: `full` completes a
// phase for each iteration that was published, `empty` one for each that was
// released. Turns are a mbarrier for each group.

#include "compiler/Conversion/CtaRoles.h"
#include "compiler/Conversion/CtaToSM120.h"
#include "dialects/Cta/CtaOps.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace {

constexpr int64_t mbarrierBytes = 8;

cta::RingOp ringOf(Value ring) { return ring.getDefiningOp<cta::RingOp>(); }
bool isBetweenRoles(Value ring) { return ringOf(ring).isBetweenRoles(); }

/// What a step of a ring computes with: barriers lie as full[stages],
/// empty[stages] and, where the CTAs of a pair hand slots over, pair[stages].
class Step {
public:
  Step(OpBuilder &b, Location loc, int64_t stages, Value barriers,
       Value iteration)
      : b(b), loc(loc), stages(stages), barriers(barriers),
        iteration(iteration) {}

  // Values are made one after the other: the order of arguments is each C++
  // compiler's own.
  void waitFull() {
    Value at = barrier(0);
    wait(at, parity());
  }
  /// The first time round, `empty` is in phase 0, and the one before it counts
  /// as complete.
  void waitEmpty() {
    Value at = barrier(stages), round = parity();
    wait(at, LLVM::XOrOp::create(b, loc, round, number(1)));
  }
  /// From the other CTA of a pair: what it has seen before, this thread sees.
  void waitPair() {
    Value at = pair();
    wait(at, parity(), ".acquire.cluster.shared::cta");
  }
  Value full() { return barrier(0); }
  Value empty() { return barrier(stages); }
  Value pair() { return barrier(2 * stages); }
  void arriveFull() { arrive(barrier(0)); }
  void arriveEmpty() { arrive(barrier(stages)); }
  /// When this thread's copies are there, it arrives once more than is
  /// expected, having lowered what is expected before: not counted for others.
  void arriveWithCopies() {
    inlinePtx(b, loc, {}, barrier(0),
              "cp.async.mbarrier.arrive.shared.b64 [$0];", "r,~{memory}");
  }

private:
  Value number(int64_t value) { return compiler::number(b, loc, value); }
  Value parity() {
    Value round = LLVM::UDivOp::create(b, loc, iteration, number(stages));
    return LLVM::AndOp::create(b, loc, round, number(1));
  }
  Value barrier(int64_t first) {
    Value slot = LLVM::URemOp::create(b, loc, iteration, number(stages));
    Value index = LLVM::AddOp::create(b, loc, slot, number(first));
    return LLVM::GEPOp::create(b, loc, barriers.getType(), b.getI64Type(),
                               barriers, ArrayRef<LLVM::GEPArg>{index});
  }
  /// Each wait has a label of its own, for those who read PTX.
  void wait(Value barrier, Value parity, StringRef scope = ".shared") {
    inlinePtx(b, loc, {}, {barrier, parity},
              ("{\n\t.reg .pred done;\n"
               "wait_${:uid}:\n\t"
               "mbarrier.try_wait.parity" +
               scope +
               ".b64 done, [$0], $1;\n\t"
               "@!done bra wait_${:uid};\n\t}")
                  .str(),
              "r,r,~{memory}");
  }
  /// One lane speaks for its warp, when all its lanes have come here.
  void arrive(Value barrier) {
    NVVM::SyncWarpOp::create(b, loc, number(-1));
    Value thread = NVVM::ThreadIdXOp::create(b, loc, b.getI32Type());
    Value lane = LLVM::AndOp::create(b, loc, thread, number(31));
    Value first =
        LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::eq, lane, number(0));
    inlinePtx(b, loc, {}, {barrier, first},
              "@$1 mbarrier.arrive.shared.b64 _, [$0];", "r,b,~{memory}");
  }

  OpBuilder &b;
  Location loc;
  int64_t stages;
  Value barriers, iteration;
};

/// How often a barrier is arrived at in a phase: what expandTileRanges() found.
int64_t arrivalsOf(cta::RingOp ring, StringRef attribute) {
  auto warps = ring->getAttrOfType<IntegerAttr>(attribute);
  return warps ? warps.getInt() : 1; // nobody ever arrives
}

} // namespace

Value nybl::compiler::placeBarriers(OpBuilder &b, Operation *op,
                                    ArrayRef<int64_t> arrivals,
                                    StringRef name) {
  Location loc = op->getLoc();
  auto pointer = LLVM::LLVMPointerType::get(b.getContext(), sharedSpace);
  Value barriers = sharedArray(b, loc, op->getParentOfType<ModuleOp>(),
                               arrivals.size() * mbarrierBytes, name);
  Value thread = NVVM::ThreadIdXOp::create(b, loc, b.getI32Type());
  Value zero = number(b, loc, 0);
  Value first =
      LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::eq, thread, zero);
  for (auto [i, count] : llvm::enumerate(arrivals)) {
    Value at = LLVM::GEPOp::create(b, loc, pointer, b.getI64Type(), barriers,
                                   ArrayRef<LLVM::GEPArg>{int32_t(i)});
    inlinePtx(b, loc, {}, {at, first},
              "@$1 mbarrier.init.shared.b64 [$0], " + std::to_string(count) +
                  ";",
              "r,b,~{memory}");
  }
  inlinePtx(b, loc, {}, {}, "fence.mbarrier_init.release.cluster;",
            "~{memory}");
  NVVM::BarrierOp::create(b, loc);
  return barriers;
}

namespace {

struct LowerRing : Lowering<cta::RingOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::RingOp op, OpAdaptor,
                                ConversionPatternRewriter &b) const override {
    if (!op.isBetweenRoles()) { // nothing is left of it but its slots
      auto pointer = LLVM::LLVMPointerType::get(getContext(), sharedSpace);
      b.replaceOpWithNewOp<LLVM::ZeroOp>(op, pointer);
      return success();
    }
    SmallVector<int64_t> arrivals(op.getStages(),
                                  arrivalsOf(op, publishingWarps));
    arrivals.append(op.getStages(), arrivalsOf(op, releasingWarps));
    if (op->hasAttr(isHandedOver))
      arrivals.append(op.getStages(), 1);
    b.replaceOp(op, placeBarriers(b, op, arrivals, "barriers"));
    return success();
  }
};

/// A barrier for each group: it completes a phase for each turn that the group
/// has passed. The CTA's tile n is its iteration n, as of a ring.
struct LowerTurns : Lowering<cta::TurnsOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::TurnsOp op, OpAdaptor,
                                ConversionPatternRewriter &b) const override {
    SmallVector<int64_t> arrivals(op.getGroups(), op.getWarps());
    b.replaceOp(op, placeBarriers(b, op, arrivals, "turns"));
    return success();
  }
};

int64_t groupsOf(Value turns) {
  return turns.getDefiningOp<cta::TurnsOp>().getGroups();
}

/// The tile before the first counts as passed, as a phase before the first
/// does.
struct LowerTakeTurn : Lowering<cta::TakeTurnOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::TakeTurnOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    int64_t groups = groupsOf(op.getTurns());
    Value back = number(b, loc, 2 * groups - 1);
    Value before = LLVM::AddOp::create(b, loc, a.getNumber(), back);
    Step(b, loc, groups, a.getTurns(), before).waitFull();
    b.eraseOp(op);
    return success();
  }
};

struct LowerPassTurn : Lowering<cta::PassTurnOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::PassTurnOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Step(b, op.getLoc(), groupsOf(op.getTurns()), a.getTurns(), a.getNumber())
        .arriveFull();
    b.eraseOp(op);
    return success();
  }
};

template <typename Op>
struct LowerRingStep : Lowering<Op> {
  using Lowering<Op>::Lowering;

  LogicalResult matchAndRewrite(Op op, typename Op::Adaptor a,
                                ConversionPatternRewriter &b) const override {
    if (isBetweenRoles(op.getRing())) {
      cta::RingOp ring = ringOf(op.getRing());
      Step step(b, op.getLoc(), ring.getStages(), a.getRing(),
                a.getIteration());
      between(op, step);
      if constexpr (std::is_same_v<Op, cta::RingWaitOp>)
        fenceTensorMemory(b, op.getLoc(), ring, /*isFilled=*/true,
                          a.getCopied());
      else if constexpr (std::is_same_v<Op, cta::RingAcquireOp>)
        fenceTensorMemory(b, op.getLoc(), ring, /*isFilled=*/false, Value());
    } else {
      within(op, b);
    }
    b.eraseOp(op);
    return success();
  }

private:
  // What is claimed within a role is proven (L3), and needs no instruction.
  static void within(cta::RingAcquireOp, OpBuilder &) {}
  static void within(cta::RingReleaseOp, OpBuilder &) {}
  static void within(cta::RingPublishOp op, OpBuilder &b) {
    inlinePtx(b, op.getLoc(), {}, {}, "cp.async.commit_group;", "~{memory}");
  }
  static void within(cta::RingWaitOp op, OpBuilder &b) {
    std::string wait =
        "cp.async.wait_group " + std::to_string(op.getPending()) + ";";
    inlinePtx(b, op.getLoc(), {}, {}, wait, "~{memory}");
    NVVM::BarrierOp::create(b, op.getLoc());
  }

  static void between(cta::RingAcquireOp, Step &step) { step.waitEmpty(); }
  static void between(cta::RingReleaseOp, Step &step) { step.arriveEmpty(); }
  static void between(cta::RingWaitOp, Step &step) { step.waitFull(); }
  static void between(cta::RingPublishOp, Step &step) {
    step.arriveWithCopies();
    step.arriveFull();
  }
};

} // namespace

Value nybl::compiler::fullBarrier(OpBuilder &b, Location loc, int64_t slots,
                                  Value barriers, Value iteration) {
  return Step(b, loc, slots, barriers, iteration).full();
}

Value nybl::compiler::fullBarrier(OpBuilder &b, Location loc, cta::RingOp ring,
                                  Value barriers, Value iteration) {
  return fullBarrier(b, loc, ring.getStages(), barriers, iteration);
}

void nybl::compiler::waitFree(OpBuilder &b, Location loc, int64_t slots,
                              Value barriers, Value iteration) {
  Step(b, loc, slots, barriers, iteration).waitEmpty();
}

void nybl::compiler::waitWhole(OpBuilder &b, Location loc, int64_t slots,
                               Value barriers, Value iteration) {
  Step(b, loc, slots, barriers, iteration).waitFull();
}

void nybl::compiler::letGo(OpBuilder &b, Location loc, int64_t slots,
                           Value barriers, Value iteration) {
  Step(b, loc, slots, barriers, iteration).arriveEmpty();
}

Value nybl::compiler::emptyBarrier(OpBuilder &b, Location loc, cta::RingOp ring,
                                   Value barriers, Value iteration) {
  return Step(b, loc, ring.getStages(), barriers, iteration).empty();
}

Value nybl::compiler::pairBarrier(OpBuilder &b, Location loc, cta::RingOp ring,
                                  Value barriers, Value iteration) {
  return Step(b, loc, ring.getStages(), barriers, iteration).pair();
}

void nybl::compiler::waitForPair(OpBuilder &b, Location loc, cta::RingOp ring,
                                 Value barriers, Value iteration) {
  Step(b, loc, ring.getStages(), barriers, iteration).waitPair();
}

void nybl::compiler::addRingPatterns(TypeConverter &types,
                                     RewritePatternSet &patterns) {
  patterns
      .add<LowerRing, LowerTurns, LowerTakeTurn, LowerPassTurn,
           LowerRingStep<cta::RingAcquireOp>, LowerRingStep<cta::RingPublishOp>,
           LowerRingStep<cta::RingWaitOp>, LowerRingStep<cta::RingReleaseOp>>(
          types, patterns.getContext());
}
