// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The cooperative schedule: a producer fills the slots of a ring while the
// consumers, all of them on one tile, multiply what is there.
#ifndef NYBL_COMPILER_CONVERSION_TILECOOPERATIVE_H
#define NYBL_COMPILER_CONVERSION_TILECOOPERATIVE_H

#include "compiler/Conversion/TileRing.h"

namespace nybl::compiler {

class TileCooperative : public TileRing {
public:
  using TileRing::TileRing;

private:
  mlir::LogicalResult convertTile(tile::ForeachTileOp op) override;
  mlir::FailureOr<mlir::ValueRange>
  convertSteps(tile::AccumulateOp op, int64_t steps,
               const Fragments &inits) override;
  mlir::LogicalResult convertProducer(tile::ForeachTileOp op);
  mlir::LogicalResult fillSteps(tile::AccumulateOp op);
  mlir::LogicalResult convertConsumer(tile::ForeachTileOp op);
  /// The role's body is where the builder is from here on. `registers`: what a
  /// thread has, where roles are to have different numbers.
  void beginRole(llvm::StringRef name, int64_t first, int64_t count,
                 int64_t registers);

  /// Of each accumulate that has steps.
  llvm::DenseMap<mlir::Operation *, mlir::Value> rings;
};

} // namespace nybl::compiler

#endif // NYBL_COMPILER_CONVERSION_TILECOOPERATIVE_H
