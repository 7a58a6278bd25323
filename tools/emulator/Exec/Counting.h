// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Counters for performance work, from the addresses that warps really access:
// wavefronts of shared memory, sectors of global memory. Nothing here is timed.
#ifndef NYBL_EMULATOR_EXEC_COUNTING_H
#define NYBL_EMULATOR_EXEC_COUNTING_H

#include "tools/emulator/Exec/Warp.h"

namespace nybl::emu {

/// Shared memory has 32 banks of 4 bytes. An access of up to 4 bytes by each
/// lane is one phase, one of 8 takes two half-warps, one of 16 four
/// quarter-warps. A phase takes as many wavefronts as the busiest bank has
/// different words; ideally one.
struct Wavefronts {
  uint64_t taken = 0, ideal = 0;
};

/// `addresses` of the lanes in `active`. `serialised`: lanes that meet at one
/// word take turns (atomics).
Wavefronts countWavefronts(const uint64_t (&addresses)[32], uint32_t active,
                           unsigned bytes, bool serialised = false);
/// Rows of 16 bytes; eight are a phase.
Wavefronts countMatrixWavefronts(const uint64_t (&rows)[32], unsigned count);

struct Sectors {
  uint64_t sectors = 0; ///< of 32 bytes, different ones
  uint64_t bytes = 0;   ///< of them that a lane asked for
};
Sectors countSectors(const uint64_t (&addresses)[32], uint32_t active,
                     const uint32_t (&bytes)[32]);

Counted countedAs(std::string_view opcode);
/// Runs before the instruction does.
void countInstruction(Warp &w, const Instr &in);

/// What the warps of a CTA that has ended counted; `lines` is by pc, and empty
/// unless LaunchConfig::count.
void addCounts(const Cta &cta, std::vector<LineCounts> &lines, Counters &to);
std::vector<CountedLine> countedLines(const Kernel &kernel,
                                      const std::vector<LineCounts> &byPc);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_COUNTING_H
