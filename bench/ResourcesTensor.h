// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What kernels take of a chip whose accumulators lie in tensor memory: how much
// of the time of their multiplies the reading of operands from shared memory
// takes, by the tile, and the asking for them, by the machine code.
#ifndef NYBL_BENCH_RESOURCESTENSOR_H
#define NYBL_BENCH_RESOURCESTENSOR_H

#include "bench/ResourcesSass.h"
#include "runtime/Library/Provider.h"

namespace nybl::bench {

inline constexpr const char *tensorChip = "sm_100a";

/// A row for each of our schedules and for the kernels of CuTe DSL that lie
/// under `cases`, through one ptxas: what machineFigures says of the loop, and
/// cycles of a multiply, of what it reads (`mma_cycles`, `read_cycles`), and
/// of the loop's multiplies (`loop_mma_cycles`), or a `note`.
nlohmann::ordered_json tensorTable(const Assembler &ptxas,
                                   const sass::NvDisasm &tool,
                                   const library::Provider &provider,
                                   const char *problem,
                                   const std::string &cases);

} // namespace nybl::bench

#endif // NYBL_BENCH_RESOURCESTENSOR_H
