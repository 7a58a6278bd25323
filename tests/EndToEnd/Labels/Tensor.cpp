// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bytes in memory order.

#include "tests/EndToEnd/Labels/Tensor.h"
#include <algorithm>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::labels;

std::string nybl::labels::text(const Unit &unit) {
  constexpr const char *names[] = {"a", "b", "sfa", "sfb"};
  return fmt::format("{}{}[{}, {}]", unit.isReal ? "" : "padding ",
                     names[static_cast<int>(unit.operand)], unit.row,
                     unit.block);
}

std::vector<Tensor::Run> Tensor::runs() const {
  std::vector<Run> result;
  for (size_t i = 0; i < bytes.size(); ++i)
    if (i == 0 || isReal[i] != isReal[i - 1])
      result.push_back({i, i + 1, isReal[i]});
    else
      ++result.back().end;
  return result;
}

/// A K block of data: two elements of e2m1 a byte.
static constexpr int64_t blockBytes = oracle::kScaleBlock / 2;

Tensor nybl::labels::dataTensor(Operand operand,
                                const oracle::QuantizedMatrix &matrix,
                                Rows rows, int64_t stride, uint8_t padding) {
  // Two rows behind the last one, as far as that is cheap: what reaches further
  // is out of bounds.
  int64_t rowBytes = matrix.k / 2;
  int64_t total = (rows.count() - 1) * stride + rowBytes +
                  std::min(2 * stride, int64_t(256));
  Tensor t;
  t.unitBytes = blockBytes;
  t.offset = rows.first * stride;
  t.stride = stride;
  t.bytes.assign(total / blockBytes * blockBytes, padding);
  t.isReal.assign(t.bytes.size(), false);
  for (int64_t at = 0; at < static_cast<int64_t>(t.bytes.size());
       at += blockBytes) {
    int64_t row = at / stride, block = at % stride / blockBytes;
    bool isReal = row < rows.count() && block < matrix.blocks();
    t.units.push_back({operand, rows.first + row, block, isReal});
    for (int64_t i = at; isReal && i < at + blockBytes; ++i) {
      t.bytes[i] = matrix.codes[row * rowBytes + i % stride];
      t.isReal[i] = true;
    }
  }
  return t;
}

/// Row (from the first) and K block of each byte of a scale tensor, in order.
static std::vector<std::pair<int64_t, int64_t>>
memoryOrder(ScaleLayout layout, int64_t rows, int64_t blocks) {
  std::vector<std::pair<int64_t, int64_t>> order;
  if (layout == ScaleLayout::Linear) {
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t block = 0; block < blocks; ++block)
        order.push_back({row, block});
    return order;
  }
  // A tile is `lines` lines of `parts` rows each, 32 rows apart, 4 blocks wide.
  int64_t lines = layout == ScaleLayout::T128x4 ? 32 : 8;
  int64_t parts = layout == ScaleLayout::T128x4 ? 4 : 1;
  for (int64_t tile = 0; tile < rows; tile += lines * parts)
    for (int64_t group = 0; group < blocks; group += 4)
      for (int64_t line = 0; line < lines; ++line)
        for (int64_t part = 0; part < parts; ++part)
          for (int64_t column = 0; column < 4; ++column)
            order.push_back({tile + 32 * part + line, group + column});
  return order;
}

Tensor nybl::labels::scaleTensor(Operand operand,
                                 const oracle::QuantizedMatrix &matrix,
                                 Rows rows, ScaleLayout layout,
                                 uint8_t padding) {
  int64_t rowBytes = layout == ScaleLayout::Linear
                         ? matrix.blocks()
                         : (matrix.blocks() + 3) / 4 * 4;
  Tensor t;
  t.offset = rows.first * rowBytes;
  for (auto [row, block] : memoryOrder(layout, rows.count(), matrix.blocks())) {
    bool isReal = row < rows.count() && block < matrix.blocks();
    t.units.push_back({operand, rows.first + row, block, isReal});
    t.bytes.push_back(isReal ? matrix.scale(row, block) : padding);
    t.isReal.push_back(isReal);
  }
  return t;
}
