// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A cta.kernel as a user's text, in place of one made from a template.
#ifndef NYBL_COMPILER_DRIVER_KERNELTEXT_H
#define NYBL_COMPILER_DRIVER_KERNELTEXT_H

#include "compiler/Legality/Verdict.h"
#include "dialects/Cta/CtaOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace nybl::compiler {

/// The module of `text`, which must hold one cta.kernel and nothing else. An
/// error is a diagnostic: with the line of the text where it has one.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>>
parseKernel(mlir::ModuleOp user, llvm::StringRef text);

/// The kernel's operands must be those of `reference`, the kernel that the
/// problem gets by the same schedule: a proof bounds accesses by the operands'
/// types, and the launch checks the problem's.
mlir::LogicalResult checkOperands(cta::KernelOp kernel,
                                  cta::KernelOp reference);

/// As runtime/Abi/KernelProvider.h says.
std::string toJson(const Counterexample &counterexample);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_DRIVER_KERNELTEXT_H
