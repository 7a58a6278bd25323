// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl: the command. One verb, one file.

#include "nybl/nybl.h"
#include "tools/nybl/Command.h"
#include "tools/nybl/Files.h"
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fcntl.h>
#include <new>
#include <unistd.h>

using namespace nybl;

/// CLI11 explains over several lines; one line is what scripts read.
static int refuseArguments(const CLI::ParseError &error) {
  return cli::report(Status::invalid(std::string(error.what()) +
                                     "; `nybl --help` shows what is expected"));
}

[[noreturn]] static void outOfMemory() {
  std::fputs("nybl: out of memory\n", stderr);
  _exit(cli::BadEnvironment);
}

/// What was printed has arrived, or the command has failed.
static int finish(int code) {
  if (code != cli::Fine || (std::fflush(stdout) == 0 && !std::ferror(stdout)))
    return code;
  return cli::report(Status::environment("cannot write to standard output"));
}

/// A file that takes the number of a closed standard stream would get what is
/// meant for that stream.
static void occupyStandardStreams() {
  int file = open("/dev/null", O_RDONLY);
  while (file >= 0 && file <= STDERR_FILENO)
    file = open("/dev/null", O_RDONLY);
  close(file);
}

int main(int argc, char **argv) {
  occupyStandardStreams();
  std::set_new_handler(outOfMemory);
  cli::cleanUpOnSignals();
  CLI::App app(
      "Kernels for 4-bit block-scaled matrix products (NVFP4): compile "
      "them, prove them, run them, see what is missing.\nExit codes: 0 fine, 1 "
      "a "
      "finding (mismatch, refusal, refuted), 2 bad input, 3 environment, "
      "4 not proven.",
      "nybl");
  app.set_version_flag("--version", std::string("nybl ") + nybl_version());
  app.require_subcommand(1);
  int code = 0;
  cli::addCompile(app, code);
  cli::addRun(app, code);
  cli::addProve(app, code);
  cli::addExplain(app, code);
  cli::addVerifySass(app, code);
  cli::addBundle(app, code);
  cli::addInspect(app, code);
  cli::addCache(app, code);
  cli::addTune(app, code);
  cli::addFirstContact(app, code);
  cli::addDoctor(app, code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success &wanted) { // --help, --version
    return finish(app.exit(wanted));
  } catch (const CLI::ParseError &error) {
    return refuseArguments(error);
  }
  return finish(code);
}
