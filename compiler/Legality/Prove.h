// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The lemmas, one function each. What each says: docs/trust.md.
#ifndef NYBL_COMPILER_LEGALITY_PROVE_H
#define NYBL_COMPILER_LEGALITY_PROVE_H

#include "compiler/Legality/Query.h"

namespace nybl::compiler {

/// A lemma that holds: what was shown, for the certificate.
struct Shown {
  std::string detail;
};

/// L1, access: every global access of any operand lies in its declared extent
/// and is aligned; scale reads touch only real scale factors; outputs are only
/// written, inputs only read; loops run a constant number of times. Accesses
/// are seen through the interface cta::GlobalAccess alone. Fails with a
/// diagnostic at the access: a counterexample, or "not proven".
mlir::FailureOr<Shown> proveAccess(cta::KernelOp kernel, Slicer &slicer);

/// L6, no wrap: everything that was computed for an address or a guard fits its
/// width for all M <= rowsMax. Most of it the slicer has shown when proveAccess
/// is done: before L6 holds of a value, nothing can be proven or refuted of it.
mlir::FailureOr<Shown> proveNoWrap(cta::KernelOp kernel, Slicer &slicer);

/// All lemmas, as the attribute the certificate is; null after a diagnostic.
cta::CertificateAttr prove(cta::KernelOp kernel);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_LEGALITY_PROVE_H
