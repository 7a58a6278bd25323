// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The chips the emulator can be. Its own table, made apart from the compiler's
// (dialects/Chips): a test compares the two.
#ifndef NYBL_EMULATOR_DEVICE_CHIPS_H
#define NYBL_EMULATOR_DEVICE_CHIPS_H

#include <string>
#include <string_view>

namespace nybl::emu {

struct ChipLimits {
  const char *name;    ///< "sm_120a"
  const char *product; ///< what cuDeviceGetName says, after "Nybl emulated "
  int major, minor;
  unsigned multiprocessors;
  unsigned sharedPerCta = 49152; ///< without opting in
  unsigned sharedPerCtaOptIn;
  unsigned sharedPerMultiprocessor;
  unsigned threadsPerMultiprocessor;
  unsigned registersPerMultiprocessor = 65536;
  unsigned ctasPerMultiprocessor;
  bool blockScaledMma; ///< mma.sync kind::mxf4nvf4 block_scale
  bool narrowCvt;      ///< cvt to and from e2m1
};

/// Null if unknown.
const ChipLimits *findChip(std::string_view name);
std::string chipNames();

/// PTX `target` runs on `chip`: an "a" target on that very chip, an "f" target
/// on its family, a plain one on that compute capability or a later one.
bool runsOn(std::string_view target, const ChipLimits &chip);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_DEVICE_CHIPS_H
