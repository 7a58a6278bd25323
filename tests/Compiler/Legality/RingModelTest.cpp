// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The protocol of a ring between roles holds for any number of slots, and each
// way to get it wrong is found.

#include "compiler/Legality/RingModel.h"

#include <gtest/gtest.h>

using namespace nybl::compiler;

namespace {

class RingModel : public testing::TestWithParam<int64_t> {
protected:
  RingProtocol protocol{GetParam()};
  void expectFound(const std::string &part) {
    std::optional<std::string> wrong = exploreRing(protocol);
    ASSERT_TRUE(wrong) << "nothing was found, expected: " << part;
    EXPECT_NE(wrong->find(part), std::string::npos) << *wrong;
  }
};

TEST_P(RingModel, Holds) { EXPECT_EQ(exploreRing(protocol).value_or(""), ""); }

/// A writer that waits, in the first round, for a release that nobody owes it.
TEST_P(RingModel, WritersOfTheReadersParityWaitForEver) {
  protocol.writerParity = 0;
  expectFound("all warps wait, for iterations 0 (to write) and 0 (to read)");
}

TEST_P(RingModel, ReadersOfTheWritersParityReadWhatIsNotThere) {
  protocol.readerParity = 1;
  expectFound("iteration 0 is read before it is published by all");
}

/// Each of them passes what the other should wait for.
TEST_P(RingModel, BothParitiesTurned) {
  protocol.writerParity = 0;
  protocol.readerParity = 1;
  expectFound("iteration 0 is read before it is published by all");
}

TEST_P(RingModel, OneWarpIsNotAllThatPublish) {
  protocol.publishers = 1;
  expectFound("iteration 0 is read before it is published by all");
}

TEST_P(RingModel, OneWarpIsNotAllThatRelease) {
  protocol.releasers = 1;
  expectFound("iteration " + std::to_string(GetParam()) +
              " is acquired before the slot's iteration before is released by "
              "all");
}

/// One thread reads, by what it asks for; the other warps of its group are
/// idle.
class AskedRingModel : public RingModel {
protected:
  void SetUp() override {
    protocol.isAsked = true;
    protocol.releasers = 1;
  }
};

TEST_P(AskedRingModel, Holds) {
  EXPECT_EQ(exploreRing(protocol).value_or(""), "");
}

TEST_P(AskedRingModel, IdleWarpsThatAreExpectedToRelease) {
  protocol.releasers = 2;
  expectFound("all warps wait");
}

TEST_P(AskedRingModel, ReleasedWhenItIsAskedFor) {
  protocol.releasesEarly = true;
  expectFound("iteration " + std::to_string(GetParam()) +
              " is acquired before the slot's iteration before is released by "
              "all");
}

TEST_P(AskedRingModel, AskedForBeforeItIsWhole) {
  protocol.readerParity = 1;
  expectFound("iteration 0 is read before it is published by all");
}

INSTANTIATE_TEST_SUITE_P(Stages, AskedRingModel, testing::Range<int64_t>(1, 9),
                         testing::PrintToStringParamName());

INSTANTIATE_TEST_SUITE_P(Stages, RingModel, testing::Range<int64_t>(1, 9),
                         testing::PrintToStringParamName());

} // namespace
