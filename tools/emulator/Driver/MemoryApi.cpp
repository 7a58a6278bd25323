// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Device memory, and questions about pointers.

#include "tools/emulator/Driver/Allocation.h"

using namespace nybl::emu;

CUresult nybl::emu::allocateDevice(const Entry &entry, CUdeviceptr *address,
                                   size_t bytes) {
  if (!address || bytes == 0)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "allocation: expected at least 1 byte and a place for the "
                  "address");
  Expected<uint64_t> base = entry.state->memory.allocate(bytes);
  if (!base)
    return refuse(CUDA_ERROR_OUT_OF_MEMORY,
                  base.message() + "; NYBL_EMU_MEMORY_MB sets the device's "
                                   "memory");
  std::lock_guard lock(entry.state->mutex);
  entry.state->owners[*base] = entry.handle;
  *address = *base;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuMemAlloc_v2(CUdeviceptr *address, size_t bytes) {
  Entry entry = enterTransfer(Mode::Wait);
  return entry.status == CUDA_SUCCESS ? allocateDevice(entry, address, bytes)
                                      : entry.status;
}

bool nybl::emu::disown(State &s, CUdeviceptr address) {
  std::lock_guard lock(s.mutex);
  return s.owners.erase(address) != 0;
}

CUresult nybl::emu::refuseFree(CUdeviceptr address) {
  return refuse(CUDA_ERROR_INVALID_VALUE,
                "expected the address of a live allocation to free, got " +
                    hex(address));
}

CUresult CUDAAPI cuMemFree_v2(CUdeviceptr address) {
  Entry entry = enterAnyContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (CUresult status = checkUnsafeCall(*entry.state))
    return status;
  if (address == 0)
    return answerOf(*entry.context);
  if (!disown(*entry.state, address))
    return refuseFree(address);
  entry.context->synchronize();
  entry.state->memory.release(address);
  return answerOf(*entry.context);
}

CUresult CUDAAPI cuMemGetInfo_v2(size_t *free, size_t *total) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  const GlobalMemory &memory = entry.state->memory;
  if (free)
    *free = memory.bytesTotal() - memory.bytesInUse();
  if (total)
    *total = memory.bytesTotal();
  return CUDA_SUCCESS;
}

namespace {
/// What a pointer given by a program points at.
struct Pointee {
  bool isDevice = false, isPinned = false;
  uint64_t base = 0, bytes = 0;
  CUcontext owner = nullptr;
};
} // namespace

static Pointee lookUp(State &s, CUdeviceptr pointer) {
  Pointee found;
  const Allocation *a = s.memory.find(pointer, 1, nullptr);
  if (a && !a->isHost) {
    found.isDevice = true;
    found.base = a->base;
    found.bytes = a->size;
  }
  std::lock_guard lock(s.mutex);
  if (found.isDevice) {
    auto owner = s.owners.find(found.base);
    found.owner = owner == s.owners.end() ? nullptr : owner->second;
    return found;
  }
  auto next = s.pinned.upper_bound(pointer);
  if (next == s.pinned.begin())
    return found;
  auto &[base, range] = *std::prev(next);
  found.isPinned = pointer - base < range.bytes;
  found.base = base;
  found.bytes = range.bytes;
  return found;
}

CUresult CUDAAPI cuMemGetAddressRange_v2(CUdeviceptr *base, size_t *bytes,
                                         CUdeviceptr pointer) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  Pointee found = lookUp(*entry.state, pointer);
  if (!found.isDevice)
    return refuse(CUDA_ERROR_NOT_FOUND,
                  "no live allocation holds " + hex(pointer));
  if (base)
    *base = found.base;
  if (bytes)
    *bytes = found.bytes;
  return CUDA_SUCCESS;
}

/// Writes the answer to `data`, whose type the attribute sets; for a pointer
/// that the driver does not know, only what has an answer for it.
static CUresult pointerAttribute(const Pointee &found,
                                 CUpointer_attribute attribute, void *data,
                                 CUdeviceptr pointer) {
  if (!found.isDevice && !found.isPinned)
    return reject(CUDA_ERROR_INVALID_VALUE);
  switch (attribute) {
  case CU_POINTER_ATTRIBUTE_CONTEXT:
    *static_cast<CUcontext *>(data) = found.owner;
    return CUDA_SUCCESS;
  case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
    *static_cast<unsigned *>(data) =
        found.isDevice ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_HOST;
    return CUDA_SUCCESS;
  case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
    // That of page-locked host memory is its own.
    *static_cast<CUdeviceptr *>(data) = pointer;
    return CUDA_SUCCESS;
  case CU_POINTER_ATTRIBUTE_HOST_POINTER:
    if (found.isPinned)
      *static_cast<void **>(data) = reinterpret_cast<void *>(pointer);
    return found.isPinned ? CUDA_SUCCESS : reject(CUDA_ERROR_INVALID_VALUE);
  case CU_POINTER_ATTRIBUTE_BUFFER_ID:
    *static_cast<unsigned long long *>(data) = found.base;
    return CUDA_SUCCESS;
  case CU_POINTER_ATTRIBUTE_IS_MANAGED:
  case CU_POINTER_ATTRIBUTE_SYNC_MEMOPS:
    *static_cast<unsigned *>(data) = 0;
    return CUDA_SUCCESS;
  case CU_POINTER_ATTRIBUTE_MAPPED:
    *static_cast<unsigned *>(data) = 1;
    return CUDA_SUCCESS;
  case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
    *static_cast<int *>(data) = 0;
    return CUDA_SUCCESS;
  case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
    *static_cast<CUdeviceptr *>(data) = found.base;
    return CUDA_SUCCESS;
  case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
    *static_cast<size_t *>(data) = found.bytes;
    return CUDA_SUCCESS;
  default:
    return refuse(CUDA_ERROR_NOT_SUPPORTED,
                  "pointer attribute " + std::to_string(attribute) +
                      " is not supported by this emulated driver");
  }
}

CUresult CUDAAPI cuPointerGetAttribute(void *data,
                                       CUpointer_attribute attribute,
                                       CUdeviceptr pointer) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!data)
    return reject(CUDA_ERROR_INVALID_VALUE);
  return pointerAttribute(lookUp(*entry.state, pointer), attribute, data,
                          pointer);
}

/// Unlike the single question: an attribute without an answer is left as zeros
/// where its size is known, and is no error.
CUresult CUDAAPI cuPointerGetAttributes(unsigned int count,
                                        CUpointer_attribute *attributes,
                                        void **data, CUdeviceptr pointer) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (count == 0 || !attributes || !data)
    return reject(CUDA_ERROR_INVALID_VALUE);
  Pointee found = lookUp(*entry.state, pointer);
  for (unsigned i = 0; i < count; ++i) {
    if (!data[i])
      return reject(CUDA_ERROR_INVALID_VALUE);
    CUresult status = pointerAttribute(found, attributes[i], data[i], pointer);
    if (status == CUDA_ERROR_NOT_SUPPORTED)
      return status;
    bool isPointer = attributes[i] == CU_POINTER_ATTRIBUTE_CONTEXT ||
                     attributes[i] == CU_POINTER_ATTRIBUTE_DEVICE_POINTER ||
                     attributes[i] == CU_POINTER_ATTRIBUTE_HOST_POINTER;
    if (status != CUDA_SUCCESS && isPointer)
      *static_cast<uint64_t *>(data[i]) = 0;
    else if (status != CUDA_SUCCESS &&
             attributes[i] == CU_POINTER_ATTRIBUTE_MEMORY_TYPE)
      *static_cast<unsigned *>(data[i]) = 0;
  }
  return CUDA_SUCCESS;
}
