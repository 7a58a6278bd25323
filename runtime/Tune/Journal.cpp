// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Append-only records.

#include "runtime/Tune/Journal.h"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

using namespace nybl;
using namespace nybl::tune;

static Status failed(const std::string &path, const char *what) {
  return Status::environment(
      fmt::format("cannot {} '{}': {}", what, path, std::strerror(errno)));
}

Expected<Journal> Journal::open(const std::string &path) {
  Journal journal;
  journal.path = path;
  journal.handle =
      ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (journal.handle < 0)
    return failed(path, "open");
  if (Status status = journal.lock(); !status)
    return status;
  auto file = readRecords(path);
  if (!file)
    return file.status();
  if (ftruncate(journal.handle, static_cast<off_t>(file->whole)) != 0)
    return failed(path, "cut off the unfinished line of");
  journal.all = std::move(file->records);
  return journal;
}

/// Two writers would time beside each other. Readers need no lock: they see
/// whole lines, and drop the one that is being written.
Status Journal::lock() const {
  if (flock(handle, LOCK_EX | LOCK_NB) == 0)
    return Status::ok();
  if (errno != EWOULDBLOCK)
    return failed(path, "lock");
  return Status::environment(fmt::format(
      "another process tunes into '{}': wait for it, or name another file "
      "and `nybl tune merge` them later",
      path));
}

Expected<Journal> Journal::hold(const std::string &path) {
  Journal journal;
  journal.path = path;
  journal.handle = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat info = {};
  // Nobody tunes into what is no regular file, and writing says what is wrong.
  if (journal.handle < 0 || fstat(journal.handle, &info) != 0 ||
      !S_ISREG(info.st_mode))
    return journal;
  if (Status status = journal.lock(); !status)
    return status;
  return journal;
}

Journal &Journal::operator=(Journal &&other) noexcept {
  std::swap(path, other.path);
  std::swap(handle, other.handle);
  std::swap(all, other.all);
  return *this;
}

Journal::~Journal() {
  if (handle >= 0)
    close(handle);
}

bool Journal::find(const Record &wanted) const {
  for (const Record &record : latest(all))
    if (record.sameIdentity(wanted))
      return true;
  return false;
}

Status Journal::append(const Record &record) {
  std::string line = print(record) + "\n";
  ssize_t written = write(handle, line.data(), line.size());
  if (written != static_cast<ssize_t>(line.size())) {
    if (written >= 0)
      errno = ENOSPC;
    return failed(path, "append a record to");
  }
  if (fdatasync(handle) != 0)
    return failed(path, "sync");
  all.push_back(record);
  return Status::ok();
}
