// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// First contact where something fails: what else was found out is said all the
// same. The compiler is none, or the fake one of tests/Runtime, whose kernel
// writes twice the bytes that D has.

#include "tests/Tools/Command.h"
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace nybl::tests;
using Json = nlohmann::json;

namespace {

Outcome contact(const char *jit, std::vector<std::string> more = {}) {
  more.insert(more.begin(), {"first-contact", "--device", "emu"});
  return nyblCommand(more, {{"NYBL_JIT", jit}});
}

Json contactJson(const char *jit, int code) {
  Outcome said = contact(jit, {"--json"});
  EXPECT_EQ(said.code, code) << said.err;
  Json json = Json::parse(said.out, nullptr, /*allow_exceptions=*/false);
  EXPECT_TRUE(json.is_object()) << said.out;
  return json.is_object() ? json : Json{{"micro_tests", Json::array()}};
}

TEST(ContactFailure, WithoutKernelsTheMicroTestsAreSaid) {
  Json json = contactJson("/nonexistent", 3);
  ASSERT_EQ(json["micro_tests"].size(), 8u);
  for (const Json &test : json["micro_tests"])
    EXPECT_EQ(test["agrees"], true) << test;
  ASSERT_EQ(json["poison"].size(), 4u);
  for (const Json &one : json["poison"]) {
    EXPECT_EQ(one["failed"], true) << one;
    EXPECT_EQ(one["same"], false) << one;
    EXPECT_NE(one["reason"], "") << one;
  }
  ASSERT_EQ(json["speed"].size(), 2u);
  for (const Json &one : json["speed"]) {
    EXPECT_NE(one["failed"], "") << one;
    EXPECT_EQ(one.count("us"), 0u) << one;
  }
}

TEST(ContactFailure, IsSaidInItsPlace) {
  Outcome said = contact("/nonexistent");
  EXPECT_EQ(said.code, 3);
  EXPECT_NE(said.err.find("6 of what was asked could not be had"),
            said.err.npos)
      << said.err;
  for (const char *part :
       {"agrees  64 products of one", "FAILED  M = 5, gemm m=? n=96 k=96 ",
        "     64    128  FAILED: "})
    EXPECT_NE(said.out.find(part), said.out.npos) << said.out;
}

TEST(ContactFailure, AKernelThatBreaksTheContextIsWrongAndTheRestSkipped) {
  Json json = contactJson(NYBL_TEST_FAKE_JIT, 1);
  EXPECT_EQ(json["micro_tests"].size(), 8u);
  ASSERT_EQ(json["poison"].size(), 4u);
  EXPECT_EQ(json["poison"][0]["same"], false);
  EXPECT_EQ(json["poison"][0]["failed"], false);
  std::string last = json["poison"][3]["reason"];
  EXPECT_EQ(last.find("skipped: the device takes no more work since: "), 0u)
      << last;
  ASSERT_EQ(json["speed"].size(), 2u);
}

} // namespace
