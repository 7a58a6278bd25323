// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a cta.kernel must become: counted on its ops, compared with the PTX and
// with the chip.
#ifndef NYBL_COMPILER_DRIVER_EXPECTATIONS_H
#define NYBL_COMPILER_DRIVER_EXPECTATIONS_H

#include "compiler/Codegen/PtxLint.h"
#include "dialects/Chips/Chips.h"
#include "dialects/Cta/CtaOps.h"

namespace nybl::compiler {

/// How many instructions of each kind the kernel's ops are lowered to.
PtxCounts countInstructions(cta::KernelOp kernel);

/// Invalid where the kernel's stages do not fit the chip.
Status checkShared(cta::KernelOp kernel, const Chip &chip);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_DRIVER_EXPECTATIONS_H
