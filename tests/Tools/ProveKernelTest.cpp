// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl prove with the real compiler: kernels that are proven, templates that
// are not, and the reader that masks its scale factors too loosely, replayed.

#include "tests/Tools/Command.h"
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <regex>

using namespace nybl::tests;

namespace {

/// Three K blocks of the four that the layout has room for.
constexpr const char *line = "gemm m=? n=24 k=48 sfa=128x4 sfb=128x4 d=bf16";

Outcome prove(std::vector<std::string> more, const char *problem = line,
              const char *chip = "sm_120a") {
  std::vector<std::string> arguments = {"prove", problem, "--chip", chip};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return nyblCommand(arguments);
}

void expectPart(const std::string &text, const std::string &part) {
  EXPECT_NE(text.find(part), std::string::npos)
      << "expected '" << part << "' in: " << text;
}

std::string replaced(std::string text, const std::string &part,
                     const std::string &by) {
  size_t at = text.find(part);
  EXPECT_NE(at, std::string::npos) << part;
  return at == text.npos ? text : text.replace(at, part.size(), by);
}

std::string gemmTemplate() {
  return contentOf(NYBL_SOURCE_DIR "/templates/gemm.mlir");
}

std::string kernelText(const Folder &folder, const char *problem = line) {
  std::string file = folder / "kernel.mlir";
  Outcome made =
      nyblCommand({"compile", problem, "--chip", "sm_120a", "--schedule",
                   "kind=plain", "--emit", "cta", "-o", file});
  EXPECT_EQ(made.code, 0) << made.err;
  return contentOf(file);
}

/// The value of `name = op ...` in a kernel's text, from its n-th operand on.
std::string operandOf(const std::string &text, const std::string &name,
                      const std::string &op, int operand) {
  std::smatch match;
  std::regex pattern(name + " = " + op + " (%\\w+), (%\\w+) :");
  EXPECT_TRUE(std::regex_search(text, match, pattern)) << name;
  return match.empty() ? "" : match[static_cast<size_t>(operand)].str();
}

/// Where scale factors are read, K block < 4 takes the place of K block < 3:
/// the layout has room for four. With `wholeBox`, row < 128 that of row < M or
/// N, too.
std::string loosened(const std::string &text, bool wholeBox) {
  std::regex load("(%\\w+ = cta.load_scale \\S+) if (%\\w+)");
  std::string result, rest = text;
  int count = 0;
  for (std::smatch m; std::regex_search(rest, m, load); rest = m.suffix()) {
    std::string rowGuard = operandOf(text, m[2], "arith.andi", 1);
    std::string blockGuard = operandOf(text, m[2], "arith.andi", 2);
    std::string n = std::to_string(count++);
    result += m.prefix().str() +
              fmt::format("%box{0} = arith.constant 128 : i32\n"
                          "%room{0} = arith.constant 4 : i32\n"
                          "%row{0} = arith.cmpi ult, {1}, %box{0} : i32\n"
                          "%block{0} = arith.cmpi ult, {2}, %room{0} : i32\n"
                          "%both{0} = arith.andi {3}, %block{0} : i1\n"
                          "{4} if %both{0}",
                          n, operandOf(text, rowGuard, "arith.cmpi ult,", 1),
                          operandOf(text, blockGuard, "arith.cmpi ult,", 1),
                          wholeBox ? "%row" + n : rowGuard, m[1].str());
  }
  EXPECT_GT(count, 0);
  return result + rest;
}

TEST(ProveKernel, BuiltInOnesAreProven) {
  for (const char *schedule :
       {"kind=plain", "kind=multistage tile=64x64x128 warps=2x2 stages=3"}) {
    Outcome proven = prove({"--schedule", schedule});
    EXPECT_EQ(proven.code, 0) << proven.err;
    expectPart(proven.out, "proven: gemm m=? n=24 k=48");
    for (const char *lemma : {"L1", "L2", "L3", "L4", "L5", "L6", "L7"})
      expectPart(proven.out, std::string("\n  ") + lemma + "  ");
  }
}

TEST(ProveKernel, ATemplateThatStoresTooFarDownIsRefutedAtItsLine) {
  Folder folder;
  std::string text = replaced(gemmTemplate(), "    %zero =",
                              "    %c128 = arith.constant 128 : i32\n"
                              "    %low = arith.addi %m, %c128 : i32\n"
                              "    %zero =");
  text = replaced(text, "%D[%m, %n]", "%D[%low, %n]");
  writeText(folder / "low.mlir", text);
  // A family is no chip; one of its chips is.
  for (const char *chip : {"sm_120a", "sm_120f"}) {
    Outcome refuted =
        prove({"--template", folder / "low.mlir", "--replay"}, line, chip);
    EXPECT_EQ(refuted.code, 1);
    expectPart(refuted.err, "nybl: template:29:5: refuted: ");
    expectPart(refuted.out, "counterexample to L2: tile 0, thread 0");
    expectPart(refuted.out, "replayed on emulated sm_120a: d[0, 0] is 0xcbcb, "
                            "and the built-in plain kernel gives 0x");
  }
}

TEST(ProveKernel, ATemplateOutOfReachIsNotProven) {
  Folder folder;
  writeText(folder / "other.mlir",
            replaced(gemmTemplate(), "%SA[%m, %k]", "%SA[%n, %k]"));
  Outcome open = prove({"--template", folder / "other.mlir"});
  EXPECT_EQ(open.code, 4) << open.out;
  expectPart(open.err, "nybl: template:18:13: not proven: expected data and "
                       "scale factors of 'a' to walk over rows and K alike");
}

TEST(ProveKernel, AKernelIsProvenFromItsText) {
  Folder folder;
  writeText(folder / "kernel.mlir", kernelText(folder));
  Outcome proven = prove({"--cta", folder / "kernel.mlir"});
  EXPECT_EQ(proven.code, 0) << proven.err;
}

TEST(ProveKernel, TheReaderWithoutAMaskIsRefutedAndTheByteArrives) {
  Folder folder;
  writeText(folder / "loose.mlir",
            loosened(kernelText(folder), /*wholeBox=*/false));
  Outcome refuted = prove({"--cta", folder / "loose.mlir", "--replay"});
  EXPECT_EQ(refuted.code, 1) << refuted.out;
  expectPart(refuted.err, "this reaches a scale factor of 'sfa' in a padding K "
                          "block");
  expectPart(refuted.out, "counterexample to L1: M = 1, tile 0, K step 0, "
                          "thread 3, byte 3 of 'sfa' (row 0, K block 3: "
                          "padding)\n");
  expectPart(refuted.out,
             "replayed on emulated sm_120a: byte 3 of 'sfa' (row 0, K block 3: "
             "padding) arrives in d[0, 0]\n");
}

/// A byte of a padding row scales no row of D, so the one that the
/// counterexample names does no harm; others that this reader lets in do.
TEST(ProveKernel, TheReaderOfTheWholeBoxIsRefutedAndAByteArrives) {
  Folder folder;
  writeText(folder / "loose.mlir",
            loosened(kernelText(folder), /*wholeBox=*/true));
  Outcome refuted = prove({"--cta", folder / "loose.mlir", "--replay"});
  EXPECT_EQ(refuted.code, 1) << refuted.out;
  expectPart(refuted.err, "this reaches a scale factor of 'sfa' in a padding "
                          "row");
  expectPart(refuted.out, "counterexample to L1: M = 1, ");
  expectPart(refuted.out, "(row 1, K block 0: padding) alone did not show; a "
                          "byte outside the real inputs arrives in d[0, 0]\n");
}

TEST(ProveKernel, KernelsThatAreNotTheProblemsAreBadInput) {
  Folder folder;
  std::string text = kernelText(folder);
  const std::pair<std::string, const char *> table[] = {
      {"module {}", "expected one cta.kernel and nothing else"},
      {replaced(text, "cta.grid_wait", "cta.grid_weight"), "kernel:"},
      {gemmTemplate(), "expected one cta.kernel and nothing else"},
      {kernelText(folder, "gemm m=? n=24 k=64 d=bf16"),
       "as the problem says, got"},
      {kernelText(folder, "gemm m=? n=24 k=48 sfa=8x4 d=bf16"),
       "as the problem says, got"},
      {kernelText(folder, "gemm m=? n=24 k=48 d=f16"),
       "as the problem says, got 'f16'"}};
  for (const auto &[content, part] : table) {
    writeText(folder / "wrong.mlir", content);
    Outcome outcome = prove({"--cta", folder / "wrong.mlir"});
    EXPECT_EQ(outcome.code, 2) << outcome.err;
    expectPart(outcome.err, part);
  }
}

/// What was refuted is compiled for a replay alone: nothing else may run it.
TEST(ProveKernel, ARefutedKernelHasNoPtx) {
  Folder folder;
  std::string text = gemmTemplate();
  std::string store =
      "    tile.store %d, %D[%m, %n] : !tile.acc<[BM, BN]>, !tile.matrix<[M, "
      "N]>\n";
  writeText(folder / "twice.mlir", replaced(text, store, store + store));
  Outcome made =
      nyblCommand({"compile", line, "--chip", "sm_120a", "--template",
                   folder / "twice.mlir", "--emit", "ptx"});
  EXPECT_EQ(made.code, 1);
  EXPECT_EQ(made.out, "");
  expectPart(made.err, "of 'd' a second time");
}

} // namespace
