// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Mutants of our kernels. What each does is fixed first, by enumeration and by
// emulated runs; then the prover is asked. No harmful mutant may be proven, and
// no harmless one refuted.

#include "tests/Mutation/GroundTruth.h"
#include "tests/Mutation/Judge.h"
#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <nlohmann/json.hpp>

using namespace nybl;
using namespace nybl::mutation;

namespace {

struct Outcome {
  std::string subject;
  Mutant mutant;
  Truth truth;
  Judged judged;
};

/// Environment variables: how many places of each operator are tried (0: all),
/// and where the outcomes are written as JSON.
unsigned placesOfEach() {
  const char *text = std::getenv("NYBL_MUTANTS_EACH");
  return text ? static_cast<unsigned>(std::atoi(text)) : 1;
}

std::vector<Outcome> runSubject(Subject &subject, unsigned each) {
  std::vector<Mutant> mutants = mutantsOf(subject.kernel());
  if (each > 0)
    mutants = sample(mutants, each);
  std::vector<Outcome> outcomes;
  for (const Mutant &mutant : mutants) {
    auto copy = apply(*subject.module, mutant);
    outcomes.push_back(
        {subject.name, mutant, findTruth(subject, mutant, *copy), Judged{}});
  }
  for (Outcome &outcome : outcomes)
    if (outcome.truth.verdict != Verdict::Invalid)
      outcome.judged = judge(*apply(*subject.module, outcome.mutant));
  return outcomes;
}

/// "pingpong" of "kind=pingpong tile=..."; what names no kind is plain.
std::string kindOf(llvm::StringRef schedule) {
  bool named = schedule.consume_front("kind=");
  return named ? schedule.split(' ').first.str() : "plain";
}

unsigned countValid(const std::vector<Outcome> &outcomes) {
  return llvm::count_if(outcomes, [](const Outcome &o) {
    return o.truth.verdict != Verdict::Invalid;
  });
}

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

const char *const subjects[][2] = {
    {"gemm n=40 k=80 sfa=128x4 sfb=8x4 d=bf16", "tile=16x32x64 warps=1x2"},
    {"gemm n=56 k=144 sfa=8x4 sfb=linear d=f32", "tile=16x32x128 warps=1x2"},
    {"gemm n=40 k=272 sfa=128x4 sfb=8x4 d=bf16",
     "kind=multistage tile=16x32x64 warps=1x2 stages=3"},
    {"gemm n=104 k=144 sfa=128x4 sfb=8x4 d=bf16",
     "kind=multistage tile=32x128x64 warps=1x2 stages=3"},
    {"gemm n=40 k=272 sfa=128x4 sfb=8x4 d=bf16",
     "kind=cooperative tile=64x32x64 warps=4x1 stages=3 fill=async"},
    {"gemm n=40 k=80 sfa=128x4 sfb=8x4 d=f32",
     "kind=multistage tile=32x16x64 warps=1x1 stages=2 swap=ab"},
    {"gemm n=40 k=288 sfa=128x4 sfb=linear d=bf16",
     "kind=cooperative tile=64x32x64 warps=4x1 stages=3 fill=tma"},
    {"gemm n=40 k=144 sfa=128x4 sfb=8x4 d=bf16",
     "kind=pingpong tile=64x32x64 warps=4x1 stages=3 group=2"},
    {"gemm n=40 k=144 sfa=8x4 sfb=linear d=bf16",
     "kind=pingpong tile=32x64x64 warps=2x2 stages=3 store=tma"},
    {"gemm n=40 k=240 sfa=128x4 sfb=8x4 d=f32",
     "kind=cooperative tile=64x32x64 warps=4x1 stages=3 split=2"},
};

TEST(Mutation, NoHarmfulMutantIsProvenNoHarmlessOneRefuted) {
  std::vector<Outcome> all;
  std::map<std::string, unsigned> validOfKind;
  for (auto [line, schedule] : subjects) {
    auto subject = Subject::make(line, schedule);
    ASSERT_TRUE(subject) << subject.message();
    std::vector<Outcome> outcomes = runSubject(**subject, placesOfEach());
    validOfKind[kindOf(schedule)] += countValid(outcomes);
    llvm::append_range(all, outcomes);
  }
  std::map<std::string, Counts> table;
  std::map<Target, unsigned> valid;
  for (const Outcome &o : all) {
    table[name(o.mutant.op->target).str()].add(o);
    table["~ all"].add(o);
    valid[o.mutant.op->target] += o.truth.verdict != Verdict::Invalid;
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
  printTable(table);
  writeJson(all);
  EXPECT_GE(table["~ all"].valid(), 300u);
  for (const char *kind : {"plain", "multistage", "cooperative", "pingpong"})
    EXPECT_GE(validOfKind[kind], 30u) << kind;
  EXPECT_GE(valid[Target::DataLoad], 30u);
  EXPECT_GE(valid[Target::Launch], 30u);
  EXPECT_GE(valid[Target::Ring], 30u);
  EXPECT_GE(valid[Target::Role], 4u);
  EXPECT_GE(valid[Target::Output], 20u);
  EXPECT_GE(valid[Target::Part], 8u);
}

TEST(Mutation, TheKernelsThemselvesAreHarmless) {
  for (auto [line, schedule] : subjects) {
    auto subject = Subject::make(line, schedule);
    ASSERT_TRUE(subject) << subject.message();
    mlir::OwningOpRef<mlir::ModuleOp> copy = (*subject)->module->clone();
    Operator none{"none", Target::Wrap, {}};
    Truth truth = findTruth(**subject, {&none, 0, ""}, *copy);
    EXPECT_EQ(truth.verdict, Verdict::Harmless) << truth.how << truth.text;
  }
}

} // namespace
