// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The remainder: every other M in every pair of layouts, every class of
// problem, the default schedule at more of its edges, more random sizes.

#include "tests/EndToEnd/Labels/LabelCases.h"
#include "tests/Oracle/Data.h"

using namespace nybl;
using namespace nybl::labels;

namespace {

class EveryPairOfLayouts : public testing::TestWithParam<int> {};

/// Odd ones in one pair, even ones in the next.
TEST_P(EveryPairOfLayouts, EveryOtherM) {
  int pair = GetParam();
  for (int64_t m = 1 + pair % 2; m <= 128; m += 2) {
    // Which N and K goes with which M differs from pair to pair.
    int64_t turn = (m + pair) % 5;
    Class c = makeClass(nValues[turn % 3], kValues[turn], layouts[pair % 3],
                        layouts[pair / 3], outputs[turn % 3],
                        schedules[(m + pair) % std::size(schedules)]);
    Launch launch;
    launch.m = m;
    launch.seed = static_cast<uint64_t>(1000 + m);
    launch.grid = static_cast<unsigned>(1 + m % 4);
    expectArrival(c, launch);
  }
}

TEST_P(EveryPairOfLayouts, EveryNAndK) {
  int pair = GetParam();
  for (int64_t n : nValues)
    for (int64_t k : kValues) {
      Class c = makeClass(n, k, layouts[pair % 3], layouts[pair / 3]);
      Launch launch;
      launch.m = 5;
      expectArrival(c, launch);
      launch.m = 133;
      expectArrival(c, launch);
    }
}

TEST_P(EveryPairOfLayouts, DefaultSchedule) {
  int pair = GetParam();
  Class c = makeClass(136, 144, layouts[pair % 3], layouts[pair / 3]);
  c.schedule.clear();
  for (int64_t m : {1, 64, 127, 128, 129}) {
    Launch launch;
    launch.m = m;
    expectArrival(c, launch);
  }
}

TEST_P(EveryPairOfLayouts, RandomSizes) {
  oracle::Random random(static_cast<uint64_t>(GetParam()));
  for (int i = 0; i < 5; ++i) {
    Class c = classOf(random.between(0, 44));
    c.problem.sfa = layouts[GetParam() % 3];
    c.problem.sfb = layouts[GetParam() / 3];
    c.problem.n = columnsOf(c, random.between(1, 200));
    c.problem.k = 16 * random.between(1, 30);
    Launch launch;
    launch.m = random.between(1, 300);
    launch.grid = static_cast<unsigned>(random.between(1, 20));
    launch.seed = random.next() % 1000;
    expectArrival(c, launch);
  }
}

INSTANTIATE_TEST_SUITE_P(LabelRunSlow, EveryPairOfLayouts, testing::Range(0, 9),
                         testing::PrintToStringParamName());

} // namespace
