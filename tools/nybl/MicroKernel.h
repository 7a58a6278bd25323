// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel of one CTA and a few instructions, from chosen bits to numbers.
#ifndef NYBL_TOOLS_NYBL_MICROKERNEL_H
#define NYBL_TOOLS_NYBL_MICROKERNEL_H

#include "runtime/Driver/Module.h"
#include <span>
#include <string>
#include <vector>

namespace nybl::cli {

/// `multiply(.param .u64 in, .param .u64 out)`.
class MicroKernel {
public:
  /// Errors: Environment.
  static Expected<MicroKernel>
  load(const std::shared_ptr<const driver::Device> &device,
       const std::string &ptx, unsigned threads);

  /// So many numbers from these bytes. Errors: Environment.
  Expected<std::vector<float>> run(std::span<const std::byte> in,
                                   size_t results) const;

private:
  std::shared_ptr<const driver::Device> device;
  std::shared_ptr<const driver::Module> module;
  unsigned threads = 0;
};

/// Of numbers that should be one: "64", "NaN 0x7fffffff", or that they differ.
std::string describe(std::span<const float> numbers);

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_MICROKERNEL_H
