// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Copies and fills of one dimension.

#include "tools/emulator/Driver/Transfer.h"

using namespace nybl::emu;

CopyEnd nybl::emu::hostEnd(const void *pointer) {
  return {false, reinterpret_cast<uint64_t>(pointer)};
}

CopyEnd nybl::emu::deviceEnd(CUdeviceptr address) { return {true, address}; }

CopyEnd nybl::emu::anyEnd(const Entry &entry, CUdeviceptr address) {
  // A page-locked range is both; what is in the window is never the host's, so
  // that one who uses it late, or misses its end, is told so.
  bool isDevice = entry.state->memory.find(address, 1, nullptr) != nullptr ||
                  (address >= GlobalMemory::windowBegin &&
                   address < GlobalMemory::windowEnd);
  return {isDevice, address};
}

/// From the first byte to behind the last; nothing where that overflows.
static std::optional<uint64_t> extentOf(const CopyEnd &end,
                                        const CopyWork &work) {
  auto behind = [](uint64_t step, uint64_t count, uint64_t &sum) {
    uint64_t bytes = 0;
    return !__builtin_mul_overflow(step, count - 1, &bytes) &&
           !__builtin_add_overflow(sum, bytes, &sum);
  };
  uint64_t sum = work.width;
  if (!behind(end.pitch, work.height, sum) ||
      !behind(end.slice, work.depth, sum))
    return std::nullopt;
  return sum;
}

static CUresult checkEnd(const Entry &entry, const CopyEnd &end,
                         std::optional<uint64_t> bytes) {
  // No program has memory in the first page.
  constexpr uint64_t page = 4096;
  Report report;
  bool good =
      bytes && (end.isDevice ? entry.state->memory.find(end.address, *bytes,
                                                        &report) != nullptr
                             : end.address >= page);
  if (good)
    return CUDA_SUCCESS;
  if (!bytes)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "copy: the range is larger than the address space");
  if (!end.isDevice)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "copy: expected memory of the host or the device, got " +
                      hex(end.address));
  return refuse(CUDA_ERROR_INVALID_VALUE,
                "device range at " + hex(end.address) + ": " + report.message);
}

CUresult nybl::emu::checkCopy(const Entry &entry, const CopyWork &work) {
  if (work.width == 0 || work.height == 0 || work.depth == 0)
    return refuse(CUDA_ERROR_INVALID_VALUE, "copy: expected at least 1 byte");
  if (CUresult status = checkEnd(entry, work.to, extentOf(work.to, work)))
    return status;
  return checkEnd(entry, work.from, extentOf(work.from, work));
}

/// Reads pageable memory now; what lies between rows is left out.
static void stage(CopyWork &work) {
  auto bytes = std::make_shared<std::vector<uint8_t>>();
  bytes->reserve(work.width * work.height * work.depth);
  for (uint64_t z = 0; z < work.depth; ++z)
    for (uint64_t y = 0; y < work.height; ++y) {
      const uint8_t *row =
          work.from.host() + z * work.from.slice + y * work.from.pitch;
      bytes->insert(bytes->end(), row, row + work.width);
    }
  work.from.pitch = work.width;
  work.from.slice = work.width * work.height;
  work.staged = std::move(bytes);
}

/// As with a real driver, pageable host memory is read before the call returns
/// and written before it returns; page-locked memory is used when the task
/// runs, and so is all memory in a graph.
CUresult nybl::emu::transfer(const Entry &entry, CopyWork work, CUstream stream,
                             Mode mode) {
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (work.width == 0 || work.height == 0 || work.depth == 0)
    return CUDA_SUCCESS;
  if (CUresult status = checkCopy(entry, work))
    return status;
  uint64_t toBytes = *extentOf(work.to, work),
           fromBytes = *extentOf(work.from, work);
  State &s = *entry.state;
  StreamUse use = useStream(entry, stream);
  if (mode == Mode::Async && use.context && !isCaptured(s, *use.stream)) {
    if (!work.to.isDevice && !s.isPinned(work.to.host(), toBytes))
      mode = Mode::Wait;
    else if (!work.from.isDevice && !s.isPinned(work.from.host(), fromBytes))
      stage(work);
  }
  return enqueue(entry, stream, std::move(work), mode);
}

Entry nybl::emu::enterTransfer(Mode mode) {
  Entry entry = enterContext();
  if (entry.status == CUDA_SUCCESS && mode == Mode::Wait)
    entry.status = checkUnsafeCall(*entry.state);
  return entry;
}

static CUresult copy(CopyEnd to, CopyEnd from, size_t bytes, CUstream stream,
                     Mode mode) {
  return transfer(enterTransfer(mode), {to, from, bytes, 1, 1, nullptr}, stream,
                  mode);
}

CUresult CUDAAPI cuMemcpyHtoD_v2(CUdeviceptr to, const void *from,
                                 size_t bytes) {
  return copy(deviceEnd(to), hostEnd(from), bytes, nullptr, Mode::Wait);
}

CUresult CUDAAPI cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t bytes) {
  return copy(hostEnd(to), deviceEnd(from), bytes, nullptr, Mode::Wait);
}

CUresult CUDAAPI cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from,
                                 size_t bytes) {
  return copy(deviceEnd(to), deviceEnd(from), bytes, nullptr, Mode::Wait);
}

CUresult CUDAAPI cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from,
                                      size_t bytes, CUstream stream) {
  return copy(deviceEnd(to), hostEnd(from), bytes, stream, Mode::Async);
}

CUresult CUDAAPI cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes,
                                      CUstream stream) {
  return copy(hostEnd(to), deviceEnd(from), bytes, stream, Mode::Async);
}

CUresult CUDAAPI cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from,
                                      size_t bytes, CUstream stream) {
  return copy(deviceEnd(to), deviceEnd(from), bytes, stream, Mode::Async);
}

static CUresult copyAny(CUdeviceptr to, CUdeviceptr from, size_t bytes,
                        CUstream stream, Mode mode) {
  Entry entry = enterTransfer(mode);
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  return transfer(
      entry, {anyEnd(entry, to), anyEnd(entry, from), bytes, 1, 1, nullptr},
      stream, mode);
}

CUresult CUDAAPI cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  return copyAny(to, from, bytes, nullptr, Mode::Wait);
}

CUresult CUDAAPI cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes,
                               CUstream stream) {
  return copyAny(to, from, bytes, stream, Mode::Async);
}

/// There is one device: its contexts share the memory.
CUresult CUDAAPI cuMemcpyPeer(CUdeviceptr to, CUcontext, CUdeviceptr from,
                              CUcontext, size_t bytes) {
  return copyAny(to, from, bytes, nullptr, Mode::Wait);
}

CUresult CUDAAPI cuMemcpyPeerAsync(CUdeviceptr to, CUcontext, CUdeviceptr from,
                                   CUcontext, size_t bytes, CUstream stream) {
  return copyAny(to, from, bytes, stream, Mode::Async);
}

CUresult nybl::emu::checkFill(const Entry &entry, const FillWork &work) {
  bool aligned = work.to % work.elementBytes == 0 &&
                 (work.height == 1 || work.pitch % work.elementBytes == 0);
  if (!aligned || work.width > SIZE_MAX / work.elementBytes)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "fill at " + hex(work.to) + ": expected a multiple of " +
                      std::to_string(work.elementBytes));
  CopyWork range = {deviceEnd(work.to), {}, work.width * work.elementBytes,
                    work.height,        1,  nullptr};
  range.to.pitch = work.pitch;
  return checkEnd(entry, range.to, extentOf(range.to, range));
}

CUresult nybl::emu::fill(FillWork work, CUstream stream, Mode mode) {
  Entry entry = enterTransfer(mode);
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (work.width == 0 || work.height == 0)
    return CUDA_SUCCESS;
  if (CUresult status = checkFill(entry, work))
    return status;
  return enqueue(entry, stream, std::move(work), mode);
}

CUresult CUDAAPI cuMemsetD8_v2(CUdeviceptr to, unsigned char value,
                               size_t count) {
  return fill({to, 0, value, 1, count, 1}, nullptr, Mode::Wait);
}

CUresult CUDAAPI cuMemsetD16_v2(CUdeviceptr to, unsigned short value,
                                size_t count) {
  return fill({to, 0, value, 2, count, 1}, nullptr, Mode::Wait);
}

CUresult CUDAAPI cuMemsetD32_v2(CUdeviceptr to, unsigned int value,
                                size_t count) {
  return fill({to, 0, value, 4, count, 1}, nullptr, Mode::Wait);
}

CUresult CUDAAPI cuMemsetD8Async(CUdeviceptr to, unsigned char value,
                                 size_t count, CUstream stream) {
  return fill({to, 0, value, 1, count, 1}, stream, Mode::Async);
}

CUresult CUDAAPI cuMemsetD16Async(CUdeviceptr to, unsigned short value,
                                  size_t count, CUstream stream) {
  return fill({to, 0, value, 2, count, 1}, stream, Mode::Async);
}

CUresult CUDAAPI cuMemsetD32Async(CUdeviceptr to, unsigned int value,
                                  size_t count, CUstream stream) {
  return fill({to, 0, value, 4, count, 1}, stream, Mode::Async);
}
