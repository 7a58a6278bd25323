// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whole kernels as people write them: a GEMM that dequantises on the way,
// device printf, assert, constants and recursion.

#include "tests/Foreign/Nvrtc.h"
#include "tests/Oracle/Data.h"
#include "tests/Oracle/Gate.h"
#include "tools/emulator/include/nybl-emu.h"

using namespace nybl;
using namespace nybl::foreign;

namespace {

class NvrtcKernel : public NvrtcTest {};

TEST_F(NvrtcKernel, DequantisingGemm) {
  CUfunction f = compile(R"(
#include <cuda_fp4.h>
#include <cuda_fp8.h>
#include <cuda_bf16.h>
__device__ float scale(const unsigned char *sf, int rows, int k, int row, int block) {
  int tiles = (k / 16 + 3) / 4;
  int at = ((row / 128) * tiles + block / 4) * 512 + row % 32 * 16 + row % 128 / 32 * 4 + block % 4;
  return __half2float(__half(__nv_cvt_fp8_to_halfraw(sf[at], __NV_E4M3)));
}
extern "C" __global__ void k(const unsigned char *a, const unsigned char *sfa,
                             const unsigned char *b, const unsigned char *sfb,
                             __nv_bfloat16 *d, float alpha, int m, int n, int k) {
  __shared__ float left[16][17], right[16][17];
  int row = blockIdx.y * 16 + threadIdx.y, col = blockIdx.x * 16 + threadIdx.x;
  float sum = 0;
  for (int k0 = 0; k0 < k; k0 += 16) {
    auto fetch = [&](const unsigned char *data, const unsigned char *sf, int rows, int r) {
      int at = k0 + threadIdx.x;
      if (r >= rows) return 0.0f;
      unsigned char byte = data[(r * k + at) / 2];
      __half_raw h = __nv_cvt_fp4_to_halfraw(byte >> (at % 2 * 4) & 15, __NV_E2M1);
      return __half2float(__half(h)) * scale(sf, rows, k, r, k0 / 16);
    };
    left[threadIdx.y][threadIdx.x] = fetch(a, sfa, m, row);
    right[threadIdx.y][threadIdx.x] = fetch(b, sfb, n, blockIdx.x * 16 + threadIdx.y);
    __syncthreads();
    for (int i = 0; i < 16; ++i)
      sum += left[threadIdx.y][i] * right[threadIdx.x][i];
    __syncthreads();
  }
  if (row < m && col < n) d[row * n + col] = __float2bfloat16(alpha * sum);
}
)");
  int m = 40, n = 56, k = 96;
  oracle::QuantizedMatrix a = *oracle::exactDomainMatrix(m, k, 5),
                          b = *oracle::exactDomainMatrix(n, k, 6);
  float alpha = 0.5f;
  CUdeviceptr pa = upload(a.codes), pb = upload(b.codes),
              sa = upload(packScales(a.scales, "128x4", m, k / 16)),
              sb = upload(packScales(b.scales, "128x4", n, k / 16)),
              d = allocate(m * n * 2);
  run(f, {.grid = {4, 3, 1}, .block = {16, 16, 1}},
      {&pa, &sa, &pb, &sb, &d, &alpha, &m, &n, &k});
  auto reference = oracle::gemmExact(a, b, alpha, OutputType::BF16);
  ASSERT_TRUE(reference) << reference.message();
  auto result =
      oracle::gate(download(d, m * n * 2), OutputType::BF16, *reference);
  EXPECT_EQ(result.equal, m * n) << result.text();
}

TEST_F(NvrtcKernel, PrintsInOrderOfTheThread) {
  CUfunction f = compile(R"(
#include <cuda_fp16.h>
extern "C" __global__ void k(int n) {
  if (threadIdx.x == 5)
    for (int i = 0; i < n; ++i)
      printf("%d of %u: %5.2f %s %llx %c|%-6d|\n", i, 7u, 1.5 * i, "text",
             0x123456789abcull, 'x', -i);
}
)");
  int n = 2;
  testing::internal::CaptureStdout();
  run(f, oneCta(32), {&n});
  EXPECT_EQ(testing::internal::GetCapturedStdout(),
            "0 of 7:  0.00 text 123456789abc x|0     |\n"
            "1 of 7:  1.50 text 123456789abc x|-1    |\n");
}

TEST_F(NvrtcKernel, AssertFails) {
  CUfunction f = compile(R"(
#include <cuda/std/cassert>
extern "C" __global__ void k(int limit) { assert(threadIdx.x < limit); }
)");
  ASSERT_NE(f, nullptr);
  int limit = 32;
  ASSERT_CU(launchAndWait(f, oneCta(32), {&limit}));
  limit = 7;
  EXPECT_EQ(static_cast<int>(launchAndWait(f, oneCta(32), {&limit})),
            static_cast<int>(CUDA_ERROR_ASSERT));
  char text[512] = "";
  nyblEmuReportText(0, text, sizeof text);
  EXPECT_NE(std::string(text).find("lane 7"), std::string::npos) << text;
}

TEST_F(NvrtcKernel, ConstantsLocalArraysAndCalls) {
  CUfunction f = compile(R"(
__constant__ int table[4] = {3, 1, 4, 1};
__device__ unsigned long long total = 5;
__noinline__ __device__ int twice(int v) { return 2 * v; }
__noinline__ __device__ int collatz(int v) {
  int steps = 0;
  for (; v != 1; ++steps) v = v % 2 ? 3 * v + 1 : v / 2;
  return twice(steps);
}
extern "C" __global__ void k(int *out) {
  int local[8];
  for (int i = 0; i < 8; ++i) local[i] = i * table[i % 4];
  atomicAdd(&total, 1ull);
  __syncthreads();
  out[threadIdx.x] = collatz(threadIdx.x + 1) + local[(threadIdx.x * 5) % 8] + int(total);
}
)");
  CUdeviceptr y = allocate(32 * 4);
  run(f, oneCta(32), {&y});
  std::vector<int> out = downloadAll<int>(y, 32);
  const int table[4] = {3, 1, 4, 1};
  for (int t = 0; t < 32; ++t) {
    int steps = 0, slot = t * 5 % 8;
    for (int v = t + 1; v != 1; ++steps)
      v = v % 2 ? 3 * v + 1 : v / 2;
    EXPECT_EQ(out[t], 2 * steps + slot * table[slot % 4] + 37) << t;
  }
}

/// Functions are inlined at load; what cannot be is refused, with its reason.
TEST_F(NvrtcKernel, RecursionIsRefused) {
  std::string ptx = compileCuda(R"(
__noinline__ __device__ int ackermann(int m, int n) {
  return m == 0 ? n + 1 : ackermann(m - 1, n == 0 ? 1 : ackermann(m, n - 1));
}
extern "C" __global__ void k(int *out) { *out = ackermann(2, threadIdx.x); }
)");
  CUmodule module = nullptr;
  EXPECT_EQ(static_cast<int>(cuModuleLoadData(&module, ptx.c_str())),
            static_cast<int>(CUDA_ERROR_INVALID_PTX));
  EXPECT_NE(driverMessage().find("recursion"), std::string::npos)
      << driverMessage();
}

} // namespace
