// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An NVFP4 matrix as the oracle sees it: codes as they lie in memory, scales
// unpacked, one byte for each row and K block. No scale layout is known here.
#ifndef NYBL_TESTS_ORACLE_MATRIX_H
#define NYBL_TESTS_ORACLE_MATRIX_H

#include <cstdint>
#include <vector>

namespace nybl::oracle {

/// Elements of K that share one scale.
inline constexpr int64_t kScaleBlock = 16;

/// Element (row, col) is decodeE2m1(code) * decodeUe4m3(scale(row, col / 16)).
struct QuantizedMatrix {
  int64_t rows = 0, k = 0;     ///< rows >= 0; k >= 0 and a multiple of 16
  std::vector<uint8_t> codes;  ///< [rows][k/2], even element in the low nibble
  std::vector<uint8_t> scales; ///< [rows][k/16], ue4m3

  QuantizedMatrix() = default;
  /// All codes and scales zero.
  QuantizedMatrix(int64_t rowCount, int64_t kCount)
      : rows(rowCount), k(kCount), codes(rowCount * kCount / 2),
        scales(rowCount * (kCount / kScaleBlock)) {}

  int64_t blocks() const { return k / kScaleBlock; }
  uint8_t code(int64_t row, int64_t col) const {
    return (codes[(row * k + col) / 2] >> (col % 2 * 4)) & 0xf;
  }
  void setCode(int64_t row, int64_t col, uint8_t code) {
    uint8_t &byte = codes[(row * k + col) / 2];
    int shift = col % 2 * 4;
    byte = static_cast<uint8_t>((byte & ~(0xf << shift)) | (code << shift));
  }
  uint8_t scale(int64_t row, int64_t block) const {
    return scales[row * blocks() + block];
  }
  void setScale(int64_t row, int64_t block, uint8_t byte) {
    scales[row * blocks() + block] = byte;
  }
};

} // namespace nybl::oracle

#endif // NYBL_TESTS_ORACLE_MATRIX_H
