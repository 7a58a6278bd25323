// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Running, judging, counting.

#include "tests/Mutation/Outcomes.h"
#include "compiler/Driver/Expectations.h"
#include "tests/Mutation/PtxMutants.h"
#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace nybl;
using namespace nybl::mutation;

unsigned nybl::mutation::placesOfEach() {
  const char *text = std::getenv("NYBL_MUTANTS_EACH");
  return text ? static_cast<unsigned>(std::atoi(text)) : 1;
}

std::vector<Outcome> nybl::mutation::runSubject(Subject &subject, unsigned each,
                                                unsigned perTarget) {
  std::vector<Mutant> mutants = mutantsOf(subject.kernel());
  if (each > 0)
    mutants = sample(mutants, each, perTarget);
  std::vector<Outcome> outcomes;
  for (const Mutant &mutant : mutants) {
    auto copy = apply(*subject.module, mutant);
    outcomes.push_back(
        {subject.name, mutant, findTruth(subject, mutant, *copy), Judged{}});
  }
  for (Outcome &outcome : outcomes)
    if (outcome.isValid())
      outcome.judged = judge(*apply(*subject.module, outcome.mutant));
  return outcomes;
}

namespace {

/// Rows of the table.
struct Counts {
  unsigned harmfulRefuted = 0, harmfulNotProven = 0, harmfulProven = 0;
  unsigned harmlessProven = 0, harmlessNotProven = 0, harmlessRefuted = 0;
  unsigned invalid = 0;

  void add(const Outcome &o) {
    bool refuted = o.judged.judgement == Judgement::Refuted;
    bool proven = o.judged.judgement == Judgement::Proven;
    if (o.truth.verdict == Verdict::Invalid)
      ++invalid;
    else if (o.truth.verdict == Verdict::Harmful)
      ++(refuted ? harmfulRefuted : proven ? harmfulProven : harmfulNotProven);
    else
      ++(refuted  ? harmlessRefuted
         : proven ? harmlessProven
                  : harmlessNotProven);
  }
  unsigned valid() const {
    return harmfulRefuted + harmfulNotProven + harmfulProven + harmlessProven +
           harmlessNotProven + harmlessRefuted;
  }
};

void printTable(const std::map<std::string, Counts> &table) {
  fmt::print("{:<28}{:>8}{:>10}{:>8}{:>8}{:>10}{:>8}{:>8}\n", "",
             "harmful:", "", "", "harmless", "", "", "invalid");
  fmt::print("{:<28}{:>8}{:>10}{:>8}{:>8}{:>10}{:>8}{:>8}\n", "operators",
             "refuted", "not prvn", "proven", "proven", "not prvn", "refuted",
             "");
  for (const auto &[row, c] : table)
    fmt::print("{:<28}{:>8}{:>10}{:>8}{:>8}{:>10}{:>8}{:>8}\n", row,
               c.harmfulRefuted, c.harmfulNotProven, c.harmfulProven,
               c.harmlessProven, c.harmlessNotProven, c.harmlessRefuted,
               c.invalid);
}

const char *word(Verdict verdict) {
  constexpr const char *words[] = {"invalid", "harmless", "harmful"};
  return words[static_cast<unsigned>(verdict)];
}

const char *word(Judgement judgement) {
  constexpr const char *words[] = {"proven", "refuted", "not proven"};
  return words[static_cast<unsigned>(judgement)];
}

void writeJson(const std::vector<Outcome> &outcomes) {
  const char *path = std::getenv("NYBL_MUTANTS_JSON");
  if (!path)
    return;
  nlohmann::json list = nlohmann::json::array();
  for (const Outcome &o : outcomes)
    list.push_back({{"subject", o.subject},
                    {"operator", o.mutant.op->name},
                    {"target", name(o.mutant.op->target).str()},
                    {"site", o.mutant.site},
                    {"where", o.mutant.where},
                    {"truth", word(o.truth.verdict)},
                    {"how", o.truth.how},
                    {"harm", o.truth.text},
                    {"prover", word(o.judged.judgement)},
                    {"says", o.judged.text}});
  std::ofstream(path) << list.dump(2) << "\n";
}

std::string describe(const Outcome &o) {
  return fmt::format("{} at {} ({}): {} {} {}; the prover: {} {}",
                     o.mutant.op->name, o.mutant.where, o.subject,
                     word(o.truth.verdict), o.truth.how, o.truth.text,
                     word(o.judged.judgement), o.judged.text);
}

} // namespace

void nybl::mutation::expectSound(const std::vector<Outcome> &outcomes) {
  for (const Outcome &o : outcomes) {
    bool harmful = o.truth.verdict == Verdict::Harmful;
    bool harmless = o.truth.verdict == Verdict::Harmless;
    // Another epilogue is another result of the same inputs: no lemma speaks
    // of it, as long as nothing else shows.
    if (o.mutant.op->target == Target::Epilogue && o.truth.how == "wrong")
      continue;
    EXPECT_FALSE(harmful && o.judged.judgement == Judgement::Proven)
        << describe(o);
    EXPECT_FALSE(harmless && o.judged.judgement == Judgement::Refuted)
        << describe(o);
  }
}

void nybl::mutation::expectHarmless(Subject &subject) {
  mlir::OwningOpRef<mlir::ModuleOp> copy = subject.module->clone();
  Operator none{"none", Target::Wrap, {}};
  Truth truth = findTruth(subject, {&none, 0, ""}, *copy);
  EXPECT_EQ(truth.verdict, Verdict::Harmless)
      << subject.name << ": " << truth.how << " " << truth.text;
}

void nybl::mutation::expectLintFindsPromised(Subject &subject) {
  compiler::PtxCounts counts = compiler::countInstructions(subject.kernel());
  mlir::OwningOpRef<mlir::ModuleOp> copy = subject.module->clone();
  auto lowered = lower(subject, *copy);
  ASSERT_TRUE(lowered) << lowered.message();
  const std::string &kernel = lowered->manifest.kernel;
  EXPECT_TRUE(compiler::lintPtx(lowered->ptx, kernel, counts));
  unsigned promised = 0;
  for (const PtxMutant &mutant : ptxMutantsOf(lowered->ptx))
    if (mutant.isPromised) {
      ++promised;
      EXPECT_FALSE(compiler::lintPtx(mutant.ptx, kernel, counts))
          << subject.name << ": " << mutant.op << " at line " << mutant.line
          << ": " << mutant.what;
    }
  EXPECT_GE(promised, 30u) << subject.name;
}

Valid nybl::mutation::countValid(const std::vector<Outcome> &outcomes) {
  Valid valid;
  for (const Outcome &o : outcomes)
    valid[o.mutant.op->target] += o.isValid();
  return valid;
}

void nybl::mutation::report(const std::vector<Outcome> &outcomes) {
  std::map<std::string, Counts> table;
  for (const Outcome &o : outcomes) {
    table[name(o.mutant.op->target).str()].add(o);
    table["~ all"].add(o);
  }
  printTable(table);
  writeJson(outcomes);
}
