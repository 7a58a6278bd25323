// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every check on kernels of ours (plain.*, multistage.*: PTX, and what nvdisasm
// printed of it, blanks shortened) and on damaged copies of them; every damage
// is found, and by the check that is for it.

#include "tools/sass/Keep.h"
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>

using namespace nybl::sass;

namespace {

std::string fileOf(const std::string &name) {
  std::ifstream in(NYBL_SOURCE_DIR "/tests/Sass/" + name);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

/// The losses as "check: sentence", or why there is no verdict.
std::vector<std::string> lost(const std::string &ptx, const std::string &sass) {
  auto from = parsePtx(ptx);
  auto to = parseSass(sass);
  EXPECT_TRUE(from) << from.message();
  EXPECT_TRUE(to) << to.message();
  if (!from || !to)
    return {"unread"};
  auto checks = checkKept(from->at(0), to->at(0));
  if (!checks)
    return {checks.message()};
  EXPECT_EQ(checks->size(), 8u);
  std::vector<std::string> sentences;
  for (const Check &check : *checks)
    for (const Loss &loss : check.lost)
      sentences.push_back(std::string(check.name) + ": " + loss.sentence());
  return sentences;
}

void expectLost(const std::string &ptx, const std::string &sass,
                const std::string &check, const std::string &part) {
  std::vector<std::string> sentences = lost(ptx, sass);
  ASSERT_FALSE(sentences.empty()) << "nothing was found: " << part;
  for (const std::string &sentence : sentences)
    EXPECT_EQ(sentence.rfind(check + ": ", 0), 0u) << sentence;
  EXPECT_NE(sentences[0].find(part), std::string::npos) << sentences[0];
}

std::string replaced(std::string text, const std::string &part,
                     const std::string &by) {
  size_t at = text.find(part);
  EXPECT_NE(at, std::string::npos) << part;
  return at == text.npos ? text : text.replace(at, part.size(), by);
}

/// The text without the line that holds `part`, the first one.
std::string withoutLine(const std::string &text, const std::string &part) {
  size_t at = text.find(part);
  EXPECT_NE(at, std::string::npos) << part;
  size_t begin = text.rfind('\n', at) + 1, end = text.find('\n', at) + 1;
  return text.substr(0, begin) + text.substr(end);
}

std::string lineWith(const std::string &text, const std::string &part) {
  size_t at = text.find(part);
  EXPECT_NE(at, std::string::npos) << part;
  size_t begin = text.rfind('\n', at) + 1;
  return text.substr(begin, text.find('\n', at) + 1 - begin);
}

struct Ours : testing::TestWithParam<const char *> {
  std::string ptx = fileOf(std::string(GetParam()) + ".ptx");
  std::string sass = fileOf(std::string(GetParam()) + ".sass");
};

TEST_P(Ours, AreKept) {
  EXPECT_EQ(lost(ptx, sass), std::vector<std::string>());
}

TEST_P(Ours, AMultiplyIsMissing) {
  expectLost(ptx, withoutLine(sass, " OMMA"), "multiplies",
             "expected whole copies of ");
  expectLost(ptx, replaced(sass, " OMMA", " @!PT OMMA"), "multiplies",
             "expected whole copies of ");
}

TEST_P(Ours, AMultiplyIsDoubled) {
  std::string line = lineWith(sass, " OMMA");
  expectLost(ptx, replaced(sass, line, line + line), "multiplies",
             "in the loop that begins with this one");
}

TEST_P(Ours, AllMultipliesAreMissing) {
  std::string none = sass;
  while (none.find(" OMMA") != none.npos)
    none = withoutLine(none, " OMMA");
  expectLost(ptx, none, "multiplies", "expected at least the ");
}

TEST_P(Ours, TheWaitIsMissing) {
  expectLost(ptx, withoutLine(sass, " ACQBULK"), "wait",
             "expected an ACQBULK that always runs");
}

TEST_P(Ours, TheWaitIsNotForAll) {
  expectLost(ptx, replaced(sass, " ACQBULK", " @P0 ACQBULK"), "wait",
             "expected an ACQBULK that always runs");
  // A way around it.
  std::string wait = lineWith(sass, " ACQBULK");
  expectLost(
      ptx,
      replaced(sass, wait,
               "/*0018*/ @P0 BRA `(.L_around);\n" + wait + ".L_around:\n"),
      "wait", "expected an ACQBULK on every path to it");
}

TEST_P(Ours, ALoadComesAheadOfTheWait) {
  std::string load = lineWith(sass, " LDG.E ");
  expectLost(ptx,
             replaced(sass, lineWith(sass, " ACQBULK"),
                      load + lineWith(sass, " ACQBULK")),
             "wait", "(the PTX has 0 loads that may run ahead");
}

TEST_P(Ours, APtxWithoutAWaitAsksForNone) {
  std::string free = replaced(ptx, "griddepcontrol.wait;", "");
  EXPECT_EQ(lost(free, withoutLine(sass, " ACQBULK")),
            std::vector<std::string>());
}

TEST_P(Ours, SetmaxnregIsDropped) {
  std::string more =
      replaced(ptx, "griddepcontrol.wait;",
               "setmaxnreg.inc.sync.aligned.u32 232;\ngriddepcontrol.wait;");
  expectLost(more, sass, "registers",
             "a setmaxnreg of 232 registers, got none");
  std::string line = lineWith(sass, " ACQBULK");
  auto with = [&](const char *count) {
    return replaced(sass, line,
                    std::string("/*0010*/ USETMAXREG.TRY_ALLOC.CTAPOOL UP0, ") +
                        count + ";\n" + line);
  };
  EXPECT_EQ(lost(more, with("0xe8")), std::vector<std::string>());
  expectLost(more, with("0x28"), "registers", "with as many registers");
  expectLost(ptx, with("0xe8"), "registers", "found none that is left");
}

TEST_P(Ours, ACallOfASyscall) {
  std::string line = lineWith(sass, " OMMA");
  for (std::string target :
       {"`(__cuda_syscall_cp_async_bulk_tensor_2d_tile_unicast)", "R2"})
    expectLost(ptx,
               replaced(sass, line,
                        line + "/*0d98*/ CALL.ABS.NOINC " + target + ";\n"),
               "calls", "at 0x0d98, 'CALL.ABS.NOINC " + target + "'");
}

TEST_P(Ours, OnlyVprintfMayBeCalled) {
  std::string prints =
      replaced(ptx, "griddepcontrol.wait;",
               "call.uni (r), vprintf, (a, b);\ngriddepcontrol.wait;");
  auto with = [&](const char *target) {
    std::string line = lineWith(sass, " ACQBULK");
    return replaced(sass, line,
                    line + "/*0d98*/ CALL.ABS.NOINC " + target + ";\n");
  };
  EXPECT_EQ(lost(prints, with("R8")), std::vector<std::string>());
  EXPECT_EQ(lost(prints, with("`(vprintf)")), std::vector<std::string>());
  expectLost(prints, with("`(malloc)"), "calls", "malloc");
}

TEST_P(Ours, AStoreOfABox) {
  std::string boxes = replaced(
      ptx, "griddepcontrol.wait;",
      "griddepcontrol.wait;\n@%p1 cp.async.bulk.tensor.2d.global.shared::cta"
      ".tile.bulk_group [%rd1, {%r1, %r2}], [%r3];");
  std::string line = lineWith(sass, " ACQBULK");
  auto with = [&](const char *text) {
    return replaced(sass, line, line + "/*0d98*/ " + text + ";\n");
  };
  EXPECT_EQ(lost(boxes, with("@UP0 UTMASTG.2D [UR8], [UR12]")),
            std::vector<std::string>());
  expectLost(boxes, with("@!PT UTMASTG.2D [UR8], [UR12]"), "boxes",
             "expected at least the 1 stores of boxes of the PTX, got 0");
}

TEST_P(Ours, ARequestForATile) {
  std::string asks = replaced(
      ptx, "griddepcontrol.wait;",
      "griddepcontrol.wait;\n@%p1 clusterlaunchcontrol.try_cancel.async"
      ".shared::cta.mbarrier::complete_tx::bytes.b128 [%r1], [%r2];");
  std::string line = lineWith(sass, " ACQBULK");
  auto with = [&](const char *text) {
    return replaced(sass, line, line + "/*0d98*/ " + text + ";\n");
  };
  EXPECT_EQ(lost(asks, with("@UP0 UGETNEXTWORKID.SELFCAST [UR8], [UR9]")),
            std::vector<std::string>());
  expectLost(asks, with("@!PT UGETNEXTWORKID.SELFCAST [UR8], [UR9]"),
             "requests",
             "expected at least the 1 requests for a CTA of the PTX, got 0");
}

TEST_P(Ours, LocalMemoryInALoop) {
  std::string multiply = lineWith(sass, " OMMA");
  for (const char *access : {"STL.64 [R1], R2", "@P1 LDL R2, [R1+0x8]"})
    expectLost(ptx,
               replaced(sass, multiply,
                        std::string("/*0d98*/ ") + access + ";\n" + multiply),
               "local", std::string("at 0x0d98, '") + access + "'");
  // Ahead of the loops it is allowed.
  std::string wait = lineWith(sass, " ACQBULK");
  EXPECT_EQ(lost(ptx, replaced(sass, wait, wait + "/*0028*/ STL [R1], R2;\n")),
            std::vector<std::string>());
}

TEST_P(Ours, UnknownControlFlowIsNoVerdict) {
  std::string line = lineWith(sass, " OMMA");
  auto said = lost(ptx, replaced(sass, line, "/*0d98*/ BRX R2 -0x10;\n"));
  ASSERT_EQ(said.size(), 1u);
  EXPECT_NE(said[0].find("its control flow is not known"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Kernels, Ours, testing::Values("plain", "multistage"));

//===----------------------------------------------------------------------===//
// Copies of loops
//===----------------------------------------------------------------------===//

/// Two loops with these many multiplies, and as many after them.
std::string loopsOf(int first, int second, int after, const char *multiply,
                    const char *branch, const char *end, bool sass) {
  std::string text = sass ? ".section .text.k\n" : ".entry k() {\n";
  int address = 0;
  auto add = [&](const std::string &words) {
    char place[32] = "";
    if (sass)
      std::snprintf(place, sizeof place, "/*%04x*/ ", address += 16);
    text += place + words + ";\n";
  };
  for (int count : {first, second}) {
    if (!count)
      continue;
    std::string label = "L" + std::to_string(address) + std::to_string(count);
    text += label + ":\n";
    for (int i = 0; i < count; ++i)
      add(multiply);
    add(std::string(branch) + (sass ? "`(" + label + ")" : label));
  }
  for (int i = 0; i < after; ++i)
    add(multiply);
  add(end);
  return text + (sass ? "" : "}\n");
}

std::string ptxLoops(int first, int second, int after) {
  return loopsOf(first, second, after, "mma.sync.f32 a, b", "@%p bra ", "ret",
                 false);
}
std::string sassLoops(int first, int second, int after) {
  return loopsOf(first, second, after, "HMMA.16816.F32 R0, R4", "@P0 BRA ",
                 "EXIT", true);
}

TEST(Copies, OfOneLoop) {
  std::string one = ptxLoops(4, 0, 0);
  EXPECT_TRUE(lost(one, sassLoops(4, 0, 0)).empty());
  EXPECT_TRUE(lost(one, sassLoops(16, 0, 0)).empty()) << "unrolled";
  EXPECT_TRUE(lost(one, sassLoops(16, 4, 0)).empty()) << "and the rest";
  EXPECT_TRUE(lost(one, sassLoops(4, 0, 8)).empty()) << "peeled";
  EXPECT_TRUE(lost(one, sassLoops(0, 0, 12)).empty()) << "unrolled wholly";
  expectLost(one, sassLoops(6, 0, 0), "multiplies", "of 4 multiplies in the");
  expectLost(one, sassLoops(4, 2, 0), "multiplies", "got 2");
  expectLost(one, sassLoops(4, 0, 3), "multiplies", "outside of loops");
  expectLost(one, sassLoops(3, 0, 1), "multiplies", "got 1");
}

TEST(Copies, OfTwoLoops) {
  std::string two = ptxLoops(4, 6, 0);
  EXPECT_TRUE(lost(two, sassLoops(4, 6, 0)).empty());
  EXPECT_TRUE(lost(two, sassLoops(8, 6, 10)).empty());
  expectLost(two, sassLoops(4, 4, 0), "multiplies", "at least the 10");
  expectLost(two, sassLoops(4, 7, 0), "multiplies", "of 4 or 6 multiplies");
}

TEST(Copies, OfNothing) {
  expectLost(ptxLoops(0, 0, 0), sassLoops(0, 0, 1), "multiplies",
             "whole copies of 0");
}

/// What others must see, or must have seen, is not left to a plain access.
TEST(Scope, AcquiresAndReleases) {
  const std::string ptx = ".entry k() {\n ld.acquire.gpu.global.b32 a, [b];\n "
                          "st.release.gpu.global.b32 [b], a;\n ret;\n}\n";
  const std::string sass = ".section .text.k\n"
                           "/*0010*/ LDG.E.STRONG.GPU R0, [R2];\n"
                           "/*0020*/ CCTL.IVALL;\n"
                           "/*0030*/ MEMBAR.ALL.GPU;\n"
                           "/*0040*/ STG.E.STRONG.GPU [R2], R0;\n"
                           "/*0050*/ EXIT;\n";
  EXPECT_TRUE(lost(ptx, sass).empty());
  for (auto [from, to] :
       {std::pair("LDG.E.STRONG.GPU", "LDG.E"), {"CCTL.IVALL", "NOP"}})
    expectLost(ptx, replaced(sass, from, to), "scope",
               "for the ld.acquire.gpu.* of the PTX");
  for (auto [from, to] : {std::pair("STG.E.STRONG.GPU", "STG.E.STRONG.SM"),
                          {"MEMBAR.ALL.GPU", "MEMBAR.ALL.CTA"}})
    expectLost(ptx, replaced(sass, from, to), "scope",
               "for the st.release.gpu.* of the PTX");
  EXPECT_TRUE(lost(".entry k() { ret; }", sass).empty()) << "more than asked";
}

/// A function that a loop calls runs in the loop.
TEST(Local, InAFunctionThatALoopCalls) {
  const std::string ptx = ".entry k() { ret; }";
  auto code = [](const char *ahead, const char *inside) {
    return std::string(".section .text.k\n") + ahead +
           ".L_0:\n/*0010*/ NOP;\n" + inside +
           "/*0030*/ @P0 BRA `(.L_0);\n/*0040*/ EXIT;\n"
           "f:\n/*0050*/ LDL R2, [R1];\n/*0060*/ RET.REL.NODEC R2 `(k);\n";
  };
  const char *call = "/*0020*/ CALL.REL.NOINC `(f);\n";
  expectLost(ptx, code("", call), "local", "at 0x0050");
  EXPECT_TRUE(lost(ptx, code(call, "")).empty());
}

} // namespace
