// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions, printing, assertions and branches by an index.

#include "tests/Emulator/ExecFixture.h"

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

const std::string head = ".version 9.0\n.target sm_90\n.address_size 64\n";

/// A program of functions and the body of a kernel "k" with kernelText's
/// registers.
std::string program(const std::string &functions, const std::string &body) {
  std::string kernel = kernelText(body + storeOwn);
  return head + functions + kernel.substr(kernel.find(".visible"));
}

std::string load(Machine &m, const std::string &ptx) {
  auto loaded = loadProgram(ptx, *m.chip, m.memory);
  return loaded ? "" : loaded.message();
}

std::vector<uint32_t> results(const std::string &ptx, unsigned threads) {
  Machine m;
  uint64_t out = m.upload(std::vector<uint32_t>(threads));
  EXPECT_EQ(m.run(ptx, threads, out, out), "");
  EXPECT_TRUE(m.result.reports.empty()) << m.result.reports[0].text();
  return m.read(out, threads);
}

/// As nvcc emits it: parameters and result in .param, labels and registers of
/// the callee's own, an early return of some lanes.
const std::string collatz = R"(
.func (.param .b32 func_retval0) steps(.param .b32 steps_param_0)
{
  .reg .pred %p<4>;
  .reg .b32 %r<8>;
  ld.param.b32 %r1, [steps_param_0];
  mov.b32 %r2, 0;
loop:
  setp.eq.b32 %p1, %r1, 1;
  @%p1 st.param.b32 [func_retval0+0], %r2;
  @%p1 ret;
  add.u32 %r2, %r2, 1;
  and.b32 %r3, %r1, 1;
  setp.eq.u32 %p2, %r3, 0;
  mad.lo.u32 %r4, %r1, 3, 1;
  shr.u32 %r5, %r1, 1;
  selp.b32 %r1, %r5, %r4, %p2;
  bra.uni loop;
}
)";

uint32_t collatzSteps(uint32_t n) {
  uint32_t steps = 0;
  for (; n != 1; ++steps)
    n = n % 2 ? 3 * n + 1 : n / 2;
  return steps;
}

TEST(Call, ParametersAndResultsInParamSpace) {
  auto out = results(program(collatz, R"(
  mov.u32 %r1, %tid.x;
  add.u32 %r1, %r1, 1;
  {
    .param .b32 param0;
    st.param.b32 [param0], %r1;
    .param .b32 retval0;
    call.uni (retval0), steps, (param0);
    ld.param.b32 %r2, [retval0];
  }
  {
    .param .b32 param0;
    st.param.b32 [param0], 27;
    .param .b32 retval0;
    call.uni (retval0), steps, (param0);
    ld.param.b32 %r3, [retval0];
  }
  mad.lo.u32 %r50, %r3, 1000, %r2;)"),
                     40);
  for (uint32_t t = 0; t < 40; ++t)
    EXPECT_EQ(out[t], collatzSteps(27) * 1000 + collatzSteps(t + 1));
}

/// Arguments without variables, results in registers, structures by value,
/// callees of callees, a guarded call.
TEST(Call, OtherShapes) {
  auto out = results(program(R"(
.func (.reg .b32 result) twice(.reg .b32 x)
{
  add.u32 result, x, x;
  ret;
}
.func (.param .b32 r) sum(.param .align 8 .b8 s[16])
{
  .reg .b32 %r<8>;
  .reg .b64 %d<3>;
  .local .align 4 .b8 spill[4];
  ld.param.v2.b32 {%r1, %r2}, [s];
  mov.b64 %d1, s;
  ld.param.b32 %r3, [%d1+12];
  add.u32 %r4, %r1, %r2;
  st.local.b32 [spill], %r4;
  call (%r5), twice, (%r3);
  ld.local.b32 %r6, [spill];
  add.u32 %r7, %r6, %r5;
  st.param.b32 [r], %r7;
  ret;
}
.func (.param .b32 r) counted()
{
  .reg .b32 %r<4>;
  mov.u32 %r1, 0;
  st.param.b32 [r], %r1;
  ret;
}
)",
                             R"(
  mov.u32 %r1, %tid.x;
  {
    .param .align 8 .b8 param0[16];
    st.param.v2.b32 [param0], {%r1, 100};
    st.param.b32 [param0+12], 7;
    .param .b32 retval0;
    call.uni (retval0), sum, (param0);
    ld.param.b32 %r50, [retval0];
  }
  setp.lt.u32 %p1, %r1, 3;
  @%p1 call (%r50), twice, (50);
  call (%r2), counted, ();
  add.u32 %r50, %r50, %r2;)"),
                     8);
  for (uint32_t t = 0; t < 8; ++t)
    EXPECT_EQ(out[t], t < 3 ? 100 : t + 100 + 14);
}

TEST(Call, WhatCannotBeInlinedIsRefused) {
  Machine m;
  auto refused = [&](const std::string &functions, const std::string &body) {
    std::string message = load(m, program(functions, body));
    EXPECT_EQ(message.substr(0, 5), "line ") << message;
    return message;
  };
  EXPECT_NE(refused(".func b();\n.func a() { call b, (); ret; }\n"
                    ".func b() { call a, (); ret; }\n",
                    "  call a, ();")
                .find("cannot inline recursion"),
            std::string::npos);
  EXPECT_NE(refused("", "  call (%r1), %d1, (%r2), proto;").find("indirect"),
            std::string::npos);
  EXPECT_NE(refused(".extern .func elsewhere();\n", "  call elsewhere, ();")
                .find("'elsewhere' has no body here"),
            std::string::npos);
  refused(collatz, "  call steps, (1);");
}

/// A copy of a callee costs something even if it is empty.
TEST(Call, CopiesOfCalleesAreLimited) {
  std::string doubling = ".func f0() { ret; }\n", chain = doubling;
  for (int i = 1; i < 40; ++i) {
    std::string below = "call f" + std::to_string(i - 1) + "; ";
    doubling +=
        ".func f" + std::to_string(i) + "() { " + below + below + "ret; }\n";
  }
  for (int i = 1; i < 20000; ++i)
    chain += ".func f" + std::to_string(i) + "() { call f" +
             std::to_string(i - 1) + "; ret; }\n";
  Machine m;
  EXPECT_EQ(load(m, program(doubling, "  call f10;")), "");
  EXPECT_NE(
      load(m, program(doubling, "  call f39;")).find("too long to inline"),
      std::string::npos);
  EXPECT_EQ(load(m, program(chain, "  call f100;")), "");
  EXPECT_NE(load(m, program(chain, "  call f19999;")).find("nest deeper"),
            std::string::npos);
}

TEST(Call, AnAliasNamesAFunction) {
  auto out =
      results(program(collatz + ".func (.param .b32 r) other(.param .b32 p);\n"
                                ".alias other, steps;\n",
                      "  call (%r50), other, (6);"),
              1);
  EXPECT_EQ(out[0], collatzSteps(6));
}

//===----------------------------------------------------------------------===//
// vprintf and __assertfail
//===----------------------------------------------------------------------===//

std::string bytesOf(const std::string &text) {
  std::string list;
  for (char c : text)
    list += std::to_string(int(c)) + ", ";
  return list + "0";
}

/// The arguments lie in local memory, each at a multiple of its size.
TEST(Call, PrintFormatsItsArguments) {
  std::string format =
      "%d|%5u|%-4x|%llx|%lld|%.3f|%8.2e|%g|%s|%c|%%|%p|%*d|%zu\n";
  std::string ptx = program(
      ".extern .func (.param .b32 r) vprintf(.param .b64 f, .param .b64 a);\n"
      ".global .align 1 .b8 format[] = {" +
          bytesOf(format) +
          "};\n"
          ".global .align 1 .b8 word[6] = {104, 101, 108, 108, 111};\n",
      R"(
  .local .align 8 .b8 buffer[112];
  mov.u64 %d1, buffer;
  cvta.local.u64 %d2, %d1;
  mov.u32 %r1, %tid.x;
  sub.u32 %r2, %r1, 5;
  st.local.b32 [%d1], %r2;
  st.local.b32 [%d1+4], 42;
  st.local.b32 [%d1+8], 0xabc;
  st.local.b64 [%d1+16], 0x123456789abcdef;
  st.local.b64 [%d1+24], -7;
  st.local.f64 [%d1+32], 3.14159;
  st.local.f64 [%d1+40], 12345.678;
  st.local.f64 [%d1+48], 0.5;
  mov.u64 %d3, word;
  st.local.b64 [%d1+56], %d3;
  st.local.b32 [%d1+64], 90;
  st.local.b64 [%d1+72], 0x1234;
  st.local.b32 [%d1+80], 6;
  st.local.b32 [%d1+84], -12;
  st.local.b64 [%d1+88], 9;
  mov.u64 %d4, format;
  cvta.global.u64 %d5, %d4;
  {
    .param .b64 param0;
    st.param.b64 [param0], %d5;
    .param .b64 param1;
    st.param.b64 [param1], %d2;
    .param .b32 retval0;
    call.uni (retval0), vprintf, (param0, param1);
    ld.param.b32 %r50, [retval0];
  })");
  Machine m;
  uint64_t out = m.upload(std::vector<uint32_t>(2));
  std::vector<std::string> printed;
  LaunchConfig config;
  config.print = [&](std::string_view text) { printed.emplace_back(text); };
  ASSERT_EQ(m.run(ptx, 2, out, out, config), "");
  ASSERT_TRUE(m.result.reports.empty()) << m.result.reports[0].text();
  ASSERT_EQ(printed.size(), 2u);
  const std::string rest = "|   42|abc |123456789abcdef|-7|3.142|1.23e+04|0.5|"
                           "hello|Z|%|0x1234|   -12|9\n";
  EXPECT_EQ(printed[0], "-5" + rest);
  EXPECT_EQ(printed[1], "-4" + rest);
  EXPECT_EQ(m.read(out, 2), (std::vector<uint32_t>{14, 14}));
}

TEST(Call, AFailedAssertionIsAFindingWithItsPlaceInTheSource) {
  std::string ptx = program(".extern .func __assertfail(.param .b64 m, .param "
                            ".b64 f, .param .b32 l,"
                            " .param .b64 n, .param .b64 c);\n"
                            ".global .align 1 .b8 message[] = {" +
                                bytesOf("x < 3") +
                                "};\n"
                                ".global .align 1 .b8 file[] = {" +
                                bytesOf("a.cu") +
                                "};\n"
                                ".global .align 1 .b8 function[] = {" +
                                bytesOf("void k()") + "};\n",
                            R"(
  .loc 1 17 5
  mov.u32 %r1, %tid.x;
  setp.lt.u32 %p1, %r1, 3;
  @%p1 bra fine;
  .loc 1 18 5, function_name L0, inlined_at 1 20 2
  mov.u64 %d1, message;
  mov.u64 %d2, file;
  mov.u64 %d3, function;
  {
    .param .b64 param0;
    st.param.b64 [param0], %d1;
    .param .b64 param1;
    st.param.b64 [param1], %d2;
    .param .b32 param2;
    st.param.b32 [param2], 18;
    .param .b64 param3;
    st.param.b64 [param3], %d3;
    .param .b64 param4;
    st.param.b64 [param4], 1;
    call.uni __assertfail, (param0, param1, param2, param3, param4);
  }
fine:
)") + ".file 1 \"dir/a.cu\"\n";
  Machine m;
  uint64_t out = m.upload(std::vector<uint32_t>(8));
  ASSERT_EQ(m.run(ptx, 8, out, out), "");
  ASSERT_EQ(m.result.reports.size(), 1u);
  const Report &report = m.result.reports[0];
  EXPECT_EQ(report.kind, FindingKind::Assertion);
  EXPECT_EQ(report.lane, 3);
  EXPECT_EQ(report.message, "'x < 3' failed in void k(), a.cu:18");
  EXPECT_EQ(report.source, "dir/a.cu:18");
  EXPECT_NE(report.text().find("(dir/a.cu:18)"), std::string::npos);
}

//===----------------------------------------------------------------------===//
// brx.idx
//===----------------------------------------------------------------------===//

const std::string table = R"(
  mov.u32 %r1, %tid.x;
  setp.ne.u32 %p1, %r1, 4;
  mov.u32 %r50, 9;
targets: .branchtargets zero, one, two, zero;
  @%p1 brx.idx %r1, targets;
  bra end;
zero:
  mov.u32 %r50, 10;
  bra end;
one:
  mov.u32 %r50, 11;
  bra end;
two:
  mov.u32 %r50, 12;
end:
)";

TEST(Call, BranchesByAnIndex) {
  EXPECT_EQ(runThreads(table, 5), (std::vector<uint32_t>{10, 11, 12, 10, 9}));
  Machine m;
  uint64_t out = m.upload(std::vector<uint32_t>(8));
  ASSERT_EQ(m.run(kernelText(table), 8, out, out), "");
  ASSERT_EQ(m.result.reports.size(), 1u);
  EXPECT_EQ(m.result.reports[0].kind, FindingKind::Trap);
  EXPECT_EQ(m.result.reports[0].lane, 5);
}

} // namespace
