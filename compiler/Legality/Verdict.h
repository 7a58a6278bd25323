// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Refuted or not proven: a mark on the diagnostic, so that nobody has to read
// it off a text in which a user's words may stand.
#ifndef NYBL_COMPILER_LEGALITY_VERDICT_H
#define NYBL_COMPILER_LEGALITY_VERDICT_H

#include "mlir/IR/Diagnostics.h"

namespace nybl::compiler {

inline constexpr llvm::StringLiteral refutedMark = "nybl.refuted";

/// Marks an error of the prover as a refutation; without the mark it says that
/// something is not proven.
inline void markRefuted(mlir::InFlightDiagnostic &error) {
  error.getUnderlyingDiagnostic()->getMetadata().push_back(
      mlir::DiagnosticArgument(refutedMark));
}

inline bool isRefutation(mlir::Diagnostic &diagnostic) {
  return llvm::any_of(
      diagnostic.getMetadata(), [](const mlir::DiagnosticArgument &argument) {
        return argument.getKind() ==
                   mlir::DiagnosticArgument::DiagnosticArgumentKind::String &&
               argument.getAsString() == refutedMark;
      });
}

} // namespace nybl::compiler

#endif // NYBL_COMPILER_LEGALITY_VERDICT_H
