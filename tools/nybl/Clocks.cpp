// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Three functions of NVML and two of its numbers (nvml.h of CUDA 13.0).

#include "tools/nybl/Clocks.h"
#include <algorithm>
#include <dlfcn.h>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::cli;

namespace {

constexpr int clockOfMultiprocessors = 1; // NVML_CLOCK_SM
constexpr int clockOfMemory = 2;          // NVML_CLOCK_MEM

/// "00000000:01:00.0", which names the device to NVML, whose order is another.
Expected<std::string> busId(const driver::Device &device) {
  const driver::Driver &api = device.driver();
  CUdevice ordinal = 0;
  if (Status status =
          api.check(api.cuDeviceGet(&ordinal, device.ordinal()), "cuDeviceGet");
      !status)
    return status;
  int parts[3] = {};
  constexpr CUdevice_attribute which[] = {CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID,
                                          CU_DEVICE_ATTRIBUTE_PCI_BUS_ID,
                                          CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID};
  for (int i = 0; i < 3; ++i)
    if (Status status =
            api.check(api.cuDeviceGetAttribute(&parts[i], which[i], ordinal),
                      "cuDeviceGetAttribute");
        !status)
      return status;
  return fmt::format("{:08x}:{:02x}:{:02x}.0", parts[0], parts[1], parts[2]);
}

} // namespace

std::optional<ClockReading>
nybl::cli::medianOf(const std::vector<ClockReading> &readings) {
  if (readings.empty())
    return std::nullopt;
  auto median = [&](unsigned ClockReading::*clock) {
    std::vector<unsigned> values;
    for (const ClockReading &one : readings)
      values.push_back(one.*clock);
    auto middle = values.begin() + std::ptrdiff_t((values.size() - 1) / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
  };
  return ClockReading{median(&ClockReading::multiprocessorMHz),
                      median(&ClockReading::memoryMHz)};
}

Expected<Clocks> Clocks::open(const std::string &path,
                              const driver::Device &device) {
  const char *file = path.empty() ? "libnvidia-ml.so.1" : path.c_str();
  void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return Status::environment(fmt::format("no NVML ({})", dlerror()));
  auto start = reinterpret_cast<int (*)()>(dlsym(library, "nvmlInit_v2"));
  auto find = reinterpret_cast<int (*)(const char *, void **)>(
      dlsym(library, "nvmlDeviceGetHandleByPciBusId_v2"));
  Clocks clocks;
  clocks.read =
      reinterpret_cast<Read>(dlsym(library, "nvmlDeviceGetClockInfo"));
  if (!start || !find || !clocks.read)
    return Status::environment(
        fmt::format("expected NVML in '{}', it lacks functions", file));
  auto id = busId(device);
  if (!id)
    return id.status();
  if (int code = start())
    return Status::environment(fmt::format("nvmlInit_v2 failed: {}", code));
  if (int code = find(id->c_str(), &clocks.device))
    return Status::environment(
        fmt::format("NVML does not know the device {}: {}", *id, code));
  return clocks;
}

std::optional<ClockReading> Clocks::now() const {
  ClockReading reading;
  if (read(device, clockOfMultiprocessors, &reading.multiprocessorMHz) ||
      read(device, clockOfMemory, &reading.memoryMHz))
    return std::nullopt;
  return reading;
}
