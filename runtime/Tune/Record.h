// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What tuning found out: one record a kernel, GPU and number of rows, one line
// of JSON a record. docs/tuning.md describes the file.
#ifndef NYBL_RUNTIME_TUNE_RECORD_H
#define NYBL_RUNTIME_TUNE_RECORD_H

#include "runtime/Abi/Status.h"
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nybl::tune {

/// On what a kernel was timed. A record serves equal ones alone.
struct Gpu {
  std::string name; ///< as the driver says it
  std::string chip; ///< full name with suffix
  int64_t multiprocessors = 0;
  friend auto operator<=>(const Gpu &, const Gpu &) = default;
};

struct Record {
  // What was timed, where and how: the identity of a record.
  std::string problem; ///< the problem class, canonical line
  int64_t m = 0;       ///< rows of A
  Gpu gpu;
  int64_t driver = 0; ///< as cuDriverGetVersion
  std::string policy; ///< how; times of two policies are never compared
  std::string schedule;
  std::string kernel; ///< the manifest's key: the very kernel
  // What came out.
  int64_t nanoseconds = 0; ///< the median, or the estimate
  int64_t spread = 0;      ///< from the first to the last decile, nanoseconds
  int64_t runs = 0;        ///< 0: nothing was timed
  std::string checked;     ///< what the output was compared with

  bool isEstimate() const { return runs == 0; }
  bool sameIdentity(const Record &other) const;
  /// Identity first, in the order above; then what came out.
  friend auto operator<=>(const Record &, const Record &) = default;
};

/// One line without its newline.
std::string print(const Record &record);

/// parseRecord(print(r)) == r. Errors: Invalid.
Expected<Record> parseRecord(std::string_view line);

struct File {
  std::vector<Record> records; ///< in the file's order
  size_t whole = 0;            ///< bytes up to the end of the last whole line
};

/// The records of a tune file. What follows the last newline was being written
/// when its writer died: it is dropped. Errors: Invalid, naming the line.
Expected<File> parseFile(std::string_view text);

/// As parseFile; errors name the path. Errors: Environment besides.
Expected<File> readRecords(const std::string &path);

/// The records, in their order, whose kernel is the last that has one of its
/// problem, GPU, driver, policy and schedule: what was timed of the kernels
/// that another compiler had made of them is of no more use.
std::vector<Record> latest(const std::vector<Record> &records);

/// The latest of them, sorted, each identity once: of several that with the
/// shortest time. So the order of what is merged makes no difference where the
/// kernels are the same.
std::vector<Record> merge(const std::vector<Record> &records);

} // namespace nybl::tune

#endif // NYBL_RUNTIME_TUNE_RECORD_H
