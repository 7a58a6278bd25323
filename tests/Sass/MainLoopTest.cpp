// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Figures of the loop that multiplies.

#include "tools/sass/MainLoop.h"
#include <gtest/gtest.h>

using namespace nybl::sass;

namespace {

std::optional<LoopFigures> figuresOf(const std::string &instructions) {
  auto code = parseSass(".section .text.k\n" + instructions);
  EXPECT_TRUE(code) << code.message();
  auto figures = mainLoop(code->at(0));
  EXPECT_TRUE(figures) << figures.message();
  return figures ? *figures : std::nullopt;
}

/// An outer loop with three multiplies of its own, in it one of two multiplies,
/// which spins, and one of one.
const char *const text = R"(
/*0000*/ NOP; /* 0x0 */
/* 0x00000a0000000000 */
.L_outer:
/*0010*/ MOV R2, R3; /* 0x0 */
/* 0x0000040000000000 */
.L_main:
/*0020*/ HMMA.16816.F32 R4, R8; /* 0x0 */
/* 0x0000080000000000 */
.L_spin:
/*0030*/ SYNCS.PHASECHK R4; /* 0x0 */
/* 0x0000100000000000 */
/*0040*/ @!P0 BRA `(.L_spin); /* 0x0 */
/* 0x0000100000000000 */
/*0050*/ MOV R2, R3; /* 0x0 */
/* 0x0000060000000000 */
/*0060*/ NOP; /* 0x0 */
/* 0x0000020000000000 */
/*0070*/ LDL R2, [R1]; /* 0x0 */
/* 0x0000020000000000 */
/*0080*/ HMMA.16816.F32 R4, R8; /* 0x0 */
/* 0x0000020000000000 */
/*0090*/ @P1 BRA `(.L_main); /* 0x0 */
/* 0x00000a0000000000 */
.L_rest:
/*00a0*/ HMMA.16816.F32 R4, R8; /* 0x0 */
/* 0x0000020000000000 */
/*00b0*/ @P1 BRA `(.L_rest);
/*00b4*/ HMMA.16816.F32 R4, R8;
/*00b8*/ HMMA.16816.F32 R4, R8;
/*00bc*/ HMMA.16816.F32 R4, R8;
/*00c0*/ @P2 BRA `(.L_outer);
/*00d0*/ EXIT;
)";

TEST(MainLoop, HasTheMostMultipliesOfInnermostOnes) {
  auto figures = figuresOf(text);
  ASSERT_TRUE(figures);
  EXPECT_EQ(figures->address, 0x20u);
  EXPECT_EQ(figures->multiplies, 2u);
  EXPECT_EQ(figures->instructions, 6u);
  EXPECT_EQ(figures->nops, 1u);
  EXPECT_EQ(figures->moves, 1u);
  EXPECT_EQ(figures->local, 1u);
  EXPECT_EQ(figures->stallCycles, 4u + 3 + 1 + 1 + 1 + 5);
}

/// Past what a branch may leave out, but not past a multiply.
TEST(MainLoop, StallsAreThoseOfTheLeastWayThatMultiplies) {
  auto figures = figuresOf(R"(
.L_main:
/*0000*/ @P0 BRA `(.L_past); /* 0x0 */
/* 0x0000040000000000 */
/*0010*/ MOV R2, R3; /* 0x0 */
/* 0x00001e0000000000 */
.L_past:
/*0020*/ @P2 BRA `(.L_end); /* 0x0 */
/* 0x0000060000000000 */
/*0030*/ HMMA.16816.F32 R4, R8; /* 0x0 */
/* 0x0000080000000000 */
.L_end:
/*0040*/ @P1 BRA `(.L_main); /* 0x0 */
/* 0x00000a0000000000 */
/*0050*/ EXIT;
)");
  ASSERT_TRUE(figures);
  EXPECT_EQ(figures->instructions, 5u);
  EXPECT_EQ(figures->stallCycles, 2u + 3 + 4 + 5);
}

TEST(MainLoop, MayBeMissing) {
  EXPECT_FALSE(figuresOf("/*0000*/ HMMA.16816.F32 R4, R8;\n/*0010*/ EXIT;\n"));
}

} // namespace
