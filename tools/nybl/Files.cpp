// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writing what the user named, whatever interrupts; reading templates.

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

Expected<std::optional<std::string>>
nybl::cli::readTemplate(const std::string &path) {
  if (path.empty())
    return std::optional<std::string>();
  auto text = readFile(path);
  if (!text)
    return text.status();
  if (text->empty() || text->find('\0') != text->npos)
    return Status::invalid(fmt::format(
        "--template '{}': expected a kernel in the Tile dialect "
        "(docs/templates.md), got {}",
        path, text->empty() ? "an empty file" : "a file that is no text"));
  return std::optional<std::string>(std::move(*text));
}

std::string nybl::cli::expectFileName(const std::string &path) {
  return path.empty() ? "expected the name of a file, got an empty one" : "";
}
