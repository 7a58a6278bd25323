// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Questions and settings of one kernel, and occupancy.

#include "tools/emulator/Driver/State.h"

#include <algorithm>

using namespace nybl::emu;

static std::shared_ptr<Function> findFunction(Entry &entry, CUfunction handle) {
  if (entry.status != CUDA_SUCCESS)
    return nullptr;
  auto function = entry.state->functions.find(handle);
  if (!function)
    entry.status =
        refuse(CUDA_ERROR_INVALID_HANDLE, "expected a function of a module "
                                          "that is still loaded");
  return function;
}

/// Dynamic shared memory a launch may ask for once the kernel has opted in.
static int mostDynamicShared(const State &s, const KernelInfo &kernel) {
  return std::max(0, static_cast<int>(s.settings.chip->sharedPerCtaOptIn) -
                         static_cast<int>(kernel.staticShared));
}

/// The same without opting in.
static int plainDynamicShared(const State &s, const KernelInfo &kernel) {
  return std::max(0, static_cast<int>(s.settings.chip->sharedPerCta) -
                         static_cast<int>(kernel.staticShared));
}

/// Registers do not exist before ptxas; their count is given as 0.
static bool functionAttribute(const State &s, const Function &f,
                              CUfunction_attribute attribute, int &value) {
  const ChipLimits &chip = *s.settings.chip;
  switch (attribute) {
  case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
    value = f.kernel->maxThreads;
    return true;
  case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES:
    value = f.kernel->staticShared;
    return true;
  case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES:
    value = f.kernel->localBytes;
    return true;
  case CU_FUNC_ATTRIBUTE_PTX_VERSION:
  case CU_FUNC_ATTRIBUTE_BINARY_VERSION:
    value = chip.major * 10 + chip.minor;
    return true;
  case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
    value = std::max<int>(f.maxDynamicShared, plainDynamicShared(s, *f.kernel));
    return true;
  case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
    value = f.carveout;
    return true;
  case CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE:
    value = f.clusterScheduling;
    return true;
  default:
    value = 0;
    return attribute >= 0 && attribute < CU_FUNC_ATTRIBUTE_MAX;
  }
}

CUresult CUDAAPI cuFuncGetAttribute(int *value, CUfunction_attribute attribute,
                                    CUfunction handle) {
  Entry entry = enterContext();
  auto function = findFunction(entry, handle);
  if (!function)
    return entry.status;
  return value && functionAttribute(*entry.state, *function, attribute, *value)
             ? CUDA_SUCCESS
             : CUDA_ERROR_INVALID_VALUE;
}

static CUresult setDynamicShared(const State &s, Function &f, int bytes) {
  int most = mostDynamicShared(s, *f.kernel);
  if (bytes < 0 || bytes > most)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "kernel " + f.kernel->name + ": expected at most " +
                      std::to_string(most) +
                      " bytes of dynamic shared memory on " +
                      s.settings.chip->name + ", got " + std::to_string(bytes));
  f.maxDynamicShared = bytes;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuFuncSetAttribute(CUfunction handle,
                                    CUfunction_attribute attribute, int value) {
  Entry entry = enterContext();
  auto function = findFunction(entry, handle);
  if (!function)
    return entry.status;
  switch (attribute) {
  case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
    return setDynamicShared(*entry.state, *function, value);
  case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
    if (value < -1 || value > 100)
      return CUDA_ERROR_INVALID_VALUE;
    function->carveout = value;
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE:
    function->clusterScheduling = value;
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED:
    return refuse(CUDA_ERROR_NOT_SUPPORTED,
                  "clusters are not supported by this emulated driver");
  default:
    return refuse(CUDA_ERROR_INVALID_VALUE, "function attribute " +
                                                std::to_string(attribute) +
                                                " cannot be set");
  }
}

CUresult CUDAAPI cuFuncSetCacheConfig(CUfunction handle, CUfunc_cache) {
  Entry entry = enterContext();
  findFunction(entry, handle);
  return entry.status;
}

CUresult CUDAAPI cuFuncGetParamInfo(CUfunction handle, size_t index,
                                    size_t *offset, size_t *size) {
  Entry entry = enterContext();
  auto function = findFunction(entry, handle);
  if (!function)
    return entry.status;
  // How a caller counts the parameters: it asks until this refuses.
  if (!offset || index >= function->kernel->parameters.size())
    return CUDA_ERROR_INVALID_VALUE;
  *offset = function->kernel->parameters[index].offset;
  if (size)
    *size = function->kernel->parameters[index].size;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuFuncGetName(const char **name, CUfunction handle) {
  Entry entry = enterContext();
  auto function = findFunction(entry, handle);
  if (!function)
    return entry.status;
  if (!name)
    return CUDA_ERROR_INVALID_VALUE;
  *name = function->kernel->name.c_str();
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuFuncGetModule(CUmodule *module, CUfunction handle) {
  Entry entry = enterContext();
  auto function = findFunction(entry, handle);
  if (!function)
    return entry.status;
  if (!module)
    return CUDA_ERROR_INVALID_VALUE;
  *module = function->moduleHandle;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuKernelGetFunction(CUfunction *function, CUkernel kernel) {
  Entry entry = enterContext();
  auto handle = reinterpret_cast<CUfunction>(kernel);
  if (!findFunction(entry, handle))
    return entry.status;
  if (!function)
    return CUDA_ERROR_INVALID_VALUE;
  *function = handle;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuKernelGetAttribute(int *value,
                                      CUfunction_attribute attribute,
                                      CUkernel kernel, CUdevice device) {
  if (device != 0)
    return CUDA_ERROR_INVALID_DEVICE;
  return cuFuncGetAttribute(value, attribute,
                            reinterpret_cast<CUfunction>(kernel));
}

CUresult CUDAAPI cuKernelSetAttribute(CUfunction_attribute attribute, int value,
                                      CUkernel kernel, CUdevice device) {
  if (device != 0)
    return CUDA_ERROR_INVALID_DEVICE;
  return cuFuncSetAttribute(reinterpret_cast<CUfunction>(kernel), attribute,
                            value);
}

CUresult CUDAAPI cuKernelGetName(const char **name, CUkernel kernel) {
  return cuFuncGetName(name, reinterpret_cast<CUfunction>(kernel));
}

CUresult CUDAAPI cuKernelGetParamInfo(CUkernel kernel, size_t index,
                                      size_t *offset, size_t *size) {
  return cuFuncGetParamInfo(reinterpret_cast<CUfunction>(kernel), index, offset,
                            size);
}

/// CTAs that one multiprocessor holds at a time: threads in whole warps, shared
/// memory with the 1 KiB that the system takes of each CTA, and the plain
/// limit. Registers are not counted.
static int residentCtas(const ChipLimits &chip, const KernelInfo &kernel,
                        int threads, size_t dynamicShared) {
  if (threads > static_cast<int>(kernel.maxThreads))
    return 0;
  size_t shared = kernel.staticShared + dynamicShared;
  if (shared > chip.sharedPerCtaOptIn)
    return 0;
  int whole = (threads + 31) / 32 * 32;
  size_t byShared = chip.sharedPerMultiprocessor / (shared + 1024);
  size_t byThreads = chip.threadsPerMultiprocessor / whole;
  return static_cast<int>(std::min(
      {byShared, byThreads, static_cast<size_t>(chip.ctasPerMultiprocessor)}));
}

CUresult CUDAAPI cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
    int *ctas, CUfunction handle, int threads, size_t dynamicShared,
    unsigned int) {
  Entry entry = enterContext();
  auto function = findFunction(entry, handle);
  if (!function)
    return entry.status;
  if (!ctas || threads <= 0)
    return CUDA_ERROR_INVALID_VALUE;
  *ctas = residentCtas(*entry.state->settings.chip, *function->kernel, threads,
                       dynamicShared);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuOccupancyMaxActiveBlocksPerMultiprocessor(
    int *ctas, CUfunction handle, int threads, size_t dynamicShared) {
  return cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
      ctas, handle, threads, dynamicShared, CU_OCCUPANCY_DEFAULT);
}
