// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl verify-sass: does the cubin keep what the PTX says? Needs no driver and
// no GPU, but nvdisasm.

#include "runtime/Abi/QuantizeProblem.h"
#include "runtime/Library/Provider.h"
#include "runtime/Support/File.h"
#include "tools/nybl/Command.h"
#include "tools/nybl/Files.h"
#include "tools/sass/Keep.h"
#include "tools/sass/NvDisasm.h"
#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

using namespace nybl;
using namespace nybl::cli;
using Json = nlohmann::ordered_json;

namespace {

constexpr uint64_t largestFile = uint64_t(64) << 20;

struct Options {
  std::string problem, chip, schedule, templateFile, cubinFile, ptxFile;
  std::string ptxas, nvdisasm, jit;
  bool json = false;
};

struct Pair {
  std::string ptx, cubin;
};

struct Kernel {
  std::string name;
  std::vector<sass::Check> checks;
};

/// What came of it: all kept, or a status that says why not.
struct Outcome {
  Status status = Status::ok();
  sass::NvDisasm tool;
  std::vector<Kernel> kernels;
};

Expected<Pair> compiled(const Options &options) {
  // Before the compiler is loaded: bad input is bad input, compiler or not.
  auto problem = parseAnyProblem(options.problem);
  if (!problem)
    return problem.status();
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
  request.emit = "cubin";
  request.ptxas = orNull(options.ptxas);
  auto made = provider->compile(request);
  if (!made)
    return made.status();
  return Pair{std::move(made->ptx), std::move(made->cubin)};
}

Expected<Pair> read(const Options &options) {
  auto ptx = readFile(options.ptxFile, largestFile);
  auto cubin = readFile(options.cubinFile, largestFile);
  if (!ptx)
    return ptx.status();
  if (!cubin)
    return cubin.status();
  return Pair{std::move(*ptx), std::move(*cubin)};
}

Expected<Pair> pairOf(const Options &options) {
  bool files = !options.cubinFile.empty() && !options.ptxFile.empty();
  bool anyFile = !options.cubinFile.empty() || !options.ptxFile.empty();
  bool problem = !options.problem.empty() && !options.chip.empty();
  bool anyOfProblem = !options.problem.empty() || !options.chip.empty() ||
                      !options.schedule.empty() ||
                      !options.templateFile.empty();
  if (files && !anyOfProblem)
    return read(options);
  if (problem && !anyFile)
    return compiled(options);
  return Status::invalid("expected a problem line and --chip, or --cubin and "
                         "--ptx and neither, got something of both or too "
                         "little of either");
}

/// The first kernel of a cubin that the PTX does not have.
const sass::Code *firstWithout(const std::vector<sass::Code> &ptx,
                               const std::vector<sass::Code> &cubin) {
  auto found = std::ranges::find_if(cubin, [&](const sass::Code &kernel) {
    return std::ranges::find(ptx, kernel.name, &sass::Code::name) == ptx.end();
  });
  return found == cubin.end() ? nullptr : &*found;
}

Expected<std::vector<Kernel>> check(const Pair &pair,
                                    const sass::NvDisasm &tool) {
  auto ptx = sass::parsePtx(pair.ptx);
  if (!ptx)
    return ptx.status();
  auto text = sass::disassemble(tool, pair.cubin);
  if (!text)
    return text.status();
  auto code = sass::parseSass(*text);
  if (!code)
    return code.status();
  if (const sass::Code *other = firstWithout(*ptx, *code))
    return Status::invalid("expected the kernels of the PTX in the cubin, "
                           "found '" +
                           other->name +
                           "' besides: they do not belong together");
  std::vector<Kernel> kernels;
  for (const sass::Code &from : *ptx) {
    auto to = std::find_if(code->begin(), code->end(), [&](const auto &kernel) {
      return kernel.name == from.name;
    });
    if (to == code->end())
      return Status::invalid("expected the kernel '" + from.name +
                             "' of the PTX in the cubin, found none: they do "
                             "not belong together");
    auto checks = sass::checkKept(from, *to);
    if (!checks)
      return checks.status();
    kernels.push_back({from.name, std::move(*checks)});
  }
  return kernels;
}

/// The first loss of all.
Status statusOf(const std::vector<Kernel> &kernels) {
  size_t lost = 0;
  std::string first;
  for (const Kernel &kernel : kernels)
    for (const sass::Check &check : kernel.checks)
      for (const sass::Loss &loss : check.lost)
        if (!lost++)
          first = fmt::format("{}, {}: {}", kernel.name, check.name,
                              loss.sentence());
  if (!lost)
    return Status::ok();
  return Status::refused(
      lost == 1 ? first : fmt::format("{} (and {} more)", first, lost - 1));
}

Outcome outcomeOf(const Options &options) {
  Outcome outcome;
  auto pair = pairOf(options);
  if (!pair)
    return {pair.status(), {}, {}};
  auto tool = sass::findNvDisasm(options.nvdisasm);
  if (!tool)
    return {tool.status(), {}, {}};
  outcome.tool = *tool;
  auto kernels = check(*pair, *tool);
  if (!kernels)
    return {kernels.status(), *tool, {}};
  outcome.kernels = std::move(*kernels);
  outcome.status = statusOf(outcome.kernels);
  return outcome;
}

//===----------------------------------------------------------------------===//
// What is said
//===----------------------------------------------------------------------===//

const char *verdict(const Status &status) {
  switch (status.code()) {
  case ErrorCode::Ok:
    return "kept";
  case ErrorCode::Refused:
    return "lost";
  case ErrorCode::Unproven:
    return "not decided";
  default:
    return "invalid";
  }
}

constexpr size_t mostShown = 4; ///< losses of one check

std::string textOf(const Outcome &outcome) {
  std::string text;
  for (const Kernel &kernel : outcome.kernels) {
    text += fmt::format("{}, as nvdisasm {} shows it\n", kernel.name,
                        outcome.tool.version);
    for (const sass::Check &check : kernel.checks) {
      text += fmt::format("  {} {:<10} {}: PTX {}, SASS {}\n",
                          check.lost.empty() ? "kept" : "lost", check.name,
                          check.counted, check.ptx, check.sass);
      for (size_t i = 0; i < check.lost.size() && i < mostShown; ++i)
        text += "        " + check.lost[i].sentence() + "\n";
      if (check.lost.size() > mostShown)
        text += fmt::format("        and {} more; --json has all\n",
                            check.lost.size() - mostShown);
    }
  }
  return text;
}

Json jsonOf(const sass::Check &check) {
  Json lost = Json::array();
  for (const sass::Loss &loss : check.lost)
    lost.push_back({{"address", loss.instruction.empty() ? Json(nullptr)
                                                         : Json(loss.address)},
                    {"instruction", loss.instruction},
                    {"message", loss.expected}});
  return {{"check", check.name},
          {"counted", check.counted},
          {"ptx", check.ptx},
          {"sass", check.sass},
          {"lost", lost}};
}

std::string jsonOf(const Outcome &outcome) {
  Json kernels = Json::array();
  for (const Kernel &kernel : outcome.kernels) {
    Json checks = Json::array();
    for (const sass::Check &check : kernel.checks)
      checks.push_back(jsonOf(check));
    kernels.push_back({{"kernel", kernel.name}, {"checks", checks}});
  }
  Json json = {{"verdict", verdict(outcome.status)},
               {"nvdisasm", outcome.tool.version},
               {"message", outcome.status.message()},
               {"kernels", kernels}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

/// As `nybl prove` has it: a verdict on standard output, its sentence on
/// stderr; what hinders a verdict is an error alone.
int runVerifySass(const Options &options) {
  Outcome outcome = outcomeOf(options);
  if (exitCode(outcome.status) != BadEnvironment)
    printOut(options.json ? jsonOf(outcome) : textOf(outcome));
  return report(outcome.status);
}

} // namespace

void nybl::cli::addVerifySass(CLI::App &app, int &code) {
  auto options = std::make_shared<Options>();
  CLI::App *verb = app.add_subcommand(
      "verify-sass",
      "Check in the machine code of a cubin that ptxas kept what the PTX "
      "says:\n"
      "multiplies, waits ahead of loads, setmaxnreg, stores by TMA, no "
      "syscalls, "
      "no local memory in loops.\nThe kernel of a problem, or any --cubin with "
      "its "
      "--ptx.\nExit codes: 0 all kept; 1 something lost; 2 bad input; 3 "
      "environment (no nvdisasm); 4 control flow not understood.");
  verb->add_option("problem", options->problem, "the problem line");
  verb->add_option("--chip", options->chip, "full chip name, as sm_120a");
  verb->add_option("--schedule", options->schedule,
                   "\"key=value ...\"; without it one is chosen");
  verb->add_option(
          "--template", options->templateFile,
          "a file with a kernel in the Tile dialect; without it the built-in "
          "one")
      ->check(expectFileName);
  verb->add_option("--cubin", options->cubinFile,
                   "a cubin, in place of a problem")
      ->check(expectFileName);
  verb->add_option("--ptx", options->ptxFile, "the PTX it was made from")
      ->check(expectFileName);
  verb->add_option("--nvdisasm", options->nvdisasm, "path of nvdisasm");
  verb->add_option("--ptxas", options->ptxas, "path of ptxas");
  verb->add_option("--jit", options->jit, "path of libnybl_jit.so");
  verb->add_flag("--json", options->json, "print one JSON object");
  verb->callback([options, &code] { code = runVerifySass(*options); });
}
