// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The turns of a tile's parts are right for any number of parts and of CTAs,
// and each way to get them wrong is found.

#include "compiler/Legality/SplitModel.h"

#include <gtest/gtest.h>

using namespace nybl::compiler;

namespace {

class SplitModel : public testing::TestWithParam<int64_t> {
protected:
  SplitProtocol protocol{GetParam()};
  void expectFound(const std::string &part) {
    std::optional<std::string> wrong = exploreSplit(protocol);
    ASSERT_TRUE(wrong) << "nothing was found, expected: " << part;
    EXPECT_NE(wrong->find(part), std::string::npos) << *wrong;
  }
};

TEST_P(SplitModel, Holds) {
  for (int64_t ctas = 1; ctas <= 4; ++ctas) {
    protocol.ctas = protocol.resident = ctas;
    EXPECT_EQ(exploreSplit(protocol).value_or(""), "") << ctas << " CTAs";
  }
}

TEST_P(SplitModel, WithoutWaiting) {
  protocol.waits = false;
  expectFound("part 1 adds to the sum of 0 parts");
}

TEST_P(SplitModel, ReadBeforeItIsWaitedFor) {
  protocol.acquires = false;
  expectFound("part 1 adds to the sum of 0 parts");
}

TEST_P(SplitModel, HandedOnBeforeItIsWritten) {
  protocol.releases = false;
  expectFound("part 1 adds to the sum of 0 parts");
}

/// The next launch would begin with what this one has left.
TEST_P(SplitModel, SumsThatStay) {
  protocol.clearsSum = false;
  expectFound("the workspace of a tile is not left as it was found");
}

TEST_P(SplitModel, CountersThatStay) {
  protocol.resetsCounter = false;
  expectFound("the workspace of a tile is not left as it was found");
}

/// A grid that is larger than what the device holds at once: why it may not be.
TEST_P(SplitModel, CtasThatHaveNoPlace) {
  protocol.ctas = 2 * GetParam() - 1; // the first has two parts to do
  protocol.resident = 1;
  expectFound("waits for ever");
}

INSTANTIATE_TEST_SUITE_P(Parts, SplitModel, testing::Values(2, 3, 5, 8),
                         testing::PrintToStringParamName());

} // namespace
