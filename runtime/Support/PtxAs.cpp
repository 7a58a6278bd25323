// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Looks for ptxas, and asks it for its version.

#include "runtime/Support/PtxAs.h"
#include "runtime/Support/Environment.h"
#include "runtime/Support/Spawn.h"
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <map>
#include <mutex>
#include <optional>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <tuple>
#include <unistd.h>
#include <vector>

using namespace nybl;

namespace {

constexpr std::string_view versionCharacters = "0123456789.";

void addFromPath(std::vector<std::string> &paths) {
  std::string path = environmentVariable("PATH");
  for (size_t begin = 0; begin < path.size();) {
    size_t end = std::min(path.find(':', begin), path.size());
    // An absolute path only: the current folder is nobody's to trust.
    if (path[begin] == '/')
      paths.push_back(path.substr(begin, end - begin) + "/ptxas");
    begin = end + 1;
  }
}

std::string parentOf(const std::string &path) {
  size_t slash = path.rfind('/');
  return slash == path.npos ? "" : path.substr(0, slash);
}

std::vector<std::string> candidates(const std::string &named,
                                    const std::string &compiler) {
  if (!named.empty())
    return {named};
  std::vector<std::string> paths;
  if (std::string home = environmentVariable("CUDA_HOME"); !home.empty())
    paths.push_back(home + "/bin/ptxas");
  if (std::string folder = parentOf(compiler); !folder.empty())
    paths.push_back(folder + "/../cuda/bin/ptxas");
  paths.push_back("/usr/local/cuda/bin/ptxas");
  addFromPath(paths);
  return paths;
}

using std::chrono::steady_clock;

/// Whether there is something to read, or an end, before `until`.
bool isReadable(int file, steady_clock::time_point until) {
  for (;;) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(
        until - steady_clock::now());
    pollfd entry = {file, POLLIN, 0};
    int ready =
        poll(&entry, 1, static_cast<int>(std::max<int64_t>(left.count(), 0)));
    if (ready >= 0 || errno != EINTR)
      return ready > 0;
  }
}

/// What comes from `file`, at most 64 KiB; none if it does not end in time.
std::optional<std::string> textFrom(int file, steady_clock::time_point until) {
  std::string text;
  char buffer[4096];
  while (text.size() < 65536) {
    if (!isReadable(file, until))
      return std::nullopt;
    ssize_t got = read(file, buffer, sizeof buffer);
    if (got > 0)
      text.append(buffer, static_cast<size_t>(got));
    else if (got == 0 || errno != EINTR)
      break;
  }
  return text;
}

/// What `path --version` prints; empty if it does not run, or takes too long.
std::string versionText(const std::string &path, std::chrono::seconds limit) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return "";
  Descriptor from(ends[0]), to(ends[1]);
  Program program = {path, {"--version"}, {}};
  program.output = *to;
  program.hasOwnSession = false; // who ends the compiler ends this too
  auto process = spawnUnnoticed(program);
  to.reset();
  if (!process)
    return "";
  auto until = steady_clock::now() + limit;
  std::string text = textFrom(*from, until).value_or("");
  from.reset();
  // It may be at work though it has closed its output.
  if (process->isOpen() && !isReadable(**process, until))
    syscall(SYS_pidfd_send_signal, **process, SIGKILL, nullptr, 0);
  reapIfOurs(*process);
  return text;
}

/// Device, inode, bytes and time of change: others once it is replaced.
using FileIdentity = std::tuple<dev_t, ino_t, off_t, time_t, long>;

std::optional<FileIdentity> identityOf(const std::string &path) {
  struct stat file;
  if (stat(path.c_str(), &file) != 0)
    return std::nullopt;
  return FileIdentity(file.st_dev, file.st_ino, file.st_size,
                      file.st_mtim.tv_sec, file.st_mtim.tv_nsec);
}

/// The version of a program that is there; not asked again once it is known, as
/// long as the file is the same.
std::string versionOf(const std::string &path, std::chrono::seconds limit) {
  struct Known {
    std::optional<FileIdentity> identity;
    std::string version;
  };
  static std::mutex mutex;
  static std::map<std::string, Known> all;
  // Before it is asked: one that is replaced meanwhile is asked again.
  auto identity = identityOf(path);
  {
    std::lock_guard lock(mutex);
    auto found = all.find(path);
    if (identity && found != all.end() && found->second.identity == identity)
      return found->second.version;
  }
  // Nobody who knows theirs waits for a program that hangs.
  std::string version = ptxasVersionIn(versionText(path, limit));
  std::lock_guard lock(mutex);
  if (!version.empty())
    all[path] = {identity, version};
  return version;
}

} // namespace

Expected<PtxAs> nybl::findPtxAs(const std::string &given,
                                const std::string &compiler,
                                std::chrono::seconds limit) {
  std::string named = given.empty() ? environmentVariable("NYBL_PTXAS") : given;
  if (named == "none")
    return Status::error(ErrorCode::NotFound,
                         "no ptxas is used, as 'none' (NYBL_PTXAS, --ptxas) "
                         "says");
  std::string tried;
  for (const std::string &path : candidates(named, compiler)) {
    tried += (tried.empty() ? "" : ", ") + path;
    if (access(path.c_str(), X_OK) != 0)
      continue;
    std::string version = versionOf(path, limit);
    if (version.empty())
      return Status::environment(fmt::format(
          "expected ptxas at {}, but it does not print a version "
          "within {} s: set NYBL_PTXAS to a ptxas of CUDA 12.8 or newer",
          path, limit.count()));
    return PtxAs{path, version};
  }
  return Status::error(
      named.empty() ? ErrorCode::NotFound : ErrorCode::Environment,
      fmt::format("no ptxas was found at {}; install CUDA's ptxas, or name it "
                  "with NYBL_PTXAS or --ptxas",
                  tried));
}

std::string nybl::ptxasVersionIn(std::string_view text) {
  constexpr std::string_view before = "release ", between = ", V";
  for (size_t at = text.find(before); at != text.npos;
       at = text.find(before, at)) {
    at += before.size();
    size_t end = text.find_first_not_of(versionCharacters, at);
    if (end == text.npos || !text.substr(end).starts_with(between))
      continue;
    std::string_view rest = text.substr(end + between.size());
    return std::string(
        rest.substr(0, rest.find_first_not_of(versionCharacters)));
  }
  return "";
}

bool nybl::isPtxAsVersion(std::string_view text) {
  return !text.empty() && text.front() != '.' && text.back() != '.' &&
         text.find_first_not_of(versionCharacters) == text.npos;
}
