// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A bar on the terminal.

#include "tools/nybl/Progress.h"
#include <cstdio>
#include <fmt/format.h>
#include <unistd.h>

using namespace nybl::cli;

Progress::Progress(const char *what, size_t total)
    : what(what), total(total), terminal(isatty(STDERR_FILENO)) {}

Progress::~Progress() {
  if (drawn)
    std::fputs("\r\x1b[K", stderr);
}

std::string nybl::cli::progressLine(const char *what, size_t done, size_t total,
                                    double seconds) {
  constexpr size_t width = 20;
  size_t full = total ? width * done / total : width;
  std::string left =
      done ? fmt::format(", {:.0f} s left",
                         seconds / double(done) * double(total - done))
           : "";
  return fmt::format("[{}{}] {} of {} {}{}", std::string(full, '#'),
                     std::string(width - full, '.'), done, total, what, left);
}

void Progress::show(size_t done) {
  std::chrono::duration<double> taken = Clock::now() - start;
  if (!terminal || taken.count() < 2)
    return;
  std::fprintf(stderr, "\r%s\x1b[K",
               progressLine(what, done, total, taken.count()).c_str());
  drawn = true;
}
