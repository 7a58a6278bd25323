// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Asks another program one question.
#ifndef NYBL_TOOLS_NYBL_PROGRAM_H
#define NYBL_TOOLS_NYBL_PROGRAM_H

#include <string>

namespace nybl::cli {

/// Standard output of `path argument`, run without a shell; empty if it does
/// not run. At most 64 KiB.
std::string outputOf(const std::string &path, const std::string &argument);

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_PROGRAM_H
