// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a module of LLVM and NVVM ops to PTX text, in process.
#ifndef NYBL_COMPILER_CODEGEN_TRANSLATETOPTX_H
#define NYBL_COMPILER_CODEGEN_TRANSLATETOPTX_H

#include "dialects/Chips/Chips.h"
#include "mlir/IR/BuiltinOps.h"
#include "runtime/Abi/Status.h"
#include <functional>
#include <string>

namespace nybl::compiler {

/// Called when a step ("translate", "llvm", "codegen") is done.
using StepDone = std::function<void(const char *step)>;

/// PTX of the lowest version `chip` allows. Same module, same bytes; thread
/// safe (each call has its own LLVMContext). LLVM aborts on what a chip cannot
/// do, so the caller has checked the chip's features.
Expected<std::string> translateToPtx(mlir::ModuleOp module, const Chip &chip,
                                     const StepDone &done);

/// Optimised LLVM IR as text: what `--emit llvm` prints.
Expected<std::string> translateToLlvmText(mlir::ModuleOp module,
                                          const Chip &chip);

/// Dialect translations translateToPtx needs.
void registerPtxTranslations(mlir::DialectRegistry &registry);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_CODEGEN_TRANSLATETOPTX_H
