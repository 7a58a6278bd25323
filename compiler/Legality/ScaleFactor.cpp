// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Layouts of scale factors, forward and backward, on expressions.

#include "compiler/Legality/ScaleFactor.h"
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

/// Two conjuncts of the guard whose small sides are the factor's row and block.
static std::optional<ScaleFactor>
nameByGuard(ScaleLayout layout, cta::ScalesType type, AffineExpr offset,
            const Domain &domain, Slicer &slicer) {
  AffineExpr rows = slicer.rows(type.getRows());
  AffineExpr blocks = slicer.constant(type.getBlocks());
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
      AffineIndex expected = scaleByteOffset<AffineIndex>(
          layout, type.getBlocks(), {row.small}, {block.small});
      bool exact = row.large == rows && block.large == blocks;
      int rank = 2 * (expected.expr == offset) + exact;
      if (rank <= bestRank || !isSame(slicer, expected.expr, offset))
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
                                                 cta::ScalesType type,
                                                 AffineExpr offset,
                                                 const Domain &domain,
                                                 Slicer &slicer) {
  Expected<ScaleLayout> layout = parseScaleLayout(type.getLayout().getValue());
  if (!layout)
    return access->emitError(layout.message());
  if (auto named = nameByGuard(*layout, type, offset, domain, slicer))
    return *named;
  return invertScale(access, type, offset);
}
