// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Buffers and streams, each call in the device's context.

#include "runtime/Driver/Memory.h"
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::driver;

namespace {

/// Runs one driver call in the device's context.
template <typename Call>
Status inContext(const Device &device, const char *name, Call call,
                 const std::string &hint = "") {
  ContextScope scope(device);
  if (Status status = scope.status(); !status)
    return status;
  return device.driver().check(call(device.driver()), name, hint);
}

/// What the legacy stream was given is done: the driver may return before (CUDA
/// driver API, "API synchronization behavior"), and a stream that does not wait
/// for the legacy one would overtake it.
Status settled(const Device &device, const Status &status) {
  return status ? driver::synchronize(device, nullptr) : status;
}

Status checkRange(uint64_t offset, uint64_t count, uint64_t size) {
  if (offset <= size && count <= size - offset)
    return Status::ok();
  return Status::invalid(fmt::format(
      "expected a copy within a buffer of {} bytes, got {} bytes at {}", size,
      count, offset));
}

} // namespace

Expected<Buffer> Buffer::allocate(std::shared_ptr<const Device> device,
                                  uint64_t bytes) {
  Buffer buffer;
  buffer.device = std::move(device);
  if (bytes == 0)
    return buffer;
  CUdeviceptr pointer = 0;
  if (Status status = inContext(
          *buffer.device, "cuMemAlloc",
          [&](const Driver &api) { return api.cuMemAlloc(&pointer, bytes); },
          fmt::format("asked for {} bytes", bytes));
      !status)
    return status;
  buffer.pointer = pointer;
  buffer.size = bytes;
  return buffer;
}

Buffer &Buffer::operator=(Buffer &&other) noexcept {
  if (this != &other) {
    release();
    device = std::move(other.device);
    pointer = std::exchange(other.pointer, 0);
    size = std::exchange(other.size, 0);
  }
  return *this;
}

void Buffer::release() {
  if (!pointer)
    return;
  // After a failed launch the context refuses this too, and has freed it.
  (void)inContext(*device, "cuMemFree",
                  [&](const Driver &api) { return api.cuMemFree(pointer); });
  pointer = 0;
}

Status Buffer::upload(uint64_t offset, const void *from, uint64_t count) {
  if (Status status = checkRange(offset, count, size); !status || count == 0)
    return status;
  return settled(*device,
                 inContext(*device, "cuMemcpyHtoD", [&](const Driver &api) {
                   return api.cuMemcpyHtoD(pointer + offset, from, count);
                 }));
}

Status Buffer::download(uint64_t offset, void *to, uint64_t count) const {
  if (Status status = checkRange(offset, count, size); !status || count == 0)
    return status;
  return inContext(*device, "cuMemcpyDtoH", [&](const Driver &api) {
    return api.cuMemcpyDtoH(to, pointer + offset, count);
  });
}

Status Buffer::fill(uint8_t value) {
  if (size == 0)
    return Status::ok();
  return settled(*device,
                 inContext(*device, "cuMemsetD8", [&](const Driver &api) {
                   return api.cuMemsetD8(pointer, value, size);
                 }));
}

Expected<Stream> Stream::create(std::shared_ptr<const Device> device) {
  Stream result;
  result.device = std::move(device);
  if (Status status = inContext(*result.device, "cuStreamCreate",
                                [&](const Driver &api) {
                                  return api.cuStreamCreate(
                                      &result.stream, CU_STREAM_NON_BLOCKING);
                                });
      !status)
    return status;
  return result;
}

Stream::~Stream() {
  if (stream)
    (void)inContext(*device, "cuStreamDestroy", [&](const Driver &api) {
      return api.cuStreamDestroy(stream);
    });
}

Status Stream::synchronize() const {
  return inContext(*device, "cuStreamSynchronize", [&](const Driver &api) {
    return api.cuStreamSynchronize(stream);
  });
}

Status nybl::driver::download(const Device &device, uint64_t from, void *to,
                              uint64_t count) {
  if (count == 0)
    return Status::ok();
  return inContext(device, "cuMemcpyDtoH", [&](const Driver &api) {
    return api.cuMemcpyDtoH(to, from, count);
  });
}

Status nybl::driver::synchronize(const Device &device, void *stream) {
  return inContext(device, "cuStreamSynchronize", [&](const Driver &api) {
    return api.cuStreamSynchronize(static_cast<CUstream>(stream));
  });
}
