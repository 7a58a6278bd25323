// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Command line in, exit code out.

#include "tools/nybl/Program.h"
#include "tools/nybl/Command.h"
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fcntl.h>
#include <new>
#include <unistd.h>

using namespace nybl;
using namespace nybl::cli;

namespace {

[[noreturn]] void outOfMemory() {
  std::fputs("nybl: out of memory\n", stderr);
  _exit(BadEnvironment);
}

/// A file that takes the number of a closed standard stream would get what is
/// meant for that stream.
void occupyStandardStreams() {
  int file = open("/dev/null", O_RDONLY);
  while (file >= 0 && file <= STDERR_FILENO)
    file = open("/dev/null", O_RDONLY);
  close(file);
}

/// CLI11 explains over several lines; one line is what scripts read.
int refuseArguments(const CLI::App &app, const CLI::ParseError &error) {
  return report(Status::invalid(std::string(error.what()) + "; `" +
                                app.get_name() +
                                " --help` shows what is expected"));
}

/// What was printed has arrived, or the program has failed.
int finish(int code) {
  if (code != Fine || (std::fflush(stdout) == 0 && !std::ferror(stdout)))
    return code;
  return report(Status::environment("cannot write to standard output"));
}

} // namespace

void nybl::cli::beginProgram() {
  occupyStandardStreams();
  std::set_new_handler(outOfMemory);
}

int nybl::cli::runProgram(CLI::App &app, int argc, char **argv,
                          const int &code) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success &wanted) { // --help, --version
    return finish(app.exit(wanted));
  } catch (const CLI::ParseError &error) {
    return refuseArguments(app, error);
  }
  return finish(code);
}
