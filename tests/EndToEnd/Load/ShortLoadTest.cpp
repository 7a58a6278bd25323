// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The load with a compiler that takes 50 ms for a kernel that adds alpha and
// the first word of A: everything but the kernels is real.

#include "tests/EndToEnd/Load/Load.h"
#include "tests/Runtime/FakeProvider.h"
#include <dlfcn.h>
#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::load;

namespace {

Day shortDay() {
  Day day;
  day.jit = NYBL_TEST_FAKE_JIT;
  day.warm = 2;
  day.threads = 8;
  day.requests = 400;
  for (const char *line : {"gemm n=24 k=64 d=f32 sfa=128x4 sfb=8x4",
                           "gemm n=40 k=16 d=f32 sfa=linear sfb=linear",
                           "gemm n=8 k=128 d=f32 sfa=8x4 sfb=128x4",
                           "gemm n=72 k=64 d=f32 sfa=128x4 sfb=128x4",
                           "gemm n=33 k=48 d=f32 sfa=linear sfb=128x4"})
    day.kinds.push_back({line, "slow data"});
  day.kinds.push_back({"gemm m=0..16 n=24 k=64 d=f32", "slow data", 16});
  day.kinds.push_back({"gemm n=16 k=64 d=f32", "slow data", 200, true});
  return day;
}

int compilations() {
  void *jit = dlopen(NYBL_TEST_FAKE_JIT, RTLD_NOW | RTLD_LOCAL);
  auto *entry = reinterpret_cast<CompilationsEntry *>(
      jit ? dlsym(jit, "nyblTestCompilations") : nullptr);
  return entry ? entry() : -1;
}

TEST(ShortLoad, IsServedAsIfEachWereAlone) {
  Day day = shortDay();
  Outcome alone;
  Answers expected = serveAlone(day, alone);
  ASSERT_TRUE(alone.errors.empty()) << alone.errors[0];
  EXPECT_EQ(alone.besideCompiles, 0u);
  int before = compilations();
  Outcome outcome = serve(day, expected);
  ASSERT_TRUE(outcome.errors.empty()) << outcome.errors[0];
  EXPECT_TRUE(outcome.wrong.empty()) << "request " << outcome.wrong[0];
  EXPECT_EQ(compilations() - before, int(day.kinds.size()) + 4)
      << "once, however many asked";
  EXPECT_EQ(outcome.served, servedOf(day));
  EXPECT_GT(outcome.besideCompiles, 0u);
}

TEST(ShortLoad, AnotherAnswerIsWrong) {
  Day day = shortDay();
  Outcome alone;
  Answers expected = serveAlone(day, alone);
  ASSERT_TRUE(alone.errors.empty()) << alone.errors[0];
  EXPECT_TRUE(allDiffer(expected));
  Request spoiled = requestOf(day, 7);
  expected[spoiled].back() ^= 1;
  std::vector<size_t> wrong;
  for (size_t i = 0; i < day.requests; ++i)
    if (requestOf(day, i) == spoiled)
      wrong.push_back(i);
  EXPECT_EQ(serve(day, expected).wrong, wrong);
}

} // namespace
