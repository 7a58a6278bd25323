// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Page-locked host memory. Kernels reach it under the host's address.

#include "tools/emulator/Driver/Transfer.h"

#include <cstdlib>

using namespace nybl::emu;

static CUresult allocateHost(void **pointer, size_t bytes, unsigned flags) {
  Entry entry = enterTransfer(Mode::Wait);
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  constexpr unsigned known = CU_MEMHOSTALLOC_PORTABLE |
                             CU_MEMHOSTALLOC_DEVICEMAP |
                             CU_MEMHOSTALLOC_WRITECOMBINED;
  if (!pointer || bytes == 0 || (flags & ~known))
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "page-locked memory: expected a place for the pointer, at "
                  "least 1 byte and flags of " +
                      hex(known) + ", got " + std::to_string(bytes) +
                      " bytes and flags of " + hex(flags));
  constexpr size_t page = 4096;
  void *block =
      bytes > SIZE_MAX - page
          ? nullptr
          : std::aligned_alloc(page, (bytes + page - 1) / page * page);
  if (!block)
    return refuse(CUDA_ERROR_OUT_OF_MEMORY, "the host has no memory for " +
                                                std::to_string(bytes) +
                                                " bytes");
  if (!entry.state->memory.adopt(block, bytes)) {
    std::free(block);
    return refuse(CUDA_ERROR_OUT_OF_MEMORY,
                  "the host has no memory for the shadow of " +
                      std::to_string(bytes) + " bytes");
  }
  std::lock_guard lock(entry.state->mutex);
  auto address = reinterpret_cast<uintptr_t>(block);
  entry.state->pinned[address] = {bytes, flags};
  entry.state->hostBlocks[address] = block;
  *pointer = block;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuMemHostAlloc(void **pointer, size_t bytes,
                                unsigned int flags) {
  return allocateHost(pointer, bytes, flags);
}

CUresult CUDAAPI cuMemAllocHost_v2(void **pointer, size_t bytes) {
  return allocateHost(pointer, bytes, 0);
}

/// Takes a range out of the books and out of the kernels' reach.
static bool forget(State &s, uintptr_t address, bool isBlock) {
  // The program may use the bytes for something else at once.
  auto use = s.memory.useAlone();
  std::lock_guard lock(s.mutex);
  if ((s.hostBlocks.count(address) != 0) != isBlock ||
      s.pinned.erase(address) == 0)
    return false;
  s.hostBlocks.erase(address);
  s.memory.release(address);
  return true;
}

CUresult CUDAAPI cuMemFreeHost(void *pointer) {
  Entry entry = enterAnyContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (CUresult status = checkUnsafeCall(*entry.state))
    return status;
  if (!pointer)
    return CUDA_SUCCESS;
  entry.context->synchronize();
  auto address = reinterpret_cast<uintptr_t>(pointer);
  if (!forget(*entry.state, address, /*isBlock=*/true))
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "expected a pointer from cuMemHostAlloc, got " +
                      hex(address));
  std::free(pointer);
  return answerOf(*entry.context);
}

CUresult CUDAAPI cuMemHostRegister_v2(void *pointer, size_t bytes,
                                      unsigned int flags) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  auto address = reinterpret_cast<uintptr_t>(pointer);
  constexpr unsigned known =
      CU_MEMHOSTREGISTER_PORTABLE | CU_MEMHOSTREGISTER_DEVICEMAP |
      CU_MEMHOSTREGISTER_IOMEMORY | CU_MEMHOSTREGISTER_READ_ONLY;
  if (!pointer || bytes == 0 || bytes > UINTPTR_MAX - address ||
      (flags & ~known))
    return reject(CUDA_ERROR_INVALID_VALUE);
  std::lock_guard lock(entry.state->mutex);
  auto &pinned = entry.state->pinned;
  auto next = pinned.lower_bound(address);
  bool overlaps = next != pinned.end() && next->first < address + bytes;
  if (next != pinned.begin())
    overlaps |=
        std::prev(next)->first + std::prev(next)->second.bytes > address;
  if (overlaps)
    return reject(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
  if (!entry.state->memory.adopt(pointer, bytes))
    return reject(CUDA_ERROR_OUT_OF_MEMORY);
  pinned[address] = {bytes, flags};
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuMemHostUnregister(void *pointer) {
  Entry entry = enterAnyContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  entry.context->synchronize();
  if (!forget(*entry.state, reinterpret_cast<uintptr_t>(pointer),
              /*isBlock=*/false))
    return reject(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
  return answerOf(*entry.context);
}

/// Kernels use page-locked memory under its own address.
CUresult CUDAAPI cuMemHostGetDevicePointer_v2(CUdeviceptr *address,
                                              void *pointer,
                                              unsigned int flags) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!address || flags != 0 || !entry.state->isPinned(pointer, 1))
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "expected page-locked memory and flags of 0");
  *address = reinterpret_cast<CUdeviceptr>(pointer);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuMemHostGetFlags(unsigned int *flags, void *pointer) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!flags || !entry.state->isPinned(pointer, 1))
    return reject(CUDA_ERROR_INVALID_VALUE);
  std::lock_guard lock(entry.state->mutex);
  auto next = entry.state->pinned.upper_bound(uintptr_t(pointer));
  *flags = std::prev(next)->second.flags;
  return CUDA_SUCCESS;
}
