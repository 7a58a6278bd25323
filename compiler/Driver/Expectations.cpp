// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Walks over the ops of a cta.kernel.

#include "compiler/Driver/Expectations.h"
#include "compiler/Conversion/CtaShared.h"
#include "compiler/Conversion/CtaTileLoop.h"

using namespace nybl;
using namespace nybl::compiler;

/// A ring between roles has two mbarriers for each slot, which all threads see
/// made before anybody uses one; within a role, groups of copies and a barrier.
static void countRing(mlir::Operation *op, PtxCounts &counts) {
  auto ring = llvm::dyn_cast<cta::RingOp>(op);
  if (ring && ring.isBetweenRoles()) {
    bool pairs = llvm::any_of(ring->getUsers(), llvm::IsaPred<cta::PairWaitOp>);
    counts.mbarriers += (pairs ? 3 : 2) * ring.getStages();
    ++counts.barriers;
  }
  bool publishes = llvm::isa<cta::RingPublishOp>(op);
  bool waits = llvm::isa<cta::RingWaitOp>(op);
  if (!publishes && !waits &&
      !llvm::isa<cta::RingAcquireOp, cta::RingReleaseOp>(op))
    return;
  if (!op->getOperand(0).getDefiningOp<cta::RingOp>().isBetweenRoles()) {
    counts.groups += publishes;
    counts.waits += waits;
    counts.barriers += waits;
    return;
  }
  bool arrives = publishes || llvm::isa<cta::RingReleaseOp>(op);
  counts.copyArrivals += publishes;
  counts.arrivals += arrives;
  counts.warpBarriers += arrives;
  counts.mbarrierWaits += waits || llvm::isa<cta::RingAcquireOp>(op);
}

/// The groups of a role have an mbarrier each, which all threads see made.
static void countTurns(mlir::Operation *op, PtxCounts &counts) {
  bool takes = llvm::isa<cta::TakeTurnOp>(op);
  if (takes) {
    counts.mbarriers += llvm::cast<cta::RoleOp>(op->getParentOp()).getGroups();
    ++counts.barriers;
  }
  counts.mbarrierWaits += takes;
  bool passes = llvm::isa<cta::PassTurnOp>(op);
  counts.arrivals += passes;
  counts.warpBarriers += passes;
}

/// What leaves by TMA: each box is a group of its own.
static void countOutput(mlir::Operation *op, PtxCounts &counts) {
  bool boxes = llvm::isa<cta::StoreBoxOp>(op);
  bool acquires = llvm::isa<cta::OutputAcquireOp>(op);
  bool publishes = llvm::isa<cta::OutputPublishOp>(op);
  counts.pairs += llvm::isa<cta::StorePairOp>(op);
  counts.boxStores += boxes;
  counts.boxGroups += boxes;
  counts.elections += boxes;
  counts.boxReads += acquires;
  counts.boxWaits += llvm::isa<cta::OutputDrainOp>(op);
  counts.proxyFences += publishes;
  counts.warpBarriers += acquires || publishes;
}

/// In the CTA of rank 1 the same thread waits for its slot and hands it over;
/// pairs meet when barriers are made, and before either CTA leaves, which waits
/// until all its slots are free.
static void countPairs(cta::KernelOp kernel, PtxCounts &counts) {
  counts.byPairs = kernel.isByPairs();
  if (!counts.byPairs)
    return;
  kernel.walk([&](cta::PairWaitOp pair) {
    ++counts.pairWaits, ++counts.pairArrivals, ++counts.mbarrierWaits;
    ++counts.proxyFences;
    for (mlir::Operation *user : pair.getRing().getUsers())
      if (auto wait = llvm::dyn_cast<cta::RingWaitOp>(user))
        counts.choiceFences += bool(wait.getCopied());
    counts.tensorFences += 2;
    ++counts.tensorFencesBefore;
  });
  kernel.walk([&](cta::RingPublishOp) { ++counts.mbarrierWaits; });
  counts.pairMeetings += kernel.hasRoles();
  if (!kernel.getBody().getOps<cta::TensorAllocOp>().empty())
    ++counts.pairMeetings, --counts.barriers;
}

/// Tensor memory is asked for by a warp, and given back when all threads are
/// done with it; what one thread asks for it is elected for.
static void countTensor(mlir::Operation *op, PtxCounts &counts) {
  auto copy = llvm::dyn_cast<cta::TensorCopyOp>(op);
  bool multiplies = llvm::isa<cta::TensorMmaOp>(op);
  bool releases = llvm::isa<cta::TensorReleaseOp>(op);
  bool commits = releases || llvm::isa<cta::TensorPublishOp>(op);
  bool loads = llvm::isa<cta::TensorLoadOp>(op);
  if (copy)
    counts.tensorCopies += copy.getStageBytes() / 512;
  counts.multiplies += multiplies;
  counts.tensorCommits += commits;
  counts.elections += commits; // a loop is released in by who is elected for it
  counts.tensorLoads += loads;
  counts.tensorWaits += loads;
  counts.tensorFencesBefore += loads;
}

/// Behind a wait for columns to be free or filled; what threads have written of
/// scale factors is read by something else.
static void countTensorFences(mlir::Operation *op, PtxCounts &counts) {
  auto wait = llvm::dyn_cast<cta::RingWaitOp>(op);
  if (!wait && !llvm::isa<cta::RingAcquireOp>(op))
    return;
  bool sums = false, scales = false;
  for (mlir::Operation *user : op->getOperand(0).getUsers())
    if (auto alloc = llvm::dyn_cast<cta::TensorAllocOp>(user)) {
      mlir::Type type = alloc.getResult().getType();
      sums |= llvm::isa<cta::TensorColumnsType>(type);
      scales |= wait && llvm::isa<cta::ScaleColumnsType>(type);
    }
  mlir::Value copied = wait ? wait.getCopied() : mlir::Value();
  counts.proxyFences += scales;
  counts.choiceFences += scales && copied;
  counts.tensorFences += sums || scales;
}

static void countTensorMemory(cta::KernelOp kernel, PtxCounts &counts) {
  if (kernel.getBody().getOps<cta::TensorAllocOp>().empty())
    return;
  ++counts.tensorAllocs, ++counts.tensorFrees, ++counts.tensorPermits;
  counts.barriers += 2;
  counts.tensorFences += 2;
  counts.tensorFencesBefore += 2;
}

/// Where tiles are taken over from CTAs that have not begun, one thread asks,
/// when the ring of answers has room, and each role has an own copy of taking
/// them.
static void countAnswers(cta::KernelOp kernel, PtxCounts &counts) {
  if (!takesOver(kernel))
    return;
  unsigned roles = 0;
  kernel.walk([&](cta::RoleOp) { ++roles; });
  counts.mbarriers += 2 * answerSlots;
  ++counts.barriers, ++counts.elections;
  ++counts.cancellations, ++counts.answersExpected;
  counts.answers += roles;
  counts.mbarrierWaits += 1 + roles;
  counts.proxyFences += roles;
  counts.arrivals += roles;
  counts.warpBarriers += roles;
}

/// Four registers of an accumulator at a time.
static void countSums(mlir::Operation *op, PtxCounts &counts) {
  auto sum = llvm::dyn_cast<cta::SumPartsOp>(op);
  if (!sum)
    return;
  ++counts.partWaits, ++counts.partsDone, ++counts.warpBarriers;
  counts.sums += sum.getValues().size() / 4;
  counts.sumsLeft += sum.getValues().size() / 4;
}

/// Beside atoms, one thread is elected once for all that it has copied, but
/// apart for what runs ahead.
static bool isFirstElected(mlir::Operation *op) {
  mlir::Block &block = *op->getBlock();
  if (block.getOps<cta::CopyScaleAtomsOp>().empty())
    return true;
  for (mlir::Operation &before : block)
    if (llvm::isa<cta::CopyBoxOp, cta::CopyScaleAtomsOp>(before) &&
        cta::isAhead(&before) == cta::isAhead(op))
      return &before == op;
  return false;
}

/// What runs ahead of the grid's wait stands there, and in its loop.
static void countCopies(mlir::Operation *op, PtxCounts &counts) {
  bool boxes = llvm::isa<cta::CopyBoxOp>(op);
  auto atoms = llvm::dyn_cast<cta::CopyScaleAtomsOp>(op);
  unsigned pieces = atoms ? atoms.getPieces() : 0;
  unsigned times = cta::isAhead(op) ? 2 : 1;
  counts.dataCopies += times * llvm::isa<cta::CopyOp>(op);
  counts.scaleCopies += times * llvm::isa<cta::CopyScalesOp>(op);
  counts.boxes += times * boxes;
  counts.bulkCopies += times * pieces;
  counts.expectations += times * (boxes || atoms);
  if (boxes || atoms)
    counts.elections += times * isFirstElected(op);
  if (cta::isAhead(op))
    counts.ahead += atoms ? pieces : 1;
}

/// Static operands with their strides and maps, and M, which counts tiles.
static std::set<unsigned> parametersAhead(cta::KernelOp kernel) {
  std::set<unsigned> parameters;
  for (mlir::BlockArgument argument : kernel.getBody().getArguments()) {
    llvm::StringRef source = kernel.sourceOf(argument);
    mlir::BlockArgument operand = kernel.argumentFor(source.split('.').first);
    if (source == "m" || (operand && kernel.isStatic(operand)))
      parameters.insert(argument.getArgNumber());
  }
  return parameters;
}

PtxCounts nybl::compiler::countInstructions(cta::KernelOp kernel) {
  PtxCounts counts;
  kernel.walk([&](mlir::Operation *op) {
    counts.dataLoads += llvm::isa<cta::LoadOp>(op);
    counts.scaleLoads += llvm::isa<cta::LoadScaleOp>(op);
    counts.scalarLoads += llvm::isa<cta::LoadScalarOp>(op);
    auto store = llvm::dyn_cast<cta::StoreOp>(op);
    counts.stores += bool(store);
    counts.wideStores += store && store.getValue().getType().isF32();
    counts.elementLoads += llvm::isa<cta::LoadElementsOp>(op);
    counts.elementStores += llvm::isa<cta::StoreElementsOp>(op);
    counts.codeStores += llvm::isa<cta::StoreCodesOp>(op);
    counts.factorStores +=
        llvm::isa<cta::StoreFactorOp, cta::ClearFactorOp>(op);
    counts.barriers += llvm::isa<cta::BarrierOp>(op);
    counts.multiplies += llvm::isa<cta::MmaOp>(op);
    countCopies(op, counts);
    countRing(op, counts);
    countTurns(op, counts);
    countOutput(op, counts);
    countSums(op, counts);
    countTensor(op, counts);
    countTensorFences(op, counts);
  });
  countTensorMemory(kernel, counts);
  countPairs(kernel, counts);
  countAnswers(kernel, counts);
  counts.aheadFrom = parametersAhead(kernel);
  return counts;
}

/// mbarriers are declared, whatever the stages are.
static int64_t barrierBytes(cta::KernelOp kernel) {
  int64_t bytes = 0;
  constexpr int64_t alignment = 128, turnBytes = 8;
  kernel.walk([&](cta::TakeTurnOp op) {
    auto role = llvm::cast<cta::RoleOp>(op->getParentOp());
    bytes += llvm::alignTo(turnBytes * role.getGroups(), alignment);
  });
  for (auto ring : kernel.getBody().getOps<cta::RingOp>())
    bytes +=
        ring.isBetweenRoles()
            ? llvm::alignTo((kernel.isByPairs() ? 3 : 2) * 8 * ring.getStages(),
                            alignment)
            : 0;
  if (takesOver(kernel)) // and answers with their barriers
    bytes += alignment + llvm::alignTo(answerSlots * answerBytes, alignment);
  // So is where tensor memory lies.
  if (!kernel.getBody().getOps<cta::TensorAllocOp>().empty())
    bytes += alignment;
  // What the launch gives begins at its alignment, behind them.
  return llvm::alignTo(bytes, stageAlignment);
}

Status nybl::compiler::checkShared(cta::KernelOp kernel, const Chip &chip) {
  int64_t bytes = stageBytes(kernel) + barrierBytes(kernel);
  int64_t limit =
      usesDynamicShared(kernel) ? chip.sharedPerCta : chip.staticSharedPerCta;
  if (bytes <= limit)
    return Status::ok();
  return Status::invalid(
      "the tiles that this template loads take " + std::to_string(bytes) +
      " bytes of shared memory, and a kernel on " + chip.name + " has " +
      std::to_string(limit) +
      ": load fewer or smaller tiles, or name a schedule with a smaller one");
}
