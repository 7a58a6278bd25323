// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Layouts of scale factors, forward and backward, on expressions.

#include "compiler/Legality/ScaleFactor.h"
#include "compiler/Legality/Query.h"
#include "compiler/Legality/ThreadValues.h"
#include "runtime/Abi/ScaleFormula.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace {

/// An AffineExpr with the operators scaleByteOffset wants.
struct AffineIndex {
  AffineExpr expr;
  friend AffineIndex operator+(AffineIndex a, AffineIndex b) {
    return {a.expr + b.expr};
  }
  friend AffineIndex operator*(AffineIndex a, int64_t b) {
    return {a.expr * b};
  }
  friend AffineIndex operator/(AffineIndex a, int64_t b) {
    return {a.expr.floorDiv(b)};
  }
  friend AffineIndex operator%(AffineIndex a, int64_t b) {
    return {a.expr % b};
  }
};

} // namespace

/// Which row and K block the byte at an offset belongs to.
static std::pair<AffineExpr, AffineExpr>
rowAndBlock(ScaleLayout layout, int64_t blocks, AffineExpr offset) {
  if (layout == ScaleLayout::Linear)
    return {offset.floorDiv(blocks), offset % blocks};
  bool tall = layout == ScaleLayout::T128x4;
  int64_t tilesPerRow = (blocks + 3) / 4, tileBytes = tall ? 512 : 32;
  AffineExpr tile = offset.floorDiv(tileBytes), in = offset % tileBytes;
  AffineExpr rowInTile =
      tall ? in.floorDiv(16) + (in % 16).floorDiv(4) * 32 : in.floorDiv(4);
  return {tile.floorDiv(tilesPerRow) * (tall ? 128 : 8) + rowInTile,
          tile % tilesPerRow * 4 + in % 4};
}

/// Where the layout puts a factor. `stride`: that of the operand's tiles, if it
/// has one, which rows of tiles are apart.
static Offset placeOf(ScaleLayout layout, cta::ScalesType type, AffineExpr row,
                      AffineExpr block, Value stride) {
  AffineExpr none = getAffineConstantExpr(0, row.getContext());
  if (!type.hasFreeBlocks())
    return {
        scaleByteOffset<AffineIndex>(layout, type.getBlocks(), {row}, {block})
            .expr,
        none,
        {}};
  return {scaleByteInTileRow<AffineIndex>(layout, {row}, {block}).expr,
          row.floorDiv(scaleTileRows(layout)), stride};
}

/// Two conjuncts of the guard whose small sides are the factor's row and block.
std::optional<ScaleFactor>
nybl::compiler::nameScaleByGuard(Value operand, const Offset &offset,
                                 const Domain &domain, Slicer &slicer) {
  auto type = cast<cta::ScalesType>(operand.getType());
  Expected<ScaleLayout> layout = parseScaleLayout(type.getLayout().getValue());
  if (!layout)
    return std::nullopt;
  AffineExpr rows = slicer.rowsOf(operand);
  AffineExpr blocks = slicer.blocksOf(operand);
  // So that the formula does not overflow.
  auto isSmall = [&](AffineExpr expr) {
    return slicer.bounds(expr).high <= largestOf(32);
  };
  // The best of those that fit: said in the very words of the formula (of one
  // row and one block, either could be the other), and compared with rows and
  // blocks.
  std::optional<ScaleFactor> best;
  int bestRank = -1;
  for (const LessThan &row : domain.guard)
    for (const LessThan &block : domain.guard) {
      if (row == block || !isSmall(row.small) || !isSmall(block.small))
        continue;
      Offset expected =
          placeOf(*layout, type, row.small, block.small, offset.stride);
      bool exact = row.large == rows && block.large == blocks;
      bool isSaid =
          expected.plain == offset.plain && expected.factor == offset.factor;
      int rank = 2 * isSaid + exact;
      if (rank <= bestRank || !isSame(slicer, expected.plain, offset.plain) ||
          !isSame(slicer, expected.factor, offset.factor))
        continue;
      best = ScaleFactor{row.small, block.small, true, exact};
      bestRank = rank;
      if (rank == 3)
        return best;
    }
  return best;
}

FailureOr<ScaleFactor> nybl::compiler::invertScale(Operation *access,
                                                   cta::ScalesType type,
                                                   AffineExpr offset) {
  Expected<ScaleLayout> layout = parseScaleLayout(type.getLayout().getValue());
  if (!layout)
    return access->emitError(layout.message());
  auto [row, block] = rowAndBlock(*layout, type.getBlocks(), offset);
  return ScaleFactor{row, block, false, false};
}

FailureOr<ScaleFactor> nybl::compiler::nameScale(Operation *access,
                                                 Value operand,
                                                 const Offset &offset,
                                                 const Domain &domain,
                                                 Slicer &slicer) {
  auto type = cast<cta::ScalesType>(operand.getType());
  if (auto named = nameScaleByGuard(operand, offset, domain, slicer))
    return *named;
  if (!type.hasFreeBlocks())
    return invertScale(access, type, offset.plain);
  return access->emitError("not proven: expected a guard that compares the row "
                           "and the K block of a factor, and the offset of "
                           "that one, where K is free");
}

bool nybl::compiler::isRealFactor(Value operand, const Offset &offset,
                                  const Sample &point, Slicer &slicer) {
  auto type = cast<cta::ScalesType>(operand.getType());
  ScaleLayout layout = *parseScaleLayout(type.getLayout().getValue());
  int64_t blocks = evaluate(slicer.blocksOf(operand), point);
  int64_t at = evaluate(offset.plain, point) +
               evaluate(offset.factor, point) * scaleTileStride(layout, blocks);
  ScaleIndex index = indexOf(layout, blocks, at);
  return index.row < evaluate(slicer.rowsOf(operand), point) &&
         index.block < blocks;
}
