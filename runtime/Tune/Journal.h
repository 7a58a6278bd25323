// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The file that tuning writes as it goes, so that who is killed goes on where
// he was.
#ifndef NYBL_RUNTIME_TUNE_JOURNAL_H
#define NYBL_RUNTIME_TUNE_JOURNAL_H

#include "runtime/Tune/Record.h"

namespace nybl::tune {

/// Lines are only ever appended, each by one write and synced. Movable.
class Journal {
public:
  /// Reads what is there, makes the file if there is none, and cuts off a last
  /// line that nobody finished. Errors: Invalid (not a tune file: it is left as
  /// it is), Environment (another process tunes into it, among others).
  static Expected<Journal> open(const std::string &path);
  /// Keeps others from writing to the file, if it is there, and reads nothing:
  /// for who replaces it. Errors: Environment (another process tunes into it).
  static Expected<Journal> hold(const std::string &path);
  Journal(Journal &&other) noexcept { *this = std::move(other); }
  Journal &operator=(Journal &&other) noexcept;
  ~Journal();

  const std::vector<Record> &records() const { return all; }

  /// Whether the latest of the records have one of the same identity.
  bool find(const Record &wanted) const;

  Status append(const Record &record);

private:
  Journal() = default;
  Status lock() const;

  std::string path;
  int handle = -1;
  std::vector<Record> all;
};

} // namespace nybl::tune

#endif // NYBL_RUNTIME_TUNE_JOURNAL_H
