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

/// Columns of a CTA's tensor memory, on every chip that has one
/// (Chip::tensorColumns; a test compares them).
inline constexpr int64_t columnsOfTensorMemory = 512;

/// Fields are those of class Chip in Chips.td, in the same order.
struct Chip {
  const char *name;
  uint8_t major, minor;
  const char *suffix, *family;
  uint8_t ptxMajor, ptxMinor;
  bool blockScaledMma, tcgen05;
  const char *scaleVector; ///< of tcgen05.mma
  bool wgmma, tma, tmaMulticast, clusterLaunchControl;
  bool cvtE2m1, setMaxNReg, gridDepControl;
  uint8_t multiprocessors;
  uint32_t sharedPerCta, staticSharedPerCta, sharedPerMultiprocessor;
  uint32_t registersPerMultiprocessor;
  uint16_t threadsPerMultiprocessor;
  uint8_t maxClusterSize;
  uint16_t tensorColumns;
  uint32_t fp4MacsPerCycle;
  uint16_t sharedBytesPerCycle;
};

/// Fields are those of class Card in Chips.td, in the same order.
struct Card {
  const char *name, *chip;
  uint8_t multiprocessors;
  uint16_t clockMHz;
  uint32_t l2Bytes;
  uint16_t l2BytesPerCycle;
  uint32_t memoryMBPerSecond;

  /// A kernel for `chip` runs on it.
  bool carries(const Chip &chip) const;
};

/// All chips, sorted as in Chips.td.
std::span<const Chip> chips();

/// The chip of that full name, suffix included; the error lists all names.
Expected<const Chip *> findChip(std::string_view name);

std::span<const Card> cards();

/// The card of that name, which must run the chip's kernels; without a name
/// the reference product of the chip. The error lists the cards that do.
Expected<const Card *> findCard(std::string_view name, const Chip &chip);

} // namespace nybl

#endif // NYBL_DIALECTS_CHIPS_CHIPS_H
