// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Events around a launch with a cold L2.

#include "tools/nybl/Stopwatch.h"
#include <algorithm>
#include <cmath>
#include <vector>

using namespace nybl;
using namespace nybl::cli;

Timing nybl::cli::summarise(std::vector<int64_t> times) {
  std::sort(times.begin(), times.end());
  size_t last = times.size() - 1;
  return {times[last / 2], times[last * 9 / 10] - times[last / 10],
          static_cast<int64_t>(times.size())};
}

Expected<Stopwatch>
Stopwatch::make(std::shared_ptr<const driver::Device> device) {
  const driver::Driver &api = device->driver();
  if (!api.cuEventCreate || !api.cuEventDestroy || !api.cuEventRecord ||
      !api.cuEventSynchronize || !api.cuEventElapsedTime ||
      !api.cuMemsetD8Async)
    return Status::environment("the driver '" + api.path() +
                               "' has no events to take times with");
  auto stream = driver::Stream::create(device);
  if (!stream)
    return stream.status();
  // An emulated device has no L2, and its times mean nothing.
  int64_t l2 = api.isEmulated() ? 0 : device->l2Bytes();
  auto waste = driver::Buffer::allocate(
      device, 2 * static_cast<uint64_t>(std::max<int64_t>(l2, 1 << 20)));
  if (!waste)
    return waste.status();
  Stopwatch watch(std::move(*stream));
  watch.device = std::move(device);
  watch.waste = std::move(*waste);
  driver::ContextScope scope(*watch.device);
  if (Status status = scope.status(); !status)
    return status;
  for (CUevent *event : {&watch.before, &watch.after})
    if (Status status = api.check(api.cuEventCreate(event, CU_EVENT_DEFAULT),
                                  "cuEventCreate");
        !status)
      return status;
  return watch;
}

Stopwatch::Stopwatch(Stopwatch &&other) noexcept
    : device(std::move(other.device)), stream(std::move(other.stream)),
      waste(std::move(other.waste)),
      before(std::exchange(other.before, nullptr)),
      after(std::exchange(other.after, nullptr)) {}

Stopwatch::~Stopwatch() {
  for (CUevent event : {before, after})
    if (event) {
      driver::ContextScope scope(*device);
      (void)device->driver().cuEventDestroy(event);
    }
}

Status Stopwatch::flush() {
  driver::ContextScope scope(*device);
  if (Status status = scope.status(); !status)
    return status;
  return device->driver().check(
      device->driver().cuMemsetD8Async(waste.address(), 0, waste.bytes(),
                                       static_cast<CUstream>(stream.handle())),
      "cuMemsetD8Async");
}

Expected<int64_t> Stopwatch::once(
    int run, const std::function<Status(const driver::Stream &, int)> &launch,
    const std::function<void()> &meanwhile) {
  const driver::Driver &api = device->driver();
  auto record = [&](CUevent event) {
    driver::ContextScope scope(*device);
    return api.check(
        api.cuEventRecord(event, static_cast<CUstream>(stream.handle())),
        "cuEventRecord");
  };
  if (Status status = flush(); !status)
    return status;
  if (Status status = record(before); !status)
    return status;
  if (Status status = launch(stream, run); !status)
    return status;
  if (Status status = record(after); !status)
    return status;
  meanwhile();
  if (Status status = stream.synchronize(); !status)
    return status;
  float milliseconds = 0;
  driver::ContextScope scope(*device);
  if (Status status =
          api.check(api.cuEventElapsedTime(&milliseconds, before, after),
                    "cuEventElapsedTime");
      !status)
    return status;
  return std::max<int64_t>(1, std::llround(double(milliseconds) * 1e6));
}

Expected<Timing> Stopwatch::time(
    int runs, const std::function<Status(const driver::Stream &, int)> &launch,
    const std::function<void()> &meanwhile) {
  constexpr int warmUp = 3;
  std::vector<int64_t> times;
  for (int run = -warmUp; run < runs; ++run) {
    auto taken = once(run + warmUp, launch, meanwhile);
    if (!taken)
      return taken.status();
    if (run >= 0)
      times.push_back(*taken);
  }
  return summarise(std::move(times));
}
