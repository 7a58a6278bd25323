// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Calls of the driver API that all tests with foreign kernels share.

#include "tests/Foreign/Device.h"
#include "tools/emulator/include/nybl-emu.h"

#include <cstdlib>

using namespace nybl;
using namespace nybl::foreign;

std::string foreign::driverMessage() {
  std::string all = nyblEmuLastMessage();
  char text[1024];
  for (size_t i = 0; i < nyblEmuReportCount(); ++i)
    if (nyblEmuReportText(i, text, sizeof text) == 0)
      all += std::string("\n") + text;
  return all;
}

std::string foreign::chip() {
  const char *name = std::getenv("NYBL_EMU_CHIP");
  return name ? name : "sm_120a";
}

void DeviceTest::SetUp() {
  ASSERT_CU(cuInit(0));
  CUcontext context = nullptr;
  ASSERT_CU(cuDevicePrimaryCtxRetain(&context, 0));
  ASSERT_CU(cuCtxSetCurrent(context));
}

void DeviceTest::TearDown() {
  cuCtxSetCurrent(nullptr);
  EXPECT_CU(cuDevicePrimaryCtxReset(0));
  nyblEmuClearReports();
}

CUdeviceptr DeviceTest::allocate(size_t bytes) {
  CUdeviceptr address = 0;
  EXPECT_CU(cuMemAlloc(&address, bytes));
  return address;
}

CUdeviceptr DeviceTest::upload(const std::vector<uint8_t> &bytes) {
  CUdeviceptr address = allocate(bytes.size());
  EXPECT_CU(cuMemcpyHtoD(address, bytes.data(), bytes.size()));
  return address;
}

std::vector<uint8_t> DeviceTest::download(CUdeviceptr address, size_t bytes) {
  std::vector<uint8_t> data(bytes);
  EXPECT_CU(cuMemcpyDtoH(data.data(), address, bytes));
  return data;
}

CUfunction DeviceTest::load(const std::string &ptx, const std::string &kernel) {
  CUmodule module = nullptr;
  CUfunction function = nullptr;
  EXPECT_CU(cuModuleLoadData(&module, ptx.c_str()));
  if (module) {
    EXPECT_CU(cuModuleGetFunction(&function, module, kernel.c_str()));
  }
  return function;
}

CUresult foreign::launchAndWait(CUfunction function, const Launch &launch,
                                std::vector<void *> arguments) {
  CUresult status = cuFuncSetAttribute(
      function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
      static_cast<int>(launch.shared));
  if (status)
    return status;
  CUlaunchAttribute attributes[2] = {};
  CUlaunchConfig config = {};
  config.attrs = attributes;
  const unsigned *cluster = launch.cluster;
  if (cluster[0] * cluster[1] * cluster[2] > 1) {
    CUlaunchAttribute &a = attributes[config.numAttrs++];
    a.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
    a.value.clusterDim = {cluster[0], cluster[1], cluster[2]};
  }
  if (launch.cooperative) {
    CUlaunchAttribute &a = attributes[config.numAttrs++];
    a.id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
    a.value.cooperative = 1;
  }
  config.gridDimX = launch.grid[0];
  config.gridDimY = launch.grid[1];
  config.gridDimZ = launch.grid[2];
  config.blockDimX = launch.block[0];
  config.blockDimY = launch.block[1];
  config.blockDimZ = launch.block[2];
  config.sharedMemBytes = launch.shared;
  status = cuLaunchKernelEx(&config, function, arguments.data(), nullptr);
  return status ? status : cuCtxSynchronize();
}

static CUtensorMapDataType mapType(const std::string &name) {
  if (name == "f32")
    return CU_TENSOR_MAP_DATA_TYPE_FLOAT32;
  if (name == "f16")
    return CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
  return name == "bf16" ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16
                        : CU_TENSOR_MAP_DATA_TYPE_UINT8;
}

CUresult foreign::encodeMap(CUtensorMap &map, const Json &fields,
                            CUdeviceptr address) {
  auto shape = fields["shape"].get<std::vector<cuuint64_t>>();
  auto strides = fields["strides"].get<std::vector<cuuint64_t>>();
  auto box = fields["box"].get<std::vector<cuuint32_t>>();
  std::vector<cuuint32_t> steps(shape.size(), 1);
  void *encode = nullptr;
  if (CUresult status = cuGetProcAddress("cuTensorMapEncodeTiled", &encode,
                                         12000, 0, nullptr))
    return status;
  return reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(encode)(
      &map, mapType(fields["type"]), static_cast<cuuint32_t>(shape.size()),
      reinterpret_cast<void *>(address), shape.data(), strides.data(),
      box.data(), steps.data(), CU_TENSOR_MAP_INTERLEAVE_NONE,
      static_cast<CUtensorMapSwizzle>(fields["swizzle"].get<int>()),
      CU_TENSOR_MAP_L2_PROMOTION_L2_128B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
}
