// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Counts and labels through the calls of nybl-emu.h.

#include "tests/Emulator/DriverFixture.h"

#include <cstring>

namespace {

/// One warp: A by rows of 16 f16 from `in`, times a B of zeros; the sum of a
/// lane's accumulators goes to in[lane].
const char *const multiplyText = R"(
.version 8.7
.target sm_120a
.address_size 64
.visible .entry multiply(.param .u64 p)
{
  .reg .b32 %r<16>;
  .reg .f32 %f<5>;
  .reg .b64 %d<4>;
  ld.param.u64 %d0, [p];
  mov.u32 %r0, %laneid;
  shr.u32 %r1, %r0, 2;
  and.b32 %r2, %r0, 3;
  shl.b32 %r1, %r1, 5;
  mad.lo.u32 %r1, %r2, 4, %r1;
  cvt.u64.u32 %d1, %r1;
  add.s64 %d1, %d0, %d1;
  ld.global.b32 %r4, [%d1];
  ld.global.b32 %r5, [%d1+256];
  ld.global.b32 %r6, [%d1+16];
  ld.global.b32 %r7, [%d1+272];
  mov.b32 %r8, 0;
  mov.f32 %f4, 0f00000000;
  mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%f0, %f1, %f2, %f3},
    {%r4, %r5, %r6, %r7}, {%r8, %r8}, {%f4, %f4, %f4, %f4};
  mul.wide.u32 %d2, %r0, 4;
  add.s64 %d2, %d0, %d2;
  st.global.f32 [%d2], %f0;
  ret;
}
)";

class DriverCountTest : public DriverTest {
protected:
  void TearDown() override {
    nyblEmuSetCounting(0);
    nyblEmuSetLabels(0);
    nyblEmuClearLabels();
    DriverTest::TearDown();
  }
  static nyblEmuCounts counts() {
    nyblEmuCounts c = {};
    c.size = sizeof c;
    EXPECT_CU(CUDA_SUCCESS, nyblEmuCounters(&c));
    return c;
  }
};

TEST_F(DriverCountTest, SectorsAndHotspots) {
  // 128 threads; b begins in the middle of a sector.
  CUdeviceptr a = allocate(1024), b = allocate(1024), c = allocate(1024);
  for (CUdeviceptr p : {a, b, c})
    ASSERT_CU(cuMemsetD32(p, 0, 256));
  ASSERT_CU(add(a, b + 16, c, 128));
  ASSERT_CU(cuCtxSynchronize());
  EXPECT_EQ(counts().sectorsLoaded, 0u);
  EXPECT_EQ(nyblEmuHotspotCount(), 0u);

  ASSERT_CU(nyblEmuSetCounting(1));
  ASSERT_CU(add(a, b + 16, c, 128));
  ASSERT_CU(cuCtxSynchronize());
  nyblEmuCounts all = counts();
  EXPECT_EQ(all.sectorsLoaded, 4 * (4 + 5u)); // 4 warps, 128 bytes each
  EXPECT_EQ(all.bytesLoaded, 4 * 2 * 128u);
  EXPECT_EQ(all.sectorsStored, 4 * 4u);
  uint64_t ofWarps = all.warpInstructionsByWarp[0];
  EXPECT_EQ(ofWarps, all.warpInstructionsByWarp[1]);
  EXPECT_EQ(2 * ofWarps, all.warpInstructions);

  unsigned found = 0;
  for (size_t i = 0; i < nyblEmuHotspotCount(); ++i) {
    nyblEmuHotspot h = {};
    h.size = sizeof h;
    char text[64];
    ASSERT_CU(nyblEmuHotspotRead(i, &h));
    ASSERT_CU(nyblEmuHotspotText(i, text, sizeof text));
    EXPECT_EQ(h.executions, 4u) << text;
    if (!std::strstr(text, "ld.global.f32 %f2"))
      continue;
    ++found;
    EXPECT_EQ(h.sectors, 4 * 5u);
    EXPECT_EQ(h.bytes, 4 * 128u);
  }
  EXPECT_EQ(found, 1u);
  nyblEmuHotspot h = {};
  h.size = sizeof h;
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE,
            nyblEmuHotspotRead(nyblEmuHotspotCount(), &h));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, nyblEmuSetCounting(2));
}

TEST_F(DriverCountTest, LabelsOfALaunch) {
  CUmodule own;
  CUfunction function;
  ASSERT_CU(cuModuleLoadData(&own, multiplyText));
  ASSERT_CU(cuModuleGetFunction(&function, own, "multiply"));
  CUdeviceptr in = allocate(512);
  ASSERT_CU(cuMemsetD32(in, 0x3c003c00, 128));
  ASSERT_CU(nyblEmuLabelBytes(in, 512, 100, 2));
  ASSERT_CU(nyblEmuSetLabels(NYBL_EMU_LABELS_A));
  void *parameters[] = {&in};
  ASSERT_CU(cuLaunchKernel(function, 1, 1, 1, 32, 1, 1, 0, nullptr, parameters,
                           nullptr));
  ASSERT_CU(cuCtxSynchronize());
  ASSERT_EQ(nyblEmuLabelCount(), 256u);
  for (size_t i = 0; i < 256; ++i) {
    nyblEmuLabel l = {};
    l.size = sizeof l;
    ASSERT_CU(nyblEmuLabelRead(i, &l));
    EXPECT_EQ(l.operand, 0u);
    ASSERT_EQ(l.state, 1u);
    EXPECT_EQ(l.label, 100 + l.row * 16 + l.k);
  }
  // The stores of the passes are undone; those of the last run are there.
  std::vector<uint32_t> after(128);
  ASSERT_CU(cuMemcpyDtoH(after.data(), in, 512));
  for (size_t i = 0; i < 128; ++i)
    EXPECT_EQ(after[i], i < 32 ? 0 : 0x3c003c00u);

  ASSERT_CU(nyblEmuSetLabels(0));
  ASSERT_CU(nyblEmuClearLabels());
  EXPECT_EQ(nyblEmuLabelCount(), 0u);
  ASSERT_CU(cuModuleUnload(own));
}

TEST_F(DriverCountTest, LabelsThatCannotBe) {
  CUdeviceptr a = allocate(1024);
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, nyblEmuLabelBytes(a, 1025, 0, 1));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, nyblEmuSetLabels(32));
  // The range is freed before the launch: it runs, and says why.
  CUdeviceptr gone = allocate(64);
  ASSERT_CU(nyblEmuLabelBytes(gone, 64, 0, 1));
  ASSERT_CU(cuMemFree(gone));
  ASSERT_CU(nyblEmuSetLabels(NYBL_EMU_LABELS_A));
  ASSERT_CU(cuMemsetD32(a, 5, 256));
  ASSERT_CU(chain(a, 1, nullptr));
  ASSERT_CU(cuCtxSynchronize());
  uint32_t word = 0;
  ASSERT_CU(cuMemcpyDtoH(&word, a, 4));
  EXPECT_EQ(word, 5u * 1664525 + 1013904223);
  nyblEmuLabel l = {};
  l.size = sizeof l;
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, nyblEmuLabelRead(0, &l));
  EXPECT_NE(std::string(nyblEmuLastMessage()).find("live allocation"),
            std::string::npos);
}

} // namespace
