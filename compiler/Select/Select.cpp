// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The choice of template and schedule.

#include "compiler/Select/Select.h"
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::compiler;

Expected<Selection> nybl::compiler::select(const GemmProblem &problemClass,
                                           const Chip &chip) {
  if (!chip.blockScaledMma)
    return Status::refused(fmt::format("{} has no block-scaled mma.sync, which "
                                       "'{}' needs; chips that have it: "
                                       "sm_120a, sm_120f, sm_121a",
                                       chip.name, print(problemClass)));
  return Selection{gemmTemplate(), Schedule()};
}
