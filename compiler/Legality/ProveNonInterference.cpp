// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass prove-non-interference and the certificate.

#include "compiler/Legality/Passes.h"
#include "compiler/Legality/Prove.h"
#include "mlir/IR/Verifier.h"
#include <map>

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace nybl::compiler {
#define GEN_PASS_DEF_PROVENONINTERFERENCE
#include "compiler/Legality/Passes.h.inc"
} // namespace nybl::compiler

/// Changes when the prover can accept something it refused before, or refuses
/// what it accepted.
static constexpr StringRef proverVersion = "nybl-prover 8";

/// In the order in which each can rely on those before it.
static FailureOr<std::map<StringRef, Shown>> proveLemmas(Proof &proof) {
  std::map<StringRef, Shown> shown;
  using Lemma = FailureOr<Shown> (*)(Proof &);
  auto prove = [&](StringRef name, Lemma lemma) {
    FailureOr<Shown> result = lemma(proof);
    if (succeeded(result))
      shown[name] = std::move(*result);
    return LogicalResult(result);
  };
  if (failed(checkOps(proof.kernel)) || failed(prove("L5", proveFlow)) ||
      failed(prove("L1", proveAccess)) || failed(prove("L3", proveStages)))
    return failure();
  FailureOr<std::pair<Shown, Shown>> slots =
      proof.kernel.argumentFor("x")   ? proveBlocksAndWrites(proof)
      : proof.kernel.argumentFor("y") ? proveElementsAndWrites(proof)
                                      : proveSlotsAndWrites(proof);
  if (failed(slots))
    return failure();
  shown["L2"] = std::move(slots->first);
  shown["L4"] = std::move(slots->second);
  if (failed(prove("L6", proveNoWrap)) || failed(prove("L7", proveOrder)))
    return failure();
  return shown;
}

/// L1 has shown that none leaves the real bytes, but those that clear padding.
static SmallVector<cta::AccessClassAttr>
classifyAccesses(cta::KernelOp kernel) {
  llvm::MapVector<std::pair<StringRef, StringRef>, int64_t> counts;
  kernel.walk([&](cta::GlobalAccess access) {
    StringRef operand = kernel.sourceOf(cast<BlockArgument>(access.getBase()));
    bool clears = isa<cta::ClearFactorOp>(access.getOperation());
    ++counts[{operand, clears ? "padding-cleared" : "never"}];
  });
  MLIRContext *context = kernel.getContext();
  SmallVector<cta::AccessClassAttr> result;
  for (auto [named, count] : counts)
    result.push_back(cta::AccessClassAttr::get(
        context, StringAttr::get(context, named.first),
        StringAttr::get(context, named.second), count));
  return result;
}

cta::CertificateAttr nybl::compiler::prove(cta::KernelOp kernel) {
  // The lemmas rest on what verifiers hold, whether or not they ran before.
  if (failed(verify(kernel)))
    return {};
  Proof proof(kernel);
  FailureOr<std::map<StringRef, Shown>> shown = proveLemmas(proof);
  if (failed(shown))
    return {};
  MLIRContext *context = kernel.getContext();
  SmallVector<cta::LemmaAttr> lemmas;
  for (auto &[name, lemma] : *shown)
    lemmas.push_back(cta::LemmaAttr::get(
        context, StringAttr::get(context, name), cta::LemmaState::Proven,
        StringAttr::get(context, lemma.domain),
        StringAttr::get(context, lemma.sample)));
  return cta::CertificateAttr::get(
      context, StringAttr::get(context, proverVersion), rowsMax,
      StringAttr::get(context, kernel.hash()), proof.solver.questions(),
      proof.solver.searches(), classifyAccesses(kernel), lemmas);
}

cta::CertificateAttr nybl::compiler::certifyNothing(cta::KernelOp kernel,
                                                    StringRef why) {
  MLIRContext *context = kernel.getContext();
  SmallVector<cta::LemmaAttr> lemmas;
  for (StringRef name : {"L1", "L2", "L3", "L4", "L5", "L6", "L7"})
    lemmas.push_back(cta::LemmaAttr::get(
        context, StringAttr::get(context, name), cta::LemmaState::Unproven,
        StringAttr::get(context, why), StringAttr::get(context, "")));
  return cta::CertificateAttr::get(
      context, StringAttr::get(context, proverVersion), rowsMax,
      StringAttr::get(context, kernel.hash()), /*questions=*/0, /*searches=*/0,
      {}, lemmas);
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
