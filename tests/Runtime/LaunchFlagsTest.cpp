// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which attributes a launch has: as the caller's flags ask for and the kernel's
// parts need; and every refusal.

#include "tests/Runtime/ApiFixture.h"
#include "tests/Runtime/Arguments.h"
#include "tests/Runtime/RecordingDriver.h"

using namespace nybl;
using namespace nybl::tests;

namespace {

constexpr const char *line = "gemm m=0..16 n=24 k=64 sfa=128x4 sfb=8x4 d=f32";

class LaunchFlagsTest : public ApiTest {
protected:
  void openOn(const char *driver) {
    state = restartRecording(driver);
    ASSERT_TRUE(state);
    ASSERT_NO_FATAL_FAILURE(open(driver));
  }
  /// Calls of the driver.
  std::vector<std::string> launch(const PlanOwner &plan, uint64_t flags) {
    args.flags = flags;
    state->callCount = 0;
    EXPECT_EQ(nybl_launch(plan.get(), &args), NYBL_OK) << nybl_last_error();
    return {state->calls, state->calls + state->callCount};
  }
  nybl_status refusal(const PlanOwner &plan, uint64_t flags) {
    args.flags = flags;
    uint64_t before = state->last.launches;
    nybl_status status = nybl_launch(plan.get(), &args);
    EXPECT_EQ(state->last.launches, before);
    return status;
  }
  static std::vector<std::string> around(const char *call) {
    return {"cuCtxPushCurrent_v2", call, "cuCtxPopCurrent_v2"};
  }

  nybl_gemm_args args = argumentsFor(*parseProblem(line), 5);
  RecordingState *state = nullptr;
};

TEST_F(LaunchFlagsTest, DependentOnlyWhereItIsAskedFor) {
  ASSERT_NO_FATAL_FAILURE(openOn(NYBL_TEST_RECORDING_DRIVER));
  PlanOwner plan = prepared(line, "waits");
  EXPECT_EQ(launch(plan, 0), around("cuLaunchKernel"));
  EXPECT_FALSE(state->last.dependent || state->last.cooperative);
  RecordedLaunch first = state->last;
  EXPECT_EQ(launch(plan, NYBL_LAUNCH_DEPENDENT), around("cuLaunchKernelEx"));
  EXPECT_TRUE(state->last.dependent && !state->last.cooperative);
  EXPECT_EQ(state->last.grid[0], first.grid[0]);
  EXPECT_EQ(state->last.block[0], first.block[0]);
  EXPECT_EQ(state->last.dynamicShared, first.dynamicShared);
  EXPECT_EQ(state->last.stream, first.stream);
}

TEST_F(LaunchFlagsTest, PartsThatWaitForEachOtherAreCooperative) {
  ASSERT_NO_FATAL_FAILURE(openOn(NYBL_TEST_RECORDING_DRIVER));
  PlanOwner plan = prepared(line, "waits parts");
  args.workspace = 0x90000000;
  args.workspace_bytes = 1 << 20;
  EXPECT_EQ(launch(plan, 0), around("cuLaunchKernelEx"));
  EXPECT_TRUE(state->last.cooperative && !state->last.dependent);
  EXPECT_EQ(launch(plan, NYBL_LAUNCH_DEPENDENT), around("cuLaunchKernelEx"));
  EXPECT_TRUE(state->last.cooperative && state->last.dependent);
}

TEST_F(LaunchFlagsTest, WhoIsNotKnownToWaitIsRefused) {
  ASSERT_NO_FATAL_FAILURE(openOn(NYBL_TEST_RECORDING_DRIVER));
  PlanOwner plan = prepared(line, "silence");
  EXPECT_EQ(refusal(plan, NYBL_LAUNCH_DEPENDENT), NYBL_REFUSED);
  EXPECT_TRUE(says("does not say that it waits for the grid before it (L7)"))
      << nybl_last_error();
  PlanOwner waits = prepared(line, "waits");
  for (uint64_t flags : {uint64_t(2), uint64_t(3), uint64_t(1) << 40}) {
    EXPECT_EQ(refusal(waits, flags), NYBL_REFUSED);
    EXPECT_TRUE(says(("flags: expected 0 or 1 (NYBL_LAUNCH_DEPENDENT), got " +
                      std::to_string(flags))
                         .c_str()))
        << nybl_last_error();
  }
}

TEST_F(LaunchFlagsTest, AStructThatKnowsNoFlagsHasNone) {
  ASSERT_NO_FATAL_FAILURE(openOn(NYBL_TEST_RECORDING_DRIVER));
  PlanOwner plan = prepared(line, "waits");
  args.size = offsetof(nybl_gemm_args, flags);
  EXPECT_EQ(launch(plan, NYBL_LAUNCH_DEPENDENT), around("cuLaunchKernel"));
  --args.size;
  EXPECT_EQ(nybl_launch(plan.get(), &args), NYBL_INVALID);
}

TEST_F(LaunchFlagsTest, ADriverWithoutAttributesSaysSo) {
  ASSERT_NO_FATAL_FAILURE(openOn(NYBL_TEST_OLDER_DRIVER));
  PlanOwner plan = prepared(line, "waits");
  EXPECT_EQ(launch(plan, 0), around("cuLaunchKernel"));
  EXPECT_EQ(refusal(plan, NYBL_LAUNCH_DEPENDENT), NYBL_ENVIRONMENT);
  EXPECT_TRUE(says("expected a driver with cuLaunchKernelEx"))
      << nybl_last_error();
  // Whose parts could wait for ever is no plan there.
  nybl_plan *none = nullptr;
  EXPECT_EQ(tryPrepare(line, "parts", &none), NYBL_ENVIRONMENT);
  EXPECT_TRUE(says("cuLaunchKernelEx")) << nybl_last_error();
}

} // namespace
