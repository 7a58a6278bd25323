// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cta.sum_parts computes its addresses itself, from the tile, the thread and
// the workspace's type. So what is asked is that it is told the right ones, and
// that nobody else touches the same.

#include "compiler/Legality/ProveSplit.h"
#include "compiler/Legality/SplitModel.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

/// The thread of the role or, where there is none, of the CTA.
static bool isThreadOf(Value thread, Operation *frame) {
  if (auto role = dyn_cast<cta::RoleOp>(frame))
    return thread == role.getBody().getArgument(0);
  return thread.getDefiningOp<cta::ThreadIdOp>() != nullptr;
}

LogicalResult nybl::compiler::proveOwnSums(cta::SumPartsOp sum) {
  Operation *frame = sum->getParentOp();
  auto range = sum->getParentOfType<cta::TileRangeOp>();
  if (!isa<cta::TileRangeOp, cta::RoleOp>(frame))
    return sum.emitError(
        "not proven: expected cta.sum_parts in a tile, outside "
        "its K loops");
  if (sum.getTile() != range.getTile() || !range.getPart() ||
      sum.getPart() != range.getPart())
    return sum.emitError("not proven: expected the tile and the part of the "
                         "cta.tile_range around it");
  if (!isThreadOf(sum.getThread(), frame) ||
      sum.getWorkspace().getType().getThreads() != threadsAt(sum))
    return sum.emitError("not proven: expected the number of the thread, and a "
                         "workspace for ")
           << threadsAt(sum) << " threads";
  size_t sums = 0;
  sum->getParentOfType<cta::KernelOp>().walk([&](cta::SumPartsOp) { ++sums; });
  if (sums != 1)
    return sum.emitError("not proven: expected one cta.sum_parts for each "
                         "tile, whatever the role: two would use the same part "
                         "of the workspace");
  return success();
}

LogicalResult nybl::compiler::proveRoom(Proof &proof, int64_t rows,
                                        int64_t columns) {
  cta::ScheduleAttr schedule = proof.kernel.getSchedule();
  ArrayRef<int64_t> tile = schedule.getTile();
  if (schedule.getScheduler() && (rows != tile[0] || columns != tile[1]))
    return proof.kernel.emitError("not proven: expected tiles of ")
           << tile[0] << " x " << tile[1]
           << ", for each of which a launch has a CTA, got " << rows << " x "
           << columns;
  WalkResult result = proof.kernel.walk([&](cta::SumPartsOp sum) -> WalkResult {
    int64_t parts = sum->getParentOfType<cta::TileRangeOp>().getParts();
    if (rows == tile[0] && columns == tile[1] && parts == schedule.getSplit())
      return success();
    return sum.emitError("not proven: expected tiles of ")
           << tile[0] << " x " << tile[1] << " in " << schedule.getSplit()
           << " parts, for which a launch makes room in the workspace, got "
           << rows << " x " << columns << " in " << parts;
  });
  if (result.wasInterrupted())
    return failure();
  result = proof.kernel.walk([&](cta::TileRangeOp range) -> WalkResult {
    if (int64_t(range.getParts()) == schedule.getSplit())
      return success();
    return range.emitError("not proven: expected tiles in ")
           << schedule.getSplit() << " parts, as the schedule has it, got "
           << range.getParts();
  });
  return failure(result.wasInterrupted());
}

/// Grids of one CTA to three: a fault is between a part and the one before it,
/// or between a tile and the next.
FailureOr<size_t> nybl::compiler::proveTurns(Proof &proof) {
  size_t sums = 0;
  WalkResult result = proof.kernel.walk([&](cta::SumPartsOp sum) -> WalkResult {
    ++sums;
    SplitProtocol protocol{
        int64_t(sum->getParentOfType<cta::TileRangeOp>().getParts())};
    for (int64_t ctas : {1, 2, 3}) {
      protocol.ctas = protocol.resident = ctas;
      if (std::optional<std::string> wrong = exploreSplit(protocol))
        return sum.emitError("not proven: ") << *wrong;
    }
    return success();
  });
  if (result.wasInterrupted())
    return failure();
  return sums;
}

LogicalResult nybl::compiler::proveStoredOnce(Operation *store) {
  auto range = store->getParentOfType<cta::TileRangeOp>();
  if (!range.getPart() || store->getParentOfType<cta::SumPartsOp>())
    return success();
  Counterexample example;
  example.lemma = "L4";
  example.operand = "d";
  example.tile = 0;
  InFlightDiagnostic error =
      store->emitError("refuted: with tile = 0, part = 1 ");
  markRefuted(error, example);
  return error << "this stores an element of 'd' a second time: only what "
                  "stands in cta.sum_parts is for the last part alone";
}
