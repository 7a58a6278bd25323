// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The conversion passes: BlockScaleToTile, TileToCta, OrderArithmetic,
// CtaToSM100, CtaToSM120.
#ifndef NYBL_COMPILER_CONVERSION_PASSES_H
#define NYBL_COMPILER_CONVERSION_PASSES_H

#include "mlir/Pass/Pass.h"
#include <memory>
#include <string>

namespace nybl::compiler {

#define GEN_PASS_DECL
#include "compiler/Conversion/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "compiler/Conversion/Passes.h.inc"

} // namespace nybl::compiler

#endif // NYBL_COMPILER_CONVERSION_PASSES_H
