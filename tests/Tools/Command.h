// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs the command as a user does, and catches what it says.
#ifndef NYBL_TESTS_TOOLS_COMMAND_H
#define NYBL_TESTS_TOOLS_COMMAND_H

#include "tests/Tools/Folder.h"
#include <map>
#include <string>
#include <vector>

namespace nybl::tests {

struct Outcome {
  int code = -1; ///< exit code; 128 + signal if it was ended by one
  std::string out, err;
};

/// The command of this build with these arguments. Variables of `environment`
/// are added; an empty value removes one. There is no cache of kernels unless
/// they say NYBL_CACHE.
Outcome nyblCommand(const std::vector<std::string> &arguments,
                    const std::map<std::string, std::string> &environment = {});

/// Another program with these arguments, these variables alone, and `folder` as
/// the working directory.
Outcome programAlone(const std::string &program, const std::string &folder,
                     const std::vector<std::string> &arguments,
                     const std::map<std::string, std::string> &environment);

} // namespace nybl::tests

#endif // NYBL_TESTS_TOOLS_COMMAND_H
