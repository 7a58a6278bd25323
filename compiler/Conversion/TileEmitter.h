// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What all schedules of mma.sync have in common: the frame of a kernel, the
// multiplies of a warp, elementwise ops and stores. How a K loop is walked and
// how its tiles get into shared memory is a schedule's own (TilePlain,
// TileMultistage).
#ifndef NYBL_COMPILER_CONVERSION_TILEEMITTER_H
#define NYBL_COMPILER_CONVERSION_TILEEMITTER_H

#include "compiler/Conversion/Index.h"
#include "compiler/Conversion/RowMap.h"
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

/// Rows as Cta says them: a number, or dynamicRows for the free dimension
/// `name` itself. Nothing for any other size: an expression over M is not M.
std::optional<int64_t> convertRows(mlir::Attribute size,
                                   llvm::StringRef name = tile::freeDimension);

/// One thread's copy of some K blocks of a row.
struct Move {
  Index tileRow, tileBlock; ///< within the tile
  Index row, block;         ///< of the operand
  mlir::Value mine;         ///< i1: the thread has it to do; null: always
};

/// Emits one cta.kernel from one instantiated tile.kernel. Ops are given in
/// order; an error is a diagnostic at the op that cannot be laid out.
class TileEmitter {
public:
  /// No thread is placed yet.
  TileEmitter(cta::KernelOp kernel, tile::KernelOp source,
              cta::ScheduleAttr schedule);
  virtual ~TileEmitter() = default;

  mlir::LogicalResult convertTopLevel(mlir::Operation &op);
  void finish();

protected:
  /// The registers of an accumulator in each lane: [m fragment][n fragment][4],
  /// m along the rows of multiplies.
  using Fragments = llvm::SmallVector<mlir::Value>;
  /// A tile in shared memory, and its rows.
  struct Staged {
    mlir::Value stage;
    int64_t rows;
    int64_t pitch;   ///< of data: bytes from one row to the next
    ScaleMap scales; ///< of scale factors
    /// Of data: swizzled over its rows' bytes, as !cta.tensor_map says.
    bool swizzled = false;
  };
  /// Where the warps of a role leave what TMA stores: for each box of a warp's
  /// rows, the rows of all warps, one after the other.
  struct OutputStage {
    mlir::Value stage;
    mlir::Value firstRow; ///< of this warp
    int64_t planeBytes;   ///< from one box of a warp to the next
    int64_t rowBytes;     ///< of a box
    int64_t elementBytes;
    int64_t skippedRows = 0; ///< of the warp, that are stored already
  };
  /// Scale factors for one side of a multiply.
  struct ScaleOperand {
    mlir::Value word;
    int64_t selector;
  };
  /// One side of a warp's multiplies: their rows or their columns.
  struct MultiplySide {
    Staged data, scales;
    RowMap map;
    Index first;              ///< row of the warp
    int64_t eights;           ///< of a fragment: 2 of rows, 1 of columns
    mlir::ValueRange words{}; ///< of scale factors, that were read last
  };

  /// A schedule's own: the K loop of `steps` > 0 steps, or freeSteps of them,
  /// its results the registers of the accumulators that begin as `inits`.
  virtual mlir::FailureOr<mlir::ValueRange>
  convertSteps(tile::AccumulateOp op, int64_t steps,
               const Fragments &inits) = 0;

  /// What is done for one tile: the ops in their order, unless a schedule gives
  /// them to roles.
  virtual mlir::LogicalResult convertTile(tile::ForeachTileOp op);

  // Structure (TileEmitter.cpp).
  /// From here on, `count` threads do what is emitted; the first ones are laid
  /// out over the tile.
  void placeThreads(Index number, int64_t count);
  void placeAllThreads();
  mlir::LogicalResult convertForeachTile(tile::ForeachTileOp op);
  mlir::LogicalResult convertTilesOfAnyN(tile::ForeachTileOp op,
                                         Index tileRows);
  mlir::LogicalResult convertInTile(mlir::Operation &op);
  mlir::LogicalResult cloneArithmetic(mlir::Operation &op);
  mlir::LogicalResult convertParam(tile::ParamOp op);

  // Copies (TileEmitterCopy.cpp).
  /// The rows of a load are unrolled; its K step must be the schedule's.
  mlir::LogicalResult checkLoad(mlir::Operation *op,
                                llvm::ArrayRef<mlir::Attribute> tile,
                                mlir::Value column);
  /// The stage of a tile, in a ring or, if that is null, alone.
  Staged stageFor(mlir::Value tile, mlir::Value ring);
  /// The rows of the side that a tile of scale factors is for.
  RowMap mapOf(mlir::Value scaleTile) const;
  /// Whether each CTA that has a D tile has its own rows of an operand's tile:
  /// all but scale factors of D's columns.
  bool isShared(mlir::Value tile) const;
  /// Of a tile's rows, where those of this CTA begin.
  Index firstRow(mlir::Value tile, mlir::Value row);
  /// Emits, for each copy of `blocks` K blocks that this thread is to make of a
  /// tile whose first element is (row, column). Neighbours among threads write
  /// neighbours in a row, or, of four scale factors each, in the stage.
  void forEachMove(int64_t rows, int64_t blocks, mlir::Value row,
                   mlir::Value column, llvm::function_ref<void(Move)> emit,
                   const ScaleMap *stage = nullptr);
  /// i1: row and K block are real.
  mlir::Value isInside(Index row, Index block, mlir::Value operand);
  mlir::Value isInside(Index row, Index block, int64_t rows, int64_t blocks);
  /// i1: both; either may be null.
  mlir::Value both(mlir::Value a, mlir::Value b);
  /// The tensor map of the operand that a tile is loaded from, or null.
  mlir::Value tensorMapOf(mlir::Value tile);
  Index dataOffset(tile::LoadOp op, const Move &move);
  mlir::FailureOr<Index> scaleOffset(tile::LoadScalesOp op, Index row,
                                     Index block);
  /// A byte at a time, through registers.
  mlir::LogicalResult copyScales(tile::LoadScalesOp op, const Staged &to,
                                 mlir::Value when);

  // Split tiles (TileEmitterSplit.cpp).
  /// Of all the K steps of a tile, those of one part.
  mlir::FailureOr<int64_t> stepsOfPart(tile::AccumulateOp op, int64_t steps);
  /// The K coordinate of a part's step.
  void enterStep(tile::AccumulateOp op, Index step);
  /// Adds up what the parts have accumulated: before anything is made of it,
  /// but not before who accumulates by turns has passed his.
  mlir::LogicalResult sumParts();

  // Multiplies and accumulators (TileEmitterDot.cpp).
  /// K steps of an accumulate, of one part; freeSteps where K is free.
  static constexpr int64_t freeSteps = -1;
  mlir::FailureOr<int64_t> stepsOf(tile::AccumulateOp op);
  /// As a value; of freeSteps it is computed once, in the frame.
  mlir::Value stepCount(int64_t steps);
  mlir::LogicalResult convertAccumulate(tile::AccumulateOp op);
  /// The registers of each accumulator, one after the other in `values`.
  void bindAccumulators(mlir::ValueRange tiles, mlir::ValueRange values);
  /// The registers of the accumulators that a K step hands on.
  Fragments yielded(tile::AccumulateOp op);
  /// Where bytes 32 * (k / 64) + 16 * half of a row lie in its stage.
  Index dataAddress(const Staged &from, Index row, Index half, int64_t k);
  /// Where 16 bytes of a row that begins at byte `row` lie, as
  /// !cta.tensor_map says.
  static Index swizzled(Index row, Index sixteen, int64_t rowBytes);
  virtual mlir::LogicalResult convertDot(tile::DotScaledOp op);
  /// What multiplies take as their rows, or as their columns.
  MultiplySide sideOf(tile::DotScaledOp op, bool rows);
  /// The scale factors of K blocks k / 16 to + 3 for a fragment; fragments are
  /// asked for in their order.
  ScaleOperand scaleOperand(MultiplySide &side, int64_t fragment, int64_t k);

  // Elementwise and stores (TileEmitterStore.cpp).
  mlir::LogicalResult convertMap(tile::MapOp op);
  /// Elements of a tile that a thread holds.
  virtual int64_t elementsOfThread() const {
    return mFragments * nFragments * 4;
  }
  /// Row and column of register `i` of an accumulator; the warp's tile begins
  /// at `row`, `column`.
  virtual std::pair<Index, Index> placeOf(int64_t i, Index row,
                                          Index column) const;
  mlir::LogicalResult convertStore(tile::StoreOp op);
  void storeElements(tile::StoreOp op, const Fragments &values);
  mlir::Value round(mlir::Value value, mlir::Type element);
  mlir::Value scalar(mlir::Value tileScalar);

  // Stores by TMA (TileEmitterBoxes.cpp).
  virtual void storeBoxes(tile::StoreOp op, const Fragments &values);
  /// Room for so many boxes of each warp, beside each other.
  OutputStage outputStageOf(tile::StoreOp op, int64_t boxes);
  /// Of the warp's eight rows number `eight`, in fragment n.
  void writePair(mlir::Value first, mlir::Value second, int64_t eight,
                 int64_t n, const OutputStage &to);
  void storeBox(tile::StoreOp op, int64_t box, const OutputStage &from);

  Index index(mlir::Value value) { return Index(builder, value); }
  Index number(int64_t value);
  /// The value in the new kernel of a coordinate of the old one.
  Index coordinate(mlir::Value value) { return index(mapping.lookup(value)); }
  mlir::Value argument(mlir::Value tileArgument, llvm::StringRef suffix = "");
  /// Which operand of the problem an argument of the old kernel is.
  llvm::StringRef sourceOf(mlir::Value tileArgument);
  /// Rows of an operand as an i32: M where they are free.
  Index rowsOf(int64_t rows);
  // i1: a row of an operand, a column of d, a K block is before the last: what
  // it is compared with is a number, or what the launch names.
  mlir::Value isRow(Index row, mlir::Value operand);
  mlir::Value isColumn(Index column, mlir::Value d, int64_t elementBytes);
  mlir::Value isBlock(Index block, mlir::Value operand);
  /// What the launch names, as an i32.
  Index size(llvm::StringRef source) {
    return index(kernel.argumentFor(source));
  }
  mlir::LogicalResult checkShape(mlir::Operation *op, tile::AccType type);

  cta::KernelOp kernel;
  tile::KernelOp source;
  mlir::OpBuilder builder;      ///< at the end of what is being emitted
  mlir::OpBuilder frameBuilder; ///< before the tile range: allocs, scalars
  mlir::Location location;
  int64_t tileM, tileN, tileK, group, warpsM, warpsN, threads;
  int64_t split; ///< parts of a tile
  int64_t ctas;  ///< that have a tile together, each as many rows of it
  /// Multiplies' rows are columns of D, rows of B, and their columns rows of A.
  bool swapped;
  int64_t mFragments, nFragments; ///< of one warp: 16 rows, 8 columns of
                                  ///< multiplies each
  RowMap mapA, mapB;              ///< a schedule may choose others
  int64_t scaleRows; ///< in a stage scale factors are of a multiple of these
  /// Of this thread; see cta.mma for g and t.
  std::optional<Index> thread, lane, g, t, warpRow, warpColumn;
  std::optional<Index> tileIndex, part; ///< part: where there are several
  std::optional<Index> rank;      ///< of this CTA: where several have a tile
  mlir::Value steps;              ///< of a free K, in the frame; or null
  tile::AccumulateOp accumulated; ///< whose parts are not added up yet
  mlir::Value iteration;   ///< of the ring, that tiles are read from; or null
  mlir::IRMapping mapping; ///< scalars and coordinates
  llvm::DenseMap<mlir::Value, Staged> staged;       ///< tiles, scale tiles
  llvm::DenseMap<mlir::Value, Fragments> fragments; ///< accumulators
  llvm::DenseMap<mlir::Value, mlir::Value> scalars;
  int64_t elementOps = 0; ///< emitted so far
};

} // namespace nybl::compiler

#endif // NYBL_COMPILER_CONVERSION_TILEEMITTER_H
