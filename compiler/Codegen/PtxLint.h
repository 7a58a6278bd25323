// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A second look at the PTX that ships, after LLVM, sharing no code with the
// proof: were accesses widened, guards dropped, waits moved?
#ifndef NYBL_COMPILER_CODEGEN_PTXLINT_H
#define NYBL_COMPILER_CODEGEN_PTXLINT_H

#include "runtime/Abi/Status.h"
#include <string>
#include <string_view>
#include <vector>

namespace nybl::compiler {

struct PtxCounts {
  unsigned globalLoads = 0, globalStores = 0, multiplies = 0;
  unsigned byteLoads = 0; ///< of global memory: the scale reads
};

/// Counts of one entry, and a sentence with the PTX line for each rule broken:
/// an unpredicated load or store of global memory; one before
/// griddepcontrol.wait; a vector load of global memory (a widened one); local
/// memory; a call; no multiply.
std::vector<std::string>
findPtxFaults(std::string_view ptx, std::string_view kernel, PtxCounts &counts);

/// Refused with the first fault.
Status lintPtx(std::string_view ptx, std::string_view kernel);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_CODEGEN_PTXLINT_H
