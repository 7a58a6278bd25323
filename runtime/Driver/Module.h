// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A loaded image and its kernel.
#ifndef NYBL_RUNTIME_DRIVER_MODULE_H
#define NYBL_RUNTIME_DRIVER_MODULE_H

#include "runtime/Driver/Device.h"
#include <string_view>

namespace nybl::driver {

/// The two forms of one kernel. Either may be empty, not both.
struct Image {
  std::string cubin;
  std::string ptx;
};

struct LaunchShape {
  unsigned grid = 1, threads = 1, dynamicShared = 0;
  /// All CTAs are on the device at once, or the driver refuses the launch.
  bool cooperative = false;
  /// May begin while the grid before it on the stream has not ended.
  bool dependent = false;
};

/// Owns a CUmodule. Immutable after load, shared by threads.
class Module {
public:
  /// Loads the cubin; where there is none, or the driver has no binary for this
  /// GPU, the PTX.
  /// Errors: Environment, with the driver's own log.
  static Expected<std::shared_ptr<const Module>>
  load(std::shared_ptr<const Device> device, const Image &image,
       const std::string &kernel);
  ~Module();
  Module(const Module &) = delete;
  Module &operator=(const Module &) = delete;

  /// The cubin was refused as NO_BINARY_FOR_GPU and the PTX loaded instead.
  bool ptxFallback() const { return fellBack; }
  const Device &device() const { return *gpu; }

  /// Allows `dynamicShared` bytes and gives the CTAs that fit on one
  /// multiprocessor (at least 1). Errors: Environment if not even one fits.
  Expected<int64_t> residentCtas(int64_t threads, int64_t dynamicShared) const;

  /// Of a kernel that is run by clusters of `ctas`: how many of them the device
  /// holds at once (at least 1); residentCtas comes first. Errors: Environment
  /// if it holds none, or if the driver cannot say.
  Expected<int64_t> residentClusters(int64_t ctas, int64_t threads,
                                     int64_t dynamicShared) const;

  /// Enqueues. Pushes and pops the context; allocates only for an error.
  Status launch(const LaunchShape &shape, void *stream,
                void **parameters) const;
  /// The same where the device's context is current already. Errors:
  /// Environment, also where the driver knows no attributes of launches and the
  /// shape asks for one.
  Status enqueue(const LaunchShape &shape, void *stream,
                 void **parameters) const;

private:
  Module() = default;
  CUresult loadImage(const std::string &image, std::string &log);
  Status enqueueWithAttributes(const LaunchShape &shape, void *stream,
                               void **parameters) const;

  std::shared_ptr<const Device> gpu;
  CUmodule module = nullptr;
  CUfunction function = nullptr;
  bool fellBack = false;
};

} // namespace nybl::driver

#endif // NYBL_RUNTIME_DRIVER_MODULE_H
