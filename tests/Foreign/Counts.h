// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The emulator's counts of the launch that ended last, as JSON: what depends on
// real addresses, divided by nothing yet.
#ifndef NYBL_TESTS_FOREIGN_COUNTS_H
#define NYBL_TESTS_FOREIGN_COUNTS_H

#include "tools/emulator/include/nybl-emu.h"
#include <nlohmann/json.hpp>

namespace nybl::foreign {

/// The calls by address: a program may link the emulated driver or load it.
struct CountCalls {
  decltype(&nyblEmuCounters) counters;
  decltype(&nyblEmuHotspotCount) hotspots;
  decltype(&nyblEmuHotspotRead) hotspot;
  decltype(&nyblEmuHotspotText) text;
};

/// multiplies, warp_instructions, wavefronts of shared memory, conflicts
/// (wavefronts past the ideal) of ldmatrix, of ld.shared and of all others,
/// l2_bytes_read (sectors and asynchronous copies). Not what is stored: where
/// all lanes issue one bulk store it counts 32 times, and hardware may make it
/// one. Null where nothing was counted.
nlohmann::json countsOfLastLaunch(const CountCalls &calls);

} // namespace nybl::foreign

#endif // NYBL_TESTS_FOREIGN_COUNTS_H
