// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensor memory of a CTA: 128 lanes of 512 columns of 32 bits, with a shadow
// byte for each byte as in other memories, and who has allocated what
// (PTX ISA 9.1 §9.7.16.1 and .7).
#ifndef NYBL_EMULATOR_EXEC_TENSORMEMORY_H
#define NYBL_EMULATOR_EXEC_TENSORMEMORY_H

#include "tools/emulator/Exec/Async.h"
#include <map>

namespace nybl::emu {

struct CtaTensorMemory {
  static constexpr uint32_t lanes = 128, columns = 512, cellBytes = 4;
  static constexpr uint32_t unit = 32; ///< columns, of an allocation

  std::vector<uint8_t> data, shadow;        ///< empty until allocated
  std::map<uint32_t, uint32_t> allocations; ///< columns by the first one
  uint32_t latestCount = columns;           ///< must not grow
  bool relinquished = false;

  /// What one warp of each CTA of a pair asks for together.
  struct Request {
    bool made = false, granted = false, frees = false;
    unsigned warp = 0;
    uint32_t pc = 0, count = 0;
    uint32_t column = 0; ///< granted
  } request;

  /// The first column of so many free ones, or `columns`.
  uint32_t findFree(uint32_t count) const;
  void allocate(uint32_t column, uint32_t count);
  void release(uint32_t column);
  bool isAllocated(uint32_t column, uint32_t count) const;

  size_t offset(uint32_t lane, uint32_t column) const {
    return (size_t(lane) * columns + column) * cellBytes;
  }
  uint8_t *cell(uint32_t lane, uint32_t column) {
    return &data[offset(lane, column)];
  }
  uint8_t *marks(uint32_t lane, uint32_t column) {
    return &shadow[offset(lane, column)];
  }
};

/// An address of tensor memory.
inline uint32_t tensorLane(uint32_t address) { return address >> 16; }
inline uint32_t tensorColumn(uint32_t address) { return address & 0xffff; }

/// The tensor memory of a CTA, made at its first use.
CtaTensorMemory &tensorMemoryOf(Cta &cta);

/// Reports unless every cell exists and its column is allocated.
bool checkTensorRange(Warp &w, unsigned lane, uint32_t address,
                      const TensorRange &range, const char *what);

/// Puts `op` behind the pending operations that PTX promises it to follow;
/// reports, and gives false, if it conflicts with another one.
bool orderTensorOp(Warp &w, unsigned lane, uint32_t address, AsyncOp &op);

/// Reports columns that are still allocated; for the end of a CTA.
void checkTensorMemoryFreed(Warp &w);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_TENSORMEMORY_H
