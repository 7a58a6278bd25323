// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a kernel that quantises, or undoes it, would cost on a card: counted
// from the bytes that it moves and the instructions that it issues for them.
#ifndef NYBL_COMPILER_SELECT_MOVEMENT_H
#define NYBL_COMPILER_SELECT_MOVEMENT_H

#include "compiler/Select/Estimate.h"
#include "runtime/Abi/QuantizeProblem.h"

namespace nybl::compiler {

/// Of one launch.
struct Movement {
  int64_t tiles = 0;
  double readBytes = 0, writtenBytes = 0; ///< each once
  double instructionsPerTile = 0;         ///< of warps
};

/// Pure. Of `m` rows by kernels of a valid schedule.
Movement movementOf(const QuantizeProblem &problem, int64_t m,
                    const Schedule &schedule);
Movement movementOf(const DequantizeProblem &problem, int64_t m,
                    const Schedule &schedule);

struct MovementTime {
  Resource bound = Resource::Latency;
  double seconds = 0;
};

/// The longest of what memory, the busiest multiprocessor's issue and one
/// access to memory take.
MovementTime timeOf(const Movement &movement, const Card &card);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_SELECT_MOVEMENT_H
