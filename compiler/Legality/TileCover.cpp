// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tile <-> (tile div c, tile mod c) is one to one, and so is row <-> (row div
// R, row mod R). So with c = ceil(columns / C) tiles in a row of tiles and
// ceil(rows / R) * c tiles, R x C rectangles at (tile div c * R, tile mod c *
// C) cover every element once, whatever the number of rows. A kernel that walks
// otherwise is tried out on small sizes, and refuted or left unproven. Where a
// tile's row and column are given, nothing has to be divided, and columns may
// be as many as the launch says.

#include "compiler/Legality/TileCover.h"
#include "compiler/Legality/Prove.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace {

class TileProver {
public:
  TileProver(cta::TileRangeOp range, StringRef operand, AffineExpr rows,
             AffineExpr columns, const TileRectangle &rectangle, Proof &proof)
      : range(range), operand(operand), rectangle(rectangle), proof(proof),
        rows(rows), columnCount(columns) {
    if (auto number = dyn_cast<AffineConstantExpr>(columns))
      this->columns = number.getValue();
  }

  LogicalResult run();

private:
  bool isPlainWalk(AffineExpr tile, AffineExpr count);
  LogicalResult proveWalkOfTwo(AffineExpr row, AffineExpr count);
  /// The first element that is in no tile or in two, by rows.
  LogicalResult tryOut(int64_t m, AffineExpr tile, AffineExpr count);
  LogicalResult refute(int64_t m, int64_t row, int64_t column, size_t times);

  cta::TileRangeOp range;
  StringRef operand;
  const TileRectangle &rectangle;
  Proof &proof;
  AffineExpr rows, columnCount;
  int64_t columns = 0; ///< their number, where that is known
};

bool TileProver::isPlainWalk(AffineExpr tile, AffineExpr count) {
  int64_t inRow = llvm::divideCeil(columns, rectangle.columns);
  AffineExpr tileRows = (rows + (rectangle.rows - 1)).floorDiv(rectangle.rows);
  return isSame(proof.slicer, rectangle.rowBase,
                tile.floorDiv(inRow) * rectangle.rows) &&
         isSame(proof.slicer, rectangle.columnBase,
                tile % inRow * rectangle.columns) &&
         isSame(proof.slicer, count, tileRows * inRow);
}

LogicalResult TileProver::proveWalkOfTwo(AffineExpr row, AffineExpr count) {
  FailureOr<AffineExpr> column = proof.slicer.index(range.getColumn());
  FailureOr<AffineExpr> across = proof.slicer.index(range.getAcross());
  if (failed(column) || failed(across))
    return failure();
  auto areTiles = [&](AffineExpr tile, AffineExpr tiles, AffineExpr base,
                      AffineExpr all, int64_t side) {
    return isSame(proof.slicer, base, tile * side) &&
           isSame(proof.slicer, tiles, (all + (side - 1)).floorDiv(side));
  };
  if (areTiles(row, count, rectangle.rowBase, rows, rectangle.rows) &&
      areTiles(*column, *across, rectangle.columnBase, columnCount,
               rectangle.columns))
    return success();
  return range.emitError("not proven: expected tiles of ")
         << rectangle.rows << " x " << rectangle.columns << " at row * "
         << rectangle.rows << ", column * " << rectangle.columns
         << ", as many each way as '" << operand << "' has";
}

LogicalResult TileProver::refute(int64_t m, int64_t row, int64_t column,
                                 size_t times) {
  Counterexample example;
  example.lemma = "L4";
  example.operand = operand;
  example.rows = m;
  InFlightDiagnostic error = range.emitError("refuted: with M = ");
  markRefuted(error, example);
  return error << m << " row " << row << ", column " << column << " of '"
               << operand << "' is in "
               << (times == 0 ? "no tile" : "more than one tile");
}

LogicalResult TileProver::tryOut(int64_t m, AffineExpr tile, AffineExpr count) {
  Sample point;
  for (unsigned leaf = 0; leaf < proof.slicer.leaves().size(); ++leaf)
    point[leaf] = proof.slicer.leaves()[leaf].kind == LeafKind::Rows ? m : 0;
  unsigned position = cast<AffineDimExpr>(tile).getPosition();
  constexpr int64_t maxTiles = 4096;
  std::vector<std::pair<int64_t, int64_t>> corners;
  int64_t tiles = std::min(maxTiles, evaluate(count, point));
  for (point[position] = 0; point[position] < tiles; ++point[position])
    corners.push_back({evaluate(rectangle.rowBase, point),
                       evaluate(rectangle.columnBase, point)});
  int64_t limit = evaluate(rows, point);
  for (int64_t row = 0; row < limit; ++row) {
    std::vector<uint8_t> times(columns);
    for (auto [top, left] : corners)
      if (row >= top && row < top + rectangle.rows)
        for (int64_t column = left;
             column < std::min(columns, left + rectangle.columns); ++column)
          times[column] += times[column] < 2;
    for (auto [column, count] : llvm::enumerate(times))
      if (count != 1)
        return refute(m, row, column, count);
  }
  return success();
}

LogicalResult TileProver::run() {
  FailureOr<AffineExpr> tile =
      proof.slicer.index(range.getBody().getArgument(0));
  FailureOr<AffineExpr> count = proof.slicer.index(range.getCount());
  if (failed(tile) || failed(count))
    return failure();
  if (range.getAcross())
    return proveWalkOfTwo(*tile, *count);
  if (columns && isPlainWalk(*tile, *count))
    return success();
  constexpr int64_t maxColumns = 1 << 16;
  int64_t last = !columns || columns > maxColumns ? 0 : 2 * rectangle.rows + 1;
  for (int64_t m = 1; m <= std::min<int64_t>(last, 300); ++m)
    if (failed(tryOut(m, *tile, *count)))
      return failure();
  return range.emitError("not proven: expected tiles of ")
         << rectangle.rows << " x " << rectangle.columns
         << " that are walked over row by row, as tile / t and tile % t with t "
            "tiles in a row";
}

} // namespace

LogicalResult nybl::compiler::proveTiles(cta::GlobalAccess store,
                                         const TileRectangle &tile,
                                         int64_t elementBytes, Proof &proof) {
  Slicer &slicer = proof.slicer;
  Value d = store.getBase();
  return proveTiles(store->getParentOfType<cta::TileRangeOp>(), "d",
                    slicer.rowsOf(d),
                    slicer.rowBytesOf(d).floorDiv(elementBytes), tile, proof);
}

LogicalResult nybl::compiler::proveTiles(cta::TileRangeOp range,
                                         StringRef operand, AffineExpr rows,
                                         AffineExpr columns,
                                         const TileRectangle &tile,
                                         Proof &proof) {
  return TileProver(range, operand, rows, columns, tile, proof).run();
}
