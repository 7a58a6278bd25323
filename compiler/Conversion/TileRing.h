// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What schedules have in common whose tiles go through a ring.
#ifndef NYBL_COMPILER_CONVERSION_TILERING_H
#define NYBL_COMPILER_CONVERSION_TILERING_H

#include "compiler/Conversion/TileEmitter.h"

namespace nybl::compiler {

class TileRing : public TileEmitter {
public:
  TileRing(cta::KernelOp kernel, tile::KernelOp source,
           cta::ScheduleAttr schedule)
      : TileEmitter(kernel, source, schedule), stages(schedule.getStages()) {
    mapA = RowMap::packed(tileM / warpsM);
    mapB = RowMap::packed(tileN / warpsN);
  }

protected:
  /// The copies of K step `step`, where `isStep` holds or is null.
  mlir::LogicalResult fill(tile::AccumulateOp op, Index step,
                           mlir::Value isStep);
  mlir::LogicalResult multiply(tile::AccumulateOp op, Index step);

  int64_t stages;
  mlir::Value ring; ///< of the accumulate that is being converted

private:
  /// Whether copies from this operand may run ahead of the grid's wait.
  bool runsAhead(mlir::Value base);
  mlir::LogicalResult convertLoad(tile::LoadOp op, mlir::Value isStep);
  mlir::LogicalResult convertLoadScales(tile::LoadScalesOp op,
                                        mlir::Value isStep);
};

} // namespace nybl::compiler

#endif // NYBL_COMPILER_CONVERSION_TILERING_H
