// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A driver library that executes nothing and writes down what it is asked: the
// grid, the parameters, the context stack. It speaks for what the runtime
// sends; the emulated driver speaks for what a kernel makes of it.

#include "tests/Runtime/RecordingDriver.h"
#include <cstdlib>
#include <cstring>
#include <cuda.h>
#include <iterator>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

RecordingState state;

bool isElf(const void *image) {
  return std::memcmp(image,
                     "\x7f"
                     "ELF",
                     4) == 0;
}

void note(const char *call) {
  int index = state.callCount;
  while (index < int(std::size(state.calls)))
    if (state.callCount.compare_exchange_weak(index, index + 1)) {
      state.calls[index] = call;
      return;
    }
}

CUresult record(const CUlaunchConfig &config, void **parameters) {
  RecordedLaunch &last = state.last;
  ++last.launches;
  last = {last.launches,
          {config.gridDimX, config.gridDimY, config.gridDimZ},
          {config.blockDimX, config.blockDimY, config.blockDimZ},
          config.sharedMemBytes,
          config.hStream,
          {},
          {},
          false,
          false};
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    const CUlaunchAttribute &attribute = config.attrs[i];
    last.cooperative |= attribute.id == CU_LAUNCH_ATTRIBUTE_COOPERATIVE &&
                        attribute.value.cooperative;
    last.dependent |=
        attribute.id == CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION &&
        attribute.value.programmaticStreamSerializationAllowed;
  }
  for (int i = 0; i < state.settings.parameterCount; ++i) {
    std::memcpy(&last.parameters[i], parameters[i], sizeof(uint64_t));
    if (state.settings.mapParameters >> i & 1)
      std::memcpy(last.maps[i], parameters[i], sizeof(CUtensorMap));
  }
  return static_cast<CUresult>(state.settings.launchResult);
}

} // namespace

EXPORT RecordingState *nyblTestState() { return &state; }

EXPORT CUresult cuInit(unsigned) {
  note(__func__);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuDriverGetVersion(int *version) {
  note(__func__);
#ifdef NYBL_TEST_WITHOUT_TENSOR_MAPS // the older one
  *version = 12080;
#else
  *version = 13000;
#endif
  return CUDA_SUCCESS;
}
EXPORT CUresult cuGetErrorName(CUresult error, const char **text) {
  note(__func__);
  *text = error == CUDA_ERROR_ILLEGAL_ADDRESS ? "CUDA_ERROR_ILLEGAL_ADDRESS"
                                              : "CUDA_ERROR_OF_SOME_KIND";
  return CUDA_SUCCESS;
}
EXPORT CUresult cuGetErrorString(CUresult, const char **text) {
  note(__func__);
  *text = "as the test asked";
  return CUDA_SUCCESS;
}
EXPORT CUresult cuDeviceGet(CUdevice *device, int ordinal) {
  note(__func__);
  *device = ordinal;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuDeviceGetCount(int *count) {
  note(__func__);
  *count = 1;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuDeviceGetName(char *name, int size, CUdevice) {
  note(__func__);
  std::strncpy(name, "Recorder", static_cast<size_t>(size));
  return CUDA_SUCCESS;
}
EXPORT CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute which,
                                     CUdevice) {
  note(__func__);
  switch (which) {
  case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
    *value = 12;
    break;
  case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
    *value = state.settings.multiprocessors;
    break;
  case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN:
    *value = 99 * 1024;
    break;
  default:
    *value = 0;
  }
  return CUDA_SUCCESS;
}
EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice) {
  note(__func__);
  ++state.retained;
  *context = reinterpret_cast<CUcontext>(&state);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuDevicePrimaryCtxRelease(CUdevice) {
  note(__func__);
  --state.retained;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuCtxPushCurrent(CUcontext context) {
  note(__func__);
  state.current = context;
  ++state.contextDepth;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuCtxPopCurrent(CUcontext *) {
  note(__func__);
  --state.contextDepth;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuModuleLoadDataEx(CUmodule *module, const void *image,
                                   unsigned, CUjit_option *, void **) {
  note(__func__);
  ++(isElf(image) ? state.cubinLoads : state.ptxLoads);
  if (isElf(image) && state.settings.refuseCubin)
    return CUDA_ERROR_NO_BINARY_FOR_GPU;
  ++state.modules;
  *module = reinterpret_cast<CUmodule>(&state);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuModuleUnload(CUmodule) {
  note(__func__);
  --state.modules;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuModuleGetFunction(CUfunction *function, CUmodule,
                                    const char *) {
  note(__func__);
  *function = reinterpret_cast<CUfunction>(&state);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuFuncSetAttribute(CUfunction, CUfunction_attribute which,
                                   int value) {
  note(__func__);
  if (which == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES)
    state.allowedShared = value;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *count,
                                                            CUfunction, int,
                                                            size_t shared) {
  note(__func__);
  state.askedShared = shared;
  *count = state.settings.residentCtas;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuMemAlloc(CUdeviceptr *pointer, size_t bytes) {
  note(__func__);
  *pointer = reinterpret_cast<CUdeviceptr>(std::malloc(bytes));
  return CUDA_SUCCESS;
}
EXPORT CUresult cuMemFree(CUdeviceptr pointer) {
  note(__func__);
  std::free(reinterpret_cast<void *>(pointer));
  return CUDA_SUCCESS;
}
EXPORT CUresult cuMemcpyHtoD(CUdeviceptr to, const void *from, size_t bytes) {
  note(__func__);
  std::memcpy(reinterpret_cast<void *>(to), from, bytes);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuMemcpyDtoH(void *to, CUdeviceptr from, size_t bytes) {
  note(__func__);
  std::memcpy(to, reinterpret_cast<void *>(from), bytes);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuMemsetD8(CUdeviceptr to, unsigned char value, size_t bytes) {
  note(__func__);
  std::memset(reinterpret_cast<void *>(to), value, bytes);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuStreamCreate(CUstream *stream, unsigned) {
  note(__func__);
  *stream = reinterpret_cast<CUstream>(&state.last);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuStreamDestroy(CUstream) {
  note(__func__);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuStreamSynchronize(CUstream stream) {
  note(__func__);
  state.synchronized = stream;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuLaunchKernel(CUfunction, unsigned gridX, unsigned gridY,
                               unsigned gridZ, unsigned blockX, unsigned blockY,
                               unsigned blockZ, unsigned dynamicShared,
                               CUstream stream, void **parameters, void **) {
  note(__func__);
  return record({gridX, gridY, gridZ, blockX, blockY, blockZ, dynamicShared,
                 stream, nullptr, 0},
                parameters);
}

// What a driver older than tensor maps, and than attributes of launches, lacks.
#ifndef NYBL_TEST_WITHOUT_TENSOR_MAPS
EXPORT CUresult cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction,
                                 void **parameters, void **) {
  note(__func__);
  return record(*config, parameters);
}
EXPORT CUresult cuTensorMapEncodeTiled(
    CUtensorMap *map, CUtensorMapDataType type, cuuint32_t rank, void *address,
    const cuuint64_t *sizes, const cuuint64_t *strides, const cuuint32_t *box,
    const cuuint32_t *elementStrides, CUtensorMapInterleave interleave,
    CUtensorMapSwizzle swizzle, CUtensorMapL2promotion promotion,
    CUtensorMapFloatOOBfill fill) {
  note(__func__);
  int call = state.encodeCount++;
  if (call < int(std::size(state.encoded)) && rank == 2)
    state.encoded[call] = {map,
                           type,
                           rank,
                           reinterpret_cast<uint64_t>(address),
                           {sizes[0], sizes[1]},
                           strides[0],
                           {box[0], box[1]},
                           {elementStrides[0], elementStrides[1]},
                           interleave,
                           swizzle,
                           promotion,
                           fill};
  for (int i = 0; i < 16; ++i)
    map->opaque[i] = mapWord(call, i);
  return static_cast<CUresult>(state.settings.encodeResult);
}
#endif
