// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operands of test beds: what is real, and poison around it.
#ifndef NYBL_TESTS_MUTATION_PADDED_H
#define NYBL_TESTS_MUTATION_PADDED_H

#include "runtime/Abi/ScaleLayout.h"
#include "tests/Mutation/Machine.h"
#include "tests/Oracle/Data.h"

namespace nybl::mutation {

constexpr int64_t gap = 16;          ///< bytes between rows
constexpr uint8_t canvasByte = 0xa5; ///< of an output before a launch
constexpr uint8_t padding = 0x7f;    ///< a NaN as a scale

/// A buffer's bytes and which of them are real.
struct Padded {
  std::vector<uint8_t> bytes;
  std::vector<bool> real;
  driver::Buffer buffer;

  void put(int64_t at, uint8_t byte) {
    bytes[at] = byte;
    real[at] = true;
  }
};

/// Nothing is real.
Padded padded(int64_t bytes);
/// An output: all of it is real, and holds canvasByte.
Padded canvas(int64_t bytes);
/// Rows `gap` bytes apart, and room for some behind the last.
Padded padData(const oracle::QuantizedMatrix &m);
Padded padScales(const oracle::QuantizedMatrix &m, ScaleLayout layout);

/// To a buffer of its own, made at first; with `poison` what is not real is
/// marked.
Status upload(const Machine &machine, Padded &p, bool poison);

} // namespace nybl::mutation

#endif // NYBL_TESTS_MUTATION_PADDED_H
