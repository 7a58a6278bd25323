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
  /// What follows is of K step `step`.
  void enter(tile::AccumulateOp op, Index step);
  mlir::LogicalResult multiply(tile::AccumulateOp op);

  int64_t stages;
  mlir::Value ring; ///< of the accumulate that is being converted

  // Scale factors that lie in a stage as in memory (TileRingAtoms.cpp).
  /// Whether a schedule has them so, where their operand does.
  virtual bool keepsAtoms() const { return false; }
  /// i1: no thread copies scale factors of the step. Null: some may, in each.
  mlir::Value copiedInAtoms(tile::AccumulateOp op);

private:
  /// Whether copies from this operand may run ahead of the grid's wait.
  bool runsAhead(mlir::Value base);
  mlir::LogicalResult convertLoad(tile::LoadOp op, mlir::Value isStep);
  mlir::LogicalResult convertLoadScales(tile::LoadScalesOp op,
                                        mlir::Value isStep);
  /// Four K blocks of a row.
  mlir::LogicalResult copyWord(tile::LoadScalesOp op, const Staged &to,
                               const Move &move, mlir::Value mine,
                               mlir::Value unless);
  /// Of a tile, rows and atoms that this CTA copies.
  int64_t scaleRowsOf(tile::LoadScalesOp op);
  int64_t atomsOf(tile::LoadScalesOp op);
  /// Whether 128 rows at a time, an atom's, may be copied as a whole.
  bool isInAtoms(tile::LoadScalesOp op);
  /// In which tiles and K steps all rows of a tile's atom are real, all K
  /// blocks of a step, or both. What never happens is left out here: LLVM would
  /// leave it out too, and the lint miss it.
  enum class Whole { Never, Some, Always };
  Whole rowsOfAtom(tile::LoadScalesOp op, int64_t atom);
  Whole blocksOfStep(tile::LoadScalesOp op);
  Whole wholenessOf(tile::LoadScalesOp op, int64_t atom);
  /// Of each atom of a tile, i1: it is whole. Null where it never is.
  llvm::SmallVector<mlir::Value> wholeAtoms(tile::LoadScalesOp op);
  /// The last row of a tile's atom, and the last K block of a step.
  Index lastRowOf(tile::LoadScalesOp op, int64_t atom);
  Index lastBlockOf(tile::LoadScalesOp op);
  /// Those of `whole`.
  mlir::LogicalResult copyAtoms(tile::LoadScalesOp op, const Staged &to,
                                mlir::ValueRange whole, mlir::Value isStep);
};

} // namespace nybl::compiler

#endif // NYBL_COMPILER_CONVERSION_TILERING_H
