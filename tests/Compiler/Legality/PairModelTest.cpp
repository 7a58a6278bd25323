// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The model of slots that two CTAs use together finds what is wrong with each
// wrong protocol, and nothing with the right one.

#include "compiler/Legality/PairModel.h"

#include <gtest/gtest.h>

using namespace nybl::compiler;

namespace {

std::string explored(PairProtocol protocol) {
  return explorePair(protocol).value_or("right");
}

TEST(PairModel, FindsNothingWrongWithWhatIsLowered) {
  for (int64_t stages : {1, 2, 3, 4, 6})
    for (bool ready : {false, true})
      EXPECT_EQ(explored({.stages = stages, .beginsReady = ready}), "right")
          << stages << " stages";
}

TEST(PairModel, FindsSlotsThatAreHandedOverUnready) {
  EXPECT_EQ(explored({.stages = 2, .handsOverReady = false}),
            "iteration 0 is multiplied before the CTA of rank 1 has its slot "
            "ready");
  EXPECT_EQ(
      explored({.stages = 2, .beginsReady = true, .handsOverReady = false}),
      "iteration 2 is multiplied before the CTA of rank 1 has its slot ready");
}

TEST(PairModel, FindsMultipliesThatWaitForOneCtaAlone) {
  EXPECT_EQ(explored({.stages = 3, .waitsForPair = false}),
            "iteration 0 is multiplied before the CTA of rank 1 has its slot "
            "ready");
  EXPECT_EQ(explored({.stages = 3, .waitsForOwn = false}),
            "iteration 0 is multiplied before the CTA of rank 0 has its slot "
            "ready");
}

TEST(PairModel, FindsAParityThatPassesTooSoon) {
  EXPECT_EQ(explored({.stages = 2, .pairParity = 1}),
            "iteration 0 is multiplied before the CTA of rank 1 has its slot "
            "ready");
}

TEST(PairModel, FindsThatBothWaitForEver) {
  EXPECT_EQ(explored({.stages = 2, .releasesBoth = false}),
            "both CTAs wait, for iteration 2 to be multiplied");
}

} // namespace
