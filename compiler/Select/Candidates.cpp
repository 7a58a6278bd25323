// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Enumerates and sorts.

#include "compiler/Select/Candidates.h"
#include <algorithm>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::compiler;

static constexpr int64_t maxStages = 8;

/// Adds the plain schedule of this tile and these warps, and the multistage
/// ones.
static void addStages(std::vector<Schedule> &all, Schedule schedule,
                      const Chip &chip) {
  for (int64_t stages = 1; stages <= maxStages; ++stages) {
    schedule.kind = stages == 1 ? "plain" : "multistage";
    schedule.stages = stages;
    if (validate(schedule, chip))
      all.push_back(schedule);
  }
}

std::vector<Schedule> nybl::compiler::candidates(const Chip &chip) {
  std::vector<Schedule> all;
  for (int64_t m = 16; m <= 256; m *= 2)
    for (int64_t n = 16; n <= 256; n *= 2)
      for (int64_t k = 64; k <= 256; k *= 2)
        for (int64_t warpsM = 1; warpsM <= 8; warpsM *= 2)
          for (int64_t warpsN = 1; warpsN <= 8; warpsN *= 2) {
            Schedule schedule;
            schedule.tile = {m, n, k};
            schedule.warps = {warpsM, warpsN};
            addStages(all, schedule, chip);
          }
  return all;
}

namespace {

/// What candidates are compared by.
struct Entry {
  std::array<int64_t, resourceCount> times; ///< in 10 ps, longest first: the
                                            ///< last bits decide nothing
  size_t index;
  auto operator<=>(const Entry &) const = default;

  Entry(const Estimate &estimate, size_t index) : index(index) {
    constexpr double most = 9e18; // what no number of 10 ps may pass
    for (size_t i = 0; i < resourceCount; ++i)
      times[i] =
          static_cast<int64_t>(std::min(estimate.seconds[i] * 1e11, most));
    std::sort(times.rbegin(), times.rend());
  }
};

} // namespace

Expected<std::vector<Candidate>>
nybl::compiler::rank(const GemmProblem &problem, int64_t m, const Chip &chip,
                     const Card &card) {
  if (chip.fp4MacsPerCycle == 0 || !card.carries(chip))
    return Status::refused(fmt::format("the rates of {} are not known here, so "
                                       "nothing can be estimated",
                                       chip.name));
  std::vector<Candidate> all;
  std::vector<Entry> order;
  for (const Schedule &schedule : candidates(chip)) {
    all.push_back(
        {schedule, estimate(problem, m, describe(schedule, chip), chip, card)});
    order.emplace_back(all.back().estimate, order.size());
  }
  std::sort(order.begin(), order.end());
  std::vector<Candidate> ranked;
  ranked.reserve(order.size());
  for (const Entry &entry : order)
    ranked.push_back(all[entry.index]);
  return ranked;
}
