// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Copies and barriers that run on their own, as libcu++ has them:
// cuda::pipeline, cuda::barrier, bulk copies and tensor maps of <cuda/ptx>.

#include "tests/Foreign/Nvrtc.h"

using namespace nybl;
using namespace nybl::foreign;

namespace {

class NvrtcAsync : public NvrtcTest {
protected:
  static std::vector<int> ramp(int n) {
    std::vector<int> values(n);
    for (int i = 0; i < n; ++i)
      values[i] = i * i % 1009 - 500;
    return values;
  }
};

TEST_F(NvrtcAsync, PipelineOfTwoStages) {
  CUfunction f = compile(R"(
#include <cuda/pipeline>
#include <cooperative_groups.h>
extern "C" __global__ void k(const int *in, int *out, int tiles) {
  __shared__ __align__(16) int stage[2][128];
  auto pipe = cuda::make_pipeline();
  auto fetch = [&](int tile) {
    pipe.producer_acquire();
    if (tile < tiles && threadIdx.x < 32)
      cuda::memcpy_async(&stage[tile % 2][4 * threadIdx.x],
                         in + tile * 128 + 4 * threadIdx.x,
                         cuda::aligned_size_t<16>(16), pipe);
    pipe.producer_commit();
  };
  fetch(0);
  int sum = 0;
  for (int tile = 0; tile < tiles; ++tile) {
    fetch(tile + 1);
    cuda::pipeline_consumer_wait_prior<1>(pipe);
    __syncthreads();
    sum += stage[tile % 2][127 - threadIdx.x];
    __syncthreads();
    pipe.consumer_release();
  }
  out[threadIdx.x] = sum;
}
)");
  int tiles = 5;
  std::vector<int> in = ramp(tiles * 128);
  CUdeviceptr x = uploadAll(in), y = allocate(128 * 4);
  run(f, oneCta(128), {&x, &y, &tiles});
  std::vector<int> out = downloadAll<int>(y, 128);
  for (int t = 0; t < 128; ++t) {
    int sum = 0;
    for (int tile = 0; tile < tiles; ++tile)
      sum += in[tile * 128 + 127 - t];
    EXPECT_EQ(out[t], sum) << t;
  }
}

TEST_F(NvrtcAsync, BarrierWithPhases) {
  CUfunction f = compile(R"(
#include <cuda/barrier>
extern "C" __global__ void k(int *out) {
  __shared__ int cells[64];
#pragma nv_diag_suppress static_var_with_dynamic_init
  __shared__ cuda::barrier<cuda::thread_scope_block> ready;
  if (threadIdx.x == 0) init(&ready, blockDim.x);
  __syncthreads();
  int value = threadIdx.x;
  for (int round = 0; round < 4; ++round) {
    cells[threadIdx.x] = value;
    ready.arrive_and_wait();
    int other = cells[(threadIdx.x + 17) % 64];
    auto token = ready.arrive();
    value += 3 * other;
    ready.wait(cuda::std::move(token));
  }
  out[threadIdx.x] = value;
}
)");
  CUdeviceptr y = allocate(64 * 4);
  run(f, oneCta(64), {&y});
  std::vector<int> values(64);
  for (int i = 0; i < 64; ++i)
    values[i] = i;
  for (int round = 0; round < 4; ++round) {
    std::vector<int> before = values;
    for (int i = 0; i < 64; ++i)
      values[i] += 3 * before[(i + 17) % 64];
  }
  EXPECT_EQ(downloadAll<int>(y, 64), values);
}

TEST_F(NvrtcAsync, BulkCopyOnABarrier) {
  CUfunction f = compile(R"(
#include <cuda/barrier>
#include <cuda/ptx>
namespace ptx = cuda::ptx;
extern "C" __global__ void k(const int *in, int *out) {
  __shared__ __align__(16) int room[256];
  __shared__ unsigned long long bar;
  if (threadIdx.x == 0) {
    ptx::mbarrier_init(&bar, 1);
    ptx::fence_proxy_async(ptx::space_shared);
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    ptx::cp_async_bulk(ptx::space_cluster, ptx::space_global, room, in,
                       sizeof(room), &bar);
    ptx::mbarrier_arrive_expect_tx(ptx::sem_release, ptx::scope_cta,
                                   ptx::space_shared, &bar, sizeof(room));
  }
  while (!ptx::mbarrier_try_wait_parity(&bar, 0)) {}
  for (int i = threadIdx.x; i < 256; i += blockDim.x) room[i] = 2 * room[i] + 1;
  ptx::fence_proxy_async(ptx::space_shared);
  __syncthreads();
  if (threadIdx.x == 0) {
    ptx::cp_async_bulk(ptx::space_global, ptx::space_shared, out, room, sizeof(room));
    ptx::cp_async_bulk_commit_group();
    ptx::cp_async_bulk_wait_group(ptx::n32_t<0>());
  }
}
)");
  std::vector<int> in = ramp(256);
  CUdeviceptr x = uploadAll(in), y = allocate(256 * 4);
  run(f, oneCta(64), {&x, &y});
  for (int &v : in)
    v = 2 * v + 1;
  EXPECT_EQ(downloadAll<int>(y, 256), in);
}

TEST_F(NvrtcAsync, TensorMapsBothWays) {
  CUfunction f = compile(R"(
#include <cuda/barrier>
#include <cuda/ptx>
namespace ptx = cuda::ptx;
struct alignas(64) Map { unsigned long long words[16]; };
extern "C" __global__ void k(const __grid_constant__ Map from,
                             const __grid_constant__ Map to) {
  __shared__ __align__(1024) float tile[16][32];
  __shared__ unsigned long long bar;
  int corner[2] = {int(blockIdx.x) * 32 - 5, int(blockIdx.y) * 16 - 3};
  if (threadIdx.x == 0) {
    ptx::mbarrier_init(&bar, 1);
    ptx::fence_proxy_async(ptx::space_shared);
    ptx::cp_async_bulk_tensor(ptx::space_cluster, ptx::space_global, tile,
                              &from, corner, &bar);
    ptx::mbarrier_arrive_expect_tx(ptx::sem_release, ptx::scope_cta,
                                   ptx::space_shared, &bar, sizeof(tile));
  }
  __syncthreads();
  while (!ptx::mbarrier_try_wait_parity(&bar, 0)) {}
  // The tile is swizzled by 128 bytes: 16-byte chunk c of row r lies at c ^ r % 8.
  for (int i = threadIdx.x; i < 512; i += blockDim.x) {
    int row = i / 32, column = i % 32;
    float &cell = tile[row][((column / 4) ^ (row % 8)) * 4 + column % 4];
    cell = cell * 8 + (column & 7);
  }
  ptx::fence_proxy_async(ptx::space_shared);
  __syncthreads();
  if (threadIdx.x == 0) {
    int where[2] = {corner[0] + 8, corner[1] + 3}; // stores start inside
    ptx::cp_async_bulk_tensor(ptx::space_global, ptx::space_shared, &to, where, tile);
    ptx::cp_async_bulk_commit_group();
    ptx::cp_async_bulk_wait_group_read(ptx::n32_t<0>());
  }
}
)");
  constexpr int rows = 40, columns = 60;
  std::vector<float> in(rows * columns), out(rows * columns, -1.0f);
  for (size_t i = 0; i < in.size(); ++i)
    in[i] = static_cast<float>(i % 251);
  CUdeviceptr x = uploadAll(in), y = uploadAll(out);
  CUtensorMap from, to;
  Json fields = {{"type", "f32"},
                 {"shape", {columns, rows}},
                 {"strides", {columns * 4}},
                 {"box", {32, 16}},
                 {"swizzle", 3}};
  ASSERT_CU(encodeMap(from, fields, x));
  ASSERT_CU(encodeMap(to, fields, y));
  run(f, {.grid = {2, 3, 1}, .block = {64, 1, 1}}, {&from, &to});
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < columns; ++c) {
      // Boxes start at column 3 of the output, and read from three rows
      // above; reads before the start are zero.
      int source = c - 8, above = r - 3, lane = (source + 5) & 7;
      if (source < -5 || source >= 59)
        continue;
      float read =
          source < 0 || above < 0 ? 0.0f : in[above * columns + source];
      out[r * columns + c] = read * 8 + static_cast<float>(lane);
    }
  EXPECT_EQ(downloadAll<float>(y, out.size()), out);
}

} // namespace
