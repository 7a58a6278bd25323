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

/// Whatever else goes to standard output must come after, not over it.
static bool isStandardOutput(const std::string &path) {
  struct stat named, standard;
  return stat(path.c_str(), &named) == 0 && fstat(1, &standard) == 0 &&
         named.st_dev == standard.st_dev && named.st_ino == standard.st_ino;
}

static Status writeDirectly(const std::string &path, std::string_view content) {
  if (isStandardOutput(path)) {
    bool good = std::fwrite(content.data(), 1, content.size(), stdout) ==
                    content.size() &&
                std::fflush(stdout) == 0;
    return good ? Status::ok()
                : Status::environment(fmt::format("cannot write '{}': {}", path,
                                                  std::strerror(errno)));
  }
  std::FILE *file = std::fopen(path.c_str(), "wbe");
  bool good = file && std::fwrite(content.data(), 1, content.size(), file) ==
                          content.size();
  good = file && std::fclose(file) == 0 && good;
  return good ? Status::ok()
              : Status::environment(fmt::format("cannot write '{}': {}", path,
                                                std::strerror(errno)));
}

/// Names of files that are open already, which must not be replaced.
static bool namesOpenFile(const std::filesystem::path &path) {
  std::string text = path.lexically_normal().string();
  return text.starts_with("/dev/std") || text.starts_with("/dev/fd/") ||
         text.starts_with("/proc/");
}

/// The end of a chain of links. Names of open files are ends themselves.
static std::filesystem::path endOfLinks(std::filesystem::path path) {
  std::error_code error;
  for (int i = 0; i < 40; ++i) {
    auto folder = std::filesystem::canonical(
        path.has_parent_path() ? path.parent_path() : ".", error);
    if (!error)
      path = folder / path.filename();
    auto target = std::filesystem::read_symlink(path, error);
    if (error || namesOpenFile(path))
      break;
    path = path.parent_path() / target; // an absolute target replaces all
  }
  return path;
}

static bool isReplaceable(const std::filesystem::path &path) {
  struct stat info;
  if (namesOpenFile(path))
    return false;
  return stat(path.c_str(), &info) == 0 ? S_ISREG(info.st_mode)
                                        : errno == ENOENT;
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

static Expected<std::optional<std::string>>
readText(const std::string &path, const char *option, const char *expected) {
  if (path.empty())
    return std::optional<std::string>();
  auto text = readFile(path, largestTemplate);
  if (!text)
    return text.status();
  if (text->empty() || text->find('\0') != text->npos)
    return Status::invalid(fmt::format(
        "{} '{}': expected {}, got {}", option, path, expected,
        text->empty() ? "an empty file" : "a file that is no text"));
  return std::optional<std::string>(std::move(*text));
}

Expected<std::optional<std::string>>
nybl::cli::readTemplate(const std::string &path) {
  return readText(path, "--template",
                  "a kernel in the Tile dialect (docs/templates.md)");
}

Expected<std::optional<std::string>>
nybl::cli::readKernelText(const std::string &path) {
  return readText(path, "--cta",
                  "a cta.kernel, as `nybl compile --emit cta` gives it");
}

std::string nybl::cli::expectFileName(const std::string &path) {
  return path.empty() ? "expected the name of a file, got an empty one" : "";
}
