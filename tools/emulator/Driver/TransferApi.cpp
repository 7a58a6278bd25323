// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Copies and fills, each a task of a stream. The shadow moves with the data.

#include "tools/emulator/Driver/State.h"

#include <cstring>

using namespace nybl::emu;

namespace {
enum class Side { Host, Device };

/// One end of a copy.
struct End {
  Side side;
  uint64_t address;

  void *host() const { return reinterpret_cast<void *>(address); }
};

enum class Mode { Wait, Async };
} // namespace

static End hostEnd(const void *pointer) {
  return {Side::Host, reinterpret_cast<uint64_t>(pointer)};
}

static End deviceEnd(CUdeviceptr address) { return {Side::Device, address}; }

/// Which side a unified address is on: device addresses are never host ones.
static End anyEnd(const Entry &entry, CUdeviceptr address) {
  bool device = entry.state->memory.find(address, 1, nullptr) != nullptr;
  return {device ? Side::Device : Side::Host, address};
}

static CUresult checkEnd(const Entry &entry, const End &end, size_t bytes) {
  Report report;
  bool good =
      end.side == Side::Host
          ? end.address != 0
          : entry.state->memory.find(end.address, bytes, &report) != nullptr;
  if (good)
    return CUDA_SUCCESS;
  return refuse(CUDA_ERROR_INVALID_VALUE,
                end.side == Side::Host ? "copy: the host pointer is null"
                                       : "copy or fill at " + hex(end.address) +
                                             ": " + report.message);
}

static bool move(State &s, const End &to, const End &from, size_t bytes) {
  if (to.side == Side::Device)
    return from.side == Side::Device
               ? s.memory.copy(to.address, from.address, bytes)
               : s.memory.write(to.address, from.host(), bytes);
  if (from.side == Side::Device)
    return s.memory.read(to.host(), from.address, bytes);
  std::memmove(to.host(), from.host(), bytes);
  return true;
}

/// Queues `work`, which is false where a range was freed meanwhile.
static CUresult queue(const Entry &entry, CUstream stream, Mode mode,
                      std::function<bool()> work) {
  StreamUse use = useStream(entry, stream);
  if (!use.context)
    return refuse(CUDA_ERROR_INVALID_HANDLE, "expected a live stream");
  auto task = [work = std::move(work)] {
    return work() ? CUDA_SUCCESS : CUDA_ERROR_ILLEGAL_ADDRESS;
  };
  auto end = use.context->submit(*use.stream, task, Access::Shared);
  if (mode == Mode::Async)
    return CUDA_SUCCESS;
  end->wait();
  return use.context->stickyError();
}

/// As with a real driver, pageable host memory is read before the call returns
/// and written before it returns; page-locked memory is used when the task
/// runs.
static CUresult transfer(const Entry &entry, End to, End from, size_t bytes,
                         CUstream stream, Mode mode) {
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (bytes == 0)
    return CUDA_SUCCESS;
  if (CUresult status = checkEnd(entry, to, bytes))
    return status;
  if (CUresult status = checkEnd(entry, from, bytes))
    return status;
  State *s = entry.state;
  if (to.side == Side::Host && !s->isPinned(to.host(), bytes))
    mode = Mode::Wait;
  bool stages = mode == Mode::Async && from.side == Side::Host &&
                !s->isPinned(from.host(), bytes);
  if (!stages)
    return queue(entry, stream, mode,
                 [=] { return move(*s, to, from, bytes); });
  auto *first = static_cast<const uint8_t *>(from.host());
  auto staged = std::make_shared<std::vector<uint8_t>>(first, first + bytes);
  return queue(entry, stream, mode,
               [=] { return move(*s, to, hostEnd(staged->data()), bytes); });
}

CUresult CUDAAPI cuMemcpyHtoD_v2(CUdeviceptr to, const void *from,
                                 size_t bytes) {
  return transfer(enterContext(), deviceEnd(to), hostEnd(from), bytes, nullptr,
                  Mode::Wait);
}

CUresult CUDAAPI cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t bytes) {
  return transfer(enterContext(), hostEnd(to), deviceEnd(from), bytes, nullptr,
                  Mode::Wait);
}

CUresult CUDAAPI cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from,
                                 size_t bytes) {
  return transfer(enterContext(), deviceEnd(to), deviceEnd(from), bytes,
                  nullptr, Mode::Wait);
}

CUresult CUDAAPI cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from,
                                      size_t bytes, CUstream stream) {
  return transfer(enterContext(), deviceEnd(to), hostEnd(from), bytes, stream,
                  Mode::Async);
}

CUresult CUDAAPI cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes,
                                      CUstream stream) {
  return transfer(enterContext(), hostEnd(to), deviceEnd(from), bytes, stream,
                  Mode::Async);
}

CUresult CUDAAPI cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from,
                                      size_t bytes, CUstream stream) {
  return transfer(enterContext(), deviceEnd(to), deviceEnd(from), bytes, stream,
                  Mode::Async);
}

static CUresult transferAny(CUdeviceptr to, CUdeviceptr from, size_t bytes,
                            CUstream stream, Mode mode) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  return transfer(entry, anyEnd(entry, to), anyEnd(entry, from), bytes, stream,
                  mode);
}

CUresult CUDAAPI cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  return transferAny(to, from, bytes, nullptr, Mode::Wait);
}

CUresult CUDAAPI cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes,
                               CUstream stream) {
  return transferAny(to, from, bytes, stream, Mode::Async);
}

template <typename Value>
static CUresult fill(CUdeviceptr to, Value value, size_t count, CUstream stream,
                     Mode mode) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (count == 0)
    return CUDA_SUCCESS;
  if (to % sizeof value != 0 || count > SIZE_MAX / sizeof value)
    return refuse(CUDA_ERROR_INVALID_VALUE, "fill at " + hex(to) +
                                                ": expected a multiple of " +
                                                std::to_string(sizeof value));
  if (CUresult status = checkEnd(entry, deviceEnd(to), count * sizeof value))
    return status;
  return queue(entry, stream, mode, [=, s = entry.state] {
    return s->memory.fill(to, &value, sizeof value, count);
  });
}

CUresult CUDAAPI cuMemsetD8_v2(CUdeviceptr to, unsigned char value,
                               size_t count) {
  return fill(to, value, count, nullptr, Mode::Wait);
}

CUresult CUDAAPI cuMemsetD16_v2(CUdeviceptr to, unsigned short value,
                                size_t count) {
  return fill(to, value, count, nullptr, Mode::Wait);
}

CUresult CUDAAPI cuMemsetD32_v2(CUdeviceptr to, unsigned int value,
                                size_t count) {
  return fill(to, value, count, nullptr, Mode::Wait);
}

CUresult CUDAAPI cuMemsetD8Async(CUdeviceptr to, unsigned char value,
                                 size_t count, CUstream stream) {
  return fill(to, value, count, stream, Mode::Async);
}

CUresult CUDAAPI cuMemsetD16Async(CUdeviceptr to, unsigned short value,
                                  size_t count, CUstream stream) {
  return fill(to, value, count, stream, Mode::Async);
}

CUresult CUDAAPI cuMemsetD32Async(CUdeviceptr to, unsigned int value,
                                  size_t count, CUstream stream) {
  return fill(to, value, count, stream, Mode::Async);
}
