// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The schedules that a chip allows, and their order by the estimate.
#ifndef NYBL_COMPILER_SELECT_CANDIDATES_H
#define NYBL_COMPILER_SELECT_CANDIDATES_H

#include "compiler/Select/Estimate.h"
#include <vector>

namespace nybl::compiler {

/// Every schedule of the search space that the problem allows, in a fixed
/// order. The space is a product of axes, which Candidates.cpp names one by
/// one; what cannot be laid out, or is never better than a neighbour, is left
/// out.
std::vector<Schedule> candidates(const GemmProblem &problem, const Chip &chip);

struct Candidate {
  Schedule schedule;
  Estimate estimate;
};

/// These schedules for `m` rows, the shortest estimated time first. Where
/// they are equal the second longest of the resources' times decides, and so
/// on; at last the order they are given in. Pure. Refused if there is nothing
/// to estimate with.
Expected<std::vector<Candidate>> rank(const std::vector<Schedule> &schedules,
                                      const GemmProblem &problem, int64_t m,
                                      const Chip &chip, const Card &card);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_SELECT_CANDIDATES_H
