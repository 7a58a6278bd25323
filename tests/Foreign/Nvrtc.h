// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// CUDA C++ to PTX by NVRTC, with NVIDIA's own headers, for this process's chip.
#ifndef NYBL_TESTS_FOREIGN_NVRTC_H
#define NYBL_TESTS_FOREIGN_NVRTC_H

#include "tests/Foreign/Device.h"

namespace nybl::foreign {

/// The PTX, or empty after a failure that says why.
std::string compileCuda(const std::string &source);

class NvrtcTest : public DeviceTest {
protected:
  /// Compiles, loads and finds `extern "C" __global__ void k(...)`.
  CUfunction compile(const std::string &source) {
    std::string ptx = compileCuda(source);
    return ptx.empty() ? nullptr : load(ptx, "k");
  }
  /// Launches it; a failure says why.
  void run(CUfunction function, const Launch &launch,
           std::vector<void *> arguments);
};

/// One CTA in a grid of one.
inline Launch oneCta(unsigned threads, unsigned shared = 0) {
  return {.block = {threads, 1, 1}, .shared = shared};
}

} // namespace nybl::foreign

#endif // NYBL_TESTS_FOREIGN_NVRTC_H
