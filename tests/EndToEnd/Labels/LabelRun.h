// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The label run: the PTX that ships, on the emulated device, with every scale
// factor and every K block of data labelled; what arrives at the multiplies and
// what is touched and stored is compared with the lemmas (docs/trust.md), by
// formulas the compiler does not have. For any schedule.
#ifndef NYBL_TESTS_ENDTOEND_LABELS_LABELRUN_H
#define NYBL_TESTS_ENDTOEND_LABELS_LABELRUN_H

#include "runtime/Abi/Manifest.h"
#include "runtime/Abi/Problem.h"
#include "tests/EndToEnd/Labels/SlotCheck.h"
#include <optional>

namespace nybl::labels {

/// What ships of a kernel. Tests may change the PTX.
struct Kernel {
  GemmProblem problem;
  Manifest manifest;
  std::string ptx;
};

/// Without a chip for sm_120a, or sm_100a where the schedule is of tensor
/// memory; compiled once for each problem class, schedule and chip.
Expected<Kernel> compileKernel(const GemmProblem &problem,
                               const std::string &schedule,
                               std::string chip = "");

/// `kernel` as one CTA of a grid of one CTA a tile: number `tile`.
Expected<Kernel> onlyTile(const Kernel &kernel, int64_t tile, int64_t tiles);

struct Launch {
  int64_t m = 1;
  int policy = NYBL_EMU_SCHEDULE_EAGER;
  uint64_t seed = 1; ///< of the policy, and of the data
  unsigned grid = 3; ///< CTAs, where there are as many tiles
  /// Bytes between rows; 0: the row and a gap of 16.
  int64_t aStride = 0, bStride = 0, dStride = 0;
  /// None: all of D. Else the kernel computes this part of it alone, and no
  /// memory exists but its operands' and its own.
  std::optional<Part> part;
  /// The kernel reads padding by design, and zeroes it.
  bool mayReadPadding = false;
};

struct Report {
  std::vector<std::string> faults; ///< empty: everything is as it must be
  size_t records = 0;              ///< slots that were looked at
  bool ok() const { return faults.empty(); }
};

/// Runs twice: with labels, the padding full of poisoned NaNs; and with padding
/// that was never written, on another canvas, counting what is stored.
Report run(const Kernel &kernel, const Launch &launch);

} // namespace nybl::labels

#endif // NYBL_TESTS_ENDTOEND_LABELS_LABELRUN_H
