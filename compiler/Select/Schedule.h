// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The schedule: how a template is laid out over a CTA. Chosen by Select or
// forced by the user; one text form for command line, manifest and key.
#ifndef NYBL_COMPILER_SELECT_SCHEDULE_H
#define NYBL_COMPILER_SELECT_SCHEDULE_H

#include "dialects/Chips/Chips.h"
#include "runtime/Abi/Problem.h"
#include "runtime/Abi/Status.h"
#include <array>
#include <string>
#include <string_view>

namespace nybl::compiler {

/// Warps of the producer of a schedule with roles: a warpgroup, since that is
/// what gives registers away (PTX ISA, setmaxnreg).
inline constexpr int64_t producerWarps = 4;

struct Schedule {
  /// "plain"; "multistage": all warps copy and multiply; "cooperative": some
  /// copy while the others multiply one tile.
  std::string kind = "plain";
  std::array<int64_t, 3> tile{128, 128, 128}; ///< CTA tile m, n, k in elements
  std::array<int64_t, 2> warps{2, 4};         ///< that multiply, along m and n
  int64_t stages = 1; ///< K steps in shared memory; 2 to 8, of plain 1

  bool byTma = false; ///< data is copied by TMA; cooperative ones alone

  bool hasRoles() const { return kind == "cooperative"; }
  int64_t threads() const {
    return 32 * (warps[0] * warps[1] + (hasRoles() ? producerWarps : 0));
  }
  friend bool operator==(const Schedule &, const Schedule &) = default;
};

/// "kind=plain tile=128x128x128 warps=2x4"; parseSchedule(print(s)) == s. One
/// that is not plain ends with " stages=3", one by TMA with " fill=tma".
std::string print(const Schedule &schedule);

/// Keys in any order; one left out keeps its default (two stages where
/// there is a ring). The error names the word.
Expected<Schedule> parseSchedule(std::string_view text);

/// Shared memory that a CTA declares.
int64_t sharedBytes(const Schedule &schedule);

/// What the multiply's shape and the chip's limits ask of a schedule.
Status validate(const Schedule &schedule, const Chip &chip);
/// The same, and what the problem asks of it: TMA copies rows of whole 16
/// bytes.
Status validate(const Schedule &schedule, const Chip &chip,
                const GemmProblem &problem);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_SELECT_SCHEDULE_H
