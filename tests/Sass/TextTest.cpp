// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The readers of nvdisasm's text and of PTX.

#include "tools/sass/Code.h"
#include <gtest/gtest.h>

using namespace nybl::sass;

namespace {

std::vector<Code> sassOf(const std::string &text) {
  auto code = parseSass(text);
  EXPECT_TRUE(code) << code.message();
  return code ? *code : std::vector<Code>();
}

std::vector<Code> ptxOf(const std::string &text) {
  auto code = parsePtx(text);
  EXPECT_TRUE(code) << code.message();
  return code ? *code : std::vector<Code>();
}

TEST(SassText, InstructionsAndEncodings) {
  auto kernels = sassOf(R"(
	.section	.text.first,"ax",@progbits
first:
.text.first:
        /*0000*/                   LDC R1, c[0x0][0x37c] ;   /* 0x0000df00ff017b82 */
                                                             /* 0x000fe20000000800 */
.L_x_0:
        /*0010*/              @!P1 LDG.E.64 R20, desc[UR16][R42.64] ; /* 0x0000000000000000 */
                                                             /* 0x000fde0000000800 */
	.section	.nv.constant0.first,"a",@progbits
	/*0000*/ 	.byte	0x00
	.section	.text.second,"ax",@progbits
        /*0000*/                   EXIT ;
)");
  ASSERT_EQ(kernels.size(), 2u);
  EXPECT_EQ(kernels[0].name, "first");
  ASSERT_EQ(kernels[0].instructions.size(), 2u);
  const Instruction &load = kernels[0].instructions[1];
  EXPECT_EQ(load.place, 0x10u);
  EXPECT_EQ(load.base(), "LDG");
  EXPECT_EQ(load.text(), "@!P1 LDG.E.64 R20, desc[UR16][R42.64]");
  EXPECT_EQ(load.stallCycles(), 15u);
  EXPECT_EQ(kernels[0].instructions[0].stallCycles(), 1u);
  EXPECT_EQ(kernels[0].labels.at(".L_x_0"), 1u);
  EXPECT_EQ(kernels[1].name, "second");
}

TEST(SassText, NotesAreNoOperands) {
  auto kernels = sassOf("\t.section\t.text.k,\"ax\"\n"
                        "/*0000*/ LDL R2, [R1+0x38] (*\"SpillRefill\"*);\n");
  EXPECT_EQ(kernels.at(0).instructions.at(0).text(), "LDL R2, [R1+0x38]");
}

TEST(SassText, WhatIsNone) {
  EXPECT_FALSE(parseSass(""));
  EXPECT_FALSE(parseSass(".section .text.k\n"));
  EXPECT_FALSE(parseSass(".section .text.k\n/*0000*/ EXIT\n"));
  EXPECT_FALSE(parseSass(".section .text.k\n/*00g0*/ EXIT;\n"));
  EXPECT_FALSE(parseSass(".section .text.k\n/*0000 EXIT;\n"));
  EXPECT_FALSE(parseSass(".section .text.k\n/* 0x12 */\n"));
}

std::vector<size_t> after(const std::string &instructions, size_t which) {
  auto kernels = sassOf(".section .text.k\n" + instructions);
  auto flow = sassFlow(kernels.at(0));
  EXPECT_TRUE(flow) << flow.message();
  return flow ? flow->successors(which) : std::vector<size_t>();
}

TEST(SassFlow, Branches) {
  const std::string end = "/*0010*/ NOP;\n.L_x_0:\n/*0020*/ EXIT;\n";
  using To = std::vector<size_t>;
  EXPECT_EQ(after("/*0000*/ BRA `(.L_x_0);\n" + end, 0), To{2});
  EXPECT_EQ(after("/*0000*/ @P0 BRA `(.L_x_0);\n" + end, 0), (To{2, 1}));
  EXPECT_EQ(after("/*0000*/ BRA.U UP0, `(.L_x_0);\n" + end, 0), (To{2, 1}));
  EXPECT_EQ(after("/*0000*/ @!PT BRA `(.L_x_0);\n" + end, 0), To{1});
  EXPECT_EQ(after("/*0000*/ CALL.REL.NOINC `(.L_x_0);\n" + end, 0), (To{2, 1}));
  EXPECT_EQ(after("/*0000*/ CALL.ABS.NOINC R2;\n" + end, 0), To{1});
  EXPECT_EQ(after("/*0000*/ RET.REL.NODEC R2 `(k);\n" + end, 0), To{});
  EXPECT_EQ(after("/*0000*/ EXIT;\n" + end, 0), To{});
  EXPECT_EQ(after("/*0000*/ @P3 EXIT;\n" + end, 0), To{1});
  EXPECT_EQ(after("/*0000*/ BRX R2 -0x10 (*\"BRANCH_TARGETS .L_x_0,.L_x_1\"*);"
                  "\n.L_x_1:\n" +
                      end,
                  0),
            (To{2, 1}));
}

TEST(SassFlow, UnknownTargetsAreNotGuessed) {
  for (const char *branch : {"BRX R2 -0x10", "BRA `(.L_x_7)", "BRA 0x20"}) {
    auto code = sassOf(std::string(".section .text.k\n/*0000*/ ") + branch +
                       ";\n/*0010*/ EXIT;\n");
    auto flow = sassFlow(code.at(0));
    ASSERT_FALSE(flow) << branch;
    EXPECT_EQ(flow.status().code(), nybl::ErrorCode::Unproven);
    EXPECT_NE(flow.message().find(branch), std::string::npos);
  }
}

TEST(PtxText, StatementsAndLabels) {
  auto kernels = ptxOf(R"(
.version 8.7
.global .align 4 .b8 text[3] = {1, 2, 3};
.extern .func (.param .b32 r) vprintf (.param .b64 a);
.visible .entry one(.param .u64 p)
.maxntid 128
{ // a comment; with a semicolon
  .reg .b32 %r<4>;
  .loc 1 2 3
  @!%p1 ld.global.b32 %r0, [%rd0]; /* bra $L; */ bra.uni $L__BB0_1;
$L__BB0_1:
  { .param .b32 r; call.uni (r), vprintf, (a); }
  mma.sync.kind::mxf4nvf4 {%f0,
    %f1}, {%r0}; ret;
}
.entry two() { ret; }
)");
  ASSERT_EQ(kernels.size(), 2u);
  const Code &one = kernels[0];
  EXPECT_EQ(one.name, "one");
  ASSERT_EQ(one.instructions.size(), 5u);
  EXPECT_EQ(one.instructions[0].guard, "@!%p1");
  EXPECT_EQ(one.instructions[0].opcode, "ld.global.b32");
  EXPECT_EQ(one.instructions[0].place, 10u);
  EXPECT_EQ(one.instructions[2].base(), "call");
  EXPECT_TRUE(isPtxMultiply(one.instructions[3]));
  EXPECT_EQ(one.labels.at("$L__BB0_1"), 2u);
  auto flow = ptxFlow(one);
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->successors(1), std::vector<size_t>{2});
  EXPECT_EQ(kernels[1].name, "two");
}

TEST(PtxText, IndirectBranches) {
  auto kernels = ptxOf(R"(.entry k() {
  table: .branchtargets $a, $b;
  brx.idx %r0, table;
$a: exit;
$b: ret;
})");
  auto flow = ptxFlow(kernels.at(0));
  ASSERT_TRUE(flow) << flow.message();
  EXPECT_EQ(flow->successors(0), (std::vector<size_t>{1, 2}));
}

TEST(PtxText, WhatIsNone) {
  EXPECT_FALSE(parsePtx(""));
  EXPECT_FALSE(parsePtx(".entry k() { ret;"));
  EXPECT_FALSE(parsePtx(".entry k() { ret }"));
  EXPECT_FALSE(parsePtx(".entry k() { }"));
  EXPECT_FALSE(parsePtx(".func f() { ret; } .entry k() { ret; }"));
  auto code = ptxOf(".entry k() { bra $nowhere; ret; }");
  EXPECT_FALSE(ptxFlow(code.at(0)));
}

TEST(Loads, OfGlobalMemory) {
  auto sass = [](const char *op) {
    return isSassGlobalLoad({"", op, "", 0, 0});
  };
  auto ptx = [](const char *op) { return isPtxGlobalLoad({"", op, "", 0, 0}); };
  for (const char *op :
       {"LDG.E.64", "LDGSTS.E", "UTMALDG.2D", "UBLKCP.S.G", "LD.E"})
    EXPECT_TRUE(sass(op)) << op;
  for (const char *op : {"LDS.64", "LDC", "LDGDEPBAR", "UBLKCP.G.S", "STG.E",
                         "UTMASTG.2D", "LDSM.16.M88.4", "LDL"})
    EXPECT_FALSE(sass(op)) << op;
  for (const char *op :
       {"ld.global.nc.b32", "ld.b32", "cp.async.ca.shared.global",
        "cp.async.bulk.tensor.2d.shared::cta.global.tile", "ldu.global.b32"})
    EXPECT_TRUE(ptx(op)) << op;
  for (const char *op :
       {"ld.shared.b32", "ld.param.u64", "ld.const.b32", "ld.local.b32",
        "ldmatrix.sync.aligned.m8n8.x4",
        "cp.async.bulk.global.shared::cta.bulk_group", "cp.async.wait_group",
        "cp.async.bulk.prefetch.L2.global", "st.global.b32"})
    EXPECT_FALSE(ptx(op)) << op;
}

} // namespace
