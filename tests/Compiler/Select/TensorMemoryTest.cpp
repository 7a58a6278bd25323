// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The plan of tensor memory: nothing overlaps, whatever the tile.

#include "compiler/Select/TensorMemory.h"
#include "dialects/Chips/Chips.h"

#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::compiler;

namespace {

Expected<TensorMemoryPlan> plan(int64_t n, int64_t k, int64_t stages,
                                int64_t columns = columnsOfTensorMemory) {
  Schedule s{"tmem", {128, n, k}, {4, 1}, stages};
  return planTensorMemory(s, columns);
}

TEST(TensorMemory, AnExample) {
  auto plan = ::plan(128, 256, 4);
  ASSERT_TRUE(plan) << plan.message();
  EXPECT_EQ(plan->accumulatorStages(), 2);
  ASSERT_EQ(plan->map.size(), 3u);
  EXPECT_EQ(plan->map[0].holds, "accumulators");
  EXPECT_EQ(plan->map[0].columns, 128);
  EXPECT_EQ(plan->map[1].first, 256);
  EXPECT_EQ(plan->map[1].columns, 16); // 4 for each 64 of K
  EXPECT_EQ(plan->map[2].first, 320);
  EXPECT_EQ(plan->used, 384);
  EXPECT_EQ(plan->allocated, 512);
}

/// Multiplies' rows are columns of D.
TEST(TensorMemory, OfSwappedOperands) {
  Schedule s{"tmem", {24, 128, 128}, {1, 4}, 3};
  s.swapped = true;
  auto plan = planTensorMemory(s, columnsOfTensorMemory);
  ASSERT_TRUE(plan) << plan.message();
  EXPECT_EQ(plan->map[0].columns, 24);
  EXPECT_EQ(plan->map[1].holds, "scale factors of b");
  EXPECT_EQ(plan->map[2].first, 2 * 24 + 3 * 8);
  EXPECT_EQ(plan->map[2].columns, 8) << "copies of 128 rows";
  EXPECT_EQ(plan->allocated, 128);
}

/// Of 256 rows each CTA of a pair has 128, and of the columns all.
TEST(TensorMemory, OfPairsOfCtas) {
  Schedule s{"tmem", {256, 192, 128}, {4, 1}, 5};
  s.ctas = 2;
  auto plan = planTensorMemory(s, columnsOfTensorMemory);
  ASSERT_TRUE(plan) << plan.message();
  EXPECT_EQ(plan->map[0].columns, 192);
  EXPECT_EQ(plan->accumulatorStages(), 2);
  EXPECT_EQ(plan->map[1].columns, 8);
  EXPECT_EQ(plan->map[2].columns, 16);
  EXPECT_EQ(plan->used, 2 * 192 + 5 * (8 + 16));
}

TEST(TensorMemory, AccumulatorsHaveTwoStagesWhereTheyFit) {
  // 2 * 224 + 4 * (4 + 8) = 496 columns; with 256 it would be 560.
  auto two = plan(224, 64, 4);
  ASSERT_TRUE(two);
  EXPECT_EQ(two->accumulatorStages(), 2);
  auto one = plan(256, 64, 4);
  ASSERT_TRUE(one);
  EXPECT_EQ(one->accumulatorStages(), 1);
  EXPECT_EQ(one->used, 256 + 4 * (4 + 8));
}

TEST(TensorMemory, WhatDoesNotFitIsRefusedWithItsColumns) {
  auto plan = ::plan(256, 256, 6);
  ASSERT_FALSE(plan);
  EXPECT_NE(plan.message().find("expected at most 512 columns of tensor "
                                "memory, got 544: 256 of accumulators and 288"),
            std::string::npos)
      << plan.message();
  EXPECT_FALSE(::plan(128, 64, 2, 0)); // a chip without any
}

/// Every column of every stage belongs to one thing.
TEST(TensorMemory, NothingOverlaps) {
  unsigned plans = 0;
  for (int64_t n = 8; n <= 256; n += 8)
    for (int64_t k : {64, 128, 256})
      for (int64_t slots = 1; slots <= 8; ++slots) {
        auto plan = ::plan(n, k, slots);
        if (!plan)
          continue;
        ++plans;
        int64_t next = 0;
        for (const TensorColumns &columns : plan->map) {
          EXPECT_EQ(columns.first, next);
          EXPECT_GT(columns.columns, 0);
          next = columns.end();
        }
        EXPECT_EQ(plan->used, next);
        EXPECT_LE(plan->used, plan->allocated);
        EXPECT_LE(plan->allocated, 512);
        EXPECT_EQ(plan->allocated & (plan->allocated - 1), 0);
        EXPECT_EQ(plan->map[1].stages, slots);
      }
  EXPECT_GT(plans, 500u);
}

TEST(TensorMemory, ChipsWithTcgen05HaveSome) {
  for (const Chip &chip : chips())
    EXPECT_EQ(chip.tensorColumns != 0, chip.tcgen05) << chip.name;
}

} // namespace
