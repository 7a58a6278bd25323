// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One candidate after the other, while others are being compiled.

#include "tools/nybl/Tuner.h"
#include "tools/nybl/Ahead.h"
#include "tools/nybl/Progress.h"
#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

using namespace nybl;
using namespace nybl::cli;
using Json = nlohmann::json;

namespace {

constexpr int runsTimed = 30;
/// Sets of operands that take turns, so that no launch finds its own in L2.
constexpr uint64_t sets = 3;

/// A tile and a tail of each candidate where that is cheap: the naive kernel
/// does M * N * K multiplications, and keeps 16 bytes an element.
int64_t rowsChecked(const GemmProblem &problem, int64_t m, bool isEmulated) {
  int64_t most = isEmulated ? (int64_t(1) << 22) / (problem.n * problem.k)
                            : (int64_t(1) << 25) / problem.n;
  return std::min(m, std::max<int64_t>(most, isEmulated ? 3 : 300));
}

Expected<Json> candidatesOf(const library::Provider &provider,
                            const GemmProblem &problem, int64_t m,
                            const std::string &chip, const std::string &card) {
  std::string line = print(specialise(problem));
  NyblCandidatesRequest request = {};
  request.problem = line.c_str();
  request.chip = chip.c_str();
  request.card = orNull(card);
  request.m = m;
  auto text = provider.candidates(request);
  if (!text)
    return text.status();
  Json json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("candidates") ||
      !json["candidates"].is_array())
    return Status::environment(
        fmt::format("expected a list of candidates from the compiler '{}', got "
                    "something else",
                    provider.path()));
  return json["candidates"];
}

int64_t nanosecondsOf(const Json &candidate) {
  auto found = candidate.find("estimate_us");
  if (found == candidate.end() || !found->is_number())
    return 1;
  return std::max<int64_t>(1, std::llround(found->get<double>() * 1000));
}

std::string scheduleOf(const Json &candidate) {
  auto found = candidate.find("schedule");
  return found != candidate.end() && found->is_string()
             ? found->get<std::string>()
             : "";
}

} // namespace

/// The best at each M by turns, and what the library takes without a tune file.
Status Tuner::listCandidates(const TuneProblem &problem, size_t index) {
  std::string line = print(specialise(problem.problem));
  std::vector<Json> lists;
  for (int64_t m : problem.rows) {
    auto list = candidatesOf(provider, problem.problem, m, bench.gpu().chip(),
                             options.card);
    if (!list)
      return list.status();
    for (const Json &one : *list)
      estimates[{line, m, scheduleOf(one)}] = nanosecondsOf(one);
    lists.push_back(std::move(*list));
  }
  std::vector<std::string> schedules = {""}; // the library's choice
  for (size_t place = 0; schedules.size() <= options.most; ++place) {
    bool any = false;
    for (const Json &list : lists) {
      if (place >= list.size() || schedules.size() > options.most)
        continue;
      any = true;
      std::string schedule = scheduleOf(list[place]);
      if (std::find(schedules.begin(), schedules.end(), schedule) ==
          schedules.end())
        schedules.push_back(schedule);
    }
    if (!any)
      break;
  }
  for (std::string &schedule : schedules)
    all.push_back({index, std::move(schedule), Outcome::Open, ""});
  return Status::ok();
}

/// Operands and reference of the problem.
Status Tuner::setUp(const TuneProblem &problem) {
  checked.reset();
  reference.reset();
  timed.clear();
  int64_t m =
      rowsChecked(problem.problem,
                  *std::max_element(problem.rows.begin(), problem.rows.end()),
                  bench.isEmulated());
  Product product = Product::make(problem.problem, m, /*seed=*/1);
  auto made = referenceOnDevice(bench, product, nvrtc ? &*nvrtc : nullptr);
  if (!made)
    return made.status();
  reference = std::move(*made);
  auto uploaded = bench.upload(product, /*padded=*/true);
  if (!uploaded)
    return uploaded.status();
  checked = std::move(*uploaded);
  if (bench.isEmulated() || watch)
    return Status::ok();
  auto stopwatch = Stopwatch::make(bench.device());
  if (!stopwatch)
    return stopwatch.status();
  watch.emplace(std::move(*stopwatch));
  return Status::ok();
}

tune::Record Tuner::identify(const GemmProblem &problem, int64_t m,
                             const PreparedPlan &plan) const {
  tune::Record r;
  r.problem = print(specialise(problem));
  r.m = m;
  r.gpu = {bench.gpu().name(), bench.gpu().chip(),
           bench.gpu().multiprocessors()};
  r.driver = bench.gpu().driver().version();
  r.policy = bench.isEmulated() ? estimatePolicy : Stopwatch::policy;
  r.schedule = plan.manifest.schedule;
  r.kernel = plan.manifest.key;
  return r;
}

Expected<Timing> Tuner::time(const GemmProblem &problem, int64_t m,
                             const face::Plan &plan) {
  std::vector<DeviceProduct> &operands = timed[m];
  for (uint64_t seed = operands.size(); seed < sets; ++seed) {
    auto one = bench.upload(Product::make(problem, m, seed), /*padded=*/false);
    if (!one && operands.empty())
      return one.status();
    if (!one)
      break; // fewer sets, where memory is short
    operands.push_back(std::move(*one));
  }
  return watch->time(runsTimed, [&](const driver::Stream &stream, int run) {
    return bench.launch(
        plan, operands[static_cast<size_t>(run) % operands.size()], stream);
  });
}

/// The time of an identified record, which is 0 where nothing is known.
Status Tuner::fillIn(tune::Record &record, const PreparedPlan &plan) {
  record.checked = reference->name();
  if (bench.isEmulated()) {
    auto found = estimates.find({record.problem, record.m, record.schedule});
    record.nanoseconds = found == estimates.end() ? 0 : found->second;
    return Status::ok();
  }
  auto timing = time(*parseProblem(record.problem), record.m, plan.plan);
  if (!timing)
    return timing.status();
  record.nanoseconds = timing->median;
  record.spread = timing->spread;
  record.runs = timing->runs;
  return Status::ok();
}

/// Its output first, then its times. What the device does not survive ends the
/// tuning.
Status Tuner::examine(Trial &trial, const TuneProblem &problem,
                      const PreparedPlan &plan) {
  if (std::string own = print(specialise(problem.problem));
      plan.manifest.problem != own) {
    trial.outcome = Outcome::Refused;
    trial.reason = fmt::format("expected a kernel for '{}', got one for '{}'",
                               own, plan.manifest.problem);
    return Status::ok();
  }
  std::vector<tune::Record> open;
  for (int64_t m : problem.rows)
    if (tune::Record r = identify(problem.problem, m, plan); !journal.find(r))
      open.push_back(std::move(r));
  trial.outcome = open.empty() ? Outcome::Known : Outcome::Recorded;
  if (open.empty())
    return Status::ok();
  auto d = bench.run(plan.plan, *checked);
  if (!d) // the device's context may be of no more use
    return Status::error(d.status().code(),
                         fmt::format("'{}' for '{}': {}", trial.schedule,
                                     print(problem.problem), d.message()));
  Status right = reference->check(*d);
  if (!right) {
    trial.outcome = Outcome::Wrong;
    trial.reason = right.message();
    return Status::ok();
  }
  for (tune::Record &r : open) {
    if (Status status = fillIn(r, plan); !status)
      return status;
    if (r.nanoseconds == 0)
      continue;
    if (Status status = journal.append(r); !status)
      return status;
  }
  return Status::ok();
}

Status Tuner::run(const std::vector<TuneProblem> &problems) {
  auto start = Clock::now();
  for (size_t i = 0; i < problems.size(); ++i)
    if (Status status = listCandidates(problems[i], i); !status)
      return status;
  std::vector<Ahead::Wanted> wanted;
  for (const Trial &trial : all)
    wanted.push_back(
        {print(specialise(problems[trial.problem].problem)), trial.schedule});
  Ahead ahead(bench, std::move(wanted), options.jobs);
  Progress progress("candidates", all.size());
  std::optional<size_t> atHand;
  for (size_t i = 0; i < all.size(); ++i) {
    Trial &trial = all[i];
    const TuneProblem &problem = problems[trial.problem];
    // Each problem has its share of the budget, and what others left.
    auto until = start + std::chrono::duration_cast<Clock::duration>(
                             std::chrono::duration<double>(
                                 options.budget * double(trial.problem + 1) /
                                 double(problems.size())));
    progress.show(i);
    auto plan = ahead.take(i, until);
    if (!plan)
      continue;
    if (!*plan) {
      trial.outcome = Outcome::Refused;
      trial.reason = plan->message();
      continue;
    }
    trial.schedule = (*plan)->manifest.schedule;
    if (Clock::now() >= until)
      continue;
    if (atHand != trial.problem)
      if (Status status = setUp(problem); !status)
        return status;
    atHand = trial.problem;
    if (Status status = examine(trial, problem, **plan); !status)
      return status;
  }
  return Status::ok();
}
