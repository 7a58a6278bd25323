// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Threads that work together, as CUDA's own headers have them: cooperative
// groups up to the whole grid, clusters with distributed shared memory, warp
// shuffles and votes, atomics.

#include "tests/Foreign/Nvrtc.h"

#include <numeric>

using namespace nybl;
using namespace nybl::foreign;

namespace {

class NvrtcGroup : public NvrtcTest {};

TEST_F(NvrtcGroup, TiledPartitionsReduce) {
  CUfunction f = compile(R"(
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
namespace cg = cooperative_groups;
extern "C" __global__ void k(const int *in, int *out) {
  auto block = cg::this_thread_block();
  auto tile = cg::tiled_partition<8>(block);
  int v = in[block.thread_rank()];
  int sum = cg::reduce(tile, v, cg::plus<int>());
  int top = cg::reduce(cg::tiled_partition<32>(block), v, cg::greater<int>());
  int *o = out + block.thread_rank() * 4;
  o[0] = sum;
  o[1] = top;
  o[2] = tile.shfl_xor(v, 3);
  o[3] = tile.ballot(v & 1) + 1000 * tile.meta_group_rank();
}
)");
  std::vector<int> in(64);
  for (int i = 0; i < 64; ++i)
    in[i] = (i * 37 + 11) % 101;
  CUdeviceptr x = uploadAll(in), y = allocate(64 * 16);
  run(f, oneCta(64), {&x, &y});
  std::vector<int> out = downloadAll<int>(y, 256);
  for (int t = 0; t < 64; ++t) {
    int base = t / 8 * 8, sum = 0, votes = 0;
    for (int i = 0; i < 8; ++i) {
      sum += in[base + i];
      votes |= (in[base + i] & 1) << i;
    }
    EXPECT_EQ(out[4 * t], sum) << t;
    EXPECT_EQ(out[4 * t + 1], *std::max_element(in.begin() + t / 32 * 32,
                                                in.begin() + t / 32 * 32 + 32));
    EXPECT_EQ(out[4 * t + 2], in[base + ((t - base) ^ 3)]) << t;
    EXPECT_EQ(out[4 * t + 3], votes + 1000 * (t / 8)) << t;
  }
}

TEST_F(NvrtcGroup, GridSynchronises) {
  CUfunction f = compile(R"(
#include <cooperative_groups.h>
namespace cg = cooperative_groups;
extern "C" __global__ void k(unsigned *cells, unsigned n) {
  auto grid = cg::this_grid();
  unsigned me = grid.thread_rank();
  for (unsigned step = 0; step < 3; ++step) {
    unsigned next = cells[(me + 1) % n];
    grid.sync();
    cells[me] += next;
    grid.sync();
  }
}
)");
  unsigned n = 4 * 32;
  std::vector<unsigned> cells(n);
  std::iota(cells.begin(), cells.end(), 1u);
  CUdeviceptr x = uploadAll(cells);
  run(f, {.grid = {4, 1, 1}, .block = {32, 1, 1}, .cooperative = true},
      {&x, &n});
  for (int step = 0; step < 3; ++step) {
    std::vector<unsigned> before = cells;
    for (unsigned i = 0; i < n; ++i)
      cells[i] += before[(i + 1) % n];
  }
  EXPECT_EQ(downloadAll<unsigned>(x, n), cells);
}

TEST_F(NvrtcGroup, ClusterReadsItsNeighboursSharedMemory) {
  CUfunction f = compile(R"(
#include <cooperative_groups.h>
namespace cg = cooperative_groups;
extern "C" __global__ void __cluster_dims__(4, 1, 1) k(int *out) {
  __shared__ int mine[32], visits;
  if (threadIdx.x == 0) visits = 0;
  auto cluster = cg::this_cluster();
  unsigned rank = cluster.block_rank();
  mine[threadIdx.x] = 100 * blockIdx.x + threadIdx.x;
  cluster.sync();
  int *theirs = cluster.map_shared_rank(mine, (rank + 1) % cluster.num_blocks());
  int seen = theirs[31 - threadIdx.x];
  atomicAdd(cluster.map_shared_rank(&visits, 0), 1);
  cluster.sync();
  out[blockIdx.x * 32 + threadIdx.x] = threadIdx.x || rank ? seen : visits;
}
)");
  CUdeviceptr out = allocate(8 * 32 * 4);
  run(f, {.grid = {8, 1, 1}, .block = {32, 1, 1}}, {&out});
  std::vector<int> got = downloadAll<int>(out, 256);
  for (int block = 0; block < 8; ++block)
    for (int t = 0; t < 32; ++t) {
      int first = block / 4 * 4, next = first + (block + 1) % 4;
      int want = block % 4 == 0 && t == 0 ? 4 * 32 : 100 * next + 31 - t;
      EXPECT_EQ(got[block * 32 + t], want) << block << ", " << t;
    }
}

/// Without dimensions known when compiled, the code asks a register whether
/// there are clusters.
TEST_F(NvrtcGroup, ClustersThatOnlyTheLaunchKnows) {
  CUfunction f = compile(R"(
#include <cooperative_groups.h>
namespace cg = cooperative_groups;
extern "C" __global__ void k(unsigned *out) {
  auto cluster = cg::this_cluster();
  cluster.sync();
  unsigned *o = out + blockIdx.x * 4;
  o[0] = __clusterDimIsSpecified();
  o[1] = cluster.num_blocks();
  o[2] = cluster.block_rank();
  o[3] = cluster.dim_blocks().x;
}
)");
  for (unsigned size : {1, 2}) {
    CUdeviceptr out = allocate(4 * 16);
    run(f, {.grid = {4, 1, 1}, .block = {1, 1, 1}, .cluster = {size, 1, 1}},
        {&out});
    std::vector<unsigned> got = downloadAll<unsigned>(out, 16);
    for (unsigned block = 0; block < 4; ++block)
      EXPECT_EQ(std::vector<unsigned>(&got[4 * block], &got[4 * block] + 4),
                (std::vector<unsigned>{size > 1, size, block % size, size}));
  }
}

TEST_F(NvrtcGroup, WarpOperations) {
  CUfunction f = compile(R"(
extern "C" __global__ void k(const unsigned *in, unsigned *out) {
  unsigned lane = threadIdx.x, v = in[lane];
  unsigned *o = out + lane * 12;
  o[0] = __shfl_up_sync(~0u, v, 5);
  o[1] = __shfl_down_sync(~0u, v, 9, 16);
  o[2] = __shfl_sync(~0u, v, v & 31);
  o[3] = __reduce_add_sync(~0u, v);
  o[4] = __reduce_xor_sync(~0u, v);
  o[5] = __reduce_min_sync(~0u, v);
  o[6] = __match_any_sync(~0u, v & 7);
  o[7] = __ballot_sync(~0u, v > 50);
  o[8] = __any_sync(~0u, v == 3) + 2 * __all_sync(~0u, v < 1000);
  unsigned active = 0;
  if (v & 1)
    active = __activemask();
  o[9] = active;
  o[10] = __popc(v) + 100 * __clz(v) + 10000 * __ffs(v);
  o[11] = __byte_perm(v * 0x01030507u, ~v, 0x5140) ^ __brev(v);
}
)");
  std::vector<unsigned> in(32);
  for (unsigned i = 0; i < 32; ++i)
    in[i] = (i * 53 + 7) % 97;
  CUdeviceptr x = uploadAll(in), y = allocate(32 * 48);
  run(f, oneCta(32), {&x, &y});
  std::vector<unsigned> out = downloadAll<unsigned>(y, 32 * 12);
  unsigned sum = 0, folded = 0, least = ~0u, odd = 0, large = 0;
  for (unsigned i = 0; i < 32; ++i) {
    sum += in[i];
    folded ^= in[i];
    least = std::min(least, in[i]);
    odd |= (in[i] & 1) << i;
    large |= unsigned(in[i] > 50) << i;
  }
  for (unsigned i = 0; i < 32; ++i) {
    const unsigned *o = &out[i * 12];
    unsigned v = in[i], same = 0, reversed = 0;
    for (unsigned j = 0; j < 32; ++j) {
      same |= unsigned((in[j] & 7) == (v & 7)) << j;
      reversed |= (v >> j & 1) << (31 - j);
    }
    EXPECT_EQ(o[0], in[i < 5 ? i : i - 5]);
    EXPECT_EQ(o[1], in[i % 16 + 9 < 16 ? i + 9 : i]);
    EXPECT_EQ(o[2], in[v & 31]);
    EXPECT_EQ(o[3], sum);
    EXPECT_EQ(o[4], folded);
    EXPECT_EQ(o[5], least);
    EXPECT_EQ(o[6], same);
    EXPECT_EQ(o[7], large);
    EXPECT_EQ(o[8], unsigned(std::count(in.begin(), in.end(), 3u) > 0) + 2);
    EXPECT_EQ(o[9], v & 1 ? odd : 0);
    EXPECT_EQ(o[10], unsigned(__builtin_popcount(v)) +
                         100u * (v ? __builtin_clz(v) : 32) +
                         10000u * __builtin_ffs(static_cast<int>(v)));
    unsigned a = v * 0x01030507u, b = ~v;
    unsigned picked = (a & 0xff) | (b & 0xff) << 8 | (a >> 8 & 0xff) << 16 |
                      (b >> 8 & 0xff) << 24;
    EXPECT_EQ(o[11], picked ^ reversed) << i;
  }
}

TEST_F(NvrtcGroup, Atomics) {
  CUfunction f = compile(R"(
#include <cuda_fp16.h>
#include <cuda_bf16.h>
extern "C" __global__ void k(unsigned *u, float *g, double *d,
                             unsigned long long *w, __half2 *h,
                             __nv_bfloat162 *b, __half *one,
                             unsigned short *small) {
  __shared__ unsigned s;
  unsigned t = threadIdx.x + blockIdx.x * blockDim.x;
  if (threadIdx.x == 0) s = 0;
  __syncthreads();
  atomicAdd(&s, 3u);
  __syncthreads();
  if (threadIdx.x == 0) atomicAdd(&u[0], s);
  atomicMax(&u[1], t * 2654435761u);
  atomicMin((int *)&u[2], int(t * 2654435761u));
  atomicXor(&u[3], 1u << (t % 29));
  atomicInc(&u[4], 9u);
  atomicOr(&u[5], 1u << (t & 31));
  for (unsigned seen = 0, old; (old = atomicCAS(&u[6], seen, seen + 2)) != seen;)
    seen = old;
  atomicAdd(g, 0.25f);
  atomicAdd(d, 0.125);
  atomicAdd(w, 1ull << 33);
  atomicAdd(h, __floats2half2_rn(0.5f, -0.25f));
  atomicAdd(b, __floats2bfloat162_rn(1.0f, 2.0f));
  atomicAdd(one, __float2half(0.5f));
  for (unsigned short seen = 0, old; (old = atomicCAS(small, seen, (unsigned short)(seen + 3))) != seen;)
    seen = old;
}
)");
  CUdeviceptr u = uploadAll(std::vector<unsigned>(8)),
              g = uploadAll(std::vector<float>{0}),
              d = uploadAll(std::vector<double>{0}),
              w = uploadAll(std::vector<uint64_t>{0}),
              h = uploadAll(std::vector<uint32_t>{0}),
              b = uploadAll(std::vector<uint32_t>{0}),
              one = uploadAll(std::vector<uint16_t>{0, 7}),
              small = uploadAll(std::vector<uint16_t>{1, 7});
  run(f, {.grid = {2, 1, 1}, .block = {64, 1, 1}},
      {&u, &g, &d, &w, &h, &b, &one, &small});
  std::vector<unsigned> got = downloadAll<unsigned>(u, 8);
  unsigned top = 0, flips = 0;
  int least = 0;
  for (unsigned t = 0; t < 128; ++t) {
    top = std::max(top, t * 2654435761u);
    least = std::min(least, static_cast<int>(t * 2654435761u));
    flips ^= 1u << (t % 29);
  }
  EXPECT_EQ(got, (std::vector<unsigned>{3 * 128, top, unsigned(least), flips,
                                        128 % 10, ~0u, 256, 0}));
  EXPECT_EQ(downloadAll<float>(g, 1)[0], 32.0f);
  EXPECT_EQ(downloadAll<double>(d, 1)[0], 16.0);
  EXPECT_EQ(downloadAll<uint64_t>(w, 1)[0], uint64_t(128) << 33);
  EXPECT_EQ(downloadAll<uint32_t>(h, 1)[0], 0xd0005400u);   // 64, -32
  EXPECT_EQ(downloadAll<uint32_t>(b, 1)[0], 0x43804300u);   // 128, 256
  EXPECT_EQ(downloadAll<uint32_t>(one, 1)[0], 0x00075400u); // 64; 7 untouched
  EXPECT_EQ(downloadAll<uint32_t>(small, 1)[0], 0x00070000u + 1 + 3 * 128);
}

} // namespace
