// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The plans of shared memory, read off the ops, and of tensor memory, compared
// with them.

#include "compiler/Conversion/CtaShared.h"
#include "compiler/Conversion/ScheduleAttribute.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace nybl;
using namespace nybl::compiler;

int64_t nybl::compiler::slotsOf(cta::AllocOp stage) {
  mlir::Value ring = stage.getRing();
  if (llvm::isa<cta::OutputStageType>(stage.getType()))
    for (mlir::Operation *user : stage->getUsers()) // all of one role
      if (auto role = user->getParentOfType<cta::RoleOp>())
        return role.getGroups();
  return ring ? ring.getDefiningOp<cta::RingOp>().getStages() : 1;
}

int64_t nybl::compiler::slotBytes(cta::AllocOp stage) {
  int64_t bytes =
      llvm::TypeSwitch<mlir::Type, int64_t>(stage.getType())
          .Case<cta::StageType, cta::ScaleStageType, cta::OutputStageType>(
              [](auto type) { return type.getBytes(); });
  // So that the next is aligned as well.
  bool swizzled = llvm::isa<cta::OutputStageType>(stage.getType());
  return llvm::alignTo(bytes, swizzled ? stageAlignment : 128);
}

bool nybl::compiler::usesDynamicShared(cta::KernelOp kernel) {
  mlir::WalkResult result =
      kernel.walk([](cta::RoleOp) { return mlir::WalkResult::interrupt(); });
  return result.wasInterrupted();
}

static int64_t bytesBefore(cta::KernelOp kernel, cta::AllocOp end) {
  int64_t total = 0, alignment = usesDynamicShared(kernel) ? stageAlignment : 1;
  for (auto stage : kernel.getBody().getOps<cta::AllocOp>()) {
    if (stage == end)
      break;
    total += llvm::alignTo(slotsOf(stage) * slotBytes(stage), alignment);
  }
  return total;
}

int64_t nybl::compiler::offsetOf(cta::AllocOp stage) {
  return bytesBefore(stage->getParentOfType<cta::KernelOp>(), stage);
}

int64_t nybl::compiler::stageBytes(cta::KernelOp kernel) {
  return bytesBefore(kernel, {});
}

mlir::FailureOr<TensorMemoryPlan>
nybl::compiler::tensorMemoryOf(cta::KernelOp kernel) {
  auto allocs = llvm::to_vector(kernel.getBody().getOps<cta::TensorAllocOp>());
  if (allocs.empty())
    return TensorMemoryPlan();
  auto plan =
      planTensorMemory(scheduleOf(kernel.getSchedule()), columnsOfTensorMemory);
  if (!plan)
    return kernel.emitOpError(plan.message());
  if (allocs.size() != plan->map.size())
    return kernel.emitOpError("expected ")
           << plan->map.size() << " ops cta.tensor_alloc, as the plan of its "
           << "schedule has, got " << allocs.size();
  for (auto [alloc, planned] : llvm::zip_equal(allocs, plan->map)) {
    int64_t stages = alloc.getRing().getDefiningOp<cta::RingOp>().getStages();
    if (alloc.getColumns() != planned.columns || stages != planned.stages)
      return alloc.emitOpError("expected ")
             << planned.stages << " times " << planned.columns
             << " columns, as the plan of its schedule has, got " << stages
             << " times " << alloc.getColumns();
  }
  return *plan;
}
