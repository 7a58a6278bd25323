// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// POSIX, relative to an open folder.

#include "runtime/Cache/Folder.h"
#include "runtime/Support/File.h"
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

using namespace nybl;
using namespace nybl::cache;

namespace {

Status failedAt(const char *what, const std::string &path) {
  int error = errno;
  return Status::error(
      error == ENOENT ? ErrorCode::NotFound : ErrorCode::Environment,
      fmt::format("cannot {} '{}': {}", what, path, std::strerror(error)));
}

Status distrusted(const std::string &path, const std::string &why) {
  return Status::environment(fmt::format(
      "'{}' is not used as a cache, since {}: expected what only this user "
      "(or, to read, root) can write to",
      path, why));
}

/// Whether nobody but us, or root, can write to it. `what` is a folder or a
/// file, open already.
Status checkOwner(const struct stat &info, const std::string &path,
                  Folder::Use use) {
  bool ours = info.st_uid == geteuid() ||
              (use == Folder::Use::Read && info.st_uid == 0);
  if (!ours)
    return distrusted(path, fmt::format("it belongs to user {}", info.st_uid));
  if ((info.st_mode & 022) != 0)
    return distrusted(path, fmt::format("its mode is {:o}, so others can write "
                                        "to it",
                                        info.st_mode & 07777));
  return Status::ok();
}

/// In a folder that others can write to, and that is not sticky, they can put
/// another one in the place of ours.
Status checkParents(const std::string &path) {
  std::unique_ptr<char, decltype(&free)> real(realpath(path.c_str(), nullptr),
                                              &free);
  if (!real)
    return failedAt("use", path);
  std::string parent = real.get();
  while (parent.size() > 1) {
    parent.resize(std::max<size_t>(parent.rfind('/'), 1));
    struct stat info;
    if (lstat(parent.c_str(), &info) != 0)
      return failedAt("use", parent);
    if ((info.st_mode & 022) != 0 && (info.st_mode & S_ISVTX) == 0)
      return distrusted(path, fmt::format("'{}' has the mode {:o}, so others "
                                          "can rename what is in it",
                                          parent, info.st_mode & 07777));
  }
  return Status::ok();
}

/// mkdir -p, each for us alone.
void makeFolders(const std::string &path) {
  for (size_t at = 1; at != path.npos;) {
    at = path.find('/', at + 1);
    mkdir(path.substr(0, at).c_str(), 0700);
  }
}

bool writeAll(int file, std::string_view bytes) {
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

/// Until the end: a file that grows or shrinks meanwhile is what came.
bool readAll(int file, uint64_t most, std::string &bytes) {
  size_t done = 0;
  bytes.resize(most);
  while (done < bytes.size()) {
    ssize_t got = ::read(file, bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return false;
    if (got == 0)
      break;
    done += static_cast<size_t>(got);
  }
  bytes.resize(done);
  return true;
}

} // namespace

Folder &Folder::operator=(Folder &&other) noexcept {
  std::swap(name, other.name);
  std::swap(handle, other.handle);
  return *this;
}

Folder::~Folder() {
  if (handle >= 0)
    ::close(handle);
}

Status Folder::failed(const char *what, const std::string &file) const {
  return failedAt(what, name + "/" + file);
}

Expected<Folder> Folder::open(const std::string &path, Use use) {
  Folder folder;
  folder.name = path;
  constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  folder.handle = ::open(path.c_str(), flags);
  if (folder.handle < 0 && errno == ENOENT && use == Use::Write) {
    makeFolders(path);
    folder.handle = ::open(path.c_str(), flags);
  }
  if (folder.handle < 0)
    return errno == ELOOP || errno == ENOTDIR
               ? distrusted(path, "it is no folder, or a link to one")
               : failedAt("use", path);
  struct stat info;
  if (fstat(folder.handle, &info) != 0)
    return failedAt("use", path);
  if (Status status = checkOwner(info, path, use); !status)
    return status;
  if (Status status = checkParents(path); !status)
    return status;
  return folder;
}

Expected<std::string> Folder::read(const std::string &file,
                                   uint64_t limit) const {
  // Without O_NONBLOCK the open of a pipe waits for a writer.
  int open = ::openat(handle, file.c_str(),
                      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (open < 0)
    return failed("read", file);
  struct stat info;
  std::string bytes;
  Status status = fstat(open, &info) == 0
                      ? checkOwner(info, name + "/" + file, Use::Read)
                      : failed("read", file);
  if (status && !S_ISREG(info.st_mode))
    status = distrusted(name + "/" + file, "it is no regular file");
  if (status && static_cast<uint64_t>(info.st_size) > limit)
    status = Status::environment(
        fmt::format("'{}/{}': expected at most {} bytes, it has {}", name, file,
                    limit, info.st_size));
  if (status && !readAll(open, static_cast<uint64_t>(info.st_size), bytes))
    status = failed("read", file);
  ::close(open);
  if (!status)
    return status;
  return bytes;
}

Status Folder::write(const std::string &file, std::string_view bytes) const {
  std::string temporary = temporaryBeside(file);
  int open =
      ::openat(handle, temporary.c_str(),
               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (open < 0)
    return failed("write", temporary);
  bool good = writeAll(open, bytes) && ::fsync(open) == 0;
  int error = errno;
  good = ::close(open) == 0 && good;
  if (good && ::renameat(handle, temporary.c_str(), handle, file.c_str()) == 0)
    return Status::ok();
  if (!good)
    errno = error;
  Status status = failed("write", file);
  ::unlinkat(handle, temporary.c_str(), 0);
  return status;
}

Status Folder::rename(const std::string &from, const std::string &to) const {
  return ::renameat(handle, from.c_str(), handle, to.c_str()) == 0
             ? Status::ok()
             : failed("rename", from);
}

Status Folder::remove(const std::string &file) const {
  return ::unlinkat(handle, file.c_str(), 0) == 0 || errno == ENOENT
             ? Status::ok()
             : failed("remove", file);
}

Expected<std::vector<File>> Folder::files() const {
  // A handle of its own: the position in a folder belongs to the handle.
  int open = ::openat(handle, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *stream = open < 0 ? nullptr : fdopendir(open);
  if (!stream) {
    Status status = failed("list", ".");
    if (open >= 0)
      ::close(open);
    return status;
  }
  std::vector<File> files;
  while (const dirent *entry = readdir(stream)) {
    struct stat info;
    if (::fstatat(handle, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISREG(info.st_mode))
      files.push_back(
          {entry->d_name, static_cast<uint64_t>(info.st_size),
           info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec});
  }
  closedir(stream);
  std::sort(files.begin(), files.end(),
            [](const File &a, const File &b) { return a.name < b.name; });
  return files;
}
