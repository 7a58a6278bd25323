// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl first-contact from end to end on emulated devices: the micro-tests agree
// with the model that they name, and no padding is read.

#include "tests/Tools/Command.h"
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <set>

using namespace nybl::tests;
using Json = nlohmann::json;

namespace {

TEST(FirstContact, RunsOnTheEmulatedDevice) {
  Outcome said = nyblCommand({"first-contact", "--device", "emu", "--json"});
  EXPECT_EQ(said.code, 0) << said.err;
  Json json = Json::parse(said.out, nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(json.is_object()) << said.out;
  EXPECT_EQ(json["emulated"], true);
  EXPECT_EQ(json["figures"], "meaningless: the device is emulated");
  ASSERT_EQ(json["micro_tests"].size(), 8u);
  for (const Json &test : json["micro_tests"])
    EXPECT_EQ(test["agrees"], true) << test;
  ASSERT_EQ(json["poison"].size(), 4u);
  for (const Json &one : json["poison"])
    EXPECT_EQ(one["same"], true) << one;
  ASSERT_EQ(json["speed"].size(), 2u);
  EXPECT_NE(json["speed"][0]["origin"], "");
  std::string served = json["speed"][0]["problem_class"];
  EXPECT_EQ(served.find("gemm m=0..16 n=64 k=128 "), 0u) << served;
}

TEST(FirstContact, TensorMemoryHasMicroTestsOfItsOwn) {
  for (const char *device : {"emu:sm_100a", "emu:sm_103a"}) {
    Outcome said = nyblCommand({"first-contact", "--device", device, "--json"});
    EXPECT_EQ(said.code, 0) << said.err;
    Json json = Json::parse(said.out, nullptr, /*allow_exceptions=*/false);
    ASSERT_TRUE(json.is_object()) << said.out;
    ASSERT_EQ(json["micro_tests"].size(), 16u);
    for (const Json &test : json["micro_tests"])
      EXPECT_EQ(test["agrees"], true) << test;
    EXPECT_EQ(json["micro_tests_skipped"], "");
    ASSERT_EQ(json["poison"].size(), 2u);
    for (const Json &one : json["poison"])
      EXPECT_EQ(one["same"], true) << one;
    ASSERT_EQ(json["speed"].size(), 2u);
    std::string schedule = json["speed"][0]["schedule"];
    EXPECT_EQ(schedule.find("kind=tmem "), 0u) << schedule;
  }
}

/// A multiply that adds up otherwise is seen: by what is cut off, and by what a
/// block of zeros does.
TEST(FirstContact, MicroTestsTellNumericModelsApart) {
  Outcome said = nyblCommand(
      {"first-contact", "--device", "emu:sm_100a", "--json"},
      {{"NYBL_EMU_NUMERICS", "sequential"}, {"NYBL_JIT", "/nonexistent"}});
  EXPECT_EQ(said.code, 1) << said.err;
  Json json = Json::parse(said.out, nullptr, /*allow_exceptions=*/false);
  ASSERT_EQ(json["micro_tests"].size(), 16u) << said.out;
  std::set<std::string> differ;
  for (const Json &test : json["micro_tests"])
    if (test["agrees"] == false)
      differ.insert(test["question"]);
  EXPECT_EQ(differ,
            std::set<std::string>({"64 and 3/4 of its last place",
                                   "-64 and 3/4 of its last place",
                                   "blocks of 448 cancel beside 2^-20",
                                   "a K block of zeros has scales of 448"}));
}

TEST(FirstContact, BadInput) {
  for (const char *device : {"emu:sm_12", "gpu", "emu:sm_90a"}) {
    Outcome said = nyblCommand({"first-contact", "--device", device});
    EXPECT_NE(said.code, 0) << device;
    EXPECT_EQ(said.out, "") << device;
    EXPECT_NE(said.err, "") << device;
  }
}

} // namespace
