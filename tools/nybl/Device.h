// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One plan on one device.
#ifndef NYBL_TOOLS_NYBL_DEVICE_H
#define NYBL_TOOLS_NYBL_DEVICE_H

#include "nybl/nybl.hpp"
#include "tools/nybl/Command.h"
#include "tools/nybl/Memory.h"

namespace nybl::cli {

struct SessionOptions {
  std::string schedule, templateFile, jit, ptxas, dumpDir, bundle;
  bool allowUnproven = false;
  bool generic = false; ///< the kernel of any N and K
};

class Session {
public:
  /// Opens the device and prepares the problem.
  static Expected<std::unique_ptr<Session>> open(const DeviceChoice &choice,
                                                 const std::string &problem,
                                                 const SessionOptions &options);

  Memory &memory() { return operands; }

  /// Launches and waits. What the emulated driver reports becomes Refused.
  Status launch(nybl_gemm_args args);
  Status quantize(nybl_quantize_args args);
  Status dequantize(nybl_dequantize_args args);

  std::string phasesJson() const;
  /// Lines for the user: device, and what is not proven.
  std::string describe() const;

private:
  explicit Session(std::shared_ptr<const driver::Device> gpu)
      : operands(std::move(gpu)) {}
  /// Turns a failure of the emulated driver into its first report.
  Status withReport(const Status &status) const;

  face::Library library;
  face::Device device;
  face::Plan plan;
  Memory operands;
  std::string unproven;
};

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_DEVICE_H
