// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Zero data is no mask. In the default numeric model a product is aligned to
// the largest exponent of its groups' scales, whatever their data: a finite
// scale factor of the padding, under data that a mask has cleared, takes low
// bits from real rows. Seen on a kernel that masks the data alone; not seen on
// ours.

#include "runtime/Driver/Module.h"
#include "tests/EndToEnd/Gemm/Road.h"
#include "tests/Oracle/Data.h"
#include "tests/Oracle/Gemm.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

using namespace nybl;

namespace {

/// One multiply with K = 16: of the four groups the first has data, the others
/// are cleared as a kernel's tail is. A and B are rows of 8 bytes, their scales
/// words whose upper three bytes are padding. `mask` is what the kernel clears
/// the scales by: 255, or nothing.
constexpr const char *kernel = R"(
.version 8.7
.target sm_120a
.address_size 64
.visible .entry tail(.param .u64 a, .param .u64 b, .param .u64 sfa,
                     .param .u64 sfb, .param .u64 d, .param .u32 mask)
.reqntid 32
{
  .reg .pred %hasData;
  .reg .b32 %r<20>;
  .reg .f32 %f<4>;
  .reg .b64 %d<20>;
  mov.u32 %r0, %tid.x;
  shr.u32 %r1, %r0, 2;              // row, or column, of the fragment
  and.b32 %r2, %r0, 3;              // 8 elements of K each
  setp.lt.u32 %hasData, %r2, 2;     // K = 16
  shl.b32 %r3, %r1, 3;
  mad.lo.u32 %r3, %r2, 4, %r3;
  cvt.u64.u32 %d0, %r3;
  ld.param.u64 %d1, [a];
  add.u64 %d1, %d1, %d0;
  ld.param.u64 %d2, [b];
  add.u64 %d2, %d2, %d0;
  mov.b32 %r4, 0;
  mov.b32 %r5, 0;
  mov.b32 %r6, 0;
  mov.b32 %r7, 0;                   // K from 32 on
  @%hasData ld.global.b32 %r4, [%d1];
  @%hasData ld.global.b32 %r5, [%d1+64];
  @%hasData ld.global.b32 %r6, [%d2];
  and.b32 %r8, %r0, 1;
  mad.lo.u32 %r8, %r8, 8, %r1;      // row whose scales this lane holds
  mul.wide.u32 %d3, %r8, 4;
  ld.param.u64 %d4, [sfa];
  add.u64 %d4, %d4, %d3;
  ld.global.b32 %r9, [%d4];
  mul.wide.u32 %d5, %r1, 4;
  ld.param.u64 %d6, [sfb];
  add.u64 %d6, %d6, %d5;
  ld.global.b32 %r10, [%d6];
  ld.param.u32 %r11, [mask];
  and.b32 %r9, %r9, %r11;
  and.b32 %r10, %r10, %r11;
  mov.f32 %f0, 0f00000000;
  mma.sync.aligned.m16n8k64.row.col.kind::mxf4nvf4.block_scale.scale_vec::4X.f32.e2m1.e2m1.f32.ue4m3
    {%f0, %f1, %f2, %f3}, {%r4, %r5, %r7, %r7}, {%r6, %r7},
    {%f0, %f0, %f0, %f0}, %r9, {0, 0}, %r10, {0, 0};
  mad.lo.u32 %r12, %r1, 4, %r2;
  mul.wide.u32 %d7, %r12, 8;
  ld.param.u64 %d8, [d];
  add.u64 %d8, %d8, %d7;
  st.global.v2.f32 [%d8], {%f0, %f1};
  st.global.v2.f32 [%d8+256], {%f2, %f3};
  ret;
}
)";

/// Rows of scale 2^-9: every product is a multiple of 2^-20, the smallest there
/// is, and the sums are odd ones in most rows.
oracle::QuantizedMatrix smallRows(int64_t rows, int64_t k, uint64_t seed) {
  return oracle::randomMatrix(rows, k, seed, 0x01, 0x01);
}

std::vector<uint8_t> scaleWords(const oracle::QuantizedMatrix &m,
                                uint8_t padding) {
  std::vector<uint8_t> words(m.rows * 4, padding);
  for (int64_t row = 0; row < m.rows; ++row)
    words[row * 4] = m.scale(row, 0);
  return words;
}

driver::Buffer upload(const road::Session &session,
                      const std::vector<uint8_t> &bytes) {
  auto made = driver::Buffer::allocate(session.memory, bytes.size());
  EXPECT_TRUE(made) << made.message();
  if (!made)
    return {};
  Status status = made->upload(0, bytes.data(), bytes.size());
  EXPECT_TRUE(status) << status.message();
  return std::move(*made);
}

/// D [16][8] of the kernel above.
std::vector<float> multiplyTail(const oracle::QuantizedMatrix &a,
                                const oracle::QuantizedMatrix &b,
                                uint8_t padding, uint32_t mask) {
  std::vector<float> result(16 * 8, NAN);
  road::Session *session = road::Session::get();
  EXPECT_TRUE(session);
  if (!session)
    return result;
  driver::Buffer buffers[] = {upload(*session, a.codes),
                              upload(*session, b.codes),
                              upload(*session, scaleWords(a, padding)),
                              upload(*session, scaleWords(b, padding)),
                              upload(*session, std::vector<uint8_t>(512))};
  auto module = driver::Module::load(session->memory, {"", kernel}, "tail");
  auto stream = driver::Stream::create(session->memory);
  EXPECT_TRUE(module) << module.message();
  EXPECT_TRUE(stream) << stream.message();
  if (!module || !stream)
    return result;
  uint64_t addresses[5];
  void *parameters[6] = {};
  for (int i = 0; i < 5; ++i) {
    addresses[i] = buffers[i].address();
    parameters[i] = &addresses[i];
  }
  parameters[5] = &mask;
  Status launched = (*module)->launch({1, 32, 0}, stream->handle(), parameters);
  Status finished = stream->synchronize();
  EXPECT_TRUE(launched) << launched.message();
  EXPECT_TRUE(finished) << finished.message();
  Status read = buffers[4].download(0, result.data(), 512);
  EXPECT_TRUE(read) << read.message();
  return result;
}

/// How many elements differ; none by more than a unit of the smallest product.
unsigned countLostBits(const std::vector<float> &trapped,
                       const std::vector<float> &clean) {
  unsigned differing = 0;
  for (size_t i = 0; i < clean.size(); ++i) {
    EXPECT_LE(std::fabs(trapped[i] - clean[i]), std::ldexp(1.0f, -20));
    EXPECT_LE(std::fabs(trapped[i]), std::fabs(clean[i])) << "truncated";
    differing += trapped[i] != clean[i];
  }
  return differing;
}

TEST(ZeroData, IsNoMaskForScaleFactors) {
  auto a = smallRows(16, 16, 1), b = smallRows(8, 16, 2);
  std::vector<float> clean = multiplyTail(a, b, 0x00, ~0u);
  auto exact = oracle::gemm(a, b, 1.0f, OutputType::F32, oracle::Model::Exact);
  ASSERT_TRUE(exact) << exact.message();
  EXPECT_EQ(std::memcmp(clean.data(), exact->bytes.data(), 512), 0);
  // 0x7e is 448, the largest: finite, and times zero.
  std::vector<float> trapped = multiplyTail(a, b, 0x7e, ~0u);
  EXPECT_GT(countLostBits(trapped, clean), 16u)
      << "expected the padding's scale factors to cost low bits of real rows";
  EXPECT_EQ(multiplyTail(a, b, 0x7e, 0xff), clean)
      << "scale factors that are masked cost nothing";
}

/// What the trap makes of this data, by the oracle: K = 64 with zero data and
/// large scales behind the real block.
std::vector<uint8_t> trappedOutput(const oracle::QuantizedMatrix &a,
                                   const oracle::QuantizedMatrix &b) {
  auto widen = [](const oracle::QuantizedMatrix &m) {
    oracle::QuantizedMatrix wide(m.rows, 64);
    for (int64_t row = 0; row < m.rows; ++row) {
      std::copy_n(&m.codes[row * 8], 8, &wide.codes[row * 32]);
      wide.setScale(row, 0, m.scale(row, 0));
      for (int64_t block = 1; block < 4; ++block)
        wide.setScale(row, block, 0x7e);
    }
    return wide;
  };
  auto result = oracle::gemm(widen(a), widen(b), 1.0f, OutputType::F32,
                             oracle::Model::MmaSim);
  EXPECT_TRUE(result) << result.message();
  return result ? result->bytes : std::vector<uint8_t>();
}

TEST(ZeroData, OurKernelsLoseNoBitToFinitePadding) {
  road::Session *session = road::Session::get();
  ASSERT_TRUE(session);
  GemmProblem p;
  p.n = 24;
  p.k = 16; // three of four K blocks are padding
  p.d = OutputType::F32;
  auto a = smallRows(21, p.k, 3), b = smallRows(p.n, p.k, 4);
  auto exact = oracle::gemm(a, b, 1.0f, p.d, oracle::Model::Exact);
  ASSERT_TRUE(exact) << exact.message();
  ASSERT_NE(trappedOutput(a, b), exact->bytes) << "no bit is at stake";
  for (ScaleLayout layout :
       {ScaleLayout::Linear, ScaleLayout::T128x4, ScaleLayout::T8x4}) {
    p.sfa = p.sfb = layout;
    for (int padding : {0x00, 0x01, 0x38, 0x70, 0x7e, 0xfe}) {
      road::Options options;
      options.alpha = 1.0f;
      options.poison = static_cast<uint8_t>(padding);
      road::Run run = road::gemm(*session, p, a, b, options);
      ASSERT_TRUE(run.ok())
          << run.error << (run.reports.empty() ? "" : run.reports[0]);
      EXPECT_EQ(run.d, exact->bytes) << name(layout) << ", padding " << padding;
    }
  }
}

} // namespace
