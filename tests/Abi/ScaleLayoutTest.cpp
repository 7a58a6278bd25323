// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Laws of the scale layouts, published vectors, and a second formula.

#include "runtime/Abi/ScaleFormula.h"

#include <gtest/gtest.h>
#include <vector>

using namespace nybl;

namespace {

constexpr ScaleLayout allLayouts[] = {ScaleLayout::Linear, ScaleLayout::T128x4,
                                      ScaleLayout::T8x4};

/// The layout as nested strides, written without the library's formula: (outer
/// row tile, outer block tile, row parts..., block in tile).
int64_t secondFormula(ScaleLayout layout, int64_t blocks, int64_t r,
                      int64_t c) {
  if (layout == ScaleLayout::Linear)
    return c + blocks * r;
  int64_t across = blocks / 4 + (blocks % 4 != 0);
  int64_t tile = 0, inside = 0;
  if (layout == ScaleLayout::T128x4) {
    int64_t quarter = 0;
    while (r >= 128)
      r -= 128, tile += across;
    while (r >= 32)
      r -= 32, ++quarter;
    inside = (r << 4) | (quarter << 2) | (c & 3);
    return ((tile + (c >> 2)) << 9) | inside;
  }
  while (r >= 8)
    r -= 8, tile += across;
  inside = (r << 2) | (c & 3);
  return ((tile + (c >> 2)) << 5) | inside;
}

struct Vector {
  int64_t row, block, tall, flat;
};

// K = 512: 32 blocks a row. FlashInfer and cuBLASLt agree on these.
constexpr Vector published[] = {{0, 1, 1, 1},         {1, 0, 16, 4},
                                {31, 0, 496, 796},    {32, 0, 4, 1024},
                                {33, 2, 22, 1030},    {127, 3, 511, 3871},
                                {0, 4, 512, 32},      {5, 7, 595, 55},
                                {128, 0, 4096, 4096}, {200, 17, 6281, 6529}};

TEST(ScaleLayout, PublishedVectors) {
  for (const Vector &v : published) {
    EXPECT_EQ(byteOffset(ScaleLayout::T128x4, 32, v.row, v.block), v.tall);
    EXPECT_EQ(byteOffset(ScaleLayout::T8x4, 32, v.row, v.block), v.flat);
    EXPECT_EQ(byteOffset(ScaleLayout::Linear, 32, v.row, v.block),
              v.row * 32 + v.block);
  }
}

/// (row of tiles) * stride + (byte in it), as kernels of any K have it.
TEST(ScaleLayout, TilesAreAStrideApart) {
  for (ScaleLayout layout : allLayouts)
    for (int64_t blocks : {1, 4, 5, 24, 33})
      for (int64_t row : {0, 1, 7, 8, 31, 32, 127, 128, 300})
        for (int64_t block = 0; block < blocks; ++block)
          EXPECT_EQ(row / scaleTileRows(layout) *
                            scaleTileStride(layout, blocks) +
                        scaleByteInTileRow<int64_t>(layout, row, block),
                    secondFormula(layout, blocks, row, block))
              << name(layout) << " " << blocks << " " << row << " " << block;
}

TEST(ScaleLayout, BijectiveOnThePaddedBox) {
  for (ScaleLayout layout : allLayouts)
    for (int64_t rows : {1, 7, 8, 9, 127, 128, 129, 300})
      for (int64_t blocks : {1, 3, 4, 5, 29, 32}) {
        ScaleBox box = paddedBox(layout, rows, blocks);
        std::vector<bool> taken(byteSize(layout, rows, blocks));
        ASSERT_EQ(static_cast<int64_t>(taken.size()), box.rows * box.blocks);
        for (int64_t r = 0; r < box.rows; ++r)
          for (int64_t c = 0; c < box.blocks; ++c) {
            int64_t at = byteOffset(layout, blocks, r, c);
            ASSERT_GE(at, 0);
            ASSERT_LT(at, static_cast<int64_t>(taken.size()));
            ASSERT_FALSE(taken[at]) << name(layout) << " " << r << "," << c;
            taken[at] = true;
          }
      }
}

TEST(ScaleLayout, IndexOfInverts) {
  for (ScaleLayout layout : allLayouts)
    for (int64_t blocks : {1, 4, 5, 29}) {
      ScaleBox box = paddedBox(layout, 200, blocks);
      for (int64_t r = 0; r < box.rows; ++r)
        for (int64_t c = 0; c < box.blocks; ++c)
          ASSERT_EQ(indexOf(layout, blocks, byteOffset(layout, blocks, r, c)),
                    (ScaleIndex{r, c}));
    }
}

TEST(ScaleLayout, AgreesWithASecondFormula) {
  for (ScaleLayout layout : allLayouts)
    for (int64_t blocks : {1, 4, 7, 24, 29, 256})
      for (int64_t r = 0; r < 400; ++r)
        for (int64_t c = 0; c < blocks; ++c)
          ASSERT_EQ(byteOffset(layout, blocks, r, c),
                    secondFormula(layout, blocks, r, c));
}

TEST(ScaleLayout, ByteSizes) {
  EXPECT_EQ(byteSize(ScaleLayout::T128x4, 1, 448), 57344);
  EXPECT_EQ(byteSize(ScaleLayout::T8x4, 1, 448), 3584);
  EXPECT_EQ(byteSize(ScaleLayout::Linear, 1, 448), 448);
  for (ScaleLayout layout : allLayouts) {
    EXPECT_EQ(byteSize(layout, 0, 32), 0);
    EXPECT_EQ(byteSize(layout, 32, 0), 0);
    // All three agree where nothing is padded.
    EXPECT_EQ(byteSize(layout, 256, 8), 2048);
  }
  // Where size is blind: 8x4 and 128x4 for 121 to 128 rows.
  for (int64_t rows = 1; rows <= 128; ++rows)
    EXPECT_EQ(byteSize(ScaleLayout::T8x4, rows, 32) ==
                  byteSize(ScaleLayout::T128x4, rows, 32),
              rows >= 121)
        << rows;
}

TEST(ScaleLayout, Words) {
  for (ScaleLayout layout : allLayouts) {
    auto parsed = parseScaleLayout(name(layout));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(*parsed, layout);
  }
  auto bad = parseScaleLayout("4x128");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.message(),
            "unknown scale layout '4x128': expected linear, 128x4 or 8x4");
}

} // namespace
