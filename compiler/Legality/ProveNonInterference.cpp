// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass prove-non-interference and the certificate.

#include "compiler/Legality/Passes.h"
#include "compiler/Legality/Prove.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace nybl::compiler {
#define GEN_PASS_DEF_PROVENONINTERFERENCE
#include "compiler/Legality/Passes.h.inc"
} // namespace nybl::compiler

/// Changes when the prover can accept something it refused before, or refuses
/// what it accepted.
static constexpr StringRef proverVersion = "nybl-prover 2";

cta::CertificateAttr nybl::compiler::prove(cta::KernelOp kernel) {
  Slicer slicer(kernel);
  FailureOr<Shown> access = proveAccess(kernel, slicer);
  if (failed(access))
    return {};
  FailureOr<Shown> noWrap = proveNoWrap(kernel, slicer);
  if (failed(noWrap))
    return {};

  MLIRContext *context = kernel.getContext();
  auto lemma = [&](StringRef name, cta::LemmaState state, StringRef detail) {
    return cta::LemmaAttr::get(context, StringAttr::get(context, name), state,
                               StringAttr::get(context, detail));
  };
  SmallVector<cta::LemmaAttr> lemmas;
  lemmas.push_back(lemma("L1", cta::LemmaState::Proven, access->detail));
  for (StringRef name : {"L2", "L3", "L4", "L5"})
    lemmas.push_back(
        lemma(name, cta::LemmaState::Unproven, "this prover does not ask it"));
  lemmas.push_back(lemma("L6", cta::LemmaState::Proven, noWrap->detail));
  lemmas.push_back(
      lemma("L7", cta::LemmaState::Unproven, "this prover does not ask it"));
  return cta::CertificateAttr::get(
      context, StringAttr::get(context, proverVersion), rowsMax,
      StringAttr::get(context, kernel.hash()), lemmas);
}

namespace {

struct ProveNonInterferencePass
    : public compiler::impl::ProveNonInterferenceBase<
          ProveNonInterferencePass> {
  void runOnOperation() override {
    for (cta::KernelOp kernel : getOperation().getOps<cta::KernelOp>()) {
      kernel.removeCertificateAttr();
      cta::CertificateAttr certificate = prove(kernel);
      if (!certificate)
        return signalPassFailure();
      kernel.setCertificateAttr(certificate);
    }
  }
};

} // namespace
