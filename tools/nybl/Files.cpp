// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writing what the user named, whatever interrupts.

#include "tools/nybl/Files.h"
#include "runtime/Support/File.h"
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fmt/format.h>
#include <sys/stat.h>

using namespace nybl;
using namespace nybl::cli;

SignalHold::SignalHold() {
  sigset_t held;
  sigemptyset(&held);
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT})
    sigaddset(&held, signal);
  pthread_sigmask(SIG_BLOCK, &held, &before);
}

SignalHold::~SignalHold() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }

static Status writeDirectly(const std::string &path, std::string_view content) {
  std::FILE *file = std::fopen(path.c_str(), "wbe");
  bool good = file && std::fwrite(content.data(), 1, content.size(), file) ==
                          content.size();
  good = file && std::fclose(file) == 0 && good;
  return good ? Status::ok()
              : Status::environment(fmt::format("cannot write '{}': {}", path,
                                                std::strerror(errno)));
}

Status nybl::cli::writeOutput(const std::string &path,
                              std::string_view content) {
  struct stat info;
  if (stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
    return writeDirectly(path, content);
  SignalHold hold;
  return writeFile(path, {content});
}
