// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The clocks that a GPU runs at, by NVIDIA's NVML, found at run time.
#ifndef NYBL_TOOLS_NYBL_CLOCKS_H
#define NYBL_TOOLS_NYBL_CLOCKS_H

#include "runtime/Driver/Device.h"
#include <optional>
#include <vector>

namespace nybl::cli {

struct ClockReading {
  unsigned multiprocessorMHz = 0, memoryMHz = 0;
};

/// Each clock for itself; none of none.
std::optional<ClockReading> medianOf(const std::vector<ClockReading> &readings);

class Clocks {
public:
  /// `path` empty: libnvidia-ml.so.1, which comes with the driver. Errors:
  /// Environment.
  static Expected<Clocks> open(const std::string &path,
                               const driver::Device &device);

  /// At this moment; none where NVML does not say.
  std::optional<ClockReading> now() const;

private:
  using Read = int (*)(void *device, int clock, unsigned *megahertz);
  void *device = nullptr;
  Read read = nullptr;
};

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_CLOCKS_H
