// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl: the command. One verb, one file.

#include "nybl/nybl.h"
#include "tools/nybl/Command.h"
#include "tools/nybl/Files.h"
#include "tools/nybl/Program.h"
#include <CLI/CLI.hpp>

using namespace nybl;

int main(int argc, char **argv) {
  cli::beginProgram();
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
  cli::addFirstContact(*app.add_subcommand("first-contact"), code);
  cli::addDoctor(app, code);
  return cli::runProgram(app, argc, argv, code);
}
