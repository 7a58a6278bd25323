// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Many threads and streams at once: what they compute is, bit for bit, what one
// after the other computes.

#include "tests/Emulator/DriverFixture.h"

#include <atomic>
#include <functional>
#include <thread>

namespace {

/// Each takes (in, out), reads 1 KiB that it may share and writes 1 KiB:
/// integer, float, shared memory with a barrier, atomics, mma.
const char *const kernels = R"(
.version 9.0
.target sm_90
.address_size 64
.visible .entry integer(.param .u64 in, .param .u64 out) {
  .reg .pred %p<2>; .reg .b32 %r<6>; .reg .b64 %rd<6>;
  ld.param.u64 %rd1, [in]; ld.param.u64 %rd2, [out];
  mov.u32 %r1, %tid.x; mov.u32 %r2, %ctaid.x;
  mad.lo.s32 %r1, %r2, 64, %r1;
  mul.wide.u32 %rd3, %r1, 4;
  add.u64 %rd4, %rd1, %rd3; add.u64 %rd5, %rd2, %rd3;
  ld.global.u32 %r3, [%rd4];
  mov.u32 %r4, 50;
$loop:
  mad.lo.s32 %r3, %r3, 1664525, 1013904223;
  add.s32 %r4, %r4, -1;
  setp.gt.s32 %p1, %r4, 0;
  @%p1 bra $loop;
  st.global.u32 [%rd5], %r3;
  ret;
}
.visible .entry floating(.param .u64 in, .param .u64 out) {
  .reg .pred %p<2>; .reg .b32 %r<6>; .reg .f32 %f<4>; .reg .b64 %rd<6>;
  ld.param.u64 %rd1, [in]; ld.param.u64 %rd2, [out];
  mov.u32 %r1, %tid.x; mov.u32 %r2, %ctaid.x;
  mad.lo.s32 %r1, %r2, 64, %r1;
  mul.wide.u32 %rd3, %r1, 4;
  add.u64 %rd4, %rd1, %rd3; add.u64 %rd5, %rd2, %rd3;
  ld.global.u32 %r3, [%rd4];
  cvt.rn.f32.u32 %f1, %r3;
  mov.f32 %f2, 0f3F800000;
  mov.u32 %r4, 50;
$loop:
  fma.rn.f32 %f2, %f2, 0f3F7D70A4, %f1;
  add.s32 %r4, %r4, -1;
  setp.gt.s32 %p1, %r4, 0;
  @%p1 bra $loop;
  st.global.f32 [%rd5], %f2;
  ret;
}
.visible .entry shared(.param .u64 in, .param .u64 out) {
  .reg .b32 %r<8>; .reg .b64 %rd<6>;
  .shared .align 4 .b8 room[256];
  ld.param.u64 %rd1, [in]; ld.param.u64 %rd2, [out];
  mov.u32 %r1, %tid.x; mov.u32 %r2, %ctaid.x;
  mad.lo.s32 %r3, %r2, 64, %r1;
  mul.wide.u32 %rd3, %r3, 4;
  add.u64 %rd4, %rd1, %rd3; add.u64 %rd5, %rd2, %rd3;
  ld.global.u32 %r4, [%rd4];
  mov.u32 %r5, room;
  shl.b32 %r6, %r1, 2;
  add.u32 %r6, %r5, %r6;
  st.shared.u32 [%r6], %r4;
  bar.sync 0;
  xor.b32 %r7, %r1, 63;
  shl.b32 %r7, %r7, 2;
  add.u32 %r7, %r5, %r7;
  ld.shared.u32 %r4, [%r7];
  st.global.u32 [%rd5], %r4;
  ret;
}
.visible .entry atomics(.param .u64 in, .param .u64 out) {
  .reg .b32 %r<6>; .reg .b64 %rd<6>;
  ld.param.u64 %rd1, [in]; ld.param.u64 %rd2, [out];
  mov.u32 %r1, %tid.x; mov.u32 %r2, %ctaid.x;
  mad.lo.s32 %r1, %r2, 64, %r1;
  mul.wide.u32 %rd3, %r1, 4;
  add.u64 %rd4, %rd1, %rd3;
  ld.global.u32 %r3, [%rd4];
  and.b32 %r4, %r1, 15;
  mul.wide.u32 %rd3, %r4, 4;
  add.u64 %rd5, %rd2, %rd3;
  red.global.add.u32 [%rd5], %r3;
  red.global.max.u32 [%rd5+64], %r3;
  ret;
}
.visible .entry multiply(.param .u64 in, .param .u64 out) {
  .reg .b32 %r<9>; .reg .f32 %f<6>; .reg .b64 %rd<6>;
  ld.param.u64 %rd1, [in]; ld.param.u64 %rd2, [out];
  mov.u32 %r1, %tid.x; mov.u32 %r2, %ctaid.x;
  mad.lo.s32 %r1, %r2, 64, %r1;
  and.b32 %r1, %r1, 63;
  mul.wide.u32 %rd3, %r1, 16;
  add.u64 %rd4, %rd1, %rd3; add.u64 %rd5, %rd2, %rd3;
  ld.global.v4.u32 {%r3, %r4, %r5, %r6}, [%rd4];
  and.b32 %r3, %r3, 0x3bff3bff;
  and.b32 %r4, %r4, 0x3bff3bff;
  and.b32 %r5, %r5, 0x3bff3bff;
  and.b32 %r6, %r6, 0x3bff3bff;
  mov.f32 %f1, 0f3E99999A;
  mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%f1, %f2, %f3, %f4},
    {%r3, %r4, %r5, %r6}, {%r5, %r3}, {%f1, %f1, %f1, %f1};
  st.global.v4.f32 [%rd5], {%f1, %f2, %f3, %f4};
  ret;
}
)";

const char *const names[] = {"integer", "floating", "shared", "atomics",
                             "multiply"};
constexpr size_t kinds = std::size(names), words = 256;
using Words = std::vector<unsigned>;

/// One kernel's launch in a stream: clears the output, runs, copies it back.
/// multiply has one CTA, whose 64 threads write all there is.
class Work {
public:
  Work(CUfunction f, bool oneCta, CUdeviceptr in) : f(f), in(in) {
    ctas = oneCta ? 1 : 4;
    good = cuMemAlloc(&out, 4 * words) == CUDA_SUCCESS &&
           cuMemHostAlloc(reinterpret_cast<void **>(&host), 4 * words, 0) ==
               CUDA_SUCCESS;
  }

  bool queue(CUstream stream) {
    void *parameters[] = {&in, &out};
    return good && cuMemsetD32Async(out, 0, words, stream) == CUDA_SUCCESS &&
           cuLaunchKernel(f, ctas, 1, 1, 64, 1, 1, 0, stream, parameters,
                          nullptr) == CUDA_SUCCESS &&
           cuMemcpyDtoHAsync(host, out, 4 * words, stream) == CUDA_SUCCESS;
  }
  Words result() const { return {host, host + words}; }
  void free() {
    cuMemFree(out);
    cuMemFreeHost(host);
  }

private:
  CUfunction f;
  CUdeviceptr in, out = 0;
  unsigned ctas;
  unsigned *host = nullptr;
  bool good = false;
};

class DriverThreads : public DriverTest {
protected:
  void SetUp() override {
    DriverTest::SetUp();
    CUmodule own;
    ASSERT_CU(cuModuleLoadData(&own, kernels));
    for (size_t k = 0; k < kinds; ++k)
      ASSERT_CU(cuModuleGetFunction(&functions[k], own, names[k]));
    Words values(words);
    for (size_t i = 0; i < words; ++i)
      values[i] = unsigned(i * 2654435761u) >> 3;
    in = allocate(4 * words);
    ASSERT_CU(cuMemcpyHtoD(in, values.data(), 4 * words));
    for (size_t k = 0; k < kinds; ++k) {
      Work work = make(k);
      ASSERT_TRUE(work.queue(nullptr)) << nyblEmuLastMessage();
      ASSERT_CU(cuCtxSynchronize());
      serial[k] = work.result();
      work.free();
    }
    // One of them against the host: the rest is compared to itself only.
    for (size_t i = 0; i < words; ++i) {
      unsigned x = values[i];
      for (int round = 0; round < 50; ++round)
        x = x * 1664525u + 1013904223u;
      ASSERT_EQ(serial[0][i], x);
      ASSERT_EQ(serial[2][i], values[i ^ 63]);
    }
  }

  Work make(size_t k) { return Work(functions[k], k == 4, in); }

  CUfunction functions[kinds] = {};
  CUdeviceptr in = 0;
  Words serial[kinds];
};

/// Runs `body` in four threads; it says whether all was well.
void inFourThreads(CUcontext context,
                   const std::function<bool(unsigned)> &body) {
  std::atomic<unsigned> well{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      well += cuCtxSetCurrent(context) == CUDA_SUCCESS && body(t);
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(well, 4u);
}

TEST_F(DriverThreads, FourThreadsAndEightStreamsComputeWhatOneDoes) {
  inFourThreads(context, [&](unsigned t) {
    CUstream streams[2];
    if (cuStreamCreate(&streams[0], CU_STREAM_NON_BLOCKING) ||
        cuStreamCreate(&streams[1],
                       t % 2 ? CU_STREAM_NON_BLOCKING : CU_STREAM_DEFAULT))
      return false;
    for (unsigned round = 0; round < 4; ++round) {
      std::vector<std::pair<size_t, Work>> queued;
      for (size_t i = 0; i < 2 * kinds; ++i) {
        size_t k = (i + t + round) % kinds;
        queued.emplace_back(k, make(k));
        if (!queued.back().second.queue(streams[i % 2]))
          return false;
      }
      if (cuStreamSynchronize(streams[0]) || cuStreamSynchronize(streams[1]))
        return false;
      for (auto &[k, work] : queued) {
        if (work.result() != serial[k])
          return false;
        work.free();
      }
    }
    return cuStreamDestroy(streams[0]) == CUDA_SUCCESS &&
           cuStreamDestroy(streams[1]) == CUDA_SUCCESS;
  });
}

TEST_F(DriverThreads, EventsOrderTheStreamsOfEachThread) {
  inFourThreads(context, [&](unsigned t) {
    CUstream first, second;
    CUevent event;
    CUdeviceptr p;
    unsigned expected = t;
    bool good = cuStreamCreate(&first, CU_STREAM_NON_BLOCKING) == 0 &&
                cuStreamCreate(&second, CU_STREAM_NON_BLOCKING) == 0 &&
                cuEventCreate(&event, CU_EVENT_DISABLE_TIMING) == 0 &&
                cuMemAlloc(&p, 4) == 0 && cuMemsetD32Async(p, t, 1, first) == 0;
    for (int i = 0; good && i < 20; ++i) {
      CUstream from = i % 2 ? second : first, to = i % 2 ? first : second;
      good = chain(p, 3, from) == 0 && cuEventRecord(event, from) == 0 &&
             cuStreamWaitEvent(to, event, 0) == 0;
      for (int round = 0; round < 3; ++round)
        expected = expected * 1664525u + 1013904223u;
    }
    unsigned value = 0;
    return good && cuMemcpyDtoHAsync(&value, p, 4, first) == 0 &&
           cuStreamSynchronize(first) == 0 && value == expected;
  });
}

TEST_F(DriverThreads, GraphsOfDifferentThreadsReplayAtOnce) {
  inFourThreads(context, [&](unsigned) {
    // The mode of the thread: others capture too, and allocate meanwhile.
    CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED;
    CUstream stream, side;
    CUevent fork, join;
    CUgraph graph;
    CUgraphExec exec;
    std::vector<Work> all;
    if (cuThreadExchangeStreamCaptureMode(&mode) ||
        cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING) ||
        cuStreamCreate(&side, CU_STREAM_NON_BLOCKING) ||
        cuEventCreate(&fork, CU_EVENT_DISABLE_TIMING) ||
        cuEventCreate(&join, CU_EVENT_DISABLE_TIMING))
      return false;
    for (size_t k = 0; k < kinds; ++k)
      all.push_back(make(k));
    if (cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_RELAXED) ||
        cuEventRecord(fork, stream) || cuStreamWaitEvent(side, fork, 0))
      return false;
    for (size_t k = 0; k < kinds; ++k)
      if (!all[k].queue(k % 2 ? side : stream))
        return false;
    if (cuEventRecord(join, side) || cuStreamWaitEvent(stream, join, 0) ||
        cuStreamEndCapture(stream, &graph) ||
        cuGraphInstantiate(&exec, graph, 0) || cuGraphDestroy(graph))
      return false;
    for (int round = 0; round < 5; ++round) {
      if (cuGraphLaunch(exec, stream) || cuStreamSynchronize(stream))
        return false;
      for (size_t k = 0; k < kinds; ++k)
        if (all[k].result() != serial[k])
          return false;
    }
    return cuGraphExecDestroy(exec) == CUDA_SUCCESS;
  });
}

} // namespace
