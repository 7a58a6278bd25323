// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loading and launching through the driver API: results, refusals, findings
// that become context errors, poison end to end.

#include "tests/Emulator/DriverFixture.h"

#include <cstring>

using DriverLaunch = DriverTest;

static std::vector<float> ramp(int n, float step) {
  std::vector<float> values(n);
  for (int i = 0; i < n; ++i)
    values[i] = step * static_cast<float>(i);
  return values;
}

TEST_F(DriverLaunch, AddsVectorsWithATail) {
  constexpr int n = 1000;
  auto x = ramp(n, 1), y = ramp(n, 0.5f);
  CUdeviceptr a = allocate(4 * n), b = allocate(4 * n), c = allocate(4 * n);
  ASSERT_CU(cuMemcpyHtoD(a, x.data(), 4 * n));
  ASSERT_CU(cuMemcpyHtoD(b, y.data(), 4 * n));
  ASSERT_CU(add(a, b, c, n));
  std::vector<float> z(n);
  ASSERT_CU(cuMemcpyDtoH(z.data(), c, 4 * n));
  for (int i = 0; i < n; ++i)
    ASSERT_EQ(z[i], x[i] + y[i]) << i;
  EXPECT_EQ(nyblEmuReportCount(), 0u);
  nyblEmuCounts counts = {};
  counts.size = sizeof counts;
  ASSERT_CU(nyblEmuCounters(&counts));
  EXPECT_EQ(counts.globalLoads, 64u); // 2 loads x 32 warps
  EXPECT_EQ(counts.globalStores, 32u);
}

TEST_F(DriverLaunch, TakesParametersFromTheExtraBuffer) {
  float one = 1;
  struct {
    CUdeviceptr a, b, c;
    int n;
  } packed = {allocate(4), 0, allocate(4), 1};
  packed.b = packed.a;
  ASSERT_CU(cuMemcpyHtoD(packed.a, &one, 4));
  size_t size = 28;
  void *extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &packed,
                   CU_LAUNCH_PARAM_BUFFER_SIZE, &size, CU_LAUNCH_PARAM_END};
  CUfunction f = kernel("add");
  ASSERT_CU(cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 0, nullptr, nullptr, extra));
  float sum = 0;
  ASSERT_CU(cuMemcpyDtoH(&sum, packed.c, 4));
  EXPECT_EQ(sum, 2.0f);
  size = 24;
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE,
            cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 0, nullptr, nullptr, extra));
}

TEST_F(DriverLaunch, RefusesImagesThatAreNotPtxText) {
  CUmodule m;
  const unsigned char cubin[] = {0x7f, 'E', 'L', 'F', 2, 0};
  const unsigned char fatbin[16] = {0x50, 0xed, 0x55, 0xba, 1, 0, 16};
  EXPECT_CU(CUDA_ERROR_NO_BINARY_FOR_GPU, cuModuleLoadData(&m, cubin));
  EXPECT_CU(CUDA_ERROR_NO_BINARY_FOR_GPU, cuModuleLoadData(&m, fatbin));
  EXPECT_CU(CUDA_ERROR_INVALID_IMAGE, cuModuleLoadData(&m, "\x01\x02"));
  EXPECT_CU(CUDA_ERROR_INVALID_IMAGE, cuModuleLoadData(&m, ""));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuModuleLoadData(&m, nullptr));
  EXPECT_CU(CUDA_ERROR_FILE_NOT_FOUND, cuModuleLoad(&m, "no/such/file.ptx"));
}

TEST_F(DriverLaunch, LogsWhereThePtxIsWrong) {
  std::string bad = ".version 9.0\n.target sm_120a\n.address_size 64\n"
                    ".visible .entry k()\n{\n  frobnicate.u32 %r1;\n}\n";
  char log[256] = "unset";
  CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER,
                            CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void *values[] = {log, reinterpret_cast<void *>(sizeof log)};
  CUmodule m;
  EXPECT_CU(CUDA_ERROR_INVALID_PTX,
            cuModuleLoadDataEx(&m, bad.c_str(), 2, options, values));
  EXPECT_NE(std::string(log).find("6"), std::string::npos) << log;
  EXPECT_NE(std::string(log).find("frobnicate"), std::string::npos) << log;
  EXPECT_STREQ(log, nyblEmuLastMessage());
  EXPECT_EQ(reinterpret_cast<size_t>(values[1]), std::strlen(log) + 1);
  values[1] = reinterpret_cast<void *>(8);
  EXPECT_CU(CUDA_ERROR_INVALID_PTX,
            cuModuleLoadDataEx(&m, bad.c_str(), 2, options, values));
  EXPECT_EQ(std::strlen(log), 7u);
}

TEST_F(DriverLaunch, RefusesWhatTheDeviceCannotLaunch) {
  CUfunction f = kernel("narrow");
  int zero = 0;
  void *p[] = {&zero};
  auto launch = [&](unsigned gx, unsigned gy, unsigned bx, unsigned bz,
                    unsigned shared, void **parameters) {
    return cuLaunchKernel(f, gx, gy, 1, bx, 1, bz, shared, nullptr, parameters,
                          nullptr);
  };
  EXPECT_CU(CUDA_SUCCESS, launch(1, 1, 64, 1, 0, p));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, launch(0, 1, 32, 1, 0, p));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, launch(1, 65536, 32, 1, 0, p));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, launch(1, 1, 1025, 1, 0, p));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, launch(1, 1, 1, 65, 0, p));
  EXPECT_CU(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, launch(1, 1, 65, 1, 0, p));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, launch(1, 1, 32, 1, 0, nullptr));
  EXPECT_CU(CUDA_SUCCESS, launch(1, 1, 32, 1, 48 * 1024 - 1024, p));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, launch(1, 1, 32, 1, 48 * 1024, p));
  auto most = CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuFuncSetAttribute(f, most, 99 * 1024));
  EXPECT_CU(CUDA_SUCCESS, cuFuncSetAttribute(f, most, 98 * 1024));
  EXPECT_CU(CUDA_SUCCESS, launch(1, 1, 32, 1, 98 * 1024, p));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, launch(1, 1, 32, 1, 98 * 1024 + 1, p));
  EXPECT_CU(CUDA_ERROR_INVALID_HANDLE,
            cuLaunchKernel(reinterpret_cast<CUfunction>(module), 1, 1, 1, 1, 1,
                           1, 0, nullptr, p, nullptr));
  EXPECT_CU(CUDA_SUCCESS, cuCtxSynchronize());
}

/// Stores where its dynamic shared memory begins (by either name), and what it
/// stored to and loaded from the byte `at` of it.
static std::string dynamicKernel(int align) {
  return ".version 8.7\n.target sm_120a\n.address_size 64\n"
         ".extern .shared .align " +
         std::to_string(align) +
         R"( .b8 dynamic[];
.extern .shared .align 1 .b8 same[];
.visible .entry touch(.param .u64 out, .param .u32 at)
{
  .reg .b32 %r<8>;
  .reg .b64 %d<2>;
  .shared .align 8 .b64 own;
  ld.param.u64 %d1, [out];
  ld.param.u32 %r1, [at];
  mov.u32 %r2, own;
  st.shared.b32 [%r2], %r1;
  mov.u32 %r3, same;
  st.global.b32 [%d1], %r3;
  mov.u32 %r3, dynamic;
  st.global.b32 [%d1+8], %r3;
  add.u32 %r4, %r3, %r1;
  mov.u32 %r5, 77;
  st.shared.b8 [%r4], %r5;
  ld.shared.u8 %r6, [%r4];
  st.global.b32 [%d1+4], %r6;
  ret;
}
)";
}

TEST_F(DriverLaunch, DynamicSharedMemoryIsAlignedAsItsVariableAsks) {
  // Static memory as ptxas 13.0 counts it: what aligns the rest belongs to it.
  for (auto [align, begin] :
       {std::pair(1024, 1024), {128, 128}, {16, 16}, {1, 16}}) {
    CUmodule m;
    CUfunction f;
    ASSERT_CU(cuModuleLoadData(&m, dynamicKernel(align).c_str()));
    ASSERT_CU(cuModuleGetFunction(&f, m, "touch"));
    int own = 0, most = 99 * 1024 - begin;
    ASSERT_CU(cuFuncGetAttribute(&own, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, f));
    EXPECT_EQ(own, begin);
    auto asked = CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
    EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuFuncSetAttribute(f, asked, most + 1));
    ASSERT_CU(cuFuncSetAttribute(f, asked, most));
    CUdeviceptr out = allocate(12);
    int at = most - 1;
    void *parameters[] = {&out, &at};
    auto launch = [&] {
      EXPECT_CU(CUDA_SUCCESS, cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, most, nullptr,
                                             parameters, nullptr));
    };
    launch();
    uint32_t words[3] = {};
    ASSERT_CU(cuMemcpyDtoH(words, out, 12));
    EXPECT_EQ(words[0], uint32_t(begin));
    EXPECT_EQ(words[2], uint32_t(begin));
    EXPECT_EQ(words[1], 77u) << "the last byte";
    at = most;
    launch();
    EXPECT_CU(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
    ASSERT_CU(nyblEmuResetContext());
  }
}

TEST_F(DriverLaunch, OutOfBoundsIsAStickyIllegalAddress) {
  CUdeviceptr a = allocate(4 * 64), c = allocate(4 * 63);
  ASSERT_CU(cuMemsetD8(a, 0, 4 * 64));
  ASSERT_CU(add(a, a, c, 64)); // found when it runs, not here
  EXPECT_CU(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
  CUdeviceptr more;
  EXPECT_CU(CUDA_ERROR_ILLEGAL_ADDRESS, cuMemAlloc(&more, 4));
  EXPECT_NE(std::string(nyblEmuLastMessage()).find("out of bounds"),
            std::string::npos)
      << nyblEmuLastMessage();
  EXPECT_CU(CUDA_ERROR_ILLEGAL_ADDRESS, add(a, a, a, 64));
  ASSERT_GE(reports().size(), 1u);
  std::string report = reports()[0];
  for (const char *part : {"out of bounds", "kernel add", "lane 31", "warp 1",
                           "CTA (0,0,0)", "st.global"})
    EXPECT_NE(report.find(part), std::string::npos) << report;
  ASSERT_CU(nyblEmuResetContext());
  EXPECT_CU(CUDA_SUCCESS, add(a, a, a, 64));
  EXPECT_CU(CUDA_SUCCESS, cuCtxSynchronize());
}

TEST_F(DriverLaunch, FindingsHaveTheirErrors) {
  CUdeviceptr fresh = allocate(4), freed = allocate(4), good = allocate(8);
  ASSERT_CU(cuMemsetD8(good, 0, 8));
  ASSERT_CU(cuMemFree(freed));
  ASSERT_CU(chain(freed, 1, nullptr));
  EXPECT_CU(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
  ASSERT_CU(nyblEmuResetContext());
  ASSERT_CU(chain(good + 2, 1, nullptr));
  EXPECT_CU(CUDA_ERROR_MISALIGNED_ADDRESS, cuStreamSynchronize(nullptr));
  ASSERT_CU(nyblEmuResetContext());
  ASSERT_CU(chain(fresh, 1, nullptr));
  EXPECT_CU(CUDA_ERROR_LAUNCH_FAILED, cuCtxSynchronize());
  EXPECT_NE(reports().back().find("uninitialised"), std::string::npos);
  ASSERT_CU(nyblEmuResetContext());
  ASSERT_CU(nyblEmuSetChecks(0, 1));
  ASSERT_CU(chain(fresh, 1, nullptr));
  EXPECT_CU(CUDA_SUCCESS, cuCtxSynchronize());
}

TEST_F(DriverLaunch, RacesAreFoundWhenTheyAreLookedFor) {
  CUdeviceptr p = allocate(4);
  int rounds = 1;
  void *parameters[] = {&p, &rounds};
  ASSERT_CU(nyblEmuSetRaces(1, 0));
  for (unsigned ctas : {1u, 2u}) { // two CTAs read and write one word
    ASSERT_CU(cuMemsetD32(p, 1, 1));
    ASSERT_CU(cuLaunchKernel(kernel("chain"), ctas, 1, 1, 1, 1, 1, 0, nullptr,
                             parameters, nullptr));
    EXPECT_CU(ctas == 1 ? CUDA_SUCCESS : CUDA_ERROR_LAUNCH_FAILED,
              cuCtxSynchronize());
  }
  ASSERT_FALSE(reports().empty());
  EXPECT_NE(reports().back().find("race"), std::string::npos)
      << reports().back();
}

TEST_F(DriverLaunch, PoisonThatReachesAnOutputNamesTheElement) {
  constexpr int n = 64;
  auto x = ramp(n, 1);
  CUdeviceptr a = allocate(4 * n), c = allocate(4 * n);
  ASSERT_CU(cuMemcpyHtoD(a, x.data(), 4 * n));
  ASSERT_CU(nyblEmuDeclareOutput(c, "d", 8, 8, 32, 4));
  ASSERT_CU(nyblEmuMarkPoison(a + 4 * 19 + 1, 1));
  ASSERT_CU(add(a, a, c, 19)); // does not read it
  EXPECT_CU(CUDA_SUCCESS, cuCtxSynchronize());
  ASSERT_CU(add(a, a, c, n));
  EXPECT_CU(CUDA_ERROR_LAUNCH_FAILED, cuCtxSynchronize());
  ASSERT_GE(reports().size(), 1u);
  EXPECT_NE(reports()[0].find("d[2, 3]"), std::string::npos) << reports()[0];
  ASSERT_CU(nyblEmuResetContext());
  ASSERT_CU(nyblEmuClearPoison(a + 4 * 19, 4));
  ASSERT_CU(add(a, a, c, n));
  EXPECT_CU(CUDA_SUCCESS, cuCtxSynchronize());
}

TEST_F(DriverLaunch, GlobalsAndFunctionsAreFound) {
  CUdeviceptr address = 0;
  size_t bytes = 0;
  ASSERT_CU(cuModuleGetGlobal(&address, &bytes, module, "counter"));
  EXPECT_EQ(bytes, 4u);
  unsigned value = 0;
  ASSERT_CU(cuMemcpyDtoH(&value, address, 4));
  EXPECT_EQ(value, 7u);
  EXPECT_CU(CUDA_ERROR_NOT_FOUND,
            cuModuleGetGlobal(&address, &bytes, module, "missing"));
  CUfunction f = kernel("add"), again = kernel("add");
  EXPECT_EQ(f, again);
  EXPECT_CU(CUDA_ERROR_NOT_FOUND, cuModuleGetFunction(&f, module, "missing"));
  unsigned count = 0;
  ASSERT_CU(cuModuleGetFunctionCount(&count, module));
  EXPECT_EQ(count, 3u);
  size_t offset = 0, size = 0;
  ASSERT_CU(cuFuncGetParamInfo(again, 3, &offset, &size));
  EXPECT_EQ(offset, 24u);
  EXPECT_EQ(size, 4u);
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE,
            cuFuncGetParamInfo(again, 4, &offset, &size));
  int ctas = 0;
  ASSERT_CU(cuOccupancyMaxActiveBlocksPerMultiprocessor(&ctas, again, 256, 0));
  EXPECT_EQ(ctas, 6); // 1536 threads
  ASSERT_CU(cuModuleUnload(module));
  EXPECT_CU(CUDA_ERROR_INVALID_HANDLE,
            cuFuncGetParamInfo(again, 0, &offset, &size));
}

TEST_F(DriverLaunch, LibrariesGiveKernels) {
  CUlibrary library;
  ASSERT_CU(cuLibraryLoadData(&library, testKernels, nullptr, nullptr, 0,
                              nullptr, nullptr, 0));
  CUkernel k;
  ASSERT_CU(cuLibraryGetKernel(&k, library, "chain"));
  CUfunction f;
  ASSERT_CU(cuKernelGetFunction(&f, k));
  CUdeviceptr p = allocate(4);
  ASSERT_CU(cuMemsetD32(p, 1, 1));
  int rounds = 2;
  void *parameters[] = {&p, &rounds};
  CUlaunchAttribute overlap = {};
  overlap.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
  overlap.value.programmaticStreamSerializationAllowed = 1;
  CUlaunchConfig config = {};
  config.gridDimX = config.gridDimY = config.gridDimZ = 1;
  config.blockDimX = config.blockDimY = config.blockDimZ = 1;
  config.attrs = &overlap;
  config.numAttrs = 1;
  ASSERT_CU(cuLaunchKernelEx(&config, f, parameters, nullptr));
  unsigned value = 0;
  ASSERT_CU(cuMemcpyDtoH(&value, p, 4));
  EXPECT_EQ(value, (1664525u + 1013904223u) * 1664525u + 1013904223u);
  ASSERT_CU(cuLibraryUnload(library));
  EXPECT_CU(CUDA_ERROR_INVALID_HANDLE, cuLibraryUnload(library));
}

TEST_F(DriverLaunch, EachFindingIsOneLine) {
  const char *text = ".version 8.7\n.target sm_90\n.address_size 64\n"
                     ".visible .entry k() {\n .reg .b64 %q;\n mov.u64 %q, 4;\n"
                     " st.global.v2.u32\n   [%q],\n\t{1,\n 2};\n ret;\n}\n";
  CUmodule own;
  CUfunction f;
  ASSERT_CU(cuModuleLoadData(&own, text));
  ASSERT_CU(cuModuleGetFunction(&f, own, "k"));
  ASSERT_CU(cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr));
  EXPECT_NE(CUDA_SUCCESS, cuCtxSynchronize());
  ASSERT_EQ(reports().size(), 1u);
  EXPECT_EQ(reports()[0].find_first_of("\n\t"), std::string::npos)
      << reports()[0];
}

TEST_F(DriverLaunch, KernelsHaveNoHeap) {
  const char *text =
      ".version 8.7\n.target sm_90\n.address_size 64\n"
      ".extern .func (.param .b64 r) malloc (.param .b64 bytes);\n"
      ".visible .entry k() {\n .reg .b64 %q;\n"
      " { .param .b64 a; st.param.b64 [a], 64; .param .b64 r;\n"
      "   call.uni (r), malloc, (a); ld.param.b64 %q, [r]; }\n ret;\n}\n";
  CUmodule own;
  EXPECT_CU(CUDA_ERROR_INVALID_PTX, cuModuleLoadData(&own, text));
  EXPECT_NE(std::string(nyblEmuLastMessage()).find("no heap"),
            std::string::npos)
      << nyblEmuLastMessage();
}
