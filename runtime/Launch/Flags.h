// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a launch may ask for beside its operands: nybl_launch_flags.
#ifndef NYBL_RUNTIME_LAUNCH_FLAGS_H
#define NYBL_RUNTIME_LAUNCH_FLAGS_H

#include "runtime/Abi/Manifest.h"

namespace nybl::launch {

/// Which flags a kernel allows.
class Flags {
public:
  static Flags make(const Manifest &manifest);

  /// Errors: Refused: not known, or of a kernel that nobody has shown to wait
  /// for the grid before it.
  Status check(uint64_t flags) const {
    return flags == 0 ? Status::ok() : checkSome(flags);
  }

private:
  Status checkSome(uint64_t flags) const;

  bool waits = false;
};

} // namespace nybl::launch

#endif // NYBL_RUNTIME_LAUNCH_FLAGS_H
