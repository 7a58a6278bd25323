// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// 64 threads, 10,000 launches, every kind of schedule, of kernels that the
// compiler makes meanwhile.

#include "tests/EndToEnd/Load/Load.h"
#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::load;

namespace {

Day longDay() {
  Day day;
  day.warm = 4;
  day.threads = 64;
  day.requests = 10000;
  day.kinds = {
      {"gemm n=24 k=64 sfa=128x4 sfb=8x4",
       "kind=plain tile=32x32x64 warps=2x1"},
      {"gemm n=40 k=96 d=f32 sfa=linear sfb=linear",
       "kind=multistage tile=32x32x64 warps=2x1 stages=3"},
      {"gemm n=24 k=128 d=f16 sfa=8x4 sfb=128x4",
       "kind=cooperative tile=32x32x64 warps=2x2 stages=2"},
      {"gemm m=0..16 n=48 k=128",
       "kind=cooperative tile=32x32x64 warps=2x2 "
       "stages=2 fill=tma",
       16},
      {"gemm n=32 k=128", "kind=pingpong tile=32x32x64 warps=2x2 stages=2 "
                          "fill=tma group=2"},
      {"gemm n=40 k=128 d=f32", "kind=cooperative tile=32x32x64 warps=2x2 "
                                "stages=3 fill=tma split=2"},
      {"gemm m=0..64 n=24 k=192 sfa=8x4", "tile=32x32x64 warps=2x1 split=3",
       64},
      {"gemm n=72 k=64 d=f16 sfa=linear",
       "kind=multistage tile=32x32x64 warps=2x1 stages=2"},
      {"gemm m=0..32 n=16 k=64 d=f32 sfb=8x4", "tile=32x32x64 warps=2x1", 32},
      {"gemm m=0..16 n=32 k=64", "", 16},
      {"gemm n=24 k=96 d=f32", "", 200, true},
  };
  return day;
}

TEST(Load, IsServedAsIfEachWereAlone) {
  Day day = longDay();
  Outcome alone;
  Answers expected = serveAlone(day, alone);
  ASSERT_TRUE(alone.errors.empty()) << alone.errors[0];
  EXPECT_TRUE(allDiffer(expected));
  Outcome outcome = serve(day, expected);
  ASSERT_TRUE(outcome.errors.empty()) << outcome.errors[0];
  EXPECT_TRUE(outcome.wrong.empty()) << "request " << outcome.wrong[0];
  EXPECT_EQ(outcome.compiled, day.kinds.size());
  EXPECT_EQ(outcome.served, servedOf(day));
  EXPECT_GT(outcome.besideCompiles, 0u);
  RecordProperty("beside_compiles", std::to_string(outcome.besideCompiles));
}

} // namespace
