// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tune files in use: the schedule of a record is taken, for its class, GPU and
// kernel alone; and plans that run the same kernel say the same fingerprint.

#include "runtime/Abi/Problem.h"
#include "runtime/Tune/Record.h"
#include "tests/Runtime/ApiFixture.h"
#include "tests/Tools/Folder.h"
#include <thread>

using namespace nybl;
using namespace nybl::tests;

namespace {

constexpr const char *line = "gemm m=? n=24 k=64 sfa=128x4 sfb=8x4 d=f32";

/// A kernel of the fake compiler, timed on the recording driver's device.
tune::Record record(const char *schedule, int64_t nanoseconds, int64_t m = 16) {
  return {print(specialise(*parseProblem(line))),
          m,
          {"Recorder", "sm_120a", 10},
          13000,
          "events 1",
          schedule,
          std::string(64, '0'),
          nanoseconds,
          0,
          30,
          "naive kernel"};
}

class TunedTest : public ApiTest {
protected:
  nybl_status create(const std::string &path) {
    TearDown();
    logged.clear();
    auto options = face::sized<nybl_library_options>();
    options.jit_path = NYBL_TEST_FAKE_JIT;
    options.cache_path = "";
    options.tune_path = path.c_str();
    options.log = [](void *user, nybl_log_level level, const char *message) {
      static_cast<TunedTest *>(user)->logged.emplace_back(level, message);
    };
    options.log_user = this;
    return nybl_library_create(&options, &library);
  }
  void use(const std::vector<tune::Record> &records) {
    std::string text;
    for (const tune::Record &r : records)
      text += print(r) + "\n";
    writeText(folder / "tune", text);
    ASSERT_EQ(create(folder / "tune"), NYBL_OK) << nybl_last_error();
    auto options = face::sized<nybl_device_options>();
    options.driver_path = NYBL_TEST_RECORDING_DRIVER;
    ASSERT_EQ(nybl_device_open(library, &options, &device), NYBL_OK);
  }
  /// Why the kernel was chosen; the fingerprint is kept.
  std::string tuned(const char *problem = line,
                    const char *schedule = nullptr) {
    PlanOwner plan = prepared(problem, schedule);
    auto details = face::sized<nybl_plan_details>();
    EXPECT_EQ(nybl_plan_info(plan.get(), &details), NYBL_OK);
    fingerprint = details.fingerprint;
    return details.tuned;
  }
  bool hasWarned(const char *part) const {
    for (const auto &[level, message] : logged)
      if (level == NYBL_LOG_WARNING && message.find(part) != message.npos)
        return true;
    return false;
  }

  Folder folder;
  std::string fingerprint;
};

TEST_F(TunedTest, TheBestScheduleIsTaken) {
  use({record("kind=fake cubin", 1000), record("kind=fake leak", 900)});
  EXPECT_EQ(tuned(), "measured, 0.900 us at M = 16");
  std::string chosen = fingerprint;
  EXPECT_EQ(chosen.size(), 64u);
  // "leak" makes a kernel of its own: another schedule, another kernel.
  EXPECT_EQ(tuned(line, "kind=fake leak"), "");
  EXPECT_EQ(fingerprint, chosen);
  EXPECT_EQ(tuned(line, "kind=fake"), "");
  EXPECT_NE(fingerprint, chosen);
  EXPECT_EQ(tuned("gemm m=16..200 n=24 k=64 sfa=128x4 sfb=8x4 d=f32"),
            "measured, 0.900 us at M = 16");
  EXPECT_EQ(fingerprint, chosen);
  EXPECT_EQ(tuned("gemm m=17 n=24 k=64 sfa=128x4 sfb=8x4 d=f32"), "");
  EXPECT_EQ(tuned("gemm n=40 k=64 d=f32"), "");
  EXPECT_FALSE(hasWarned(""));
}

TEST_F(TunedTest, AnyOrderOfTheFileAndAnyProcessTheSame) {
  use({record("kind=fake a", 10), record("kind=fake leak", 10)});
  tuned();
  std::string first = fingerprint;
  use({record("kind=fake leak", 10), record("kind=fake a", 10)});
  tuned();
  EXPECT_EQ(fingerprint, first);
}

TEST_F(TunedTest, NoOtherKernelThanTheTimedOne) {
  tune::Record other = record("kind=fake leak", 900);
  other.kernel = std::string(64, '1');
  use({other});
  EXPECT_EQ(tuned(), "");
  EXPECT_TRUE(hasWarned("it was timed as kernel 111111111111, and is kernel "
                        "000000000000 here"));
  std::string fallen = fingerprint;
  EXPECT_EQ(tuned(line, "kind=fake leak"), "");
  EXPECT_NE(fingerprint, fallen);
}

TEST_F(TunedTest, WhatCannotBeMadeIsNotUsed) {
  use({record("refuse", 900)});
  EXPECT_EQ(tuned(), "");
  EXPECT_TRUE(hasWarned("is not used: the fake refuses"));
  use({record("unproven", 900)});
  EXPECT_EQ(tuned(), "");
  EXPECT_TRUE(hasWarned("is not used: expected a complete certificate"));
}

TEST_F(TunedTest, OtherGpus) {
  tune::Record other = record("kind=fake leak", 900);
  other.gpu.multiprocessors = 4;
  use({other});
  EXPECT_EQ(tuned(), "");
  EXPECT_FALSE(hasWarned(""));
}

TEST_F(TunedTest, WrongFiles) {
  EXPECT_EQ(create(folder / "absent"), NYBL_ENVIRONMENT);
  EXPECT_TRUE(says("absent"));
  writeText(folder / "tune", "{}\n");
  EXPECT_EQ(create(folder / "tune"), NYBL_INVALID);
  EXPECT_TRUE(says("line 1: field 'nybl'")) << nybl_last_error();
  EXPECT_EQ(library, nullptr);
}

} // namespace
