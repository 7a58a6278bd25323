// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A driver that executes nothing and takes no time, so that what is left of a
// launch is ours. Encoding a tensor map alone takes as long as it is told to.

#include "bench/StubDriver.h"
#include <atomic>
#include <chrono>
#include <cstring>
#include <cuda.h>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

std::atomic<int64_t> encodeNanoseconds{0};
thread_local uint64_t encodes = 0; // a counter for all would be waited for
int something;                     // every handle points here

template <typename Handle>
CUresult give(Handle *handle) {
  *handle = reinterpret_cast<Handle>(&something);
  return CUDA_SUCCESS;
}

} // namespace

EXPORT void nyblStubEncodeTakes(int64_t nanoseconds) {
  encodeNanoseconds = nanoseconds;
}
EXPORT uint64_t nyblStubEncodes() { return encodes; }

EXPORT CUresult cuInit(unsigned) { return CUDA_SUCCESS; }
EXPORT CUresult cuDriverGetVersion(int *version) {
  *version = 13000;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuGetErrorName(CUresult, const char **text) {
  *text = "CUDA_ERROR_OF_THE_STUB";
  return CUDA_SUCCESS;
}
EXPORT CUresult cuGetErrorString(CUresult, const char **text) {
  *text = "the stub has no such function";
  return CUDA_SUCCESS;
}
EXPORT CUresult cuDeviceGet(CUdevice *device, int) {
  *device = 0;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuDeviceGetCount(int *count) {
  *count = 1;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuDeviceGetName(char *name, int size, CUdevice) {
  std::strncpy(name, "stub", static_cast<size_t>(size));
  return CUDA_SUCCESS;
}
EXPORT CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute which,
                                     CUdevice) {
  *value = which == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR ? 12
           : which == CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT   ? 188
           : which == CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
               ? 99 * 1024
               : 0;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice) {
  return give(context);
}
EXPORT CUresult cuDevicePrimaryCtxRelease(CUdevice) { return CUDA_SUCCESS; }
EXPORT CUresult cuCtxPushCurrent(CUcontext) { return CUDA_SUCCESS; }
EXPORT CUresult cuCtxPopCurrent(CUcontext *context) { return give(context); }
EXPORT CUresult cuModuleLoadDataEx(CUmodule *module, const void *, unsigned,
                                   CUjit_option *, void **) {
  return give(module);
}
EXPORT CUresult cuModuleUnload(CUmodule) { return CUDA_SUCCESS; }
EXPORT CUresult cuModuleGetFunction(CUfunction *function, CUmodule,
                                    const char *) {
  return give(function);
}
EXPORT CUresult cuFuncSetAttribute(CUfunction, CUfunction_attribute, int) {
  return CUDA_SUCCESS;
}
EXPORT CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *count,
                                                            CUfunction, int,
                                                            size_t) {
  *count = 1;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuLaunchKernel(CUfunction, unsigned, unsigned, unsigned,
                               unsigned, unsigned, unsigned, unsigned, CUstream,
                               void **, void **) {
  return CUDA_SUCCESS;
}
EXPORT CUresult cuLaunchKernelEx(const CUlaunchConfig *, CUfunction, void **,
                                 void **) {
  return CUDA_SUCCESS;
}
EXPORT CUresult cuTensorMapEncodeTiled(
    CUtensorMap *map, CUtensorMapDataType, cuuint32_t, void *address,
    const cuuint64_t *, const cuuint64_t *, const cuuint32_t *,
    const cuuint32_t *, CUtensorMapInterleave, CUtensorMapSwizzle,
    CUtensorMapL2promotion, CUtensorMapFloatOOBfill) {
  ++encodes;
  for (auto &word : map->opaque)
    word = reinterpret_cast<uint64_t>(address);
  auto until = std::chrono::steady_clock::now() +
               std::chrono::nanoseconds(encodeNanoseconds);
  while (std::chrono::steady_clock::now() < until)
    ;
  return CUDA_SUCCESS;
}

// The runtime asks for these too; a launch needs none of them.
EXPORT CUresult cuMemAlloc(CUdeviceptr *, size_t) {
  return CUDA_ERROR_NOT_SUPPORTED;
}
EXPORT CUresult cuMemFree(CUdeviceptr) { return CUDA_ERROR_NOT_SUPPORTED; }
EXPORT CUresult cuMemcpyHtoD(CUdeviceptr, const void *, size_t) {
  return CUDA_ERROR_NOT_SUPPORTED;
}
EXPORT CUresult cuMemcpyDtoH(void *, CUdeviceptr, size_t) {
  return CUDA_ERROR_NOT_SUPPORTED;
}
EXPORT CUresult cuMemsetD8(CUdeviceptr, unsigned char, size_t) {
  return CUDA_ERROR_NOT_SUPPORTED;
}
EXPORT CUresult cuStreamCreate(CUstream *, unsigned) {
  return CUDA_ERROR_NOT_SUPPORTED;
}
EXPORT CUresult cuStreamDestroy(CUstream) { return CUDA_ERROR_NOT_SUPPORTED; }
EXPORT CUresult cuStreamSynchronize(CUstream) {
  return CUDA_ERROR_NOT_SUPPORTED;
}
