// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// L6. The slicer bounds every value it forms over the box of the leaves and
// fails where one may not fit its width; what is left is the index of the
// tiles.

#include "compiler/Legality/Prove.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

FailureOr<Shown> nybl::compiler::proveNoWrap(Proof &proof) {
  cta::KernelOp kernel = proof.kernel;
  Slicer &slicer = proof.slicer;
  // The tile loop adds the grid's size (at most the count) to an index below
  // the count.
  WalkResult result = kernel.walk([&](cta::TileRangeOp range) -> WalkResult {
    FailureOr<AffineExpr> count = slicer.index(range.getCount());
    if (failed(count))
      return failure();
    if (slicer.bounds(*count).high * 2 <= largestOf(32))
      return success();
    return range.emitError("not proven: twice the number of tiles may not fit "
                           "32 bits with M up to ")
           << rowsMax;
  });
  if (result.wasInterrupted())
    return failure();
  return Shown{std::to_string(slicer.computed()) +
                   " values fit their width for M up to " +
                   std::to_string(rowsMax),
               "M = " + std::to_string(rowsMax)};
}
