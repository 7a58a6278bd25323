// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a launch costs once everything is there, counted: calls of the driver,
// encodings of tensor maps, allocations, locks, system calls.

#include "runtime/Launch/TensorMaps.h"
#include "tests/Runtime/AllocationCount.h"
#include "tests/Runtime/ApiFixture.h"
#include "tests/Runtime/Arguments.h"
#include "tests/Runtime/RecordingDriver.h"
#include "tests/Runtime/SystemCalls.h"
#include <cstring>
#include <map>
#include <thread>

using namespace nybl;
using namespace nybl::tests;

namespace {

constexpr const char *line = "gemm m=? n=24 k=64 sfa=128x4 sfb=8x4 d=f32";
constexpr int aMap = 7, dMap = 8; ///< the parameters of the schedule "maps"

/// Of a plan with one kernel, and of one that has a kernel for each class of M.
class WarmLaunch : public ApiTest, public testing::WithParamInterface<bool> {
protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(open(NYBL_TEST_RECORDING_DRIVER));
    state = symbolOf<RecordingStateEntry>(NYBL_TEST_RECORDING_DRIVER,
                                          "nyblTestState")();
    state->settings = RecordingSettings();
    state->settings.parameterCount = 9;
    state->settings.mapParameters = 1 << aMap | 1 << dMap;
    plan = prepared(line, "maps", GetParam());
    ASSERT_TRUE(plan);
    launch(args);
  }
  void launch(const nybl_gemm_args &with) {
    ASSERT_EQ(nybl_launch(plan.get(), &with), NYBL_OK) << nybl_last_error();
  }
  /// How many maps a launch encodes.
  int encodes(const nybl_gemm_args &with) {
    state->encodeCount = 0;
    launch(with);
    return state->encodeCount;
  }

  RecordingState *state = nullptr;
  PlanOwner plan{nullptr, &nybl_plan_destroy};
  nybl_gemm_args args = argumentsFor(*parseProblem(line), 5);
};

TEST_P(WarmLaunch, TheSameArgumentsAreOneLaunchAndNoEncoding) {
  state->callCount = 0;
  for (int i = 0; i < 10; ++i)
    launch(args);
  std::vector<std::string> calls(state->calls, state->calls + state->callCount);
  ASSERT_EQ(calls.size(), 30u);
  for (size_t i = 0; i < calls.size(); i += 3) {
    EXPECT_EQ(calls[i], "cuCtxPushCurrent_v2");
    EXPECT_EQ(calls[i + 1], "cuLaunchKernel");
    EXPECT_EQ(calls[i + 2], "cuCtxPopCurrent_v2");
  }
}

TEST_P(WarmLaunch, WhatChangesIsEncodedAlone) {
  nybl_gemm_args other = args;
  other.a.pointer += 0x1000;
  EXPECT_EQ(encodes(other), 1);
  other.d.pointer += 0x1000;
  EXPECT_EQ(encodes(other), 1);
  other.a.pointer += 0x1000, other.d.pointer += 0x1000;
  EXPECT_EQ(encodes(other), 2);
  other.m = 4;
  EXPECT_EQ(encodes(other), 2) << "a map holds the rows";
  EXPECT_EQ(encodes(other), 0);
  other.a.row_stride += 32, other.a.bytes += 32 * 5;
  EXPECT_EQ(encodes(other), 1);
  other.stream = &other;
  other.alpha.value = 2;
  EXPECT_EQ(encodes(other), 0);
}

TEST_P(WarmLaunch, EachLaunchGetsTheMapsOfItsOwnPointers) {
  // What the driver encoded for a pointer, by the numbers of its calls.
  std::map<uint64_t, uint64_t> firstWord;
  int calls = state->encodeCount = 0, reused = 0;
  for (int i = 0; i < 200; ++i) {
    nybl_gemm_args other = args;
    other.a.pointer += 0x1000 + 0x400 * uint64_t(i * i % 7);
    other.d.pointer += 0x1000 + 0x400 * uint64_t(i * i % 11);
    launch(other);
    if (state->encodeCount == calls)
      ++reused;
    // The recording keeps the first eight; beyond those, the first word tells.
    for (auto [pointer, parameter] :
         {std::pair(other.a.pointer, aMap), {other.d.pointer, dMap}}) {
      uint64_t word = state->last.maps[parameter][0];
      bool fresh = word >= mapWord(calls, 0);
      if (fresh)
        firstWord[pointer] = word;
      ASSERT_EQ(word, firstWord[pointer]) << i;
      for (int k = 0; k < 16; ++k)
        ASSERT_EQ(state->last.maps[parameter][k], word + uint64_t(k));
    }
    calls = state->encodeCount;
  }
  EXPECT_GT(reused, 20);
}

TEST_P(WarmLaunch, AMapThatTheDriverRefusedIsNotKept) {
  nybl_gemm_args other = args;
  other.a.pointer += 0x1000;
  state->settings.encodeResult = 700;
  EXPECT_EQ(nybl_launch(plan.get(), &other), NYBL_ENVIRONMENT);
  state->settings.encodeResult = 0;
  EXPECT_EQ(encodes(other), 1);
}

TEST_P(WarmLaunch, AllocatesNothingAndTakesNoLock) {
  if (!allocationsAreCounted())
    GTEST_SKIP() << "the sanitizer has its own allocator";
  nybl_gemm_args other = args;
  other.a.pointer += 0x1000, other.d.pointer += 0x1000;
  uint64_t locks = lockCount(), allocations = allocationCount();
  for (int i = 0; i < 10; ++i) {
    args.m = i % 5 + 1;
    nybl_launch(plan.get(), &args);
    nybl_launch(plan.get(), &other);
  }
  EXPECT_EQ(lockCount(), locks);
  EXPECT_EQ(allocationCount(), allocations);
}

TEST_P(WarmLaunch, MakesNoSystemCall) {
  if (!allocationsAreCounted())
    GTEST_SKIP() << "the sanitizer makes system calls of its own";
  SystemCalls asking = systemCallsOf([] { getppid(); });
  if (asking == SystemCalls::CannotTell)
    GTEST_SKIP() << "this machine forbids filters of system calls";
  ASSERT_EQ(asking, SystemCalls::Some) << "the filter can find one";
  nybl_gemm_args other = args;
  other.a.pointer += 0x1000, other.d.pointer += 0x1000;
  uint64_t failures = 0;
  auto launches = [&] {
    for (int i = 0; i < 1000; ++i)
      failures += nybl_launch(plan.get(), i % 3 ? &args : &other) != NYBL_OK;
    if (failures)
      getppid();
  };
  EXPECT_EQ(systemCallsOf(launches), SystemCalls::None);
}

INSTANTIATE_TEST_SUITE_P(Plans, WarmLaunch, testing::Bool(),
                         [](const testing::TestParamInfo<bool> &all) {
                           return all.param ? "allClasses" : "oneKernel";
                         });

/// A map that says what it is of.
CUtensorMap mapOf(const launch::MapMemory::Key &key) {
  CUtensorMap map;
  for (uint64_t i = 0; i < 16; ++i)
    map.opaque[i] = key.pointer * 1000003 + key.rows * 257 + i;
  return map;
}

using Key = launch::MapMemory::Key;

/// Two keys that are kept in one place.
std::pair<Key, Key> rivals() {
  launch::MapMemory memory;
  Key first{4096, 64, 5}, other{0, 64, 5};
  CUtensorMap found;
  do {
    other.pointer += 4096 * 7;
    memory.keep(first, mapOf(first));
    memory.keep(other, mapOf(other));
  } while (memory.find(first, found));
  return {first, other};
}

TEST(MapMemory, RemembersByPointerStrideAndRows) {
  launch::MapMemory memory;
  Key key{4096, 64, 5};
  CUtensorMap found, right = mapOf(key);
  EXPECT_FALSE(memory.find(key, found));
  EXPECT_FALSE(memory.find({0, 0, 0}, found) && found.opaque[0] != 0);
  memory.keep(key, right);
  ASSERT_TRUE(memory.find(key, found));
  EXPECT_EQ(std::memcmp(&found, &right, sizeof right), 0);
  for (Key other : {Key{8192, 64, 5}, Key{4096, 96, 5}, Key{4096, 64, 6}})
    EXPECT_FALSE(memory.find(other, found));
}

TEST(MapMemory, ThreadsNeverSeeHalfAMap) {
  launch::MapMemory memory;
  auto [first, other] = rivals();
  std::atomic<uint64_t> hits{0}, wrong{0};
  std::atomic<int> writing{2};
  auto write = [&, first = first, other = other] {
    // Long enough to meet, and until some were found: a reader may wait for
    // its core.
    for (int i = 0; i < 150000 || (hits < 1000 && i < 100'000'000); ++i) {
      const Key &key = i % 2 ? first : other;
      memory.keep(key, mapOf(key));
    }
    --writing;
  };
  auto read = [&, first = first] {
    CUtensorMap right = mapOf(first), found;
    while (writing > 0) {
      if (!memory.find(first, found))
        continue;
      ++hits;
      wrong += std::memcmp(&found, &right, sizeof right) != 0;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back(write);
    threads.emplace_back(read);
  }
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(hits, 0u);
}

} // namespace
