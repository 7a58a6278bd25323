// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Published answers: the inputs and outputs of ZLUDA's run tests
// (github.com/vosen/ZLUDA, ptx/src/test/spirv_run), which their authors also
// run on CUDA. The PTX is our own.

#include "tests/Emulator/ExecVector.h"

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

const KnownAnswer words[] = {
    {"add_extended",
     "add.cc.u32 %r10, %r0, %r4; addc.cc.u32 %r11, %r1, %r5; addc.cc.u32 %r12, "
     "%r2, %r6; addc.u32 %r13, %r3, %r7;",
     {0xffffffff, 0xffffffff, 0xffffffff, 0, 1, 0, 0, 0},
     {0, 0, 0, 1}},
    {"sub_extended",
     "sub.cc.u32 %r10, %r0, %r4; subc.cc.u32 %r11, %r1, %r5; subc.cc.u32 %r12, "
     "%r2, %r6; subc.u32 %r13, %r3, %r7;",
     {0, 0, 0, 1, 1, 0, 0, 0},
     {0xffffffff, 0xffffffff, 0xffffffff, 0}},
    {"addc_cc_s32",
     "add.cc.u32 %r9, 0xffffffff, 1; addc.cc.s32 %r10, %r0, %r1; addc.u32 "
     "%r11, 0, 0;",
     {0x62D0B1FD, 0xB632D4DF},
     {0x190386DD, 1}},
    {"mul24_lo_u32", "mul24.lo.u32 %r10, %r0, %r0;", {0x755555}, {0x1C238E39}},
    {"mul24_hi_u32", "mul24.hi.u32 %r10, %r0, %r0;", {0x755555}, {0x35C71C23}},
    {"mul24_lo_s32",
     "neg.s32 %r1, %r0; mul24.lo.s32 %r10, %r1, %r0;",
     {0x755555},
     {0u - 0x1C238E39}},
    {"mul24_hi_s32",
     "neg.s32 %r1, %r0; mul24.hi.s32 %r10, %r1, %r0;",
     {0x755555},
     {0u - 0x35C71C24}},
    {"setp_gt: NaN",
     "setp.gt.ftz.f32 %p1, %r0, %r1; selp.b32 %r10, %r0, %r1, %p1;",
     {0x7fc00000, 0x3f800000},
     {0x3f800000}},
    {"setp_leu: NaN",
     "setp.leu.ftz.f32 %p1, %r0, %r1; selp.b32 %r10, %r0, %r1, %p1;",
     {0x3f800000, 0x7fc00000},
     {0x3f800000}},
    {"setp_bool_and",
     "setp.ne.u32 %p1, %r2, 0; setp.lt.and.u32 %p2, %r0, %r1, !%p1; selp.u32 "
     "%r10, 1, 0, %p2;",
     {1, 2, 0},
     {1}},
    {"cvt_pack",
     "cvt.pack.sat.u8.s32.b32 %r10, %r0, %r1, %r2; cvt.pack.sat.s8.s32.b32 "
     "%r11, %r0, %r1, %r2;",
     {uint32_t(-257), 257, uint32_t(-130436883)},
     {2968322303u, 2968354943u}},
    {"cvt_sat_s_u",
     "cvt.sat.u32.s32 %r1, %r0; cvt.s32.u32 %r10, %r1;",
     {0xffffffff},
     {0}},
    {"vector_operand: an immediate in a pack",
     "cvt.u16.u32 %h1, %r0; mov.b32 %r10, {0x5678, %h1};",
     {0x1234},
     {0x12345678}},
    {"shr", "shr.s32 %r10, %r0, 1;", {0xfffffffe}, {0xffffffff}},
    {"shr_oob",
     "cvt.u16.u32 %h1, %r0; shr.s16 %h2, %h1, 16; cvt.s32.s16 %r10, %h2;",
     {0x8000},
     {0xffffffff}},
    {"min_f16",
     "cvt.u16.u32 %h1, %r0; cvt.u16.u32 %h2, %r1; min.f16 %h3, %h1, %h2; "
     "cvt.u32.u16 %r10, %h3;",
     {0x7e00, 0x57b0},
     {0x57b0}},
    {"fmax: f16, NaN on the right",
     "cvt.u16.u32 %h1, %r0; cvt.u16.u32 %h2, %r1; max.f16 %h3, %h2, %h1; "
     "cvt.u32.u16 %r10, %h3;",
     {0, 0x7e00},
     {0}},
    {"rcp", "rcp.approx.f32 %r10, %r0;", {0x40000000}, {0x3f000000}},
    {"mul_ftz",
     "mul.ftz.f32 %r10, %r0, %r1;",
     {0x80400000, 0x3f000000},
     {0x80000000}},
    {"mul_non_ftz",
     "mul.f32 %r10, %r0, %r1;",
     {0x80400000, 0x3f000000},
     {0x80200000}},
    {"abs", "abs.s32 %r10, %r0;", {0x80000000}, {0x80000000}},
    {"selp", "selp.u16 %h1, 100, 200, 0; cvt.u32.u16 %r10, %h1;", {}, {200}},
    {"fma",
     "fma.rn.f32 %r10, %r0, %r1, %r2;",
     {0x40000000, 0x40400000, 0x40a00000},
     {0x41300000}},
    {"fma_bf16x2",
     "fma.rn.bf16x2 %r10, %r0, %r1, %r2;",
     {0x40004040, 0x40404080, 0x40A04040},
     {0x41304170}},
    {"fma_f16x2",
     "fma.rn.f16x2 %r10, %r0, %r1, %r2;",
     {0x40004040, 0x40404080, 0x40A04040},
     {1183860456}},
    {"div_approx",
     "div.approx.f32 %r10, %r0, %r1;",
     {0x3f800000, 0x40000000},
     {0x3f000000}},
    {"sqrt", "sqrt.approx.f32 %r10, %r0;", {0x3e800000}, {0x3f000000}},
    {"sqrt_rn_ftz", "sqrt.rn.ftz.f32 %r10, %r0;", {1}, {0}},
    {"sin", "sin.approx.f32 %r10, %r0;", {0x3fc90fdb}, {0x3f800000}},
    {"cos", "cos.approx.f32 %r10, %r0;", {0x40490fdb}, {0xbf800000}},
    {"lg2", "lg2.approx.f32 %r10, %r0;", {0x44000000}, {0x41100000}},
    {"ex2", "ex2.approx.f32 %r10, %r0;", {0x41200000}, {0x44800000}},
    {"tanh", "tanh.approx.f32 %r10, %r0;", {0x7f800000}, {0x3f800000}},
    {"cvt_rni",
     "cvt.rni.f32.f32 %r10, %r0; cvt.rni.f32.f32 %r11, %r1;",
     {0x41180000, 0x41280000},
     {0x41200000, 0x41200000}},
    {"cvt_rzi",
     "cvt.rzi.f32.f32 %r10, %r0; cvt.rzi.f32.f32 %r11, %r1;",
     {0xc15ccccd, 0x414e6666},
     {0xc1500000, 0x41400000}},
    {"cvt_s32_f32",
     "cvt.rpi.ftz.s32.f32 %r10, %r0; cvt.rpi.ftz.s32.f32 %r11, %r1;",
     {0xc15ccccd, 0x414e6666},
     {0u - 13, 13}},
    {"clz", "clz.b32 %r10, %r0;", {0x052D13AB}, {5}},
    {"popc", "popc.b32 %r10, %r0;", {0xBC92498A}, {14}},
    {"brev", "brev.b32 %r10, %r0;", {0xC75CAEFB}, {0xDF753AE3}},
    {"xor", "xor.b32 %r10, %r0, %r1;", {0x521A400D, 0xE69B0C23}, {0xB4814C2E}},
    {"rem", "rem.s32 %r10, %r0, %r1;", {21692, 13}, {8}},
    {"bfe", "bfe.u32 %r10, %r0, %r1, %r2;", {0xF8C122A0, 16, 8}, {0xC1}},
    {"bfi", "bfi.b32 %r10, %r0, %r1, %r2, %r3;", {2, 5, 0, 2}, {6}},
    {"bmsk_clamp_b32",
     "bmsk.clamp.b32 %r10, %r0, %r1;",
     {24, 12},
     {0xFF000000}},
    {"setp_nan",
     "setp.nan.f32 %p1, %r0, %r1; selp.u32 %r10, 1, 0, %p1; setp.nan.f32 %p1, "
     "%r2, %r3; selp.u32 %r11, 1, 0, %p1; setp.nan.f32 %p1, %r4, %r5; selp.u32 "
     "%r12, 1, 0, %p1; setp.nan.f32 %p1, %r6, %r7; selp.u32 %r13, 1, 0, %p1;",
     {0x3f000000, 0x7fc00000, 0x7fc00000, 0x3f000000, 0x7fc00000, 0x7fc00000,
      0x3f000000, 0x3f000000},
     {1, 1, 1, 0}},
    {"setp_num",
     "setp.num.f32 %p1, %r0, %r1; selp.u32 %r10, 2, 0, %p1; setp.num.f32 %p1, "
     "%r2, %r3; selp.u32 %r11, 2, 0, %p1; setp.num.f32 %p1, %r4, %r5; selp.u32 "
     "%r12, 2, 0, %p1; setp.num.f32 %p1, %r6, %r7; selp.u32 %r13, 2, 0, %p1;",
     {0x3f000000, 0x7fc00000, 0x7fc00000, 0x3f000000, 0x7fc00000, 0x7fc00000,
      0x3f000000, 0x3f000000},
     {0, 0, 0, 2}},
    {"prmt",
     "prmt.b32 %r10, %r0, %r1, 30212;",
     {0x70c507d6, 0x6fbd4b5c},
     {0x6fbdd65c}},
    {"prmt_slow",
     "prmt.b32 %r10, %r0, %r1, %r2;",
     {0x70c507d6, 0x6fbd4b5c, 30212},
     {0x6fbdd65c}},
    {"prmt_signext",
     "prmt.b32 %r10, %r0, %r1, 0x0A08;",
     {0x0100FE80, 0},
     {0x800080FF}},
    {"add_s32_sat",
     "add.sat.s32 %r10, %r0, %r1; add.s32 %r11, %r0, %r1;",
     {0x80000000, 0xffffffff},
     {0x80000000, 0x7fffffff}},
    {"call_rnd: add.rp and add.rm of 1 and 2^-24",
     "add.rp.f32 %r10, %r0, %r1; add.rm.f32 %r11, %r0, %r1;",
     {0x3f800000, 0x33800000},
     {0x3f800001, 0x3f800000}},
    {"div_ftz",
     "div.rn.ftz.f32 %r10, %r0, %r1;",
     {0x16A2028D, 0x5E89F6AE},
     {0}},
    {"div_noftz",
     "div.rn.f32 %r10, %r0, %r1;",
     {0x16A2028D, 0x5E89F6AE},
     {0x26}},
    {"shf_l",
     "shf.l.clamp.b32 %r10, %r0, %r1, %r2;",
     {0x12345678, 0x9abcdef0, 12},
     {0xcdef0123}},
    {"shf_r",
     "shf.r.clamp.b32 %r10, %r0, %r1, %r2;",
     {0x12345678, 0x9abcdef0, 12},
     {0xef012345}},
    {"shf_l_wrap",
     "shf.l.wrap.b32 %r10, %r0, %r1, %r2;",
     {0x12345678, 0x9abcdef0, 44},
     {0xcdef0123}},
    {"shf_r_wrap",
     "shf.r.wrap.b32 %r10, %r0, %r1, %r2;",
     {0x12345678, 0x9abcdef0, 44},
     {0xef012345}},
    {"dp4a",
     "dp4a.s32.s32 %r10, %r0, %r1, %r2;",
     {0x8e2da590, 0xedeaee14, 0x248a9f70},
     {613065134}},
    {"dp2a",
     "dp2a.hi.s32.s32 %r10, %r0, %r1, %r2;",
     {0x8e2da590, 0xedeaee14, 0x248a9f70},
     {614127545}},
};

TEST(KnownAnswer, Words) {
  for (const KnownAnswer &v : words)
    check(v);
}

const KnownAnswer wide[] = {
    {"mul_hi", "mul.hi.u64 %d10, %d0, 2;", {0xffffffff, 0xffffffff}, {1, 0}},
    {"mul_wide",
     "mul.wide.s32 %d10, %r0, %r1;",
     {0x01000000, 0x01000000},
     {0, 0x00010000}},
    {"mad_wide",
     "mad.wide.s32 %d10, %r0, %r1, %d1;",
     {0xffffffff, 3, 4, 5},
     {1, 5}},
    {"sad_s64",
     "cvt.s64.s32 %d1, %r0; cvt.s64.s32 %d2, %r1; cvt.s64.s32 %d3, %r2; "
     "sad.s64 %d10, %d1, %d2, %d3;",
     {12, 0u - 38, 915},
     {965, 0}},
    {"subc_cc_s32",
     "add.cc.u32 %r9, 0xffffffff, 1; sub.cc.s32 %r2, %r0, %r1; addc.u32 %r3, "
     "0, 0; mov.b64 %d10, {%r2, %r3};",
     {0x627ADF75, 0x864CCEF5},
     {0xDC2E1080, 0}},
    {"rcp_f64", "rcp.rz.f64 %d10, %d0;", {0, 0x40000000}, {0, 0x3fe00000}},
    {"rsqrt", "rsqrt.approx.f64 %d10, %d0;", {0, 0x3fd00000}, {0, 0x40000000}},
    {"cvt_f64_f32",
     "cvt.ftz.f64.f32 %d10, %r0;",
     {0x3e000000},
     {0, 0x3fc00000}},
    {"cvt_s64_s32",
     "cvt.s64.s32 %d10, %r0;",
     {0xffffffff},
     {0xffffffff, 0xffffffff}},
    {"not", "not.b64 %d10, %d0;", {0, 0}, {0xffffffff, 0xffffffff}},
};

TEST(KnownAnswer, Wide) {
  for (const KnownAnswer &v : wide)
    check(v, true);
  check({"popc_b64", "popc.b64 %r10, %d0;", {0x8BCB5258, 0x99427D68}, {30}});
}

//===----------------------------------------------------------------------===//
// Lanes together; their tests run 64 threads
//===----------------------------------------------------------------------===//

const std::string addUnlessInRange = "@!%p1 add.u32 %r50, %r50, 1000;";

TEST(KnownAnswer, ShuffleWithPredicate) {
  auto up = runThreads("mov.u32 %r1, %tid.x; shfl.sync.up.b32 %r50|%p1, %r1, "
                       "3, 0, 0xffffffff;" +
                           addUnlessInRange,
                       64);
  auto down = runThreads("mov.u32 %r1, %tid.x; shfl.sync.down.b32 %r50|%p1, "
                         "%r1, 3, 31, 0xffffffff;" +
                             addUnlessInRange,
                         64);
  auto butterfly = runThreads("mov.u32 %r1, %tid.x; shfl.sync.bfly.b32 "
                              "%r50|%p1, %r1, 3, 31, 0xffffffff;" +
                                  addUnlessInRange,
                              64);
  auto index = runThreads("mov.u32 %r1, %tid.x; shfl.sync.idx.b32 %r50|%p1, "
                          "%r1, 12, 31, 0xffffffff;" +
                              addUnlessInRange,
                          64);
  for (uint32_t t = 0; t < 64; ++t) {
    EXPECT_EQ(up[t], t % 32 < 3 ? t + 1000 : t - 3);
    EXPECT_EQ(down[t], t % 32 > 28 ? t + 1000 : t + 3);
    EXPECT_EQ(butterfly[t], t ^ 3);
    EXPECT_EQ(index[t], t / 32 * 32 + 12);
  }
}

/// The first numbers published for segments of 4 and 8 lanes.
TEST(KnownAnswer, ShuffleInSegments) {
  auto out = runThreads(R"(
  mov.u32 %r1, %tid.x;
  shfl.sync.up.b32 %r50, %r1, 3, 7680, 0xffffffff;
  shfl.sync.down.b32 %r2, %r1, 3, 7199, 0xffffffff;
  add.u32 %r50, %r50, %r2;
  shfl.sync.bfly.b32 %r2, %r1, 3, 6175, 0xffffffff;
  add.u32 %r50, %r50, %r2;
  shfl.sync.idx.b32 %r2, %r1, 3, 4127, 0xffffffff;
  add.u32 %r50, %r50, %r2;)",
                        64);
  const std::vector<uint32_t> first = {
      9,   7,   8,   9,   21,  19,  20,  21,  33,  31,  32,  33, 45, 43,
      44,  45,  73,  71,  72,  73,  85,  83,  84,  85,  97,  95, 96, 97,
      109, 107, 108, 109, 137, 135, 136, 137, 149, 147, 148, 149};
  out.resize(first.size());
  EXPECT_EQ(out, first);
}

TEST(KnownAnswer, Votes) {
  auto all = runThreads(R"(
  mov.u32 %r1, %laneid;
  setp.ne.u32 %p1, %r1, 0;
  mov.pred %p2, 0;
  @%p1 vote.sync.all.pred %p2, %p1, 0xfffffffe;
  selp.u32 %r50, 1, 0, %p2;)",
                        64);
  auto any = runThreads(R"(
  mov.u32 %r1, %tid.x;
  setp.ge.u32 %p1, %r1, 32;
  vote.sync.any.pred %p2, !%p1, 0xffffffff;
  selp.u32 %r50, 1, 0, %p2;)",
                        64);
  auto ballot = runThreads(R"(
  mov.u32 %r1, %tid.x;
  setp.ge.u32 %p1, %r1, 34;
  vote.sync.ballot.b32 %r50, %p1, 0xffffffff;)",
                           64);
  for (uint32_t t = 0; t < 64; ++t) {
    EXPECT_EQ(all[t], t % 32 ? 1u : 0u);
    EXPECT_EQ(any[t], t < 32 ? 1u : 0u);
    EXPECT_EQ(ballot[t], t < 32 ? 0u : 4294967292u);
  }
}

TEST(KnownAnswer, Reductions) {
  const std::string sum = R"(
  redux.sync.add.@ %r2, %r1, 0xffffffff;
  redux.sync.min.@ %r3, %r1, 0xffffffff;
  redux.sync.max.@ %r4, %r1, 0xffffffff;
  add.u32 %r50, %r2, %r3;
  add.u32 %r50, %r50, %r4;)";
  auto typed = [&](const char *type) {
    std::string text = sum;
    for (size_t at; (at = text.find('@')) != text.npos;)
      text.replace(at, 1, type);
    return text;
  };
  auto u32 = runThreads("mov.u32 %r1, %tid.x;" + typed("u32"), 64);
  auto s32 = runThreads(
      "mov.u32 %r1, %tid.x; sub.s32 %r1, %r1, 5;" + typed("s32"), 64);
  auto partial = runThreads(R"(
  mov.u32 %r1, %tid.x;
  rem.u32 %r2, %r1, 2;
  setp.eq.u32 %p1, %r2, 0;
  mov.u32 %r50, 0;
  @%p1 redux.sync.add.u32 %r50, %r1, 0x55555555;)",
                            64);
  for (uint32_t t = 0; t < 64; ++t) {
    EXPECT_EQ(u32[t], t < 32 ? 527u : 1615u);
    EXPECT_EQ(s32[t], t < 32 ? 357u : 1445u);
    EXPECT_EQ(partial[t], t % 2 ? 0u : t < 32 ? 240u : 752u);
  }
}

} // namespace
