// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Marks of whole registers: nearly always there are none, which is quick to
// find out.
#ifndef NYBL_EMULATOR_EXEC_MARKS_H
#define NYBL_EMULATOR_EXEC_MARKS_H

#include "tools/emulator/Exec/Warp.h"
#include <cstring>

namespace nybl::emu {

/// Whether a lane of the register, running or not, has a mark.
inline bool anyMarks(const uint16_t *marks) {
  uint64_t words[8], any = 0;
  std::memcpy(words, marks, sizeof words);
  for (uint64_t word : words)
    any |= word;
  return any != 0;
}

inline bool anyMarks(Warp &w, const Slot *slots, unsigned count) {
  uint64_t any[8] = {}, words[8], all = 0;
  for (unsigned i = 0; i < count; ++i) {
    std::memcpy(words, w.taint(slots[i]), sizeof words);
    for (unsigned k = 0; k < 8; ++k)
      any[k] |= words[k];
  }
  for (uint64_t word : any)
    all |= word;
  return all != 0;
}

/// A slot that an instruction may lack has none.
inline bool anyMarks(Warp &w, Slot slot) {
  return slot != noSlot && anyMarks(w.taint(slot));
}

/// The running lanes have no marks from now on.
inline void clearMarks(Warp &w, Slot slot) {
  uint16_t *marks = w.taint(slot);
  if (w.active == allLanes)
    std::memset(marks, 0, 32 * sizeof(uint16_t));
  else
    w.forActive([&](unsigned lane) { marks[lane] = 0; });
}

/// Nothing that an instruction reads has a mark, so its result has none: true
/// if that was all there is to do.
inline bool isCleanResult(Warp &w, const Instr &in) {
  if (anyMarks(w, in.a) || anyMarks(w, in.b) || anyMarks(w, in.c))
    return false;
  clearMarks(w, in.d);
  return true;
}

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_MARKS_H
