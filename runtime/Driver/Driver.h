// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The CUDA driver API, found at run time: dlopen, one table of functions, and
// errors that name the call. Real and emulated drivers are used the same way.
#ifndef NYBL_RUNTIME_DRIVER_DRIVER_H
#define NYBL_RUNTIME_DRIVER_DRIVER_H

#include "runtime/Abi/Status.h"
#include <cuda.h>
#include <memory>
#include <string>
#include <string_view>

namespace nybl::driver {

/// One loaded driver library. Immutable after open, shared by threads; the
/// library itself stays loaded until the process ends.
class Driver {
public:
  /// `path` empty: the real libcuda.so.1. The emulated driver carries that
  /// soname too; it is refused here unless its path was given.
  /// Errors: Environment.
  static Expected<std::shared_ptr<const Driver>> open(const std::string &path);

  /// "cuMemAlloc failed: CUDA_ERROR_OUT_OF_MEMORY (2), out of memory", as
  /// Environment; Ok for CUDA_SUCCESS. `hint` ends the sentence if not empty.
  Status check(CUresult result, const char *call,
               std::string_view hint = {}) const {
    return result == CUDA_SUCCESS ? Status::ok() : failure(result, call, hint);
  }

  /// A symbol outside the CUDA API (the emulator's nyblEmu...), or null.
  template <typename Function>
  Function *extension(const char *symbol) const {
    return reinterpret_cast<Function *>(lookUp(symbol));
  }
  bool isEmulated() const;

  /// As cuDriverGetVersion: 13000 is CUDA 13.0.
  int version() const { return driverVersion; }
  /// The file that was loaded, as the loader names it.
  const std::string &path() const { return loadedPath; }

#define NYBL_DRIVER_FUNCTION(name, symbol) decltype(&::name) name = nullptr;
#define NYBL_DRIVER_OPTIONAL NYBL_DRIVER_FUNCTION
#include "runtime/Driver/Functions.def"
#undef NYBL_DRIVER_OPTIONAL
#undef NYBL_DRIVER_FUNCTION

private:
  Driver() = default;
  Status failure(CUresult result, const char *call,
                 std::string_view hint) const;
  void *lookUp(const char *symbol) const;
  Status loadTable();

  void *handle = nullptr;
  const char *(*lastMessage)() = nullptr; ///< the emulated driver's, or null
  int driverVersion = 0;
  std::string loadedPath;
};

} // namespace nybl::driver

#endif // NYBL_RUNTIME_DRIVER_DRIVER_H
