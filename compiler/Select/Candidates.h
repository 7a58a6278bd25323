// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The schedules that a chip allows, and their order by the estimate.
#ifndef NYBL_COMPILER_SELECT_CANDIDATES_H
#define NYBL_COMPILER_SELECT_CANDIDATES_H

#include "compiler/Select/Estimate.h"
#include <vector>

namespace nybl::compiler {

/// Every schedule of the search space that validate() lets pass, in a fixed
/// order: tiles of 16 to 256 rows and columns and 64 to 256 columns of K in
/// powers of two, 1 to 8 warps along each side, all numbers of stages.
std::vector<Schedule> candidates(const Chip &chip);

struct Candidate {
  Schedule schedule;
  Estimate estimate;
};

/// All candidates for `m` rows, the shortest estimated time first. Where
/// they are equal the second longest of the resources' times decides, and so
/// on; at last the order of candidates(). Pure. Refused if there is nothing to
/// estimate with.
Expected<std::vector<Candidate>> rank(const GemmProblem &problem, int64_t m,
                                      const Chip &chip, const Card &card);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_SELECT_CANDIDATES_H
