// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The plan of shared memory, read off the ops.

#include "compiler/Conversion/CtaShared.h"

using namespace nybl;
using namespace nybl::compiler;

int64_t nybl::compiler::slotsOf(cta::AllocOp stage) {
  mlir::Value ring = stage.getRing();
  return ring ? ring.getDefiningOp<cta::RingOp>().getStages() : 1;
}

int64_t nybl::compiler::slotBytes(cta::AllocOp stage) {
  auto data = llvm::dyn_cast<cta::StageType>(stage.getType());
  int64_t bytes =
      data ? data.getBytes()
           : llvm::cast<cta::ScaleStageType>(stage.getType()).getBytes();
  return llvm::alignTo(bytes, 128); // so that the next is aligned as well
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
