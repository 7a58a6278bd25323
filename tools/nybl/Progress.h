// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A bar on the terminal for what takes longer than two seconds.
#ifndef NYBL_TOOLS_NYBL_PROGRESS_H
#define NYBL_TOOLS_NYBL_PROGRESS_H

#include <chrono>
#include <cstddef>
#include <string>

namespace nybl::cli {

/// Draws on standard error, if that is a terminal, and takes away what it drew.
class Progress {
public:
  /// `what`: plural, as "kernels".
  Progress(const char *what, size_t total);
  ~Progress();
  Progress(const Progress &) = delete;
  Progress &operator=(const Progress &) = delete;

  /// Called a few times a second.
  void show(size_t done);

private:
  using Clock = std::chrono::steady_clock;

  const char *what;
  size_t total;
  bool terminal, drawn = false;
  Clock::time_point start = Clock::now();
};

/// "[########............] 2 of 5 kernels, 3 s left": what is drawn after that
/// many seconds.
std::string progressLine(const char *what, size_t done, size_t total,
                         double seconds);

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_PROGRESS_H
