// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl prove: verdicts, exit codes, JSON and the replay, with the fake compiler
// of tests/Runtime, whose refuted kernel leaks a byte of A's padding.

#include "tests/Tools/Command.h"
#include <algorithm>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace nybl::tests;
using Json = nlohmann::json;

namespace {

constexpr const char *line = "gemm m=? n=24 k=48 sfa=128x4 sfb=8x4 d=f32";

Outcome prove(std::vector<std::string> more, const char *problem = line) {
  std::vector<std::string> arguments = {"prove",   problem, "--chip",
                                        "sm_120a", "--jit", NYBL_TEST_FAKE_JIT};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return nyblCommand(arguments);
}

void expectPart(const std::string &text, const char *part) {
  EXPECT_NE(text.find(part), std::string::npos)
      << "expected '" << part << "' in: " << text;
}

Json parsed(const std::string &text) {
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
  return Json::parse(text, nullptr, /*allow_exceptions=*/false);
}

TEST(Prove, ProvenPrintsTheCertificate) {
  Outcome proven = prove({"--replay"});
  EXPECT_EQ(proven.code, 0) << proven.err;
  EXPECT_EQ(proven.err, "");
  for (const char *part : {"proven: gemm m=? n=24 k=48", "kind=fake", "  L1  ",
                           "fake 1", "nothing to replay"})
    expectPart(proven.out, part);
}

TEST(Prove, RefutedPrintsTheCounterexample) {
  Outcome refuted = prove({"--schedule", "refuted"});
  EXPECT_EQ(refuted.code, 1);
  EXPECT_EQ(refuted.err,
            "nybl: fake:1:1: refuted: with M = 5 this reaches what it must "
            "not\n");
  EXPECT_EQ(refuted.out, "counterexample to L1: M = 5, tile 0, thread 3, byte "
                         "24 of row 0 of 'a' (padding)\n");
}

TEST(Prove, NotProvenIsNoPass) {
  Outcome open = prove({"--schedule", "undecided", "--replay"});
  EXPECT_EQ(open.code, 4);
  EXPECT_EQ(open.out, "");
  expectPart(open.err, "not proven: the fake cannot tell");
}

TEST(Prove, ReplayNamesTheElement) {
  Outcome replayed = prove({"--schedule", "refuted leak", "--replay"});
  EXPECT_EQ(replayed.code, 1);
  expectPart(replayed.out,
             "replayed on emulated sm_120a: byte 24 of row 0 of 'a' (padding) "
             "arrives in d[0, 0]\n");
}

/// A refuted kernel that happens to do no harm: said, and still refuted.
TEST(Prove, ReplayIsHonest) {
  Outcome replayed = prove({"--schedule", "refuted", "--replay"});
  EXPECT_EQ(replayed.code, 1);
  expectPart(replayed.out, "the counterexample did not show in this run\n");
}

TEST(Prove, ReplayOfWhatIsNoKernelSaysSo) {
  Outcome replayed = prove({"--schedule", "refuted ptx", "--replay"});
  EXPECT_EQ(replayed.code, 1);
  expectPart(replayed.out, "not replayed: ");
  Outcome large = prove({"--schedule", "refuted", "--replay"},
                        "gemm m=? n=151936 k=16384 d=f32");
  EXPECT_EQ(large.code, 1);
  expectPart(large.out, "not replayed: expected at most 4096 rows");
}

TEST(Prove, JsonHasOneFormForEachVerdict) {
  const std::pair<const char *, const char *> table[] = {
      {"kind=fake", "proven"},
      {"refuted leak", "refuted"},
      {"undecided", "not proven"},
      {"refuse", "invalid"}};
  for (auto [schedule, verdict] : table) {
    Outcome outcome = prove({"--schedule", schedule, "--json", "--replay"});
    Json json = parsed(outcome.out);
    ASSERT_TRUE(json.is_object()) << outcome.out;
    EXPECT_EQ(json.value("verdict", ""), verdict);
    for (const char *field : {"problem", "chip", "schedule", "certificate",
                              "message", "counterexample", "prove_ms"})
      EXPECT_TRUE(json.contains(field)) << field;
    EXPECT_EQ(json["certificate"].is_null(), verdict != std::string("proven"));
    EXPECT_EQ(json["counterexample"].is_null(),
              verdict != std::string("refuted"));
    EXPECT_EQ(json.contains("replay"), verdict == std::string("refuted"));
  }
}

TEST(Prove, JsonOfARefutation) {
  Outcome outcome = prove({"--schedule", "refuted leak", "--json", "--replay"});
  Json json = parsed(outcome.out);
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(json["counterexample"]["byte"], 24);
  EXPECT_TRUE(json["counterexample"]["k_step"].is_null());
  EXPECT_EQ(json["prove_ms"], 0.25);
  EXPECT_EQ(json["replay"]["shown"], true);
}

TEST(Prove, BadInput) {
  Folder folder;
  writeText(folder / "kernel", "module {}");
  const std::pair<std::vector<std::string>, const char *> table[] = {
      {{"--template", ""}, "expected the name of a file"},
      {{"--cta", folder / "kernel", "--schedule", "kind=plain"}, "--cta"},
      {{"--schedule", "refuse"}, "the fake refuses"},
      {{"--wat"}, "--wat"}};
  for (const auto &[arguments, part] : table) {
    Outcome outcome = prove(arguments);
    EXPECT_EQ(outcome.code, 2) << part;
    expectPart(outcome.err, part);
  }
  writeText(folder / "kernel", "");
  expectPart(prove({"--cta", folder / "kernel"}).err, "got an empty file");
  EXPECT_EQ(prove({}, "gemm n=24 k=47").code, 2);
  EXPECT_EQ(nyblCommand({"prove", line, "--chip", "sm_120a", "--jit",
                         "/nonexistent/libnybl_jit.so", "--json"})
                .code,
            3);
  EXPECT_EQ(prove({"--template", "/nonexistent/template.mlir"}).code, 3);
}

} // namespace
