// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Matrices in shared memory as wgmma and tcgen05 name them, by descriptors of
// 64 bits (PTX ISA 9.1 §9.7.15.5.1.2.2 and §9.7.16.4.1).
#ifndef NYBL_EMULATOR_EXEC_MATRIXDESCRIPTOR_H
#define NYBL_EMULATOR_EXEC_MATRIXDESCRIPTOR_H

#include "tools/emulator/Exec/Async.h"
#include "tools/emulator/Exec/Swizzle.h"
#include <string>
#include <vector>

namespace nybl::emu {

struct Warp;

struct MatrixDescriptor {
  uint32_t start = 0;               ///< byte offset in the CTA's shared memory
  uint32_t leading = 0, stride = 0; ///< bytes; see chunk()
  Swizzle swizzle = Swizzle::None;
  uint8_t baseOffset = 0; ///< row of the pattern at which addresses start

  /// What is wrong with it, or an empty text.
  std::string decodeTcgen05(uint64_t bits);
  std::string decodeWgmma(uint64_t bits);

  unsigned swizzleBytes() const;
  /// Offset of the 16 bytes numbered `column` of row `row`; rows of a K-major
  /// matrix hold values of ascending k.
  uint32_t kMajorChunk(uint32_t row, uint32_t column) const;
  /// The same of an MN-major one, whose rows (one for each k) hold values of
  /// ascending m or n.
  uint32_t mnMajorChunk(uint32_t k, uint32_t column) const;

private:
  uint32_t place(uint32_t offset) const;
};

/// One operand of a matrix product: how much of shared memory it takes.
struct MatrixOperand {
  MatrixDescriptor descriptor;
  Cta *cta = nullptr;        ///< whose shared memory
  uint32_t rows = 0;         ///< m or n
  uint32_t rowBytes = 0;     ///< of all k of a row; a multiple of 16
  uint32_t elementBytes = 1; ///< of an MN-major one
  uint32_t usedBytes = 16;   ///< of each 16; the rest is padding
  bool mnMajor = false;

  /// The 16-byte pieces it is made of, neighbours joined.
  std::vector<SharedRange> ranges() const;
  /// Whether every byte lies in shared memory, is initialised and is nobody's
  /// to write still; else a finding of this lane.
  bool check(Warp &w, unsigned lane, const char *what) const;
  /// Row by row, k ascending; `marks` (may be null) gets a shadow byte each.
  void read(uint8_t *to, uint8_t *marks) const;

private:
  template <typename F>
  void eachChunk(F f) const;
};

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_MATRIXDESCRIPTOR_H
