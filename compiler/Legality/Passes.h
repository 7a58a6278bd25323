// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The proof as a pass: prove-non-interference.
#ifndef NYBL_COMPILER_LEGALITY_PASSES_H
#define NYBL_COMPILER_LEGALITY_PASSES_H

#include "mlir/Pass/Pass.h"
#include <memory>

namespace nybl::compiler {

#define GEN_PASS_DECL
#include "compiler/Legality/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "compiler/Legality/Passes.h.inc"

} // namespace nybl::compiler

#endif // NYBL_COMPILER_LEGALITY_PASSES_H
