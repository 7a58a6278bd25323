// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The plan of tensor memory.

#include "compiler/Select/TensorMemory.h"
#include <bit>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::compiler;

/// A copy by tcgen05.cp brings the scale factors of 128 rows and 4 K blocks, 64
/// elements, into 4 columns.
static int64_t scaleColumns(int64_t rows, int64_t k) {
  return (rows + 127) / 128 * 4 * (k / 64);
}

static TensorMemoryPlan layOut(std::array<int64_t, 3> tile, int64_t slots,
                               int64_t accumulatorStages) {
  auto [m, n, k] = tile;
  TensorMemoryPlan plan{{{"accumulators", 0, n, accumulatorStages}}, 0, 0};
  int64_t a = plan.map.back().end();
  plan.map.push_back({"scale factors of a", a, scaleColumns(m, k), slots});
  int64_t b = plan.map.back().end();
  plan.map.push_back({"scale factors of b", b, scaleColumns(n, k), slots});
  plan.used = plan.map.back().end();
  constexpr uint64_t least = 32;
  plan.allocated = std::bit_ceil(std::max<uint64_t>(plan.used, least));
  return plan;
}

Expected<TensorMemoryPlan>
nybl::compiler::planTensorMemory(std::array<int64_t, 3> tile, int64_t slots,
                                 int64_t columns) {
  for (int64_t stages : {2, 1})
    if (TensorMemoryPlan plan = layOut(tile, slots, stages);
        plan.allocated <= columns)
      return plan;
  return Status::invalid(
      fmt::format("expected at most {} columns of tensor memory, got {}: {} of "
                  "accumulators "
                  "and {} of scale factors in {} slots; take a smaller tile n "
                  "or K step, or "
                  "fewer stages",
                  columns, layOut(tile, slots, 1).used, tile[1],
                  layOut(tile, slots, 1).used - tile[1], slots));
}
