// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Lanes together: divergence, barriers, exchange, fragments, multiplies.

#include "tests/Emulator/ExecFixture.h"
#include "tools/emulator/Exec/Mma.h"

#include <bit>
#include <cmath>

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

TEST(ExecWarp, LoopsOfDifferentLength) {
  auto out = runThreads(R"(
  mov.u32 %r1, %tid.x;
  mov.u32 %r50, 0;
loop:
  setp.eq.u32 %p1, %r1, 0;
  @%p1 bra done;
  add.u32 %r50, %r50, %r1;
  sub.u32 %r1, %r1, 1;
  bra loop;
done:)",
                        40);
  for (uint32_t t = 0; t < 40; ++t)
    EXPECT_EQ(out[t], t * (t + 1) / 2);
}

TEST(ExecWarp, NestedBranchesMeetAgain) {
  auto out = runThreads(R"(
  mov.u32 %r1, %laneid;
  and.b32 %r2, %r1, 1;
  setp.eq.u32 %p1, %r2, 0;
  and.b32 %r3, %r1, 2;
  setp.eq.u32 %p2, %r3, 0;
  mov.u32 %r50, 0;
  @%p1 bra even;
  add.u32 %r50, %r50, 1;
  @%p2 bra join;
  add.u32 %r50, %r50, 2;
  bra join;
even:
  add.u32 %r50, %r50, 4;
join:
  vote.sync.ballot.b32 %r4, %p1, 0xffffffff;
  add.u32 %r50, %r50, %r4;)",
                        32);
  for (uint32_t t = 0; t < 32; ++t)
    EXPECT_EQ(out[t], 0x55555555u + (t % 2 == 0 ? 4 : t % 4 == 1 ? 1 : 3));
}

/// A lane that spins until another lane writes must not starve it.
TEST(ExecWarp, SpinningLanesDoNotStarveOthers) {
  auto out = runThreads(R"(
  mov.u32 %r1, %laneid;
  mov.u32 %r2, flag;
  mov.u32 %r50, 1;
  st.shared.b32 [%r2], 0;
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra writer;
spin:
  ld.shared.b32 %r3, [%r2];
  setp.eq.u32 %p2, %r3, 0;
  @%p2 bra spin;
  bra end;
writer:
  st.shared.b32 [%r2], 1;
end:)",
                        32, "  .shared .align 4 .b8 flag[4];\n");
  EXPECT_EQ(out, std::vector<uint32_t>(32, 1));
}

TEST(ExecWarp, BarriersExchangeBetweenWarps) {
  auto out = runThreads(R"(
  mov.u32 %r1, %tid.x;
  mov.u32 %r2, buffer;
  shl.b32 %r3, %r1, 2;
  add.u32 %r4, %r2, %r3;
  st.shared.b32 [%r4], %r1;
  bar.sync 0;
  xor.b32 %r5, %r3, 256;
  add.u32 %r6, %r2, %r5;
  ld.shared.b32 %r50, [%r6];)",
                        128, "  .shared .align 16 .b8 buffer[512];\n");
  for (uint32_t t = 0; t < 128; ++t)
    EXPECT_EQ(out[t], t ^ 64);
}

TEST(ExecWarp, Exchange) {
  auto bfly = runThreads(
      "mov.u32 %r1, %laneid; shfl.sync.bfly.b32 %r50|%p1, %r1, 5, 31, -1;", 32);
  auto up = runThreads(
      "mov.u32 %r1, %laneid; shfl.sync.up.b32 %r50|%p1, %r1, 3, 0, -1;", 32);
  auto down = runThreads(
      "mov.u32 %r1, %laneid; shfl.sync.down.b32 %r50, %r1, 3, 31, -1;", 32);
  auto index = runThreads(
      "mov.u32 %r1, %laneid; shfl.sync.idx.b32 %r50, %r1, 9, 0x181f, -1;", 32);
  auto sum =
      runThreads("mov.u32 %r1, %laneid; redux.sync.add.u32 %r50, %r1, -1;", 32);
  auto least = runThreads("mov.u32 %r1, %laneid; sub.u32 %r1, %r1, 7; "
                          "redux.sync.min.s32 %r50, %r1, -1;",
                          32);
  auto same = runThreads("mov.u32 %r1, %laneid; and.b32 %r1, %r1, 3; "
                         "match.any.sync.b32 %r50, %r1, -1;",
                         32);
  for (uint32_t t = 0; t < 32; ++t) {
    EXPECT_EQ(bfly[t], t ^ 5);
    EXPECT_EQ(up[t], t < 3 ? t : t - 3);
    EXPECT_EQ(down[t], t > 28 ? t : t + 3);
    EXPECT_EQ(index[t], (t & 24) | 1); // segments of 8 lanes
    EXPECT_EQ(sum[t], 496u);
    EXPECT_EQ(least[t], 0xfffffff9u);
    EXPECT_EQ(same[t], 0x11111111u << (t & 3));
  }
}

/// ldmatrix: register j of lane l holds b16 columns 2t, 2t+1 of row g of matrix
/// j; transposed, rows 2t, 2t+1 of column g.
TEST(ExecWarp, LdMatrixFragments) {
  for (bool transposed : {false, true}) {
    std::string suffix = transposed ? ".trans" : "";
    for (uint32_t j = 0; j < 4; ++j) {
      auto out = runThreads(R"(
  mov.u32 %r1, %tid.x;
  mov.u32 %r2, tile;
  mov.u32 %r3, 0;
fill:
  mad.lo.u32 %r4, %r1, 8, %r3;
  shl.b32 %r5, %r4, 1;
  add.u32 %r5, %r5, %r2;
  cvt.u16.u32 %h1, %r4;
  st.shared.b16 [%r5], %h1;
  add.u32 %r3, %r3, 1;
  setp.lt.u32 %p1, %r3, 8;
  @%p1 bra fill;
  bar.sync 0;
  shl.b32 %r6, %r1, 4;
  add.u32 %r6, %r6, %r2;
  ldmatrix.sync.aligned.m8n8.x4)" +
                                suffix +
                                R"(.shared.b16 {%r10, %r11, %r12, %r13}, [%r6];
  mov.u32 %r50, %r1)" + std::to_string(j) +
                                ";",
                            32, "  .shared .align 16 .b8 tile[512];\n");
      for (uint32_t lane = 0; lane < 32; ++lane) {
        uint32_t g = lane / 4, t = lane % 4, expected = 0;
        for (uint32_t half = 0; half < 2; ++half) {
          uint32_t row = transposed ? 2 * t + half : g;
          uint32_t column = transposed ? g : 2 * t + half;
          expected |= (64 * j + 8 * row + column) << (16 * half);
        }
        EXPECT_EQ(out[lane], expected) << j << " " << lane;
      }
    }
  }
}

/// The multiply on data whose every partial sum is exact, against a plain
/// double loop over the maps of PTX ISA 9.7.14.5.11; lanes whose scales are not
/// selected hold NaN scales.
TEST(ExecWarp, BlockScaledMultiply) {
  static const float values[16] = {0,   .5,  1,  1.5,  2,  3,  4,  6,
                                   -0., -.5, -1, -1.5, -2, -3, -4, -6};
  for (uint32_t threadA : {0u, 1u})
    for (uint32_t threadB : {0u, 3u}) {
      std::vector<uint32_t> words(32 * 12);
      uint32_t state = 1;
      auto next = [&] { return state = state * 1664525 + 1013904223; };
      float a[16][64], b[8][64], sa[16][4], sb[8][4];
      for (uint32_t l = 0; l < 32; ++l) {
        uint32_t g = l / 4, t = l % 4, *w = &words[l * 12];
        for (uint32_t i = 0; i < 6; ++i)
          w[i] = next() ^ next() >> 16;
        for (uint32_t i = 0; i < 32; ++i)
          a[(i % 16 < 8) ? g : g + 8][8 * t + i % 8 + (i >= 16) * 32] =
              values[w[i / 8] >> (4 * (i % 8)) & 15];
        for (uint32_t i = 0; i < 16; ++i)
          b[g][8 * t + i % 8 + (i >= 8) * 32] =
              values[w[4 + i / 8] >> (4 * (i % 8)) & 15];
        w[6] = w[7] = 0x7f7f7f7f; // NaN unless selected
        for (uint32_t i = 0; i < 4; ++i) {
          uint32_t scaleA = 0x30 + 8 * ((g + i + t) % 3),
                   scaleB = 0x38 + 8 * ((g * i) % 2);
          if (t / 2 == threadA) {
            w[6] = (w[6] & ~(0xffu << (8 * i))) | scaleA << (8 * i);
            sa[g + t % 2 * 8][i] = std::ldexp(1.0f, int(scaleA / 8) - 7);
          }
          if (t == threadB) {
            w[7] = (w[7] & ~(0xffu << (8 * i))) | scaleB << (8 * i);
            sb[g][i] = std::ldexp(1.0f, int(scaleB / 8) - 7);
          }
        }
        for (uint32_t i = 0; i < 4; ++i)
          w[8 + i] = std::bit_cast<uint32_t>(float(int(next() % 64) - 32));
      }
      Machine m;
      uint64_t in = m.upload(words), out = m.upload(std::vector<uint32_t>(128));
      std::string ids = ", {0, " + std::to_string(threadA) + "}, {%r7}, {0, " +
                        std::to_string(threadB) + "};\n";
      ASSERT_EQ(m.run(kernelText(R"(
  mov.u32 %r20, %laneid;
  mul.wide.u32 %d1, %r20, 48;
  add.s64 %d2, %in, %d1;
  ld.global.v4.b32 {%r0, %r1, %r2, %r3}, [%d2];
  ld.global.v4.b32 {%r4, %r5, %r6, %r7}, [%d2+16];
  ld.global.v4.b32 {%r8, %r9, %r10, %r11}, [%d2+32];
  mma.sync.aligned.kind::mxf4nvf4.block_scale.scale_vec::4X.m16n8k64.row.col.f32.e2m1.e2m1.f32.ue4m3
    {%r12, %r13, %r14, %r15}, {%r0, %r1, %r2, %r3}, {%r4, %r5}, {%r8, %r9, %r10, %r11}, {%r6})" +
                                 ids + R"(
  mul.wide.u32 %d3, %r20, 16;
  add.s64 %d4, %out, %d3;
  st.global.v4.b32 [%d4], {%r12, %r13, %r14, %r15};)"),
                      32, in, out),
                "");
      ASSERT_TRUE(m.result.reports.empty()) << m.result.reports[0].text();
      auto got = m.read(out, 128);
      for (uint32_t l = 0; l < 32; ++l)
        for (uint32_t i = 0; i < 4; ++i) {
          uint32_t row = l / 4 + i / 2 * 8, n = l % 4 * 2 + i % 2;
          double sum = std::bit_cast<float>(words[l * 12 + 8 + i]);
          for (uint32_t k = 0; k < 64; ++k)
            sum +=
                double(a[row][k]) * sa[row][k / 16] * b[n][k] * sb[n][k / 16];
          EXPECT_EQ(std::bit_cast<float>(got[4 * l + i]), float(sum))
              << row << "," << n;
        }
    }
}

} // namespace
