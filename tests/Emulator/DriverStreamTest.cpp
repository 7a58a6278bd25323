// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Streams and events: order within, among, and from many threads.

#include "tests/Emulator/DriverFixture.h"

#include <atomic>
#include <chrono>
#include <thread>

using DriverStream = DriverTest;

static unsigned chained(unsigned value, int rounds) {
  for (int i = 0; i < rounds; ++i)
    value = value * 1664525u + 1013904223u;
  return value;
}

namespace {
/// Holds a stream until it is opened; opens itself if a test gives up early.
struct Gate {
  std::atomic<bool> open{false};

  ~Gate() { open = true; }
  static void wait(void *gate) {
    while (!static_cast<Gate *>(gate)->open)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
};
} // namespace

TEST_F(DriverStream, WorkOfOneStreamRunsInOrder) {
  CUstream stream;
  ASSERT_CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  CUdeviceptr p = allocate(4);
  ASSERT_CU(cuMemsetD32Async(p, 5, 1, stream));
  for (int i = 0; i < 20; ++i)
    ASSERT_CU(chain(p, 10, stream));
  unsigned value = 0;
  ASSERT_CU(cuMemcpyDtoHAsync(&value, p, 4, stream));
  ASSERT_CU(cuStreamSynchronize(stream));
  EXPECT_EQ(value, chained(5, 200));
  EXPECT_CU(CUDA_SUCCESS, cuStreamDestroy(stream));
  EXPECT_CU(CUDA_ERROR_INVALID_HANDLE, cuStreamSynchronize(stream));
}

TEST_F(DriverStream, LegacyStreamWaitsForBlockingStreamsOnly) {
  Gate gate, otherGate;
  CUstream blocking, other;
  ASSERT_CU(cuStreamCreate(&blocking, CU_STREAM_DEFAULT));
  ASSERT_CU(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
  CUdeviceptr p = allocate(4);
  ASSERT_CU(cuMemsetD32(p, 1, 1));
  ASSERT_CU(cuLaunchHostFunc(other, Gate::wait, &otherGate));
  ASSERT_CU(cuLaunchHostFunc(blocking, Gate::wait, &gate));
  ASSERT_CU(chain(p, 1, blocking));
  ASSERT_CU(chain(p, 1, nullptr));
  EXPECT_CU(CUDA_ERROR_NOT_READY, cuStreamQuery(nullptr));
  gate.open = true;
  ASSERT_CU(cuStreamSynchronize(nullptr)); // while `other` is still held
  EXPECT_CU(CUDA_ERROR_NOT_READY, cuStreamQuery(other));
  unsigned value = 0;
  ASSERT_CU(cuMemcpyDtoH(&value, p, 4));
  EXPECT_EQ(value, chained(1, 2));
  otherGate.open = true;
  ASSERT_CU(cuCtxSynchronize());
  EXPECT_CU(CUDA_SUCCESS, cuStreamQuery(other));
}

TEST_F(DriverStream, EventsOrderStreamsAndTellTheirState) {
  Gate gate;
  CUstream first, second;
  ASSERT_CU(cuStreamCreate(&first, CU_STREAM_NON_BLOCKING));
  ASSERT_CU(cuStreamCreate(&second, CU_STREAM_NON_BLOCKING));
  CUevent start, stop;
  ASSERT_CU(cuEventCreate(&start, CU_EVENT_DEFAULT));
  ASSERT_CU(cuEventCreate(&stop, CU_EVENT_DEFAULT));
  EXPECT_CU(CUDA_SUCCESS, cuEventQuery(start)); // never recorded
  CUdeviceptr p = allocate(4);
  ASSERT_CU(cuMemsetD32(p, 1, 1));
  ASSERT_CU(cuEventRecord(start, first));
  ASSERT_CU(cuLaunchHostFunc(first, Gate::wait, &gate));
  ASSERT_CU(chain(p, 3, first));
  ASSERT_CU(cuEventRecord(stop, first));
  ASSERT_CU(cuStreamWaitEvent(second, stop, 0));
  ASSERT_CU(chain(p, 4, second));
  EXPECT_CU(CUDA_ERROR_NOT_READY, cuEventQuery(stop));
  EXPECT_CU(CUDA_ERROR_NOT_READY, cuStreamQuery(second));
  float ms = -1;
  EXPECT_CU(CUDA_ERROR_NOT_READY, cuEventElapsedTime(&ms, start, stop));
  gate.open = true;
  ASSERT_CU(cuStreamSynchronize(second));
  ASSERT_CU(cuEventSynchronize(stop));
  ASSERT_CU(cuEventElapsedTime(&ms, start, stop));
  EXPECT_GE(ms, 0.0f);
  unsigned value = 0;
  ASSERT_CU(cuMemcpyDtoH(&value, p, 4));
  EXPECT_EQ(value, chained(1, 7));
  ASSERT_CU(cuEventDestroy(stop));
  EXPECT_CU(CUDA_ERROR_INVALID_HANDLE, cuEventQuery(stop));
}

TEST_F(DriverStream, PageableCopiesAreStagedAndPinnedOnesAreNot) {
  Gate gate;
  CUstream stream;
  ASSERT_CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  CUdeviceptr p = allocate(8);
  unsigned pageable = 1;
  unsigned *pinned;
  ASSERT_CU(cuMemHostAlloc(reinterpret_cast<void **>(&pinned), 4, 0));
  *pinned = 1;
  ASSERT_CU(cuLaunchHostFunc(stream, Gate::wait, &gate));
  ASSERT_CU(cuMemcpyHtoDAsync(p, &pageable, 4, stream));
  ASSERT_CU(cuMemcpyHtoDAsync(p + 4, pinned, 4, stream));
  pageable = *pinned = 2;
  gate.open = true;
  ASSERT_CU(cuStreamSynchronize(stream));
  unsigned values[2];
  ASSERT_CU(cuMemcpyDtoH(values, p, 8));
  EXPECT_EQ(values[0], 1u);
  EXPECT_EQ(values[1], 2u);
  ASSERT_CU(cuMemFreeHost(pinned));
}

TEST_F(DriverStream, HostFunctionsMayNotCallTheDriver) {
  CUresult result = CUDA_SUCCESS;
  auto call = [](void *to) {
    *static_cast<CUresult *>(to) = cuCtxSynchronize();
  };
  ASSERT_CU(cuLaunchHostFunc(nullptr, call, &result));
  ASSERT_CU(cuCtxSynchronize());
  EXPECT_CU(CUDA_ERROR_NOT_PERMITTED, result);
}

TEST_F(DriverStream, EightThreadsEachWithAStream) {
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (unsigned t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      CUstream stream;
      CUdeviceptr p, scratch;
      unsigned value = 0;
      bool good = cuCtxSetCurrent(context) == CUDA_SUCCESS &&
                  cuStreamCreate(&stream, t % 2) == CUDA_SUCCESS &&
                  cuMemAlloc(&p, 4) == CUDA_SUCCESS &&
                  cuMemsetD32Async(p, t, 1, stream) == CUDA_SUCCESS;
      for (int i = 0; i < 10; ++i) {
        good &= chain(p, 5, stream) == CUDA_SUCCESS;
        good &= cuMemAllocAsync(&scratch, 256, stream) == CUDA_SUCCESS;
        good &= cuMemFreeAsync(scratch, stream) == CUDA_SUCCESS;
      }
      good &= cuMemcpyDtoHAsync(&value, p, 4, stream) == CUDA_SUCCESS;
      good &= cuStreamSynchronize(stream) == CUDA_SUCCESS;
      good &= cuMemFree(p) == CUDA_SUCCESS;
      good &= cuStreamDestroy(stream) == CUDA_SUCCESS;
      wrong += !good || value != chained(t, 50);
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(DriverStream, DestroyedStreamsStillFinishTheirWork) {
  CUstream stream;
  ASSERT_CU(cuStreamCreate(&stream, CU_STREAM_DEFAULT));
  CUdeviceptr p = allocate(4);
  ASSERT_CU(cuMemsetD32(p, 3, 1));
  ASSERT_CU(chain(p, 1000, stream));
  ASSERT_CU(cuStreamDestroy(stream));
  unsigned value = 0;
  ASSERT_CU(cuMemcpyDtoH(&value, p, 4));
  EXPECT_EQ(value, chained(3, 1000));
}

TEST_F(DriverStream, CallbacksComeInOrderAndAfterAnErrorToo) {
  CUstream stream;
  ASSERT_CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  struct Told {
    CUstream stream = nullptr;
    int status = -1;
    static void tell(CUstream stream, CUresult status, void *told) {
      *static_cast<Told *>(told) = {stream, status};
    }
  } first, second;
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE,
            cuStreamAddCallback(stream, Told::tell, &first, 1));
  ASSERT_CU(cuStreamAddCallback(stream, Told::tell, &first, 0));
  ASSERT_CU(cuStreamSynchronize(stream));
  EXPECT_EQ(first.stream, stream);
  EXPECT_EQ(first.status, CUDA_SUCCESS);
  Gate gate;
  ASSERT_CU(cuLaunchHostFunc(stream, Gate::wait, &gate));
  ASSERT_CU(chain(0, 1, stream));
  ASSERT_CU(cuStreamAddCallback(stream, Told::tell, &second, 0));
  EXPECT_EQ(second.status, -1);
  gate.open = true;
  EXPECT_CU(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(stream));
  EXPECT_EQ(second.status, CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST_F(DriverStream, AttributesAreKeptAndCopied) {
  CUstream from, to;
  ASSERT_CU(cuStreamCreate(&from, CU_STREAM_NON_BLOCKING));
  ASSERT_CU(cuStreamCreate(&to, CU_STREAM_NON_BLOCKING));
  CUstreamAttrValue value = {};
  auto policy = CU_STREAM_ATTRIBUTE_SYNCHRONIZATION_POLICY;
  ASSERT_CU(cuStreamGetAttribute(from, policy, &value));
  EXPECT_EQ(value.syncPolicy, CU_SYNC_POLICY_AUTO);
  value.syncPolicy = CU_SYNC_POLICY_YIELD;
  ASSERT_CU(cuStreamSetAttribute(from, policy, &value));
  ASSERT_CU(cuStreamCopyAttributes(to, from));
  value = {};
  ASSERT_CU(cuStreamGetAttribute(to, policy, &value));
  EXPECT_EQ(value.syncPolicy, CU_SYNC_POLICY_YIELD);
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE,
            cuStreamGetAttribute(to, CUstreamAttrID(77), &value));
}

TEST_F(DriverStream, PrioritiesAreWithinTheRange) {
  int least = 0, greatest = 0, got = 0;
  ASSERT_CU(cuCtxGetStreamPriorityRange(&least, &greatest));
  for (int asked : {-100, 100}) {
    CUstream stream;
    ASSERT_CU(cuStreamCreateWithPriority(&stream, 0, asked));
    ASSERT_CU(cuStreamGetPriority(stream, &got));
    EXPECT_EQ(got, asked < 0 ? greatest : least);
  }
}
