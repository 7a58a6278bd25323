// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The demo's product on a device, through nybl.h: two quantised matrices in, D
// as float out, with what the plan says of itself and the time of each part.
#ifndef NYBL_TESTS_ENDTOEND_DEMO_DEVICE_H
#define NYBL_TESTS_ENDTOEND_DEMO_DEVICE_H

#include "runtime/Abi/Manifest.h"
#include "runtime/Abi/Problem.h"
#include "tests/Oracle/Matrix.h"
#include <string>
#include <vector>

namespace nybl::demo {

struct PhaseTime {
  std::string phase;
  double milliseconds;
};

struct DeviceRun {
  std::string chip;
  Manifest manifest;
  std::vector<PhaseTime> phases; ///< compile, then upload, launch, download
  std::vector<uint8_t> d;        ///< [M][N] of the problem's output type
  bool isEmulated = false;
  bool isPtxLoaded = false; ///< the driver refused the cubin, took the PTX
};

struct DeviceOptions {
  std::string driver;  ///< path of the driver library; empty: the real one
  std::string dumpDir; ///< the compiler's numbered dumps
  /// What every byte of scale padding is filled with; no result may change.
  uint8_t padding = 0x7f;
};

/// D = alpha * A * B^T. The kernel's certificate may have unproven lemmas; the
/// manifest tells which. Errors: as nybl_prepare and nybl_launch, with their
/// sentences.
Expected<DeviceRun> multiplyOnDevice(const GemmProblem &problem,
                                     const oracle::QuantizedMatrix &a,
                                     const oracle::QuantizedMatrix &b,
                                     float alpha, const DeviceOptions &options);

} // namespace nybl::demo

#endif // NYBL_TESTS_ENDTOEND_DEMO_DEVICE_H
