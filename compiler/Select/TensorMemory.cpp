// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The plan of tensor memory.

#include "compiler/Select/TensorMemory.h"
#include <bit>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::compiler;

static TensorMemoryPlan layOut(const Schedule &s, int64_t accumulatorStages) {
  TensorMemoryPlan plan;
  auto add = [&](const char *holds, int64_t columns, int64_t stages) {
    plan.map.push_back({holds, plan.used, columns, stages});
    plan.used = plan.map.back().end();
  };
  const char *ofA = "scale factors of a", *ofB = "scale factors of b";
  add("accumulators", s.multiplyColumns(), accumulatorStages);
  add(s.swapped ? ofB : ofA, scaleColumns(s.rowsOfCta(), s.tile[2]), s.stages);
  add(s.swapped ? ofA : ofB, scaleColumns(s.multiplyColumns(), s.tile[2]),
      s.stages);
  constexpr uint64_t least = 32; // and a power of two (PTX ISA, tcgen05.alloc)
  plan.allocated = std::bit_ceil(std::max<uint64_t>(plan.used, least));
  return plan;
}

Expected<TensorMemoryPlan> nybl::compiler::planTensorMemory(const Schedule &s,
                                                            int64_t columns) {
  for (int64_t stages : {2, 1})
    if (TensorMemoryPlan plan = layOut(s, stages); plan.allocated <= columns)
      return plan;
  int64_t used = layOut(s, 1).used, accumulators = s.multiplyColumns();
  return Status::invalid(fmt::format(
      "expected at most {} columns of tensor memory, got {}: {} of "
      "accumulators and {} of scale factors in {} slots; take a smaller tile "
      "or K step, or fewer stages",
      columns, used, accumulators, used - accumulators, s.stages));
}
