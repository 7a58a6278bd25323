// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cuInit and the questions about the device. What the emulator has no notion of
// (textures, clocks, peers, graphics) is answered with 0.

#include "tools/emulator/Driver/State.h"

#include <cstring>

using namespace nybl::emu;

/// Above 13010: at or below it, programs patch bit 21 of the second word of a
/// tensor map, for the sake of a fault of older drivers.
static constexpr int driverVersion = 13020;

CUresult CUDAAPI cuInit(unsigned int flags) {
  if (flags != 0)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "cuInit: expected flags 0, got " + std::to_string(flags));
  return initialise();
}

CUresult CUDAAPI cuDriverGetVersion(int *version) {
  if (!version)
    return CUDA_ERROR_INVALID_VALUE;
  *version = driverVersion;
  return CUDA_SUCCESS;
}

static CUresult checkDevice(const Entry &entry, CUdevice device,
                            const void *answer) {
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (device != 0)
    return refuse(CUDA_ERROR_INVALID_DEVICE,
                  "expected device 0, the only one, got " +
                      std::to_string(device));
  return answer ? CUDA_SUCCESS
                : refuse(CUDA_ERROR_INVALID_VALUE,
                         "expected a place for the answer, got a null pointer");
}

CUresult CUDAAPI cuDeviceGetCount(int *count) {
  CUresult status = checkDevice(enterDriver(), 0, count);
  if (status == CUDA_SUCCESS)
    *count = 1;
  return status;
}

CUresult CUDAAPI cuDeviceGet(CUdevice *device, int ordinal) {
  CUresult status = checkDevice(enterDriver(), ordinal, device);
  if (status == CUDA_SUCCESS)
    *device = 0;
  return status;
}

CUresult CUDAAPI cuDeviceGetName(char *name, int length, CUdevice device) {
  Entry entry = enterDriver();
  CUresult status = checkDevice(entry, device, name);
  if (status != CUDA_SUCCESS)
    return status;
  if (length <= 0)
    return CUDA_ERROR_INVALID_VALUE;
  std::string full =
      std::string("Nybl emulated ") + entry.state->settings.chip->product;
  size_t kept = std::min(full.size(), static_cast<size_t>(length) - 1);
  std::memcpy(name, full.data(), kept);
  name[kept] = 0;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) {
  Entry entry = enterDriver();
  CUresult status = checkDevice(entry, device, bytes);
  if (status == CUDA_SUCCESS)
    *bytes = entry.state->memory.bytesTotal();
  return status;
}

static CUresult giveUuid(CUuuid *uuid, CUdevice device) {
  Entry entry = enterDriver();
  CUresult status = checkDevice(entry, device, uuid);
  if (status != CUDA_SUCCESS)
    return status;
  // "nybl-emu-" and the chip, so that a chip keeps its own over time.
  char bytes[sizeof uuid->bytes + 1] = {};
  std::string text =
      std::string("nybl-emu-") + (entry.state->settings.chip->name + 3);
  std::memcpy(bytes, text.data(), std::min(text.size(), sizeof uuid->bytes));
  std::memcpy(uuid->bytes, bytes, sizeof uuid->bytes);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceGetUuid(CUuuid *uuid, CUdevice device) {
  return giveUuid(uuid, device);
}

CUresult CUDAAPI cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice device) {
  return giveUuid(uuid, device);
}

CUresult CUDAAPI cuDeviceComputeCapability(int *major, int *minor,
                                           CUdevice device) {
  Entry entry = enterDriver();
  CUresult status =
      checkDevice(entry, device, major && minor ? major : nullptr);
  if (status != CUDA_SUCCESS)
    return status;
  *major = entry.state->settings.chip->major;
  *minor = entry.state->settings.chip->minor;
  return CUDA_SUCCESS;
}

/// What depends on the chip.
static int chipAttribute(const Settings &settings,
                         CUdevice_attribute attribute) {
  const ChipLimits &chip = *settings.chip;
  switch (attribute) {
  case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
    return settings.multiprocessors;
  case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
    return chip.major;
  case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR:
    return chip.minor;
  case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK:
    return chip.sharedPerCta;
  case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN:
    return chip.sharedPerCtaOptIn;
  case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR:
    return chip.sharedPerMultiprocessor;
  case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR:
    return chip.threadsPerMultiprocessor;
  case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR:
  case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK:
    return chip.registersPerMultiprocessor;
  case CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR:
    return chip.ctasPerMultiprocessor;
  default:
    return 0;
  }
}

/// What all chips share.
static int commonAttribute(CUdevice_attribute attribute) {
  switch (attribute) {
  case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
  case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X:
  case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y:
    return 1024;
  case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z:
    return 64;
  case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X:
    return 2147483647;
  case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y:
  case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z:
    return 65535;
  case CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY:
    return 65536;
  case CU_DEVICE_ATTRIBUTE_WARP_SIZE:
    return 32;
  case CU_DEVICE_ATTRIBUTE_MAX_PITCH:
    return 2147483647;
  case CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT:
    return 512;
  case CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK:
    return 1024;
  case CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT:
  case CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS:
  case CU_DEVICE_ATTRIBUTE_GPU_OVERLAP:
  case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING:
  case CU_DEVICE_ATTRIBUTE_HOST_REGISTER_SUPPORTED:
  case CU_DEVICE_ATTRIBUTE_GLOBAL_L1_CACHE_SUPPORTED:
  case CU_DEVICE_ATTRIBUTE_LOCAL_L1_CACHE_SUPPORTED:
    return 1;
  default:
    return 0;
  }
}

CUresult CUDAAPI cuDeviceGetAttribute(int *value, CUdevice_attribute attribute,
                                      CUdevice device) {
  Entry entry = enterDriver();
  CUresult status = checkDevice(entry, device, value);
  if (status != CUDA_SUCCESS)
    return status;
  if (attribute <= 0 || attribute >= CU_DEVICE_ATTRIBUTE_MAX)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "no device attribute has the number " +
                      std::to_string(attribute));
  int special = chipAttribute(entry.state->settings, attribute);
  *value = special ? special : commonAttribute(attribute);
  return CUDA_SUCCESS;
}
