// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Starts a program that the process around us does not notice: it is no child
// of it, so no wait() meets it and no SIGCHLD tells of its end.
#ifndef NYBL_RUNTIME_SUPPORT_SPAWN_H
#define NYBL_RUNTIME_SUPPORT_SPAWN_H

#include "runtime/Abi/Status.h"
#include "runtime/Support/Descriptor.h"
#include <string>
#include <vector>

namespace nybl {

struct Program {
  std::string path; ///< no search
  std::vector<std::string> arguments;
  /// Become 3, 4, ... (-1: is closed there); all others stay behind.
  std::vector<int> files;
  int output = -1; ///< the standard one; -1: /dev/null
  /// Else it is ended with the process group of this process.
  bool hasOwnSession = true;
};

/// A descriptor of the process (pidfd), none on a kernel before 5.3. It has no
/// signal blocked or ignored, the standard error, the current folder and the
/// environment of this process, and no input. Where
/// rights are raised it has no environment: whoever set it may not decide. From
/// any thread. Errors: Environment.
Expected<Descriptor> spawnUnnoticed(const Program &program);

/// Where this process adopts orphans (the first of a container, a subreaper) it
/// is the parent after all: then this waits for the end, and clears it away.
void reapIfOurs(const Descriptor &process);

} // namespace nybl

#endif // NYBL_RUNTIME_SUPPORT_SPAWN_H
