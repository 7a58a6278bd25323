// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a layer takes on a device: by our kernel and by cuBLASLt's, on the same
// operands, each behind a look at its result.
#ifndef NYBL_TOOLS_NYBL_SPEEDTEST_H
#define NYBL_TOOLS_NYBL_SPEEDTEST_H

#include "tools/nybl/Clocks.h"
#include "tools/nybl/CublasLt.h"
#include "tools/nybl/Layers.h"
#include "tools/nybl/Reference.h"
#include "tools/nybl/Stopwatch.h"

namespace nybl::cli {

/// One kernel's launches.
struct Measured {
  Timing timing;
  std::string wrong; ///< why there is no time, or why D is not right
  std::optional<ClockReading> clocks; ///< median, while launches are queued
};

struct Speed {
  Layer layer = {};
  std::string failed; ///< why there is nothing below
  std::string schedule, tuned, problemClass, origin;
  uint64_t bytes = 0; ///< of all operands, padding of scale factors included
  Measured ours;
  std::optional<Measured> peer;

  double teraflops(const Measured &by) const {
    return 2e-3 * double(layer.m) * double(layer.n) * double(layer.k) /
           double(by.timing.median);
  }
  double gigabytes(const Measured &by) const {
    return double(bytes) / double(by.timing.median);
  }
};

/// The product of a layer: NVFP4 with scale factors as 128x4, D of bf16.
GemmProblem problemOf(const Layer &layer);

class SpeedTest {
public:
  static constexpr int runs = 30;

  /// `peer` and `clocks` may be null.
  SpeedTest(Workbench &bench, std::shared_ptr<const CublasLt> peer,
            const Clocks *clocks)
      : bench(bench), peer(std::move(peer)), clocks(clocks) {}

  /// Errors are those of our kernel; what cuBLASLt cannot do is in the result.
  Expected<Speed> time(const Layer &layer);

private:
  using Launch = std::function<Status(const driver::Stream &, int run)>;
  Expected<std::vector<DeviceProduct>> upload(const Layer &layer);
  Expected<Measured> measure(const Launch &launch);
  Expected<Measured> measurePeer(const Layer &layer,
                                 std::vector<DeviceProduct> &operands,
                                 const Reference &expected);

  Workbench &bench;
  std::shared_ptr<const CublasLt> peer;
  const Clocks *clocks;
};

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_SPEEDTEST_H
