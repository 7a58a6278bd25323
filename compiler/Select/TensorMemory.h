// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Who has which columns of tensor memory: accumulators of a tile, and in each
// slot of the ring the scale factors of a K step.
#ifndef NYBL_COMPILER_SELECT_TENSORMEMORY_H
#define NYBL_COMPILER_SELECT_TENSORMEMORY_H

#include "runtime/Abi/Status.h"
#include <array>
#include <cstdint>
#include <vector>

namespace nybl::compiler {

/// Some columns, all 128 lanes of them, for one thing at a time: each stage has
/// as many, one after the other from `first` on.
struct TensorColumns {
  const char *holds; ///< "accumulators", "scale factors of a", ... "of b"
  int64_t first;
  int64_t columns; ///< of one stage
  int64_t stages;
  int64_t end() const { return first + columns * stages; }
};

struct TensorMemoryPlan {
  std::vector<TensorColumns> map; ///< in the order of columns; none overlap
  int64_t used;                   ///< all of these
  int64_t
      allocated; ///< what tcgen05.alloc can give: a power of two, 32 or more
  int64_t accumulatorStages() const { return map.front().stages; }
};

/// The plan of a tile [m, n, k] with `slots` K steps in the ring, in a tensor
/// memory of `columns`. Accumulators are one column for each column of the
/// tile, in two stages where they fit, so that one tile is stored while the
/// next is multiplied. Scale factors have columns of their own in each slot:
/// they are written again only when the multiplies that read them are over.
/// Invalid where not even one stage fits.
Expected<TensorMemoryPlan> planTensorMemory(std::array<int64_t, 3> tile,
                                            int64_t slots, int64_t columns);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_SELECT_TENSORMEMORY_H
