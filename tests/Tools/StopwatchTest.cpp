// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// When a stopwatch calls whom, on the emulated driver, and what the readings of
// clocks make.

#include "tools/nybl/Stopwatch.h"
#include "tools/nybl/Clocks.h"
#include <chrono>
#include <condition_variable>
#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::cli;

namespace {

/// Work of a stream that is not over before somebody says so.
struct Gate {
  std::mutex mutex;
  std::condition_variable changed;
  int waiting = 0, opened = 0, late = 0;

  static void CUDA_CB pass(void *data) {
    Gate &gate = *static_cast<Gate *>(data);
    std::unique_lock lock(gate.mutex);
    int number = gate.waiting++;
    gate.late += !gate.changed.wait_for(lock, std::chrono::seconds(2),
                                        [&] { return gate.opened > number; });
  }
  void open() {
    std::lock_guard lock(mutex);
    ++opened;
    changed.notify_all();
  }
};

TEST(Stopwatch, CallsWhileTheWorkIsQueued) {
  auto driver = driver::Driver::open(NYBL_TEST_DRIVER);
  ASSERT_TRUE(driver) << driver.message();
  auto device = driver::Device::open(*driver, 0);
  ASSERT_TRUE(device) << device.message();
  auto enqueue = (*driver)->extension<CUresult(CUstream, CUhostFn, void *)>(
      "cuLaunchHostFunc");
  ASSERT_NE(enqueue, nullptr);
  auto watch = Stopwatch::make(*device);
  ASSERT_TRUE(watch) << watch.message();
  Gate gate;
  auto timing = watch->time(
      1,
      [&](const driver::Stream &stream, int) {
        driver::ContextScope scope(**device);
        return (*driver)->check(
            enqueue(static_cast<CUstream>(stream.handle()), &Gate::pass, &gate),
            "cuLaunchHostFunc");
      },
      [&] { gate.open(); });
  ASSERT_TRUE(timing) << timing.message();
  EXPECT_EQ(gate.opened, gate.waiting);
  EXPECT_EQ(gate.late, 0) << "what was queued was over, or waited for";
}

TEST(Clocks, AreTheMedianOfTheirReadings) {
  EXPECT_FALSE(medianOf({}));
  auto median = medianOf({{210, 14001}, {2407, 405}, {2500, 14001}});
  ASSERT_TRUE(median);
  EXPECT_EQ(median->multiprocessorMHz, 2407u);
  EXPECT_EQ(median->memoryMHz, 14001u);
}

} // namespace
