// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Launches of kernels and host functions.

#include "tools/emulator/Driver/Capture.h"
#include "tools/emulator/Driver/Launch.h"

using namespace nybl::emu;

CUresult CUDAAPI cuLaunchKernelEx(const CUlaunchConfig *config,
                                  CUfunction function, void **parameters,
                                  void **extra) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!config || (config->numAttrs > 0 && !config->attrs))
    return reject(CUDA_ERROR_INVALID_VALUE);
  KernelWork work;
  work.function = entry.state->functions.find(function);
  if (!work.function)
    return refuse(CUDA_ERROR_INVALID_HANDLE,
                  "launch: expected a function of a loaded module");
  if (!useStream(entry, config->hStream).context)
    return refuse(CUDA_ERROR_INVALID_HANDLE, "launch: expected a live stream");
  work.config.grid = {config->gridDimX, config->gridDimY, config->gridDimZ};
  work.config.block = {config->blockDimX, config->blockDimY, config->blockDimZ};
  work.config.dynamicShared = config->sharedMemBytes;
  for (unsigned i = 0; i < config->numAttrs; ++i)
    if (CUresult status = takeAttribute(*entry.state, config->attrs[i], work))
      return status;
  if (CUresult status = prepareLaunch(*entry.state, work, parameters, extra))
    return status;
  return enqueue(entry, config->hStream, std::move(work), Mode::Async);
}

CUresult CUDAAPI cuLaunchKernel(CUfunction function, unsigned int gridX,
                                unsigned int gridY, unsigned int gridZ,
                                unsigned int blockX, unsigned int blockY,
                                unsigned int blockZ, unsigned int dynamicShared,
                                CUstream stream, void **parameters,
                                void **extra) {
  CUlaunchConfig config = {gridX,  gridY,         gridZ,  blockX,  blockY,
                           blockZ, dynamicShared, stream, nullptr, 0};
  return cuLaunchKernelEx(&config, function, parameters, extra);
}

CUresult CUDAAPI cuLaunchCooperativeKernel(
    CUfunction function, unsigned int gridX, unsigned int gridY,
    unsigned int gridZ, unsigned int blockX, unsigned int blockY,
    unsigned int blockZ, unsigned int dynamicShared, CUstream stream,
    void **parameters) {
  CUlaunchAttribute cooperative = {};
  cooperative.id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
  cooperative.value.cooperative = 1;
  CUlaunchConfig config = {gridX,  gridY,         gridZ,  blockX,       blockY,
                           blockZ, dynamicShared, stream, &cooperative, 1};
  return cuLaunchKernelEx(&config, function, parameters, nullptr);
}

CUresult CUDAAPI cuLaunchHostFunc(CUstream stream, CUhostFn function,
                                  void *userData) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!function)
    return reject(CUDA_ERROR_INVALID_VALUE);
  return enqueue(entry, stream, HostWork{function, userData}, Mode::Async);
}

/// Unlike a host function it is called after an error too, and told of it.
CUresult CUDAAPI cuStreamAddCallback(CUstream handle, CUstreamCallback callback,
                                     void *userData, unsigned int flags) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  StreamUse use = useStream(entry, handle);
  if (!use.context)
    return refuse(CUDA_ERROR_INVALID_HANDLE, "expected a live stream");
  if (!callback || flags != 0)
    return reject(CUDA_ERROR_INVALID_VALUE);
  if (CUresult status = checkNotCaptured(*entry.state, *use.stream))
    return status;
  if (CUresult status = checkLegacyUse(*entry.state, use))
    return status;
  use.context->submitAlways(*use.stream, [=](CUresult status) {
    setInsideHostFunction(true);
    callback(handle, status, userData);
    setInsideHostFunction(false);
  });
  return CUDA_SUCCESS;
}
