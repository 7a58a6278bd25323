// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Questions and settings of one kernel.

#include "tools/emulator/Driver/Launch.h"

#include <algorithm>

using namespace nybl::emu;

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

static int dimensionOf(const Dim3 &cluster, CUfunction_attribute attribute) {
  if (attribute == CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH)
    return static_cast<int>(cluster.x);
  return static_cast<int>(attribute == CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_HEIGHT
                              ? cluster.y
                              : cluster.z);
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
  case CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED:
    value = f.nonPortableCluster;
    return true;
  case CU_FUNC_ATTRIBUTE_CLUSTER_SIZE_MUST_BE_SET:
    value = clusterMustBeSet(f);
    return true;
  case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH:
  case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_HEIGHT:
  case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_DEPTH:
    value = dimensionOf(requiredCluster(f), attribute);
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
             : reject(CUDA_ERROR_INVALID_VALUE);
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

/// The three are set one by one; the cluster is required once all are.
static CUresult setRequiredCluster(Function &f, int dimension, int value) {
  if (value <= 0 || f.kernel->requiredCluster.x != 0)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "kernel " + f.kernel->name +
                      ": expected a size above 0, and no .reqnctapercluster "
                      "in the PTX");
  f.requiredCluster[dimension] = static_cast<unsigned>(value);
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
      return reject(CUDA_ERROR_INVALID_VALUE);
    function->carveout = value;
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE:
    function->clusterScheduling = value;
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED:
    function->nonPortableCluster = value != 0;
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH:
  case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_HEIGHT:
  case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_DEPTH:
    return setRequiredCluster(
        *function, attribute - CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH, value);
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
    return reject(CUDA_ERROR_INVALID_VALUE);
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
    return reject(CUDA_ERROR_INVALID_VALUE);
  *name = function->kernel->name.c_str();
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuFuncGetModule(CUmodule *module, CUfunction handle) {
  Entry entry = enterContext();
  auto function = findFunction(entry, handle);
  if (!function)
    return entry.status;
  if (!module)
    return reject(CUDA_ERROR_INVALID_VALUE);
  *module = function->moduleHandle;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuKernelGetFunction(CUfunction *function, CUkernel kernel) {
  Entry entry = enterContext();
  auto handle = reinterpret_cast<CUfunction>(kernel);
  if (!findFunction(entry, handle))
    return entry.status;
  if (!function)
    return reject(CUDA_ERROR_INVALID_VALUE);
  *function = handle;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuKernelGetAttribute(int *value,
                                      CUfunction_attribute attribute,
                                      CUkernel kernel, CUdevice device) {
  if (device != 0)
    return reject(CUDA_ERROR_INVALID_DEVICE);
  return cuFuncGetAttribute(value, attribute,
                            reinterpret_cast<CUfunction>(kernel));
}

CUresult CUDAAPI cuKernelSetAttribute(CUfunction_attribute attribute, int value,
                                      CUkernel kernel, CUdevice device) {
  if (device != 0)
    return reject(CUDA_ERROR_INVALID_DEVICE);
  return cuFuncSetAttribute(reinterpret_cast<CUfunction>(kernel), attribute,
                            value);
}

CUresult CUDAAPI cuKernelSetCacheConfig(CUkernel kernel, CUfunc_cache config,
                                        CUdevice device) {
  if (device != 0)
    return reject(CUDA_ERROR_INVALID_DEVICE);
  return cuFuncSetCacheConfig(reinterpret_cast<CUfunction>(kernel), config);
}

CUresult CUDAAPI cuFuncLoad(CUfunction handle) {
  Entry entry = enterContext();
  findFunction(entry, handle);
  return entry.status;
}

/// Everything is loaded with its module.
CUresult CUDAAPI cuFuncIsLoaded(CUfunctionLoadingState *state,
                                CUfunction handle) {
  Entry entry = enterContext();
  if (!findFunction(entry, handle))
    return entry.status;
  if (!state)
    return reject(CUDA_ERROR_INVALID_VALUE);
  *state = CU_FUNCTION_LOADING_STATE_LOADED;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuKernelGetName(const char **name, CUkernel kernel) {
  return cuFuncGetName(name, reinterpret_cast<CUfunction>(kernel));
}

CUresult CUDAAPI cuKernelGetParamInfo(CUkernel kernel, size_t index,
                                      size_t *offset, size_t *size) {
  return cuFuncGetParamInfo(reinterpret_cast<CUfunction>(kernel), index, offset,
                            size);
}
