// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operands of a label run: their bytes, which of them are real, and what each
// labelled unit stands for. The layouts are written here a second time, as
// loops in memory order; the compiler's formula is not used.
#ifndef NYBL_TESTS_ENDTOEND_LABELS_TENSOR_H
#define NYBL_TESTS_ENDTOEND_LABELS_TENSOR_H

#include "runtime/Abi/ScaleLayout.h"
#include "tests/Oracle/Matrix.h"
#include <string>
#include <vector>

namespace nybl::labels {

/// Numbers as nyblEmuLabel::operand has them.
enum class Operand : uint8_t { A = 0, B = 1, ScaleA = 2, ScaleB = 3 };

/// What a labelled unit holds: a K block of data, or one scale factor.
struct Unit {
  Operand operand = Operand::A;
  int64_t row = 0, block = 0;
  bool isReal = false; ///< within the real rows and K blocks
};

/// "sfa[3, 1]", with "padding " before it where it is.
std::string text(const Unit &unit);

/// Rows [first, end) of an operand, the only ones in memory. `first` is a
/// multiple of 128, so that every layout's tiles are whole.
struct Rows {
  int64_t first = 0, end = 0;
  int64_t count() const { return end - first; }
};

struct Tensor {
  std::vector<uint8_t> bytes; ///< of the real rows and what lies around them
  std::vector<bool> isReal;   ///< of each byte
  std::vector<Unit> units;
  unsigned unitBytes = 1;
  int64_t offset = 0; ///< of the first byte here from the operand's first row
  int64_t stride = 0; ///< bytes between rows of data

  /// Maximal runs of bytes that are all real, or all not.
  struct Run {
    size_t begin, end;
    bool isReal;
  };
  std::vector<Run> runs() const;
};

/// `matrix` holds the rows of `rows`. Units of 8 bytes: a K block of a row, or
/// a part of the gap between rows, or of what follows the last one.
Tensor dataTensor(Operand operand, const oracle::QuantizedMatrix &matrix,
                  Rows rows, int64_t stride, uint8_t padding);

/// Units of one byte.
Tensor scaleTensor(Operand operand, const oracle::QuantizedMatrix &matrix,
                   Rows rows, ScaleLayout layout, uint8_t padding);

} // namespace nybl::labels

#endif // NYBL_TESTS_ENDTOEND_LABELS_TENSOR_H
