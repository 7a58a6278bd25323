// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The proof.
include "mlir/Pass/PassBase.td"

def ProveNonInterference : Pass<"prove-non-interference", "::mlir::ModuleOp"> {
  let summary = "prove that nothing outside the real inputs can change a result";
  let description = [{
    Proves the lemmas of docs/trust.md on each cta.kernel, for all M, and leaves
    a certificate on it. A refuted lemma fails the pass with a counterexample; an
    expression outside the fragment fails it with "not proven" and the op.
  }];
  let dependentDialects = ["::nybl::cta::CtaDialect"];
}
