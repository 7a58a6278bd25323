// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Estimates of a problem's schedules, as JSON.

#include "compiler/Driver/Compiler.h"
#include "compiler/Legality/Slice.h"
#include "compiler/Select/Candidates.h"
#include "compiler/Select/Movement.h"
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
constexpr const char *figures = "estimates: counted, never measured";
/// No launch has more.
constexpr int64_t mostRows = rowsMax;

/// The values of M to speak of.
Expected<std::vector<int64_t>> rowsOf(const AnyProblem &problem,
                                      const std::optional<int64_t> &m) {
  const Extent &range =
      std::visit([](const auto &p) -> const Extent & { return p.m; }, problem);
  if (m && (*m > mostRows || !range.contains(*m)))
    return Status::invalid(
        fmt::format("expected a number of rows that '{}' allows, at most {}, "
                    "got {}",
                    print(problem), mostRows, *m));
  if (m)
    return std::vector<int64_t>{*m};
  std::vector<int64_t> rows;
  for (int64_t some : someRows)
    if (range.contains(some))
      rows.push_back(some);
  if (rows.empty()) // a narrow range, or one number
    rows.push_back(std::min(range.low, mostRows));
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
  if (problem.isGeneric()) // nothing is known of what a launch would cost
    return Json::array();
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
template <typename Problem>
Expected<Schedule> scheduleOf(const Problem &problem, const Chip &chip,
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

/// What is known of a problem before anything is estimated.
struct Subject {
  const Chip &chip;
  const Selection &selection;
  const Schedule &schedule;
  const ExplainOptions &options;
};

Expected<Json> explainOperation(const GemmProblem &problem,
                                const Subject &subject) {
  const Chip &chip = subject.chip;
  Json card = nullptr;
  auto launches =
      explainLaunches(problem, chip, subject.schedule, subject.options, card);
  if (!launches)
    return launches;
  return Json{
      {"problem", print(problem)},
      {"chip", chip.name},
      {"card", card},
      {"figures", figures},
      {"selection", describeSelection(specialise(problem), subject.selection)},
      {"forced", !subject.options.schedule.empty()},
      {"tensor_memory", describeTensorMemory(subject.schedule, chip)},
      {"launches", *launches}};
}

/// The cards to speak of: one that was asked for, else all of the chip; none
/// where none is known.
Expected<std::vector<const Card *>> cardsOf(const Chip &chip,
                                            const std::string &name) {
  if (!name.empty()) {
    auto card = findCard(name, chip);
    if (!card)
      return card.status();
    return std::vector<const Card *>{*card};
  }
  std::vector<const Card *> all;
  for (const Card &card : cards())
    if (card.carries(chip))
      all.push_back(&card);
  return all;
}

Json describeMovement(int64_t m, const Movement &moved,
                      const std::vector<const Card *> &on) {
  Json estimates = Json::array();
  for (const Card *card : on) {
    MovementTime time = timeOf(moved, *card);
    estimates.push_back({{"name", card->name},
                         {"memory_mb_per_second", card->memoryMBPerSecond},
                         {"estimate_us", time.seconds * 1e6},
                         {"bound", name(time.bound)}});
  }
  return {{"m", m},
          {"tiles", moved.tiles},
          {"read_bytes", moved.readBytes},
          {"written_bytes", moved.writtenBytes},
          {"instructions_per_tile", moved.instructionsPerTile},
          {"cards", estimates}};
}

Json describeTile(const Schedule &s) {
  int64_t blocks = s.tile[0] * s.tile[1] / kBlock, threads = s.threads();
  return {{"rows", s.tile[0]},
          {"columns", s.tile[1]},
          {"threads", threads},
          {"blocks_per_thread", (blocks + threads - 1) / threads}};
}

/// Of what quantises, or undoes it.
template <typename Problem>
Expected<Json> explainOperation(const Problem &problem,
                                const Subject &subject) {
  auto rows = rowsOf(problem, subject.options.m);
  if (!rows)
    return rows.status();
  auto on = cardsOf(subject.chip, subject.options.card);
  if (!on)
    return on.status();
  Json launches = Json::array();
  for (int64_t m : *rows) // nothing is launched for 0 rows
    launches.push_back(
        m == 0 ? Json{{"m", 0}}
               : describeMovement(m, movementOf(problem, m, subject.schedule),
                                  *on));
  return Json{{"problem", print(problem)},
              {"chip", subject.chip.name},
              {"figures", figures},
              {"selection",
               {{"class", print(specialise(problem))},
                {"schedule", print(subject.selection.schedule)},
                {"why", subject.selection.why}}},
              {"forced", !subject.options.schedule.empty()},
              {"tile", describeTile(subject.schedule)},
              {"launches", launches}};
}

template <typename Problem>
Expected<std::string> explainProblem(const Problem &problem, const Chip &chip,
                                     const ExplainOptions &options) {
  Problem problemClass = specialise(problem);
  Expected<Selection> selection = select(problemClass, chip);
  if (!selection)
    return selection.status();
  Expected<Schedule> schedule =
      scheduleOf(problemClass, chip, *selection, options.schedule);
  if (!schedule)
    return schedule.status();
  auto json = explainOperation(problem, {chip, *selection, *schedule, options});
  if (!json)
    return json.status();
  return json->dump();
}

} // namespace

Expected<std::string> nybl::compiler::explain(std::string_view problemLine,
                                              std::string_view chipName,
                                              const ExplainOptions &options) {
  Expected<AnyProblem> problem = parseAnyProblem(problemLine);
  if (!problem)
    return problem.status();
  auto *gemm = std::get_if<GemmProblem>(&*problem);
  if (gemm && gemm->n == 0)
    return Status::invalid("a problem with n=0 needs no kernel");
  Expected<const Chip *> chip = findChip(chipName);
  if (!chip)
    return chip.status();
  return std::visit(
      [&](const auto &p) { return explainProblem(p, **chip, options); },
      *problem);
}
