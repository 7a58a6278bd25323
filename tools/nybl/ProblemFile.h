// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A file with a problem line on each line.
#ifndef NYBL_TOOLS_NYBL_PROBLEMFILE_H
#define NYBL_TOOLS_NYBL_PROBLEMFILE_H

#include "runtime/Abi/QuantizeProblem.h"
#include <vector>

namespace nybl::cli {

/// In the file's order; "-" is standard input. Empty lines and those that begin
/// with # are passed over. Errors: Invalid, naming the line, also where n = 0
/// or where there is no problem; Environment.
Expected<std::vector<AnyProblem>> readProblems(const std::string &path);

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_PROBLEMFILE_H
