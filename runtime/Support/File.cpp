// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// POSIX files.

#include "runtime/Support/File.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace nybl;

static Status failed(const char *what, const std::string &path) {
  return Status::environment(
      fmt::format("cannot {} '{}': {}", what, path, std::strerror(errno)));
}

static uint64_t memoryOfThisMachine() {
  return static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
         static_cast<uint64_t>(::sysconf(_SC_PAGE_SIZE));
}

/// Refuses what is no regular file, or too large.
static Status checkReadable(int file, const std::string &path, uint64_t limit,
                            uint64_t &size) {
  struct stat info{};
  if (::fstat(file, &info) != 0)
    return failed("read", path);
  if (!S_ISREG(info.st_mode))
    return Status::environment(
        fmt::format("cannot read '{}': expected a regular file", path));
  size = static_cast<uint64_t>(info.st_size);
  uint64_t most = limit ? limit : memoryOfThisMachine();
  if (size <= most)
    return Status::ok();
  return Status::environment(
      fmt::format("cannot read '{}': expected at most {} bytes{}, it has {}",
                  path, most, limit ? "" : ", this machine's memory", size));
}

Expected<std::string> nybl::readFile(const std::string &path, uint64_t limit) {
  // Without O_NONBLOCK the open of a pipe waits for a writer.
  int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0)
    return failed("open", path);
  std::string bytes;
  uint64_t size = 0;
  Status status = checkReadable(file, path, limit, size);
  if (status)
    bytes.resize(size);
  size_t done = 0;
  while (status && done < bytes.size()) {
    ssize_t got = ::read(file, bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      status = got < 0 ? failed("read", path)
                       : Status::environment(fmt::format(
                             "cannot read '{}': it ended after {} of {} bytes",
                             path, done, bytes.size()));
    else
      done += static_cast<size_t>(got);
  }
  ::close(file);
  if (!status)
    return status;
  return bytes;
}

static bool writeAll(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t put = ::write(file, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR)
      continue;
    if (put <= 0)
      return false;
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  return true;
}

std::string nybl::temporaryBeside(const std::string &path) {
  // Random, since numbers of processes come again and files of killed ones may
  // be there still; without the system's, the clock's.
  uint64_t random = 0;
  if (::getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
    random = static_cast<uint64_t>(
        std::chrono::steady_clock::now().time_since_epoch().count());
  static std::atomic<unsigned> count{0};
  return fmt::format("{}.{:x}-{}.tmp", path, random, count++);
}

Status nybl::writeFile(const std::string &path, const std::string &temporary,
                       std::initializer_list<std::string_view> parts) {
  int file =
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file < 0)
    return failed("write", path);
  struct stat old{};
  bool good = ::stat(path.c_str(), &old) != 0 ||
              ::fchmod(file, old.st_mode & 0777) == 0;
  for (std::string_view part : parts)
    good = good && writeAll(file, part);
  good = good && ::fsync(file) == 0;
  int error = errno;
  good = ::close(file) == 0 && good;
  if (good && ::rename(temporary.c_str(), path.c_str()) == 0)
    return Status::ok();
  if (!good)
    errno = error;
  Status status = failed("write", path);
  ::unlink(temporary.c_str());
  return status;
}
