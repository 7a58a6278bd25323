// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Structures here have the layout of the CUDA runtime's of the same purpose.

#include "tests/Foreign/CuteRuntime.h"
#include "tests/Foreign/Device.h"

using namespace nybl;
using namespace nybl::foreign;

namespace {

struct State {
  std::string ptx, error;
  CUmodule module = nullptr;
  int maps = 0; ///< tensor maps among the parameters of launches
} state;

int check(CUresult status, const char *what) {
  if (status && state.error.empty())
    state.error = std::string(what) + ": " + driverMessage();
  return static_cast<int>(status);
}

/// cudaLaunchConfig_t.
struct LaunchConfig {
  unsigned grid[3], block[3];
  size_t shared;
  CUstream stream;
  CUlaunchAttribute *attributes;
  unsigned attributeCount;
};

} // namespace

void foreign::setCutePtx(const std::string &ptx) {
  state = State();
  state.ptx = ptx;
}

std::string foreign::cuteError() { return state.error; }

int foreign::cuteTensorMaps() { return state.maps; }

#define NYBL_EXPORT extern "C" __attribute__((visibility("default")))

NYBL_EXPORT int _cudaLibraryLoadData(CUmodule *library, const void *, void *,
                                     void *, unsigned, void *, void *,
                                     unsigned) {
  int status = check(cuModuleLoadData(library, state.ptx.c_str()), "load");
  state.module = *library;
  return status;
}

NYBL_EXPORT int _cudaLibraryGetKernel(CUfunction *kernel, CUmodule library,
                                      const char *name) {
  return check(cuModuleGetFunction(kernel, library, name), "kernel");
}

NYBL_EXPORT int _cuKernelGetAttribute(int *value, CUfunction_attribute which,
                                      CUfunction kernel, CUdevice) {
  return check(cuFuncGetAttribute(value, which, kernel), "attribute");
}

/// The runtime's numbers of function attributes are the driver's.
NYBL_EXPORT int _cudaFuncSetAttribute(CUfunction kernel, int which, int value) {
  return check(cuFuncSetAttribute(
                   kernel, static_cast<CUfunction_attribute>(which), value),
               "set attribute");
}

NYBL_EXPORT int _cudaKernelSetAttributeForDevice(CUfunction kernel, int which,
                                                 int value, int) {
  return _cudaFuncSetAttribute(kernel, which, value);
}

NYBL_EXPORT int _cudaGetDevice(int *device) { return *device = 0; }

NYBL_EXPORT int _cudaDeviceGetAttribute(int *value, int which, int device) {
  return check(cuDeviceGetAttribute(
                   value, static_cast<CUdevice_attribute>(which), device),
               "device attribute");
}

NYBL_EXPORT int _cudaLaunchKernelEx(const LaunchConfig *from, CUfunction kernel,
                                    void **parameters) {
  size_t offset, size;
  for (size_t i = 0; !cuFuncGetParamInfo(kernel, i, &offset, &size); ++i)
    state.maps += size == sizeof(CUtensorMap);
  CUlaunchConfig config = {};
  config.gridDimX = from->grid[0];
  config.gridDimY = from->grid[1];
  config.gridDimZ = from->grid[2];
  config.blockDimX = from->block[0];
  config.blockDimY = from->block[1];
  config.blockDimZ = from->block[2];
  config.sharedMemBytes = static_cast<unsigned>(from->shared);
  config.hStream = from->stream;
  std::vector<CUlaunchAttribute> attributes;
  for (unsigned i = 0; i < from->attributeCount; ++i)
    if (from->attributes[i].id != CU_LAUNCH_ATTRIBUTE_COOPERATIVE ||
        from->attributes[i].value.cooperative)
      attributes.push_back(from->attributes[i]);
  config.attrs = attributes.data();
  config.numAttrs = static_cast<unsigned>(attributes.size());
  return check(cuLaunchKernelEx(&config, kernel, parameters, nullptr),
               "launch");
}
