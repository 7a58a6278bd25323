// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The plain schedule: one role, synchronous copies through one stage of shared
// memory, a barrier on either side of the multiplies. Slow, obvious, and kept
// for ever as the second opinion.
#ifndef NYBL_COMPILER_CONVERSION_TILEPLAIN_H
#define NYBL_COMPILER_CONVERSION_TILEPLAIN_H

#include "compiler/Conversion/TileEmitter.h"

namespace nybl::compiler {

class TilePlain : public TileEmitter {
public:
  TilePlain(cta::KernelOp kernel, tile::KernelOp source,
            cta::ScheduleAttr schedule)
      : TileEmitter(kernel, source, schedule) {
    placeAllThreads();
  }

private:
  mlir::FailureOr<mlir::ValueRange>
  convertSteps(tile::AccumulateOp op, int64_t steps,
               const Fragments &inits) override;
  mlir::LogicalResult convertInStep(mlir::Operation &op);
  mlir::LogicalResult convertLoad(tile::LoadOp op);
  mlir::LogicalResult convertLoadScales(tile::LoadScalesOp op);
};

} // namespace nybl::compiler

#endif // NYBL_COMPILER_CONVERSION_TILEPLAIN_H
