// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The multistage schedule: one role, whose threads copy tiles into a ring with
// cp.async, stages - 1 K steps ahead of the multiplies.
#ifndef NYBL_COMPILER_CONVERSION_TILEMULTISTAGE_H
#define NYBL_COMPILER_CONVERSION_TILEMULTISTAGE_H

#include "compiler/Conversion/TileRing.h"

namespace nybl::compiler {

class TileMultistage : public TileRing {
public:
  TileMultistage(cta::KernelOp kernel, tile::KernelOp source,
                 cta::ScheduleAttr schedule)
      : TileRing(kernel, source, schedule) {
    placeAllThreads();
  }

private:
  mlir::FailureOr<mlir::ValueRange>
  convertSteps(tile::AccumulateOp op, int64_t steps,
               const Fragments &inits) override;
  mlir::LogicalResult fillAhead(tile::AccumulateOp op, int64_t steps);
};

} // namespace nybl::compiler

#endif // NYBL_COMPILER_CONVERSION_TILEMULTISTAGE_H
