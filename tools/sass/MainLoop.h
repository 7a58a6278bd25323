// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Figures of the loop in which a kernel multiplies, from its machine code: what
// the text shows, nothing measured.
#ifndef NYBL_TOOLS_SASS_MAINLOOP_H
#define NYBL_TOOLS_SASS_MAINLOOP_H

#include "tools/sass/Code.h"
#include <optional>

namespace nybl::sass {

struct LoopFigures {
  uint64_t address = 0; ///< of the loop's head
  size_t multiplies = 0;
  size_t instructions = 0; ///< all, multiplies and fillers among them
  size_t nops = 0, moves = 0;
  size_t local = 0; ///< accesses of local memory: spills
  /// Sum of the stall counts in the encodings, on the way through the loop with
  /// the most multiplies where that is least: at least so many cycles pass
  /// between the first issue of such an iteration of one warp and the next
  /// one's.
  size_t stallCycles = 0;
};

struct LoopBody {
  size_t head = 0;
  std::vector<size_t> places; ///< the head's among them; in their order
};

/// Places in code.instructions of the innermost loop with the most multiplies;
/// none where no loop has any.
/// Loops inside it that have none, such as the spinning on a barrier, are left
/// out. Errors: as of sassFlow.
Expected<LoopBody> mainLoopBody(const Code &code);

/// Of that loop. Errors: as of sassFlow.
Expected<std::optional<LoopFigures>> mainLoop(const Code &code);

} // namespace nybl::sass

#endif // NYBL_TOOLS_SASS_MAINLOOP_H
