// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Allocation in the order of a stream. A pool is only a handle with settings:
// memory is taken from the device at the call, and given back when the free
// runs.

#include "tools/emulator/Driver/Allocation.h"

using namespace nybl::emu;

/// What a CUmemoryPool stands for.
struct nybl::emu::MemoryPool {
  std::mutex mutex;
  int reuse[3] = {1, 1, 1}; ///< CUmemPool_attribute 1 to 3; without effect
  uint64_t releaseThreshold = 0;
  size_t mostBytes = 0; ///< 0: what the device has
};

/// A live stream that is not captured: graphs here do not allocate.
static CUresult checkPlainStream(const Entry &entry, CUstream stream) {
  StreamUse use = useStream(entry, stream);
  if (!use.context)
    return refuse(CUDA_ERROR_INVALID_HANDLE, "expected a live stream");
  if (!isCaptured(*entry.state, *use.stream))
    return CUDA_SUCCESS;
  invalidateCapture(*entry.state, *use.stream);
  return refuse(CUDA_ERROR_NOT_SUPPORTED,
                "nodes that allocate or free memory are not supported by this "
                "emulated driver; the capture is invalidated");
}

CUresult CUDAAPI cuMemAllocAsync(CUdeviceptr *address, size_t bytes,
                                 CUstream stream) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (CUresult status = checkPlainStream(entry, stream))
    return status;
  return allocateDevice(entry, address, bytes);
}

CUresult CUDAAPI cuMemFreeAsync(CUdeviceptr address, CUstream stream) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  StreamUse use = useStream(entry, stream);
  if (CUresult status = checkPlainStream(entry, stream))
    return status;
  if (address == 0)
    return CUDA_SUCCESS;
  if (!disown(*entry.state, address))
    return refuseFree(address);
  auto work = [s = entry.state, address] {
    s->memory.release(address);
    return CUDA_SUCCESS;
  };
  use.context->submit(*use.stream, work, Access::None);
  return CUDA_SUCCESS;
}

/// The device's default pool; made when it is first asked for.
static CUmemoryPool defaultPool(State &s) {
  std::lock_guard lock(s.mutex);
  if (!s.defaultPool)
    s.defaultPool = s.pools.add(std::make_shared<MemoryPool>());
  return s.defaultPool;
}

CUresult CUDAAPI cuMemAllocFromPoolAsync(CUdeviceptr *address, size_t bytes,
                                         CUmemoryPool handle, CUstream stream) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  auto pool = entry.state->pools.find(handle);
  if (!pool)
    return refuse(CUDA_ERROR_INVALID_VALUE, "expected a live memory pool");
  if (pool->mostBytes != 0 && bytes > pool->mostBytes)
    return refuse(CUDA_ERROR_OUT_OF_MEMORY,
                  "the pool gives at most " + std::to_string(pool->mostBytes) +
                      " bytes, got a request of " + std::to_string(bytes));
  return cuMemAllocAsync(address, bytes, stream);
}

CUresult CUDAAPI cuMemPoolCreate(CUmemoryPool *handle,
                                 const CUmemPoolProps *properties) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  bool plain = handle && properties &&
               properties->allocType == CU_MEM_ALLOCATION_TYPE_PINNED &&
               properties->handleTypes == CU_MEM_HANDLE_TYPE_NONE &&
               properties->location.type == CU_MEM_LOCATION_TYPE_DEVICE &&
               properties->location.id == 0;
  if (!plain)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "memory pool: expected pinned memory of device 0 without "
                  "handles for other processes");
  auto pool = std::make_shared<MemoryPool>();
  pool->mostBytes = properties->maxSize;
  *handle = entry.state->pools.add(std::move(pool));
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuMemPoolDestroy(CUmemoryPool handle) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (handle == defaultPool(*entry.state))
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "the default pool cannot be destroyed");
  return entry.state->pools.remove(handle) ? CUDA_SUCCESS
                                           : reject(CUDA_ERROR_INVALID_VALUE);
}

namespace {
/// One attribute of a pool: asked for, or set.
struct Attribute {
  void *value;
  bool isSet;

  template <typename T, typename Field>
  CUresult operator()(Field &field) const {
    if (isSet)
      field = *static_cast<const T *>(value);
    else
      *static_cast<T *>(value) = field;
    return CUDA_SUCCESS;
  }
};
} // namespace

static CUresult attribute(CUmemoryPool handle, CUmemPool_attribute which,
                          const Attribute &access) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  auto pool = entry.state->pools.find(handle);
  if (!pool || !access.value)
    return reject(CUDA_ERROR_INVALID_VALUE);
  std::lock_guard lock(pool->mutex);
  // Memory is not kept in pools; what is in use is the device's.
  uint64_t used = entry.state->memory.bytesInUse();
  switch (which) {
  case CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES:
  case CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC:
  case CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES:
    return access.operator()<int>(
        pool->reuse[which - CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES]);
  case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD:
    return access.operator()<cuuint64_t>(pool->releaseThreshold);
  case CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT:
  case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
  case CU_MEMPOOL_ATTR_USED_MEM_CURRENT:
  case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
    return access.operator()<cuuint64_t>(used);
  default:
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "memory pools have no attribute " + std::to_string(which));
  }
}

CUresult CUDAAPI cuMemPoolGetAttribute(CUmemoryPool pool,
                                       CUmemPool_attribute which, void *value) {
  return attribute(pool, which, {value, /*isSet=*/false});
}

CUresult CUDAAPI cuMemPoolSetAttribute(CUmemoryPool pool,
                                       CUmemPool_attribute which, void *value) {
  return attribute(pool, which, {value, /*isSet=*/true});
}

/// There is nothing kept to give back.
CUresult CUDAAPI cuMemPoolTrimTo(CUmemoryPool handle, size_t) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  return entry.state->pools.find(handle) ? CUDA_SUCCESS
                                         : reject(CUDA_ERROR_INVALID_VALUE);
}

static bool isDevice(const CUmemLocation &location) {
  return location.type == CU_MEM_LOCATION_TYPE_DEVICE && location.id == 0;
}

CUresult CUDAAPI cuMemPoolSetAccess(CUmemoryPool handle,
                                    const CUmemAccessDesc *access,
                                    size_t count) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!entry.state->pools.find(handle) || (count > 0 && !access))
    return reject(CUDA_ERROR_INVALID_VALUE);
  for (size_t i = 0; i < count; ++i)
    if (!isDevice(access[i].location) ||
        access[i].flags != CU_MEM_ACCESS_FLAGS_PROT_READWRITE)
      return refuse(CUDA_ERROR_INVALID_VALUE,
                    "memory pool: device 0, the only one, reads and writes");
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuMemPoolGetAccess(CUmemAccess_flags *flags,
                                    CUmemoryPool handle,
                                    CUmemLocation *location) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!entry.state->pools.find(handle) || !flags || !location)
    return reject(CUDA_ERROR_INVALID_VALUE);
  *flags = isDevice(*location) ? CU_MEM_ACCESS_FLAGS_PROT_READWRITE
                               : CU_MEM_ACCESS_FLAGS_PROT_NONE;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceGetDefaultMemPool(CUmemoryPool *pool,
                                           CUdevice device) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!pool || device != 0)
    return pool ? reject(CUDA_ERROR_INVALID_DEVICE)
                : reject(CUDA_ERROR_INVALID_VALUE);
  *pool = defaultPool(*entry.state);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceGetMemPool(CUmemoryPool *pool, CUdevice device) {
  CUresult status = cuDeviceGetDefaultMemPool(pool, device);
  if (status != CUDA_SUCCESS)
    return status;
  State &s = *state();
  std::lock_guard lock(s.mutex);
  if (s.currentPool && s.pools.find(s.currentPool))
    *pool = s.currentPool;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceSetMemPool(CUdevice device, CUmemoryPool pool) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (device != 0 || !entry.state->pools.find(pool))
    return device ? reject(CUDA_ERROR_INVALID_DEVICE)
                  : reject(CUDA_ERROR_INVALID_VALUE);
  std::lock_guard lock(entry.state->mutex);
  entry.state->currentPool = pool;
  return CUDA_SUCCESS;
}
