// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Stores by TMA: a warp writes its tile of D, or some rows of it at a time,
// into shared memory, and one lane has it stored while the warp goes on.
//
// Lanes write pairs. stmatrix would need fewer instructions, though no fewer
// passes through the banks, but it takes each lane's pair for the columns of
// its place in a quad, and where B's rows are packed (RowMap) lane t has pair
// (t + n) % 4 of fragment n.

#include "compiler/Conversion/TileEmitter.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

/// Eights of rows are wholes of a swizzle, so that each four of them, whose
/// rows are turned alike, have the same addresses but for a number.
void TileEmitter::writePair(Value first, Value second, int64_t eight, int64_t n,
                            const OutputStage &to) {
  int64_t begin = n * 8 * to.elementBytes; // of the fragment in the warp's row
  int64_t eights = eight * 8 - to.skippedRows;
  Index row = (index(to.firstRow) + mapA.inEight(*g, eight)) * to.rowBytes;
  Index byte = mapB.inEight(*t * 2, n) * to.elementBytes;
  // 8 columns are 16 or 32 bytes: of one box, at a multiple of 16.
  Index sixteen = byte / 16 + begin % to.rowBytes / 16;
  Index at = swizzled(row, sixteen, to.rowBytes) + byte % 16 +
             (eights * to.rowBytes + begin / to.rowBytes * to.planeBytes);
  cta::StorePairOp::create(builder, location, first, second, to.stage, at);
}

void TileEmitter::storeBox(tile::StoreOp op, int64_t box,
                           const OutputStage &from) {
  Index row = coordinate(op.getRow()) + *warpRow + from.skippedRows;
  Index column = (coordinate(op.getColumn()) + *warpColumn) * from.elementBytes;
  Index boxColumn = column + box * from.rowBytes;
  Index begin = index(from.firstRow) * from.rowBytes + box * from.planeBytes;
  Value isFirst = *lane < 1;
  cta::StoreBoxOp::create(
      builder, op.getLoc(), argument(op.getMatrix(), ".map"),
      argument(op.getMatrix()), row, boxColumn, from.stage, begin, isFirst);
}

TileEmitter::OutputStage TileEmitter::outputStageOf(tile::StoreOp op,
                                                    int64_t boxes) {
  auto map =
      cast<cta::TensorMapType>(argument(op.getMatrix(), ".map").getType());
  int64_t plane = warpsM * warpsN * map.boxBytes();
  Value stage = cta::AllocOp::create(
      frameBuilder, location,
      cta::OutputStageType::get(builder.getContext(), boxes * plane),
      /*ring=*/Value(), /*offset=*/nullptr);
  Type element = op.getMatrix().getType().getElement();
  return {stage, *thread / 32 * map.getRows(), plane, map.getBytes(),
          element.getIntOrFloatBitWidth() / 8};
}

void TileEmitter::storeBoxes(tile::StoreOp op, const Fragments &values) {
  Type element = op.getMatrix().getType().getElement();
  auto map =
      cast<cta::TensorMapType>(argument(op.getMatrix(), ".map").getType());
  int64_t boxes = nFragments * element.getIntOrFloatBitWidth() / map.getBytes();
  OutputStage to = outputStageOf(op, boxes);
  for (; to.skippedRows < mFragments * 16; to.skippedRows += map.getRows()) {
    cta::OutputAcquireOp::create(builder, op.getLoc());
    int64_t firstEight = to.skippedRows / 8, eights = map.getRows() / 8;
    for (int64_t eight = firstEight; eight < firstEight + eights; ++eight)
      for (int64_t n = 0; n < nFragments; ++n) {
        size_t i = (eight / 2 * nFragments + n) * 4 + eight % 2 * 2;
        Value left = round(values[i], element);
        Value right = round(values[i + 1], element);
        writePair(left, right, eight, n, to);
      }
    cta::OutputPublishOp::create(builder, op.getLoc());
    for (int64_t box = 0; box < boxes; ++box)
      storeBox(op, box, to);
  }
}
