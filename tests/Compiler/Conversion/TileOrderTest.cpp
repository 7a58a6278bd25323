// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The walk over tiles takes each of them once.

#include "compiler/Conversion/TileOrder.h"

#include <gtest/gtest.h>
#include <vector>

using namespace nybl::compiler;

namespace {

TEST(TileOrder, EachTileOnce) {
  for (int64_t rows = 1; rows <= 20; ++rows)
    for (int64_t columns = 1; columns <= 9; ++columns)
      for (int64_t group = 1; group <= 12; ++group) {
        std::vector<bool> seen(rows * columns);
        for (int64_t number = 0; number < rows * columns; ++number) {
          int64_t tile = tileAt<int64_t>(number, rows, columns, group);
          ASSERT_GE(tile, 0);
          ASSERT_LT(tile, rows * columns);
          EXPECT_FALSE(seen[tile]) << rows << " x " << columns << " by "
                                   << group << ": " << tile << " again";
          seen[tile] = true;
        }
      }
}

/// 5 rows of 3, two at a time: down the columns, there and back, and the last
/// row alone.
TEST(TileOrder, InGroupsThereAndBack) {
  const std::vector<int64_t> expected{0, 3,  1, 4, 2,  5,  8, 11,
                                      7, 10, 6, 9, 12, 13, 14};
  for (int64_t number = 0; number < 15; ++number)
    EXPECT_EQ(tileAt<int64_t>(number, 5, 3, 2), expected[number]) << number;
}

/// One row at a time is the plain walk, but for every other row backwards.
TEST(TileOrder, NeighboursFollowOnEachOther) {
  for (int64_t number = 1; number < 40; ++number) {
    int64_t a = tileAt<int64_t>(number - 1, 5, 8, 1);
    int64_t b = tileAt<int64_t>(number, 5, 8, 1);
    bool besides = a / 8 == b / 8 && (a - b == 1 || b - a == 1);
    EXPECT_TRUE(besides || b - a == 8) << number;
  }
}

} // namespace
