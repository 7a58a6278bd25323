// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// L6. Bounds of every intermediate value over the box of the leaves; where they
// fit the width, the value in the kernel is the value in the proof.

#include "compiler/Legality/Prove.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

static __int128 largest(unsigned width) {
  return (__int128(1) << (width - 1)) - 1; // also fits as a signed number
}

FailureOr<Shown> nybl::compiler::proveNoWrap(cta::KernelOp kernel,
                                             Slicer &slicer) {
  for (const Computed &computed : slicer.computed()) {
    Interval range = slicer.bounds(computed.value);
    if (range.low >= 0 && range.high <= largest(computed.width))
      continue;
    computed.op->emitError("not proven: with M up to ")
        << rowsMax << " this may not fit " << computed.width
        << " bits; compute it in 64 bits, or bound its parts";
    return failure();
  }
  // The tile loop adds the grid's size (at most the count) to an index below
  // the count.
  WalkResult result = kernel.walk([&](cta::TileRangeOp range) -> WalkResult {
    FailureOr<AffineExpr> count = slicer.index(range.getCount());
    if (succeeded(count) && slicer.bounds(*count).high * 2 <= largest(32))
      return success();
    return range.emitError("not proven: twice the number of tiles may not fit "
                           "32 bits with M up to ")
           << rowsMax;
  });
  if (result.wasInterrupted())
    return failure();
  return Shown{std::to_string(slicer.computed().size()) +
               " values fit their width for M up to " +
               std::to_string(rowsMax)};
}
