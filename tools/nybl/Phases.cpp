// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where the time went.

#include "tools/nybl/Phases.h"
#include <fmt/format.h>
#include <nlohmann/json.hpp>

using namespace nybl::cli;
using Json = nlohmann::json;

void Phases::addJson(const std::string &text) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_array())
    return;
  for (const Json &entry : json)
    if (entry.is_object() && entry.contains("phase") &&
        entry["phase"].is_string() && entry.contains("ms") &&
        entry["ms"].is_number())
      add(entry["phase"].get<std::string>(), entry["ms"].get<double>());
}

void Phases::mark(std::string phase) {
  Clock::time_point now = Clock::now();
  add(std::move(phase),
      std::chrono::duration<double, std::milli>(now - last).count());
  last = now;
}

void Phases::print(FILE *to, bool json, const std::string &problem) const {
  double total = 0;
  for (const auto &[phase, ms] : list)
    total += ms;
  if (!json) {
    for (const auto &[phase, ms] : list)
      std::fprintf(to, "%-24s%10.3f ms\n", phase.c_str(), ms);
    std::fprintf(to, "%-24s%10.3f ms\n", "total", total);
    return;
  }
  Json out = {
      {"problem", problem}, {"total_ms", total}, {"phases", Json::array()}};
  for (const auto &[phase, ms] : list)
    out["phases"].push_back({{"phase", phase}, {"ms", ms}});
  std::fprintf(to, "%s\n",
               out.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}
