// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Many problems on threads of the library: each outcome is what nybl_prepare
// gives, a kernel is compiled once, and all of it may be destroyed at any time.

#include "tests/Runtime/ApiFixture.h"
#include "tests/Runtime/Arguments.h"
#include "tests/Runtime/FakeProvider.h"
#include "tests/Runtime/RecordingDriver.h"
#include <thread>

using namespace nybl;
using namespace nybl::tests;

namespace {

constexpr const char *line = "gemm m=? n=24 k=64 sfa=128x4 sfb=8x4 d=f32";

class PreparationTest : public ApiTest {
protected:
  void SetUp() override {
    state = restartRecording(NYBL_TEST_RECORDING_DRIVER);
    compilations =
        symbolOf<CompilationsEntry>(NYBL_TEST_FAKE_JIT, "nyblTestCompilations");
    ASSERT_TRUE(state && compilations);
    // Threads log side by side, and the fixture's log is one thread's.
    auto libraryOptions = face::sized<nybl_library_options>();
    libraryOptions.jit_path = NYBL_TEST_FAKE_JIT;
    libraryOptions.cache_path = "";
    libraryOptions.compile = NYBL_COMPILE_IN_PROCESS; // which counts
    ASSERT_EQ(nybl_library_create(&libraryOptions, &library), NYBL_OK);
    auto deviceOptions = face::sized<nybl_device_options>();
    deviceOptions.driver_path = NYBL_TEST_RECORDING_DRIVER;
    ASSERT_EQ(nybl_device_open(library, &deviceOptions, &device), NYBL_OK);
  }
  void TearDown() override {
    ApiTest::TearDown();
    EXPECT_EQ(state->modules, 0) << "modules are unloaded";
    EXPECT_EQ(state->retained, 0) << "the primary context is released";
  }
  nybl_preparation *start(const std::vector<const char *> &problems,
                          uint32_t threads, const char *schedule = nullptr) {
    std::string text = schedule ? schedule : "";
    auto options = face::sized<nybl_prepare_options>();
    options.schedule = schedule ? text.c_str() : nullptr;
    nybl_preparation *made = nullptr;
    EXPECT_EQ(nybl_prepare_start(device, problems.data(), problems.size(),
                                 &options, threads, &made),
              NYBL_OK)
        << nybl_last_error();
    text.assign(text.size(), 'x'); // it was copied
    return made;
  }

  RecordingState *state = nullptr;
  CompilationsEntry *compilations = nullptr;
};

TEST_F(PreparationTest, EachGetsItsPlanOrItsError) {
  nybl_preparation *many = start({line, "nonsense", "gemm m=5 n=40 k=64"}, 2);
  size_t done = 0;
  EXPECT_EQ(nybl_prepare_wait(many, -1, &done), NYBL_OK);
  EXPECT_EQ(done, 3u);
  nybl_plan *first = nullptr, *third = nullptr, *none = nullptr;
  EXPECT_EQ(nybl_prepare_take(many, 2, &third), NYBL_OK);
  EXPECT_EQ(nybl_prepare_take(many, 0, &first), NYBL_OK);
  for (int again = 0; again < 2; ++again) {
    EXPECT_EQ(nybl_prepare_take(many, 1, &none), NYBL_INVALID);
    EXPECT_TRUE(says("at word 1 'nonsense'")) << nybl_last_error();
  }
  EXPECT_EQ(nybl_prepare_take(many, 0, &none), NYBL_INVALID);
  EXPECT_TRUE(says("was taken before")) << nybl_last_error();
  EXPECT_EQ(nybl_prepare_take(many, 3, &none), NYBL_INVALID);
  EXPECT_TRUE(says("an index below 3")) << nybl_last_error();
  EXPECT_EQ(none, nullptr);
  nybl_preparation_destroy(many);
  nybl_gemm_args args = argumentsFor(*parseProblem(line), 7);
  EXPECT_EQ(nybl_launch(first, &args), NYBL_OK) << "it outlives the rest";
  nybl_plan_destroy(first);
  nybl_plan_destroy(third);
}

TEST_F(PreparationTest, AKernelIsCompiledOnceForAll) {
  int before = compilations();
  std::vector<const char *> same(16, line);
  nybl_preparation *one = start(same, 4, "slow"), *two = start(same, 4, "slow");
  PlanOwner own = prepared(line, "slow");
  for (nybl_preparation *many : {one, two}) {
    EXPECT_EQ(nybl_prepare_wait(many, -1, nullptr), NYBL_OK);
    nybl_preparation_destroy(many);
  }
  EXPECT_EQ(compilations(), before + 1);
}

TEST_F(PreparationTest, DestroyedInFlightItDropsWhatIsNotBegun) {
  std::vector<std::string> lines;
  std::vector<const char *> problems;
  for (int i = 1; i <= 64; ++i)
    lines.push_back("gemm k=64 d=f32 n=" + std::to_string(8 * i));
  for (const std::string &text : lines)
    problems.push_back(text.c_str());
  int before = compilations();
  nybl_preparation *many = start(problems, 3, "slow");
  lines.clear();
  nybl_device_destroy(std::exchange(device, nullptr));
  nybl_library_destroy(std::exchange(library, nullptr));
  size_t done = 64;
  EXPECT_EQ(nybl_prepare_wait(many, 0, &done), NYBL_OK);
  EXPECT_LT(done, 64u) << "each takes 50 ms";
  nybl_plan *first = nullptr;
  EXPECT_EQ(nybl_prepare_take(many, 0, &first), NYBL_OK) << nybl_last_error();
  nybl_preparation_destroy(many);
  EXPECT_LT(compilations() - before, 64);
  EXPECT_GE(compilations() - before, 1);
  nybl_plan_destroy(first);
}

TEST_F(PreparationTest, SeveralThreadsTakeAndWait) {
  std::vector<const char *> same(32, line);
  nybl_preparation *many = start(same, 4);
  std::vector<nybl_plan *> plans(same.size());
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (size_t i = t; i < plans.size(); i += 4)
        EXPECT_EQ(nybl_prepare_take(many, i, &plans[i]), NYBL_OK);
      size_t done = 0;
      EXPECT_EQ(nybl_prepare_wait(many, -1, &done), NYBL_OK);
      EXPECT_EQ(done, plans.size());
    });
  for (std::thread &thread : threads)
    thread.join();
  nybl_preparation_destroy(many);
  for (nybl_plan *plan : plans)
    nybl_plan_destroy(plan);
}

TEST_F(PreparationTest, NothingAndNull) {
  nybl_preparation *none = start({}, 0);
  size_t done = 1;
  EXPECT_EQ(nybl_prepare_wait(none, -1, &done), NYBL_OK);
  EXPECT_EQ(done, 0u);
  nybl_preparation_destroy(none);
  nybl_preparation_destroy(nullptr);
  const char *hole[] = {line, nullptr};
  EXPECT_EQ(nybl_prepare_start(device, hole, 2, nullptr, 1, &none),
            NYBL_INVALID);
  EXPECT_EQ(none, nullptr);
  EXPECT_EQ(nybl_prepare_start(device, nullptr, 1, nullptr, 1, &none),
            NYBL_INVALID);
  EXPECT_EQ(nybl_prepare_wait(nullptr, 0, nullptr), NYBL_INVALID);
}

} // namespace
