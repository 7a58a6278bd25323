// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each role's steps of one tile, in a row. Tiles are alike, and the ring counts
// on from one to the next. With both roles in the same order and one claim at a
// time nobody waits for ever: of a writer and a reader that wait, the one whose
// iteration comes first in that order waits for nothing that the other has yet
// to do.
//
// The groups of a role that take tiles by turns are one reader after another:
// the turn of a tile begins when all have passed the one before (TurnModel),
// and all claims are made in a turn. So at a ring they are as one.
//
// Accumulators in tensor memory are a ring too, of which a group has a slot for
// itself: it writes it, waits for what it has asked for, reads it, and lets it
// go before it writes it for its next tile. Nobody else is waited for.
//
// In a kernel that is run by pairs of CTAs multiplies are of both, so what one
// has claimed is not enough. Between its wait for a slot and what is asked of
// it stands cta.pair_wait, behind the acquire of the accumulators: the other
// CTA, which does the same steps, hands over its slot and its accumulators
// there (PairModel).

#include "compiler/Legality/RoleOrder.h"
#include "compiler/Legality/PairModel.h"
#include "compiler/Legality/Prove.h"
#include "compiler/Legality/RingModel.h"
#include "compiler/Legality/TurnModel.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace {

/// A claim on an iteration of a ring.
struct Claim {
  Value ring;
  int64_t iteration = 0;
  bool writes = false;
  friend bool operator==(const Claim &, const Claim &) = default;
};

/// What a pair of CTAs does with the slots of a ring.
LogicalResult checkPairs(cta::RingOp ring, bool beginsReady) {
  if (!ring->getParentOfType<cta::KernelOp>().isByPairs())
    return success();
  if (std::optional<std::string> wrong =
          explorePair({int64_t(ring.getStages()), beginsReady}))
    return ring.emitError("not proven: ") << *wrong;
  return success();
}

/// What one role does in a tile.
class RoleTracer {
public:
  RoleTracer(cta::RoleOp role, Proof &proof) : role(role), proof(proof) {}

  LogicalResult run();

  std::vector<Claim> claims; ///< in their order
  /// Of the rings that it reads: whether what one thread has asked for lets go
  /// of their slots, or its warps do.
  llvm::SmallDenseMap<Value, bool> isAsked;
  Value sums; ///< the ring of its accumulators, or null

private:
  LogicalResult trace(Block &block);
  LogicalResult traceLoop(scf::ForOp loop);
  LogicalResult traceWait(cta::RingWaitOp wait);
  LogicalResult traceTurn(Operation *op);
  LogicalResult traceAccess(cta::StageAccess access);
  LogicalResult traceMultiply(cta::TensorMmaOp mma);
  LogicalResult tracePair(cta::PairWaitOp wait);
  LogicalResult checkPaired(Operation *op);
  LogicalResult traceLoad(cta::TensorLoadOp load);
  /// What a group does with its slot of accumulators, in this order.
  enum SumsStep { Acquired, Published, Waited, Released };
  LogicalResult stepSums(Operation *op, Value ring, Value iteration,
                         SumsStep step);
  LogicalResult checkSums(Operation *op, Value columns, Value iteration,
                          SumsStep after);
  LogicalResult checkSumsRing();
  LogicalResult open(Operation *op, Value ring, Value iteration, bool writes);
  LogicalResult close(Operation *op, Value ring, Value iteration, bool writes);
  FailureOr<Claim> claimAt(Operation *op, Value ring, Value iteration,
                           bool writes);
  InFlightDiagnostic refute(Operation *op);

  cta::RoleOp role;
  Proof &proof;
  std::optional<Claim> current;
  int64_t step = 0;
  bool tensorReads = false, threadReads = false; ///< of the claim at hand
  /// The claim, and the accumulators, are both CTAs', where a pair has them.
  bool paired = false, sumsPaired = false;
  std::optional<SumsStep> sumsDone;
  bool hasTurn = false;
  int64_t turns = 0; ///< that were taken
  static constexpr size_t maxClaims = 4096;
};

InFlightDiagnostic RoleTracer::refute(Operation *op) {
  Counterexample example;
  example.lemma = "L3";
  example.tile = 0;
  example.step = step;
  InFlightDiagnostic error = op->emitError("refuted: with tile = 0, K step = ");
  markRefuted(error, example);
  error << step << " ";
  return error;
}

FailureOr<Claim> RoleTracer::claimAt(Operation *op, Value ring, Value iteration,
                                     bool writes) {
  FailureOr<int64_t> number = iterationAt(op, iteration, step, proof.slicer);
  if (failed(number))
    return failure();
  if (!ring.getDefiningOp<cta::RingOp>().isBetweenRoles())
    return op->emitError("not proven: expected a ring with its `steps` in a "
                         "tile between roles");
  return Claim{ring, *number, writes};
}

/// Multiplies add up in its slots.
bool holdsSums(Value ring) {
  return llvm::any_of(ring.getUsers(), [](Operation *user) {
    auto alloc = dyn_cast<cta::TensorAllocOp>(user);
    return alloc && isa<cta::TensorColumnsType>(alloc.getResult().getType());
  });
}

LogicalResult RoleTracer::stepSums(Operation *op, Value ring, Value iteration,
                                   SumsStep step) {
  FailureOr<Claim> claim = claimAt(op, ring, iteration, step < Waited);
  if (failed(claim))
    return failure();
  bool first = !sumsDone && step == Acquired;
  if (claim->iteration != 0 || (sums && sums != ring) ||
      (!first && (!sumsDone || *sumsDone + 1 != step)))
    return op->emitError("not proven: expected iteration 0 of one ring of "
                         "accumulators in a tile, and it to be acquired, "
                         "published, waited for and released, in this order");
  if (step == Published && !sumsPaired && proof.kernel.isByPairs())
    return refute(op) << "this is done in both CTAs of a pair, and nobody has "
                         "waited for the other one's accumulators";
  sums = ring;
  sumsDone = step;
  return success();
}

/// Between this step of its ring and the next.
LogicalResult RoleTracer::checkSums(Operation *op, Value columns,
                                    Value iteration, SumsStep after) {
  Value ring = columns.getDefiningOp<cta::TensorAllocOp>().getRing();
  FailureOr<Claim> claim = claimAt(op, ring, iteration, after < Waited);
  if (failed(claim))
    return failure();
  if (claim->iteration == 0 && sums == ring && sumsDone == after)
    return success();
  return refute(op) << (after == Acquired
                            ? "accumulators are written outside acquire and "
                              "publish of their iteration"
                            : "accumulators are read outside wait and release "
                              "of their iteration");
}

/// Once a step, for a slot that was waited for, and behind the accumulators.
LogicalResult RoleTracer::tracePair(cta::PairWaitOp wait) {
  FailureOr<Claim> claim =
      claimAt(wait, wait.getRing(), wait.getIteration(), false);
  if (failed(claim))
    return failure();
  if (current != *claim)
    return refute(wait) << "this hands over a slot outside wait and release of "
                           "its K step";
  if (sumsDone != Acquired)
    return refute(wait) << "this hands over accumulators outside acquire and "
                           "publish of their iteration";
  if (paired)
    return wait.emitError("not proven: expected one cta.pair_wait for a slot");
  paired = sumsPaired = true;
  return success();
}

LogicalResult RoleTracer::checkPaired(Operation *op) {
  if (paired || !proof.kernel.isByPairs())
    return success();
  return refute(op) << "this is done in both CTAs of a pair, and nobody has "
                       "waited for the other one's slot";
}

/// What is multiplied is claimed as long as it is multiplied.
LogicalResult RoleTracer::traceMultiply(cta::TensorMmaOp mma) {
  const Value operands[] = {mma.getA(), mma.getB(), mma.getSa(), mma.getSb()};
  for (Value operand : operands) {
    auto read = operand.getDefiningOp<cta::StageAccess>();
    auto alloc = read.getStage().getDefiningOp<cta::AllocOp>();
    FailureOr<Claim> claim =
        claimAt(read, alloc.getRing(), read.getIteration(), false);
    if (failed(claim))
      return failure();
    if (current != *claim)
      return refute(mma) << "this is multiplied outside wait and release of "
                            "its K step";
    tensorReads = true;
  }
  if (failed(checkPaired(mma)))
    return failure();
  return checkSums(mma, mma.getColumns(), mma.getIteration(), Acquired);
}

LogicalResult RoleTracer::traceLoad(cta::TensorLoadOp load) {
  return checkSums(load, load.getColumns(), load.getIteration(), Waited);
}

/// A slot for each group, an iteration for each tile: tile n of the CTA is
/// group n mod groups', and so is slot n mod stages.
LogicalResult RoleTracer::checkSumsRing() {
  if (!sums)
    return success();
  auto ring = sums.getDefiningOp<cta::RingOp>();
  if (sumsDone == Released && ring.getSteps() == 1 &&
      int64_t(ring.getStages()) == role.getGroups())
    return checkPairs(ring, /*beginsReady=*/true);
  return ring.emitError("not proven: expected a ring of accumulators with a "
                        "slot for each of the ")
         << role.getGroups()
         << " groups of a role and one step in a tile, released at its end";
}

LogicalResult RoleTracer::open(Operation *op, Value ring, Value iteration,
                               bool writes) {
  if (holdsSums(ring))
    return stepSums(op, ring, iteration, writes ? Acquired : Waited);
  FailureOr<Claim> claim = claimAt(op, ring, iteration, writes);
  if (failed(claim))
    return failure();
  if (current)
    return op->emitError("not proven: expected one claim on a ring at a time "
                         "in a role");
  if (role.getTurns() && !hasTurn)
    return refute(op) << "this claims an iteration of a ring outside the "
                         "group's turn";
  if (claims.size() == maxClaims)
    return op->emitError("not proven: expected at most ")
           << maxClaims << " K steps in a tile; use a larger K step";
  current = *claim;
  tensorReads = threadReads = paired = false;
  claims.push_back(*claim);
  return success();
}

LogicalResult RoleTracer::close(Operation *op, Value ring, Value iteration,
                                bool writes) {
  if (holdsSums(ring)) {
    if (isa<cta::RingPublishOp, cta::TensorReleaseOp>(op))
      return op->emitError("not proven: expected cta.tensor_publish and "
                           "cta.ring_release of a ring of accumulators");
    return stepSums(op, ring, iteration, writes ? Published : Released);
  }
  if (isa<cta::TensorPublishOp>(op))
    return op->emitError("not proven: expected a ring of accumulators");
  bool byTensor = isa<cta::TensorReleaseOp>(op);
  if (byTensor && failed(checkPaired(op)))
    return failure();
  if (byTensor ? threadReads : tensorReads)
    return refute(op) << "this releases what "
                      << (byTensor ? "threads" : "multiplies")
                      << " may still read";
  FailureOr<Claim> claim = claimAt(op, ring, iteration, writes);
  if (failed(claim))
    return failure();
  if (current != *claim)
    return refute(op) << (writes ? "this publishes what was not acquired"
                                 : "this releases what was not waited for");
  current.reset();
  if (!writes && isAsked.try_emplace(ring, byTensor).first->second != byTensor)
    return op->emitError("not proven: expected all slots of a ring to be let "
                         "go of by threads, or all by what one has asked for");
  return success();
}

/// Another role's groups are not counted: all of them are waited for.
LogicalResult RoleTracer::traceWait(cta::RingWaitOp wait) {
  if (wait.getPending() != 0)
    return wait.emitError(
               "not proven: expected `pending` 0 between roles, got ")
           << wait.getPending();
  return open(wait, wait.getRing(), wait.getIteration(), false);
}

/// One turn a tile, given back with nothing claimed.
LogicalResult RoleTracer::traceTurn(Operation *op) {
  bool takes = isa<cta::TakeTurnOp>(op);
  if (op->getNumOperands() != 0)
    return op->emitError("not proven: expected a turn without a number: those "
                         "come when the kernel is lowered");
  if (takes == hasTurn || current)
    return op->emitError("not proven: expected a turn to be taken, then "
                         "passed, outside claims on rings");
  hasTurn = takes;
  turns += takes;
  return success();
}

LogicalResult RoleTracer::traceAccess(cta::StageAccess access) {
  auto alloc = access.getStage().getDefiningOp<cta::AllocOp>();
  if (!alloc.getRing())
    return access.emitError("not proven: expected a stage in a ring: roles "
                            "meet nowhere else");
  FailureOr<Claim> claim = claimAt(
      access, alloc.getRing(), access.getIteration(), access.isStageWrite());
  if (failed(claim))
    return failure();
  if (isa<cta::SmemDescOp>(access.getOperation()))
    return success(); // a place: it is read where it is multiplied
  bool byTensor = isa<cta::TensorCopyOp>(access.getOperation());
  (byTensor ? tensorReads : threadReads) |= !access.isStageWrite();
  if (current == *claim)
    return byTensor ? checkPaired(access) : success();
  return refute(access) << (claim->writes
                                ? "this is written outside acquire and publish "
                                  "of its K step"
                                : "this is read outside wait and release of "
                                  "its K step");
}

LogicalResult RoleTracer::traceLoop(scf::ForOp loop) {
  FailureOr<int64_t> steps = stepsOf(loop, proof);
  if (failed(steps))
    return failure();
  // What is in a loop that never runs is lowered all the same: a role that
  // publishes there is waited for at the ring.
  if (*steps < 1 || *steps > int64_t(maxClaims))
    return loop.emitError("not proven: expected 1 to ")
           << maxClaims << " K steps in a role, got " << *steps
           << "; use a larger K step, or no loop";
  for (step = 0; step < *steps; ++step)
    if (failed(trace(*loop.getBody())))
      return failure();
  step = 0;
  return success();
}

LogicalResult RoleTracer::trace(Block &block) {
  for (Operation &op : block) {
    LogicalResult result = success();
    if (auto loop = dyn_cast<scf::ForOp>(op))
      result = traceLoop(loop);
    else if (auto access = dyn_cast<cta::StageAccess>(op))
      result = traceAccess(access);
    else if (isa<cta::TakeTurnOp, cta::PassTurnOp>(op))
      result = traceTurn(&op);
    else if (auto ring = dyn_cast<cta::RingAcquireOp>(op))
      result = open(ring, ring.getRing(), ring.getIteration(), true);
    else if (auto ring = dyn_cast<cta::RingPublishOp>(op))
      result = close(ring, ring.getRing(), ring.getIteration(), true);
    else if (auto wait = dyn_cast<cta::RingWaitOp>(op))
      result = traceWait(wait);
    else if (auto ring = dyn_cast<cta::RingReleaseOp>(op))
      result = close(ring, ring.getRing(), ring.getIteration(), false);
    else if (auto ring = dyn_cast<cta::TensorReleaseOp>(op))
      result = close(ring, ring.getRing(), ring.getIteration(), false);
    else if (auto ring = dyn_cast<cta::TensorPublishOp>(op))
      result = close(ring, ring.getRing(), ring.getIteration(), true);
    else if (auto mma = dyn_cast<cta::TensorMmaOp>(op))
      result = traceMultiply(mma);
    else if (auto pair = dyn_cast<cta::PairWaitOp>(op))
      result = tracePair(pair);
    else if (auto load = dyn_cast<cta::TensorLoadOp>(op))
      result = traceLoad(load);
    if (failed(result))
      return failure();
  }
  return success();
}

LogicalResult RoleTracer::run() {
  if (failed(trace(role.getBody().front())))
    return failure();
  if (current)
    return refute(role) << "a claim of this role on a ring is never given back";
  if (failed(checkSumsRing()))
    return failure();
  if (hasTurn || turns > 1)
    return role.emitError("not proven: expected one turn in a tile, taken and "
                          "passed, got ")
           << turns << (hasTurn ? ", of which one is kept" : "");
  if (turns == 0)
    return success();
  if (std::optional<std::string> wrong = exploreTurns({role.getGroups()}))
    return role.emitError("not proven: ") << *wrong;
  return success();
}

/// The iterations of a ring that a role claims: 0, 1, ... steps - 1.
LogicalResult checkIterations(cta::RingOp ring, ArrayRef<Claim> claims,
                              bool writes, int64_t steps) {
  int64_t next = 0;
  for (const Claim &claim : claims) {
    if (claim.ring != ring.getResult())
      continue;
    if (claim.iteration != next)
      return ring.emitError("not proven: expected iteration ")
             << next << " of this ring to be "
             << (writes ? "acquired" : "waited for") << " next, got "
             << claim.iteration;
    ++next;
  }
  if (next == steps)
    return success();
  return ring.emitError("not proven: expected ")
         << steps << " iterations of this ring to be "
         << (writes ? "acquired" : "waited for") << " in a tile, got " << next;
}

/// Where K is free, as many as its loops have steps.
FailureOr<int64_t> stepsOfRing(cta::RingOp ring, Proof &proof) {
  if (ring.getSteps())
    return int64_t(*ring.getSteps());
  FailureOr<AffineExpr> steps = proof.slicer.index(ring.getFreeSteps());
  if (failed(steps))
    return failure();
  AffineExpr ofLoops = proof.slicer.freeSteps();
  if (ofLoops && isSame(proof.slicer, *steps, ofLoops))
    return proof.stepsTraced;
  return ring.emitError("not proven: expected as many steps as the K loops "
                        "have");
}

/// What is lowered of a ring whose slots one thread's commits let go of is that
/// thread's steps alone (gatherAsked).
LogicalResult checkRing(cta::RingOp ring, ArrayRef<Claim> writer,
                        ArrayRef<Claim> reader, bool isAsked, Proof &proof) {
  FailureOr<int64_t> steps = stepsOfRing(ring, proof);
  if (failed(steps) || failed(checkIterations(ring, writer, true, *steps)) ||
      failed(checkIterations(ring, reader, false, *steps)))
    return failure();
  RingProtocol protocol{int64_t(ring.getStages())};
  protocol.isAsked = isAsked;
  protocol.releasers = isAsked ? 1 : protocol.releasers;
  if (std::optional<std::string> wrong = exploreRing(protocol))
    return ring.emitError("not proven: ") << *wrong;
  return checkPairs(ring, /*beginsReady=*/false);
}

/// What all threads do counts in no role, and moves the ring on all the same.
LogicalResult checkOutside(Proof &proof) {
  WalkResult result = proof.kernel.walk([](Operation *op) -> WalkResult {
    if (!isa<cta::RingAcquireOp, cta::RingPublishOp, cta::RingWaitOp,
             cta::RingReleaseOp, cta::StageAccess>(op) ||
        op->getParentOfType<cta::RoleOp>())
      return success();
    return op->emitError("not proven: expected steps of rings and accesses of "
                         "stages in a role, in a kernel that has roles");
  });
  return failure(result.wasInterrupted());
}

} // namespace

FailureOr<size_t> nybl::compiler::proveRoleOrder(Proof &proof) {
  auto ranges = proof.kernel.getBody().getOps<cta::TileRangeOp>();
  if (!llvm::hasSingleElement(ranges))
    return proof.kernel.emitError("not proven: expected one cta.tile_range");
  if (failed(checkOutside(proof)))
    return failure();
  std::vector<Claim> writer, reader;
  llvm::SmallDenseSet<Value> sums;
  llvm::SmallDenseMap<Value, bool> isAsked;
  for (auto role : (*ranges.begin()).getBody().getOps<cta::RoleOp>()) {
    RoleTracer tracer(role, proof);
    if (failed(tracer.run()))
      return failure();
    if (tracer.sums && !sums.insert(tracer.sums).second)
      return role.emitError("not proven: expected one role that has a ring of "
                            "accumulators");
    if (tracer.claims.empty())
      continue;
    bool writes = tracer.claims.front().writes;
    if (writes && role.getTurns())
      return role.emitError("not proven: expected who writes rings to do so "
                            "for every tile, not by turns");
    std::vector<Claim> &claims = writes ? writer : reader;
    if (!claims.empty() || !llvm::all_of(tracer.claims, [&](const Claim &c) {
          return c.writes == writes;
        }))
      return role.emitError("not proven: expected one role that writes rings "
                            "and one that reads them");
    claims = std::move(tracer.claims);
    if (!writes)
      isAsked = std::move(tracer.isAsked);
  }
  bool sameOrder =
      llvm::equal(writer, reader, [](const Claim &a, const Claim &b) {
        return a.ring == b.ring && a.iteration == b.iteration;
      });
  for (auto ring : proof.kernel.getBody().getOps<cta::RingOp>()) {
    if (ring->use_empty() || sums.contains(ring))
      continue;
    if (!ring.isBetweenRoles())
      return ring.emitError("not proven: expected a ring with its `steps` in a "
                            "tile between roles");
    if (failed(checkRing(ring, writer, reader, isAsked.lookup(ring), proof)))
      return failure();
  }
  if (!sameOrder)
    return proof.kernel.emitError("not proven: expected both roles to take the "
                                  "iterations of rings in the same order");
  return writer.size() + reader.size();
}
