// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Who does which tile: the two ways to keep the contract of cta.tile_range.
#ifndef NYBL_COMPILER_CONVERSION_CTATILELOOP_H
#define NYBL_COMPILER_CONVERSION_CTATILELOOP_H

#include "dialects/Cta/CtaOps.h"
#include <memory>

namespace nybl::compiler {

/// A loop over the numbers of a CTA's tiles, or of their parts, while it is
/// being made.
struct TileLoop {
  mlir::Operation *op = nullptr;
  mlir::Value number; ///< of the tile that the body is for
  mlir::Value first;  ///< of the CTA's, or group's, first one
  /// In the body, what it has counted up to this tile.
  llvm::SmallVector<mlir::Value> counts;
};

/// Who goes round in such a loop: all warps of a role, or one of its groups,
/// which take tiles by turns.
struct TileWalker {
  int64_t groups = 1;
  mlir::Value group; ///< null: there is but one
  /// The thread's number in the role that fills rings, which is ahead of the
  /// others; null in these.
  mlir::Value filler;
};

/// What makes these loops, one for each role.
class TileScheduler {
public:
  TileScheduler(cta::TileRangeOp range, mlir::OpBuilder &builder)
      : range(range), builder(builder), location(range.getLoc()) {}
  virtual ~TileScheduler() = default;

  /// How many tiles, or parts of tiles, the grid has to do.
  mlir::Value tasks();
  /// Who takes tiles: this CTA among those of the grid, or its pair.
  mlir::Value workerIndex();

  /// In the CTA's order of tiles: the number of the one that a loop begins with
  /// (null: 0), and how many tiles further each round is.
  virtual mlir::Value firstTurn(const TileWalker &walker) = 0;
  virtual int64_t turnsInRound(const TileWalker &walker) = 0;

  /// An empty loop, in whose body the builder is from here on.
  virtual TileLoop open(const TileWalker &walker, mlir::ValueRange counts) = 0;
  /// What is done for a tile is there; `countOn` makes the counts of the next
  /// round. The builder is behind the loop from here on.
  virtual void
  close(const TileLoop &loop, const TileWalker &walker,
        llvm::function_ref<llvm::SmallVector<mlir::Value>()> countOn) = 0;

protected:
  mlir::Value number(int64_t value);
  mlir::Value workers();

  cta::TileRangeOp range;
  mlir::OpBuilder &builder;
  mlir::Location location;
};

/// As the kernel's schedule has it; what all roles share is made here, ahead of
/// them.
///   static: the CTA's index, + the grid's size, ..., or of these each so many
///     groups further.
///   clc: the CTA's index, then those of CTAs that have not begun and never
///     will, as cluster launch control tells them. A thread of the role that
///     fills rings asks at the begin of each tile for the next; all warps take
///     the answers in their order. The grid has at least a CTA for each task.
std::unique_ptr<TileScheduler> makeScheduler(cta::TileRangeOp range,
                                             mlir::OpBuilder &builder);

/// Whether the kernel's CTAs go on with tiles of others: its schedule says so,
/// and it has roles.
bool takesOver(cta::KernelOp kernel);

/// Answers of cluster launch control that there is room for.
inline constexpr int64_t answerSlots = 4, answerBytes = 16;

} // namespace nybl::compiler

#endif // NYBL_COMPILER_CONVERSION_CTATILELOOP_H
