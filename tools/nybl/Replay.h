// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A counterexample on the emulated driver: does it show?
#ifndef NYBL_TOOLS_NYBL_REPLAY_H
#define NYBL_TOOLS_NYBL_REPLAY_H

#include "tools/nybl/Counterexample.h"

namespace nybl::cli {

/// What a KernelProvider gives of a kernel.
struct KernelImage {
  std::string manifest, ptx;
};

struct ReplayRequest {
  GemmProblem problem;
  std::string chip;
  Counterexample counterexample;
  KernelImage refuted;
  KernelImage plain; ///< a proven kernel of the same problem
};

struct Evidence {
  bool shown = false;
  std::string sentence; ///< "byte 9 of 'sfa' (...) arrives in d[3, 0]"
};

/// The chip that the emulated driver plays for kernels of a target: the first
/// of its family where that is what it is of.
std::string emulatedChipOf(std::string target);

/// Launches the refuted kernel with the counterexample's M on fixed random
/// data, and says what shows first: the byte that the counterexample reaches,
/// marked alone; a finding of the emulated driver with all padding marked,
/// under two schedules; an element that is not what the plain kernel gives.
///
/// Errors: Refused (too large, or the launch is); Environment.
Expected<Evidence> replay(const ReplayRequest &request);

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_REPLAY_H
