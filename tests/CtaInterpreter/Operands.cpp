// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Layouts as the order in which memory is walked.

#include "tests/CtaInterpreter/Operands.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::enumeration;

std::string nybl::enumeration::describe(const Origin &origin, StringRef name) {
  std::string where =
      (name + "[" + Twine(origin.row) + ", " + Twine(origin.at) + "]").str();
  switch (origin.kind) {
  case Origin::Never:
    return "a byte that nobody wrote";
  case Origin::Zero:
    return "zero";
  case Origin::Real:
    return where;
  case Origin::Outside:
    return "a byte that is no real one of '" + name.str() + "', at " + where;
  case Origin::Mixed:
    return "bytes of several blocks";
  }
  return "";
}

Operand::Operand(BlockArgument argument, StringRef source, const Launch &launch)
    : number(static_cast<uint8_t>(argument.getArgNumber())) {
  bool ofB = source == "b" || source == "sfb";
  auto rowsOf = [&](int64_t rows) {
    return rows != cta::dynamicRows ? rows : ofB ? launch.n : launch.m;
  };
  if (auto matrix = dyn_cast<cta::MatrixType>(argument.getType())) {
    isMatrix = true;
    rowCount = rowsOf(matrix.getRows());
    rowWidth = matrix.getRowBytes();
    if (rowWidth < 0)
      rowWidth *= source == "d" ? -launch.n : -launch.blocks;
    // So wide a gap between rows that an offset past the end of one, in what a
    // guard holds back, still says which row it belongs to.
    rowStride = (rowWidth + 7) / 8 * 8 + (1 << 20);
  } else if (auto type = dyn_cast<cta::ScalesType>(argument.getType())) {
    rowCount = rowsOf(type.getRows());
    rowWidth = type.hasFreeBlocks() ? launch.blocks : type.getBlocks();
    listScales(type.getLayout().getValue());
  } else {
    isScalar = true;
  }
}

/// A tile of 128 rows: rows r, r + 32, r + 64 and r + 96 are neighbours, 4
/// blocks each; one of 8 rows: just 4 blocks a row; linear: a row is a tile.
void Operand::listScales(StringRef layout) {
  bool linear = layout == "linear", tall = layout == "128x4";
  tileRows = linear ? 1 : tall ? 128 : 8;
  tileBlocks = linear ? rowWidth : 4;
  tilesAcross = (rowWidth + tileBlocks - 1) / tileBlocks;
  int64_t quarters = tall ? 4 : 1, apart = tileRows / quarters;
  for (int64_t r = 0; r < apart; ++r)
    for (int64_t q = 0; q < quarters; ++q)
      for (int64_t b = 0; b < tileBlocks; ++b)
        tile.emplace_back(q * apart + r, b);
}

Origin Operand::at(uint64_t offset) const {
  uint64_t row = 0, column = offset, rows = 1, width = 4; // of a scalar
  if (isMatrix) {
    row = offset / rowStride;
    column = offset % rowStride;
  } else if (!isScalar) {
    uint64_t number = offset / tile.size();
    auto [tileRow, tileBlock] = tile[offset % tile.size()];
    row = number / tilesAcross * tileRows + tileRow;
    column = number % tilesAcross * tileBlocks + tileBlock;
  }
  if (!isScalar) {
    rows = rowCount;
    width = rowWidth;
  }
  return {row < rows && column < width ? Origin::Real : Origin::Outside, number,
          static_cast<int32_t>(row), static_cast<int32_t>(column)};
}
