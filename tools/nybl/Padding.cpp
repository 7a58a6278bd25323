// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The bytes of a tensor that belong to nobody.

#include "tools/nybl/Padding.h"
#include <cstring>

using namespace nybl;
using namespace nybl::cli;

static int64_t roundUp(int64_t value, int64_t to) {
  return (value + to - 1) / to * to;
}

std::vector<ByteRange> nybl::cli::scalePadding(ScaleLayout layout, int64_t rows,
                                               int64_t blocks) {
  std::vector<ByteRange> ranges;
  int64_t bytes = byteSize(layout, rows, blocks);
  for (int64_t offset = 0; offset < bytes; ++offset) {
    ScaleIndex index = indexOf(layout, blocks, offset);
    if (index.row < rows && index.block < blocks)
      continue;
    if (!ranges.empty() && ranges.back().end == offset)
      ++ranges.back().end;
    else
      ranges.push_back({offset, offset + 1});
  }
  return ranges;
}

MatrixShape MatrixShape::make(int64_t rows, int64_t rowBytes, bool padded) {
  if (!padded)
    return {rows, rowBytes, rowBytes, rows};
  return {rows, rowBytes, roundUp(rowBytes, 16) + 16, roundUp(rows, 128)};
}

std::vector<ByteRange> MatrixShape::padding() const {
  std::vector<ByteRange> ranges;
  if (stride > rowBytes)
    for (int64_t row = 0; row < rows; ++row)
      ranges.push_back({row * stride + rowBytes, (row + 1) * stride});
  if (allocatedRows > rows)
    ranges.push_back({rows * stride, allocatedRows * stride});
  return ranges;
}

std::string nybl::cli::spread(const std::string &packedRows,
                              const MatrixShape &shape, uint8_t fill) {
  std::string image(static_cast<size_t>(shape.allocatedBytes()),
                    static_cast<char>(fill));
  for (int64_t row = 0; row < shape.rows; ++row)
    std::memcpy(image.data() + row * shape.stride,
                packedRows.data() + row * shape.rowBytes,
                static_cast<size_t>(shape.rowBytes));
  return image;
}

std::string nybl::cli::gather(const std::string &image,
                              const MatrixShape &shape) {
  std::string rows(static_cast<size_t>(shape.rows * shape.rowBytes), '\0');
  for (int64_t row = 0; row < shape.rows; ++row)
    std::memcpy(rows.data() + row * shape.rowBytes,
                image.data() + row * shape.stride,
                static_cast<size_t>(shape.rowBytes));
  return rows;
}

void nybl::cli::fillRanges(std::string &image,
                           const std::vector<ByteRange> &ranges, uint8_t byte) {
  for (const ByteRange &range : ranges)
    std::memset(image.data() + range.begin, byte,
                static_cast<size_t>(range.end - range.begin));
}
