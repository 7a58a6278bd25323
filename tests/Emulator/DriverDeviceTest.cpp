// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The device, contexts, memory, handles, lookup, and the environment.

#include "tests/Emulator/DriverFixture.h"

#include <cstdlib>
#include <cstring>
#include <dlfcn.h>

using DriverDevice = DriverTest;

static int attribute(CUdevice_attribute which) {
  int value = -1;
  EXPECT_CU(CUDA_SUCCESS, cuDeviceGetAttribute(&value, which, 0));
  return value;
}

TEST_F(DriverDevice, IsOneOfTheDefaultChip) {
  int count = 0, version = 0;
  ASSERT_CU(cuDeviceGetCount(&count));
  EXPECT_EQ(count, 1);
  ASSERT_CU(cuDriverGetVersion(&version));
  EXPECT_GE(version, 13000);
  char name[64], cut[6];
  ASSERT_CU(cuDeviceGetName(name, sizeof name, 0));
  EXPECT_STREQ(name, "Nybl emulated RTX PRO 6000");
  ASSERT_CU(cuDeviceGetName(cut, sizeof cut, 0));
  EXPECT_STREQ(cut, "Nybl ");
  EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR), 12);
  EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR), 0);
  EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT), 188);
  EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN),
            101376);
  EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_WARP_SIZE), 32);
  int value;
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE,
            cuDeviceGetAttribute(&value, CUdevice_attribute(0), 0));
  EXPECT_CU(CUDA_ERROR_INVALID_DEVICE,
            cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_WARP_SIZE, 1));
  CUdevice device;
  EXPECT_CU(CUDA_ERROR_INVALID_DEVICE, cuDeviceGet(&device, 1));
}

TEST_F(DriverDevice, NamesItsErrors) {
  const char *text = nullptr;
  ASSERT_CU(cuGetErrorName(CUDA_ERROR_ILLEGAL_ADDRESS, &text));
  EXPECT_STREQ(text, "CUDA_ERROR_ILLEGAL_ADDRESS");
  ASSERT_CU(cuGetErrorString(CUDA_ERROR_INVALID_PTX, &text));
  EXPECT_STREQ(text, "the PTX was refused");
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuGetErrorName(CUresult(12345), &text));
  EXPECT_EQ(text, nullptr);
}

TEST_F(DriverDevice, ContextsStackPerThread) {
  CUcontext own, got;
  ASSERT_CU(cuCtxCreate(&own, nullptr, 0, 0));
  ASSERT_CU(cuCtxGetCurrent(&got));
  EXPECT_EQ(got, own);
  ASSERT_CU(cuCtxPopCurrent(&got));
  EXPECT_EQ(got, own);
  ASSERT_CU(cuCtxGetCurrent(&got));
  EXPECT_EQ(got, context);
  ASSERT_CU(cuCtxPushCurrent(own));
  CUdeviceptr p = allocate(16);
  ASSERT_CU(cuCtxDestroy(own));
  ASSERT_CU(cuCtxGetCurrent(&got));
  EXPECT_EQ(got, context);
  EXPECT_CU(CUDA_ERROR_INVALID_CONTEXT, cuCtxPushCurrent(own));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemFree(p)); // went with its context
  EXPECT_CU(CUDA_ERROR_INVALID_CONTEXT, cuCtxDestroy(context));
}

TEST_F(DriverDevice, ThePrimaryContextLivesWhileRetained) {
  CUcontext again;
  unsigned flags;
  int active = 0;
  ASSERT_CU(cuDevicePrimaryCtxRetain(&again, 0));
  EXPECT_EQ(again, context);
  ASSERT_CU(cuDevicePrimaryCtxRelease(0));
  ASSERT_CU(cuDevicePrimaryCtxGetState(0, &flags, &active));
  EXPECT_EQ(active, 1);
  ASSERT_CU(cuDevicePrimaryCtxRelease(0));
  ASSERT_CU(cuDevicePrimaryCtxGetState(0, &flags, &active));
  EXPECT_EQ(active, 0);
  CUdeviceptr p;
  EXPECT_CU(CUDA_ERROR_CONTEXT_IS_DESTROYED, cuMemAlloc(&p, 4));
  EXPECT_CU(CUDA_ERROR_INVALID_CONTEXT, cuDevicePrimaryCtxRelease(0));
}

TEST_F(DriverDevice, CopiesAndFills) {
  CUdeviceptr a = allocate(64), b = allocate(64);
  ASSERT_CU(cuMemsetD16(a, 0xabcd, 32));
  ASSERT_CU(cuMemsetD8(a + 1, 0x11, 1));
  ASSERT_CU(cuMemcpyDtoD(b, a, 64));
  uint8_t out[64];
  ASSERT_CU(cuMemcpy(reinterpret_cast<CUdeviceptr>(out), b, 64));
  EXPECT_EQ(out[0], 0xcd);
  EXPECT_EQ(out[1], 0x11);
  EXPECT_EQ(out[63], 0xab);
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD(a + 1, out, 64));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoH(out, 1, 4));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoH(nullptr, a, 4));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemsetD32(a + 2, 0, 1));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemsetD32(a, 0, SIZE_MAX / 2));
  EXPECT_CU(CUDA_SUCCESS, cuMemcpyHtoD(a, nullptr, 0));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemFree(a + 4));
  EXPECT_CU(CUDA_SUCCESS, cuMemFree(0));
}

TEST_F(DriverDevice, CountsItsMemory) {
  size_t before, after, total;
  ASSERT_CU(cuMemGetInfo(&before, &total));
  EXPECT_EQ(total, size_t(16384) << 20);
  CUdeviceptr p = allocate(4096);
  ASSERT_CU(cuMemGetInfo(&after, &total));
  EXPECT_EQ(before - after, 4096u);
  EXPECT_CU(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc(&p, total));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemAlloc(&p, 0));
}

TEST_F(DriverDevice, KnowsItsPointers) {
  CUdeviceptr p = allocate(100), base = 0;
  CUcontext owner = nullptr;
  unsigned type = 0;
  size_t bytes = 0;
  CUpointer_attribute which[] = {
      CU_POINTER_ATTRIBUTE_CONTEXT, CU_POINTER_ATTRIBUTE_MEMORY_TYPE,
      CU_POINTER_ATTRIBUTE_RANGE_START_ADDR, CU_POINTER_ATTRIBUTE_RANGE_SIZE};
  void *to[] = {&owner, &type, &base, &bytes};
  ASSERT_CU(cuPointerGetAttributes(4, which, to, p + 7));
  EXPECT_EQ(owner, context);
  EXPECT_EQ(type, unsigned(CU_MEMORYTYPE_DEVICE));
  EXPECT_EQ(base, p);
  EXPECT_EQ(bytes, 100u);
  auto here = reinterpret_cast<CUdeviceptr>(&type);
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE,
            cuPointerGetAttribute(&type, which[1], here));
  static char buffer[64];
  ASSERT_CU(cuMemHostRegister(buffer, sizeof buffer, 0));
  EXPECT_CU(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED,
            cuMemHostRegister(buffer + 8, 8, 0));
  ASSERT_CU(cuPointerGetAttribute(&type, which[1],
                                  reinterpret_cast<CUdeviceptr>(buffer + 8)));
  EXPECT_EQ(type, unsigned(CU_MEMORYTYPE_HOST));
  ASSERT_CU(cuMemHostUnregister(buffer));
}

TEST_F(DriverDevice, LooksUpTheFormThatAVersionKnows) {
  CUdriverProcAddressQueryResult found;
  void *address = nullptr;
  void *library = dlopen(NYBL_BINARY_DIR "/lib/emu/libcuda.so.1", RTLD_NOW);
  ASSERT_NE(library, nullptr) << dlerror();
  auto lookUp = [&](const char *name, int version) {
    return cuGetProcAddress(name, &address, version, 0, &found);
  };
  ASSERT_CU(lookUp("cuMemAlloc", 12000));
  EXPECT_EQ(address, dlsym(library, "cuMemAlloc_v2"));
  ASSERT_CU(lookUp("cuCtxCreate", 13000));
  EXPECT_EQ(address, dlsym(library, "cuCtxCreate_v4"));
  ASSERT_CU(lookUp("cuCtxCreate", 11030));
  EXPECT_EQ(address, dlsym(library, "cuCtxCreate_v2"));
  EXPECT_CU(CUDA_ERROR_NOT_FOUND, lookUp("cuCtxCreate", 12000));
  EXPECT_CU(CUDA_ERROR_NOT_FOUND, lookUp("cuLibraryLoadData", 11000));
  EXPECT_EQ(found, CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT);
  EXPECT_CU(CUDA_ERROR_NOT_FOUND, lookUp("cuNoSuchThing", 13000));
  EXPECT_EQ(found, CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND);
  EXPECT_EQ(address, nullptr);
}

/// In a process of its own: the environment is read once.
static void initialiseWith(const char *variable, const char *value) {
  setenv(variable, value, 1);
  CUresult status = cuInit(0);
  CUdevice device;
  if (status != CUDA_SUCCESS)
    std::exit(cuDeviceGet(&device, 0) == CUDA_ERROR_NOT_INITIALIZED ? status
                                                                    : 99);
  std::exit(attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT) % 256);
}

TEST(DriverEnvironment, BadValuesAreRefusedByName) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  testing::ExitedWithCode refused(CUDA_ERROR_INVALID_VALUE);
  EXPECT_EXIT(initialiseWith("NYBL_EMU_CHIP", "sm_89"), refused,
              "NYBL_EMU_CHIP: expected one of .*sm_120a.*got 'sm_89'");
  EXPECT_EXIT(initialiseWith("NYBL_EMU_SMS", "0"), refused, "NYBL_EMU_SMS");
  EXPECT_EXIT(initialiseWith("NYBL_EMU_THREADS", "2x"), refused,
              "NYBL_EMU_THREADS");
  EXPECT_EXIT(initialiseWith("NYBL_EMU_CHECKS", "yes"), refused,
              "NYBL_EMU_CHECKS");
  EXPECT_EXIT(initialiseWith("NYBL_EMU_POISON", ""), refused,
              "NYBL_EMU_POISON");
  EXPECT_EXIT(initialiseWith("NYBL_EMU_MEMORY_MB", "-1"), refused,
              "NYBL_EMU_MEMORY_MB");
  EXPECT_EXIT(initialiseWith("NYBL_EMU_REPORT", "on"), refused,
              "NYBL_EMU_REPORT");
}

TEST(DriverEnvironment, ChoosesTheChip) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(initialiseWith("NYBL_EMU_CHIP", "sm_100a"),
              testing::ExitedWithCode(148), "");
  EXPECT_EXIT(initialiseWith("NYBL_EMU_CHIP", "sm_121a"),
              testing::ExitedWithCode(48), "");
  EXPECT_EXIT(initialiseWith("NYBL_EMU_SMS", "3"), testing::ExitedWithCode(3),
              "");
}

TEST(DriverEnvironment, NothingWorksBeforeInit) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  auto early = [] {
    CUdeviceptr p;
    int count;
    bool refused = cuMemAlloc(&p, 4) == CUDA_ERROR_NOT_INITIALIZED &&
                   cuDeviceGetCount(&count) == CUDA_ERROR_NOT_INITIALIZED &&
                   nyblEmuMarkPoison(0, 1) == CUDA_ERROR_NOT_INITIALIZED &&
                   nyblEmuReportCount() == 0;
    std::exit(refused ? 7 : 1);
  };
  EXPECT_EXIT(early(), testing::ExitedWithCode(7), "");
}
