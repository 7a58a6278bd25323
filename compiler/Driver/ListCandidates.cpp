// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The candidates of a problem, as text.

#include "compiler/Driver/Compiler.h"
#include "compiler/Select/Candidates.h"
#include "compiler/Select/Select.h"
#include "runtime/Abi/KernelProvider.h"
#include <fmt/format.h>
#include <nlohmann/json.hpp>

using namespace nybl;
using namespace nybl::compiler;
using Json = nlohmann::ordered_json;

static Json describeCandidate(const Candidate &candidate) {
  const Estimate &e = candidate.estimate;
  Json resources = Json::array();
  for (size_t i = 0; i < resourceCount; ++i)
    resources.push_back(
        {{"name", name(static_cast<Resource>(i))}, {"us", e.seconds[i] * 1e6}});
  return {{"schedule", print(candidate.schedule)},
          {"estimate_us", e.time() * 1e6},
          {"bound", name(e.bound)},
          {"resources", resources}};
}

Expected<std::string>
nybl::compiler::listCandidates(std::string_view problemLine,
                               std::string_view chipName,
                               const CandidatesOptions &options) {
  Expected<GemmProblem> parsed = parseProblem(problemLine);
  if (!parsed)
    return parsed.status();
  GemmProblem problem = specialise(*parsed);
  if (problem.n == 0)
    return Status::invalid("a problem with n=0 needs no kernel");
  if (problem.isGeneric())
    return Status::invalid(
        "schedules are ranked for numbers of n and k: expected both, got n=? "
        "k=?");
  constexpr int64_t mostRows = int64_t(1) << 31; // the arithmetic stays exact
  if (options.m < 1 || options.m > mostRows)
    return Status::invalid(fmt::format(
        "expected a number of rows from 1 to {}, got {}", mostRows, options.m));
  Expected<const Chip *> chip = findChip(chipName);
  if (!chip)
    return chip.status();
  if (Expected<Selection> selection = select(problem, **chip); !selection)
    return selection.status(); // the chip cannot multiply at all
  Expected<const Card *> card = findCard(options.card, **chip);
  if (!card)
    return card.status();
  // Who tunes a problem launches it as before, without a workspace.
  std::vector<Schedule> all = candidates(problem, **chip);
  std::erase_if(all, [](const Schedule &s) { return s.split > 1; });
  auto ranked = rank(all, problem, options.m, **chip, **card);
  if (!ranked)
    return ranked.status();
  size_t total = 0;
  Json listed = Json::array();
  for (const Candidate &candidate : *ranked) {
    if (!validate(candidate.schedule, **chip, problem))
      continue; // as TMA with rows that are no multiple of 16 bytes
    if (options.most == 0 || total < options.most)
      listed.push_back(describeCandidate(candidate));
    ++total;
  }
  Json json = {{"problem", print(problem)},
               {"chip", (*chip)->name},
               {"card", (*card)->name},
               {"m", options.m},
               {"total", total},
               {"candidates", std::move(listed)}};
  return std::string(NYBL_CANDIDATES_HEADER "\n") + json.dump();
}
