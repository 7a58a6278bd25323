// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Opens the library, a device and plans through nybl.h, as a user would.
#ifndef NYBL_TESTS_RUNTIME_APIFIXTURE_H
#define NYBL_TESTS_RUNTIME_APIFIXTURE_H

#include "nybl/nybl.hpp"
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace nybl::tests {

using PlanOwner = std::unique_ptr<nybl_plan, decltype(&nybl_plan_destroy)>;

class ApiTest : public testing::Test {
protected:
  /// Library with the fake compiler; device of `driverPath`. No cache, unless
  /// its folders are named.
  void open(const char *driverPath, const char *cachePath = "",
            const char *bundlePath = nullptr,
            const char *jitPath = NYBL_TEST_FAKE_JIT) {
    auto options = face::sized<nybl_library_options>();
    options.jit_path = jitPath;
    options.cache_path = cachePath;
    options.bundle_path = bundlePath;
    options.compile = compile;
    options.log = [](void *user, nybl_log_level level, const char *message) {
      auto *test = static_cast<ApiTest *>(user);
      std::lock_guard lock(test->logMutex); // several threads may prepare
      test->logged.emplace_back(level, message);
    };
    options.log_user = this;
    ASSERT_EQ(nybl_library_create(&options, &library), NYBL_OK);
    auto deviceOptions = face::sized<nybl_device_options>();
    deviceOptions.driver_path = driverPath;
    ASSERT_EQ(nybl_device_open(library, &deviceOptions, &device), NYBL_OK)
        << nybl_last_error();
  }
  void TearDown() override {
    nybl_device_destroy(std::exchange(device, nullptr));
    nybl_library_destroy(std::exchange(library, nullptr));
  }

  nybl_status tryPrepare(const char *problem, const char *schedule,
                         nybl_plan **plan, bool allowUnproven = false) {
    auto options = face::sized<nybl_prepare_options>();
    options.schedule = schedule;
    options.allow_unproven = allowUnproven;
    return nybl_prepare(device, problem, &options, plan);
  }
  PlanOwner prepared(const char *problem, const nybl_prepare_options &options) {
    nybl_plan *plan = nullptr;
    EXPECT_EQ(nybl_prepare(device, problem, &options, &plan), NYBL_OK)
        << nybl_last_error();
    return {plan, &nybl_plan_destroy};
  }
  PlanOwner prepared(const char *problem, const char *schedule = nullptr,
                     bool allClasses = false) {
    auto options = face::sized<nybl_prepare_options>();
    options.schedule = schedule;
    options.all_classes = allClasses;
    return prepared(problem, options);
  }
  static bool says(const char *part) {
    return std::string(nybl_last_error()).find(part) != std::string::npos;
  }

  /// In this one what it was asked is counted.
  nybl_compile compile = NYBL_COMPILE_IN_PROCESS;
  nybl_library *library = nullptr;
  nybl_device *device = nullptr;
  std::mutex logMutex;
  std::vector<std::pair<nybl_log_level, std::string>> logged;
};

} // namespace nybl::tests

#endif // NYBL_TESTS_RUNTIME_APIFIXTURE_H
