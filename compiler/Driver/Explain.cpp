// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Estimates of a problem's schedules, as JSON.

#include "compiler/Driver/Compiler.h"
#include "compiler/Select/Candidates.h"
#include "compiler/Select/Select.h"
#include "compiler/Select/TensorMemory.h"
#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

using namespace nybl;
using namespace nybl::compiler;
using Json = nlohmann::ordered_json;

namespace {

/// Shown for a free M.
constexpr int64_t someRows[] = {1, 16, 128, 1024, 8192};
/// Beside the chosen schedule.
constexpr size_t shown = 4;
/// Of the short list that it was chosen from, itself among them.
constexpr size_t listed = 5;
/// No launch has more; and the arithmetic stays exact.
constexpr int64_t mostRows = int64_t(1) << 31;

/// The values of M to speak of.
Expected<std::vector<int64_t>> rowsOf(const GemmProblem &problem,
                                      const std::optional<int64_t> &m) {
  if (m && (*m > mostRows || !problem.m.contains(*m)))
    return Status::invalid(
        fmt::format("expected a number of rows that '{}' allows, at most {}, "
                    "got {}",
                    print(problem), mostRows, *m));
  if (m)
    return std::vector<int64_t>{*m};
  std::vector<int64_t> rows;
  for (int64_t some : someRows)
    if (problem.m.contains(some))
      rows.push_back(some);
  if (rows.empty()) // a narrow range, or one number
    rows.push_back(std::min(problem.m.low, mostRows));
  return rows;
}

Json describeEstimate(const GemmProblem &problem, int64_t m, const Chip &chip,
                      const Card &card, const Candidate &candidate) {
  const Estimate &e = candidate.estimate;
  double flops = flopsPerSecond(problem, m, e);
  Json resources = Json::array();
  for (size_t i = 0; i < resourceCount; ++i)
    resources.push_back(
        {{"name", name(static_cast<Resource>(i))}, {"us", e.seconds[i] * 1e6}});
  return {{"schedule", print(candidate.schedule)},
          {"estimate_us", e.time() * 1e6},
          {"tflops", flops / 1e12},
          {"of_peak", flops / peakFlops(chip, card)},
          {"bound", name(e.bound)},
          {"resources", resources},
          {"tensor_cycles", e.tensorCycles},
          {"issue_cycles", e.issueCycles},
          {"shared_wavefronts", e.sharedWavefronts},
          {"l2_bytes", e.l2Bytes},
          {"memory_bytes", e.memoryBytes},
          {"tiles", e.tiles},
          {"ctas_at_a_time", e.ctasAtATime},
          {"waves", e.waves},
          {"last_wave_fill", e.lastWaveFill},
          {"multiprocessors_busy", e.multiprocessorsBusy},
          {"bytes_in_flight", e.bytesInFlight}};
}

/// What the problem would get if its line named this M.
Expected<Json> namingRows(GemmProblem problem, int64_t m, const Chip &chip) {
  problem.m = Extent::fixed(m);
  Expected<Selection> selection = select(specialise(problem), chip);
  if (!selection)
    return selection.status();
  return Json(print(selection->schedule));
}

Expected<Json> explainLaunch(const GemmProblem &problem, int64_t m,
                             const Chip &chip, const Card &card,
                             const Schedule &chosen) {
  if (m == 0)
    return Json{{"m", 0}}; // nothing is launched
  auto ranked = rank(candidates(problem, chip), problem, m, chip, card);
  if (!ranked)
    return ranked.status();
  auto place =
      std::ranges::find(*ranked, chosen, [](const Candidate &candidate) {
        return candidate.schedule;
      });
  Json best = Json::array();
  for (size_t i = 0; i < std::min(shown, ranked->size()); ++i)
    best.push_back(describeEstimate(problem, m, chip, card, (*ranked)[i]));
  Candidate own{chosen,
                estimate(problem, m, describe(chosen, chip), chip, card)};
  Expected<Json> naming = namingRows(problem, m, chip);
  if (!naming)
    return naming;
  return Json{{"m", m},
              {"chosen", describeEstimate(problem, m, chip, card, own)},
              {"if_m_is_named", *naming},
              {"place", place == ranked->end()
                            ? Json(nullptr)
                            : Json(place - ranked->begin() + 1)},
              {"candidates", ranked->size()},
              {"best", best}};
}

Json describeCard(const Chip &chip, const Card &card) {
  return {{"name", card.name},
          {"multiprocessors", card.multiprocessors},
          {"clock_mhz", card.clockMHz},
          {"l2_bytes", card.l2Bytes},
          {"l2_bytes_per_cycle", card.l2BytesPerCycle},
          {"memory_mb_per_second", card.memoryMBPerSecond},
          {"peak_tflops", peakFlops(chip, card) / 1e12}};
}

/// Which columns hold what; nothing where a schedule has none.
Json describeTensorMemory(const Schedule &schedule, const Chip &chip) {
  auto plan = planTensorMemory(schedule, chip.tensorColumns);
  if (!schedule.inTensorMemory() || !plan)
    return Json::object();
  Json map = Json::array();
  for (const TensorColumns &columns : plan->map)
    map.push_back({{"holds", columns.holds},
                   {"first", columns.first},
                   {"columns", columns.columns},
                   {"stages", columns.stages}});
  return {{"columns", plan->allocated}, {"used", plan->used}, {"map", map}};
}

/// Estimates on a card; none where no card is known, unless one was asked for.
Expected<Json> explainLaunches(const GemmProblem &problem, const Chip &chip,
                               const Schedule &schedule,
                               const ExplainOptions &options, Json &cardText) {
  auto rows = rowsOf(problem, options.m);
  if (!rows)
    return rows.status();
  Expected<const Card *> card = findCard(options.card, chip);
  if (!card && card.status().code() == ErrorCode::Refused &&
      options.card.empty())
    return Json::array();
  if (!card)
    return card.status();
  cardText = describeCard(chip, **card);
  Json launches = Json::array();
  for (int64_t m : *rows) {
    auto launch = explainLaunch(problem, m, chip, **card, schedule);
    if (!launch)
      return launch.status();
    launches.push_back(*launch);
  }
  return launches;
}

/// What compile() takes of itself, why, and what it was chosen from, the best
/// first.
Json describeSelection(const GemmProblem &problemClass,
                       const Selection &selection) {
  Json shortlist = Json::array();
  for (const Candidate &candidate : selection.shortlist)
    if (shortlist.size() < listed)
      shortlist.push_back({{"schedule", print(candidate.schedule)},
                           {"estimate_us", candidate.estimate.time() * 1e6},
                           {"bound", name(candidate.estimate.bound)}});
  return {{"class", print(problemClass)},
          {"schedule", print(selection.schedule)},
          {"why", selection.why},
          {"rows", rowsToChooseFor(problemClass)},
          {"shortlist", shortlist}};
}

/// The schedule to speak of, as compile() would take it.
Expected<Schedule> scheduleOf(const GemmProblem &problem, const Chip &chip,
                              const Selection &selection,
                              const std::string &text) {
  if (text.empty())
    return selection.schedule;
  Expected<Schedule> schedule = parseSchedule(text);
  if (!schedule)
    return schedule;
  if (Status status = validate(*schedule, chip, problem); !status)
    return status;
  return schedule;
}

} // namespace

Expected<std::string> nybl::compiler::explain(std::string_view problemLine,
                                              std::string_view chipName,
                                              const ExplainOptions &options) {
  Expected<GemmProblem> problem = parseProblem(problemLine);
  if (!problem)
    return problem.status();
  if (problem->n == 0)
    return Status::invalid("a problem with n=0 needs no kernel");
  Expected<const Chip *> chip = findChip(chipName);
  if (!chip)
    return chip.status();
  GemmProblem problemClass = specialise(*problem);
  Expected<Selection> selection = select(problemClass, **chip);
  if (!selection)
    return selection.status();
  Expected<Schedule> schedule =
      scheduleOf(problemClass, **chip, *selection, options.schedule);
  if (!schedule)
    return schedule.status();
  Json card = nullptr;
  auto launches = explainLaunches(*problem, **chip, *schedule, options, card);
  if (!launches)
    return launches.status();
  Json json = {{"problem", print(*problem)},
               {"chip", (*chip)->name},
               {"card", card},
               {"figures", "estimates: counted, never measured"},
               {"selection", describeSelection(problemClass, *selection)},
               {"forced", !options.schedule.empty()},
               {"tensor_memory", describeTensorMemory(*schedule, **chip)},
               {"launches", *launches}};
  return json.dump();
}
