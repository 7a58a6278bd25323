// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One folder of the cache, open: its files by name, never by path, so that what
// was checked is what is used.
#ifndef NYBL_RUNTIME_CACHE_FOLDER_H
#define NYBL_RUNTIME_CACHE_FOLDER_H

#include "runtime/Abi/Status.h"
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nybl::cache {

/// A regular file of a folder.
struct File {
  std::string name;
  uint64_t bytes = 0;
  int64_t written = 0; ///< nanoseconds, by the clock of whoever wrote it
};

class Folder {
public:
  enum class Use {
    Read,  ///< of ours or of root
    Write, ///< of ours; made, for us alone, where there is none
  };
  /// Refuses a folder that somebody else may write to: of another user,
  /// writable for group or others, a link, or below a folder in which others
  /// may rename it. Errors: NotFound (Read alone), Environment.
  static Expected<Folder> open(const std::string &path, Use use);
  Folder(Folder &&other) noexcept { *this = std::move(other); }
  Folder &operator=(Folder &&other) noexcept;
  ~Folder();

  const std::string &path() const { return name; }

  /// The whole file; refused if somebody else may write to it, or if it is no
  /// regular file or larger than `limit`. Errors: NotFound, Environment.
  Expected<std::string> read(const std::string &file, uint64_t limit) const;

  /// Others see the old file or the whole new one, which is on the disk then.
  /// After a failure nothing is left of it.
  Status write(const std::string &file, std::string_view bytes) const;

  Status rename(const std::string &from, const std::string &to) const;
  /// A file that is gone already is no error.
  Status remove(const std::string &file) const;

  /// All regular files, sorted by name.
  Expected<std::vector<File>> files() const;

private:
  Folder() = default;
  Status failed(const char *what, const std::string &file) const;

  std::string name;
  int handle = -1;
};

} // namespace nybl::cache

#endif // NYBL_RUNTIME_CACHE_FOLDER_H
