// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scalar instructions against published vectors (the numbers of ZLUDA's run
// tests, which also run on CUDA) and against what PTX ISA says of corner cases.

#include "tests/Emulator/ExecVector.h"

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

const KnownAnswer narrow[] = {
    {"add", "add.u32 %r10, %r0, 1;", {1}, {2}},
    {"bfe", "bfe.u32 %r10, %r0, 16, 8;", {0xF8C122A0}, {0xC1}},
    {"bfe signed", "bfe.s32 %r10, %r0, 4, 4;", {0xF0}, {0xFFFFFFFF}},
    {"bfi", "bfi.b32 %r10, %r0, %r1, 0, 2;", {2, 5}, {6}},
    {"bfind shiftamt",
     "bfind.shiftamt.u32 %r10, %r0; bfind.shiftamt.u32 %r11, %r1; "
     "bfind.shiftamt.u32 %r12, %r2;",
     {0, 0xffffffff, 0x2cd1a4c1},
     {0xffffffff, 0, 2}},
    {"bfind signed", "bfind.s32 %r10, %r0;", {0xfffffff0}, {3}},
    {"bmsk clamp", "bmsk.clamp.b32 %r10, 24, 12;", {}, {0xFF000000}},
    {"clz", "clz.b32 %r10, %r0;", {0x052D13AB}, {5}},
    {"popc", "popc.b32 %r10, %r0;", {0xF0F0F0F0}, {16}},
    {"brev", "brev.b32 %r10, %r0;", {1}, {0x80000000}},
    {"prmt",
     "prmt.b32 %r10, %r0, %r1, 0x6543;",
     {0x70c507d6, 0x6fbd4b5c},
     {0xbd4b5c70}},
    {"prmt sign", "prmt.b32 %r10, %r0, 0, 0xba98;", {0x00ff7f80}, {0x00ff00ff}},
    {"shf.l",
     "shf.l.wrap.b32 %r10, %r0, %r1, 12;",
     {0x9abcdef0, 0x12345678},
     {0x456789ab}},
    {"shf.l clamp",
     "shf.l.clamp.b32 %r10, %r0, %r1, 44;",
     {0x12345678, 0x9abcdef0},
     {0x12345678}},
    {"shf.r clamp",
     "shf.r.clamp.b32 %r10, %r0, %r1, 44;",
     {0x12345678, 0x9abcdef0},
     {0x9abcdef0}},
    {"shl past the width", "shl.b32 %r10, %r0, 32;", {0xffffffff}, {0}},
    {"shr signed past the width",
     "shr.s32 %r10, %r0, 99;",
     {0x80000000},
     {0xffffffff}},
    {"mul.hi", "mul.hi.s32 %r10, %r0, %r1;", {0xffffffff, 3}, {0xffffffff}},
    {"mad.lo", "mad.lo.s32 %r10, %r0, %r1, 7;", {5, 6}, {37}},
    {"add.sat",
     "add.sat.s32 %r10, %r0, -1; add.sat.s32 %r11, %r1, 1;",
     {0x80000000, 0x7fffffff},
     {0x80000000, 0x7fffffff}},
    {"div signed",
     "div.s32 %r10, %r0, 2; rem.s32 %r11, %r0, 2;",
     {0xfffffff9},
     {0xfffffffd, 0xffffffff}},
    {"min max",
     "min.s32 %r10, %r0, %r1; max.u32 %r11, %r0, %r1;",
     {0xffffffff, 1},
     {0xffffffff, 0xffffffff}},
    {"lop3 majority",
     "lop3.b32 %r10, %r0, %r1, %r2, 0xe8;",
     {0xf0f0f0f0, 0xcccccccc, 0xaaaaaaaa},
     {0xe8e8e8e8}},
    {"sad", "sad.s32 %r10, %r0, %r1, %r2;", {12, 0xffffffda, 915}, {965}},
    {"selp setp",
     "setp.lt.s32 %p1, %r0, %r1; selp.b32 %r10, 7, 8, %p1;",
     {0xffffffff, 0},
     {7}},
    {"setp two results",
     "setp.eq.u32 %p1|%p2, %r0, 5; selp.b32 %r10, 1, 0, %p1; selp.b32 %r11, 1, "
     "0, %p2;",
     {5},
     {1, 0}},
    {"setp and",
     "setp.eq.u32 %p1, %r0, 5; setp.ne.and.u32 %p2, %r0, 5, !%p1; selp.b32 "
     "%r10, 1, 0, %p2;",
     {6},
     {1}},
    {"setp nan",
     "mov.b32 %f1, %r0; setp.nan.f32 %p1, %f1, %f1; setp.neu.f32 %p2, %f1, "
     "%f1; selp.b32 %r10, 1, 0, %p1; selp.b32 %r11, 1, 0, %p2;",
     {0x7fc00000},
     {1, 1}},
    {"cvt rni ties",
     "mov.b32 %f1, %r0; cvt.rni.s32.f32 %r10, %f1; mov.b32 %f2, %r1; "
     "cvt.rni.s32.f32 %r11, %f2;",
     {0x41180000, 0x41280000},
     {10, 10}},
    {"cvt saturates",
     "mov.b32 %f1, %r0; cvt.rzi.u32.f32 %r10, %f1; mov.b32 %f2, %r1; "
     "cvt.rzi.s32.f32 %r11, %f2;",
     {0xbf800000, 0x7fc00000},
     {0, 0}},
    {"cvt rni u16",
     "mov.b32 %f1, %r0; cvt.rni.u16.f32 %h1, %f1; cvt.u32.u16 %r10, %h1;",
     {0x477FFF80},
     {65535}},
    {"cvt s16 s8",
     "cvt.u16.u32 %h1, %r0; cvt.s16.s8 %h2, %h1; cvt.s32.s16 %r10, %h2;",
     {0xC2},
     {0xffffffc2}},
    {"cvt e4m3x2",
     "mov.b32 %f1, %r0; mov.b32 %f2, %r1; cvt.rn.satfinite.e4m3x2.f32 %h1, "
     "%f1, %f2; cvt.u32.u16 %r10, %h1;",
     {0x3ed00000, 0x414e6666},
     {0x2d55}},
    {"cvt e5m2x2",
     "mov.b32 %f1, %r0; mov.b32 %f2, %r1; cvt.rn.satfinite.e5m2x2.f32 %h1, "
     "%f1, %f2; cvt.u32.u16 %r10, %h1;",
     {0x3ec00000, 0xc5a444cd},
     {0x36ed}},
    {"cvt f16x2 from e4m3x2",
     "cvt.u16.u32 %h1, %r0; cvt.rn.f16x2.e4m3x2 %r10, %h1;",
     {0x2D55},
     {0x36804A80}},
    {"cvt f16x2 from e5m2x2",
     "cvt.u16.u32 %h1, %r0; cvt.rn.f16x2.e5m2x2 %r10, %h1;",
     {0x36ED},
     {0x3600ED00}},
    {"cvt bf16x2",
     "mov.b32 %f1, %r0; mov.b32 %f2, %r1; cvt.rn.bf16x2.f32 %r10, %f1, %f2;",
     {0x3ed00000, 0x414e6666},
     {0x3ed0414e}},
    {"cvt bf16 ties to even",
     "mov.b32 %f1, %r0; cvt.rn.bf16.f32 %h1, %f1; mov.b32 %f2, %r1; "
     "cvt.rn.bf16.f32 %h2, %f2; cvt.u32.u16 %r10, %h1; cvt.u32.u16 %r11, %h2;",
     {0x3f808000, 0x3f818000},
     {0x3f80, 0x3f82}},
    {"cvt f16 overflow",
     "mov.b32 %f1, %r0; cvt.rn.f16.f32 %h1, %f1; cvt.u32.u16 %r10, %h1;",
     {0x47800000},
     {0x7c00}},
    {"f32 arithmetic",
     "mov.b32 %f1, %r0; mov.b32 %f2, %r1; add.rn.f32 %f3, %f1, %f2; mul.rn.f32 "
     "%f4, %f1, %f2; fma.rn.f32 %f5, %f1, %f2, %f1; div.rn.f32 %f6, %f1, %f2; "
     "mov.b32 %r10, %f3; mov.b32 %r11, %f4; mov.b32 %r12, %f5; mov.b32 %r13, "
     "%f6;",
     {0x40400000, 0x40000000},
     {0x40a00000, 0x40c00000, 0x41100000, 0x3fc00000}},
    {"rounding modes",
     "mov.b32 %f1, 0f3f800000; mov.b32 %f2, 0f33000000; add.rz.f32 %f3, %f1, "
     "%f2; add.rp.f32 %f4, %f1, %f2; add.rn.f32 %f5, %f1, %f2; mov.b32 %r10, "
     "%f3; mov.b32 %r11, %f4; mov.b32 %r12, %f5;",
     {},
     {0x3f800000, 0x3f800001, 0x3f800000}},
    {"ftz",
     "mov.b32 %f1, %r0; mul.ftz.f32 %f2, %f1, 0f3f800000; mul.f32 %f3, %f1, "
     "0f3f800000; mov.b32 %r10, %f2; mov.b32 %r11, %f3;",
     {1},
     {0, 1}},
    {"min loses NaN",
     "mov.b32 %f1, %r0; mov.b32 %f2, %r1; min.f32 %f3, %f1, %f2; mov.b32 %r10, "
     "%f3;",
     {0x7fc00000, 0x3f800000},
     {0x3f800000}},
    {"fma f16x2",
     "fma.rn.f16x2 %r10, %r0, %r1, %r2;",
     {0x3c004000, 0x40003c00, 0x3c003c00},
     {0x42004200}},
    {"copysign",
     "mov.b32 %f1, %r0; mov.b32 %f2, %r1; copysign.f32 %f3, %f1, %f2; mov.b32 "
     "%r10, %f3;",
     {0x80000000, 0x631A8FD7},
     {0xE31A8FD7}},
    {"mov pack unpack",
     "mov.b32 {%h1, %h2}, %r0; mov.b32 %r10, {%h2, %h1};",
     {0x12345678},
     {0x56781234}},
    {"atomics",
     "atom.global.add.u32 %r20, [%out], 5; atom.global.exch.b32 %r21, [%out], "
     "9; atom.global.cas.b32 %r22, [%out], 9, 11; ld.global.b32 %r23, [%out]; "
     "mov.u32 %r10, %r20; mov.u32 %r11, %r21; mov.u32 %r12, %r22; mov.u32 "
     "%r13, %r23;",
     {},
     {0, 5, 9, 11}},
    {"atom.inc",
     "atom.global.inc.u32 %r20, [%out], 1; atom.global.inc.u32 %r21, [%out], "
     "1; ld.global.b32 %r22, [%out]; mov.u32 %r10, %r20; mov.u32 %r11, %r21; "
     "mov.u32 %r12, %r22;",
     {},
     {0, 1, 0}},
    {"signed byte load",
     "ld.global.s8 %r10, [%in]; ld.global.u8 %r11, [%in];",
     {0xfe},
     {0xfffffffe, 0xfe}},
};

TEST(ExecInstruction, Narrow) {
  for (const KnownAnswer &v : narrow)
    check(v, false);
}

/// 64-bit forms: what is 32 bits wide in them (amounts, positions, counts) is
/// read as 32 bits, also as an immediate.
const KnownAnswer wide[] = {
    {"mul.hi",
     "mul.hi.u64 %d10, %d0, %d0;",
     {0xffffffff, 0xffffffff},
     {0xfffffffe, 0xffffffff}},
    {"mul.wide",
     "mul.wide.u32 %d10, %r0, %r1;",
     {0xffffffff, 0xffffffff},
     {1, 0xfffffffe}},
    {"mad.wide",
     "mad.wide.s32 %d10, %r0, %r1, %d1;",
     {0xffffffff, 3, 4, 5},
     {1, 5}},
    {"bfe", "bfe.u64 %d10, %d0, 4, 36;", {0x23456780, 0xf1}, {0x12345678, 0xf}},
    {"shl", "shl.b64 %d10, %d0, 33;", {3, 0}, {0, 6}},
    {"shr",
     "shr.s64 %d10, %d0, 35;",
     {0, 0x80000000},
     {0xf0000000, 0xffffffff}},
    {"selp",
     "setp.gt.s64 %p1, %d0, -5; selp.b64 %d10, %d0, 7, %p1;",
     {0xfffffff0, 0xffffffff},
     {7, 0}},
    {"and or",
     "and.b64 %d1, %d0, 0xff00000000; or.b64 %d10, %d1, 1;",
     {5, 0x1234},
     {1, 0x34}},
    {"cvt",
     "cvt.s64.s32 %d10, %r0; cvt.u64.u32 %d11, %r0;",
     {0x80000000, 0},
     {0x80000000, 0xffffffff, 0x80000000, 0}},
    {"sub", "sub.s64 %d10, %d0, 1;", {0, 1}, {0xffffffff, 0}},
    {"rem",
     "rem.u64 %d10, %d0, 10; div.u64 %d11, %d0, 10;",
     {123, 0},
     {3, 0, 12, 0}},
    {"mov pack", "mov.b64 %d10, {%r1, %r0};", {1, 2}, {2, 1}},
};

TEST(ExecInstruction, Wide) {
  for (const KnownAnswer &v : wide)
    check(v, true);
  check({"popc.b64",
         "popc.b64 %r10, %d0; clz.b64 %r11, %d0;",
         {0xffffffff, 1},
         {33, 31}},
        false);
}

/// src-size bytes are copied, the rest of the destination is zero.
TEST(ExecInstruction, CpAsyncFillsWithZero) {
  Machine m;
  uint64_t in = m.upload({1, 2, 3, 4}), out = m.upload({9, 9, 9, 9});
  ASSERT_EQ(m.run(kernelText(R"(
  mov.u32 %r1, buffer;
  cp.async.cg.shared.global [%r1], [%in], 16, 12;
  cp.async.commit_group;
  cp.async.wait_group 0;
  ld.shared.v4.b32 {%r2, %r3, %r4, %r5}, [%r1];
  st.global.v4.b32 [%out], {%r2, %r3, %r4, %r5};)",
                             "  .shared .align 16 .b8 buffer[16];\n"),
                  1, in, out),
            "");
  ASSERT_TRUE(m.result.reports.empty()) << m.result.reports[0].text();
  EXPECT_EQ(m.read(out, 4), (std::vector<uint32_t>{1, 2, 3, 0}));
}

} // namespace
