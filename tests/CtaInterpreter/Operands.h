// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a byte offset into an operand to the row and byte, or row and K block,
// that lie there: a second formula, apart from runtime/Abi.
#ifndef NYBL_TESTS_CTAINTERPRETER_OPERANDS_H
#define NYBL_TESTS_CTAINTERPRETER_OPERANDS_H

#include "dialects/Cta/CtaOps.h"
#include "tests/CtaInterpreter/CtaInterpreter.h"
#include <vector>

namespace nybl::enumeration {

/// One operand of a launch.
class Operand {
public:
  Operand(mlir::BlockArgument argument, llvm::StringRef source,
          const Launch &launch);

  /// Of the byte at an offset: Real or Outside.
  Origin at(uint64_t offset) const;
  /// Bytes from one row of a matrix to the next: more than a row has.
  uint64_t stride() const { return rowStride; }
  /// Bytes from one row of a scale layout's tiles to the next.
  uint64_t tileStride() const { return tilesAcross * tile.size(); }
  int64_t rows() const { return rowCount; }
  /// Bytes of a row of a matrix; K blocks of scales.
  int64_t width() const { return rowWidth; }

private:
  void listScales(llvm::StringRef layout);

  uint8_t number;
  int64_t rowCount = 0, rowWidth = 0;
  uint64_t rowStride = 0;
  /// Of scales: rows and blocks of a tile of the layout, tiles beside each
  /// other, and what lies at each byte of the first tile.
  int64_t tileRows = 0, tileBlocks = 0, tilesAcross = 0;
  std::vector<std::pair<int64_t, int64_t>> tile;
  bool isMatrix = false, isScalar = false;
};

} // namespace nybl::enumeration

#endif // NYBL_TESTS_CTAINTERPRETER_OPERANDS_H
