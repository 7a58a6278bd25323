// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// L2 and L4. Within a tile, who stores which element is enumerated; that the
// tiles cover the output, each part once, is shown for the walk that
// cta.tile_range and its kernel make: tile = row of tiles * tiles in a row +
// column of tiles.

#include "compiler/Legality/OutputStages.h"
#include "compiler/Legality/Prove.h"
#include "compiler/Legality/ProveSplit.h"
#include "compiler/Legality/Slots.h"
#include "compiler/Legality/TileCover.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace {

class WriteProver {
public:
  explicit WriteProver(Proof &proof) : proof(proof), accumulators(proof) {}
  FailureOr<std::pair<Shown, Shown>> run();

private:
  LogicalResult prove(cta::StoreOp store);
  LogicalResult prove(const BoxedOutput &output);
  LogicalResult setBase(cta::GlobalAccess store, AffineExpr row,
                        AffineExpr column, int64_t width);
  /// A value that is stored where `rows` and `columns` say.
  LogicalResult proveValue(Operation *store, Value value);
  LogicalResult proveOwn(Operation *store, const Origin &origin);
  LogicalResult enumerate(Operation *store);
  LogicalResult proveWholeTile();
  LogicalResult joinPair(TileRectangle &tile);

  static constexpr int64_t maxSide = 4096; ///< of a schedule's tile

  Proof &proof;
  Accumulators accumulators;
  int64_t elementBytes = 0;
  AffineExpr rowBase, columnBase;  ///< of the tile, in elements
  ArrayRef<int64_t> rows, columns; ///< of the store at hand, by thread
  /// Elements of the tile that are stored, and how large it is.
  std::vector<bool> isStored = std::vector<bool>(maxSide * maxSide);
  int64_t stored = 0, tileRows = 0, tileColumns = 0;
  cta::GlobalAccess last;
};

/// An element of D is made of its own row of A and its own row of B, whichever
/// of them the multiplies took as their rows.
LogicalResult WriteProver::proveOwn(Operation *store, const Origin &origin) {
  const SlotRows &rowSide = origin.slots->a, &columnSide = origin.slots->b;
  StringRef ofRows = proof.kernel.sourceOf(rowSide.operand);
  StringRef ofColumns = proof.kernel.sourceOf(columnSide.operand);
  bool swapped = ofRows == "b" && ofColumns == "a";
  if (!swapped && (ofRows != "a" || ofColumns != "b"))
    return store->emitError(
        "not proven: expected rows of 'd' to be made of rows "
        "of 'a', and columns of rows of 'b'");
  if (!isSame(proof.slicer, swapped ? columnSide.base : rowSide.base,
              rowBase) ||
      !isSame(proof.slicer, swapped ? rowSide.base : columnSide.base,
              columnBase))
    return store->emitError("not proven: expected a tile of 'd' to be made of "
                            "the same rows of 'a' and of 'b'");
  for (int64_t thread = 0; thread < threadsAt(store); ++thread) {
    int64_t row = origin.slots->rowOf(thread, origin.element);
    int64_t column = origin.slots->columnOf(thread, origin.element);
    if (swapped)
      std::swap(row, column);
    if (rows[thread] != row || columns[thread] != column)
      return refuteOutput(store, "L2", thread)
             << "stores row " << row << ", column " << column
             << " of the product in row " << rows[thread] << ", column "
             << columns[thread] << " of 'd'";
  }
  return success();
}

LogicalResult WriteProver::enumerate(Operation *store) {
  for (int64_t thread = 0; thread < threadsAt(store); ++thread) {
    int64_t row = rows[thread], column = columns[thread];
    if (row >= maxSide || column >= maxSide)
      return store->emitError("not proven: expected a tile of at most ")
             << maxSide << " rows and columns";
    if (isStored[row * maxSide + column])
      return refuteOutput(store, "L4", thread)
             << "stores row " << row << ", column " << column
             << " of 'd' a second time";
    isStored[row * maxSide + column] = true;
    tileRows = std::max(tileRows, row + 1);
    tileColumns = std::max(tileColumns, column + 1);
    ++stored;
  }
  return success();
}

/// The tile's part of row and column is the same for all that is stored.
LogicalResult WriteProver::setBase(cta::GlobalAccess store, AffineExpr row,
                                   AffineExpr column, int64_t width) {
  if (last && width != elementBytes)
    return store.emitError("not proven: expected elements of one width in 'd'");
  if (last && (!isSame(proof.slicer, row, rowBase) ||
               !isSame(proof.slicer, column, columnBase)))
    return store.emitError("not proven: expected the tile's part of row and "
                           "column to be the same for all stores");
  rowBase = row;
  columnBase = column;
  elementBytes = width;
  last = store;
  return success();
}

LogicalResult WriteProver::proveValue(Operation *store, Value value) {
  FailureOr<Origin> origin = accumulators.originOf(value);
  if (failed(origin))
    return failure();
  if (!origin->slots)
    return store->emitError(
        "not proven: expected what is stored to be made of a "
        "multiply");
  if (failed(proveOwn(store, *origin)))
    return failure();
  return enumerate(store);
}

LogicalResult WriteProver::prove(cta::StoreOp store) {
  if (!isa<cta::TileRangeOp, cta::RoleOp, cta::SumPartsOp>(
          store->getParentOp()))
    return store.emitError(
        "not proven: expected stores in a tile, outside its K "
        "loops");
  if (failed(proveStoredOnce(store)))
    return failure();
  FailureOr<Offset> offset = proof.slicer.offset(store.getOffset());
  FailureOr<Domain> domain = proof.slicer.domain(store, store.getGuard());
  if (failed(offset) || failed(domain))
    return failure();
  int64_t bytes = store.getElementBytes();
  AffineExpr lastByte = offset->plain + (bytes - 1);
  if (failed(
          proveComplete(store, "L4", "d", *domain, {},
                        {{offset->factor, proof.slicer.rowsOf(store.getBase())},
                         {lastByte, proof.slicer.rowBytesOf(store.getBase())}},
                        proof)))
    return failure();
  std::optional<Split> row = proof.threads.split(offset->factor);
  std::optional<Split> column =
      proof.threads.split(offset->plain.floorDiv(bytes));
  if (!row || !column)
    return store.emitError("not proven: expected row and column of a store to "
                           "be sums of a part of the thread's and a part of "
                           "the tile's");
  if (failed(setBase(cast<cta::GlobalAccess>(store.getOperation()), row->base,
                     column->base, bytes)))
    return failure();
  rows = proof.threads.of(row->local);
  columns = proof.threads.of(column->local);
  return proveValue(store, store.getValue());
}

/// What boxes bring is whole (L3), and where they end, D ends (L1).
LogicalResult WriteProver::prove(const BoxedOutput &output) {
  cta::StoreBoxOp op = output.last;
  if (failed(proveStoredOnce(op)))
    return failure();
  auto box = cast<cta::GlobalAccess>(op.getOperation());
  for (const BoxedElement &element : output.elements) {
    cta::StorePairOp pair = element.pair;
    if (failed(setBase(box, output.rowBase, output.columnBase,
                       pair.getElementBytes())))
      return failure();
    rows = element.rows;
    columns = element.columns;
    if (failed(proveValue(pair, element.value)))
      return failure();
  }
  return success();
}

/// The CTA of rank 1 has the rows behind those of rank 0.
LogicalResult WriteProver::joinPair(TileRectangle &tile) {
  Slicer &slicer = proof.slicer;
  AffineExpr first = slicer.atRank(tile.rowBase, 0);
  AffineExpr second = slicer.atRank(tile.rowBase, 1);
  bool sameColumns = isSame(slicer, slicer.atRank(tile.columnBase, 0),
                            slicer.atRank(tile.columnBase, 1));
  if (sameColumns && isSame(slicer, first, second))
    return refuteOutput(last, "L4", 0)
           << "stores row 0, column 0 of a tile of 'd' in both CTAs of a pair";
  if (!sameColumns || !isSame(slicer, second, first + tile.rows))
    return last.emitError("not proven: expected the CTA of rank 1 to store "
                          "the ")
           << tile.rows << " rows of a tile behind those of rank 0";
  tile.rowBase = first;
  tile.columnBase = slicer.atRank(tile.columnBase, 0);
  tile.rows *= 2;
  return success();
}

/// The elements that are stored are a whole rectangle, from row 0, column 0 on.
LogicalResult WriteProver::proveWholeTile() {
  for (int64_t row = 0; row < tileRows; ++row)
    for (int64_t column = 0; column < tileColumns; ++column)
      if (!isStored[row * maxSide + column])
        return refuteOutput(last, "L4", 0)
               << "and the others store row " << row << ", column " << column
               << " of a tile of 'd' never";
  TileRectangle tile{rowBase, columnBase, tileRows, tileColumns};
  if (proof.kernel.isByPairs() && failed(joinPair(tile)))
    return failure();
  return proveTiles(last, tile, elementBytes, proof);
}

FailureOr<std::pair<Shown, Shown>> WriteProver::run() {
  if (failed(accumulators.collect()))
    return failure();
  WalkResult result = proof.kernel.walk(
      [&](cta::StoreOp store) -> WalkResult { return prove(store); });
  if (result.wasInterrupted())
    return failure();
  for (const BoxedOutput &output : proof.outputs)
    if (failed(prove(output)))
      return failure();
  if ((last && failed(proveWholeTile())) ||
      failed(proveRoom(proof, tileRows, tileColumns)))
    return failure();
  size_t threads = last ? threadsAt(last) : 0;
  Shown slots{std::to_string(accumulators.multiplies()) + " multiplies of " +
                  std::to_string(threads / 32) +
                  " warps, each scale factor with the data of its row and K "
                  "block",
              accumulators.multiplies()
                  ? "tile = 0, K step = 0, warp = 0, slot "
                    "0 of the first multiply"
                  : "no multiply"};
  Shown writes{
      std::to_string(stored) +
          " elements of a tile, each stored once; tiles cover 'd', each "
          "element once",
      stored == 0 ? "no output" : "M = 1, row 0, column 0"};
  return std::pair(slots, writes);
}

} // namespace

FailureOr<std::pair<Shown, Shown>>
nybl::compiler::proveSlotsAndWrites(Proof &proof) {
  return WriteProver(proof).run();
}
