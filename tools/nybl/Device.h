// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One plan on one device, with operands in its memory.
#ifndef NYBL_TOOLS_NYBL_DEVICE_H
#define NYBL_TOOLS_NYBL_DEVICE_H

#include "nybl/nybl.hpp"
#include "runtime/Driver/Memory.h"
#include "tools/nybl/Command.h"
#include "tools/nybl/Padding.h"

namespace nybl::cli {

struct DeviceMatrix {
  driver::Buffer buffer;
  nybl_matrix view = {};
};

struct DeviceScales {
  driver::Buffer buffer;
  nybl_scales view = {};
};

struct SessionOptions {
  std::string schedule, templateFile, jit, ptxas, dumpDir;
  bool allowUnproven = false;
};

class Session {
public:
  /// Opens the device and prepares the problem.
  static Expected<std::unique_ptr<Session>> open(const DeviceChoice &choice,
                                                 const std::string &problem,
                                                 const SessionOptions &options);

  /// Uploads. With poison, padding holds that byte and is marked as poison
  /// where the driver is the emulated one.
  Expected<DeviceMatrix> matrix(const std::string &rows,
                                const MatrixShape &shape,
                                std::optional<uint8_t> poison);
  Expected<DeviceScales> scales(const std::string &bytes, ScaleLayout layout,
                                int64_t rows, int64_t blocks,
                                std::optional<uint8_t> poison);
  /// Memory for D, named `d` to the emulated driver.
  Expected<DeviceMatrix> output(const MatrixShape &shape, int64_t columns,
                                unsigned elementBytes);

  /// Launches and waits. What the emulated driver reports becomes Refused.
  Status launch(nybl_gemm_args args);

  /// D's rows, back to back. Refused if its padding was written to.
  Expected<std::string> readBack(const DeviceMatrix &d,
                                 const MatrixShape &shape);

  std::string phasesJson() const;
  /// Lines for the user: device, and what is not proven.
  std::string describe() const;

private:
  Session() = default;
  Status markPoison(const driver::Buffer &buffer,
                    const std::vector<ByteRange> &ranges);
  /// Turns a failure of the emulated driver into its first report.
  Status withReport(const Status &status) const;

  face::Library library;
  face::Device device;
  face::Plan plan;
  std::shared_ptr<const driver::Device> gpu;
  std::string unproven;
};

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_DEVICE_H
