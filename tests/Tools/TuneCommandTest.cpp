// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl tune on the emulated device, with the fake compiler of tests/Runtime,
// whose kernels write alpha everywhere: right if one of them is the reference,
// wrong if a naive kernel is.

#include "runtime/Tune/Journal.h"
#include "tests/Tools/Command.h"
#include <csignal>
#include <filesystem>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace nybl::tests;
using Json = nlohmann::json;

namespace {

constexpr const char *line = "gemm m=? n=24 k=64 d=f32\n";

class TuneCommand : public testing::Test {
protected:
  Outcome tune(std::vector<std::string> more, const char *problems = line,
               const char *nvrtc = "/absent/libnvrtc.so") {
    writeText(folder / "problems", problems);
    std::vector<std::string> arguments = {
        "tune",  folder / "problems", "--emu", "--db", db,
        "--jit", NYBL_TEST_FAKE_JIT};
    arguments.insert(arguments.end(), more.begin(), more.end());
    environment["NYBL_NVRTC"] = nvrtc;
    return nyblCommand(arguments, environment);
  }
  static void expectPart(const std::string &text, const char *part) {
    EXPECT_NE(text.find(part), std::string::npos)
        << "expected '" << part << "' in: " << text;
  }

  std::map<std::string, std::string> environment;
  Folder folder;
  std::string db = folder / "tune.jsonl";
};

TEST_F(TuneCommand, EstimatesAreCalledSoEverywhere) {
  Outcome said = tune({"--m", "3,5", "--candidates", "3"});
  EXPECT_EQ(said.code, 0) << said.err;
  for (const char *part :
       {" multiprocessors, emulated\n", "checked against our plain schedule",
        "estimates: the device is emulated, and nothing was timed\n",
        "estimated, 1.500 us at M = 3, 1.500 us at M = 5\n",
        "4 candidates: 1 recorded, 2 known before, 1 refused by the compiler, "
        "0 wrong, 0 left out\n"})
    expectPart(said.out, part);
  auto file = nybl::tune::readRecords(db);
  ASSERT_TRUE(file) << file.message();
  ASSERT_EQ(file->records.size(), 2u);
  for (const nybl::tune::Record &record : file->records) {
    EXPECT_TRUE(record.isEstimate());
    EXPECT_EQ(record.policy, "estimate 1");
    EXPECT_EQ(record.checked, "our plain schedule");
  }
}

TEST_F(TuneCommand, GoesOnWhereItWasAndSaysSoInJson) {
  EXPECT_EQ(tune({"--m", "3", "--candidates", "1"}).code, 0);
  std::string first = contentOf(db);
  writeText(db, first + first.substr(0, 70)); // killed while it wrote
  Outcome said = tune({"--m", "3", "--candidates", "1", "--json"});
  EXPECT_EQ(said.code, 0) << said.err;
  EXPECT_EQ(contentOf(db), first);
  Json json = Json::parse(said.out, nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(json.is_object()) << said.out;
  EXPECT_EQ(json["recorded"], 0);
  EXPECT_EQ(json["known"], 2);
  EXPECT_EQ(json["emulated"], true);
  expectPart(json["figures"], "estimates");
  expectPart(json["problems"][0]["reason"], "estimated");
}

#ifdef NYBL_TEST_SIGNAL_ON_SYNC // no sanitizer, whose runtime comes first
/// The signal comes while the first record is being written to the disk.
TEST_F(TuneCommand, CtrlCLeavesWholeLinesAndTheNextRunGoesOn) {
  const std::vector<std::string> more = {"--m", "3,5", "--candidates", "1"};
  EXPECT_EQ(tune(more).code, 0);
  std::string whole = contentOf(db);
  std::filesystem::remove(db);
  environment["LD_PRELOAD"] = NYBL_TEST_SIGNAL_ON_SYNC;
  EXPECT_EQ(tune(more).code, 128 + SIGINT);
  environment.clear();
  std::string half = contentOf(db);
  auto file = nybl::tune::readRecords(db);
  ASSERT_TRUE(file) << file.message();
  EXPECT_EQ(file->records.size(), 1u);
  EXPECT_EQ(file->whole, half.size()) << "no half line";
  EXPECT_EQ(whole.substr(0, half.size()), half);
  EXPECT_EQ(folder.files(),
            (std::vector<std::string>{"problems", "tune.jsonl"}));
  Outcome said = tune(more);
  EXPECT_EQ(said.code, 0) << said.err;
  EXPECT_EQ(contentOf(db), whole);
}
#endif

TEST_F(TuneCommand, AWrongKernelIsNeverRecorded) {
  Outcome said = tune({"--m", "3", "--candidates", "1"}, line, "");
  if (said.out.find("naive kernel (NVRTC") == std::string::npos)
    GTEST_SKIP() << "no NVRTC: " << said.out;
  EXPECT_EQ(said.code, 1);
  expectPart(said.out, "WRONG, not recorded: 'kind=fake'");
  expectPart(said.out, "d[0, 0]: expected ");
  expectPart(said.err, "the output of 2 candidates is wrong");
  EXPECT_EQ(contentOf(db), "");
}

TEST_F(TuneCommand, WhatTheEmulatedDriverReportsEndsIt) {
  Outcome said = tune({"--m", "3", "--candidates", "4"});
  EXPECT_EQ(said.code, 0) << "the fake's kernels have one key: known";
  writeText(db, "");
  said = tune({"--m", "3", "--candidates", "4"}, "gemm n=24 k=64 d=bf16\n");
  EXPECT_NE(said.code, 0) << "it writes f32 beside the rows of a bf16 D";
  EXPECT_EQ(contentOf(db), "");
}

TEST_F(TuneCommand, AKernelOfAWiderClassIsNoCandidate) {
  std::string ptxas = folder / "ptxas";
  writeText(ptxas, "#!/bin/sh\necho 'release 13.0, V13.0.88'\n");
  std::filesystem::permissions(ptxas, std::filesystem::perms::owner_all);
  environment["NYBL_CACHE"] = "on";
  environment["NYBL_CACHE_PATH"] = folder / "cache";
  Outcome any = tune({"--m", "12", "--ptxas", ptxas});
  EXPECT_FALSE(std::filesystem::is_empty(folder / "cache")) << any.err;
  Outcome few =
      tune({"--m", "12", "--ptxas", ptxas}, "gemm m=12 n=24 k=64 d=f32\n");
  expectPart(few.out, "2 candidates: 1 recorded, 0 known before, 1 refused");
  EXPECT_EQ(few.err.find("is served by"), std::string::npos) << few.err;
}

TEST_F(TuneCommand, BadInput) {
  const std::pair<std::vector<std::string>, const char *> table[] = {
      {{"--budget", "soon"}, "--budget: expected a time"},
      {{"--budget", "0"}, "--budget: expected a time"},
      {{"--budget", "5d"}, "--budget: expected a time"},
      {{"--budget", "nan"}, "--budget: expected a time"},
      {{"--m", "0"}, "--m"},
      {{"--candidates", "0"}, "--candidates"},
      {{"--device", "emu:sm_120a"}, "--device"},
      {{"--wat"}, "--wat"}};
  for (const auto &[arguments, part] : table) {
    Outcome said = tune(arguments);
    EXPECT_EQ(said.code, 2) << part;
    expectPart(said.err, part);
  }
  EXPECT_EQ(tune({}, "gemm n=24 k=65\n").code, 2);
  expectPart(tune({}, "# none\n\n").err, "expected a problem line");
  expectPart(tune({}, "gemm n=24 k=64\ngemm n=0 k=64\n").err, "line 2: ");
  expectPart(tune({}, "gemm m=0 n=24 k=64\n").err, "expected m > 0");
  EXPECT_EQ(nyblCommand({"tune"}).code, 2);
  EXPECT_EQ(tune({"--m", "13"}).code, 3) << "candidates of another version";
  EXPECT_EQ(tune({"--m", "14"}).code, 1) << "the compiler refuses";
  writeText(db, "notes\n");
  Outcome said = tune({});
  EXPECT_EQ(said.code, 2);
  expectPart(said.err, "line 1: expected a JSON object");
  EXPECT_EQ(contentOf(db), "notes\n");
}

TEST_F(TuneCommand, MergeLeavesTheFileOfARunningTuner) {
  EXPECT_EQ(tune({"--m", "3", "--candidates", "1"}).code, 0);
  std::string before = contentOf(db);
  auto journal = nybl::tune::Journal::open(db);
  ASSERT_TRUE(journal) << journal.message();
  Outcome said = nyblCommand({"tune", "merge", db, "-o", db});
  EXPECT_EQ(said.code, 3);
  expectPart(said.err, "another process tunes into");
  EXPECT_EQ(contentOf(db), before);
}

TEST_F(TuneCommand, MergeInAnyOrder) {
  EXPECT_EQ(tune({"--m", "3", "--candidates", "1"}).code, 0);
  std::string a = contentOf(db);
  writeText(folder / "a", a);
  writeText(db, "");
  EXPECT_EQ(tune({"--m", "5", "--candidates", "1"}).code, 0);
  writeText(folder / "b", contentOf(db) + a);
  auto merge = [&](const char *first, const char *second, const char *out) {
    Outcome said = nyblCommand(
        {"tune", "merge", folder / first, folder / second, "-o", folder / out});
    EXPECT_EQ(said.code, 0) << said.err;
    expectPart(said.out, "2 records in ");
  };
  merge("a", "b", "c");
  merge("b", "a", "d");
  EXPECT_EQ(contentOf(folder / "c"), contentOf(folder / "d"));
  EXPECT_EQ(
      nyblCommand({"tune", "merge", folder / "absent", "-o", folder / "e"})
          .code,
      3);
  EXPECT_EQ(folder.files(), (std::vector<std::string>{
                                "a", "b", "c", "d", "problems", "tune.jsonl"}));
}

} // namespace
