// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writing what the user named, whatever interrupts.
#ifndef NYBL_TOOLS_NYBL_FILES_H
#define NYBL_TOOLS_NYBL_FILES_H

#include "runtime/Abi/Status.h"
#include <csignal>
#include <string>
#include <string_view>

namespace nybl::cli {

/// Holds back what would end the process (Ctrl-C and its kin) while a temporary
/// file exists.
class SignalHold {
public:
  SignalHold();
  ~SignalHold();
  SignalHold(const SignalHold &) = delete;
  SignalHold &operator=(const SignalHold &) = delete;

private:
  sigset_t before;
};

/// Others see the old file or the whole new one. A path that is no regular file
/// (/dev/null, a pipe) is written directly, not replaced. Errors: Environment.
Status writeOutput(const std::string &path, std::string_view content);

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_FILES_H
