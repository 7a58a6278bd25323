// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where the stages of a kernel lie in shared memory, and what is in tensor
// memory.
#ifndef NYBL_COMPILER_CONVERSION_CTASHARED_H
#define NYBL_COMPILER_CONVERSION_CTASHARED_H

#include "compiler/Select/TensorMemory.h"
#include "dialects/Cta/CtaOps.h"

namespace nybl::compiler {

/// Slots of a stage: those of its ring, or one; of a stage of D, one for each
/// group of its role.
int64_t slotsOf(cta::AllocOp stage);
/// From one slot to the next.
int64_t slotBytes(cta::AllocOp stage);

/// Whether the kernel's stages are shared memory that is given at launch: more
/// of that may be had than a kernel may declare. Those with roles ask for it.
bool usesDynamicShared(cta::KernelOp kernel);

/// Stages lie one after the other, in the order in which they stand; in dynamic
/// shared memory each at a multiple of this, which a swizzle of 128 bytes
/// repeats after.
inline constexpr int64_t stageAlignment = 1024;
int64_t offsetOf(cta::AllocOp stage);
/// All stages; mbarriers are apart.
int64_t stageBytes(cta::KernelOp kernel);

/// The plan of the kernel's schedule, with a place for each of its
/// cta.tensor_alloc, in their order: what it holds follows from what is copied
/// there. An empty one where there are none. Fails with a diagnostic.
mlir::FailureOr<TensorMemoryPlan> tensorMemoryOf(cta::KernelOp kernel);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_CONVERSION_CTASHARED_H
