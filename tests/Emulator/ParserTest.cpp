// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What compilers and people write beyond plain instructions: it must parse to
// the right tree, or be refused with a line and a sentence.

#include "tests/Emulator/ExecFixture.h"
#include "tools/emulator/Ptx/Module.h"

using namespace nybl::emu;
using namespace nybl::emu::ptx;
using nybl::emu::test::kernelText;
using nybl::emu::test::Machine;

namespace {

const std::string head = ".version 9.4\n.target sm_100a, debug\n"
                         ".address_size 64\n";

TEST(Parser, DirectivesOfAKernel) {
  auto module = parse(head + R"(
.file 1 "a.cu", 1234, 5678
.visible .entry k(
  .param .align 64 .b8 map[128],
  .param .u64 .ptr .global .align 16 p,
  .param .u64 .ptr q)
.reqntid 64, 2
.minnctapersm 2
.maxnreg 96
.reqnctapercluster 2, 1, 1
.explicitcluster
.maxclusterrank 8
.pragma "used_bytes_mask 4095";
{
  .loc 1 3 1
  ret;
}
.section .debug_info { .b32 1, .debug_abbrev { } }
)");
  ASSERT_TRUE(module) << module.message();
  const Function &f = module->functions.at(0);
  EXPECT_EQ(f.parameters[0].bytes, 128u);
  EXPECT_EQ(f.parameters[0].align, 64u);
  EXPECT_EQ(f.requiredThreads.y, 2u);
  EXPECT_EQ(f.requiredCluster.x, 2u);
  EXPECT_TRUE(f.explicitCluster);
  EXPECT_EQ(f.maxClusterRank, 8u);
  EXPECT_EQ(f.minCtas, 2u);
  EXPECT_EQ(f.maxRegisters, 96u);
  EXPECT_EQ(f.body[0].sourceFile, "a.cu");
  EXPECT_EQ(f.body[0].sourceLine, 3u);
}

TEST(Parser, Operands) {
  auto module = parse(head + R"(
.entry k() {
  .reg .b64 %d<4>; .reg .b32 %r<9>; .reg .pred %p<3>; .reg .b128 %q;
  cp.async.bulk.tensor.2d.x [%r1+8], [%d1, {%r2, %r3}], [%r4], {%r5, 1};
  a.b {%r1, {%r2, -3}}, (%r1, 2), [%d1 + 4*(1<<3) - 2], [16], _|%p1, %r1|_;
  c.d 0x10 | 3, -(2 + 1), ~0, 7 % 4, -1.5, 0d3ff0000000000000;
L: M: @!%p1 e.f;
}
)");
  ASSERT_TRUE(module) << module.message();
  const Function &f = module->functions.at(0);
  const Instruction &tensor = f.body[0];
  EXPECT_EQ(tensor.operands[0].offset, 8);
  EXPECT_EQ(tensor.operands[1].kind, Operand::Address);
  ASSERT_EQ(tensor.operands[1].elements.size(), 1u);
  EXPECT_EQ(tensor.operands[1].elements[0].kind, Operand::Vector);
  EXPECT_EQ(tensor.operands[1].elements[0].elements.size(), 2u);
  const Instruction &mixed = f.body[1];
  EXPECT_EQ(mixed.operands[0].elements[1].elements[1].bits, ~uint64_t(2));
  EXPECT_EQ(mixed.operands[1].kind, Operand::List);
  EXPECT_EQ(mixed.operands[2].offset, 30);
  EXPECT_EQ(mixed.operands[3].offset, 16);
  EXPECT_EQ(mixed.operands[4].kind, Operand::Sink);
  EXPECT_GE(mixed.operands[4].second, 0);
  EXPECT_EQ(mixed.operands[5].second, sinkSecond);
  const Instruction &numbers = f.body[2];
  EXPECT_EQ(numbers.operands[0].bits, 0x13u);
  EXPECT_EQ(numbers.operands[1].bits, ~uint64_t(2));
  EXPECT_EQ(numbers.operands[2].bits, ~uint64_t(0));
  EXPECT_EQ(numbers.operands[3].bits, 3u);
  EXPECT_EQ(numbers.operands[4].bits, 0xbff8000000000000u);
  EXPECT_EQ(f.labels.size(), 2u);
}

/// A name means the innermost declaration, and each has its own place.
TEST(Parser, ScopesOfVariables) {
  auto module = parse(head + R"(
.entry k() {
  .local .b32 x;
  { .local .b64 x; a [x]; { .reg .b32 x; b x; } }
  c [x];
}
)");
  ASSERT_TRUE(module) << module.message();
  const Function &f = module->functions.at(0);
  EXPECT_EQ(f.body[0].operands[0].symbol, "x#2");
  EXPECT_EQ(f.body[1].operands[0].kind, Operand::Register);
  EXPECT_EQ(f.body[2].operands[0].symbol, "x");
  EXPECT_FALSE(parse(head + ".entry k() { .local .b32 x; .local .b32 x; }"));
}

/// Numbers, nested lists, addresses and bytes of addresses.
TEST(Parser, Initialisers) {
  Machine m;
  uint64_t out = m.upload(std::vector<uint32_t>(8));
  std::string kernel = kernelText(R"(
  ld.global.v4.b32 {%r1, %r2, %r3, %r4}, [numbers];
  st.global.v4.b32 [%out], {%r1, %r2, %r3, %r4};
  mov.u64 %d1, numbers;
  ld.global.b64 %d2, [pointer];
  sub.u64 %d3, %d2, %d1;
  st.global.b64 [%out+16], %d3;
  ld.global.b32 %r1, [%d2];
  st.global.b32 [%out+24], %r1;
  ld.const.u8 %r1, [bytes];
  and.b64 %d4, %d1, 0xff00;
  shr.u64 %d4, %d4, 8;
  cvt.u32.u64 %r2, %d4;
  sub.u32 %r3, %r1, %r2;
  st.global.b32 [%out+28], %r3;)");
  size_t at = kernel.find(".visible");
  kernel.insert(at, R"(
.visible .global .align 8 .u64 pointer = generic(numbers)+12;
.global .align 16 .b32 numbers[4] = {{1, 1<<4}, {-2, 0f3F800000}};
.const .align 1 .b8 bytes[2] = {0xFF00(numbers), 0xff(numbers)};
)");
  ASSERT_EQ(m.run(kernel, 1, out, out), "");
  ASSERT_TRUE(m.result.reports.empty()) << m.result.reports[0].text();
  EXPECT_EQ(m.read(out, 8),
            (std::vector<uint32_t>{1, 16, 0xfffffffe, 0x3f800000, 12, 0,
                                   0x3f800000, 0}));
}

uint32_t valueOf(const std::string &expression) {
  auto module = parse(head + ".global .b32 x = " + expression + ";");
  EXPECT_TRUE(module) << module.message();
  uint32_t value = 0;
  if (module)
    std::memcpy(&value, module->variables.at(0).initial.data(), 4);
  return value;
}

/// However long a row of signs, the stack stays as it is.
TEST(Parser, SignsInFrontOfANumber) {
  EXPECT_EQ(valueOf("-~+5"), 6u);
  EXPECT_EQ(valueOf("~-5"), 4u);
  EXPECT_EQ(valueOf("~~-+-~7"), ~7u);
  EXPECT_EQ(valueOf("-(2+3)*2"), uint32_t(-10));
  EXPECT_EQ(valueOf(std::string(300000, '-') + "1"), 1u);
  EXPECT_EQ(valueOf(std::string(300001, '~') + "1"), ~1u);
  EXPECT_EQ(valueOf(std::string(300000, '+') + "1"), 1u);
  std::string pairs, opened, nested;
  for (int i = 0; i < 100000; ++i)
    pairs += "-~", opened += "-(", nested += "[%r1, ";
  EXPECT_EQ(valueOf(pairs + "0"), 100000u);
  EXPECT_FALSE(parse(head + ".global .b32 x = " + opened + "1"));
  EXPECT_FALSE(
      parse(head + ".entry k() { .reg .b32 %r1; ld.b32 %r1, " + nested + "1"));
}

TEST(Parser, RefusalsHaveALineAndASentence) {
  const std::pair<const char *, const char *> table[] = {
      {".entry k() { ret; } .entry k() { ret; }", "'k' is defined twice"},
      {".func f() { ret; } .func f() { ret; }", "'f' is defined twice"},
      {".func k() { ret; } .entry k() { ret; }", "as something else"},
      {".global .b32 x; .global .b32 x;", "'x' is defined twice"},
      {".global .b32 x; .shared .b32 x;", "'x' is defined twice"},
      {".global .b32 k; .entry k() { ret; }", "as something else"},
      {".entry k() { ret; } .global .b32 k;", "'k' is defined twice"},
      {".entry k() .reqntid 0 { ret; }", "a number from 1"},
      {".entry k() .reqntid 4, 0 { ret; }", "a number from 1"},
      {".entry k() .maxntid 0 { ret; }", "a number from 1"},
      {".entry k() .maxnreg 0 { ret; }", "a number from 1"},
      {".entry k() .minnctapersm 0 { ret; }", "a number from 1"},
      {".entry k() .maxntid 4294967296 { ret; }", "to 2^32 - 1"},
      {".entry k() .maxntid 65536, 65536 { ret; }", "product is below 2^32"},
      {".entry k() .maxntid 128 .reqntid 64 { ret; }", "not both"},
      {".entry k(.param .b8 a[40000]) { ret; }", "more than 32764"},
      {".entry k(.param .b8 a[32761], .param .b32 b) { ret; }", "32768 bytes"},
      {".func g() { ret; } .alias f, g;", "not 'f'"},
      {".func f(); .alias f, g;", "not 'g'"},
      {".entry g() { ret; } .func f(); .alias f, g;", "not 'g'"},
      {".global .texref t;", "expected a type"},
      {".tex .u32 t;", "textures"},
      {".global .attribute(.managed) .b32 x;", "managed memory"},
      {".entry k() { .reg .v4 .f32 v; }", "vector registers"},
      {".entry k() { mov.u32 %r1 }", "expected"},
      {".entry k() { { }", "the end of the text"},
      {".global .b32 x = 1/0;", "division by zero"},
      {".global .b32 x = ((((((((((((((((((((((((((((((((((((((((((((((((((((("
       "(((((((((((((((((1",
       "simpler expression"},
      {".entry k() { .reg .b64 %d; ld.b64 %d, [%d-4]; }", "expected ']'"},
      {".entry k() { .reg .b64 %d; mov.b64 %d, x-4; }", "expected ','"},
      {".global .b8 x[2] = {1, 2, 3};", "no more values"},
  };
  for (auto &[text, part] : table) {
    auto module = parse(head + text);
    ASSERT_FALSE(module) << text;
    EXPECT_EQ(module.message().substr(0, 5), "line ");
    EXPECT_NE(module.message().find(part), std::string::npos)
        << module.message();
  }
  EXPECT_TRUE(parse(head + ".entry k(.param .b8 a[32764]) { ret; }"));
  EXPECT_FALSE(parse(".version 8.0\n.target sm_90\n"
                     ".entry k(.param .b8 a[4353]) { ret; }"));
  EXPECT_TRUE(parse(head + ".entry k(); .func f(); .entry k() { ret; } "
                           ".func f() { ret; } .extern .shared .b8 s[]; "
                           ".extern .shared .b8 s[];"));
  EXPECT_FALSE(parse(".version 8e7\n.target sm_100a\n"));
  EXPECT_FALSE(parse(".version 9.5\n.target sm_100a\n"));
  EXPECT_FALSE(parse(".version 10.0\n.target sm_100a\n"));
}

} // namespace
