// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The box of a tensor that a tensor copy moves: where each of its rows lies in
// global and in shared memory.
#ifndef NYBL_EMULATOR_EXEC_TENSORBOX_H
#define NYBL_EMULATOR_EXEC_TENSORBOX_H

#include "tools/emulator/Device/TensorMap.h"
#include "tools/emulator/Exec/Async.h"
#include "tools/emulator/Exec/Swizzle.h"
#include "tools/emulator/Exec/Warp.h"

namespace nybl::emu {

/// A run of elements along dimension 0. Bytes are those of shared memory
/// without gaps: `before` ones outside of the tensor, then `bytes` in it, the
/// rest outside again.
struct BoxRow {
  uint32_t offset = 0; ///< of the row, from the box's start, with gaps
  uint32_t before = 0, bytes = 0;
  uint8_t *data = nullptr, *shadow = nullptr; ///< of the bytes in the tensor
  uint64_t address = 0;
};

/// How a box lies in shared memory (PTX ISA 9.1 §5.5).
struct TensorBox {
  std::vector<BoxRow> rows;
  uint32_t rowBytes = 0; ///< without gaps
  uint32_t chunk = 16;   ///< bytes of data in each 16 of shared memory
  uint32_t sharedBytes = 0;
  bool isConstant = false;  ///< some of it lies in constant memory
  uint32_t tensorBytes = 0; ///< inside the tensor
  /// What an mbarrier counts: the whole box, outside parts too (as CUTLASS
  /// counts), packed where shared memory has gaps.
  uint32_t transactionBytes = 0;
  Swizzle swizzle = Swizzle::None;
  bool fillsNan = false;
  TensorElement element = TensorElement::U8;

  /// Where byte i of a row (without gaps) lies in a CTA's shared memory, whose
  /// offset `start` is the box's.
  uint32_t place(uint32_t start, const BoxRow &row, uint32_t i) const {
    uint32_t linear = row.offset + i / chunk * 16 + i % chunk;
    return swizzled(start + linear, swizzle);
  }
};

/// `coordinates`: the map's rank of them or, of gathered rows, the column and
/// four rows. Reports what is wrong and returns false.
bool layOutBox(Warp &w, unsigned lane, const TensorMap &map,
               const std::vector<int32_t> &coordinates, bool gathers,
               TensorBox &box);

/// Into the shared memory of a CTA: rows, fill and their shadow.
void fillBox(const TensorBox &box, Cta &cta, uint32_t start);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_TENSORBOX_H
