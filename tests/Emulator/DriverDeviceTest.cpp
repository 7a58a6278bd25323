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
  ASSERT_CU(lookUp("cuStreamGetCaptureInfo", 11030));
  EXPECT_EQ(address, dlsym(library, "cuStreamGetCaptureInfo_v2"));
  ASSERT_CU(lookUp("cuGraphAddKernelNode", 13000));
  EXPECT_EQ(address, dlsym(library, "cuGraphAddKernelNode_v2"));
  ASSERT_CU(lookUp("cuGraphInstantiate", 11000));
  EXPECT_EQ(address, dlsym(library, "cuGraphInstantiate_v2"));
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
  EXPECT_EXIT(initialiseWith("NYBL_EMU_SCHEDULE", "slow"), refused,
              "NYBL_EMU_SCHEDULE: expected one of eager, lazy, random, "
              "adversary, got 'slow'");
  EXPECT_EXIT(initialiseWith("NYBL_EMU_SEED", "-1"), refused, "NYBL_EMU_SEED");
  EXPECT_EXIT(initialiseWith("NYBL_EMU_NUMERICS", "exact"), refused,
              "NYBL_EMU_NUMERICS");
  EXPECT_EXIT(initialiseWith("NYBL_EMU_MAX_STEPS", "0"), refused,
              "NYBL_EMU_MAX_STEPS");
  EXPECT_EXIT(initialiseWith("NYBL_EMU_RACES", "2"), refused, "NYBL_EMU_RACES");
  EXPECT_EXIT(initialiseWith("NYBL_EMU_AXIOMS", "some"), refused,
              "NYBL_EMU_AXIOMS: expected one of all, used-load-is-complete, "
              "mma-before-cp, none, got 'some'");
  EXPECT_EXIT(initialiseWith("NYBL_EMU_COUNT", "yes"), refused,
              "NYBL_EMU_COUNT");
  EXPECT_EXIT(initialiseWith("NYBL_EMU_RACE", "1"), refused,
              "NYBL_EMU_RACE: no such variable; there are .*NYBL_EMU_RACES");
}

/// A kernel that never ends, with 10000 steps for each CTA.
static void loopForEver() {
  setenv("NYBL_EMU_MAX_STEPS", "10000", 1);
  CUcontext context;
  CUmodule module;
  CUfunction f;
  if (cuInit(0) || cuCtxCreate(&context, nullptr, 0, 0) ||
      cuModuleLoadData(&module,
                       ".version 8.7\n.target sm_90\n.address_size 64\n"
                       ".visible .entry k() {\n$again:\n  bra $again;\n}\n") ||
      cuModuleGetFunction(&f, module, "k") ||
      cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr))
    std::exit(99);
  bool stopped = cuCtxSynchronize() == CUDA_ERROR_LAUNCH_TIMEOUT;
  std::exit(stopped ? 7 : 98);
}

TEST(DriverEnvironment, AStepBudgetStopsAnEndlessKernel) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(loopForEver(), testing::ExitedWithCode(7), "timeout.*kernel k");
}

/// Overwrites cells of tensor memory of which a load has been used, without
/// tcgen05.wait::ld.
static const char *const usedLoad = R"(
.version 8.7
.target sm_100a
.address_size 64
.visible .entry k() {
  .shared .align 4 .b32 at;
  .reg .b32 %r<4>;
  tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32 [at], 32;
  ld.shared.b32 %r1, [at];
  tcgen05.st.sync.aligned.32x32b.x1.b32 [%r1], {%r1};
  tcgen05.wait::st.sync.aligned;
  tcgen05.ld.sync.aligned.32x32b.x1.b32 {%r2}, [%r1];
  add.u32 %r2, %r2, 1;
  tcgen05.st.sync.aligned.32x32b.x1.b32 [%r1], {%r2};
  tcgen05.wait::st.sync.aligned;
  tcgen05.dealloc.cta_group::1.sync.aligned.b32 %r1, 32;
}
)";

/// Exits with 2 for a finding under the axioms of the variable, plus 1 for one
/// under those of the call.
static void launchWithAxioms(const char *names, unsigned bits) {
  setenv("NYBL_EMU_CHIP", "sm_100a", 1);
  setenv("NYBL_EMU_SCHEDULE", "lazy", 1);
  setenv("NYBL_EMU_AXIOMS", names, 1);
  CUcontext context;
  CUmodule module;
  CUfunction f;
  if (cuInit(0) || cuCtxCreate(&context, nullptr, 0, 0) ||
      cuModuleLoadData(&module, usedLoad) ||
      cuModuleGetFunction(&f, module, "k"))
    std::exit(99);
  auto isFound = [&] {
    cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 0, nullptr, nullptr, nullptr);
    return cuCtxSynchronize() == CUDA_ERROR_LAUNCH_FAILED;
  };
  int code = isFound() ? 2 : 0;
  nyblEmuResetContext();
  nyblEmuSetAxioms(bits);
  std::exit(code + isFound());
}

TEST(DriverEnvironment, AxiomsAreDropped) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  auto code = [](int value) { return testing::ExitedWithCode(value); };
  EXPECT_EXIT(launchWithAxioms("all", 0), code(1), "wait::ld");
  EXPECT_EXIT(launchWithAxioms("none", NYBL_EMU_AXIOM_USED_LOAD_IS_COMPLETE),
              code(2), "wait::ld");
  EXPECT_EXIT(launchWithAxioms("mma-before-cp", NYBL_EMU_AXIOM_MMA_BEFORE_CP),
              code(3), "wait::ld");
  EXPECT_EXIT(launchWithAxioms("used-load-is-complete",
                               NYBL_EMU_AXIOM_USED_LOAD_IS_COMPLETE |
                                   NYBL_EMU_AXIOM_MMA_BEFORE_CP),
              code(0), "");
}

TEST_F(DriverDevice, SchedulesAndNumericModelsAreNumbersOfTheHeader) {
  EXPECT_CU(CUDA_SUCCESS, nyblEmuSetSchedule(NYBL_EMU_SCHEDULE_RANDOM, 7));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, nyblEmuSetSchedule(4, 0));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, nyblEmuSetSchedule(-1, 0));
  EXPECT_CU(CUDA_SUCCESS, nyblEmuSetSchedule(NYBL_EMU_SCHEDULE_EAGER, 0));
  EXPECT_CU(CUDA_SUCCESS, nyblEmuSetAxioms(NYBL_EMU_AXIOM_MMA_BEFORE_CP));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, nyblEmuSetAxioms(4));
  EXPECT_CU(CUDA_SUCCESS,
            nyblEmuSetAxioms(NYBL_EMU_AXIOM_MMA_BEFORE_CP |
                             NYBL_EMU_AXIOM_USED_LOAD_IS_COMPLETE));
  EXPECT_CU(CUDA_SUCCESS, nyblEmuSetNumericModel(NYBL_EMU_NUMERICS_WIDE));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, nyblEmuSetNumericModel(4));
  EXPECT_CU(CUDA_SUCCESS, nyblEmuSetNumericModel(NYBL_EMU_NUMERICS_MMA_SIM));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, nyblEmuSetRaces(2, 0));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, nyblEmuSetCounting(-1));
}

TEST_F(DriverDevice, CountsAddressesWhenAskedTo) {
  std::vector<float> x(64, 1.0f);
  CUdeviceptr a = allocate(256), c = allocate(256);
  ASSERT_CU(cuMemcpyHtoD(a, x.data(), 256));
  for (int on : {0, 1}) {
    ASSERT_CU(nyblEmuSetCounting(on));
    ASSERT_CU(add(a, a, c, 64));
    ASSERT_CU(cuCtxSynchronize());
    nyblEmuCounts counts = {};
    counts.size = sizeof counts;
    ASSERT_CU(nyblEmuCounters(&counts));
    // Two warps, each two loads and a store of 128 bytes: 4 sectors apiece.
    EXPECT_EQ(counts.sectorsLoaded, on ? 16u : 0u);
    EXPECT_EQ(counts.bytesStored, on ? 256u : 0u);
  }
  ASSERT_CU(nyblEmuSetCounting(0));
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

TEST_F(DriverDevice, TheLastMessageIsThatOfTheLastCall) {
  CUdeviceptr p;
  EXPECT_CU(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc(&p, size_t(1) << 50));
  EXPECT_NE(std::string(nyblEmuLastMessage()).find("NYBL_EMU_MEMORY_MB"),
            std::string::npos);
  CUstream stream;
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuStreamCreate(&stream, 7));
  EXPECT_NE(std::string(nyblEmuLastMessage()).find("cuStreamCreate"),
            std::string::npos)
      << nyblEmuLastMessage();
  EXPECT_CU(CUDA_SUCCESS, cuCtxSynchronize());
  EXPECT_STREQ(nyblEmuLastMessage(), "");
  ASSERT_CU(chain(0, 1, nullptr));
  EXPECT_CU(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
  EXPECT_NE(std::string(nyblEmuLastMessage()).find("out of bounds"),
            std::string::npos);
}

TEST_F(DriverDevice, CallsThatAreNotSupportedSaySo) {
  for (const char *name :
       {"cuPointerSetAttribute", "cuMemAllocManaged", "cuMemPrefetchAsync",
        "cuMemAddressReserve", "cuMemCreate", "cuMemMap",
        "cuGraphAddMemAllocNode", "cuDeviceGetLuid", "cuStreamBatchMemOp"}) {
    void *address = nullptr;
    ASSERT_CU(cuGetProcAddress(name, &address, 13000, 0, nullptr));
    ASSERT_NE(address, nullptr);
  }
  CUdeviceptr p;
  EXPECT_CU(CUDA_ERROR_NOT_SUPPORTED,
            cuMemAllocManaged(&p, 64, CU_MEM_ATTACH_GLOBAL));
  EXPECT_STREQ(nyblEmuLastMessage(),
               "cuMemAllocManaged is not supported by this emulated driver");
}

TEST_F(DriverDevice, FlagsOfAContextChange) {
  unsigned flags = 0;
  ASSERT_CU(cuCtxSetFlags(CU_CTX_SCHED_YIELD));
  ASSERT_CU(cuCtxGetFlags(&flags));
  EXPECT_EQ(flags, unsigned(CU_CTX_SCHED_YIELD));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuCtxSetFlags(0x8000));
  ASSERT_CU(cuCtxSetFlags(0));
}
