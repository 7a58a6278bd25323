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
  bool blockScaledMma;     ///< mma.sync kind::mxf4nvf4 block_scale
  bool narrowCvt;          ///< cvt to and from e2m1
  unsigned l2Bytes;        ///< 0: not published
  unsigned memoryBusWidth; ///< bits; 0: not published
};

/// Null if unknown.
const ChipLimits *findChip(std::string_view name);
std::string chipNames();

/// What a module is written for: its .target. An instruction exists by this,
/// not by the chip it runs on: PTX for sm_120 has none of sm_120a's own.
struct PtxTarget {
  std::string name; ///< "sm_120a"
  int major = 0, minor = 0;
  bool family = false; ///< "f" or "a": has what a family's chips share
  bool exact = false;  ///< "a": has what no other chip may have

  /// Of the sm_100 family (10.x) or its neighbour sm_110, with suffix.
  bool hasTensorMemory() const {
    return family && (major == 10 || major == 11);
  }
};

/// False if it does not look like a target.
bool parseTarget(std::string_view name, PtxTarget &target);

/// The first PTX version that knows a target: 87 is PTX 8.7.
unsigned firstVersionOf(const PtxTarget &target);

/// PTX `target` runs on `chip`: an "a" target on that very chip, an "f" target
/// on its family, a plain one on that compute capability or a later one.
bool runsOn(std::string_view target, const ChipLimits &chip);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_DEVICE_CHIPS_H
