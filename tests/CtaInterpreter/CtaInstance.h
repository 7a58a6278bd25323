// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a problem and a schedule to the cta.kernel that the compiler makes, and
// from any cta.kernel to what the prover says of it.
#ifndef NYBL_TESTS_CTAINTERPRETER_CTAINSTANCE_H
#define NYBL_TESTS_CTAINTERPRETER_CTAINSTANCE_H

#include "compiler/Legality/Verdict.h"
#include "compiler/Pipeline/Pipeline.h"
#include "dialects/BlockScale/Build.h"
#include "dialects/Cta/CtaOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"

namespace nybl::enumeration {

/// `kernel` is null where a phase fails; the reason goes to stderr.
struct CtaInstance {
  explicit CtaInstance(const AnyProblem &problem, const std::string &schedule,
                       const std::string &templateText = "",
                       const std::string &chip = "sm_120a") {
    mlir::DialectRegistry registry;
    compiler::registerDialects(registry);
    context.appendDialectRegistry(registry);
    context
        .loadDialect<block_scale::BlockScaleDialect, mlir::func::FuncDialect>();
    module = block_scale::buildModule(context, specialise(problem));
    mlir::PassManager passes(&context);
    passes.enableVerifier(false);
    compiler::buildTilePhase(passes, {chip, schedule, templateText});
    compiler::buildCtaPhase(passes);
    if (mlir::succeeded(passes.run(*module)))
      kernel = *module->getOps<cta::KernelOp>().begin();
  }

  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  mlir::OwningOpRef<mlir::ModuleOp> module;
  cta::KernelOp kernel;
};

/// What the prover says. Of a kernel that it accepts, the certificate stays on
/// it.
struct Verdict {
  bool accepted = false, refuted = false;
  std::string message;             ///< why not
  std::vector<std::string> proven; ///< lemmas

  bool claims(llvm::StringRef lemma) const {
    return llvm::is_contained(proven, lemma);
  }
};

inline Verdict prove(CtaInstance &instance) {
  Verdict verdict;
  mlir::ScopedDiagnosticHandler handler(
      &instance.context, [&](mlir::Diagnostic &diagnostic) {
        if (verdict.message.empty())
          verdict.message = diagnostic.str();
        verdict.refuted |= compiler::isRefutation(diagnostic);
        return mlir::success();
      });
  mlir::PassManager passes(&instance.context);
  passes.enableVerifier(false);
  compiler::buildProvePhase(passes);
  verdict.accepted = mlir::succeeded(mlir::verify(*instance.module)) &&
                     mlir::succeeded(passes.run(*instance.module));
  if (auto certificate = instance.kernel.getCertificate();
      certificate && verdict.accepted)
    for (cta::LemmaAttr lemma : certificate->getLemmas())
      if (lemma.getState() == cta::LemmaState::Proven)
        verdict.proven.push_back(lemma.getName().str());
  return verdict;
}

} // namespace nybl::enumeration

#endif // NYBL_TESTS_CTAINTERPRETER_CTAINSTANCE_H
