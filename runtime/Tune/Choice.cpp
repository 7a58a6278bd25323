// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The least product of relative times.

#include "runtime/Tune/Choice.h"
#include <fmt/format.h>
#include <map>
#include <tuple>

using namespace nybl;
using namespace nybl::tune;

namespace {

/// Records whose times may be compared; the greatest is the one to use.
using Series = std::tuple<bool, int64_t, std::string>; // measured, driver,
                                                       // policy

Series seriesOf(const Record &r) {
  return {!r.isEstimate(), r.driver, r.policy};
}

/// Schedule and kernel -> M -> nanoseconds.
using Times =
    std::map<std::pair<std::string, std::string>, std::map<int64_t, int64_t>>;

Times timesOf(const std::vector<const Record *> &records,
              const Series &series) {
  Times times;
  for (const Record *r : records) {
    if (seriesOf(*r) != series)
      continue;
    auto &rows = times[{r->schedule, r->kernel}];
    auto [at, isNew] = rows.emplace(r->m, r->nanoseconds);
    at->second = std::min(at->second, r->nanoseconds);
  }
  return times;
}

/// No floating-point function is in it, so it is the same on any machine.
double slowness(const std::map<int64_t, int64_t> &rows,
                const std::map<int64_t, int64_t> &best) {
  double product = 1;
  for (auto [m, time] : rows)
    product *= double(time) / double(best.at(m));
  return product;
}

std::string describe(const Series &series,
                     const std::map<int64_t, int64_t> &rows) {
  std::string text = std::get<0>(series) ? "measured" : "estimated";
  for (auto [m, time] : rows)
    text += fmt::format(", {:.3f} us at M = {}", double(time) / 1000, m);
  return text;
}

} // namespace

std::optional<Choice> tune::choose(const std::vector<Record> &all,
                                   const GemmProblem &problem, const Gpu &gpu) {
  std::vector<Record> records = latest(all);
  std::string wanted = print(specialise(problem));
  std::vector<const Record *> fitting;
  std::optional<Series> series;
  for (const Record &r : records)
    if (r.problem == wanted && r.gpu == gpu && problem.m.contains(r.m)) {
      fitting.push_back(&r);
      series = series ? std::max(*series, seriesOf(r)) : seriesOf(r);
    }
  if (fitting.empty())
    return std::nullopt;
  Times times = timesOf(fitting, *series);
  std::map<int64_t, int64_t> best;
  size_t most = 0;
  for (const auto &[name, rows] : times) {
    most = std::max(most, rows.size());
    for (auto [m, time] : rows) {
      auto [at, isNew] = best.emplace(m, time);
      at->second = std::min(at->second, time);
    }
  }
  const Times::value_type *chosen = nullptr;
  double least = 0;
  for (const auto &one : times) {
    if (one.second.size() != most)
      continue;
    double slow = slowness(one.second, best);
    if (!chosen || slow < least) {
      chosen = &one;
      least = slow;
    }
  }
  return Choice{chosen->first.first, chosen->first.second,
                describe(*series, chosen->second)};
}
