// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Dominators and loops of small graphs.

#include "tools/sass/Flow.h"
#include <gtest/gtest.h>

using nybl::sass::Flow;

namespace {

TEST(Flow, Diamond) {
  // 0 -> 1 | 2 -> 3
  Flow flow({{1, 2}, {3}, {3}, {}});
  EXPECT_TRUE(flow.dominates(0, 3));
  EXPECT_FALSE(flow.dominates(1, 3));
  EXPECT_FALSE(flow.dominates(2, 3));
  EXPECT_TRUE(flow.dominates(3, 3));
  EXPECT_TRUE(flow.loops().empty());
  EXPECT_FALSE(flow.hasOtherCycles());
}

TEST(Flow, UnreachableNodesChangeNothing) {
  // 3 jumps into 2 but nothing reaches it.
  Flow flow({{1}, {2}, {}, {2, 3}});
  EXPECT_FALSE(flow.isReachable(3));
  EXPECT_TRUE(flow.dominates(1, 2));
  EXPECT_TRUE(flow.loops().empty());
}

TEST(Flow, LoopInALoop) {
  // 1..4 the outer loop, 2..3 the inner one, 3 leaves it to 4.
  Flow flow({{1}, {2}, {3}, {2, 4}, {1, 5}, {}});
  ASSERT_EQ(flow.loops().size(), 2u);
  EXPECT_EQ(flow.innermost(3)->head, 2u);
  EXPECT_EQ(flow.innermost(3)->size, 2u);
  EXPECT_EQ(flow.innermost(4)->head, 1u);
  EXPECT_EQ(flow.innermost(4)->size, 4u);
  EXPECT_EQ(flow.innermost(5), nullptr);
  EXPECT_EQ(flow.innermost(0), nullptr);
}

TEST(Flow, TwoLatchesAreOneLoop) {
  Flow flow({{1}, {2, 3}, {1}, {1, 4}, {}});
  ASSERT_EQ(flow.loops().size(), 1u);
  EXPECT_EQ(flow.loops()[0].size, 3u);
}

TEST(Flow, TwoWaysIntoACycle) {
  EXPECT_TRUE(Flow({{1, 2}, {2}, {1}}).hasOtherCycles());
}

TEST(Flow, Reach) {
  Flow flow({{1}, {2}, {1}, {0}});
  EXPECT_EQ(flow.reach({2}), (std::vector<bool>{false, true, true, false}));
}

TEST(Flow, Empty) { EXPECT_TRUE(Flow({}).loops().empty()); }

} // namespace
