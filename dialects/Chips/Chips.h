// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What each chip can do, from Chips.td. No version arithmetic anywhere else:
// sm_121 is not "sm_120 or later".
#ifndef NYBL_DIALECTS_CHIPS_CHIPS_H
#define NYBL_DIALECTS_CHIPS_CHIPS_H

#include "runtime/Abi/Status.h"
#include <cstdint>
#include <span>
#include <string_view>

namespace nybl {

/// Fields are those of class Chip in Chips.td, in the same order.
struct Chip {
  const char *name;
  uint8_t major, minor;
  const char *suffix, *family;
  uint8_t ptxMajor, ptxMinor;
  bool blockScaledMma, tcgen05, wgmma, tma, tmaMulticast, clusterLaunchControl;
  bool cvtE2m1, setMaxNReg, gridDepControl;
  uint8_t multiprocessors;
  uint32_t sharedPerCta, staticSharedPerCta, sharedPerMultiprocessor;
  uint32_t registersPerMultiprocessor;
  uint16_t threadsPerMultiprocessor;
  uint8_t maxClusterSize;
};

/// All chips, sorted as in Chips.td.
std::span<const Chip> chips();

/// The chip of that full name, suffix included; the error lists all names.
Expected<const Chip *> findChip(std::string_view name);

} // namespace nybl

#endif // NYBL_DIALECTS_CHIPS_CHIPS_H
