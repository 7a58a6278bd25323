// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Memory beyond plain allocations: host memory that kernels use, pools, copies
// of two and three dimensions, values that streams write and wait for.

#include "tests/Emulator/DriverFixture.h"

#include <cstring>
#include <numeric>

namespace {

unsigned chained(unsigned value, int rounds) {
  for (int i = 0; i < rounds; ++i)
    value = value * 1664525u + 1013904223u;
  return value;
}

using DriverMemory = DriverTest;

TEST_F(DriverMemory, KernelsReachPageLockedHostMemory) {
  unsigned *host = nullptr;
  ASSERT_CU(cuMemHostAlloc(reinterpret_cast<void **>(&host), 8,
                           CU_MEMHOSTALLOC_DEVICEMAP));
  CUdeviceptr address = 0;
  ASSERT_CU(cuMemHostGetDevicePointer(&address, host, 0));
  host[0] = 9;
  ASSERT_CU(chain(address, 3, nullptr));
  ASSERT_CU(cuCtxSynchronize());
  EXPECT_EQ(host[0], chained(9, 3));
  unsigned type = 0;
  ASSERT_CU(
      cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, address));
  EXPECT_EQ(type, unsigned(CU_MEMORYTYPE_HOST));
  // Behind its end, and once it is freed, as with any other memory.
  ASSERT_CU(chain(address + 8, 1, nullptr));
  EXPECT_CU(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
  ASSERT_CU(nyblEmuResetContext());
  ASSERT_CU(cuMemFreeHost(host));
  ASSERT_CU(chain(address, 1, nullptr));
  EXPECT_CU(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
  EXPECT_NE(reports().back().find("use after free"), std::string::npos);
}

TEST_F(DriverMemory, RegisteredMemoryIsReachedUntilItIsUnregistered) {
  alignas(16) static unsigned words[4] = {1, 2, 3, 4};
  auto address = reinterpret_cast<CUdeviceptr>(words);
  for (int round = 0; round < 3; ++round) { // the same range again and again
    unsigned before = words[1];
    ASSERT_CU(cuMemHostRegister(words, sizeof words, 0));
    ASSERT_CU(chain(address + 4, 2, nullptr));
    ASSERT_CU(cuCtxSynchronize());
    EXPECT_EQ(words[1], chained(before, 2));
    ASSERT_CU(cuMemHostUnregister(words));
  }
  CUdeviceptr none;
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE,
            cuMemHostGetDevicePointer(&none, words, 0));
  ASSERT_CU(chain(address, 1, nullptr));
  EXPECT_CU(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
}

TEST_F(DriverMemory, PoolsGiveMemoryInTheOrderOfAStream) {
  CUmemoryPool fallback, pool, current;
  ASSERT_CU(cuDeviceGetDefaultMemPool(&fallback, 0));
  ASSERT_CU(cuDeviceGetMemPool(&current, 0));
  EXPECT_EQ(current, fallback);
  CUmemPoolProps properties = {};
  properties.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  properties.maxSize = 1024;
  ASSERT_CU(cuMemPoolCreate(&pool, &properties));
  cuuint64_t threshold = 4096, got = 0;
  ASSERT_CU(cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD,
                                  &threshold));
  ASSERT_CU(
      cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &got));
  EXPECT_EQ(got, threshold);
  CUdeviceptr p = 0;
  ASSERT_CU(cuMemAllocFromPoolAsync(&p, 64, pool, nullptr));
  ASSERT_CU(cuMemsetD32Async(p, 1, 1, nullptr));
  ASSERT_CU(chain(p, 1, nullptr));
  unsigned value = 0;
  ASSERT_CU(cuMemcpyDtoHAsync(&value, p, 4, nullptr));
  ASSERT_CU(cuMemFreeAsync(p, nullptr));
  ASSERT_CU(cuCtxSynchronize());
  EXPECT_EQ(value, chained(1, 1));
  EXPECT_CU(CUDA_ERROR_OUT_OF_MEMORY,
            cuMemAllocFromPoolAsync(&p, 2048, pool, nullptr));
  ASSERT_CU(cuDeviceSetMemPool(0, pool));
  ASSERT_CU(cuDeviceGetMemPool(&current, 0));
  EXPECT_EQ(current, pool);
  ASSERT_CU(cuMemPoolDestroy(pool));
  ASSERT_CU(cuDeviceGetMemPool(&current, 0));
  EXPECT_EQ(current, fallback);
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemPoolDestroy(fallback));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE,
            cuMemAllocFromPoolAsync(&p, 4, pool, nullptr));
}

TEST_F(DriverMemory, CopiesOfTwoAndThreeDimensions) {
  // A box of 3 x 2 x 2 at (1, 1, 1) of 8 x 4 x 3 bytes.
  std::vector<uint8_t> from(8 * 4 * 3), to(3 * 2 * 2, 0xee), rows(2 * 16, 0xee);
  std::iota(from.begin(), from.end(), uint8_t(0));
  CUdeviceptr p = allocate(from.size());
  ASSERT_CU(cuMemcpyHtoD(p, from.data(), from.size()));
  CUDA_MEMCPY3D box = {};
  box.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  box.srcDevice = p;
  box.srcPitch = 8;
  box.srcHeight = 4;
  box.srcXInBytes = box.srcY = box.srcZ = 1;
  box.dstMemoryType = CU_MEMORYTYPE_HOST;
  box.dstHost = to.data();
  box.WidthInBytes = 3;
  box.Height = box.Depth = 2;
  ASSERT_CU(cuMemcpy3D(&box));
  for (int z = 0, i = 0; z < 2; ++z)
    for (int y = 0; y < 2; ++y)
      for (int x = 0; x < 3; ++x, ++i)
        EXPECT_EQ(to[i], 1 + x + 8 * (1 + y) + 32 * (1 + z)) << i;
  CUDA_MEMCPY2D flat = {};
  flat.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  flat.srcDevice = p;
  flat.srcPitch = 8;
  flat.dstMemoryType = CU_MEMORYTYPE_HOST;
  flat.dstHost = rows.data();
  flat.dstPitch = 16;
  flat.WidthInBytes = 5;
  flat.Height = 2;
  ASSERT_CU(cuMemcpy2DAsync(&flat, nullptr));
  ASSERT_CU(cuCtxSynchronize());
  EXPECT_EQ(rows[4], 4);
  EXPECT_EQ(rows[5], 0xee); // between rows
  EXPECT_EQ(rows[16], 8);
  flat.Height = 13; // one row more than there is
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemcpy2D(&flat));
  flat.Height = 2;
  flat.srcPitch = 4; // rows would overlap
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemcpy2D(&flat));
  flat.srcMemoryType = CU_MEMORYTYPE_ARRAY;
  flat.srcPitch = 8;
  EXPECT_CU(CUDA_ERROR_NOT_SUPPORTED, cuMemcpy2D(&flat));
}

TEST_F(DriverMemory, FillsOfTwoDimensionsAndPitchedAllocations) {
  CUdeviceptr p = 0;
  size_t pitch = 0;
  ASSERT_CU(cuMemAllocPitch(&p, &pitch, 10, 3, 4));
  EXPECT_GE(pitch, 10u);
  EXPECT_EQ(pitch % 512, 0u);
  ASSERT_CU(cuMemsetD8(p, 0, 3 * pitch));
  ASSERT_CU(cuMemsetD2D16(p + 2, pitch, 0xabcd, 3, 2));
  std::vector<uint8_t> all(3 * pitch);
  ASSERT_CU(cuMemcpyDtoH(all.data(), p, all.size()));
  for (size_t y = 0; y < 3; ++y)
    for (size_t x = 0; x < 12; ++x) {
      bool inside = y < 2 && x >= 2 && x < 8;
      EXPECT_EQ(all[y * pitch + x], !inside ? 0
                                    : x % 2 ? 0xab
                                            : 0xcd)
          << x << " " << y;
    }
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE,
            cuMemsetD2D32(p + 2, pitch, 0, 1, 1)); // misaligned
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemsetD2D8(p, pitch, 0, 1, 4));
}

TEST_F(DriverMemory, AStreamWaitsForAValueThatAnotherWrites) {
  CUstream first, second;
  ASSERT_CU(cuStreamCreate(&first, CU_STREAM_NON_BLOCKING));
  ASSERT_CU(cuStreamCreate(&second, CU_STREAM_NON_BLOCKING));
  CUdeviceptr flag = allocate(16), p = allocate(4);
  ASSERT_CU(cuMemsetD32(flag, 0, 4));
  ASSERT_CU(cuMemsetD32(p, 1, 1));
  ASSERT_CU(cuStreamWaitValue32(second, flag, 5, CU_STREAM_WAIT_VALUE_GEQ));
  ASSERT_CU(cuStreamWaitValue64(second, flag + 8, uint64_t(1) << 40,
                                CU_STREAM_WAIT_VALUE_EQ));
  ASSERT_CU(chain(p, 2, second));
  EXPECT_CU(CUDA_ERROR_NOT_READY, cuStreamQuery(second));
  ASSERT_CU(chain(p, 3, first));
  ASSERT_CU(cuStreamWriteValue64(first, flag + 8, uint64_t(1) << 40, 0));
  ASSERT_CU(cuStreamWriteValue32(first, flag, 6, 0));
  ASSERT_CU(cuStreamSynchronize(second));
  unsigned value = 0;
  ASSERT_CU(cuMemcpyDtoH(&value, p, 4));
  EXPECT_EQ(value, chained(1, 5));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuStreamWriteValue32(first, 4, 0, 0));
}

TEST_F(DriverMemory, TheDeviceTellsWhatItCan) {
  auto attribute = [](CUdevice_attribute which) {
    int value = -1;
    EXPECT_CU(CUDA_SUCCESS, cuDeviceGetAttribute(&value, which, 0));
    return value;
  };
  EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH), 1);
  EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH), 1);
  EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED), 1);
  EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_TENSOR_MAP_ACCESS_SUPPORTED), 1);
  EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY), 1);
  EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE), 128 << 20);
  EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY), 0);
  int peer = -1;
  ASSERT_CU(cuDeviceCanAccessPeer(&peer, 0, 0));
  EXPECT_EQ(peer, 0);
  char bus[16];
  CUdevice device = -1;
  ASSERT_CU(cuDeviceGetPCIBusId(bus, sizeof bus, 0));
  ASSERT_CU(cuDeviceGetByPCIBusId(&device, bus));
  EXPECT_EQ(device, 0);
}

TEST_F(DriverMemory, CopiesOfUnknownSidesRefuseDeadRangesByName) {
  CUdeviceptr dead = allocate(64), live = allocate(64);
  ASSERT_CU(cuMemsetD8(live, 1, 64));
  ASSERT_CU(cuMemFree(dead));
  auto refused = [&](CUresult status, const char *why) {
    EXPECT_EQ(status, CUDA_ERROR_INVALID_VALUE);
    EXPECT_NE(std::string(nyblEmuLastMessage()).find(why), std::string::npos)
        << nyblEmuLastMessage();
  };
  refused(cuMemcpy(dead, live, 64), "freed");
  refused(cuMemcpy(live, dead, 64), "freed");
  refused(cuMemcpyAsync(live + 64, live, 4, nullptr), "offset 64 of a buffer");
  refused(cuMemcpyPeer(live + (1ull << 36), context, live, context, 4),
          "where no buffer lies");
  refused(cuMemcpy(live, 16, 4), "0x10");
  CUDA_MEMCPY2D copy = {};
  copy.srcMemoryType = copy.dstMemoryType = CU_MEMORYTYPE_UNIFIED;
  copy.srcDevice = dead;
  copy.dstDevice = live;
  copy.WidthInBytes = 8;
  copy.Height = 2;
  refused(cuMemcpy2D(&copy), "freed");
  char host[64] = {};
  ASSERT_CU(cuMemcpy(reinterpret_cast<CUdeviceptr>(host), live, 64));
  EXPECT_EQ(host[63], 1);
}

/// spin(p) waits for p[0], set(p) sets it; by atomics, for they run in threads.
const char *const waitingKernels = R"(
.version 8.7
.target sm_90
.address_size 64
.visible .entry spin(.param .u64 p) {
  .reg .b64 %q; .reg .b32 %a; .reg .pred %z;
  ld.param.u64 %q, [p];
$again:
  atom.acquire.sys.global.or.b32 %a, [%q], 0;
  setp.eq.u32 %z, %a, 0;
  @%z bra $again;
  ret;
}
.visible .entry set(.param .u64 p) {
  .reg .b64 %q;
  ld.param.u64 %q, [p];
  red.release.sys.global.or.b32 [%q], 1;
  ret;
}
)";
TEST_F(DriverMemory, WhatIsFreedInOneStreamDoesNotWaitForKernelsOfAnother) {
  CUmodule own, other;
  CUfunction spin, set;
  ASSERT_CU(cuModuleLoadData(&own, waitingKernels));
  ASSERT_CU(cuModuleLoadData(&other, testKernels));
  ASSERT_CU(cuModuleGetFunction(&spin, own, "spin"));
  ASSERT_CU(cuModuleGetFunction(&set, own, "set"));
  CUstream first, second;
  ASSERT_CU(cuStreamCreate(&first, CU_STREAM_NON_BLOCKING));
  ASSERT_CU(cuStreamCreate(&second, CU_STREAM_NON_BLOCKING));
  CUdeviceptr p = allocate(4), q = 0;
  ASSERT_CU(cuMemsetD32(p, 0, 1));
  void *parameters[] = {&p};
  ASSERT_CU(cuLaunchKernel(spin, 1, 1, 1, 1, 1, 1, 0, first, parameters, 0));
  ASSERT_CU(cuMemAllocAsync(&q, 1 << 20, second));
  ASSERT_CU(cuMemFreeAsync(q, second));
  ASSERT_CU(cuModuleUnload(other));
  EXPECT_CU(CUDA_SUCCESS, cuStreamSynchronize(second));
  EXPECT_CU(CUDA_ERROR_NOT_READY, cuStreamQuery(first));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemcpy(q, p, 4)); // dead already
  ASSERT_CU(cuLaunchKernel(set, 1, 1, 1, 1, 1, 1, 0, second, parameters, 0));
  EXPECT_CU(CUDA_SUCCESS, cuCtxSynchronize());
  EXPECT_EQ(nyblEmuReportCount(), 0u);
}

TEST_F(DriverMemory, PageLockedMemoryKeepsItsFlags) {
  void *p = nullptr;
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemHostAlloc(&p, 64, 0xf0));
  for (unsigned given : {0u, unsigned(CU_MEMHOSTALLOC_WRITECOMBINED)}) {
    ASSERT_CU(cuMemHostAlloc(&p, 64, given));
    unsigned flags = 99;
    ASSERT_CU(cuMemHostGetFlags(&flags, static_cast<char *>(p) + 63));
    EXPECT_EQ(flags, given);
    ASSERT_CU(cuMemFreeHost(p));
  }
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemHostRegister(&p, 8, 0x100));
}

TEST_F(DriverMemory, OutputsLieWithinTheirAllocation) {
  CUdeviceptr p = allocate(100);
  EXPECT_CU(CUDA_SUCCESS, nyblEmuDeclareOutput(p, "d", 5, 5, 20, 4));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE,
            nyblEmuDeclareOutput(p, "d", 6, 5, 20, 4));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE,
            nyblEmuDeclareOutput(p, "d", UINT64_MAX, 5, 20, 4));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE,
            nyblEmuDeclareOutput(p, "d", 0, 5, 20, 4));
  EXPECT_CU(CUDA_SUCCESS, nyblEmuDeclareOutput(p + 40, "d", 1, 15, 60, 4));
}

} // namespace
