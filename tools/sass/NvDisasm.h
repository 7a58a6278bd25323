// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nvdisasm as a child process: cubin to text.
#ifndef NYBL_TOOLS_SASS_NVDISASM_H
#define NYBL_TOOLS_SASS_NVDISASM_H

#include "runtime/Abi/Status.h"
#include <string>
#include <string_view>

namespace nybl::sass {

struct NvDisasm {
  std::string path;
  std::string version; ///< "13.5.37"
};

/// Looks at `given`, NYBL_NVDISASM, CUDA_HOME/bin, the package that ./dev
/// unpacks beside this build, cuda/bin there, /usr/local/cuda/bin and PATH, in
/// this order; a path that was given but does not run is an error. Errors:
/// Environment, with how to get it.
Expected<NvDisasm> findNvDisasm(const std::string &given);

/// What `nvdisasm -c -hex` prints of it. No temporary file is left. Errors:
/// Invalid, with its first line, where it refuses the cubin; Environment.
Expected<std::string> disassemble(const NvDisasm &tool, std::string_view cubin);

} // namespace nybl::sass

#endif // NYBL_TOOLS_SASS_NVDISASM_H
