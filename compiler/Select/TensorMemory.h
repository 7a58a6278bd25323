// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Who has which columns of tensor memory: accumulators of a tile, and in each
// slot of the ring the scale factors of a K step.
#ifndef NYBL_COMPILER_SELECT_TENSORMEMORY_H
#define NYBL_COMPILER_SELECT_TENSORMEMORY_H

#include "compiler/Select/Schedule.h"
#include "runtime/Abi/Manifest.h"

namespace nybl::compiler {

/// Columns of the scale factors of so many rows and columns of K: a copy by
/// tcgen05.cp brings those of 128 rows and 4 K blocks, 64 elements, into 4.
inline constexpr int64_t scaleColumns(int64_t rows, int64_t k) {
  return (rows + 127) / 128 * 4 * (k / 64);
}

struct TensorMemoryPlan {
  std::vector<TensorColumns> map; ///< in the order of columns; none overlap
  int64_t used = 0;               ///< all of these
  /// What tcgen05.alloc can give: a power of two, 32 or more.
  int64_t allocated = 0;
  int64_t accumulatorStages() const { return map.front().stages; }
};

/// The plan of a schedule's tile in a tensor memory of `columns`: of what holds
/// accumulators, and then the scale factors of multiplies' rows and of their
/// columns. Accumulators are one column for each of the multiplies', in two
/// stages where they fit, so that one tile is stored while the next is
/// multiplied. Scale factors have columns of their own in each slot of the
/// ring: they are written again only when the multiplies that read them are
/// over. Invalid where not even one stage fits.
Expected<TensorMemoryPlan> planTensorMemory(const Schedule &schedule,
                                            int64_t columns);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_SELECT_TENSORMEMORY_H
