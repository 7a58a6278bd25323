// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the environment says about the emulated device.
#ifndef NYBL_EMULATOR_DRIVER_SETTINGS_H
#define NYBL_EMULATOR_DRIVER_SETTINGS_H

#include "tools/emulator/Device/Chips.h"
#include "tools/emulator/Exec/Engine.h"
#include "tools/emulator/Status.h"
#include <cstdint>

namespace nybl::emu {

struct Settings {
  const ChipLimits *chip = nullptr;
  unsigned multiprocessors = 0;
  unsigned hostThreads = 0; ///< 0: all cores
  bool checks = true;       ///< reads of uninitialised memory
  bool poison = true;       ///< follow marked bytes
  uint64_t memoryBytes = 0;
  bool report = true; ///< findings on stderr
  SchedulePolicy policy = SchedulePolicy::Eager;
  uint64_t seed = 0; ///< of SchedulePolicy::Random
  NumericModel numerics = NumericModel::MmaSim;
  uint64_t maxSteps = uint64_t(1) << 32; ///< warp instructions of one CTA
  bool races = false;                    ///< find races
  uint64_t axioms = 3;                   ///< assumed: bits of nyblEmuSetAxioms
  bool count = false; ///< wavefronts, sectors, bytes, per instruction
};

/// Reads the NYBL_EMU_ variables; README.md lists them. The error names the
/// variable, what it may hold and what it holds.
Expected<Settings> settingsFromEnvironment();

} // namespace nybl::emu

#endif // NYBL_EMULATOR_DRIVER_SETTINGS_H
