// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The bytes of a tensor that belong to nobody: where they are, and operands in
// device memory whose padding holds a chosen byte.
#ifndef NYBL_TOOLS_NYBL_PADDING_H
#define NYBL_TOOLS_NYBL_PADDING_H

#include "runtime/Abi/ScaleLayout.h"
#include "runtime/Driver/Memory.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nybl::cli {

/// [begin, end) in bytes.
struct ByteRange {
  int64_t begin, end;
};

/// The padding of a scale tensor with rows x blocks real scales, in order.
std::vector<ByteRange> scalePadding(ScaleLayout layout, int64_t rows,
                                    int64_t blocks);

/// How a matrix lies in memory. With padding: rows up to the next 128, and a
/// gap of at least 16 bytes behind each row.
struct MatrixShape {
  int64_t rows, rowBytes, stride, allocatedRows;

  static MatrixShape make(int64_t rows, int64_t rowBytes, bool padded);
  /// First byte of row 0 to last byte of the last row.
  int64_t bytes() const {
    return rows == 0 ? 0 : (rows - 1) * stride + rowBytes;
  }
  int64_t allocatedBytes() const { return allocatedRows * stride; }
  std::vector<ByteRange> padding() const;
};

/// The matrix's rows at their places, everything else holding `fill`.
std::string spread(const std::string &packedRows, const MatrixShape &shape,
                   uint8_t fill);

/// Rows back to back again.
std::string gather(const std::string &image, const MatrixShape &shape);

/// Sets the bytes of the ranges.
void fillRanges(std::string &image, const std::vector<ByteRange> &ranges,
                uint8_t byte);

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_PADDING_H
