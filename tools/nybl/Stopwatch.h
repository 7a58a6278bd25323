// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How long a launch takes on a device, by its own events.
#ifndef NYBL_TOOLS_NYBL_STOPWATCH_H
#define NYBL_TOOLS_NYBL_STOPWATCH_H

#include "runtime/Driver/Memory.h"
#include <functional>

namespace nybl::cli {

struct Timing {
  int64_t median = 0; ///< nanoseconds
  int64_t spread = 0; ///< from the first to the last decile
  int64_t runs = 0;
};

/// Of some times; at least one.
Timing summarise(std::vector<int64_t> nanoseconds);

class Stopwatch {
public:
  /// Times of stopwatches with another policy are not comparable.
  static constexpr const char *policy = "events 1";

  /// Errors: Environment (a driver without events, memory).
  static Expected<Stopwatch> make(std::shared_ptr<const driver::Device> device);
  Stopwatch(Stopwatch &&other) noexcept;
  Stopwatch &operator=(Stopwatch &&) = delete;
  ~Stopwatch();

  /// Some launches to warm up, then `runs` launches, each behind writes that
  /// push everything else out of L2. `launch` enqueues run number i.
  /// `meanwhile` is called once a run, when all of it is enqueued and nobody
  /// has waited yet.
  Expected<Timing> time(
      int runs,
      const std::function<Status(const driver::Stream &, int)> &launch,
      const std::function<void()> &meanwhile = [] {});

private:
  explicit Stopwatch(driver::Stream stream) : stream(std::move(stream)) {}
  Status flush();
  Expected<int64_t>
  once(int run,
       const std::function<Status(const driver::Stream &, int)> &launch,
       const std::function<void()> &meanwhile);

  std::shared_ptr<const driver::Device> device;
  driver::Stream stream;
  driver::Buffer waste; ///< twice the size of L2
  CUevent before = nullptr, after = nullptr;
};

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_STOPWATCH_H
