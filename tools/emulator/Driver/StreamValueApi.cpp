// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Streams that write a value to memory, or wait until one is there.

#include "tools/emulator/Driver/Transfer.h"

#include <chrono>
#include <cstring>

using namespace nybl::emu;

static CUresult refuseCaptured() {
  return refuse(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
                "values in memory are not captured by this emulated driver; "
                "the capture is invalidated");
}

/// The checks that writing and waiting share.
static CUresult check(const Entry &entry, const StreamUse &use,
                      CUdeviceptr address, size_t bytes) {
  if (!use.context)
    return refuse(CUDA_ERROR_INVALID_HANDLE, "expected a live stream");
  if (isCaptured(*entry.state, *use.stream)) {
    invalidateCapture(*entry.state, *use.stream);
    return refuseCaptured();
  }
  Report report;
  if (address % bytes == 0 && entry.state->memory.find(address, bytes, &report))
    return CUDA_SUCCESS;
  return refuse(CUDA_ERROR_INVALID_VALUE,
                "value at " + hex(address) + ": expected an aligned address; " +
                    report.message);
}

/// Where a value lies on the host; null if it was freed meanwhile.
template <typename Value>
static Value *placeOf(const State &s, CUdeviceptr address) {
  const Allocation *a = s.memory.find(address, sizeof(Value), nullptr);
  return a ? reinterpret_cast<Value *>(a->data.get() + (address - a->base))
           : nullptr;
}

template <typename Value>
static CUresult write(CUstream stream, CUdeviceptr address, Value value,
                      unsigned flags) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (flags & ~unsigned(CU_STREAM_WRITE_VALUE_NO_MEMORY_BARRIER))
    return reject(CUDA_ERROR_INVALID_VALUE);
  StreamUse use = useStream(entry, stream);
  if (CUresult status = check(entry, use, address, sizeof value))
    return status;
  auto work = [s = entry.state, address, value] {
    Value *place = placeOf<Value>(*s, address);
    if (!place)
      return CUDA_ERROR_ILLEGAL_ADDRESS;
    const Allocation *a = s->memory.find(address, sizeof value, nullptr);
    std::memset(a->shadow.get() + (address - a->base), shadow::initialised,
                sizeof value);
    std::atomic_ref<Value>(*place).store(value);
    return CUDA_SUCCESS;
  };
  use.context->submit(*use.stream, work, Access::Memory);
  return CUDA_SUCCESS;
}

template <typename Value>
static bool isReached(Value now, Value wanted, unsigned how) {
  switch (how) {
  case CU_STREAM_WAIT_VALUE_EQ:
    return now == wanted;
  case CU_STREAM_WAIT_VALUE_AND:
    return (now & wanted) != 0;
  case CU_STREAM_WAIT_VALUE_NOR:
    return static_cast<Value>(~(now | wanted)) != 0;
  default: // the difference as a signed number, so that counters may wrap
    return static_cast<Value>(now - wanted) >> (8 * sizeof(Value) - 1) == 0;
  }
}

template <typename Value>
static CUresult wait(CUstream stream, CUdeviceptr address, Value value,
                     unsigned flags) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  unsigned how = flags & 3;
  if (flags & ~(3u | CU_STREAM_WAIT_VALUE_FLUSH))
    return reject(CUDA_ERROR_INVALID_VALUE);
  StreamUse use = useStream(entry, stream);
  if (CUresult status = check(entry, use, address, sizeof value))
    return status;
  std::weak_ptr<Context> context = use.context;
  auto work = [s = entry.state, context, address, value, how] {
    while (true) {
      Value now = 0;
      {
        GlobalMemory::Use held = s->memory.use();
        Value *place = placeOf<Value>(*s, address);
        if (!place)
          return CUDA_ERROR_ILLEGAL_ADDRESS;
        now = std::atomic_ref<Value>(*place).load();
      }
      auto owner = context.lock();
      if (isReached(now, value, how) || !owner || owner->stickyError())
        return CUDA_SUCCESS;
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  };
  use.context->submit(*use.stream, work, Access::None);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamWriteValue32_v2(CUstream stream, CUdeviceptr address,
                                         cuuint32_t value, unsigned int flags) {
  return write(stream, address, value, flags);
}

CUresult CUDAAPI cuStreamWriteValue64_v2(CUstream stream, CUdeviceptr address,
                                         cuuint64_t value, unsigned int flags) {
  return write(stream, address, value, flags);
}

CUresult CUDAAPI cuStreamWaitValue32_v2(CUstream stream, CUdeviceptr address,
                                        cuuint32_t value, unsigned int flags) {
  return wait(stream, address, value, flags);
}

CUresult CUDAAPI cuStreamWaitValue64_v2(CUstream stream, CUdeviceptr address,
                                        cuuint64_t value, unsigned int flags) {
  return wait(stream, address, value, flags);
}
