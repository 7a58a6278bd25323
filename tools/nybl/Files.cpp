// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writing what the user named, whatever interrupts; reading templates.

#include "tools/nybl/Files.h"
#include "runtime/Support/File.h"
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace nybl;
using namespace nybl::cli;

/// The temporary file that exists now, for the signal handler.
static char temporaryName[4096];
static volatile std::sig_atomic_t hasTemporary;

static void endBySignal(int signal) {
  if (hasTemporary)
    unlink(temporaryName);
  std::signal(signal, SIG_DFL);
  raise(signal); // comes when this handler returns
}

void nybl::cli::cleanUpOnSignals() {
  std::signal(SIGXFSZ, SIG_IGN);
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    struct sigaction action = {}, before = {};
    action.sa_handler = endBySignal;
    sigaction(signal, nullptr, &before);
    if (before.sa_handler != SIG_IGN) // as under nohup
      sigaction(signal, &action, nullptr);
  }
}

/// What the compiler takes at most.
static constexpr uint64_t largestTemplate = 1 << 20;

static Status writeDirectly(const std::string &path, std::string_view content) {
  std::FILE *file = std::fopen(path.c_str(), "wbe");
  bool good = file && std::fwrite(content.data(), 1, content.size(), file) ==
                          content.size();
  good = file && std::fclose(file) == 0 && good;
  return good ? Status::ok()
              : Status::environment(fmt::format("cannot write '{}': {}", path,
                                                std::strerror(errno)));
}

/// The end of a chain of links. Links into /dev and /proc are ends themselves:
/// what /dev/stdout leads to is open already, and must not be replaced.
static std::filesystem::path endOfLinks(std::filesystem::path path) {
  std::error_code error;
  for (int i = 0; i < 40; ++i) {
    std::string text = path.lexically_normal().string();
    auto target = std::filesystem::read_symlink(path, error);
    if (error || text.starts_with("/dev/") || text.starts_with("/proc/"))
      break;
    path = path.parent_path() / target; // an absolute target replaces all
  }
  return path;
}

static bool isReplaceable(const std::filesystem::path &path) {
  std::string text = path.lexically_normal().string();
  struct stat info;
  return !text.starts_with("/dev/") && !text.starts_with("/proc/") &&
         (stat(path.c_str(), &info) != 0 || S_ISREG(info.st_mode));
}

Status nybl::cli::writeOutput(const std::string &path,
                              std::string_view content) {
  std::filesystem::path end = endOfLinks(path);
  if (!isReplaceable(end))
    return writeDirectly(path, content);
  std::string temporary = temporaryBeside(end);
  if (temporary.size() < sizeof temporaryName) {
    temporary.copy(temporaryName, temporary.size());
    temporaryName[temporary.size()] = '\0';
    hasTemporary = 1;
  }
  Status status = writeFile(end, temporary, {content});
  hasTemporary = 0;
  return status;
}

bool nybl::cli::isSameFile(const std::string &a, const std::string &b) {
  std::error_code error;
  return std::filesystem::equivalent(a, b, error) && !error;
}

Expected<std::optional<std::string>>
nybl::cli::readTemplate(const std::string &path) {
  if (path.empty())
    return std::optional<std::string>();
  auto text = readFile(path, largestTemplate);
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
