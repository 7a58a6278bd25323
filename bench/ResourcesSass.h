// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// PTX through a ptxas, and what the machine code shows of it.
#ifndef NYBL_BENCH_RESOURCESSASS_H
#define NYBL_BENCH_RESOURCESSASS_H

#include "runtime/Abi/Status.h"
#include "tools/sass/MainLoop.h"
#include "tools/sass/NvDisasm.h"
#include <nlohmann/json.hpp>
#include <string>

namespace nybl::bench {

struct Assembler {
  std::string path, version; ///< "13.0.88"
};

/// Errors: Environment.
Expected<Assembler> openAssembler(const std::string &path);

/// Lowers .version to what this ptxas reads: CUDA 13.x reads PTX 9.x.
std::string restamped(const std::string &ptx, const Assembler &ptxas);

/// registers, spill_bytes, mma, instructions, nops, moves, local and
/// stall_cycles (the last six of the main loop). Errors: Environment, Unproven.
Expected<nlohmann::ordered_json> machineFigures(const std::string &ptx,
                                                const std::string &chip,
                                                const Assembler &ptxas,
                                                const sass::NvDisasm &tool);

} // namespace nybl::bench

#endif // NYBL_BENCH_RESOURCESSASS_H
