// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Field report R3 at the door: a buffer in 128x4 given to a GEMM that is told
// 8x4. docs/field-reports.md.

#include "runtime/Launch/Scales.h"
#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::launch;

namespace {

constexpr int64_t blocks = 512 / 16;

nybl_scales tensor(int64_t bytes, int64_t rowsAllocated, uint32_t trust) {
  return {0x1000, static_cast<uint64_t>(bytes), rowsAllocated, NYBL_LAYOUT_8X4,
          trust};
}

Status check(int64_t m, const nybl_scales &scales) {
  return checkScaleTensor({"a_scales", ScaleLayout::T8x4, m, blocks}, scales);
}

TEST(LayoutReport, SizeRefusesTheBufferUpTo120Rows) {
  for (int64_t m = 1; m <= 120; ++m) {
    int64_t bytes = byteSize(ScaleLayout::T128x4, m, blocks);
    for (uint32_t trust : {0u, 1u}) {
      Status status = check(m, tensor(bytes, m, trust));
      ASSERT_FALSE(status) << "m = " << m;
      EXPECT_NE(status.message().find("in 8x4, got 4096, which would be 128x4"),
                std::string::npos)
          << status.message();
    }
  }
}

TEST(LayoutReport, SizeIsBlindFrom121Rows) {
  for (int64_t m = 121; m <= 128; ++m) {
    nybl_scales scales = tensor(byteSize(ScaleLayout::T128x4, m, blocks), m, 0);
    Status status = check(m, scales);
    ASSERT_FALSE(status) << "m = " << m;
    EXPECT_NE(status.message().find("are right for 8x4, but for "),
              std::string::npos);
    EXPECT_NE(status.message().find("128x4 too, so the size cannot tell"),
              std::string::npos)
        << status.message();
    scales.trust_layout = 1;
    EXPECT_TRUE(check(m, scales)) << "whoever says so answers for it";
  }
}

TEST(LayoutReport, RowsOfTheBufferStated) {
  // 128 rows are allocated: all three layouts have 4096 bytes.
  for (int64_t m : {1, 2, 4, 8, 16, 32}) {
    Status status = check(m, tensor(4096, 128, 0));
    ASSERT_FALSE(status);
    EXPECT_NE(status.message().find("but for linear and 128x4 too"),
              std::string::npos)
        << status.message();
  }
}

TEST(LayoutReport, TheProducersTagRefuses) {
  for (uint32_t trust : {0u, 1u}) {
    nybl_scales scales = tensor(4096, 128, trust);
    scales.layout = NYBL_LAYOUT_128X4;
    Status status = check(32, scales);
    ASSERT_FALSE(status);
    EXPECT_NE(status.message().find(
                  "expected 8x4, the layout that the plan's problem "
                  "states, got a tensor in 128x4"),
              std::string::npos);
  }
}

} // namespace
