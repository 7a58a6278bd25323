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

/// The operand that a stage is filled from, or null.
static mlir::Value operandIn(mlir::Value stage) {
  for (mlir::Operation *user : stage.getUsers()) {
    auto write = llvm::dyn_cast<cta::StageAccess>(user);
    if (!write || !write.isStageWrite())
      continue;
    if (auto store = llvm::dyn_cast<cta::StoreScaleOp>(user))
      user = store.getValue().getDefiningOp(); // it comes through a register
    if (auto read = llvm::dyn_cast_or_null<cta::GlobalAccess>(user))
      return read.getBase();
  }
  return {};
}

/// As a plan says it: which operand's scale factors are copied to these
/// columns. Empty where none are.
static std::string holdsOf(cta::TensorAllocOp alloc, cta::KernelOp kernel) {
  if (llvm::isa<cta::TensorColumnsType>(alloc.getResult().getType()))
    return "accumulators";
  for (mlir::Operation *user : alloc->getUsers()) {
    auto copy = llvm::dyn_cast<cta::TensorCopyOp>(user);
    auto operand = llvm::dyn_cast_or_null<mlir::BlockArgument>(
        copy ? operandIn(copy.getStage()) : mlir::Value());
    llvm::StringRef source = operand ? kernel.sourceOf(operand) : "";
    if (source.consume_front("sf"))
      return "scale factors of " + source.str();
  }
  return "";
}

/// The plan's columns for these, from where the last ones end.
static mlir::FailureOr<TensorColumns> placeFor(cta::TensorAllocOp alloc,
                                               cta::KernelOp kernel,
                                               const TensorMemoryPlan &plan,
                                               int64_t first) {
  std::string holds = holdsOf(alloc, kernel);
  auto planned = llvm::find_if(
      plan.map, [&](const TensorColumns &c) { return c.holds == holds; });
  if (planned == plan.map.end())
    return alloc.emitOpError("expected columns for accumulators, or for scale "
                             "factors that are copied there from an operand");
  int64_t stages = alloc.getRing().getDefiningOp<cta::RingOp>().getStages();
  if (alloc.getColumns() != planned->columns || stages != planned->stages)
    return alloc.emitOpError("expected ")
           << planned->stages << " times " << planned->columns
           << " columns, as the plan of its schedule has for " << holds
           << ", got " << stages << " times " << alloc.getColumns();
  return TensorColumns{holds, first, planned->columns, planned->stages};
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
  TensorMemoryPlan own = *plan;
  own.map.clear();
  for (cta::TensorAllocOp alloc : allocs) {
    int64_t first = own.map.empty() ? 0 : own.map.back().end();
    mlir::FailureOr<TensorColumns> columns =
        placeFor(alloc, kernel, *plan, first);
    if (failed(columns))
      return mlir::failure();
    own.map.push_back(*columns);
  }
  return own;
}
