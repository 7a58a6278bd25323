// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The order in which tiles are handed out. Tiles that run together should share
// rows of A and B, so that L2 serves them.
#ifndef NYBL_COMPILER_CONVERSION_TILEORDER_H
#define NYBL_COMPILER_CONVERSION_TILEORDER_H

#include <algorithm>
#include <cstdint>

namespace nybl::compiler {

/// The index, row * columns + column, of tile number `number` < rows * columns
/// of a walk that takes `group` rows at a time (the last ones may be fewer),
/// column by column: there and, in the next group, back again. `number` takes
/// each value once, and so does the index. Number is an Index of emitted ops,
/// or a number.
template <typename Number>
Number tileAt(Number number, Number rows, int64_t columns, int64_t group) {
  Number groupNumber = number / (group * columns);
  Number within = number % (group * columns);
  Number firstRow = groupNumber * group;
  Number left = rows - firstRow;
  using std::min;
  Number height = min(left, group);
  Number row = firstRow + within % height;
  Number there = within / height;
  Number isBack = groupNumber % 2;
  // columns - 1 - there where it goes back.
  Number turned = isBack * (columns - 1);
  Number twice = isBack * there * 2;
  return row * columns + there + turned - twice;
}

} // namespace nybl::compiler

#endif // NYBL_COMPILER_CONVERSION_TILEORDER_H
