// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl explain: what the kernel of a problem would cost on a card, which
// resource it would wait for, and what other schedules would cost. Estimates;
// needs no driver and no GPU.

#include "runtime/Abi/Problem.h"
#include "runtime/Library/Provider.h"
#include "tools/nybl/Command.h"
#include "tools/nybl/Explanation.h"
#include <CLI/CLI.hpp>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::cli;
using namespace nybl::cli::explanation;

namespace {

struct Options {
  std::string problem, chip, card, schedule, jit;
  std::optional<int64_t> m;
  bool json = false;
};

//===----------------------------------------------------------------------===//
// What is said
//===----------------------------------------------------------------------===//

std::string describeProblem(const GemmProblem &p) {
  std::string m = rowsText(p.m);
  auto size = [](int64_t value, const char *name) {
    return value == GemmProblem::freeSize ? name : std::to_string(value);
  };
  std::string n = size(p.n, "N"), k = size(p.k, "K");
  return fmt::format(
      "D [{}, {}] in {} = {}A [{}, {}] * B [{}, {}] transposed; A and B in "
      "NVFP4, scale factors {} and {}{}",
      m, n, name(p.d), p.alpha == AlphaKind::None ? "" : "alpha * ", m, k, n, k,
      name(p.sfa), name(p.sfb), rangeText(p.m));
}

std::string describeCard(const Json &explanation, const GemmProblem &problem) {
  const Json &card = part(explanation, "card");
  if (problem.isGeneric())
    return fmt::format("{}: nothing is estimated where n=? and k=?.",
                       text(explanation, "chip"));
  if (!card.is_object())
    return fmt::format("{}: no card is known here, so nothing is estimated.",
                       text(explanation, "chip"));
  return fmt::format(
      "{} on {}: {:.0f} multiprocessors at {:.2f} GHz, {:.0f} "
      "MiB of L2, memory {:.0f} GB/s, peak {:.0f} TFLOP/s\n"
      "Estimates: counted, never measured.",
      text(explanation, "chip"), text(card, "name"),
      number(card, "multiprocessors"), number(card, "clock_mhz") / 1000,
      number(card, "l2_bytes") / (1 << 20),
      number(card, "memory_mb_per_second") / 1000, number(card, "peak_tflops"));
}

/// What a resource's time was counted from.
std::string countOf(const Json &of, const std::string &resource) {
  if (resource == "tensor cores")
    return fmt::format("{:.0f} cycles of the busiest multiprocessor",
                       number(of, "tensor_cycles"));
  if (resource == "issue")
    return fmt::format("{:.0f} cycles", number(of, "issue_cycles"));
  if (resource == "shared memory")
    return fmt::format("{:.0f} wavefronts", number(of, "shared_wavefronts"));
  if (resource == "L2")
    return bytesText(number(of, "l2_bytes"));
  if (resource == "memory")
    return bytesText(number(of, "memory_bytes"));
  return "what neither stages nor other tiles hide";
}

std::string describeResources(const Json &of) {
  std::string lines;
  double whole = number(of, "estimate_us");
  for (const Json &resource : part(of, "resources")) {
    double us = number(resource, "us");
    std::string name = text(resource, "name");
    lines += fmt::format("  {:<14}{:>12.2f} us{:>6.0f} %  {}\n", name, us,
                         whole == 0 ? 0 : us / whole * 100, countOf(of, name));
  }
  return lines;
}

std::string describeTiles(const Json &of, const Json &card) {
  return fmt::format(
      "  {:.0f} tile{}, {:.0f} at a time: {:.3g} waves, the last {:.1f} % "
      "full\n"
      "  {:.0f} of {:.0f} multiprocessors busy, {} in flight on each\n",
      number(of, "tiles"), number(of, "tiles") == 1 ? "" : "s",
      number(of, "ctas_at_a_time"), number(of, "waves"),
      number(of, "last_wave_fill") * 100, number(of, "multiprocessors_busy"),
      number(card, "multiprocessors"),
      bytesText(number(of, "bytes_in_flight")));
}

/// A schedule and what it would cost. Schedules are of many lengths, so they
/// come last.
std::string describeChoice(int place, const Json &one) {
  return fmt::format("  {:>3}  {:>10.2f} us  {:<14}{}\n", place,
                     number(one, "estimate_us"), text(one, "bound"),
                     text(one, "schedule"));
}

std::string describeChoices(const Json &choices) {
  std::string lines;
  int place = 0;
  for (const Json &one : choices)
    lines += describeChoice(++place, one);
  return lines;
}

/// What is taken where none is named, why, and the runners-up.
std::string describeSelection(const Json &explanation) {
  const Json &selection = part(explanation, "selection");
  if (selection.empty())
    return "";
  return fmt::format("\n`nybl compile` takes {}:\n  {}\n",
                     text(selection, "schedule"), text(selection, "why")) +
         describeChoices(part(selection, "shortlist"));
}

/// Of accumulators each stage: these are few, and tiles have them by turns.
std::string describeColumns(const Json &columns) {
  double first = number(columns, "first"), each = number(columns, "columns"),
         stages = number(columns, "stages");
  std::string holds = text(columns, "holds"), lines;
  bool apart = holds == "accumulators";
  for (double stage = 0; stage < (apart ? stages : 1); ++stage) {
    double from = first + stage * each;
    lines += fmt::format(
        "  {:>3.0f} to {:>3.0f}  {}, {}\n", from,
        from + (apart ? 1 : stages) * each - 1, holds,
        apart ? fmt::format("stage {:.0f}", stage)
              : fmt::format("{:.0f} slots of {:.0f} columns", stages, each));
  }
  return lines;
}

std::string describeTensorMemory(const Json &explanation) {
  const Json &memory = part(explanation, "tensor_memory");
  if (memory.empty())
    return "";
  std::string lines =
      fmt::format("\nTensor memory: {:.0f} columns, of which {:.0f} are used\n",
                  number(memory, "columns"), number(memory, "used"));
  for (const Json &columns : part(memory, "map"))
    lines += describeColumns(columns);
  return lines;
}

std::string describeBest(const Json &launch) {
  return "  the best of all by the estimate:\n" +
         describeChoices(part(launch, "best"));
}

std::string describeLaunch(const Json &explanation, const Json &launch) {
  if (number(launch, "m") == 0)
    return "\nM = 0: nothing is launched\n";
  const Json &of = part(launch, "chosen");
  bool forced = part(explanation, "forced") == Json(true);
  double place = number(launch, "place");
  std::string lines = fmt::format(
      "\nM = {:.0f}, {} ({}{})\n", number(launch, "m"), text(of, "schedule"),
      forced ? "as asked for" : "what `nybl compile` takes",
      place == 0 ? std::string()
                 : fmt::format(", number {:.0f} of {:.0f} by the estimate",
                               place, number(launch, "candidates")));
  lines += fmt::format("  estimate {:.2f} us, {:.4g} TFLOP/s, {:.1f} % of the "
                       "peak; bound by {}\n",
                       number(of, "estimate_us"), number(of, "tflops"),
                       number(of, "of_peak") * 100, text(of, "bound"));
  lines += describeResources(of) + describeTiles(of, part(explanation, "card"));
  std::string named = text(launch, "if_m_is_named");
  if (!forced && !named.empty() && named != text(of, "schedule"))
    lines += fmt::format("  with m={:.0f} in the problem line: {}\n",
                         number(launch, "m"), named);
  return lines + describeBest(launch);
}

/// One line for each M.
std::string describeRows(const Json &launches) {
  std::string lines =
      fmt::format("\n{:>6}{:>14}{:>10}  {:<14}{:>14}  {}\n", "M", "estimate us",
                  "TFLOP/s", "bound by", "best us", "the best by the estimate");
  for (const Json &launch : launches) {
    const Json &of = part(launch, "chosen"), &all = part(launch, "best");
    Json best = all.empty() ? Json::object() : *all.begin();
    lines += fmt::format("{:>6.0f}{:>14.2f}{:>10.4g}  {:<14}{:>14.2f}  {}\n",
                         number(launch, "m"), number(of, "estimate_us"),
                         number(of, "tflops"), text(of, "bound"),
                         number(best, "estimate_us"), text(best, "schedule"));
  }
  return lines;
}

std::string describeAll(const Json &explanation, const GemmProblem &problem) {
  const Json &launches = part(explanation, "launches");
  std::string lines =
      fmt::format("{}\n{}\n{}\n", print(problem), describeProblem(problem),
                  describeCard(explanation, problem));
  lines += describeSelection(explanation) + describeTensorMemory(explanation);
  if (launches.size() > 1)
    lines += describeRows(launches);
  return launches.empty()
             ? lines
             : lines + describeLaunch(explanation, *(launches.end() - 1));
}

Status runExplain(const Options &options) {
  // Before the compiler is loaded: bad input is bad input, compiler or not.
  auto problem = parseAnyProblem(options.problem);
  if (!problem)
    return problem.status();
  auto provider = library::Provider::load(options.jit);
  if (!provider)
    return provider.status();
  NyblExplainRequest request = {};
  request.problem = options.problem.c_str();
  request.chip = options.chip.c_str();
  request.card = orNull(options.card);
  request.schedule = orNull(options.schedule);
  request.m = options.m ? &*options.m : nullptr;
  auto made = provider->explain(request);
  if (!made)
    return made.status();
  Json json = Json::parse(*made, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object())
    return Status::environment("the compiler's estimates: expected a JSON "
                               "object; install libnybl_jit.so of this "
                               "version");
  auto *gemm = std::get_if<GemmProblem>(&*problem);
  printOut(options.json ? *made + "\n"
           : gemm       ? describeAll(json, *gemm)
                        : describeMovement(json, *problem));
  return Status::ok();
}

/// What was given empty would read as not given.
std::string expectText(const std::string &text) {
  return text.empty() ? "expected a value, got an empty one" : "";
}

/// CLI11 reads 010 as eight, and what no 64 bits hold as the largest.
std::string expectNumber(const std::string &text) {
  bool plain = !text.empty() && text.size() < 19 &&
               text.find_first_not_of("0123456789") == std::string::npos &&
               (text.size() == 1 || text[0] != '0');
  return plain ? "" : "expected a decimal number of rows, got '" + text + "'";
}

} // namespace

void nybl::cli::addExplain(CLI::App &app, int &code) {
  auto options = std::make_shared<Options>();
  CLI::App *verb = app.add_subcommand(
      "explain", "Estimate what the kernel of a problem would cost, and what "
                 "other schedules would");
  verb->add_option("problem", options->problem, "the problem line")->required();
  verb->add_option("--chip", options->chip, "full chip name, as sm_120a")
      ->required();
  verb->add_option("--card", options->card,
                   "the card, as rtx-5090; without it the chip's reference "
                   "product")
      ->check(expectText);
  verb->add_option("--m", options->m,
                   "rows of A; without it the problem's, or some of them")
      ->check(expectNumber);
  verb->add_option("--schedule", options->schedule,
                   "\"key=value ...\"; without it what `nybl compile` takes")
      ->check(expectText);
  verb->add_option("--jit", options->jit, "path of libnybl_jit.so");
  verb->add_flag("--json", options->json, "print one JSON object");
  verb->callback([options, &code] { code = report(runExplain(*options)); });
}
