// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which schedules a tune file chooses where there is no GPU to ask.
#ifndef NYBL_TOOLS_NYBL_TUNEDKERNELS_H
#define NYBL_TOOLS_NYBL_TUNEDKERNELS_H

#include "runtime/Tune/Choice.h"
#include <map>
#include <set>

namespace nybl::cli {

class TunedKernels {
public:
  /// The records of `path`, of one GPU a chip. `gpus`: which, by the name that
  /// records have, or as errors spell it; needed where there are several of one
  /// chip. Errors: Invalid: not a tune file, no record of a chip, several GPUs
  /// of one, a name that no record has; Environment.
  static Expected<TunedKernels> read(const std::string &path,
                                     const std::set<std::string> &chips,
                                     const std::vector<std::string> &gpus);

  /// For all M of the class; none where there is no record of it. The reason
  /// names the GPU.
  std::optional<tune::Choice> choose(const std::string &problemClass,
                                     const std::string &chip) const;

private:
  std::vector<tune::Record> records;
  std::map<std::string, tune::Gpu> gpuOf; ///< by chip
};

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_TUNEDKERNELS_H
