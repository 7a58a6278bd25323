// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// L6. The slicer bounds every value it forms over the box of the leaves and
// fails where one may not fit its width; what is left is the index of the
// tiles.

#include "compiler/Legality/Prove.h"
#include "runtime/Abi/Problem.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

/// Where they are no numbers in the kernel.
static std::string ofFreeSizes(cta::KernelOp kernel) {
  if (!kernel.argumentFor("k.blocks"))
    return "";
  return ", N up to " + std::to_string(columnsMax) + " and K up to " +
         std::to_string(blocksMax * kBlock);
}

FailureOr<Shown> nybl::compiler::proveNoWrap(Proof &proof) {
  cta::KernelOp kernel = proof.kernel;
  Slicer &slicer = proof.slicer;
  // The tile loop adds the grid's size (at most the count, parts and all) to a
  // number below the count, for each group that takes tiles by turns. In groups
  // of rows, the count is divided by what is in a row.
  WalkResult result = kernel.walk([&](cta::TileRangeOp range) -> WalkResult {
    FailureOr<AffineExpr> count = slicer.index(range.getCount());
    if (failed(count))
      return failure();
    int64_t grids = 1;
    for (auto role : range.getBody().getOps<cta::RoleOp>())
      grids = std::max(grids, role.getGroups());
    int64_t times = (1 + grids) * int64_t(range.getParts());
    __int128 tiles = slicer.bounds(*count).high;
    if (range.getAcross()) {
      FailureOr<AffineExpr> across = slicer.index(range.getAcross());
      if (failed(across))
        return failure();
      tiles *= slicer.bounds(*across).high;
    }
    if (tiles * times > largestOf(32))
      return range.emitError("not proven: ")
             << times
             << " times the number of tiles may not fit 32 bits with M up to "
             << rowsMax << ofFreeSizes(kernel);
    if (!range.getGroup() ||
        isSame(slicer, *count % int64_t(*range.getColumns()),
               slicer.constant(0)))
      return success();
    return range.emitError("not proven: expected a multiple of ")
           << int64_t(*range.getColumns())
           << " tiles, that lie in rows of so many";
  });
  if (result.wasInterrupted())
    return failure();
  return Shown{std::to_string(slicer.computed()) +
                   " values fit their width for M up to " +
                   std::to_string(rowsMax) + ofFreeSizes(kernel),
               "M = " + std::to_string(rowsMax)};
}
