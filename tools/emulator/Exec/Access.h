// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One lane's access: from an address to bytes and their shadow, or a report.
#ifndef NYBL_EMULATOR_EXEC_ACCESS_H
#define NYBL_EMULATOR_EXEC_ACCESS_H

#include "tools/emulator/Exec/Warp.h"

namespace nybl::emu {

struct Place {
  uint8_t *data = nullptr;   ///< null: reported
  uint8_t *shadow = nullptr; ///< null: always initialised, never marked
  MemorySpace space = MemorySpace::Global;
};

/// Bounds and alignment are always checked. A finding stops the CTA.
Place resolve(Warp &w, MemorySpace space, unsigned lane, uint64_t address,
              uint32_t bytes);

/// Reports if a byte was never written (when checks are on); true if fine.
bool checkInitialised(Warp &w, const Place &place, unsigned lane,
                      uint64_t address, uint32_t bytes);

inline const char *name(MemorySpace space) {
  static constexpr const char *names[] = {"generic", "global", "shared",
                                          "local",   "param",  "const"};
  return names[static_cast<unsigned>(space)];
}

/// The address of a lane: register (32 or 64 bits wide) plus offset.
inline uint64_t addressOf(Warp &w, const Instr &in, unsigned lane) {
  if (!in.flag) // 32-bit addresses wrap
    return w.w(in.a)[lane] + static_cast<uint32_t>(in.imm);
  return w.q(in.a)[lane] + static_cast<uint64_t>(in.imm);
}

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_ACCESS_H
