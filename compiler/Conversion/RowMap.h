// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which rows of a tile meet in a multiply, and where their scale factors lie in
// a stage.
#ifndef NYBL_COMPILER_CONVERSION_ROWMAP_H
#define NYBL_COMPILER_CONVERSION_ROWMAP_H

#include "compiler/Conversion/Index.h"
#include <utility>

namespace nybl::compiler {

/// The rows of A, or of B, that a warp multiplies, eight at a time: eight
/// number e has the rows 8e to 8e + 7, one after the other, or turned.
///
/// A multiply takes 16 scale words of A from its selector's two lanes of each
/// quad, 8 of B from its one. Where a warp has whole groups of 32 rows, a word
/// in each lane is so enough for a group. Lane (g, t) has that of row g of
/// eight t; turning eight e by 2e makes it row 8t + (g + 2t) % 8, and then each
/// 4, 8 or 16 lanes that are served together read from different banks, with
/// one read for 4, 2 or 1 groups, which are next to each other in a stage.
/// (8t + g and 4g + t have conflicts.)
class RowMap {
public:
  /// Rows in their order.
  RowMap() = default;
  /// Turned where these are whole groups, else in their order.
  static RowMap packed(int64_t rowsOfWarp) {
    RowMap map;
    for (int64_t words : {1, 2, 4})
      if (rowsOfWarp % (groupRows * words) == 0)
        map.words = words;
    return map;
  }

  static constexpr int64_t groupRows = 32;
  /// Groups whose words are next to each other in a stage; 0: not packed.
  int64_t words = 0;

  /// first + the row that is number `row` < 8 of eight `eight` + `more`.
  Index rowOf(Index first, Index row, Index eight, int64_t more) const {
    return first + turned(row, eight, more) + eight * 8 + more * 8;
  }
  /// The same of eight `more` alone, and `rest` on.
  Index rowOf(Index first, Index row, int64_t more, int64_t rest = 0) const {
    return first + inEight(row, more) + (more * 8 + rest);
  }
  /// Which of eight `eight` its number `row` is.
  Index inEight(Index row, int64_t eight) const {
    bool isTurned = words != 0 && eight % 4 != 0;
    return isTurned ? (row + eight % 4 * 2) % 8 : row;
  }
  /// Number `row` of eight `eight` of a group.
  Index rowOf(Index row, Index eight) const {
    return turned(row, eight, 0) + eight * 8;
  }

private:
  Index turned(Index row, Index eight, int64_t more) const {
    return words == 0 ? row : (row + eight * 2 + more % 4 * 2) % 8;
  }
};

/// Where the scale factors of a tile lie in its stage: row by row, or, for
/// packed rows, by four K blocks, by 32 * words rows, by the row in its group,
/// by group, by K block. (With 4 words that is the layout 128x4 but for the
/// order of its tiles.)
struct ScaleMap {
  int64_t rows = 0, blocks = 0;
  int64_t words = 0; ///< of the rows' map; 0: row by row

  Index byteOf(Index row, Index block) const {
    if (words == 0)
      return row * blocks + block;
    Index part = block / 4 * parts() + row / (groupRows * words);
    return slotOf(part, row % groupRows) + row / groupRows % words * 4 +
           block % 4;
  }
  /// The row and the first K block of the word at byte 4 * `word`.
  std::pair<Index, Index> rowAndBlockOf(Index word) const {
    if (words == 0)
      return {word / (blocks / 4), word % (blocks / 4) * 4};
    Index part = word / (groupRows * words);
    Index group = part % parts() * words + word % words;
    return {group * groupRows + word / words % groupRows, part / parts() * 4};
  }
  /// Of the first of `words` neighbours: those of a row in each of its groups.
  Index slotOf(Index part, Index rowInGroup) const {
    return part * (4 * groupRows * words) + rowInGroup * (4 * words);
  }
  /// Of 32 * words rows each, for each four K blocks.
  int64_t parts() const { return rows / (groupRows * words); }

private:
  static constexpr int64_t groupRows = RowMap::groupRows;
};

} // namespace nybl::compiler

#endif // NYBL_COMPILER_CONVERSION_ROWMAP_H
