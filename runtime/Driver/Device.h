// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One GPU: its primary context, what it is, and the scope in which calls on it
// are made.
#ifndef NYBL_RUNTIME_DRIVER_DEVICE_H
#define NYBL_RUNTIME_DRIVER_DEVICE_H

#include "runtime/Driver/Driver.h"
#include <cstdint>

namespace nybl::driver {

/// Holds the primary context until it is destroyed. Immutable, shared by
/// threads.
class Device {
public:
  /// Errors: Environment.
  static Expected<std::shared_ptr<const Device>>
  open(std::shared_ptr<const Driver> driver, int ordinal);
  ~Device();
  Device(const Device &) = delete;
  Device &operator=(const Device &) = delete;

  const Driver &driver() const { return *api; }
  /// "sm_120a": compute capability, with the suffix under which the chip's own
  /// features are reached (from 9.0 on).
  const std::string &chip() const { return chipName; }
  const std::string &name() const { return productName; }
  int ordinal() const { return index; }
  int64_t multiprocessors() const { return smCount; }
  int64_t sharedPerCta() const { return sharedOptin; } ///< bytes, opt-in limit
  int64_t l2Bytes() const { return l2Size; }
  int64_t clockKHz() const { return clockRate; } ///< the highest
  CUcontext context() const { return primary; }

private:
  Device() = default;
  Status read();
  Status attribute(CUdevice_attribute which, const char *what,
                   int64_t &value) const;

  std::shared_ptr<const Driver> api;
  CUdevice device = 0;
  CUcontext primary = nullptr;
  int index = 0;
  int64_t smCount = 0, sharedOptin = 0, l2Size = 0, clockRate = 0;
  std::string chipName, productName;
};

/// Makes the device's context current, and the caller's again at the end.
/// Allocates nothing.
class ContextScope {
public:
  explicit ContextScope(const Device &device)
      : device(device),
        result(device.driver().cuCtxPushCurrent(device.context())) {}
  ~ContextScope() {
    CUcontext popped;
    if (result == CUDA_SUCCESS)
      device.driver().cuCtxPopCurrent(&popped);
  }
  ContextScope(const ContextScope &) = delete;
  ContextScope &operator=(const ContextScope &) = delete;

  Status status() const {
    bool isGone = result == CUDA_ERROR_INVALID_CONTEXT ||
                  result == CUDA_ERROR_CONTEXT_IS_DESTROYED;
    return device.driver().check(
        result, "cuCtxPushCurrent",
        isGone ? "the device was reset since it was opened: destroy its plans "
                 "and open it again"
               : "");
  }

private:
  const Device &device;
  CUresult result;
};

} // namespace nybl::driver

#endif // NYBL_RUNTIME_DRIVER_DEVICE_H
