// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The schedules with roles: a producer fills the slots of a ring while
// consumers multiply what is there. In the cooperative one all consumers are on
// one tile; in ping-pong two groups of them have a tile each, by turns: one
// stores while the other multiplies.
#ifndef NYBL_COMPILER_CONVERSION_TILECOOPERATIVE_H
#define NYBL_COMPILER_CONVERSION_TILECOOPERATIVE_H

#include "compiler/Conversion/ScheduleAttribute.h"
#include "compiler/Conversion/TileRing.h"

namespace nybl::compiler {

class TileCooperative : public TileRing {
public:
  TileCooperative(cta::KernelOp kernel, tile::KernelOp source,
                  cta::ScheduleAttr schedule)
      : TileRing(kernel, source, schedule),
        consumers(scheduleOf(schedule).consumers()),
        heldElements(mFragments * nFragments * 4) {}

protected:
  mlir::FailureOr<mlir::ValueRange>
  convertSteps(tile::AccumulateOp op, int64_t steps,
               const Fragments &inits) override;
  /// The group has no more to do with rings once this is its last K loop.
  void passTurn(tile::AccumulateOp op);

  int64_t consumers;    ///< groups of warps that have tiles of their own
  int64_t heldElements; ///< of a tile, that a thread has in registers at once
  /// Of each accumulate that has steps.
  llvm::DenseMap<mlir::Operation *, mlir::Value> rings;

  mlir::LogicalResult convertTile(tile::ForeachTileOp op) override;

private:
  mlir::LogicalResult convertProducer(tile::ForeachTileOp op);
  mlir::LogicalResult fillSteps(tile::AccumulateOp op);
  mlir::LogicalResult convertConsumer(tile::ForeachTileOp op);
  /// The role's body is where the builder is from here on. `registers`: what a
  /// thread has, where roles are to have different numbers.
  void beginRole(llvm::StringRef name, int64_t first, int64_t count,
                 int64_t registers, int64_t groups = 1);

  mlir::Operation *turnEnds = nullptr; ///< with this accumulate; null: no turns
};

} // namespace nybl::compiler

#endif // NYBL_COMPILER_CONVERSION_TILECOOPERATIVE_H
