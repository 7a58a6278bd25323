// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Answers that follow from PTX ISA's tables and formulas: what NaN, signs,
// saturation, packing and random bits do.

#include "tests/Emulator/ExecVector.h"

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

constexpr uint32_t one = 0x3f800000, two = 0x40000000, three = 0x40400000,
                   nan = 0x7fc00000, canonical = 0x7fffffff, minus = 0x80000000;

const KnownAnswer floats[] = {
    {"min and max: -0 < +0, NaN loses",
     "min.f32 %r10, %r0, %r1; max.f32 %r11, %r0, %r1; min.f32 %r12, %r2, %r1; "
     "max.f32 %r13, %r2, %r2;",
     {0, minus, nan},
     {minus, 0, minus, canonical}},
    {".NaN",
     "min.NaN.f32 %r10, %r0, %r1; max.NaN.f32 %r11, %r1, %r0;",
     {nan, one},
     {canonical, canonical}},
    {".xorsign.abs",
     "max.xorsign.abs.f32 %r10, %r0, %r1; min.xorsign.abs.f32 %r11, %r0, %r1; "
     "min.xorsign.abs.f32 %r12, %r1, %r1; min.NaN.xorsign.abs.f32 %r13, %r2, "
     "%r1;",
     {two, one | minus, nan},
     {two | minus, one | minus, one, canonical}},
    {"three inputs",
     "min.f32 %r10, %r0, %r1, %r2; max.abs.f32 %r11, %r0, %r1, %r2; "
     "max.NaN.f32 %r12, %r0, %r1, %r3; min.f32 %r13, %r3, %r0, %r1;",
     {two, one, three | minus, nan},
     {three | minus, three, canonical, one}},
    {".sat of NaN is +0",
     "add.sat.f32 %r10, %r0, %r0; add.sat.f32 %r11, %r1, %r1; add.sat.f32 "
     "%r12, %r2, %r2;",
     {nan, one, one | minus},
     {0, one, 0}},
    {"a NaN result is canonical",
     "sub.f32 %r10, %r0, %r0;",
     {0x7f800000},
     {canonical}},
    {"div.approx past 2^126",
     "div.approx.f32 %r10, %r0, %r2; div.approx.f32 %r11, %r1, %r2; "
     "div.full.f32 %r12, %r2, %r2;",
     {one | minus, 0x7f800000, 0x7f000000},
     {minus, canonical, one}},
    {"testp: zero is normal",
     "testp.normal.f32 %p1, %r0; testp.subnormal.f32 %p2, %r1; selp.b32 %r10, "
     "1, 0, %p1; selp.b32 %r11, 1, 0, %p2;",
     {minus, 1},
     {1, 1}},
    {"mixed precision",
     "cvt.u16.u32 %h1, %r0; add.f32.f16 %r10, %h1, %r1; sub.rz.sat.f32.bf16 "
     "%r11, %h1, %r1; fma.rn.f32.f16 %r12, %h1, %h1, %r1;",
     {0x3c01, one},
     // 1 + 2^-10 + 1; a bf16 of 0x3c01 is 2^-7 * (1 + 2^-7), less one: 0;
     // (1 + 2^-10)^2 + 1 = 2 + 2^-9 + 2^-20.
     {0x40001000, 0, 0x40002004}},
    {"f16 .ftz",
     "cvt.u16.u32 %h1, %r0; cvt.u16.u32 %h2, %r1; mul.ftz.f16 %h3, %h1, %h2; "
     "mul.f16 %h4, %h1, %h2; add.ftz.f16 %h5, %h3, %h4; cvt.u32.u16 %r10, %h3; "
     "cvt.u32.u16 %r11, %h4; cvt.u32.u16 %r12, %h5;",
     {0x8400, 0x3800},
     {0x8000, 0x8200, 0x8000}},
    {"ex2 of halves",
     "ex2.approx.f16x2 %r10, %r0; ex2.approx.ftz.bf16x2 %r11, %r1; "
     "tanh.approx.f16x2 %r12, %r2;",
     {0x4400bc00, 0x40803f80, 0x7c00fc00},
     {0x4c003800, 0x41804000, 0x3c00bc00}},
};

TEST(ExecScalar, Floats) {
  for (const KnownAnswer &v : floats)
    check(v);
}

TEST(ExecScalar, TwoFloatsInOneRegister) {
  check({"add.f32x2",
         "add.rz.f32x2 %d10, %d0, %d1; fma.rn.ftz.f32x2 %d11, %d0, %d1, %d1;",
         {one, 1, 0x33000000, two},
         {one, two, 0x33800000, two}},
        true);
  check({"fma.f32x2",
         "mul.f32x2 %d10, %d0, %d1;",
         {two, three, three, nan},
         {0x40c00000, canonical}},
        true);
  check({"rcp.approx.ftz.f64",
         "rcp.approx.ftz.f64 %d10, %d0; rsqrt.approx.ftz.f64 %d11, %d1;",
         {0xffffffff, 0x40100000, 5, 0x00000001},
         {0, 0x3fd00000, 0, 0x7ff00000}},
        true);
}

const KnownAnswer integers[] = {
    {"packed halves",
     "add.u16x2 %r10, %r0, %r1; min.s16x2 %r11, %r0, %r1; max.u16x2 %r12, %r0, "
     "%r1; min.relu.s16x2 %r13, %r0, %r1; max.relu.s32 %r14, %r0, %r0;",
     {0x8000ffff, 0x7fff0002},
     {0xffff0001, 0x8000ffff, 0x8000ffff, 0, 0}},
    {"mad.hi.sat and mad24.hi.sat",
     "mad.hi.sat.s32 %r10, %r0, %r0, %r1; mad24.hi.sat.s32 %r11, %r2, %r2, "
     "%r1;",
     {0x7fffffff, 0x7fffffff, 0x7fffff},
     {0x7fffffff, 0x7fffffff}},
    {"fns",
     "fns.b32 %r10, %r0, 3, 2; fns.b32 %r11, %r0, 3, -2; fns.b32 %r12, %r0, 4, "
     "0; fns.b32 %r13, %r0, 5, 0; fns.b32 %r14, %r0, 3, 9;",
     {0xaa},
     {5, 1, ~0u, 5, ~0u}},
    {"prmt modes",
     "prmt.b32.f4e %r10, %r0, %r1, 1; prmt.b32.b4e %r11, %r0, %r1, 2; "
     "prmt.b32.rc8 %r12, %r0, %r1, 3; prmt.b32.ecl %r13, %r0, %r1, 6; "
     "prmt.b32.ecr %r14, %r0, %r1, 1; prmt.b32.rc16 %r15, %r0, %r1, 1;",
     {0x33221100, 0x77665544},
     {0x44332211, 0x77001122, 0x33333333, 0x33222222, 0x11111100, 0x33223322}},
    {"lop3 with a predicate",
     "setp.eq.u32 %p1, %r0, 0; lop3.or.b32 %r10|%p2, %r0, %r1, %r1, 0xc0, "
     "!%p1; lop3.and.b32 _|%p3, %r0, %r1, %r1, 0xfc, !%p1; selp.b32 %r11, 1, "
     "0, %p2; selp.b32 %r12, 1, 0, %p3;",
     {0xf0, 0x0f},
     {0, 1, 1}},
    {"64-bit carries",
     "mov.b64 %d1, {%r0, %r0}; mov.b64 %d2, {%r1, 0}; add.cc.u64 %d3, %d1, "
     "%d2; addc.u32 %r12, 0, 0; mov.b64 {%r10, %r11}, %d3;",
     {0xffffffff, 1},
     {0, 0, 1}},
};

TEST(ExecScalar, Integers) {
  for (const KnownAnswer &v : integers)
    check(v);
}

const KnownAnswer comparisons[] = {
    {"setp of pairs",
     "setp.lt.f16x2 %p1|%p2, %r0, %r1; setp.neu.bf16x2 %p3|%p4, %r2, %r2; "
     "selp.b32 %r10, 1, 0, %p1; selp.b32 %r11, 1, 0, %p2; selp.b32 %r12, 1, 0, "
     "%p3; selp.b32 %r13, 1, 0, %p4;",
     {0x3c004000, 0x40003c00, 0x7fc03f80},
     {0, 1, 0, 1}},
    {"set",
     "set.lt.f16x2.f16x2 %r10, %r0, %r1; set.lt.u32.f16x2 %r11, %r0, %r1; "
     "set.gt.f32.s32 %r12, %r1, 0; cvt.u16.u32 %h1, %r0; set.eq.u16.f16 %h2, "
     "%h1, %h1; cvt.u32.u16 %r13, %h2; set.ne.bf16.f32 %h3, %r0, %r1; "
     "cvt.u32.u16 %r14, %h3;",
     {0x3c004000, 0x40003c00},
     {0x3c000000, 0xffff0000, one, 0xffff, 0x3f80}},
    {"slct",
     "slct.b32.s32 %r10, 1, 2, %r0; slct.b32.f32 %r11, 1, 2, %r0; "
     "slct.b32.f32 %r12, 1, 2, %r1; slct.ftz.u32.f32 %r13, 1, 2, %r2;",
     {minus, nan, 0x80000001},
     {2, 1, 2, 1}},
};

TEST(ExecScalar, Comparisons) {
  for (const KnownAnswer &v : comparisons)
    check(v);
}

const KnownAnswer conversions[] = {
    {"ue8m0x2",
     "cvt.rz.satfinite.ue8m0x2.f32 %h1, %r0, %r1; cvt.rp.ue8m0x2.f32 %h2, %r0, "
     "%r1; cvt.rp.ue8m0x2.f32 %h3, %r2, %r3; cvt.rn.bf16x2.ue8m0x2 %r13, %h1; "
     "cvt.u32.u16 %r10, %h1; cvt.u32.u16 %r11, %h2; cvt.u32.u16 %r12, %h3;",
     {0x3fc00000, 0x00400000, 0x7f7fffff, nan},
     // 1.5 and 2^-127; 2^127 rounds up past the largest, NaN.
     {0x7f00, 0x8000, 0xffff, 0x3f800040}},
    {"s2f6x2",
     "cvt.rn.satfinite.s2f6x2.f32 %h1, %r0, %r1; cvt.rn.bf16x2.s2f6x2 %r11, "
     "%h1; cvt.rn.satfinite.relu.s2f6x2.f32 %h2, %r1, %r0; mov.b16 %h3, "
     "0x8081; cvt.rn.satfinite.scaled::n2::ue8m0.s2f6x2.f32 %h4, %r0, %r1, "
     "%h3; cvt.u32.u16 %r10, %h1; cvt.u32.u16 %r12, %h2; cvt.u32.u16 %r13, "
     "%h4;",
     {three, 0xbfc00000},
     // 3 saturates to 127/64, -1.5 is -96/64; 3/2 and -1.5/4.
     {0x7fa0, 0x3ffebfc0, 0x007f, 0x60e8}},
    {"stochastic halves",
     "cvt.rs.f16x2.f32 %r10, %r0, %r1, 0x00000fff; cvt.rs.f16x2.f32 %r11, %r0, "
     "%r1, 0x00011000; cvt.rs.satfinite.bf16x2.f32 %r12, %r0, %r1, "
     "0x8000ffff;",
     // 1 + 2^-10 - 2^-23: 0x1fff are dropped by f16; 1 + 2^-11: 0x1000.
     {0x3f801fff, 0x3f801000},
     {0x3c003c00, 0x3c013c01, 0x3f803f81}},
    {"stochastic quads",
     "cvt.rs.satfinite.e4m3x4.f32 %r10, {%r0, %r1, %r0, %r1}, 0x80007fff; "
     "cvt.rs.satfinite.relu.e4m3x4.f32 %r11, {%r0, %r1, %r3, %r1}, 0x0000ffff; "
     "cvt.rs.satfinite.e2m1x4.f32 %h1, {%r2, %r2, %r2, %r2}, 0x807f7f80; "
     "cvt.u32.u16 %r12, %h1;",
     // 1 + 1/16, half way from 0x38 to 0x39; 1.25, half way from 2 to 3; -1000.
     {0x3f880000, 0xbf880000, 0x3fa00000, 0xc47a0000},
     {0x39b938b8, 0x38000000, 0x3223}},
    {"tf32",
     "cvt.rna.tf32.f32 %r10, %r0; cvt.rn.tf32.f32 %r11, %r0; "
     "cvt.rz.relu.tf32.f32 %r12, %r1; cvt.rna.satfinite.tf32.f32 %r13, %r2;",
     {0x3f801000, 0xbf800000, 0x7f7fffff},
     {0x3f802000, 0x3f800000, 0, 0x7f7fe000}},
    {"relu of pairs",
     "cvt.rn.relu.f16x2.f32 %r10, %r0, %r1; cvt.rn.satfinite.relu.e4m3x2.f32 "
     "%h1, %r1, %r0; cvt.u32.u16 %r11, %h1; cvt.rn.relu.bf16.f32 %h2, %r2; "
     "cvt.u32.u16 %r12, %h2;",
     {one | minus, one, nan},
     {0x00003c00, 0x3800, 0x7fff}},
    {"NaN has its own results",
     "cvt.rn.satfinite.e4m3x2.f32 %h1, %r0, %r1; cvt.rn.satfinite.e3m2x2.f32 "
     "%h2, %r0, %r1; cvt.u32.u16 %r10, %h1; cvt.u32.u16 %r11, %h2; "
     "cvt.rzi.s32.f32 %r12, %r0;",
     {nan, 0xff800000},
     {0x7ffe, 0x1f3f, 0}},
    {"cvt.pack of nibbles",
     "cvt.pack.sat.s4.s32.b32 %r10, %r0, %r1, 0x123456; "
     "cvt.pack.sat.u2.s32.b32 %r11, %r0, %r1, 1; cvt.pack.sat.s16.s32 %r12, "
     "%r0, %r1;",
     {0xffffff00, 5},
     {0x12345685, 0x13, 0xff000005}},
};

TEST(ExecScalar, Conversions) {
  for (const KnownAnswer &v : conversions)
    check(v, false,
          std::string(v.name).starts_with("stochastic") ? "sm_100a"
                                                        : "sm_120a");
  check({"f64 NaN to integers",
         "cvt.rzi.s32.f64 %r2, %d0; cvt.rzi.u64.f32 %d11, %r3; cvt.u64.u32 "
         "%d10, %r2;",
         {0, 0x7ff80000, 0, nan},
         {0x80000000, 0, 0, 0x80000000}},
        true);
}

/// redux.sync of f32 exists on the sm_100 family only.
TEST(ExecScalar, ReductionOfFloats) {
  Machine m;
  m.chip = findChip("sm_100a");
  std::string ptx = kernelText(R"(
  mov.u32 %r1, %laneid;
  cvt.rn.f32.u32 %f1, %r1;
  sub.f32 %f1, %f1, 0f41A00000;
  setp.eq.u32 %p1, %r1, 7;
  selp.f32 %f1, 0f7FC00000, %f1, %p1;
  redux.sync.min.f32 %f2, %f1, -1;
  redux.sync.max.abs.f32 %f3, %f1, -1;
  redux.sync.max.NaN.f32 %f4, %f1, -1;
  st.global.f32 [%out], %f2;
  st.global.f32 [%out+4], %f3;
  st.global.f32 [%out+8], %f4;)");
  EXPECT_FALSE(loadProgram(ptx, *findChip("sm_120a"), m.memory));
  ptx.replace(ptx.find("sm_120a"), 7, "sm_100a");
  uint64_t out = m.upload(std::vector<uint32_t>(3));
  ASSERT_EQ(m.run(ptx, 32, out, out), "");
  ASSERT_TRUE(m.result.reports.empty()) << m.result.reports[0].text();
  EXPECT_EQ(m.read(out, 3),
            (std::vector<uint32_t>{0xc1a00000, 0x41a00000, canonical}));
}

/// A mark in one half of a packed operand stays in that half.
TEST(ExecScalar, MarksStayInTheirHalf) {
  const std::pair<const char *, bool> bodies[] = {
      {"add.f16x2 %r2, %r1, %r1; and.b32 %r3, %r2, 0xffff;", false},
      {"add.f16x2 %r2, %r1, %r1; shr.u32 %r3, %r2, 16;", true},
      {"min.u16x2 %r2, %r1, %r1; and.b32 %r3, %r2, 0xffff;", false},
      {"cvt.rn.satfinite.e4m3x2.f16x2 %h1, %r1; cvt.u32.u16 %r3, %h1;", true},
      {"lop3.and.b32 %r2|%p1, %r1, 0xffff, 0, 0xc0, 1; selp.b32 %r3, 1, 2, "
       "%p1;",
       false},
      {"setp.eq.f16x2 %p1|%p2, %r1, %r1; selp.b32 %r3, 1, 2, %p1;", true},
      {"fns.b32 %r3, %r1, 0, 1;", true},
      {"prmt.b32.rc16 %r3, %r1, 0, 0;", true},
  };
  for (auto &[body, marked] : bodies) {
    Machine m;
    uint64_t in = m.upload({0x00003c00}), out = m.upload({0});
    m.memory.setPoison(in + 2, 2, true);
    ASSERT_EQ(m.run(kernelText("ld.global.b32 %r1, [%in];" + std::string(body) +
                               " st.global.b32 [%out], %r3;"),
                    1, in, out),
              "");
    EXPECT_EQ(!m.result.reports.empty(), marked) << body;
  }
}

} // namespace
