// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Walks over the ops of a cta.kernel.

#include "compiler/Driver/Expectations.h"
#include "llvm/Support/MathExtras.h"

using namespace nybl;
using namespace nybl::compiler;

PtxCounts nybl::compiler::countInstructions(cta::KernelOp kernel) {
  PtxCounts counts;
  kernel.walk([&](mlir::Operation *op) {
    counts.dataLoads += llvm::isa<cta::LoadOp>(op);
    counts.scaleLoads += llvm::isa<cta::LoadScaleOp>(op);
    counts.scalarLoads += llvm::isa<cta::LoadScalarOp>(op);
    counts.stores += llvm::isa<cta::StoreOp>(op);
    counts.barriers += llvm::isa<cta::BarrierOp>(op);
    counts.multiplies += llvm::isa<cta::MmaOp>(op);
  });
  return counts;
}

static int64_t sharedBytes(cta::KernelOp kernel) {
  int64_t total = 0;
  kernel.walk([&](cta::AllocOp op) {
    auto data = llvm::dyn_cast<cta::StageType>(op.getType());
    int64_t bytes =
        data ? data.getBytes()
             : llvm::cast<cta::ScaleStageType>(op.getType()).getBytes();
    total += llvm::alignTo(bytes, 128);
  });
  return total;
}

Status nybl::compiler::checkShared(cta::KernelOp kernel, const Chip &chip) {
  int64_t bytes = sharedBytes(kernel);
  if (bytes <= chip.staticSharedPerCta)
    return Status::ok();
  return Status::invalid(
      "the tiles that this template loads take " + std::to_string(bytes) +
      " bytes of shared memory, and a kernel on " + chip.name + " has " +
      std::to_string(chip.staticSharedPerCta) +
      ": load fewer or smaller tiles, or name a schedule with a smaller one");
}
