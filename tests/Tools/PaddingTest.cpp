// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Padding is everything but the real bytes, and the real bytes come back.

#include "tools/nybl/Padding.h"
#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::cli;

namespace {

TEST(Padding, OfScalesIsWhatNoScaleUses) {
  for (ScaleLayout layout :
       {ScaleLayout::Linear, ScaleLayout::T128x4, ScaleLayout::T8x4})
    for (int64_t rows : {0, 1, 8, 9, 127, 128, 129})
      for (int64_t blocks : {1, 3, 4, 5}) {
        std::string image(size_t(byteSize(layout, rows, blocks)), 'r');
        fillRanges(image, scalePadding(layout, rows, blocks), 'p');
        int64_t real = 0;
        for (int64_t row = 0; row < rows; ++row)
          for (int64_t block = 0; block < blocks; ++block, ++real)
            ASSERT_EQ(image[size_t(byteOffset(layout, blocks, row, block))],
                      'r');
        EXPECT_EQ(std::count(image.begin(), image.end(), 'r'), real);
      }
}

TEST(Padding, OfMatricesIsGapsAndRows) {
  for (int64_t rows : {0, 1, 127, 128, 129})
    for (int64_t rowBytes : {8, 24, 32})
      for (bool padded : {false, true}) {
        MatrixShape shape = MatrixShape::make(rows, rowBytes, padded);
        std::string packed(size_t(rows * rowBytes), '\0');
        for (size_t i = 0; i < packed.size(); ++i)
          packed[i] = static_cast<char>('a' + i % 26);
        std::string image = spread(packed, shape, 'P');
        ASSERT_EQ(int64_t(image.size()), shape.allocatedBytes());
        EXPECT_EQ(gather(image, shape), packed);
        EXPECT_EQ(shape.stride % 8, 0);
        std::string marked = image;
        fillRanges(marked, shape.padding(), 'Q');
        EXPECT_EQ(gather(marked, shape), packed);
        EXPECT_EQ(std::count(marked.begin(), marked.end(), 'P'), 0);
        if (padded) {
          EXPECT_GE(shape.stride, rowBytes + 16);
        }
      }
}

} // namespace
