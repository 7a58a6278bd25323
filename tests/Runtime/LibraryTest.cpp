// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The C interface end to end against a driver that records: errors, caching,
// certificates, grids, parameters, and what a launch may not do.

#include "tests/Runtime/AllocationCount.h"
#include "tests/Runtime/ApiFixture.h"
#include "tests/Runtime/Arguments.h"
#include "tests/Runtime/FakeProvider.h"
#include "tests/Runtime/RecordingDriver.h"
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <thread>

using namespace nybl;
using namespace nybl::tests;

namespace {

class LibraryTest : public ApiTest {
protected:
  void SetUp() override {
    state = restartRecording(NYBL_TEST_RECORDING_DRIVER);
    compilations =
        symbolOf<CompilationsEntry>(NYBL_TEST_FAKE_JIT, "nyblTestCompilations");
    ASSERT_TRUE(state && compilations);
    state->settings.parameterCount = 6;
    ASSERT_NO_FATAL_FAILURE(open(NYBL_TEST_RECORDING_DRIVER));
  }
  void TearDown() override {
    ApiTest::TearDown();
    EXPECT_EQ(state->contextDepth, 0) << "every push has its pop";
    EXPECT_EQ(state->retained, 0) << "the primary context is released";
    EXPECT_EQ(state->modules, 0) << "modules are unloaded";
  }

  RecordingState *state = nullptr;
  CompilationsEntry *compilations = nullptr;
};

constexpr const char *line = "gemm m=? n=24 k=64 sfa=128x4 sfb=8x4 d=f32";

nybl_gemm_args argumentsOf(const char *text, int64_t m) {
  return argumentsFor(*parseProblem(text), m);
}

TEST_F(LibraryTest, PreparesAndLaunches) {
  PlanOwner plan = prepared(line);
  nybl_gemm_args args = argumentsOf(line, 5);
  args.stream = &args;
  ASSERT_EQ(nybl_launch(plan.get(), &args), NYBL_OK) << nybl_last_error();
  const RecordedLaunch &last = state->last;
  EXPECT_EQ(last.launches, 1u);
  EXPECT_EQ(last.grid[0], 5u);
  EXPECT_EQ(last.grid[1], 1u);
  EXPECT_EQ(last.block[0], 32u);
  EXPECT_EQ(last.stream, args.stream);
  EXPECT_EQ(last.parameters[0], args.d.pointer);
  EXPECT_EQ(last.parameters[1], 96u);
  EXPECT_EQ(last.parameters[2], 0u);
  EXPECT_EQ(last.parameters[3], 0x3f000000u);
  EXPECT_EQ(last.parameters[5], 5u);
}

TEST_F(LibraryTest, GridIsWhatTheDeviceHolds) {
  PlanOwner plan = prepared(line);
  nybl_gemm_args args = argumentsOf(line, 1000);
  ASSERT_EQ(nybl_launch(plan.get(), &args), NYBL_OK) << nybl_last_error();
  EXPECT_EQ(state->last.grid[0], 20u) << "10 multiprocessors with 2 CTAs each";
}

TEST_F(LibraryTest, NothingToDoLaunchesNothing) {
  PlanOwner plan = prepared(line);
  auto args = face::sized<nybl_gemm_args>();
  EXPECT_EQ(nybl_launch(plan.get(), &args), NYBL_OK) << nybl_last_error();
  int before = compilations();
  PlanOwner empty = prepared("gemm m=0..4 n=0 k=64");
  EXPECT_EQ(compilations(), before) << "n = 0 needs no compiler";
  args.m = 4;
  EXPECT_EQ(nybl_launch(empty.get(), &args), NYBL_OK) << nybl_last_error();
  args.m = 5;
  EXPECT_EQ(nybl_launch(empty.get(), &args), NYBL_REFUSED);
  EXPECT_EQ(state->last.launches, 0u);
  auto details = face::sized<nybl_plan_details>();
  ASSERT_EQ(nybl_plan_info(empty.get(), &details), NYBL_OK);
  EXPECT_EQ(details.has_kernel, 0u);
  EXPECT_STREQ(details.manifest_json, "");
}

TEST_F(LibraryTest, ALaunchAllocatesNothingAndTakesNoLock) {
  if (!allocationsAreCounted())
    GTEST_SKIP() << "the sanitizer has its own allocator";
  uint64_t locksBefore = lockCount();
  PlanOwner plan = prepared(line);
  EXPECT_GT(lockCount(), locksBefore) << "the counter sees inside libnybl.so";
  nybl_gemm_args args = argumentsOf(line, 5);
  locksBefore = lockCount();
  uint64_t before = allocationCount();
  nybl_status status = nybl_launch(plan.get(), &args); // the very first
  uint64_t after = allocationCount();
  EXPECT_EQ(lockCount(), locksBefore);
  EXPECT_EQ(status, NYBL_OK);
  EXPECT_EQ(after, before);
  EXPECT_EQ(state->last.launches, 1u);
  args.m = -1;
  EXPECT_EQ(nybl_launch(plan.get(), &args), NYBL_REFUSED);
  EXPECT_GT(allocationCount(), after) << "the counter sees inside libnybl.so";
}

TEST_F(LibraryTest, ALaunchIsThreeCallsOfTheDriver) {
  PlanOwner plan = prepared(line);
  nybl_gemm_args args = argumentsOf(line, 5);
  int before = state->callCount;
  ASSERT_EQ(nybl_launch(plan.get(), &args), NYBL_OK) << nybl_last_error();
  std::vector<std::string> calls(state->calls + before,
                                 state->calls + state->callCount);
  EXPECT_EQ(calls,
            (std::vector<std::string>{"cuCtxPushCurrent_v2", "cuLaunchKernel",
                                      "cuCtxPopCurrent_v2"}))
      << "no load, no allocation, no synchronisation";
  EXPECT_EQ(state->current, state) << "the device's primary context";
}

constexpr int aMap = 7, dMap = 8; ///< the parameters of the schedule "maps"

TEST_F(LibraryTest, TensorMapsAreParametersByValue) {
  PlanOwner plan = prepared(line, "maps");
  nybl_gemm_args args = argumentsOf(line, 5);
  state->settings.parameterCount = 9;
  state->settings.mapParameters = 1 << aMap | 1 << dMap;
  int before = state->callCount;
  ASSERT_EQ(nybl_launch(plan.get(), &args), NYBL_OK) << nybl_last_error();
  std::vector<std::string> calls(state->calls + before,
                                 state->calls + state->callCount);
  EXPECT_EQ(calls, (std::vector<std::string>{
                       "cuCtxPushCurrent_v2", "cuTensorMapEncodeTiled",
                       "cuTensorMapEncodeTiled", "cuLaunchKernel",
                       "cuCtxPopCurrent_v2"}));
  EXPECT_EQ(state->encoded[0].address, args.a.pointer);
  EXPECT_EQ(state->encoded[0].sizes[1], 5u);
  EXPECT_EQ(state->encoded[1].address, args.d.pointer);
  for (int i = 0; i < 16; ++i) {
    EXPECT_EQ(state->last.maps[aMap][i], mapWord(0, i));
    EXPECT_EQ(state->last.maps[dMap][i], mapWord(1, i));
  }
  EXPECT_EQ(state->last.parameters[0], args.d.pointer);
  EXPECT_EQ(state->last.parameters[6], args.a.pointer);
}

TEST_F(LibraryTest, TensorMapsCostALaunchNoAllocationAndNoLock) {
  if (!allocationsAreCounted())
    GTEST_SKIP() << "the sanitizer has its own allocator";
  PlanOwner plan = prepared(line, "maps");
  nybl_gemm_args args = argumentsOf(line, 5);
  uint64_t locksBefore = lockCount(), before = allocationCount();
  nybl_status status = nybl_launch(plan.get(), &args);
  uint64_t after = allocationCount(), locksAfter = lockCount();
  EXPECT_EQ(status, NYBL_OK);
  EXPECT_EQ(after, before);
  EXPECT_EQ(locksAfter, locksBefore);
  EXPECT_EQ(state->encodeCount, 2);
  EXPECT_EQ(state->last.launches, 1u);
}

TEST_F(LibraryTest, NoRowsNoTensorMaps) {
  PlanOwner plan = prepared(line, "maps");
  auto args = face::sized<nybl_gemm_args>();
  EXPECT_EQ(nybl_launch(plan.get(), &args), NYBL_OK) << nybl_last_error();
  EXPECT_EQ(state->encodeCount, 0);
  EXPECT_EQ(state->last.launches, 0u);
}

TEST_F(LibraryTest, ATensorMapThatIsRefusedLaunchesNothing) {
  PlanOwner plan = prepared(line, "maps");
  nybl_gemm_args args = argumentsOf(line, 5);
  args.a.pointer += 8;
  EXPECT_EQ(nybl_launch(plan.get(), &args), NYBL_REFUSED);
  EXPECT_TRUE(says("a.pointer: expected a multiple of 16 bytes"))
      << nybl_last_error();
  EXPECT_EQ(state->encodeCount, 0);
  args.a.pointer -= 8;
  state->settings.encodeResult = 700;
  EXPECT_EQ(nybl_launch(plan.get(), &args), NYBL_ENVIRONMENT);
  EXPECT_TRUE(says("cuTensorMapEncodeTiled failed: CUDA_ERROR_ILLEGAL_ADDRESS "
                   "(700), as the test asked; asked for the tensor map of a: 5 "
                   "rows of 32 bytes"))
      << nybl_last_error();
  EXPECT_EQ(state->last.launches, 0u);
}

TEST_F(LibraryTest, DynamicSharedMemoryIsAllowedCountedAndAskedFor) {
  PlanOwner plan = prepared(line, "shared");
  EXPECT_EQ(state->allowedShared, 80 << 10);
  EXPECT_EQ(state->askedShared, 80u << 10);
  nybl_gemm_args args = argumentsOf(line, 5);
  ASSERT_EQ(nybl_launch(plan.get(), &args), NYBL_OK) << nybl_last_error();
  EXPECT_EQ(state->last.dynamicShared, 80u << 10);
}

TEST_F(LibraryTest, OptionsAreCheckedAndDumpsAreFresh) {
  nybl_plan *plan = nullptr;
  auto options = face::sized<nybl_prepare_options>();
  options.allow_unproven = 77;
  EXPECT_EQ(nybl_prepare(device, line, &options, &plan), NYBL_INVALID);
  EXPECT_TRUE(says("allow_unproven: expected 0 or 1, got 77"));
  options.allow_unproven = 0;
  options.template_text = "";
  EXPECT_EQ(nybl_prepare(device, line, &options, &plan), NYBL_INVALID);
  EXPECT_TRUE(says("got an empty text")) << nybl_last_error();
  PlanOwner first = prepared(line);
  int before = compilations();
  PlanOwner second = prepared(line);
  EXPECT_EQ(compilations(), before);
  options.template_text = nullptr;
  options.dump_dir = "dumps";
  ASSERT_EQ(nybl_prepare(device, line, &options, &plan), NYBL_OK);
  EXPECT_EQ(compilations(), before + 1) << "dumps of a compilation of its own";
  nybl_plan_destroy(plan);
}

TEST_F(LibraryTest, RefusesBeforeTheDriverIsAsked) {
  PlanOwner plan = prepared(line);
  nybl_gemm_args args = argumentsOf(line, 5);
  args.alpha.value = std::nanf("");
  EXPECT_EQ(nybl_launch(plan.get(), &args), NYBL_REFUSED);
  EXPECT_TRUE(says("alpha.value: expected a finite")) << nybl_last_error();
  args = argumentsOf(line, 5);
  args.workspace_bytes = 16;
  EXPECT_EQ(nybl_launch(plan.get(), &args), NYBL_REFUSED);
  EXPECT_TRUE(says("workspace: expected none")) << nybl_last_error();
  EXPECT_EQ(state->last.launches, 0u);
}

TEST_F(LibraryTest, MostPlansNeedNoWorkspace) {
  PlanOwner plan = prepared("gemm m=0..64 n=24 k=64");
  uint64_t bytes = 7;
  EXPECT_EQ(nybl_plan_workspace(plan.get(), 64, &bytes), NYBL_OK);
  EXPECT_EQ(bytes, 0u);
  bytes = 7;
  EXPECT_EQ(nybl_plan_workspace(plan.get(), 65, &bytes), NYBL_REFUSED);
  EXPECT_EQ(bytes, 0u);
  EXPECT_TRUE(says("m: expected 0 to 64 rows")) << nybl_last_error();
  EXPECT_EQ(nybl_plan_workspace(nullptr, 1, &bytes), NYBL_INVALID);
  EXPECT_EQ(nybl_plan_workspace(plan.get(), 1, nullptr), NYBL_INVALID);
}

TEST_F(LibraryTest, FieldReportThree) {
  // K = 512: 4096 bytes hold 128 rows in every layout. The buffer is 128x4.
  const char *told = "gemm m=? n=256 k=512 sfa=8x4 sfb=8x4 d=f32";
  PlanOwner plan = prepared(told);
  nybl_gemm_args args = argumentsOf(told, 16);
  args.a_scales = {0x20000000, 4096, 16, NYBL_LAYOUT_8X4, 1};
  EXPECT_EQ(nybl_launch(plan.get(), &args), NYBL_REFUSED) << "by size";
  EXPECT_TRUE(
      says("expected 512 for 16 rows x 32 K blocks in 8x4, got 4096, which "
           "would be 128x4"))
      << nybl_last_error();
  args.a_scales = {0x20000000, 4096, 128, NYBL_LAYOUT_128X4, 1};
  EXPECT_EQ(nybl_launch(plan.get(), &args), NYBL_REFUSED) << "by tag";
  EXPECT_TRUE(says("expected 8x4")) << nybl_last_error();
  args.a_scales = {0x20000000, 4096, 128, NYBL_LAYOUT_8X4, 0};
  EXPECT_EQ(nybl_launch(plan.get(), &args), NYBL_REFUSED) << "nobody vouches";
  EXPECT_TRUE(says("set trust_layout = 1")) << nybl_last_error();
  EXPECT_EQ(state->last.launches, 0u);
}

TEST_F(LibraryTest, DriverErrorsNameTheCall) {
  PlanOwner plan = prepared(line);
  nybl_gemm_args args = argumentsOf(line, 5);
  state->settings.launchResult = 700;
  EXPECT_EQ(nybl_launch(plan.get(), &args), NYBL_ENVIRONMENT);
  EXPECT_STREQ(nybl_last_error(),
               "cuLaunchKernel failed: CUDA_ERROR_ILLEGAL_ADDRESS "
               "(700), as the test asked");
}

TEST_F(LibraryTest, FallsBackToPtxAndSaysSo) {
  state->settings.refuseCubin = 1;
  PlanOwner plan = prepared(line);
  EXPECT_EQ(state->cubinLoads, 1);
  EXPECT_EQ(state->ptxLoads, 1);
  auto details = face::sized<nybl_plan_details>();
  ASSERT_EQ(nybl_plan_info(plan.get(), &details), NYBL_OK);
  EXPECT_EQ(details.ptx_fallback, 1u);
  EXPECT_EQ(details.resident_ctas, 2u);
  EXPECT_EQ(details.multiprocessors, 10u);
  EXPECT_STREQ(details.problem_class,
               "gemm m=? n=24 k=64 a=nvfp4 b=nvfp4 sfa=128x4 sfb=8x4 d=f32 "
               "alpha=tensor bias=none act=none");
  std::string phases = details.phases_json;
  EXPECT_NE(phases.find(R"({"phase": "fake", "ms": 0.125}, {"phase": "load")"),
            std::string::npos)
      << phases;
  ASSERT_FALSE(logged.empty());
  EXPECT_EQ(logged.back().first, NYBL_LOG_WARNING);
  state->settings.refuseCubin = 0;
  PlanOwner other = prepared("gemm n=16 k=64 d=f32");
  ASSERT_EQ(nybl_plan_info(other.get(), &details), NYBL_OK);
  EXPECT_EQ(details.ptx_fallback, 0u);
}

TEST_F(LibraryTest, OlderDetailsAreFilledAsFarAsTheyReach) {
  PlanOwner plan = prepared(line);
  nybl_plan_details details;
  std::memset(&details, 0x55, sizeof details);
  details.size = offsetof(nybl_plan_details, problem_class);
  ASSERT_EQ(nybl_plan_info(plan.get(), &details), NYBL_OK);
  EXPECT_NE(std::string(details.manifest_json).find("fake_gemm"),
            std::string::npos);
  EXPECT_EQ(details.resident_ctas, 0x55555555u);
}

TEST_F(LibraryTest, NewerDetailsNeedNotBeZero) {
  PlanOwner plan = prepared(line);
  struct {
    nybl_plan_details known;
    uint64_t newer;
  } details;
  std::memset(&details, 0x55, sizeof details);
  details.known.size = sizeof details;
  ASSERT_EQ(nybl_plan_info(plan.get(), &details.known), NYBL_OK)
      << nybl_last_error();
  EXPECT_EQ(details.known.size, sizeof details);
  EXPECT_EQ(details.known.resident_ctas, 2u);
  EXPECT_EQ(details.newer, 0u) << "what this library does not know is zero";
}

TEST_F(LibraryTest, OneCompilationPerKey) {
  int before = compilations();
  std::vector<std::thread> threads;
  std::vector<nybl_plan *> plans(8);
  for (size_t i = 0; i < plans.size(); ++i)
    threads.emplace_back([&, i] {
      // The range of m is the plan's, not the kernel's.
      std::string problem =
          "gemm m=0.." + std::to_string(i + 1) + " n=40 k=64 d=f32";
      tryPrepare(problem.c_str(), "slow", &plans[i]);
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(compilations(), before + 1);
  for (size_t i = 0; i < plans.size(); ++i) {
    ASSERT_TRUE(plans[i]);
    nybl_gemm_args args = argumentsOf("gemm n=40 k=64 d=f32", int64_t(i) + 2);
    EXPECT_EQ(nybl_launch(plans[i], &args), NYBL_REFUSED);
    nybl_plan_destroy(plans[i]);
  }
  EXPECT_EQ(state->modules, 1) << "the device keeps what it has made";
}

TEST_F(LibraryTest, UnprovenLemmasAreNamed) {
  nybl_plan *plan = nullptr;
  EXPECT_EQ(tryPrepare(line, "unproven", &plan), NYBL_UNPROVEN);
  EXPECT_EQ(plan, nullptr);
  EXPECT_TRUE(says("nobody has proven L2, L3: set allow_unproven"))
      << nybl_last_error();
  EXPECT_EQ(state->modules, 0) << "it is not even loaded";
  int before = compilations();
  EXPECT_EQ(tryPrepare(line, "unproven", &plan, true), NYBL_OK);
  EXPECT_EQ(compilations(), before);
  nybl_plan_destroy(plan);
}

TEST_F(LibraryTest, WhatTheCompilerSaysComesThrough) {
  nybl_plan *plan = nullptr;
  EXPECT_EQ(tryPrepare(line, "refuse", &plan), NYBL_REFUSED);
  EXPECT_STREQ(nybl_last_error(), "the fake refuses");
  EXPECT_EQ(tryPrepare(line, "silent", &plan), NYBL_REFUSED);
  EXPECT_TRUE(says("gave no reason"));
  EXPECT_EQ(tryPrepare(line, "chip", &plan), NYBL_ENVIRONMENT);
  EXPECT_TRUE(says("on sm_120a, but the compiler made one for"))
      << nybl_last_error();
  EXPECT_EQ(tryPrepare(line, "manifest", &plan), NYBL_ENVIRONMENT);
  EXPECT_TRUE(says("the compiler's manifest: ")) << nybl_last_error();
  EXPECT_EQ(tryPrepare(line, "precondition", &plan), NYBL_INVALID);
  EXPECT_TRUE(says("'moon_phase'")) << nybl_last_error();
  EXPECT_EQ(tryPrepare("gemm n=8 kk=16", nullptr, &plan), NYBL_INVALID);
  EXPECT_TRUE(says("kk=16")) << nybl_last_error();
  EXPECT_EQ(tryPrepare("gemm n=8 k=0", nullptr, &plan), NYBL_INVALID);
}

TEST_F(LibraryTest, NullsAndSizes) {
  nybl_plan *plan = nullptr;
  EXPECT_EQ(nybl_prepare(device, line, nullptr, nullptr), NYBL_INVALID);
  EXPECT_EQ(nybl_prepare(nullptr, line, nullptr, &plan), NYBL_INVALID);
  EXPECT_EQ(nybl_prepare(device, nullptr, nullptr, &plan), NYBL_INVALID);
  EXPECT_STREQ(nybl_last_error(), "nybl_prepare: expected 'problem', got null");
  EXPECT_EQ(nybl_launch(nullptr, nullptr), NYBL_INVALID);
  EXPECT_EQ(nybl_plan_info(nullptr, nullptr), NYBL_INVALID);
  EXPECT_EQ(nybl_library_create(nullptr, nullptr), NYBL_INVALID);
  EXPECT_EQ(nybl_device_open(nullptr, nullptr, nullptr), NYBL_INVALID);
  nybl_plan_destroy(nullptr);
  nybl_device_destroy(nullptr);
  nybl_library_destroy(nullptr);
  nybl_prepare_options zero = {};
  EXPECT_EQ(nybl_prepare(device, line, &zero, &plan), NYBL_INVALID);
  EXPECT_TRUE(says("nybl_prepare_options.size: expected sizeof("))
      << nybl_last_error();
  PlanOwner owner = prepared(line);
  struct {
    nybl_gemm_args args;
    uint64_t unknown;
  } newer = {argumentsOf(line, 5), 0};
  newer.args.size = sizeof newer;
  EXPECT_EQ(nybl_launch(owner.get(), &newer.args), NYBL_OK)
      << nybl_last_error();
  newer.unknown = 1;
  EXPECT_EQ(nybl_launch(owner.get(), &newer.args), NYBL_INVALID);
  EXPECT_TRUE(says("use a newer libnybl.so")) << nybl_last_error();
}

TEST_F(LibraryTest, HandlesMayGoInAnyOrder) {
  PlanOwner plan = prepared(line);
  nybl_library_destroy(std::exchange(library, nullptr));
  nybl_device_destroy(std::exchange(device, nullptr));
  nybl_gemm_args args = argumentsOf(line, 5);
  EXPECT_EQ(nybl_launch(plan.get(), &args), NYBL_OK) << nybl_last_error();
}

TEST_F(LibraryTest, WhereNothingIsLaunchedNothingIsDumped) {
  constexpr const char *file = "/nonexistent/dump.safetensors";
  auto dump = [&](const PlanOwner &plan, const nybl_gemm_args &args) {
    return nybl_dump_launch(plan.get(), &args, file);
  };
  PlanOwner none = prepared("gemm m=? n=0 k=64"), plan = prepared(line);
  nybl_gemm_args args = argumentsOf(line, 5);
  args.m = -1;
  EXPECT_EQ(dump(none, args), NYBL_REFUSED);
  EXPECT_TRUE(says("m: expected at least 0 rows")) << nybl_last_error();
  for (int64_t m : {0, 5}) {
    args.m = m;
    EXPECT_EQ(dump(none, args), NYBL_REFUSED) << "nothing is behind pointers";
    EXPECT_TRUE(says("there is nothing to write")) << nybl_last_error();
  }
  args.m = 0;
  args.b.row_stride = -1;
  EXPECT_EQ(dump(plan, args), NYBL_REFUSED);
  EXPECT_TRUE(says("got m = 0 and n = ")) << nybl_last_error();
}

TEST_F(LibraryTest, AnOperandThatNoMachineHoldsIsNotDumped) {
  constexpr const char *file = "/nonexistent/dump.safetensors";
  constexpr const char *wide = "gemm m=? n=24 k=262144 sfa=linear d=f32";
  PlanOwner plan = prepared(wide);
  nybl_gemm_args args = argumentsOf(wide, int64_t(1) << 20);
  for (uint64_t *pointer :
       {&args.a.pointer, &args.a_scales.pointer, &args.b.pointer,
        &args.b_scales.pointer, &args.d.pointer})
    *pointer <<= 28; // far from each other
  EXPECT_EQ(nybl_dump_launch(plan.get(), &args, file), NYBL_REFUSED);
  EXPECT_TRUE(says("a: expected an operand of at most")) << nybl_last_error();
}

TEST(LibraryWithout, ABundleInMemoryHasABound) {
  auto options = face::sized<nybl_library_options>();
  options.cache_path = "";
  options.bundle_data = "abc";
  options.bundle_bytes = SIZE_MAX;
  face::Library library;
  EXPECT_EQ(face::Library::create(options, library), NYBL_INVALID);
  EXPECT_NE(std::string(nybl_last_error()).find("bundle_bytes: expected at"),
            std::string::npos)
      << nybl_last_error();
}

TEST_F(LibraryTest, LastErrorIsTheThreadsOwn) {
  nybl_plan *plan = nullptr;
  ASSERT_EQ(tryPrepare("nonsense", nullptr, &plan), NYBL_INVALID);
  std::string here = nybl_last_error();
  EXPECT_FALSE(here.empty());
  std::thread([] { EXPECT_STREQ(nybl_last_error(), ""); }).join();
  EXPECT_EQ(nybl_last_error(), here);
}

TEST(LibraryWithout, ACompilerIsNotFound) {
  auto options = face::sized<nybl_library_options>();
  options.jit_path = "/nonexistent/libnybl_jit.so";
  options.cache_path = "";
  face::Library library;
  ASSERT_EQ(face::Library::create(options, library), NYBL_OK);
  auto deviceOptions = face::sized<nybl_device_options>();
  deviceOptions.driver_path = NYBL_TEST_RECORDING_DRIVER;
  face::Device device;
  ASSERT_EQ(library.open(deviceOptions, device), NYBL_OK) << nybl_last_error();
  EXPECT_EQ(device.chip(), "sm_120a");
  face::Plan plan;
  EXPECT_EQ(device.prepare("gemm n=8 k=16", face::sized<nybl_prepare_options>(),
                           plan),
            NYBL_NOT_FOUND);
  std::string message = nybl_last_error();
  EXPECT_NE(message.find("looked for '/nonexistent/libnybl_jit.so'"),
            message.npos);
  EXPECT_NE(message.find("`echo \"gemm m=? n=8 k=16 "), message.npos)
      << message;
  EXPECT_NE(message.find("act=none\" | nybl bundle - --chips sm_120a -o "
                         "kernels.nybl`"),
            message.npos)
      << message;
}

TEST(LibraryWithout, ALibraryThatIsNoCompiler) {
  auto options = face::sized<nybl_library_options>();
  options.jit_path = NYBL_TEST_RECORDING_DRIVER;
  options.cache_path = "";
  face::Library library;
  ASSERT_EQ(face::Library::create(options, library), NYBL_OK);
  auto deviceOptions = face::sized<nybl_device_options>();
  deviceOptions.driver_path = NYBL_TEST_RECORDING_DRIVER;
  face::Device device;
  ASSERT_EQ(library.open(deviceOptions, device), NYBL_OK) << nybl_last_error();
  face::Plan plan;
  EXPECT_EQ(device.prepare("gemm n=8 k=16", face::sized<nybl_prepare_options>(),
                           plan),
            NYBL_ENVIRONMENT);
  EXPECT_NE(
      std::string(nybl_last_error()).find("no symbol nybl_kernel_provider"),
      std::string::npos);
}

TEST(LibraryWithout, TensorMaps) {
  auto options = face::sized<nybl_library_options>();
  options.jit_path = NYBL_TEST_FAKE_JIT;
  options.cache_path = "";
  face::Library library;
  ASSERT_EQ(face::Library::create(options, library), NYBL_OK);
  auto deviceOptions = face::sized<nybl_device_options>();
  deviceOptions.driver_path = NYBL_TEST_OLDER_DRIVER;
  face::Device device;
  ASSERT_EQ(library.open(deviceOptions, device), NYBL_OK)
      << nybl_last_error() << ": only some kernels need them";
  face::Plan plan;
  auto prepare = face::sized<nybl_prepare_options>();
  EXPECT_EQ(device.prepare("gemm n=8 k=16 d=f32", prepare, plan), NYBL_OK)
      << nybl_last_error();
  prepare.schedule = "maps";
  EXPECT_EQ(device.prepare("gemm n=8 k=16 d=f32", prepare, plan),
            NYBL_ENVIRONMENT);
  std::string message = nybl_last_error();
  EXPECT_NE(message.find("lacks cuTensorMapEncodeTiled, which kernel "
                         "'fake_gemm' needs for its tensor maps: expected a "
                         "driver of CUDA 12.8 or newer"),
            message.npos)
      << message;
}

TEST(LibraryWithout, ADriver) {
  face::Library library;
  ASSERT_EQ(face::Library::create(face::sized<nybl_library_options>(), library),
            NYBL_OK);
  auto options = face::sized<nybl_device_options>();
  options.driver_path = "/nonexistent/libcuda.so.1";
  face::Device device;
  EXPECT_EQ(library.open(options, device), NYBL_ENVIRONMENT);
  std::string message = nybl_last_error();
  EXPECT_NE(message.find("expected a CUDA driver library at "
                         "'/nonexistent/libcuda.so.1'"),
            message.npos)
      << message;
  options.driver_path = NYBL_TEST_FAKE_JIT;
  EXPECT_EQ(library.open(options, device), NYBL_ENVIRONMENT);
  message = nybl_last_error();
  EXPECT_NE(message.find("lacks cuInit, cuDriverGetVersion, "), message.npos)
      << message;
  EXPECT_NE(message.find("cuMemAlloc_v2"), message.npos);
  options.driver_path = NYBL_TEST_RECORDING_DRIVER;
  options.ordinal = 1;
  EXPECT_EQ(library.open(options, device), NYBL_ENVIRONMENT);
  message = nybl_last_error();
  EXPECT_NE(message.find("expected a device ordinal below 1"), message.npos);
}

TEST(Names, OfStatusesAndVersion) {
  EXPECT_STREQ(nybl_status_name(NYBL_NOT_FOUND), "NYBL_NOT_FOUND");
  EXPECT_STREQ(nybl_status_name(77), "NYBL_?");
  EXPECT_STREQ(nybl_version(), "0.1.0");
}

} // namespace
