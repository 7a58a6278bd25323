// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels and set-up of the driver tests.

#include "tests/Emulator/DriverFixture.h"

const char *const testKernels = R"(
.version 9.0
.target sm_120a
.address_size 64
.global .align 4 .u32 counter = 7;

.visible .entry add(.param .u64 .ptr .align 1 add_param_0,
  .param .u64 .ptr .align 1 add_param_1, .param .u64 .ptr .align 1 add_param_2,
  .param .u32 add_param_3)
{
  .reg .pred %p<2>;
  .reg .b32 %r<6>;
  .reg .b32 %f<4>;
  .reg .b64 %rd<11>;
  ld.param.u64 %rd1, [add_param_0];
  ld.param.u64 %rd2, [add_param_1];
  ld.param.u64 %rd3, [add_param_2];
  ld.param.u32 %r2, [add_param_3];
  mov.u32 %r3, %ctaid.x;
  mov.u32 %r4, %ntid.x;
  mov.u32 %r5, %tid.x;
  mad.lo.s32 %r1, %r3, %r4, %r5;
  setp.ge.s32 %p1, %r1, %r2;
  @%p1 bra $L__BB0_2;
  cvta.to.global.u64 %rd4, %rd1;
  cvta.to.global.u64 %rd5, %rd2;
  cvta.to.global.u64 %rd6, %rd3;
  mul.wide.s32 %rd7, %r1, 4;
  add.s64 %rd8, %rd4, %rd7;
  ld.global.f32 %f1, [%rd8];
  add.s64 %rd9, %rd5, %rd7;
  ld.global.f32 %f2, [%rd9];
  add.f32 %f3, %f1, %f2;
  add.s64 %rd10, %rd6, %rd7;
  st.global.f32 [%rd10], %f3;
$L__BB0_2:
  ret;
}

.visible .entry chain(.param .u64 chain_param_0, .param .u32 chain_param_1)
{
  .reg .pred %p<2>;
  .reg .b32 %r<4>;
  .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [chain_param_0];
  ld.param.u32 %r1, [chain_param_1];
  ld.global.u32 %r2, [%rd1];
$again:
  mad.lo.s32 %r2, %r2, 1664525, 1013904223;
  add.s32 %r1, %r1, -1;
  setp.gt.s32 %p1, %r1, 0;
  @%p1 bra $again;
  st.global.u32 [%rd1], %r2;
  ret;
}

.visible .entry narrow(.param .u32 narrow_param_0)
.maxntid 64, 1, 1
{
  .shared .align 4 .b8 room[1024];
  ret;
}
)";

void DriverTest::SetUp() {
  ASSERT_CU(cuInit(0));
  ASSERT_CU(cuDevicePrimaryCtxRetain(&context, 0));
  ASSERT_CU(cuCtxSetCurrent(context));
  ASSERT_CU(cuModuleLoadData(&module, testKernels));
}

void DriverTest::TearDown() {
  cuCtxSetCurrent(nullptr);
  EXPECT_CU(CUDA_SUCCESS, cuDevicePrimaryCtxReset(0));
  nyblEmuClearReports();
  nyblEmuSetChecks(1, 1);
  nyblEmuSetRaces(0, 0);
}

CUfunction DriverTest::kernel(const char *name) {
  CUfunction function = nullptr;
  EXPECT_CU(CUDA_SUCCESS, cuModuleGetFunction(&function, module, name));
  return function;
}

CUdeviceptr DriverTest::allocate(size_t bytes) {
  CUdeviceptr address = 0;
  EXPECT_CU(CUDA_SUCCESS, cuMemAlloc(&address, bytes));
  return address;
}

CUresult DriverTest::add(CUdeviceptr a, CUdeviceptr b, CUdeviceptr c, int n,
                         CUstream stream) {
  void *parameters[] = {&a, &b, &c, &n};
  CUfunction function;
  if (CUresult status = cuModuleGetFunction(&function, module, "add"))
    return status;
  return cuLaunchKernel(function, (n + 63) / 64, 1, 1, 64, 1, 1, 0, stream,
                        parameters, nullptr);
}

CUresult DriverTest::chain(CUdeviceptr p, int rounds, CUstream stream) {
  void *parameters[] = {&p, &rounds};
  CUfunction function;
  if (CUresult status = cuModuleGetFunction(&function, module, "chain"))
    return status;
  return cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, stream, parameters,
                        nullptr);
}

std::vector<std::string> DriverTest::reports() {
  std::vector<std::string> all;
  char text[1024];
  for (size_t i = 0; i < nyblEmuReportCount(); ++i)
    if (nyblEmuReportText(i, text, sizeof text) == 0)
      all.push_back(text);
  return all;
}
