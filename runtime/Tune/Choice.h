// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From records to a schedule. Pure: whoever reads the same file chooses the
// same.
#ifndef NYBL_RUNTIME_TUNE_CHOICE_H
#define NYBL_RUNTIME_TUNE_CHOICE_H

#include "runtime/Abi/Problem.h"
#include "runtime/Tune/Record.h"
#include <optional>

namespace nybl::tune {

/// A schedule, and the one kernel of it that was timed.
struct Choice {
  std::string schedule, kernel;
  /// "measured, 12.3 us at M = 16 ..." or "estimated, ...": for the user.
  std::string reason;
  friend bool operator==(const Choice &, const Choice &) = default;
};

/// The best kernel for the problem, whose range of M counts, on that GPU. None
/// where there is no record of it. Of each schedule the kernel that was timed
/// last counts alone (latest).
///
/// Times are compared within one driver and policy: the newest driver's, and
/// measured ones before estimates. Of the kernels with records at most values
/// of M that is chosen whose times, each divided by the best at its M, have the
/// least product; where they are equal, the first by name.
std::optional<Choice> choose(const std::vector<Record> &records,
                             const GemmProblem &problem, const Gpu &gpu);

} // namespace nybl::tune

#endif // NYBL_RUNTIME_TUNE_CHOICE_H
