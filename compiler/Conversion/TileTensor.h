// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The schedule of chips with tensor memory: as ping-pong, but the accumulators
// of a group of four warps lie in tensor memory, and one of its threads asks
// for its multiplies. They go on by themselves, those of one group while the
// other stores.
#ifndef NYBL_COMPILER_CONVERSION_TILETENSOR_H
#define NYBL_COMPILER_CONVERSION_TILETENSOR_H

#include "compiler/Conversion/TileCooperative.h"

namespace nybl::compiler {

class TileTensor : public TileCooperative {
public:
  TileTensor(cta::KernelOp kernel, tile::KernelOp source,
             cta::ScheduleAttr schedule)
      : TileCooperative(kernel, source, schedule) {
    // Scale factors lie in a stage as tcgen05.cp takes them.
    mapA = mapB = RowMap::packed(RowMap::groupRows * 4);
    heldElements = std::min(heldElements, columnsOfLoad);
  }

private:
  static constexpr int64_t columnsOfLoad = 32; ///< at most

  mlir::LogicalResult convertTile(tile::ForeachTileOp op) override;
  mlir::FailureOr<mlir::ValueRange>
  convertSteps(tile::AccumulateOp op, int64_t steps,
               const Fragments &inits) override;
  mlir::LogicalResult convertDot(tile::DotScaledOp op) override;
  std::pair<Index, Index> placeOf(int64_t i, Index row,
                                  Index column) const override;

  void storeBoxes(tile::StoreOp op, const Fragments &values) override;
  bool keepsAtoms() const override { return true; }

  mlir::LogicalResult checkAccumulate(tile::AccumulateOp op,
                                      const Fragments &inits);
  mlir::LogicalResult checkOperands(tile::DotScaledOp op);
  mlir::Value multiplyAll(tile::AccumulateOp op, int64_t steps);
  /// All of a slot's data, and of its scale factors in the slot's columns.
  mlir::Value describe(const Staged &data);
  mlir::Value copyToTensor(const Staged &scales);

  /// From each load on, a thread's elements go all the way to D before the
  /// next load, so that it never holds all of them.
  void storeLoadByLoad();
  /// What `op` needs, and is not in its place yet, comes just before `anchor`.
  void bring(mlir::Operation *op, mlir::Operation *anchor);

  mlir::Value mine;           ///< i1: this is the one thread that asks
  mlir::Value columns, sums;  ///< of accumulators, and the ring they are in
  cta::RingReleaseOp release; ///< of them
  /// What each accumulator tile stands for.
  llvm::DenseMap<mlir::Value, mlir::Value> accumulators;
  Fragments loaded;
  llvm::DenseSet<mlir::Operation *> toPlace; ///< behind the first load
};

} // namespace nybl::compiler

#endif // NYBL_COMPILER_CONVERSION_TILETENSOR_H
