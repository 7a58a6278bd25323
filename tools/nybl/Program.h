// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What every program does before and behind its verbs.
#ifndef NYBL_TOOLS_NYBL_PROGRAM_H
#define NYBL_TOOLS_NYBL_PROGRAM_H

namespace CLI {
class App;
}

namespace nybl::cli {

/// First of all: closed standard streams, and memory that runs out.
void beginProgram();

/// Parses the command line; callbacks of `app` run and set `code`. The exit
/// code.
int runProgram(CLI::App &app, int argc, char **argv, const int &code);

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_PROGRAM_H
