// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels compiled by threads of their own, in the order in which somebody will
// want them.
#ifndef NYBL_TOOLS_NYBL_AHEAD_H
#define NYBL_TOOLS_NYBL_AHEAD_H

#include "tools/nybl/Workbench.h"
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

namespace nybl::cli {

class Ahead {
public:
  struct Wanted {
    std::string problem, schedule;
  };

  /// `jobs` 0: one a core.
  Ahead(const Workbench &bench, std::vector<Wanted> wanted, unsigned jobs);
  /// Waits for what is being compiled, and begins nothing more.
  ~Ahead();
  Ahead(const Ahead &) = delete;
  Ahead &operator=(const Ahead &) = delete;

  /// Waits for number i, which can be taken once; none where it is not there by
  /// `until`.
  std::optional<Expected<PreparedPlan>>
  take(size_t i, std::chrono::steady_clock::time_point until);

private:
  void loop();

  const Workbench &bench;
  std::vector<Wanted> wanted;
  std::vector<std::optional<Expected<PreparedPlan>>> made;
  std::mutex mutex; ///< of `made` and the two below
  std::condition_variable changed;
  size_t next = 0;
  bool stopped = false;
  std::vector<std::thread> threads;
};

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_AHEAD_H
