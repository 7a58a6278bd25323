// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiled kernels on disk. An entry is a file that is written once, whole, and
// never changed: a bundle of one kernel under the SHA-256 of its request. No
// locks: who finds no entry compiles, and the last to rename wins with the same
// bytes. Nothing here fails for the caller: what is wrong is logged, and is a
// miss.
#ifndef NYBL_RUNTIME_CACHE_CACHE_H
#define NYBL_RUNTIME_CACHE_CACHE_H

#include "runtime/Bundle/Bundle.h"
#include "runtime/Cache/Folder.h"
#include <functional>
#include <optional>

namespace nybl::cache {

struct Settings {
  /// Folders; the first is written to, all are read, in order. None: off.
  std::vector<std::string> tiers;
  uint64_t limit = uint64_t(1) << 30; ///< bytes in the first
  std::string off;                    ///< why, if there are none
  std::string warning; ///< what was not understood, and is left out

  /// `path` is "a:b:c" ("": off). Null: NYBL_CACHE=off, NYBL_CACHE_PATH,
  /// XDG_CACHE_HOME/nybl, HOME/.cache/nybl decide. Off for a process with more
  /// rights than the user who started it. NYBL_CACHE_SIZE is the limit.
  static Settings find(const char *path);
};

/// "4096", "100K", "512M", "2G"; none: not understood.
std::optional<uint64_t> parseSize(std::string_view text);

/// What stands in a folder besides what others put there.
enum class Kind {
  Entry,
  Bad,       ///< an entry that was found damaged, renamed aside
  Temporary, ///< being written, or left by who was killed while writing
  Other,
};
Kind kindOf(const std::string &name);

class Cache {
public:
  using Log = std::function<void(const std::string &)>;
  /// Off.
  Cache() = default;
  Cache(Settings settings, Log log);

  bool isOn() const { return !settings.tiers.empty(); }

  /// The kernel of that very request, with its digests checked.
  std::optional<bundle::Kernel> find(const KernelRequest &request) const;

  /// Writes an entry to the first folder, and removes the oldest ones while
  /// there is more than the limit.
  void store(const bundle::Kernel &kernel) const;

private:
  std::optional<bundle::Kernel> findIn(size_t tier, const std::string &name,
                                       const KernelRequest &request) const;
  void log(const std::string &message) const;

  Settings settings;
  Log logger;
};

/// The file of a request's entry: its SHA-256 and ".nybl".
Expected<std::string> entryName(const KernelRequest &request);

/// Reads an entry and checks all of it: form, digests, that its name is that of
/// its request. Errors: NotFound, Invalid (damaged), Environment.
Expected<bundle::Kernel> readEntry(const Folder &folder,
                                   const std::string &name);

struct Pruned {
  uint64_t files = 0, bytes = 0;
};
/// Removes the oldest entries until at most `limit` bytes are left, and what
/// was left by who was killed (more than an hour old); with `bad`, what was
/// renamed aside too.
Expected<Pruned> prune(const Folder &folder, uint64_t limit, bool bad);

/// Renames a bad entry aside, so that it is looked at no more.
Status quarantine(const Folder &folder, const std::string &name);

} // namespace nybl::cache

#endif // NYBL_RUNTIME_CACHE_CACHE_H
