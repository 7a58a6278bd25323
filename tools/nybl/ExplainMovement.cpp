// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What nybl explain says of kernels that move bytes and multiply nothing.

#include "tools/nybl/Command.h"
#include "tools/nybl/Explanation.h"
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::cli;
using namespace nybl::cli::explanation;

namespace {

std::string globalText(GlobalKind global, const char *ofNone) {
  return global == GlobalKind::None
             ? ofNone
             : fmt::format("the {} scale of the tensor", name(global));
}

std::string describeProblem(const QuantizeProblem &p) {
  std::string m = rowsText(p.m);
  return fmt::format(
      "q [{}, {}] in NVFP4, scale factors {}, from x [{}, {}] in {} by {}; "
      "math={}{}",
      m, p.k, name(p.sf), m, p.xColumns(), name(p.x),
      globalText(p.global, "no other scale"), name(p.math), rangeText(p.m));
}

std::string describeProblem(const DequantizeProblem &p) {
  std::string m = rowsText(p.m);
  return fmt::format(
      "y [{}, {}] in {} from q [{}, {}] in NVFP4, scale factors {}, by {}{}", m,
      p.k, name(p.y), m, p.k, name(p.sf),
      globalText(p.global, "no other scale"), rangeText(p.m));
}

/// Products have an explanation of their own.
std::string describeProblem(const GemmProblem &) { return ""; }

std::string describeKernel(const Json &explanation) {
  const Json &selection = part(explanation, "selection"),
             &tile = part(explanation, "tile");
  double blocks = number(tile, "blocks_per_thread");
  std::string taken =
      fmt::format("\n`nybl compile` takes {}:\n  {}\n",
                  text(selection, "schedule"), text(selection, "why"));
  return taken +
         fmt::format(
             "Tiles of {:.0f} rows and {:.0f} columns{}, each by {:.0f} "
             "threads with {:.0f} block{} of 16 elements in "
             "registers; no shared memory, one pass.\n",
             number(tile, "rows"), number(tile, "columns"),
             part(explanation, "forced") == Json(true) ? ", as asked for" : "",
             number(tile, "threads"), blocks, blocks == 1 ? "" : "s");
}

/// The columns of the cards, of which all launches have the same.
std::string describeCards(const Json &launches) {
  std::string line;
  for (const Json &card : part(*launches.begin(), "cards"))
    line += fmt::format("{:>12} us     ", text(card, "name"));
  return line;
}

std::string describeLaunch(const Json &launch) {
  std::string line = fmt::format(
      "{:>10.0f}{:>12}{:>12}{:>10.0f}", number(launch, "m"),
      bytesText(number(launch, "read_bytes")),
      bytesText(number(launch, "written_bytes")), number(launch, "tiles"));
  for (const Json &card : part(launch, "cards"))
    line += fmt::format("{:>12.2f} {:<7}", number(card, "estimate_us"),
                        text(card, "bound"));
  return line + "\n";
}

std::string describeLaunches(const Json &explanation) {
  const Json &launches = part(explanation, "launches");
  if (launches.empty())
    return "";
  if (number(*launches.begin(), "m") == 0)
    return "\nM = 0: nothing is launched\n";
  std::string lines = fmt::format("\n{:>10}{:>12}{:>12}{:>10}{}\n", "M", "read",
                                  "written", "tiles", describeCards(launches));
  for (const Json &launch : launches)
    lines += describeLaunch(launch);
  return lines;
}

std::string describeRates(const Json &explanation) {
  const Json &launches = part(explanation, "launches");
  if (launches.empty() || number(*launches.begin(), "m") == 0)
    return "";
  const Json &cards = part(*launches.begin(), "cards");
  if (cards.empty())
    return fmt::format("{}: no card is known here, so no time is estimated.\n",
                       text(explanation, "chip"));
  std::string rates;
  for (const Json &card : cards)
    rates += fmt::format("{}{} {:.0f} GB/s", rates.empty() ? "" : ", ",
                         text(card, "name"),
                         number(card, "memory_mb_per_second") / 1000);
  return fmt::format(
      "memory: each byte once, at nine tenths of the card's rate ({}); what L2 "
      "still holds of the kernel before comes faster.\n"
      "issue: {:.0f} instructions of warps a tile. latency: one access to "
      "memory, which no launch is shorter than.\n",
      rates, number(*launches.begin(), "instructions_per_tile"));
}

} // namespace

std::string explanation::rowsText(const Extent &m) {
  return m.isFixed() ? std::to_string(m.low) : "M";
}

std::string explanation::rangeText(const Extent &m) {
  if (m.isFixed())
    return "";
  if (m.isFree())
    return "; any M";
  return m.high == Extent::unbounded
             ? fmt::format("; M from {} on", m.low)
             : fmt::format("; M from {} to {}", m.low, m.high);
}

std::string explanation::describeMovement(const Json &explanation,
                                          const AnyProblem &problem) {
  std::string said =
      std::visit([](const auto &p) { return describeProblem(p); }, problem);
  return fmt::format("{}\n{}\nEstimates: counted, never measured.\n",
                     print(problem), said) +
         describeKernel(explanation) + describeLaunches(explanation) +
         describeRates(explanation);
}
