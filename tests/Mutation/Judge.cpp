// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass, and its first error.

#include "tests/Mutation/Judge.h"
#include "compiler/Legality/Verdict.h"
#include "compiler/Pipeline/Pipeline.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::mutation;

Judged nybl::mutation::judge(ModuleOp module) {
  Judged result{Judgement::NotProven, ""};
  ScopedDiagnosticHandler handler(module.getContext(), [&](Diagnostic &d) {
    if (d.getSeverity() != DiagnosticSeverity::Error || !result.text.empty())
      return success();
    result.text = d.str();
    if (compiler::isRefutation(d))
      result.judgement = Judgement::Refuted;
    return success();
  });
  PassManager passes(module.getContext());
  compiler::buildProvePhase(passes);
  if (failed(passes.run(module)))
    return result;
  cta::KernelOp kernel = *module.getOps<cta::KernelOp>().begin();
  for (cta::LemmaAttr lemma : kernel.getCertificate()->getLemmas())
    if (lemma.getState() != cta::LemmaState::Proven)
      result.text +=
          (result.text.empty() ? "" : ", ") + lemma.getName().getValue().str();
  if (result.text.empty())
    result.judgement = Judgement::Proven;
  return result;
}
