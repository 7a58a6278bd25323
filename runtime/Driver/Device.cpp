// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Opens a device and reads what the runtime needs to know of it.

#include "runtime/Driver/Device.h"
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::driver;

Expected<std::shared_ptr<const Device>>
Device::open(std::shared_ptr<const Driver> driver, int ordinal) {
  std::shared_ptr<Device> device(new Device());
  device->api = std::move(driver);
  device->index = ordinal;
  const Driver &api = *device->api;
  int count = 0;
  if (Status status =
          api.check(api.cuDeviceGetCount(&count), "cuDeviceGetCount");
      !status)
    return status;
  if (ordinal < 0 || ordinal >= count)
    return Status::environment(
        fmt::format("expected a device ordinal below {}, the number of devices "
                    "of '{}', got {}",
                    count, api.path(), ordinal));
  if (Status status =
          api.check(api.cuDeviceGet(&device->device, ordinal), "cuDeviceGet");
      !status)
    return status;
  if (Status status = device->read(); !status)
    return status;
  if (Status status = api.check(
          api.cuDevicePrimaryCtxRetain(&device->primary, device->device),
          "cuDevicePrimaryCtxRetain");
      !status)
    return status;
  return std::shared_ptr<const Device>(std::move(device));
}

Device::~Device() {
  if (primary)
    api->cuDevicePrimaryCtxRelease(device);
}

Status Device::attribute(CUdevice_attribute which, const char *what,
                         int64_t &value) const {
  int number = 0;
  Status status =
      api->check(api->cuDeviceGetAttribute(&number, which, device),
                 "cuDeviceGetAttribute", fmt::format("asked for {}", what));
  value = number;
  return status;
}

Status Device::read() {
  char text[256] = {};
  int64_t major = 0, minor = 0;
  for (Status status :
       {api->check(api->cuDeviceGetName(text, sizeof text - 1, device),
                   "cuDeviceGetName"),
        attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
                  "the compute capability", major),
        attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
                  "the compute capability", minor),
        attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT,
                  "the number of multiprocessors", smCount),
        attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN,
                  "the shared memory a CTA may have", sharedOptin),
        attribute(CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE, "the size of L2", l2Size),
        attribute(CU_DEVICE_ATTRIBUTE_CLOCK_RATE, "the clock rate", clockRate)})
    if (!status)
      return status;
  productName = text;
  chipName = fmt::format("sm_{}{}{}", major, minor, major >= 9 ? "a" : "");
  return Status::ok();
}
