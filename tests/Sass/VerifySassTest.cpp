// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl verify-sass from end to end: the compiler's kernels, and two PTX texts
// of which ptxas is known to lose something.

#include "tests/Sass/TestTool.h"
#include "tests/Tools/Command.h"
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <map>
#include <nlohmann/json.hpp>

using namespace nybl::tests;
using Json = nlohmann::json;

namespace {

constexpr const char *line = "gemm m=? n=1536 k=384 sfa=128x4 sfb=128x4 d=bf16";

/// nvdisasm as the test finds it, so that all presets use one.
std::string nvdisasmPath() {
  static const std::string path = [] {
    auto tool = findNvDisasm();
    return tool ? tool->path : std::string();
  }();
  return path;
}

struct VerifySass : testing::Test {
  void SetUp() override {
    if (nvdisasmPath().empty())
      GTEST_SKIP() << "no nvdisasm; './dev test' fetches it";
  }
  static Outcome verify(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "verify-sass");
    return nyblCommand(arguments, {{"NYBL_NVDISASM", nvdisasmPath()}});
  }
  /// By ptxas for a chip; 0 where it takes it. What it says is in "log".
  int assemble(const std::string &ptx, const std::string &chip) {
    std::string from = folder / "k.ptx", to = folder / "k.cubin";
    writeText(from, ptx);
    std::string command = std::string(NYBL_PTXAS_PATH) + " -arch=" + chip +
                          " '" + from + "' -o '" + to + "' > '" +
                          (folder / "log") + "' 2>&1";
    return std::system(command.c_str());
  }
  Outcome verifyPtx(const std::string &ptx, const std::string &chip) {
    EXPECT_EQ(assemble(ptx, chip), 0) << contentOf(folder / "log");
    return verify({"--cubin", folder / "k.cubin", "--ptx", folder / "k.ptx"});
  }
  Folder folder;
};

void expectPart(const std::string &text, const std::string &part) {
  EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
}

TEST_F(VerifySass, OurKernelsAreKept) {
  const std::pair<const char *, int> table[] = {
      {"kind=plain", 32},
      {"kind=multistage", 32},
      {"kind=multistage tile=64x64x128 warps=2x2 stages=3", 16},
      {"kind=cooperative tile=128x256x128 fill=tma", 64},
      {"kind=pingpong tile=128x128x128 warps=2x2 fill=tma store=tma "
       "scheduler=clc",
       64},
      {"kind=cooperative tile=128x128x128 fill=tma split=3", 32}};
  for (auto &[schedule, multiplies] : table) {
    Outcome outcome =
        verify({line, "--chip", "sm_120a", "--schedule", schedule, "--json"});
    EXPECT_EQ(outcome.code, 0) << schedule << outcome.err;
    Json json = Json::parse(outcome.out, nullptr, false);
    ASSERT_TRUE(json.is_object()) << outcome.out;
    EXPECT_EQ(json["verdict"], "kept");
    Json checks = json["kernels"][0]["checks"];
    ASSERT_EQ(checks.size(), 8u);
    EXPECT_EQ(checks[0]["check"], "multiplies");
    EXPECT_EQ(checks[0]["ptx"], multiplies) << schedule;
    // ptxas unrolls the three steps of the last one.
    int copies = checks[0]["sass"];
    EXPECT_GE(copies, multiplies) << schedule;
    EXPECT_EQ(copies % multiplies, 0) << schedule << ": " << copies;
    EXPECT_EQ(checks[1]["check"], "wait");
    EXPECT_EQ(checks[3]["check"], "boxes");
    EXPECT_EQ(checks[3]["ptx"], checks[3]["sass"]);
    bool byTma = std::string(schedule).find("store=tma") != std::string::npos;
    EXPECT_EQ(checks[3]["ptx"] > 0, byTma) << schedule;
    EXPECT_EQ(checks[4]["check"], "requests");
    EXPECT_EQ(checks[4]["sass"], int(byTma)) << "one of scheduler=clc";
  }
}

/// One thread has a loop of its own: nothing of it is there twice, lane by
/// lane, and nobody spills, though scale factors are copied byte by byte.
TEST_F(VerifySass, KernelsOfTensorMemoryAreKept) {
  for (const char *schedule :
       {"kind=tmem tile=128x128x256 warps=4x1 stages=4 fill=tma store=tma",
        "kind=tmem tile=160x128x256 warps=1x4 stages=4 fill=tma swap=ab",
        "kind=tmem tile=256x256x256 warps=4x1 stages=4 fill=tma store=tma "
        "ctas=2"}) {
    Outcome outcome = verify({"gemm n=1536 k=352", "--chip", "sm_100a",
                              "--schedule", schedule, "--json"});
    EXPECT_EQ(outcome.code, 0) << schedule << outcome.err;
    Json json = Json::parse(outcome.out, nullptr, false);
    ASSERT_TRUE(json.is_object()) << outcome.out;
    EXPECT_EQ(json["verdict"], "kept") << schedule;
    for (const Json &check : json["kernels"][0]["checks"]) {
      if (check["check"] == "multiplies")
        EXPECT_EQ(check["sass"], 4) << schedule;
      if (check["check"] == "local")
        EXPECT_EQ(check["sass"], 0) << schedule;
    }
  }
}

/// ptxas cannot tell how many registers the kernel begins with.
TEST_F(VerifySass, SetmaxnregThatPtxasDrops) {
  std::string ptx = ".version 8.7\n.target sm_120a\n.address_size 64\n"
                    ".visible .entry k()BOUNDS\n{\n"
                    "  setmaxnreg.dec.sync.aligned.u32 40;\n  ret;\n}\n";
  size_t at = ptx.find("BOUNDS");
  Outcome dropped = verifyPtx(std::string(ptx).replace(at, 6, ""), "sm_120a");
  EXPECT_EQ(dropped.code, 1) << dropped.out;
  expectPart(dropped.err, "nybl: k, registers: expected a USETMAXREG");
  expectPart(dropped.out, "lost registers");
  Outcome kept = verifyPtx(
      std::string(ptx).replace(at, 6, " .maxntid 128 .maxnreg 128"), "sm_120a");
  EXPECT_EQ(kept.code, 0) << kept.err;
}

/// sm_120 has no copies into another CTA's shared memory: ptxas calls a
/// syscall.
TEST_F(VerifySass, ACopyThatBecomesASyscall) {
  std::string head = ".version 8.8\n.target sm_120a\n.address_size 64\n"
                     ".visible .entry k(.param .align 64 .b8 map[128])\n{\n"
                     "  .shared .align 128 .b8 box[1024];\n"
                     "  .shared .align 8 .b64 full;\n  .reg .b64 %d<2>;\n"
                     "  .reg .b32 %r<2>;\n  mov.b64 %d0, map;\n"
                     "  cvta.param.u64 %d1, %d0;\n  mov.u32 %r0, box;\n"
                     "  mov.u32 %r1, full;\n  cp.async.bulk.tensor.2d.";
  std::string tail = ".global.tile.mbarrier::complete_tx::bytes [%r0], "
                     "[%d1, {0, 0}], [%r1];\n  ret;\n}\n";
  Outcome lost = verifyPtx(head + "shared::cluster" + tail, "sm_120a");
  EXPECT_EQ(lost.code, 1) << lost.out;
  expectPart(lost.err, "calls: at 0x");
  expectPart(lost.err, "CALL.ABS.NOINC");
  Outcome kept = verifyPtx(head + "shared::cta" + tail, "sm_120a");
  EXPECT_EQ(kept.code, 0) << kept.err;
}

TEST_F(VerifySass, BadInput) {
  for (std::vector<std::string> arguments :
       {std::vector<std::string>{},
        {line},
        {"--cubin", "x"},
        {line, "--chip", "sm_120a", "--cubin", "x", "--ptx", "y"}}) {
    Outcome outcome = verify(arguments);
    EXPECT_EQ(outcome.code, 2) << outcome.out;
    expectPart(outcome.err, "expected a problem line and --chip, or --cubin");
  }
  std::string ptx = folder / "a.ptx";
  writeText(ptx, ".version 8.7\n.target sm_120a\n.entry k() { ret; }\n");
  Outcome noCubin = verify({"--cubin", ptx, "--ptx", ptx});
  EXPECT_EQ(noCubin.code, 2);
  expectPart(noCubin.err, "expected a cubin that nvdisasm");
  EXPECT_EQ(verify({"gemm n=24 k=47", "--chip", "sm_120a"}).code, 2);
  EXPECT_EQ(verify({"--cubin", "/nonexistent", "--ptx", ptx}).code, 3);
}

/// What one thread asks for stands under a branch; ptxas repeats it for each
/// lane where it stands behind predicates.
TEST_F(VerifySass, TensorMemory) {
  for (const char *chip : {"sm_100a", "sm_100f", "sm_103a", "sm_110a"}) {
    Outcome outcome = verify({"gemm n=64 k=512", "--chip", chip});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    expectPart(outcome.out,
               "multiplies tensor core instructions: PTX 4, SASS 4");
  }
}

TEST_F(VerifySass, SiblingChips) {
  for (const char *chip : {"sm_120f", "sm_121a"})
    EXPECT_EQ(verify({"gemm n=64 k=512", "--chip", chip}).code, 0) << chip;
  for (const char *chip : {"sm_100a", "sm_100f", "sm_103a", "sm_110a",
                           "sm_120a", "sm_120f", "sm_121a"}) {
    Outcome outcome = verify({"quantize k=80 pad=rows", "--chip", chip});
    EXPECT_EQ(outcome.code, 0) << chip << outcome.err;
  }
}

/// ptxas takes a chip's kernels as they are, and of no lower PTX.
TEST_F(VerifySass, NoLowerPtxWouldDo) {
  const std::map<std::string, const char *> before = {
      {"8.7", "8.6"}, {"8.8", "8.7"}, {"9.0", "8.8"}};
  for (const char *chip : {"sm_100a", "sm_100f", "sm_103a", "sm_110a",
                           "sm_120a", "sm_120f", "sm_121a"}) {
    std::string ptx = nyblCommand({"compile", "gemm n=64 k=512", "--chip", chip,
                                   "--emit", "ptx"})
                          .out;
    size_t at = ptx.find(".version ") + 9;
    ASSERT_LT(at, ptx.size()) << chip;
    auto lower = before.find(ptx.substr(at, 3));
    ASSERT_NE(lower, before.end()) << chip;
    EXPECT_EQ(assemble(ptx, chip), 0) << contentOf(folder / "log");
    EXPECT_NE(assemble(ptx.replace(at, 3, lower->second), chip), 0) << chip;
    expectPart(contentOf(folder / "log"), "PTX");
  }
}

TEST_F(VerifySass, CubinOfAnotherKernel) {
  ASSERT_EQ(verifyPtx(".version 8.7\n.target sm_120a\n.address_size 64\n"
                      ".visible .entry k() { ret; }\n",
                      "sm_120a")
                .code,
            0);
  writeText(folder / "other.ptx", ".entry other() { ret; }\n");
  Outcome outcome =
      verify({"--cubin", folder / "k.cubin", "--ptx", folder / "other.ptx"});
  EXPECT_EQ(outcome.code, 2);
  expectPart(outcome.err, "do not belong together");
}

TEST_F(VerifySass, CubinOfMoreKernels) {
  std::string head = ".version 8.7\n.target sm_120a\n.address_size 64\n"
                     ".visible .entry k() { ret; }\n";
  verifyPtx(head + ".visible .entry l() { ret; }\n", "sm_120a");
  writeText(folder / "one.ptx", head);
  Outcome outcome =
      verify({"--cubin", folder / "k.cubin", "--ptx", folder / "one.ptx"});
  EXPECT_EQ(outcome.code, 2);
  expectPart(outcome.err, "found 'l' besides");
}

TEST(NvDisasm, ASignalIsNamed) {
  Folder folder;
  std::string path = folder / "nvdisasm";
  writeText(path, "#!/bin/sh\n[ \"$1\" = --version ] && echo 'it is, V1.2.3' "
                  "&& exit\nkill -9 $$\n");
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  Outcome outcome = nyblCommand({"verify-sass", line, "--chip", "sm_120a"},
                                {{"NYBL_NVDISASM", path}});
  EXPECT_EQ(outcome.code, 3);
  expectPart(outcome.err, "did not run to its end: signal Killed");
}

TEST(NvDisasm, MissingSaysHowToGetIt) {
  Outcome outcome = nyblCommand({"verify-sass", line, "--chip", "sm_120a"},
                                {{"NYBL_NVDISASM", "/nonexistent/nvdisasm"}});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_EQ(outcome.out, "");
  expectPart(outcome.err, "no nvdisasm was found at /nonexistent/nvdisasm");
  expectPart(outcome.err, "./dev build");
  expectPart(outcome.err, "NYBL_NVDISASM");
}

} // namespace
