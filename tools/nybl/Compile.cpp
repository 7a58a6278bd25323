// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl compile: a problem line to any stage of its kernel. Speaks to the
// compiler directly; needs no driver and no GPU.

#include "runtime/Abi/QuantizeProblem.h"
#include "runtime/Library/Provider.h"
#include "tools/nybl/Command.h"
#include "tools/nybl/Files.h"
#include "tools/nybl/Phases.h"
#include <CLI/CLI.hpp>
#include <unistd.h>

using namespace nybl;
using namespace nybl::cli;

namespace {

struct Options {
  std::string problem, chip, schedule, templateFile, emit = "cubin", out,
                                                     dumpDir, ptxas, jit;
  bool time = false, json = false, verifyEach = false;
};

Expected<library::Compilation> compile(const Options &options) {
  auto templateText = readTemplate(options.templateFile);
  if (!templateText)
    return templateText.status();
  auto provider = library::Provider::load(options.jit);
  if (!provider)
    return provider.status();
  NyblCompileRequest request = {};
  request.problem = options.problem.c_str();
  request.chip = options.chip.c_str();
  request.schedule = orNull(options.schedule);
  request.template_text = *templateText ? (*templateText)->c_str() : nullptr;
  request.emit = options.emit.c_str();
  request.dump_dir = orNull(options.dumpDir);
  request.ptxas = orNull(options.ptxas);
  request.verify_each = options.verifyEach;
  return provider->compile(request);
}

Status write(const Options &options, const library::Compilation &made) {
  const std::string &text = options.emit == "cubin" ? made.cubin : made.text;
  if (!options.out.empty())
    return writeOutput(options.out, text);
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() ||
      std::fflush(stdout) != 0)
    return Status::environment("cannot write to standard output");
  return Status::ok();
}

Status runCompile(const Options &options) {
  // Before the compiler is loaded: bad input is bad input, compiler or not.
  auto problem = parseAnyProblem(options.problem);
  if (!problem)
    return problem.status();
  if (options.json && !options.time)
    return Status::invalid(
        "--json: expected together with --time, whose form it is");
  if (options.emit == "cubin" && options.out.empty() && isatty(STDOUT_FILENO))
    return Status::invalid(
        "a cubin is no text: name a file with -o, or --emit ptx");
  auto made = compile(options);
  if (!made)
    return made.status();
  if (Status status = write(options, *made); !status)
    return status;
  if (options.time) {
    Phases phases;
    phases.addJson(made->phases);
    phases.print(options.out.empty() ? stderr : stdout, options.json,
                 print(specialise(*problem)));
  }
  return Status::ok();
}

} // namespace

void nybl::cli::addCompile(CLI::App &app, int &code) {
  auto options = std::make_shared<Options>();
  CLI::App *verb = app.add_subcommand(
      "compile", "Compile the kernel of a problem, and show any stage of it");
  verb->add_option(
          "problem", options->problem,
          "the problem line, as \"gemm m=? n=4096 k=7168 sfa=128x4 sfb=128x4 "
          "d=bf16\"")
      ->required();
  verb->add_option("--chip", options->chip, "full chip name, as sm_120a")
      ->required();
  verb->add_option("--schedule", options->schedule,
                   "\"key=value ...\"; without it one is chosen");
  verb->add_option(
          "--template", options->templateFile,
          "a file with a kernel in the Tile dialect; without it the built-in "
          "one")
      ->check(expectFileName);
  verb->add_option("--emit,--stop-after", options->emit,
                   "the stage to stop after, and to show")
      ->capture_default_str()
      ->check(CLI::IsMember({"blockscale", "tile", "cta", "certificate", "llvm",
                             "ptx", "cubin", "manifest"}));
  verb->add_option("-o,--out", options->out,
                   "write to FILE, not to standard output");
  verb->add_option("--dump-dir", options->dumpDir,
                   "write the IR after each phase, numbered, to this folder");
  verb->add_option("--ptxas", options->ptxas, "path of ptxas");
  verb->add_option("--jit", options->jit, "path of libnybl_jit.so");
  verb->add_flag("--time", options->time,
                 "print the time of each phase (to stderr without -o)");
  verb->add_flag("--json", options->json, "print the times as JSON");
  verb->add_flag("--verify-each", options->verifyEach,
                 "run the verifier after every pass");
  verb->callback([options, &code] { code = report(runCompile(*options)); });
}
