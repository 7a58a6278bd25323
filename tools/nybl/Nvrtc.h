// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// CUDA C++ to PTX by NVIDIA's NVRTC, found at run time: a compiler that shares
// nothing with ours.
#ifndef NYBL_TOOLS_NYBL_NVRTC_H
#define NYBL_TOOLS_NYBL_NVRTC_H

#include "runtime/Abi/Status.h"
#include <string>

namespace nybl::cli {

class Nvrtc {
public:
  /// `path` empty: NYBL_NVRTC, or libnvrtc.so of a toolkit (beside ptxas, in
  /// CUDA_HOME or /usr/local/cuda) or where the loader finds it. The library
  /// stays loaded. Errors: Environment.
  static Expected<Nvrtc> load(const std::string &path,
                              const std::string &ptxas);

  /// "NVRTC 13.0"
  const std::string &name() const { return text; }

  /// PTX of a program without includes. Errors: Environment, with the log.
  Expected<std::string> compile(const std::string &source,
                                const std::string &chip) const;

private:
  void *handle = nullptr;
  std::string text;
};

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_NVRTC_H
