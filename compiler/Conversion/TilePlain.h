// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The plain schedule: one role, synchronous copies through one stage of shared
// memory, a barrier on either side of the multiplies. Slow, obvious, and kept
// for ever as the second opinion.
#ifndef NYBL_COMPILER_CONVERSION_TILEPLAIN_H
#define NYBL_COMPILER_CONVERSION_TILEPLAIN_H

#include "dialects/Cta/CtaOps.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/DenseMap.h"

namespace nybl::compiler {

/// Sizes are below this, so that a count fits a signed 32-bit register.
constexpr int64_t maxExtent = (int64_t(1) << 31) - 1;
/// Rows of one tile at most: copies are unrolled.
constexpr int64_t maxTileRows = 4096;
/// Ops of all tile.map bodies of a kernel, each done for every element that a
/// thread holds: ptxas takes half a minute for as many divisions.
constexpr int64_t maxElementOps = 4096;

/// Rows as Cta says them: a number, or dynamicRows for M itself. Nothing for
/// any other size: an expression over M is not M.
std::optional<int64_t> convertRows(mlir::Attribute size);

class Index;
Index operator+(Index a, Index b);
Index operator*(Index a, Index b);
Index operator+(Index a, int64_t b);
Index operator*(Index a, int64_t b);
Index operator/(Index a, int64_t b);
Index operator%(Index a, int64_t b);
mlir::Value operator<(Index a, Index b);
mlir::Value operator<(Index a, int64_t b);

/// Arithmetic on i32 or i64 values, written as formulas. `+ * / %` take numbers
/// or indices of the same width; values are non-negative, so / and % are
/// unsigned.
class Index {
public:
  Index(mlir::OpBuilder &builder, mlir::Value value)
      : builder(&builder), current(value) {}
  mlir::Value value() const { return current; }
  operator mlir::Value() const { return current; }
  Index extend() const; ///< i32 -> i64

  friend Index operator+(Index a, Index b);
  friend Index operator*(Index a, Index b);
  friend Index operator+(Index a, int64_t b);
  friend Index operator*(Index a, int64_t b);
  friend Index operator/(Index a, int64_t b);
  friend Index operator%(Index a, int64_t b);
  /// i1: a < b
  friend mlir::Value operator<(Index a, Index b);
  friend mlir::Value operator<(Index a, int64_t b);

private:
  Index constant(int64_t number) const;
  mlir::OpBuilder *builder;
  mlir::Value current;
};

/// Emits one cta.kernel from one instantiated tile.kernel. Ops are given in
/// order; an error is a diagnostic at the op that cannot be laid out.
class TilePlain {
public:
  TilePlain(cta::KernelOp kernel, tile::KernelOp source,
            cta::ScheduleAttr schedule);

  mlir::LogicalResult convertTopLevel(mlir::Operation &op);
  void finish();

private:
  /// The registers of an accumulator in each lane: [m fragment][n fragment][4].
  using Fragments = llvm::SmallVector<mlir::Value>;
  /// A tile in shared memory, and its rows.
  struct Staged {
    mlir::Value stage;
    int64_t rows;
    int64_t pitch; ///< bytes from one row to the next
  };

  mlir::LogicalResult convertForeachTile(tile::ForeachTileOp op);
  mlir::LogicalResult convertInTile(mlir::Operation &op);
  mlir::LogicalResult convertInStep(mlir::Operation &op);
  mlir::LogicalResult cloneArithmetic(mlir::Operation &op);
  mlir::LogicalResult convertParam(tile::ParamOp op);

  // Copies (TilePlainCopy.cpp).
  mlir::LogicalResult convertLoad(tile::LoadOp op);
  mlir::LogicalResult convertLoadScales(tile::LoadScalesOp op);
  Staged stageFor(mlir::Value tile, bool scales);
  template <typename Emit>
  void forEachBlock(int64_t rows, mlir::Value row, mlir::Value column,
                    int64_t rowsInside, int64_t blocks, mlir::Location location,
                    Emit emit);

  // Multiplies and accumulators (TilePlainDot.cpp).
  mlir::LogicalResult convertAccumulate(tile::AccumulateOp op);
  mlir::LogicalResult convertSteps(tile::AccumulateOp op,
                                   mlir::scf::ForOp loop);
  /// The registers of each accumulator, one after the other in `values`.
  void bindAccumulators(mlir::ValueRange tiles, mlir::ValueRange values);
  mlir::LogicalResult convertDot(tile::DotScaledOp op);

  // Elementwise and stores (TilePlainStore.cpp).
  mlir::LogicalResult convertMap(tile::MapOp op);
  mlir::LogicalResult convertStore(tile::StoreOp op);
  mlir::Value scalar(mlir::Value tileScalar);

  Index index(mlir::Value value) { return Index(builder, value); }
  Index number(int64_t value);
  /// The value in the new kernel of a coordinate of the old one.
  Index coordinate(mlir::Value value) { return index(mapping.lookup(value)); }
  mlir::Value argument(mlir::Value tileArgument, llvm::StringRef suffix = "");
  /// Which operand of the problem an argument of the old kernel is.
  llvm::StringRef sourceOf(mlir::Value tileArgument);
  /// Rows of an operand as an i32: M where they are free.
  Index rowsOf(int64_t rows);
  mlir::LogicalResult checkShape(mlir::Operation *op, tile::AccType type);

  cta::KernelOp kernel;
  tile::KernelOp source;
  mlir::OpBuilder builder;      ///< at the end of what is being emitted
  mlir::OpBuilder frameBuilder; ///< before the tile range: allocs, scalars
  mlir::Location location;
  int64_t tileM, tileN, tileK, warpsM, warpsN, threads;
  int64_t mFragments, nFragments; ///< of one warp: 16 rows, 8 columns each
  /// Of this thread; see cta.mma for g and t.
  std::optional<Index> thread, lane, g, t, warpRow, warpColumn;
  mlir::IRMapping mapping;                          ///< scalars and coordinates
  llvm::DenseMap<mlir::Value, Staged> staged;       ///< tiles, scale tiles
  llvm::DenseMap<mlir::Value, Fragments> fragments; ///< accumulators
  llvm::DenseMap<mlir::Value, mlir::Value> scalars;
  int64_t elementOps = 0; ///< emitted so far
};

} // namespace nybl::compiler

#endif // NYBL_COMPILER_CONVERSION_TILEPLAIN_H
