// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// POSIX files.

#include "runtime/Support/File.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace nybl;

static Status failed(const char *what, const std::string &path) {
  return Status::environment(
      fmt::format("cannot {} '{}': {}", what, path, std::strerror(errno)));
}

Expected<std::string> nybl::readFile(const std::string &path) {
  int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return failed("open", path);
  struct stat info{};
  std::string bytes;
  Status status = Status::ok();
  if (::fstat(file, &info) != 0)
    status = failed("read", path);
  else if (!S_ISREG(info.st_mode))
    status = Status::environment(
        fmt::format("cannot read '{}': expected a regular file", path));
  else
    bytes.resize(static_cast<size_t>(info.st_size));
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

Status nybl::writeFile(const std::string &path,
                       std::initializer_list<std::string_view> parts) {
  std::string temporary = path + ".XXXXXX";
  int file = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (file < 0)
    return failed("write", path);
  bool good = ::fchmod(file, 0644) == 0;
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
