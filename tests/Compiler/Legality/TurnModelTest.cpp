// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Turns hold for any number of groups, and each way to get them wrong is found.

#include "compiler/Legality/TurnModel.h"

#include <gtest/gtest.h>

using namespace nybl::compiler;

namespace {

class TurnModel : public testing::TestWithParam<int64_t> {
protected:
  TurnProtocol protocol{GetParam()};
  void expectFound(const std::string &part) {
    std::optional<std::string> wrong = exploreTurns(protocol);
    ASSERT_TRUE(wrong) << "nothing was found, expected: " << part;
    EXPECT_NE(wrong->find(part), std::string::npos) << *wrong;
  }
};

TEST_P(TurnModel, Holds) { EXPECT_EQ(exploreTurns(protocol).value_or(""), ""); }

TEST_P(TurnModel, OneWarpIsNotAllThatPass) {
  protocol.arrivals = 1;
  expectFound("is passed by all");
}

/// Who waits for its own turn to be passed waits for ever.
TEST_P(TurnModel, ItsOwnTurn) {
  protocol.behind = 0;
  expectFound("all warps wait for their turns, the first for that of tile 0");
}

TEST_P(TurnModel, TheTurnBeforeTheLast) {
  protocol.behind = 2;
  expectFound("is passed by all");
}

INSTANTIATE_TEST_SUITE_P(Groups, TurnModel, testing::Range<int64_t>(2, 4),
                         testing::PrintToStringParamName());

} // namespace
