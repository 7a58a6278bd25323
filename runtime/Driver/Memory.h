// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Device memory and streams for tools and tests. The library itself allocates
// none: buffers are its caller's.
#ifndef NYBL_RUNTIME_DRIVER_MEMORY_H
#define NYBL_RUNTIME_DRIVER_MEMORY_H

#include "runtime/Driver/Device.h"

namespace nybl::driver {

/// Owns device memory; freed at the end. Movable.
class Buffer {
public:
  /// 0 bytes make an empty buffer without memory. Errors: Environment.
  static Expected<Buffer> allocate(std::shared_ptr<const Device> device,
                                   uint64_t bytes);
  Buffer() = default;
  Buffer(Buffer &&other) noexcept { *this = std::move(other); }
  Buffer &operator=(Buffer &&other) noexcept;
  ~Buffer() { release(); }

  uint64_t address() const { return pointer; }
  uint64_t bytes() const { return size; }

  /// [offset, offset + count) within the buffer. Synchronous: upload and fill
  /// wait for the legacy stream, so that a launch on any stream comes after
  /// them. Not for use under capture.
  Status upload(uint64_t offset, const void *from, uint64_t count);
  Status download(uint64_t offset, void *to, uint64_t count) const;
  Status fill(uint8_t value);

private:
  void release();

  std::shared_ptr<const Device> device;
  uint64_t pointer = 0, size = 0;
};

/// Owns a stream that does not wait for the default stream. Movable.
class Stream {
public:
  static Expected<Stream> create(std::shared_ptr<const Device> device);
  Stream(Stream &&other) noexcept
      : device(std::move(other.device)),
        stream(std::exchange(other.stream, nullptr)) {}
  Stream &operator=(Stream &&) = delete;
  ~Stream();

  void *handle() const { return stream; }
  Status synchronize() const;

private:
  Stream() = default;

  std::shared_ptr<const Device> device;
  CUstream stream = nullptr;
};

/// Synchronous copy of memory that is somebody else's.
Status download(const Device &device, uint64_t from, void *to, uint64_t count);

/// Waits for somebody else's stream.
Status synchronize(const Device &device, void *stream);

} // namespace nybl::driver

#endif // NYBL_RUNTIME_DRIVER_MEMORY_H
