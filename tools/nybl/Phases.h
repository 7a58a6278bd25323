// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where the time went: phases from the compiler and of the command itself.
#ifndef NYBL_TOOLS_NYBL_PHASES_H
#define NYBL_TOOLS_NYBL_PHASES_H

#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace nybl::cli {

class Phases {
public:
  /// Adds what a KernelProvider or nybl_plan_info gives.
  void addJson(const std::string &json);
  void add(std::string phase, double milliseconds) {
    list.emplace_back(std::move(phase), milliseconds);
  }
  /// Adds the time since the last call of mark or restart.
  void mark(std::string phase);
  void restart() { last = Clock::now(); }

  /// A table, or {"phases": [...], "total_ms": t, "problem": line}.
  void print(FILE *to, bool json, const std::string &problem) const;

private:
  using Clock = std::chrono::steady_clock;
  std::vector<std::pair<std::string, double>> list;
  Clock::time_point last = Clock::now();
};

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_PHASES_H
