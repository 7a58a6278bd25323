// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Enumerates and sorts.

#include "compiler/Select/Candidates.h"
#include <algorithm>
#include <fmt/format.h>
#include <utility>

using namespace nybl;
using namespace nybl::compiler;

namespace {

/// A product of axes, grown one axis at a time.
class Space {
public:
  /// Each schedule so far with each choice of an axis.
  template <typename Choice, typename Set>
  void cross(std::initializer_list<Choice> choices, Set set) {
    std::vector<Schedule> grown;
    grown.reserve(all.size() * choices.size());
    for (const Schedule &schedule : all)
      for (const Choice &choice : choices) {
        grown.push_back(schedule);
        set(grown.back(), choice);
      }
    all = std::move(grown);
  }
  template <typename Predicate>
  void keepIf(Predicate keep) {
    std::erase_if(all, [&](const Schedule &s) { return !keep(s); });
  }

  std::vector<Schedule> all{Schedule()};
};

/// Who copies, and how.
struct Layout {
  const char *kind;
  bool byTma;
};

/// What every kind asks of a tile and its warps (validate() says it in words).
bool fitsMultiplies(const Schedule &s) {
  return s.tile[0] % (16 * s.warps[0]) == 0 &&
         s.tile[1] % (16 * s.warps[1]) == 0 && s.warps[0] * s.warps[1] <= 16 &&
         s.tile[0] * s.tile[1] <= s.warps[0] * s.warps[1] * 32 * 128;
}

/// Roles: four or eight warps that multiply; fewer accumulators than 8 a
/// thread, or steps of 64, pay the ring's barriers too often.
bool fitsRoles(const Schedule &s) {
  int64_t warps = s.warps[0] * s.warps[1];
  return !s.hasRoles() || ((warps == 4 || warps == 8) && s.tile[2] >= 128 &&
                           s.tile[0] * s.tile[1] >= warps * 32 * 8);
}

/// Plain is a second opinion, in its usual form.
bool isUsualIfPlain(const Schedule &s) {
  Schedule usual;
  return s.kind != usual.kind ||
         (s.tile == usual.tile && s.warps == usual.warps);
}

/// What is worth a try of a schedule that can be laid out.
bool isSensible(const Schedule &s) {
  bool fewRows = s.tile[0] <= 64;
  return (s.hasRoles() ||
          (!s.swapped && !s.storesByTma && s.split == 1 && s.group == 1)) &&
         !(s.swapped && s.storesByTma) && // both are for whole sectors
         (!s.takesOver || s.group > 1) && // both are for many tiles
         (fewRows ? s.group == 1 : s.split == 1);
}

/// Of chips with tensor memory: 128 rows of multiplies, any way round.
template <typename Predicate>
std::vector<Schedule> tensorCandidates(Predicate isValid) {
  Space space;
  space.cross({16, 32, 64, 96, 128, 160, 192, 224, 256},
              [](Schedule &s, int64_t columns) {
                s.kind = "tmem";
                s.byTma = true;
                s.tile = {128, columns, 0};
                s.warps = {4, 1};
              });
  space.cross({false, true}, [](Schedule &s, bool swapped) {
    s.swapped = swapped;
    if (swapped) {
      std::swap(s.tile[0], s.tile[1]);
      std::swap(s.warps[0], s.warps[1]);
    }
  });
  space.cross({1, 2}, [](Schedule &s, int64_t ctas) {
    s.ctas = ctas;
    s.tile[0] *= ctas;
  });
  space.keepIf([](const Schedule &s) { return s.ctas == 1 || !s.swapped; });
  space.cross({128, 256},
              [](Schedule &s, int64_t columns) { s.tile[2] = columns; });
  space.cross({2, 3, 4, 5, 6, 8},
              [](Schedule &s, int64_t stages) { s.stages = stages; });
  space.cross({false, true},
              [](Schedule &s, bool byTma) { s.storesByTma = byTma; });
  space.cross({1, 8}, [](Schedule &s, int64_t group) { s.group = group; });
  space.cross({false, true},
              [](Schedule &s, bool takesOver) { s.takesOver = takesOver; });
  space.keepIf(isSensible);
  space.keepIf(isValid);
  return space.all;
}

} // namespace

std::vector<Schedule> nybl::compiler::candidates(const GemmProblem &problem,
                                                 const Chip &chip) {
  // A refusal is a sentence, which takes time; most are for want of memory.
  auto isValid = [&](const Schedule &s) {
    return sharedBytes(s) <= chip.sharedPerCta &&
           static_cast<bool>(validate(s, chip, problem));
  };
  if (chip.tcgen05)
    return tensorCandidates(isValid);
  Space space;
  for (size_t side : {0, 1})
    space.cross({16, 32, 64, 128, 256},
                [=](Schedule &s, int64_t rows) { s.tile[side] = rows; });
  for (size_t side : {0, 1})
    space.cross({1, 2, 4, 8},
                [=](Schedule &s, int64_t warps) { s.warps[side] = warps; });
  space.keepIf(fitsMultiplies);
  space.cross({64, 128, 256},
              [](Schedule &s, int64_t columns) { s.tile[2] = columns; });
  space.cross({Layout{"plain", false}, Layout{"multistage", false},
               Layout{"cooperative", false}, Layout{"cooperative", true},
               Layout{"pingpong", false}, Layout{"pingpong", true}},
              [](Schedule &s, const Layout &layout) {
                s.kind = layout.kind;
                s.byTma = layout.byTma;
                s.stages = s.kind == "plain" ? 1 : 2;
              });
  space.keepIf(isUsualIfPlain);
  space.keepIf(fitsRoles);
  space.keepIf(isValid);
  space.cross({1, 2, 3, 4, 6, 8},
              [](Schedule &s, int64_t stages) { s.stages = stages; });
  space.keepIf([&](const Schedule &s) {
    return (s.kind == "plain") == (s.stages == 1) && isValid(s);
  });
  space.cross({false, true},
              [](Schedule &s, bool swapped) { s.swapped = swapped; });
  space.keepIf(isSensible);
  space.cross({false, true},
              [](Schedule &s, bool byTma) { s.storesByTma = byTma; });
  space.keepIf(isSensible);
  space.keepIf(isValid);
  space.cross({1, 4}, [](Schedule &s, int64_t split) { s.split = split; });
  space.cross({1, 8}, [](Schedule &s, int64_t group) { s.group = group; });
  space.cross({false, true},
              [](Schedule &s, bool takesOver) { s.takesOver = takesOver; });
  space.keepIf(isSensible);
  space.keepIf(isValid);
  return space.all;
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
nybl::compiler::rank(const std::vector<Schedule> &schedules,
                     const GemmProblem &problem, int64_t m, const Chip &chip,
                     const Card &card) {
  if (chip.fp4MacsPerCycle == 0 || !card.carries(chip))
    return Status::refused(fmt::format("the rates of {} are not known here, so "
                                       "nothing can be estimated",
                                       chip.name));
  std::vector<Candidate> all;
  std::vector<Entry> order;
  for (const Schedule &schedule : schedules) {
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
