// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cuInit and the questions about the device. What the emulator has no notion of
// (textures, clocks, other devices and processes, graphics) is answered with 0.
// Numbers of a chip come from Device/Chips; those that all chips share from the
// CUDA C++ Programming Guide, technical specifications per compute capability.

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
    return reject(CUDA_ERROR_INVALID_VALUE);
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
    return reject(CUDA_ERROR_INVALID_VALUE);
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
  case CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE:
    return chip.l2Bytes;
  case CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH:
    return chip.memoryBusWidth;
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
  case CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY:
  case CU_DEVICE_ATTRIBUTE_CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM:
  case CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED:
  case CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH:
  case CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH:
  case CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED:
  case CU_DEVICE_ATTRIBUTE_TENSOR_MAP_ACCESS_SUPPORTED:
  case CU_DEVICE_ATTRIBUTE_MEM_SYNC_DOMAIN_COUNT:
  case CU_DEVICE_ATTRIBUTE_CAN_USE_64_BIT_STREAM_MEM_OPS:
  case CU_DEVICE_ATTRIBUTE_CAN_USE_STREAM_WAIT_VALUE_NOR:
    return 1;
  case CU_DEVICE_ATTRIBUTE_SURFACE_ALIGNMENT:
    return 512;
  case CU_DEVICE_ATTRIBUTE_TEXTURE_PITCH_ALIGNMENT:
    return 32;
  case CU_DEVICE_ATTRIBUTE_HOST_NUMA_ID:
  case CU_DEVICE_ATTRIBUTE_NUMA_ID:
    return -1;
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

CUresult CUDAAPI cuDeviceCanAccessPeer(int *can, CUdevice device,
                                       CUdevice peer) {
  CUresult status = checkDevice(enterDriver(), device ? device : peer, can);
  if (status == CUDA_SUCCESS)
    *can = 0; // a device is no peer of its own
  return status;
}

CUresult CUDAAPI cuDeviceGetP2PAttribute(int *, CUdevice_P2PAttribute, CUdevice,
                                         CUdevice) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  return refuse(CUDA_ERROR_INVALID_DEVICE,
                "expected two devices, and there is one");
}

/// A bus that no real device is on.
CUresult CUDAAPI cuDeviceGetPCIBusId(char *text, int length, CUdevice device) {
  CUresult status = checkDevice(enterDriver(), device, text);
  if (status != CUDA_SUCCESS)
    return status;
  constexpr char id[] = "0000:00:00.0";
  if (length <= 0)
    return reject(CUDA_ERROR_INVALID_VALUE);
  size_t kept = std::min(sizeof id - 1, static_cast<size_t>(length) - 1);
  std::memcpy(text, id, kept);
  text[kept] = 0;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceGetByPCIBusId(CUdevice *device, const char *text) {
  CUresult status = checkDevice(enterDriver(), 0, device);
  if (status != CUDA_SUCCESS)
    return status;
  if (!text || std::strstr("0000:00:00.0", text) == nullptr || !*text)
    return refuse(CUDA_ERROR_INVALID_DEVICE, "no device is on that bus");
  *device = 0;
  return CUDA_SUCCESS;
}

/// Only threads of the whole device can be had, not a part of it.
CUresult CUDAAPI cuDeviceGetExecAffinitySupport(int *can, CUexecAffinityType,
                                                CUdevice device) {
  CUresult status = checkDevice(enterDriver(), device, can);
  if (status == CUDA_SUCCESS)
    *can = 0;
  return status;
}
