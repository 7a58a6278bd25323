// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// First contact as a stranger gets it: one program and one bundle in a folder
// of their own, no environment, no compiler. And cuBLASLt beside it, played by
// a library that makes the product its descriptors describe.

#include "tests/Tools/Command.h"
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

using namespace nybl::tests;
using Json = nlohmann::json;

namespace {

/// The problems that an emulated device is asked for: the small ones.
std::string smallProblems() {
  std::string all = programAlone(NYBL_TEST_CONTACT, "", {"--problems"}, {}).out;
  std::istringstream lines(all);
  std::string small;
  for (std::string line; std::getline(lines, line);)
    if (line.find(" n=64 ") != line.npos || line.find(" n=96 ") != line.npos)
      small += line + "\n";
  return small;
}

class ContactAlone : public testing::Test {
protected:
  /// Made once: kernels for both families of chips in one file.
  static void SetUpTestSuite() {
    shared = new Folder();
    writeText(*shared / "problems.txt", smallProblems());
    bundled = nyblCommand({"bundle", *shared / "problems.txt", "--chips",
                           "sm_120f,sm_100f", "--where-possible", "-o",
                           *shared / "first-contact.nybl"});
  }
  static void TearDownTestSuite() { delete shared; }

  void SetUp() override {
    ASSERT_EQ(bundled.code, 0) << bundled.err;
    std::filesystem::copy(NYBL_TEST_CONTACT, folder / program);
    std::filesystem::copy(*shared / "first-contact.nybl",
                          folder / "first-contact.nybl");
  }

  Outcome contact(std::vector<std::string> arguments,
                  std::map<std::string, std::string> environment = {}) {
    environment["NYBL_DRIVER"] = NYBL_TEST_DRIVER;
    return programAlone(folder / program, folder / "", arguments, environment);
  }
  Json contactJson(std::vector<std::string> arguments,
                   std::map<std::string, std::string> environment = {}) {
    arguments.insert(arguments.end(), {"--json"});
    Outcome said = contact(arguments, environment);
    EXPECT_EQ(said.code, 0) << said.err;
    return Json::parse(said.out, nullptr, /*allow_exceptions=*/false);
  }

  static constexpr const char *program = "nybl-first-contact";
  static Folder *shared;
  static Outcome bundled;
  Folder folder;
};

Folder *ContactAlone::shared = nullptr;
Outcome ContactAlone::bundled;

TEST_F(ContactAlone, NeedsLibcAlone) {
  Outcome said =
      programAlone("/usr/bin/readelf", "", {"-d", NYBL_TEST_CONTACT}, {});
  ASSERT_EQ(said.code, 0) << said.err;
  std::istringstream lines(said.out);
  std::set<std::string> needed;
  for (std::string line; std::getline(lines, line);)
    if (line.find("(NEEDED)") != line.npos)
      needed.insert(line.substr(line.find('[')));
  std::set<std::string> allowed = {"[libc.so.6]", "[libm.so.6]",
                                   "[ld-linux-x86-64.so.2]", "[libdl.so.2]",
                                   "[libpthread.so.0]"};
  EXPECT_EQ(needed.count("[libc.so.6]"), 1u) << said.out;
  for (const std::string &library : needed)
    EXPECT_EQ(allowed.count(library), 1u) << library;
}

TEST_F(ContactAlone, WhatAChipHasNoKernelForIsLeftOut) {
  std::istringstream lines(bundled.out);
  std::multiset<std::string> leftOut;
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("left out "))
      leftOut.insert(line.substr(0, line.find(" a=")) +
                     line.substr(line.find("' for ")).substr(0, 13));
  const std::string one = "left out 'gemm m=? n=96 k=80' for sm_100f";
  EXPECT_EQ(leftOut, std::multiset<std::string>({one, one, one}))
      << bundled.out;
}

TEST_F(ContactAlone, RunsInAFolderOfItsOwn) {
  Outcome said = contact({"--device", "emu:sm_120a"});
  EXPECT_EQ(said.code, 0) << said.err;
  EXPECT_EQ(said.err, "");
  EXPECT_NE(said.out.find("agrees  64 products of one"), said.out.npos);
  EXPECT_NE(said.out.find("meaningless: the device is emulated"),
            said.out.npos);
  EXPECT_EQ(said.out.find("WRONG"), said.out.npos) << said.out;
  // Nothing is left behind.
  std::vector<std::string> both = {"first-contact.nybl", program};
  EXPECT_EQ(folder.files(), both);
}

TEST_F(ContactAlone, OneBundleServesEveryChip) {
  for (auto [chip, poisoned] :
       {std::pair("sm_121a", 4u), {"sm_100a", 2u}, {"sm_103a", 2u}}) {
    Json json = contactJson({"--device", std::string("emu:") + chip});
    ASSERT_TRUE(json.is_object()) << chip;
    EXPECT_EQ(json["poison"].size(), poisoned) << chip;
    for (const Json &one : json["poison"])
      EXPECT_EQ(one["same"], true) << one;
    for (const Json &one : json["speed"]) {
      std::string origin = one["origin"].get<std::string>();
      EXPECT_EQ(origin.find("bundle "), 0u) << one;
      EXPECT_NE(origin.find(poisoned == 4 ? ", for sm_120f" : ", for sm_100f"),
                origin.npos)
          << one;
      EXPECT_EQ(one["wrong"], "") << one;
    }
  }
}

TEST_F(ContactAlone, WithoutItsBundleItSaysWhatIsMissing) {
  std::filesystem::remove(folder / "first-contact.nybl");
  Outcome said = contact({"--device", "emu:sm_100a"});
  EXPECT_EQ(said.code, 3);
  EXPECT_NE(said.err.find("bundle"), said.err.npos) << said.err;
}

TEST_F(ContactAlone, CublasLtMakesTheSameProducts) {
  Json json = contactJson({"--device", "emu:sm_100a", "--cublaslt",
                           NYBL_TEST_CUBLASLT, "--nvml", NYBL_TEST_CUBLASLT},
                          {{"NYBL_STUB_LOG", folder / "log"}});
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json["peer"], "cuBLASLt 13.1.0");
  EXPECT_EQ(json["clocks"], "NVML");
  ASSERT_EQ(json["speed"].size(), 2u);
  for (const Json &one : json["speed"]) {
    EXPECT_EQ(one["wrong"], "") << one;
    EXPECT_EQ(one["peer"]["wrong"], "") << one;
    EXPECT_GT(one["peer"]["us"], 0) << one;
    EXPECT_EQ(one["sm_mhz"], 2407) << one;
    EXPECT_EQ(one["memory_mhz"], 14001) << one;
  }
  std::string log = contentOf(folder / "log");
  EXPECT_EQ(log.find("NVML device 00000000:00:00.0"), 0u) << log;
  EXPECT_NE(log.find("\nA: type 33, 160 x 96, leading 160; B: type 33, 160 x "
                     "40, leading 160; D: type 14, 96 x 40, leading 96; "
                     "workspace 33554432\n"),
            log.npos)
      << log;
}

TEST_F(ContactAlone, CublasLtWithoutAnAlgorithmIsNoError) {
  Outcome said =
      contact({"--device", "emu:sm_100a", "--cublaslt", NYBL_TEST_CUBLASLT},
              {{"NYBL_STUB_REFUSES", "1"}});
  EXPECT_EQ(said.code, 0) << said.err;
  EXPECT_NE(said.out.find("theirs: cuBLASLt 13.1.0 names no algorithm"),
            said.out.npos)
      << said.out;
}

TEST_F(ContactAlone, CublasLtThatIsMissingOrTooOldIsOneLine) {
  Outcome missing =
      contact({"--device", "emu:sm_100a", "--cublaslt", "/nonexistent.so"});
  EXPECT_EQ(missing.code, 0) << missing.err;
  EXPECT_NE(missing.out.find("beside it: no cuBLASLt (/nonexistent.so"),
            missing.out.npos)
      << missing.out;
  Outcome old =
      contact({"--device", "emu:sm_100a", "--cublaslt", NYBL_TEST_CUBLASLT},
              {{"NYBL_STUB_VERSION", "120501"}});
  EXPECT_EQ(old.code, 0) << old.err;
  EXPECT_NE(old.out.find("beside it: expected cuBLASLt 12.8 or later, the "
                         "first with block scaling, got cuBLASLt 12.5.1"),
            old.out.npos)
      << old.out;
  Outcome other =
      contact({"--device", "emu:sm_100a", "--cublaslt", NYBL_TEST_DRIVER});
  EXPECT_EQ(other.code, 0) << other.err;
  EXPECT_NE(other.out.find("it has no cublasLtGetVersion"), other.out.npos)
      << other.out;
}

} // namespace
