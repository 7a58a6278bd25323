// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ptxas as a child process: PTX to cubin. (Not nvJitLink, which drops
// setmaxnreg.)
#ifndef NYBL_COMPILER_CODEGEN_PTXAS_H
#define NYBL_COMPILER_CODEGEN_PTXAS_H

#include "runtime/Support/PtxAs.h"
#include <string_view>
#include <vector>

namespace nybl::compiler {

/// As the runtime finds it (runtime/Support/PtxAs.h), beside this library.
Expected<PtxAs> findPtxAs(std::string_view given);

struct Cubin {
  std::string image;
  int registers = -1, spillBytes = 0, staticSharedBytes = 0;
  std::string version; ///< of the ptxas, as the image says; empty: it does not
};

/// What ptxas is told, but for the names of files. Part of a kernel's key.
std::vector<std::string> ptxasArguments(std::string_view chip);

/// Environment error with ptxas's first error line and a command that repeats
/// it. No temporary file is left on any path.
Expected<Cubin> assemble(const PtxAs &ptxas, std::string_view ptx,
                         std::string_view chip);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_CODEGEN_PTXAS_H
