// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// In which process a kernel is compiled, and how long that may take.
#ifndef NYBL_RUNTIME_LIBRARY_COMPILESETTINGS_H
#define NYBL_RUNTIME_LIBRARY_COMPILESETTINGS_H

#include "nybl/nybl.h"
#include "runtime/Abi/Status.h"
#include <chrono>

namespace nybl::library {

struct CompileSettings {
  bool isInProcess = false;
  /// Nobody asked for a child process, so where none can be started this one
  /// will do.
  bool mayFallBack = true;
  std::chrono::seconds limit{300}; ///< of a child process

  /// `place` and `seconds` as nybl_library_options has them. Errors: Invalid.
  static Expected<CompileSettings> find(uint32_t place, uint32_t seconds);
};

} // namespace nybl::library

#endif // NYBL_RUNTIME_LIBRARY_COMPILESETTINGS_H
