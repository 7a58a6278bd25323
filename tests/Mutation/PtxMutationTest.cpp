// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Mutants of the PTX: behind the proof stand the lint and the emulated runs.
// Whatever a thorough run finds wrong, the lint or the usual run must find;
// what the lint promises, the lint must.

#include "compiler/Driver/Expectations.h"
#include "tests/Mutation/GroundTruth.h"
#include "tests/Mutation/PtxMutants.h"
#include "tools/emulator/include/nybl-emu.h"
#include <cstdlib>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <map>
#include <regex>

using namespace nybl;
using namespace nybl::mutation;

namespace {

struct Row {
  unsigned lint = 0, run = 0, harmless = 0, invalid = 0, missed = 0;
};

/// Every tail of rows, several grids, other orders of warps.
std::vector<Trial> thoroughTrials() {
  std::vector<Trial> trials;
  for (int64_t m = 1; m <= 33; ++m)
    trials.push_back(
        {m, static_cast<unsigned>(m % 4),
         m % 2 ? NYBL_EMU_SCHEDULE_RANDOM : NYBL_EMU_SCHEDULE_ADVERSARY,
         m % 3 == 0});
  for (int64_t m : {127, 128, 129, 257})
    trials.push_back({m, 0, NYBL_EMU_SCHEDULE_RANDOM, false});
  return trials;
}

class PtxMutation : public testing::Test {
protected:
  void SetUp() override {
    auto made = Subject::make("gemm n=40 k=80 sfa=128x4 sfb=8x4 d=bf16",
                              "tile=16x32x64 warps=1x2");
    ASSERT_TRUE(made) << made.message();
    subject = std::move(*made);
    counts = compiler::countInstructions(subject->kernel());
    mlir::OwningOpRef<mlir::ModuleOp> copy = subject->module->clone();
    auto result = lower(*subject, *copy);
    ASSERT_TRUE(result) << result.message();
    lowered = *result;
    auto bed =
        Bed::make(subject->problem, thoroughTrials(), subject->partElements);
    ASSERT_TRUE(bed) << bed.message();
    thorough = std::move(*bed);
  }

  /// Adds to the table; what is wrong with the mutant's fate, in words.
  std::string place(const PtxMutant &mutant, Row &row);

  std::unique_ptr<Subject> subject;
  compiler::PtxCounts counts;
  Lowered lowered;
  std::unique_ptr<Bed> thorough;
};

std::string PtxMutation::place(const PtxMutant &mutant, Row &row) {
  std::string at =
      fmt::format("{} at line {}: {}", mutant.op, mutant.line, mutant.what);
  Status lint = compiler::lintPtx(mutant.ptx, lowered.manifest.kernel, counts);
  if (!lint) {
    ++row.lint;
    return "";
  }
  if (mutant.isPromised) {
    ++row.missed;
    return at + ": the lint is silent";
  }
  auto usual = subject->bed->run(mutant.ptx, lowered.manifest);
  if (usual) {
    ++(usual->sign == Sign::Refused ? row.invalid : row.run);
    return "";
  }
  auto symptom = thorough->run(mutant.ptx, lowered.manifest);
  ++(symptom ? row.missed : row.harmless);
  return symptom ? at + ": only the thorough run finds " + symptom->text : "";
}

/// Every how many-th mutant is tried; all where more places are asked for.
size_t stride() { return std::getenv("NYBL_MUTANTS_EACH") ? 1 : 4; }

TEST_F(PtxMutation, LintAndRunsFindWhatIsWrong) {
  std::vector<PtxMutant> mutants = ptxMutantsOf(lowered.ptx);
  std::map<std::string, Row> table;
  std::string last;
  size_t number = 0;
  for (const PtxMutant &mutant : mutants) {
    number = mutant.op == last ? number + 1 : 0;
    last = mutant.op;
    if (number % stride() != 0)
      continue;
    std::string wrong = place(mutant, table[mutant.op]);
    EXPECT_EQ(wrong, "");
  }
  fmt::print("{:<20}{:>8}{:>8}{:>10}{:>9}{:>8}\n", "PTX operators", "lint",
             "run", "harmless", "invalid", "missed");
  for (const auto &[op, row] : table)
    fmt::print("{:<20}{:>8}{:>8}{:>10}{:>9}{:>8}\n", op, row.lint, row.run,
               row.harmless, row.invalid, row.missed);
}

/// What the lint cannot count of the turns of a tile's parts, the runs find.
TEST(PtxParts, BrokenTurnsAreFound) {
  auto subject =
      Subject::make("gemm n=40 k=128 d=f32", "tile=16x32x64 warps=1x2 split=2");
  ASSERT_TRUE(subject) << subject.message();
  mlir::OwningOpRef<mlir::ModuleOp> copy = (*subject)->module->clone();
  auto lowered = lower(**subject, *copy);
  ASSERT_TRUE(lowered) << lowered.message();
  Bed &bed = *(*subject)->bed;
  auto symptom = bed.run(lowered->ptx, lowered->manifest);
  EXPECT_FALSE(symptom) << symptom->text;
  const std::tuple<const char *, const char *, const char *> edits[] = {
      {"nobody waits", "@others bra turn_\\d+;", ""},
      {"the counter stays", "(st\\.release\\S+ \\[%rd\\d+\\]), %r\\d+;",
       "$1, 1;"}};
  for (auto [name, from, to] : edits) {
    std::string broken = std::regex_replace(lowered->ptx, std::regex(from), to);
    ASSERT_NE(broken, lowered->ptx) << name;
    EXPECT_TRUE(bed.run(broken, lowered->manifest)) << name;
  }
}

TEST_F(PtxMutation, TheKernelItselfPasses) {
  EXPECT_TRUE(compiler::lintPtx(lowered.ptx, lowered.manifest.kernel, counts));
  for (Bed *bed : {subject->bed.get(), thorough.get()}) {
    auto symptom = bed->run(lowered.ptx, lowered.manifest);
    EXPECT_FALSE(symptom) << symptom->text;
  }
}

} // namespace
