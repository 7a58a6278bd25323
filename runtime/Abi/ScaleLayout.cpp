// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scale layouts as plain algebra.

#include "runtime/Abi/ScaleFormula.h"

#include <array>
#include <fmt/format.h>

using namespace nybl;

namespace {

struct Entry {
  ScaleLayout layout;
  std::string_view word;
  ScaleBox tile;
};

constexpr std::array<Entry, 3> entries{{
    {ScaleLayout::Linear, "linear", {1, 1}},
    {ScaleLayout::T128x4, "128x4", {128, 4}},
    {ScaleLayout::T8x4, "8x4", {8, 4}},
}};

const Entry &entryOf(ScaleLayout layout) {
  for (const Entry &entry : entries)
    if (entry.layout == layout)
      return entry;
  return entries[0];
}

int64_t roundUp(int64_t value, int64_t to) {
  return (value + to - 1) / to * to;
}

} // namespace

std::string_view nybl::name(ScaleLayout layout) { return entryOf(layout).word; }

Expected<ScaleLayout> nybl::parseScaleLayout(std::string_view word) {
  for (const Entry &entry : entries)
    if (entry.word == word)
      return entry.layout;
  return Status::invalid(fmt::format(
      "unknown scale layout '{}': expected linear, 128x4 or 8x4", word));
}

ScaleBox nybl::tileBox(ScaleLayout layout) { return entryOf(layout).tile; }

ScaleBox nybl::paddedBox(ScaleLayout layout, int64_t rows, int64_t blocks) {
  ScaleBox tile = tileBox(layout);
  return {roundUp(rows, tile.rows), roundUp(blocks, tile.blocks)};
}

int64_t nybl::byteSize(ScaleLayout layout, int64_t rows, int64_t blocks) {
  ScaleBox box = paddedBox(layout, rows, blocks);
  return box.rows * box.blocks;
}

std::string nybl::layoutsOfSize(uint64_t bytes, int64_t rows, int64_t blocks) {
  std::string names;
  for (const Entry &entry : entries)
    if (uint64_t(byteSize(entry.layout, rows, blocks)) == bytes)
      names += (names.empty() ? "" : " or ") + std::string(entry.word);
  return names;
}

int64_t nybl::byteOffset(ScaleLayout layout, int64_t blocks, int64_t row,
                         int64_t block) {
  return scaleByteOffset<int64_t>(layout, blocks, row, block);
}

ScaleIndex nybl::indexOf(ScaleLayout layout, int64_t blocks, int64_t offset) {
  if (layout == ScaleLayout::Linear)
    return {offset / blocks, offset % blocks};
  bool tall = layout == ScaleLayout::T128x4;
  int64_t tilesPerRow = (blocks + 3) / 4;
  int64_t tileBytes = tall ? 512 : 32;
  int64_t tile = offset / tileBytes, in = offset % tileBytes;
  int64_t row = tall ? in / 16 + in % 16 / 4 * 32 : in / 4;
  return {tile / tilesPerRow * tileBox(layout).rows + row,
          tile % tilesPerRow * 4 + in % 4};
}
