// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operands in the memory of a device, and what the emulated driver is told of
// them and tells.
#ifndef NYBL_TOOLS_NYBL_MEMORY_H
#define NYBL_TOOLS_NYBL_MEMORY_H

#include "nybl/nybl.h"
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

/// The device that `choice` names. Errors: Environment; Invalid where the
/// emulated driver does not know the chip.
Expected<std::shared_ptr<const driver::Device>>
openDevice(const DeviceChoice &choice);

/// A nybl_log_callback: errors and warnings, a line each.
void logToStderr(void *, nybl_log_level level, const char *message);

class Memory {
public:
  /// What D's memory holds before the launch: no NaN, no zero, no small number.
  static constexpr uint8_t unwritten = 0xcb;

  explicit Memory(std::shared_ptr<const driver::Device> gpu)
      : gpu(std::move(gpu)) {}

  // Each uploads an image, and marks bytes of it as poison where the driver is
  // the emulated one.
  Expected<DeviceMatrix> matrix(const std::string &image,
                                const MatrixShape &shape,
                                const std::vector<ByteRange> &poisoned);
  Expected<DeviceScales> scales(const std::string &image, ScaleLayout layout,
                                int64_t rows,
                                const std::vector<ByteRange> &poisoned);

  /// Memory for an output, of this name to the emulated driver.
  Expected<DeviceMatrix> output(const MatrixShape &shape, int64_t columns,
                                unsigned elementBytes,
                                const std::vector<ByteRange> &poisoned = {},
                                const char *name = "d");

  /// Memory that is all zero, given to a launch as its workspace. None for 0
  /// bytes.
  Expected<driver::Buffer> workspace(uint64_t bytes, nybl_gemm_args &args);

  /// D's rows, back to back. Refused if its padding was written to.
  Expected<std::string> readBack(const DeviceMatrix &d,
                                 const MatrixShape &shape) const;

  /// The oldest finding of the emulated driver, or an empty text.
  std::string firstReport() const;

  const std::shared_ptr<const driver::Device> &device() const { return gpu; }

private:
  Status markPoison(const driver::Buffer &buffer,
                    const std::vector<ByteRange> &ranges) const;

  std::shared_ptr<const driver::Device> gpu;
};

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_MEMORY_H
