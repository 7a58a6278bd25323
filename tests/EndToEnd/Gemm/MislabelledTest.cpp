// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Field report R3: scales quantised into the 128x4 layout, told to be 8x4. The
// API refuses it where sizes differ and, where they do not, by the tag; and
// with the check bypassed the reported table comes out, so this test would have
// caught it.

#include "tests/EndToEnd/Gemm/Road.h"
#include "tests/Oracle/Data.h"
#include "tests/Oracle/Gemm.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace nybl;

namespace {

constexpr int64_t n = 256, k = 512;

GemmProblem reported() {
  GemmProblem p;
  p.n = n;
  p.k = k;
  p.sfa = ScaleLayout::T8x4;
  p.d = OutputType::F32;
  return p;
}

struct Attempt {
  int64_t m, rowsAllocated;
  uint64_t bytes;
  uint32_t layout = NYBL_LAYOUT_8X4;
  uint32_t trust = 0;
};

/// Launches with a 128x4 buffer of 128 rows whose padding rows hold NaN scales.
/// Returns the status; `nanRows` counts the rows of D with a NaN.
nybl_status launch(const Attempt &attempt, std::string *message,
                   int64_t *nanRows) {
  road::Session *session = road::Session::get();
  GemmProblem p = reported();
  auto a = oracle::randomMatrix(128, k, 1, 0x30, 0x48);
  auto b = oracle::randomMatrix(n, k, 2, 0x30, 0x48);
  for (int64_t r = attempt.m; r < 128; ++r)
    for (int64_t c = 0; c < a.blocks(); ++c)
      a.setScale(r, c, 0x7f);
  auto put = [&](const std::vector<uint8_t> &bytes) {
    auto buffer = driver::Buffer::allocate(session->memory, bytes.size());
    (void)buffer->upload(0, bytes.data(), bytes.size());
    return std::move(*buffer);
  };
  auto data = put(a.codes), weights = put(b.codes);
  auto sfa = put(road::packScales(a, ScaleLayout::T128x4, 0x7f));
  auto sfb = put(road::packScales(b, ScaleLayout::T128x4, 0));
  std::vector<uint8_t> out(attempt.m * n * 4);
  auto d = put(out);
  nybl_gemm_args args = {};
  args.size = sizeof args;
  args.m = attempt.m;
  args.a = {data.address(), data.bytes(), k / 2};
  args.a_scales = {sfa.address(), attempt.bytes, attempt.rowsAllocated,
                   attempt.layout, attempt.trust};
  args.b = {weights.address(), weights.bytes(), k / 2};
  args.b_scales = {sfb.address(), sfb.bytes(), n, NYBL_LAYOUT_128X4, 1};
  args.d = {d.address(), d.bytes(), n * 4};
  args.alpha.kind = NYBL_SCALAR_HOST;
  args.alpha.convention = NYBL_CONVENTION_DECODE;
  args.alpha.value = 1.0f;
  auto stream = driver::Stream::create(session->memory);
  args.stream = stream->handle();
  nybl_plan *plan = session->plan(p, message);
  nybl_status status = nybl_launch(plan, &args);
  if (status != NYBL_OK) {
    *message = nybl_last_error();
    return status;
  }
  EXPECT_TRUE(stream->synchronize());
  (void)d.download(0, out.data(), out.size());
  *nanRows = 0;
  for (int64_t r = 0; r < attempt.m; ++r) {
    bool nan = false;
    for (int64_t c = 0; c < n; ++c)
      nan |= std::isnan(oracle::decodeElement(
          OutputType::F32,
          oracle::elementBits(OutputType::F32, out, r * n + c)));
    *nanRows += nan;
  }
  return status;
}

constexpr uint64_t bytes128x4 = 128 * (k / 16);

TEST(Mislabelled, RefusedBySizeUpTo120Rows) {
  ASSERT_TRUE(road::Session::get());
  for (int64_t m = 1; m <= 120; m = m < 8 ? m + 1 : m + 7) {
    std::string message;
    int64_t nanRows = 0;
    // Even trust does not help against a size that cannot be.
    for (uint32_t trust : {0u, 1u}) {
      Attempt attempt{m, m, bytes128x4, NYBL_LAYOUT_8X4, trust};
      EXPECT_EQ(launch(attempt, &message, &nanRows), NYBL_REFUSED) << m;
      EXPECT_NE(message.find("8x4"), std::string::npos) << message;
      EXPECT_NE(message.find("128x4"), std::string::npos) << message;
    }
  }
}

TEST(Mislabelled, OnlyTheTagRefusesItWhereSizesAgree) {
  ASSERT_TRUE(road::Session::get());
  std::string message;
  int64_t nanRows = 0;
  for (auto [m, rows] :
       {std::pair<int64_t, int64_t>{5, 128}, {121, 121}, {128, 128}}) {
    // The producer's tag says 128x4, the problem 8x4: refused, naming both.
    EXPECT_EQ(
        launch({m, rows, bytes128x4, NYBL_LAYOUT_128X4, 1}, &message, &nanRows),
        NYBL_REFUSED);
    EXPECT_NE(message.find("128x4"), std::string::npos) << message;
    // Without a tag anybody vouches for, size is no proof: refused.
    EXPECT_EQ(
        launch({m, rows, bytes128x4, NYBL_LAYOUT_8X4, 0}, &message, &nanRows),
        NYBL_REFUSED);
    EXPECT_NE(message.find("trust_layout"), std::string::npos) << message;
  }
}

/// rows = 128 and trust_layout: the caller vouches for a lie.
TEST(Mislabelled, BypassedItGivesTheReportedTable) {
  ASSERT_TRUE(road::Session::get());
  constexpr std::pair<int64_t, int64_t> table[] = {{1, 1}, {2, 2},   {4, 4},
                                                   {8, 8}, {16, 14}, {32, 24}};
  for (auto [m, expected] : table) {
    std::string message;
    int64_t nanRows = -1;
    ASSERT_EQ(
        launch({m, 128, bytes128x4, NYBL_LAYOUT_8X4, 1}, &message, &nanRows),
        NYBL_OK)
        << message;
    EXPECT_EQ(nanRows, expected) << "m = " << m;
  }
}

} // namespace
