// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Copies and fills are over when they return, whatever the driver does.

#include "runtime/Driver/Memory.h"
#include "tests/Runtime/RecordingDriver.h"
#include <gtest/gtest.h>

using namespace nybl;

namespace {

class MemoryTest : public testing::Test {
protected:
  void SetUp() override {
    state = restartRecording(NYBL_TEST_RECORDING_DRIVER);
    ASSERT_TRUE(state);
    auto api = driver::Driver::open(NYBL_TEST_RECORDING_DRIVER);
    ASSERT_TRUE(api) << api.message();
    auto device = driver::Device::open(*api, 0);
    ASSERT_TRUE(device) << device.message();
    auto made = driver::Buffer::allocate(*device, 8);
    ASSERT_TRUE(made) << made.message();
    buffer = std::move(*made);
    state->callCount = 0;
    state->synchronized = this;
  }
  /// The driver's calls since, but for those that set the context.
  std::vector<std::string> calls() const {
    std::vector<std::string> names;
    for (int i = 0; i < state->callCount; ++i)
      if (std::string name = state->calls[i]; !name.starts_with("cuCtx"))
        names.push_back(name);
    return names;
  }

  RecordingState *state = nullptr;
  driver::Buffer buffer;
};

using Names = std::vector<std::string>;

TEST_F(MemoryTest, AFillIsWaitedForOnTheLegacyStream) {
  EXPECT_TRUE(buffer.fill(0x7f));
  EXPECT_EQ(calls(), (Names{"cuMemsetD8_v2", "cuStreamSynchronize"}));
  EXPECT_EQ(state->synchronized, nullptr);
}

TEST_F(MemoryTest, AnUploadIsWaitedForOnTheLegacyStream) {
  EXPECT_TRUE(buffer.upload(4, "abc", 4));
  EXPECT_EQ(calls(), (Names{"cuMemcpyHtoD_v2", "cuStreamSynchronize"}));
  EXPECT_EQ(state->synchronized, nullptr);
}

TEST_F(MemoryTest, WhatDoesNothingWaitsForNothing) {
  EXPECT_TRUE(buffer.upload(8, "", 0));
  EXPECT_FALSE(buffer.upload(8, "a", 1));
  EXPECT_EQ(calls(), Names{});
}

} // namespace
