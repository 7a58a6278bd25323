// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The formula of each scale layout, written once for numbers (runtime), for
// values (the compiler emits it) and for expressions (the compiler proves it).
#ifndef NYBL_RUNTIME_ABI_SCALEFORMULA_H
#define NYBL_RUNTIME_ABI_SCALEFORMULA_H

#include "runtime/Abi/ScaleLayout.h"

namespace nybl {

/// Byte offset of scale (row, block) in a tensor with `blocks` K blocks a row.
/// Index has +, *, / and % with the meaning they have on int64_t >= 0.
template <typename Index>
Index scaleByteOffset(ScaleLayout layout, int64_t blocks, Index row,
                      Index block) {
  int64_t tilesPerRow = (blocks + 3) / 4;
  switch (layout) {
  case ScaleLayout::T128x4:
    return (row / 128 * tilesPerRow + block / 4) * 512 + row % 32 * 16 +
           row % 128 / 32 * 4 + block % 4;
  case ScaleLayout::T8x4:
    return (row / 8 * tilesPerRow + block / 4) * 32 + row % 8 * 4 + block % 4;
  case ScaleLayout::Linear:
    break;
  }
  return row * blocks + block;
}

// The same where `blocks` is known at launch alone: (row of tiles) * (its
// bytes) + (byte in it), so that only numbers are multiplied by what is not
// known.

/// A row of the layout's tiles has so many rows of scales.
inline int64_t scaleTileRows(ScaleLayout layout) {
  return tileBox(layout).rows;
}

/// Bytes from one row of tiles to the next.
inline int64_t scaleTileStride(ScaleLayout layout, int64_t blocks) {
  return byteSize(layout, 1, blocks);
}

/// Byte of scale (row, block) in its row of tiles.
template <typename Index>
Index scaleByteInTileRow(ScaleLayout layout, Index row, Index block) {
  switch (layout) {
  case ScaleLayout::T128x4:
    return block / 4 * 512 + row % 32 * 16 + row % 128 / 32 * 4 + block % 4;
  case ScaleLayout::T8x4:
    return block / 4 * 32 + row % 8 * 4 + block % 4;
  case ScaleLayout::Linear:
    break;
  }
  return block;
}

} // namespace nybl

#endif // NYBL_RUNTIME_ABI_SCALEFORMULA_H
