// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Corners where a plausible executor gives a wrong number in silence: operands
// wider than their type, negated predicates, two roundings, lanes that part and
// meet again, marks that take a detour.

#include "tests/Emulator/ExecFixture.h"

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

struct Corner {
  const char *name, *body;
  std::vector<uint32_t> in, out;
};

/// Bodies read [%in+...] themselves and leave results in %r10, %r11 ...
void check(const Corner &c) {
  std::string store;
  for (size_t i = 0; i < c.out.size(); ++i)
    store += "  st.global.b32 [%out+" + std::to_string(4 * i) + "], %r" +
             std::to_string(10 + i) + ";\n";
  Machine m;
  uint64_t in = m.upload(c.in.empty() ? std::vector<uint32_t>(4) : c.in);
  uint64_t out = m.upload(std::vector<uint32_t>(c.out.size()));
  ASSERT_EQ(m.run(kernelText(std::string(c.body) + "\n" + store,
                             "  .shared .align 16 .b8 s[64];\n"
                             "  .local .align 8 .b8 l[64];\n"),
                  1, in, out),
            "")
      << c.name;
  ASSERT_TRUE(m.result.reports.empty())
      << c.name << ": " << m.result.reports[0].text();
  EXPECT_EQ(m.read(out, c.out.size()), c.out) << c.name;
}

const Corner corners[] = {
    {"a load fills a wider register",
     "ld.global.u32 %d1, [%in]; ld.global.s8 %d2, [%in+4]; "
     "mov.b64 {%r10, %r11}, %d1; mov.b64 {%r12, %r13}, %d2;",
     {0x80000001, 0xfe},
     {0x80000001, 0, 0xfffffffe, 0xffffffff}},
    {"a store takes the low bits of a wider register",
     "ld.global.b64 %d1, [%in]; mov.u32 %r1, s; st.shared.u32 [%r1], %d1; "
     "st.shared.u16 [%r1+4], %d1; ld.shared.b32 %r10, [%r1]; "
     "ld.shared.u16 %r11, [%r1+4];",
     {0x12345678, 0x9abcdef0},
     {0x12345678, 0x5678}},
    {"cvt reads the low bits of a wider register",
     "ld.global.b64 %d1, [%in]; cvt.u32.u16 %r10, %d1; cvt.s32.s8 %r11, %d1;",
     {0x123456f8, 0x9abcdef0},
     {0x56f8, 0xfffffff8}},
    {"a negated predicate operand",
     "setp.eq.u32 %p1, 1, 1; selp.b32 %r10, 5, 6, !%p1; "
     "setp.eq.u32 %p2, 1, 1; and.pred %p3, %p2, !%p1; "
     "selp.b32 %r11, 5, 6, %p3; or.pred %p4, !%p1, !%p2; "
     "selp.b32 %r12, 5, 6, %p4;",
     {},
     {6, 6, 6}},
    {"a pragma on the line of an instruction",
     "mov.u32 %r10, 1; .pragma \"nounroll\"; mov.u32 %r10, 2;",
     {},
     {2}},
    {"bf16 addition rounds once",
     "mov.b32 %r1, 0x3f808000; mov.b32 %r2, 0x2e800000; "
     "mov.b16 %h1, 0x3f80; mov.b16 %h2, 0x3b80; mov.b16 %h3, 0x1000; "
     "fma.rn.bf16 %h4, %h3, %h3, %h1; cvt.u32.u16 %r10, %h4; "
     "mov.b16 %h5, 0x3c00; mov.b16 %h6, 0x1c00; mov.b16 %h7, 0x7800; "
     "fma.rn.bf16 %h8, %h2, %h1, %h1; cvt.u32.u16 %r11, %h8;",
     {},
     {0x3f80, 0x3f80}},
    {"bf16 fma above a tie by 2^-60",
     // 1 + 2^-8 is a tie of bf16; (2^-8)(1 + 2^-7) lies above it: up.
     // 129 * 2^-15 * ...: a * b = 2^-8 + 2^-70 needs 62 bits with c = 1.
     "mov.b16 %h1, 0x3f80; mov.b16 %h2, 0x3b80; "
     "fma.rn.bf16 %h3, %h2, %h1, %h1; cvt.u32.u16 %r10, %h3; "
     "mov.b16 %h4, 0x4380; mov.b16 %h5, 0x3f80; mov.b16 %h6, 0x1c80; "
     "add.rn.bf16 %h7, %h4, %h5; cvt.u32.u16 %r11, %h7; "
     "mov.b16 %h8, 0x4381; mov.b16 %h9, 0x0100; fma.rn.bf16 %h10, %h9, %h9, "
     "%h8; cvt.u32.u16 %r12, %h10;",
     {},
     {0x3f80, 0x4380, 0x4381}},
    {"f16 fma just above a tie",
     // 1023 * 2^-10 * ... : 32768 + 16 is a tie of f16 (unit 32); the product
     // of 2^-24 and 2^-24 pushes it up.
     "mov.b16 %h1, 0x0001; mov.b16 %h2, 0x7801; "
     "mov.b32 %r1, 0x7800; fma.rn.f16 %h3, %h1, %h1, %h2; "
     "cvt.u32.u16 %r10, %h3; "
     "mov.b16 %h4, 0x6001; mov.b16 %h5, 0x5401; fma.rn.f16 %h6, %h4, %h5, "
     "%h1; cvt.u32.u16 %r11, %h6;",
     {},
     {0x7801, 0x7802}},
    {"s64 to f32 rounds once, in every mode",
     "ld.global.b64 %d1, [%in]; cvt.rz.f32.s64 %f1, %d1; cvt.rp.f32.s64 %f2, "
     "%d1; cvt.rz.f64.s64 %d2, %d1; mov.b64 {%r12, %r13}, %d2; mov.b32 %r10, "
     "%f1; mov.b32 %r11, %f2;",
     {0xffffffff, 0x1fffffff},
     {0x5dffffff, 0x5e000000, 0xffffffff, 0x43bfffff}},
    {"setp.ftz takes a subnormal for zero",
     "mov.b32 %f1, 1; mov.b32 %f2, 0; setp.gt.ftz.f32 %p1, %f1, %f2; selp.b32 "
     "%r10, 1, 0, %p1; setp.gt.f32 %p2, %f1, %f2; selp.b32 %r11, 1, 0, %p2;",
     {},
     {0, 1}},
    {"fma.relu keeps NaN",
     "mov.b16 %h1, 0x7fff; mov.b16 %h2, 0x3c00; fma.rn.relu.f16 %h3, %h1, %h2, "
     "%h2; cvt.u32.u16 %r10, %h3;",
     {},
     {0x7fff}},
    {"a 32-bit address wraps",
     "mov.u32 %r1, s; st.shared.b32 [%r1+4], 7; sub.u32 %r2, %r1, 12; "
     "ld.shared.b32 %r10, [%r2+16];",
     {},
     {7}},
};

TEST(ExecEdge, Corners) {
  for (const Corner &c : corners)
    check(c);
}

/// What ptxas refuses because it has no meaning is refused here too.
TEST(ExecEdge, OperandsThatDoNotFitAreRefused) {
  const char *bodies[] = {
      "add.u32 %r1, %h1, 2;",
      "add.u32 %r1, %d1, 2;",
      "add.u64 %d1, %r1, 2;",
      "add.f32 %f1, %f2, 1;",
      "mov.b32 %r1, 1.0;",
      "mov.u64 %d1, %tid.x;",
      "mov.u32 %r1, %clock64;",
      "div.rn.f16 %h1, %h2, %h3;",
      "mov.b32 %r1, {%h1, %h2, %h3};",
      "mov.b64 %d1, {%r1, %r2, %r3, %r4};",
      "mov.u32 %r1, %p1;",
      "add.u32 %p1, %r1, 2;",
      "@%r1 mov.u32 %r2, 1;",
      ".reg .b32 %r1;",
      "ld.global.b64 %r1, [%in];",
      "ld.global.b32 %r1, [%h1];",
      "shl.b32 %r1, %r2, %d1;",
      "mma.sync.aligned.kind::mxf4nvf4.block_scale.scale_vec::4X.m16n8k64.row."
      "col.f32.e2m1.e2m1.f32.ue4m3 {%f0,%f1,%f2,%f3},{%r0,%r1,%r2,%r3},{%r4,"
      "%r5},{%f0,%f1,%f2,%f3},{%r6},{2,0},{%r7},{0,0};",
      "mma.sync.aligned.kind::mxf4nvf4.block_scale.scale_vec::4X.m16n8k64.row."
      "col.f32.e2m1.e2m1.f32.ue4m3 {%f0,%f1,%f2,%f3},{%r0,%r1,%r2,%r3},{%r4,"
      "%r5},{%f0,%f1,%f2,%f3},{%r6},{0,2},{%r7},{0,0};",
  };
  Machine m;
  for (const char *body : bodies) {
    auto program = loadProgram(kernelText(body), *m.chip, m.memory);
    EXPECT_FALSE(program) << body;
    if (!program) {
      EXPECT_EQ(program.message().substr(0, 5), "line ") << program.message();
    }
  }
}

/// Sizes that no chip has are an error of the load, not of the host.
TEST(ExecEdge, HugeDeclarationsAreRefused) {
  const char *texts[] = {".global .b8 x[1099511627776] = {1};",
                         ".global .b8 x[4294967296][4294967296];",
                         ".global .b8 x[4294967296][4294967295];",
                         ".shared .b8 x[4294967296];",
                         ".global .b32 x = 0x1ffffffffffffffffffff;"};
  Machine m;
  for (const char *text : texts)
    EXPECT_FALSE(loadProgram(
        ".version 8.7\n.target sm_120a\n.address_size 64\n" +
            std::string(text) + "\n.entry k() { .local .b8 y[8]; ret; }\n",
        *m.chip, m.memory))
        << text;
}

/// Lane l turns its loop l * 20 times, then all meet at an aligned barrier.
const std::string unevenLoop = R"(
  mov.u32 %r1, %tid.x;
  mul.lo.u32 %r2, %r1, 20;
  mov.u32 %r50, 0;
loop:
  setp.eq.u32 %p1, %r2, 0;
  @%p1 bra done;
  add.u32 %r50, %r50, 1;
  sub.u32 %r2, %r2, 1;
  bra loop;
done:
)";

TEST(ExecEdge, LanesOfLongAndShortLoopsMeetAtABarrier) {
  for (const char *meeting :
       {"bar.sync 0;", "bar.warp.sync -1;", "barrier.sync 0;",
        "shfl.sync.idx.b32 %r3, %r50, 31, 31, -1;"}) {
    auto out = runThreads(unevenLoop + meeting, 64);
    for (uint32_t t = 0; t < 64; ++t)
      EXPECT_EQ(out[t], 20 * t) << meeting;
  }
}

/// bar.warp.sync orders what lanes of different branches do to shared memory.
TEST(ExecEdge, BranchesMeetAtDifferentWarpBarriers) {
  auto out = runThreads(R"(
  mov.u32 %r1, %laneid;
  mov.u32 %r2, s;
  shl.b32 %r3, %r1, 2;
  add.u32 %r4, %r2, %r3;
  xor.b32 %r5, %r3, 64;
  add.u32 %r6, %r2, %r5;
  setp.lt.u32 %p1, %r1, 16;
  @%p1 bra low;
  add.u32 %r7, %r1, 100;
  st.shared.b32 [%r4], %r7;
  bar.warp.sync -1;
  ld.shared.b32 %r50, [%r6];
  bra end;
low:
  add.u32 %r7, %r1, 200;
  st.shared.b32 [%r4], %r7;
  bar.warp.sync -1;
  ld.shared.b32 %r50, [%r6];
end:)",
                        32, "  .shared .align 16 .b8 s[128];\n");
  for (uint32_t t = 0; t < 32; ++t)
    EXPECT_EQ(out[t], (t ^ 16) + (t < 16 ? 100 : 200));
}

/// A warp that spins on shared memory until another warp writes it.
TEST(ExecEdge, SpinningWarpsDoNotStarveOthers) {
  auto out = runThreads(R"(
  mov.u32 %r1, %tid.x;
  mov.u32 %r2, flag;
  mov.u32 %r50, 1;
  st.shared.b32 [%r2+8], 0;
  bar.sync 0;
  setp.ge.u32 %p1, %r1, 32;
  @%p1 bra writer;
spin:
  ld.volatile.shared.b32 %r3, [%r2+8];
  setp.ne.u32 %p2, %r3, 5;
  @%p2 bra spin;
  bra end;
writer:
  st.volatile.shared.b32 [%r2+8], 5;
end:)",
                        64, "  .shared .align 4 .b8 flag[16];\n");
  EXPECT_EQ(out, std::vector<uint32_t>(64, 1));
}

/// Three parts at once, a fourth that is zero, and 64 bits of %gridid.
TEST(ExecEdge, SpecialRegisters) {
  auto parts = runThreads(R"(
  mov.v4.u32 {%r1, %r2, _, %r3}, %tid;
  mov.v4.b32 {%r4, %r5, %r6, %r7}, %ntid;
  mov.u32 %r8, %ctaid.w;
  mov.u64 %d1, %gridid;
  mov.u32 %r9, %gridid;
  cvt.u32.u64 %r10, %d1;
  sub.u32 %r9, %r9, %r10;
  shl.b32 %r4, %r4, 8;
  or.b32 %r50, %r1, %r4;
  or.b32 %r50, %r50, %r2;
  or.b32 %r50, %r50, %r3;
  or.b32 %r50, %r50, %r8;
  or.b32 %r50, %r50, %r9;
  mov.u32 %r11, %aggr_smem_size;
  mov.u32 %r12, %total_smem_size;
  setp.ne.u32 %p1, %r11, %r12;
  @%p1 mov.u32 %r50, 0;)",
                          40);
  for (uint32_t t = 0; t < 40; ++t)
    EXPECT_EQ(parts[t], t | 40 << 8);
}

/// Whether a launch asked for clusters, in a predicate.
TEST(ExecEdge, ClustersAskedFor) {
  for (bool asked : {false, true}) {
    Machine m;
    uint64_t out = m.upload(std::vector<uint32_t>(2));
    LaunchConfig config;
    config.explicitCluster = asked;
    ASSERT_EQ(m.run(kernelText("  mov.pred %p1, %is_explicit_cluster;\n"
                               "  mov.pred %p2, !%is_explicit_cluster;\n"
                               "  selp.u32 %r1, 1, 0, %p1;\n"
                               "  selp.u32 %r2, 1, 0, %p2;\n"
                               "  st.global.v2.u32 [%out], {%r1, %r2};"),
                    1, out, out, config),
              "");
    EXPECT_EQ(m.read(out, 2), (std::vector<uint32_t>{asked, !asked}));
  }
}

/// Lanes of one instruction with different member masks are apart.
TEST(ExecEdge, GroupsOfAWarpVoteApart) {
  const std::string groups = R"(
  mov.u32 %r1, %laneid;
  setp.lt.u32 %p1, %r1, 8;
  selp.b32 %r2, 0xff, 0xffffff00, %p1;
  and.b32 %r3, %r1, 1;
  setp.eq.u32 %p2, %r3, 1;
)";
  auto sum = runThreads(groups + "redux.sync.add.u32 %r50, %r1, %r2;", 32);
  auto ballot = runThreads(groups + "vote.sync.ballot.b32 %r50, %p2, %r2;", 32);
  auto same = runThreads(groups + "match.any.sync.b32 %r50, %r3, %r2;", 32);
  auto leader = runThreads(groups + "elect.sync %r50|%p3, %r2;", 32);
  for (uint32_t t = 0; t < 32; ++t) {
    uint32_t members = t < 8 ? 0xff : 0xffffff00;
    EXPECT_EQ(sum[t], t < 8 ? 28u : 468u);
    EXPECT_EQ(ballot[t], 0xaaaaaaaa & members);
    EXPECT_EQ(same[t], (t & 1 ? 0xaaaaaaaa : 0x55555555) & members);
    EXPECT_EQ(leader[t], t < 8 ? 0u : 8u);
  }
}

} // namespace
