// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Mutants of the PTX: behind the proof stand the lint and the emulated runs.
// Whatever a thorough run finds wrong, the lint or the usual run must find;
// what the lint promises, the lint must.

#include "compiler/Driver/Expectations.h"
#include "tests/Mutation/GroundTruth.h"
#include "tests/Mutation/PtxMutants.h"
#include "tools/emulator/include/nybl-emu.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
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

/// Tiles are of 128 rows: fewer tails.
std::vector<Trial> thoroughTensorTrials() {
  return {{31, 1, NYBL_EMU_SCHEDULE_RANDOM, true},
          {128, 0, NYBL_EMU_SCHEDULE_LAZY, false},
          {129, 2, NYBL_EMU_SCHEDULE_ADVERSARY, false},
          {300, 1, NYBL_EMU_SCHEDULE_RANDOM, false}};
}

/// The emulated chip of this process has tensor memory.
bool isTensor() {
  const char *chip = std::getenv("NYBL_EMU_CHIP");
  return chip && chip == std::string("sm_100a");
}

class PtxMutation : public testing::Test {
protected:
  void SetUp() override {
    auto made =
        isTensor()
            ? Subject::make("gemm n=136 k=160 sfa=128x4 sfb=8x4 d=bf16",
                            "kind=tmem tile=128x128x128 warps=4x1 stages=2 "
                            "fill=tma",
                            "sm_100a")
            : Subject::make("gemm n=40 k=80 sfa=128x4 sfb=8x4 d=bf16",
                            "tile=16x32x64 warps=1x2");
    ASSERT_TRUE(made) << made.message();
    subject = std::move(*made);
    counts = compiler::countInstructions(subject->kernel());
    mlir::OwningOpRef<mlir::ModuleOp> copy = subject->module->clone();
    auto result = lower(*subject, *copy);
    ASSERT_TRUE(result) << result.message();
    lowered = *result;
    auto bed = Bed::make(subject->problem,
                         isTensor() ? thoroughTensorTrials() : thoroughTrials(),
                         subject->partElements);
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

/// Every how many-th of an operator's mutants is tried; all where more places
/// are asked for. A kernel with tensor memory takes its time to run, not to be
/// looked at by the lint.
size_t stride(const PtxMutant &mutant, size_t count) {
  const char *each = std::getenv("NYBL_MUTANTS_EACH");
  if (!isTensor())
    return each ? 1 : 4;
  return mutant.isPromised ? 1 : llvm::divideCeil(count, each ? 24 : 6);
}

TEST_F(PtxMutation, LintAndRunsFindWhatIsWrong) {
  std::vector<PtxMutant> mutants = ptxMutantsOf(lowered.ptx);
  std::map<std::string, Row> table;
  std::map<std::string, size_t> countOf;
  for (const PtxMutant &mutant : mutants)
    ++countOf[mutant.op];
  std::string last;
  size_t number = 0;
  for (const PtxMutant &mutant : mutants) {
    number = mutant.op == last ? number + 1 : 0;
    last = mutant.op;
    if (number % stride(mutant, countOf[mutant.op]) != 0)
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
  if (isTensor())
    GTEST_SKIP() << "no parts of tiles in tensor memory";
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

/// A line of the PTX that matches goes behind the first one that matches
/// `place`, or ahead of it.
std::string moveLine(const std::string &ptx, const char *line,
                     const char *place, bool ahead) {
  std::vector<std::string> lines;
  for (llvm::StringRef text : llvm::split(ptx, '\n'))
    lines.push_back(text.str());
  auto find = [&](const char *what) {
    return llvm::find_if(lines, [&](const std::string &text) {
      return std::regex_search(text, std::regex(what));
    });
  };
  auto found = find(line);
  if (found == lines.end())
    return ptx;
  std::string moved = *found;
  lines.erase(found);
  auto at = find(place);
  if (at == lines.end())
    return ptx;
  lines.insert(ahead ? at : at + 1, moved);
  return llvm::join(lines, "\n");
}

/// Nor can it count in which order things stand: each of these has all that the
/// kernel has.
TEST_F(PtxMutation, DisorderInTensorMemoryIsFound) {
  if (!isTensor())
    GTEST_SKIP() << "no tensor memory";
  struct Move {
    const char *name, *line, *place;
    bool ahead;
  };
  const Move moves[] = {
      {"freed while roles work", "tcgen05\\.dealloc", "fence::after", false},
      {"loaded before it is whole", "tcgen05\\.ld", "tcgen05\\.commit", true},
      {"committed before it is asked for", "^[[:space:]]*tcgen05\\.commit",
       "tcgen05\\.cp", true}};
  for (const Move &move : moves) {
    std::string broken =
        moveLine(lowered.ptx, move.line, move.place, move.ahead);
    ASSERT_TRUE(broken != lowered.ptx) << move.name; // each is long
    EXPECT_TRUE(subject->bed->run(broken, lowered.manifest)) << move.name;
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
