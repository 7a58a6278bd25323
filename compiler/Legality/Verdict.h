// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Refuted or not proven. What refutes a lemma travels with its diagnostic, so
// that nobody has to read it off a text in which a user's words may stand.
#ifndef NYBL_COMPILER_LEGALITY_VERDICT_H
#define NYBL_COMPILER_LEGALITY_VERDICT_H

#include "mlir/IR/Diagnostics.h"
#include <optional>
#include <string>

namespace nybl::compiler {

/// A launch that breaks a lemma, as far as the lemma speaks of one. Numbers are
/// in elements of the kernel's own coordinates; -1: of no matter.
struct Counterexample {
  std::string lemma;   ///< "L1"
  std::string operand; ///< "sfa", or empty
  int64_t rows = -1;   ///< M
  int64_t tile = -1, step = -1, thread = -1;
  /// Of the access: byte = row * stride + byte for a matrix (row -1: no row).
  int64_t row = -1, byte = -1;
};

/// Marks an error of the prover as a refutation; without the mark it says that
/// something is not proven.
void markRefuted(mlir::InFlightDiagnostic &error,
                 const Counterexample &counterexample);

/// What refutes, if the diagnostic is a refutation.
std::optional<Counterexample> refutation(mlir::Diagnostic &diagnostic);

inline bool isRefutation(mlir::Diagnostic &diagnostic) {
  return refutation(diagnostic).has_value();
}

} // namespace nybl::compiler

#endif // NYBL_COMPILER_LEGALITY_VERDICT_H
