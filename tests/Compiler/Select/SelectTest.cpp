// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is chosen, for whom, and that it is the same for all of a class.

#include "compiler/Select/Select.h"
#include <algorithm>
#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::compiler;

namespace {

const Chip &chip() { return **findChip("sm_120a"); }

Selection chosen(const std::string &line) {
  return *select(specialise(*parseProblem(line)), chip());
}

TEST(Select, RefusesChipsWithoutTheMultiply) {
  GemmProblem p = *parseProblem("gemm n=8 k=32");
  for (const Chip &chip : chips()) {
    auto selection = select(p, chip);
    EXPECT_EQ(static_cast<bool>(selection), chip.blockScaledMma || chip.tcgen05)
        << chip.name;
    if (!selection) {
      EXPECT_EQ(selection.status().code(), ErrorCode::Refused);
      EXPECT_NE(selection.message().find(chip.name), std::string::npos);
    }
  }
}

TEST(Select, TakesTensorMemoryWhereAChipHasIt) {
  const Chip &chip = **findChip("sm_100a");
  auto selection = select(specialise(*parseProblem("gemm n=200 k=352")), chip);
  ASSERT_TRUE(selection) << selection.message();
  EXPECT_TRUE(selection->schedule.inTensorMemory());
  // TMA copies rows of whole 16 bytes.
  auto refused = select(specialise(*parseProblem("gemm n=200 k=48")), chip);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.status().code(), ErrorCode::Refused);
  EXPECT_NE(refused.message().find("expected k to be a multiple of 32"),
            std::string::npos)
      << refused.message();
  EXPECT_NE(refused.message().find("give a and b columns of zeros up to"),
            std::string::npos)
      << refused.message();
}

/// One schedule for any N and K; those that need numbers are refused.
TEST(Select, OneScheduleForAnyNAndK) {
  GemmProblem any = *parseProblem("gemm n=? k=? sfb=linear d=f32");
  for (auto [name, kind] :
       {std::pair("sm_120a", "cooperative"),
        std::pair("sm_121a", "cooperative"), std::pair("sm_100a", "tmem"),
        std::pair("sm_103a", "tmem")}) {
    const Chip &chip = **findChip(name);
    auto selection = select(any, chip);
    ASSERT_TRUE(selection) << selection.message();
    EXPECT_EQ(selection->schedule.kind, kind);
    EXPECT_EQ(selection->why, "what serves any N and K; no other is tried");
    EXPECT_TRUE(validate(selection->schedule, chip, any));
    Schedule split = selection->schedule;
    split.split = 2;
    EXPECT_FALSE(validate(split, chip, any));
    Schedule group = selection->schedule;
    group.group = 8;
    EXPECT_FALSE(validate(group, chip, any));
  }
  for (const char *schedule :
       {"kind=multistage", "kind=cooperative stages=2 store=tma"})
    EXPECT_NE(validate(*parseSchedule(schedule), chip(), any)
                  .message()
                  .find("where n=? and k=?"),
              std::string::npos)
        << schedule;
}

/// What is chosen is in the space that is searched, in which all can be laid
/// out.
TEST(Select, TakesTilesOfTensorMemoryOfTheSpace) {
  const Chip &chip = **findChip("sm_100a");
  for (const char *line :
       {"gemm n=4096 k=7168", "gemm n=30 k=7168", "gemm n=4096 k=7168 m=5"}) {
    GemmProblem p = specialise(*parseProblem(line));
    std::vector<Schedule> space = candidates(p, chip);
    EXPECT_GT(space.size(), 100u);
    for (const Schedule &s : space)
      EXPECT_TRUE(validate(s, chip, p)) << print(s);
    EXPECT_TRUE(std::ranges::find(space, select(p, chip)->schedule) !=
                space.end())
        << line;
  }
}

/// Of large products the chosen schedule can reach the peak, by what it reads:
/// a step of 64 of K takes half as many cycles as multiplies have columns, and
/// a row of it is read in a quarter of one.
TEST(Select, TakesTilesOfTensorMemoryThatCanReachThePeak) {
  const Chip &chip = **findChip("sm_100a");
  for (const char *line : {"gemm n=4096 k=7168", "gemm n=28672 k=4096",
                           "gemm n=7168 k=2048 m=8192"}) {
    Schedule s = select(specialise(*parseProblem(line)), chip)->schedule;
    EXPECT_LT(double(s.multiplyRows() + s.multiplyColumns()) / 4,
              double(s.multiplyColumns()) / 2)
        << line << ": " << print(s);
  }
}

/// Few rows or few columns are the columns of multiplies, and those few: where
/// no card is known, by a count.
TEST(Select, TakesTilesOfTensorMemoryBySize) {
  const Chip &chip = **findChip("sm_110a");
  auto tile = [&](const std::string &line) {
    Schedule s = select(specialise(*parseProblem("gemm k=7168 " + line)), chip)
                     ->schedule;
    return std::pair(s.multiplyColumns(), s.swapped);
  };
  EXPECT_EQ(tile("n=4096"), std::pair(int64_t(128), false));
  EXPECT_EQ(tile("n=24"), std::pair(int64_t(32), false));
  EXPECT_EQ(tile("n=200"), std::pair(int64_t(128), false));
  EXPECT_EQ(tile("n=4096 m=5"), std::pair(int64_t(16), true));
  EXPECT_EQ(tile("n=4096 m=50"), std::pair(int64_t(64), true));
  EXPECT_EQ(tile("n=4096 m=128"), std::pair(int64_t(128), false));
}

/// Who converts to e2m1, quantises.
TEST(Select, SaysWhyAChipDoesNotQuantise) {
  QuantizeProblem problem = *parseQuantize("quantize k=384");
  for (const Chip &chip : chips()) {
    auto selected = select(problem, chip);
    EXPECT_EQ(bool(selected), chip.cvtE2m1) << chip.name;
    if (!selected) {
      EXPECT_EQ(selected.status().code(), ErrorCode::Refused);
      EXPECT_EQ(selected.message().find(std::string(chip.name) +
                                        " has no conversions of e2m1"),
                0u)
          << selected.message();
      EXPECT_NE(selected.message().find("sm_100a, sm_100f, sm_103a, sm_110a, "
                                        "sm_120a, sm_120f, sm_121a"),
                std::string::npos)
          << selected.message();
    }
  }
}

/// On every chip that has the multiply, whatever the problem: roles, by TMA
/// where rows are whole 16 bytes.
TEST(Select, AlwaysGivesRolesThatTheProblemAllows) {
  for (const Chip &chip : chips())
    for (const char *m : {"?", "1", "17", "1..64", "100", "5000"})
      for (int64_t n : {1, 8, 200, 4096, 51200})
        for (int64_t k : {16, 32, 48, 7168, 25600}) {
          if (!chip.blockScaledMma)
            continue;
          GemmProblem p = specialise(*parseProblem("gemm m=" + std::string(m) +
                                                   " n=" + std::to_string(n) +
                                                   " k=" + std::to_string(k)));
          auto selection = select(p, chip);
          ASSERT_TRUE(selection) << selection.message();
          const Schedule &s = selection->schedule;
          EXPECT_TRUE(s.hasRoles()) << print(p) << " on " << chip.name;
          EXPECT_TRUE(validate(s, chip, p)) << print(s) << " of " << print(p);
          EXPECT_EQ(s.byTma, k % 32 == 0) << print(s) << " of " << print(p);
          EXPECT_FALSE(selection->why.empty());
        }
}

TEST(Select, TakesTheBestOfItsListByTheEstimate) {
  for (const char *m : {"16", "128", "?"}) {
    Selection s = chosen("gemm n=4096 k=7168 m=" + std::string(m));
    ASSERT_GE(s.shortlist.size(), 8u);
    EXPECT_LE(s.shortlist.size(), 16u);
    EXPECT_EQ(s.schedule, s.shortlist.front().schedule);
    for (const Candidate &candidate : s.shortlist)
      EXPECT_GE(candidate.estimate.time() + 1e-11,
                s.shortlist.front().estimate.time());
  }
}

/// What is on the list is in the space that is searched.
TEST(Select, TheListIsPartOfTheSpace) {
  for (const char *line : {"gemm n=4096 k=7168", "gemm n=4096 k=7184"}) {
    std::vector<Schedule> space = candidates(*parseProblem(line), chip());
    for (const Candidate &candidate : chosen(line).shortlist)
      EXPECT_TRUE(std::ranges::find(space, candidate.schedule) != space.end())
          << print(candidate.schedule);
  }
}

TEST(Select, FewRowsGetFewRowsOfTile) {
  int64_t before = 0;
  for (const char *m : {"1", "64", "128", "?"}) {
    int64_t rows =
        chosen("gemm n=8192 k=8192 m=" + std::string(m)).schedule.tile[0];
    EXPECT_GE(rows, before) << m;
    before = rows;
  }
  EXPECT_LE(chosen("gemm n=8192 k=8192 m=1").schedule.tile[0], 32);
  EXPECT_GE(before, 128);
}

TEST(Select, IsTheSameForAllOfAClass) {
  for (const char *line : {"gemm n=4096 k=7168 m=1", "gemm n=4096 k=7168 m=9",
                           "gemm n=4096 k=7168 m=2..16"})
    EXPECT_EQ(chosen(line).schedule,
              chosen("gemm n=4096 k=7168 m=16").schedule);
  EXPECT_EQ(chosen("gemm n=4096 k=7168 m=129").schedule,
            chosen("gemm n=4096 k=7168").schedule);
}

/// What a template loads is not known: two stages, and no more than cp.async
/// asks of operands.
TEST(Select, TemplatesOfOnesOwnGetRoom) {
  GemmProblem p = *parseProblem("gemm n=4096 k=7168");
  EXPECT_EQ(select(p, chip(), gemmTemplate())->schedule,
            select(p, chip())->schedule);
  std::string own = std::string(gemmTemplate()) + "// mine\n";
  Selection s = *select(p, chip(), own);
  EXPECT_EQ(s.templateText, own);
  EXPECT_FALSE(s.schedule.byTma);
  EXPECT_LE(2 * sharedBytes(s.schedule), int64_t(chip().sharedPerCta));
}

} // namespace
