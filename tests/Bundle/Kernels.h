// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels that nobody compiled, for the files that carry them.
#ifndef NYBL_TESTS_BUNDLE_KERNELS_H
#define NYBL_TESTS_BUNDLE_KERNELS_H

#include "runtime/Bundle/Bundle.h"

namespace nybl::tests {

/// Whole and consistent but for the manifest, which is text. Each n has bytes
/// of its own.
inline bundle::Kernel kernelOf(int n, const std::string &chip = "sm_120a") {
  std::string number = std::to_string(n);
  bundle::Kernel kernel;
  kernel.request = {
      "gemm m=? n=" + number + " k=64", chip, "", "", "nybl 1", "13.0.88"};
  kernel.manifest = "{\"manifest\": " + number + "}\n";
  kernel.ptx = "// PTX of " + number + " for " + chip + "\n";
  kernel.cubin = std::string("\x7f\x45LF\0", 5) + number + chip;
  return kernel;
}

inline bool sameBytes(const bundle::Kernel &a, const bundle::Kernel &b) {
  return a.request == b.request && a.manifest == b.manifest && a.ptx == b.ptx &&
         a.cubin == b.cubin && a.tuned == b.tuned;
}

} // namespace nybl::tests

#endif // NYBL_TESTS_BUNDLE_KERNELS_H
