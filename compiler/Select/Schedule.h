// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The schedule: how a template is laid out over a CTA. Chosen by Select or
// forced by the user; one text form for command line, manifest and key.
#ifndef NYBL_COMPILER_SELECT_SCHEDULE_H
#define NYBL_COMPILER_SELECT_SCHEDULE_H

#include "dialects/Chips/Chips.h"
#include "runtime/Abi/Status.h"
#include <array>
#include <string>
#include <string_view>

namespace nybl::compiler {

struct Schedule {
  std::string kind = "plain";                 ///< synchronous copies, one role
  std::array<int64_t, 3> tile{128, 128, 128}; ///< CTA tile m, n, k in elements
  std::array<int64_t, 2> warps{2, 4};         ///< warps along m and n

  int64_t threads() const { return warps[0] * warps[1] * 32; }
  friend bool operator==(const Schedule &, const Schedule &) = default;
};

/// "kind=plain tile=128x128x128 warps=2x4"; parseSchedule(print(s)) == s.
std::string print(const Schedule &schedule);

/// Keys in any order; one left out keeps its default. The error names the word.
Expected<Schedule> parseSchedule(std::string_view text);

/// What the multiply's shape and the chip's limits ask of a schedule.
Status validate(const Schedule &schedule, const Chip &chip);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_SELECT_SCHEDULE_H
