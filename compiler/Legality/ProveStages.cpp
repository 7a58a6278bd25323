// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// L3. Which byte is written by whom is enumerated (StageContent); in which
// order is a finite model (StageModel), made here from the kernel's ops. Two
// tiles are enough, for each begins anew, and of a long K loop its first and
// last steps: in between every step does the same with the next slot.

#include "compiler/Legality/Prove.h"
#include "compiler/Legality/ProveSplit.h"
#include "compiler/Legality/RoleOrder.h"
#include "compiler/Legality/StageModel.h"
#include "compiler/Legality/TensorSlots.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace {

/// The kernel's events for a thread that does two tiles.
class Tracer {
public:
  explicit Tracer(Proof &proof) : proof(proof) {
    proof.kernel.walk([&](Operation *op) {
      if (isa<cta::AllocOp, cta::RingOp>(op))
        numbers.try_emplace(op->getResult(0), numbers.size());
    });
  }

  LogicalResult trace(Block &block);

  std::vector<StageEvent> events;
  std::vector<Operation *> ops; ///< of each event

private:
  LogicalResult traceLoop(scf::ForOp loop);
  LogicalResult traceAccess(cta::StageAccess access);
  LogicalResult traceRing(Operation *op, Value ring, Value named,
                          StageEvent::Kind kind, int64_t pending = 0);
  StageEvent eventAt(StageEvent::Kind kind, unsigned resource, Value ring,
                     int64_t iteration) const;
  void add(Operation *op, StageEvent event) {
    events.push_back(event);
    ops.push_back(op);
  }

  Proof &proof;
  llvm::DenseMap<Value, unsigned> numbers;
  int64_t tile = 1;       ///< counts on from one tile range to the next
  int64_t step = 0;       ///< of the loop around
  int64_t totalSteps = 0; ///< so far
  /// The model is as large as the kernel's steps; this is a K of 262144 in
  /// steps of 64.
  static constexpr int64_t maxSteps = 2 * 4096;
};

LogicalResult Tracer::trace(Block &block) {
  for (Operation &op : block) {
    LogicalResult result = success();
    if (auto range = dyn_cast<cta::TileRangeOp>(op)) {
      // What orders two of them may be in a tile that a CTA never gets.
      if (tile != 1)
        return range.emitError("not proven: expected one cta.tile_range");
      for (int64_t end = tile + 2; tile < end && succeeded(result); ++tile)
        result = trace(range.getBody().front());
    } else if (auto loop = dyn_cast<scf::ForOp>(op))
      result = traceLoop(loop);
    else if (auto access = dyn_cast<cta::StageAccess>(op))
      result = traceAccess(access);
    else if (isa<cta::BarrierOp>(op))
      add(&op, {StageEvent::Barrier});
    else if (auto ring = dyn_cast<cta::RingAcquireOp>(op))
      result = traceRing(ring, ring.getRing(), ring.getIteration(),
                         StageEvent::Acquire);
    else if (auto ring = dyn_cast<cta::RingPublishOp>(op))
      result = traceRing(ring, ring.getRing(), ring.getIteration(),
                         StageEvent::Publish);
    else if (auto ring = dyn_cast<cta::RingWaitOp>(op))
      result = traceRing(ring, ring.getRing(), ring.getIteration(),
                         StageEvent::Wait, ring.getPending());
    else if (auto ring = dyn_cast<cta::RingReleaseOp>(op))
      result = traceRing(ring, ring.getRing(), ring.getIteration(),
                         StageEvent::Release);
    if (failed(result))
      return failure();
  }
  return success();
}

LogicalResult Tracer::traceLoop(scf::ForOp loop) {
  FailureOr<int64_t> steps = stepsOf(loop, proof);
  if (failed(steps))
    return failure();
  totalSteps += *steps;
  if (totalSteps > maxSteps)
    return loop.emitError("not proven: expected at most ")
           << maxSteps
           << " K steps in the tiles that are looked at, two; use a "
           << "larger K step";
  for (step = 0; step < *steps; ++step)
    if (failed(trace(*loop.getBody())))
      return failure();
  step = 0;
  return success();
}

/// The slot of an iteration: what the lowering makes of it.
StageEvent Tracer::eventAt(StageEvent::Kind kind, unsigned resource, Value ring,
                           int64_t iteration) const {
  StageEvent event{kind, resource};
  if (ring) {
    event.ring = numbers.at(ring);
    event.slot = iteration % ring.getDefiningOp<cta::RingOp>().getStages();
  }
  event.phase = (tile << 32) + iteration;
  return event;
}

LogicalResult Tracer::traceAccess(cta::StageAccess access) {
  FailureOr<Iteration> iteration = iterationOf(access, proof.slicer);
  if (failed(iteration))
    return failure();
  int64_t number = iteration->leaf ? step + iteration->shift : 0;
  auto alloc = access.getStage().getDefiningOp<cta::AllocOp>();
  const StageContent &content = proof.stages.find(alloc.getResult())->second;
  auto kind = StageEvent::Read;
  if (access.isStageWrite()) {
    auto writer = llvm::find_if(
        content.writers, [&](const StageWriter &w) { return w.op == access; });
    if (writer == content.writers.end() || number < writer->begin ||
        number >= writer->end)
      return success(); // its guard lets no thread pass in this step
    bool copies = isa<cta::CopyOp, cta::CopyScalesOp>(access.getOperation());
    if (!copies &&
        !isa<cta::StoreSharedOp, cta::StoreScaleOp>(access.getOperation()))
      return access.emitError("not proven: expected copies by cp.async or "
                              "stores in a kernel without roles");
    kind = copies ? StageEvent::Copy : StageEvent::Write;
  }
  add(access, eventAt(kind, numbers.at(alloc), alloc.getRing(), number));
  return success();
}

/// Steps of rings are seen by their iteration, as accesses are.
LogicalResult Tracer::traceRing(Operation *op, Value ring, Value named,
                                StageEvent::Kind kind, int64_t pending) {
  FailureOr<int64_t> number = iterationAt(op, named, step, proof.slicer);
  if (failed(number))
    return failure();
  StageEvent event = eventAt(kind, numbers.at(ring), ring, *number);
  event.pending = pending;
  add(op, event);
  return success();
}

//===----------------------------------------------------------------------===//
// The lemma
//===----------------------------------------------------------------------===//

/// A stage without a ring is written and read step by step.
LogicalResult checkPlainStage(cta::AllocOp stage) {
  Block *block = nullptr;
  for (Operation *user : stage->getUsers()) {
    if (!stage.getRing() && block && user->getBlock() != block)
      return user->emitError(
          "not proven: expected a stage without a ring to be "
          "written and read in one K step");
    block = user->getBlock();
  }
  return success();
}

LogicalResult describeStages(Proof &proof) {
  for (auto stage : proof.kernel.getBody().getOps<cta::AllocOp>()) {
    if (stage->use_empty() || isa<cta::OutputStageType>(stage.getType()))
      continue;
    FailureOr<StageContent> content = contentOf(stage, proof);
    if (failed(content) || failed(checkPlainStage(stage)))
      return failure();
    proof.stages[stage] = std::move(*content);
  }
  WalkResult result =
      proof.kernel.walk([&](cta::StageAccess access) -> WalkResult {
        if (access.isStageWrite())
          return success();
        FailureOr<StageRead> read = readOf(access, proof);
        if (succeeded(read))
          proof.reads[access] = std::move(*read);
        return success(succeeded(read));
      });
  return failure(result.wasInterrupted());
}

} // namespace

static size_t bytesOf(const StageContents &stages) {
  size_t bytes = 0;
  for (auto &[stage, content] : stages)
    bytes += content.rows.size();
  return bytes;
}

static std::string boxesIn(ArrayRef<BoxedOutput> outputs) {
  size_t elements = 0;
  for (const BoxedOutput &output : outputs)
    for (const BoxedElement &element : output.elements)
      elements += element.rows.size();
  return elements == 0 ? ""
                       : "; " + std::to_string(elements) +
                             " elements of 'd' on their way to TMA, each "
                             "written by the warp that stores it";
}

/// In which order all threads of a kernel without roles do what they do.
static FailureOr<size_t> proveOrderOfAll(Proof &proof) {
  for (auto ring : proof.kernel.getBody().getOps<cta::RingOp>())
    if (ring.isBetweenRoles())
      return ring.emitError("not proven: expected roles that use a ring with "
                            "`steps`");
  Tracer tracer(proof);
  if (failed(tracer.trace(proof.kernel.getBody().front())))
    return failure();
  std::optional<StageViolation> found = exploreStages(tracer.events);
  if (!found)
    return tracer.events.size();
  Operation *op = tracer.ops[found->event];
  Counterexample example;
  example.lemma = "L3";
  const StageEvent &event = tracer.events[found->event];
  example.tile = std::max<int64_t>(0, (event.phase >> 32) - 1);
  example.step = event.phase & 0xffffffff;
  InFlightDiagnostic error = op->emitError("refuted: with tile = ");
  markRefuted(error, example);
  return error << example.tile << ", K step = " << example.step << " "
               << found->what;
}

/// Steps whose number follows from a free K do all the same, each with the
/// iteration of its own number (iterationOf): what goes wrong goes wrong
/// between one of them and the next, or the next tile's first.
static FailureOr<size_t> proveOrders(Proof &proof, bool roles) {
  constexpr int64_t mostTraced = 3;
  int64_t most = proof.slicer.freeSteps() ? mostTraced : 1;
  size_t all = 0;
  for (proof.stepsTraced = 1; proof.stepsTraced <= most; ++proof.stepsTraced) {
    FailureOr<size_t> events =
        roles ? proveRoleOrder(proof) : proveOrderOfAll(proof);
    if (failed(events))
      return failure();
    all += *events;
  }
  return all;
}

template <typename Op>
static bool has(cta::KernelOp kernel) {
  return kernel.walk([](Op) { return WalkResult::interrupt(); })
      .wasInterrupted();
}

static std::string shownOfRoles(cta::KernelOp kernel) {
  std::string text =
      " claims of a tile, and the ring's protocol in every order "
      "of two warps that write and ";
  text += has<cta::TensorReleaseOp>(kernel)
              ? "one thread, which asks for what reads"
              : "two that read";
  if (has<cta::TakeTurnOp>(kernel))
    text += "; so are tiles by turns";
  if (kernel.isByPairs())
    text += "; so is what the CTAs of a pair hand over";
  return text;
}

FailureOr<Shown> nybl::compiler::proveStages(Proof &proof) {
  if (failed(describeStages(proof)) || failed(proveAskers(proof)) ||
      failed(proveCopied(proof)))
    return failure();
  bool roles = proof.kernel.hasRoles();
  FailureOr<size_t> events = proveOrders(proof, roles);
  FailureOr<std::vector<BoxedOutput>> outputs = proveOutputStages(proof);
  FailureOr<size_t> turns = proveTurns(proof);
  if (failed(events) || failed(outputs) || failed(turns))
    return failure();
  proof.outputs = std::move(*outputs);
  return Shown{std::to_string(bytesOf(proof.stages)) + " bytes of " +
                   std::to_string(proof.stages.size()) +
                   " stages, each written once before it is read; " +
                   std::to_string(*events) +
                   (roles ? shownOfRoles(proof.kernel)
                          : " events of two tiles, in every order of two "
                            "threads") +
                   boxesIn(proof.outputs) +
                   (*turns ? "; the turns of a tile's parts, in every order of "
                             "up to three CTAs"
                           : ""),
               proof.stages.empty() ? "no stage" : "byte 0 of stage 0"};
}
