// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// libnybl_jit: the compiler behind Abi's KernelProvider. The runtime dlopens
// it.

#include "compiler/Driver/Compiler.h"
#include "runtime/Abi/KernelProvider.h"
#include <cstdio>
#include <memory>

using namespace nybl;
using namespace nybl::compiler;

namespace {

/// What a NyblCompileResult points into.
struct Owner {
  Artefact artefact;
  Failure failure;
  std::string message, phases;
};

NyblBytes bytes(const std::string &text) { return {text.data(), text.size()}; }

std::string orEmpty(const char *text) { return text ? text : ""; }

std::string phasesJson(const std::vector<PhaseTime> &phases) {
  std::string json = "[";
  for (const PhaseTime &phase : phases) {
    char number[32];
    std::snprintf(number, sizeof number, "%.3f", phase.milliseconds);
    json += std::string(json.size() > 1 ? ", " : "") + "{\"phase\": \"" +
            phase.phase + "\", \"ms\": " + number + "}";
  }
  return json + "]";
}

int fail(Owner &owner, NyblCompileResult &result, const Status &status) {
  owner.message = status.message();
  result.message = bytes(owner.message);
  return result.code = static_cast<int>(status.code());
}

/// The request as the compiler's own options.
CompileOptions optionsOf(const NyblCompileRequest &request) {
  CompileOptions options;
  options.schedule = orEmpty(request.schedule);
  if (request.template_text)
    options.templateText = request.template_text;
  if (request.cta_text)
    options.ctaText = request.cta_text;
  options.emit = request.emit ? request.emit : "cubin";
  options.dumpDir = orEmpty(request.dump_dir);
  options.ptxas = orEmpty(request.ptxas);
  options.ptxasVersion = orEmpty(request.ptxas_version);
  options.verifyEach = request.verify_each != 0;
  options.keepRefuted = request.keep_refuted != 0;
  return options;
}

int compileRequest(const NyblCompileRequest *request,
                   NyblCompileResult *result) {
  auto *owner = new Owner();
  size_t size = result->size;
  *result = {};
  result->size = size;
  result->owner = owner;
  if (request->size < sizeof(NyblCompileRequest) || !request->problem ||
      !request->chip)
    return fail(*owner, *result,
                Status::invalid("expected a compile request with a problem and "
                                "a chip, of this version's size"));
  if (request->ptxas_version && !request->ptxas)
    return fail(*owner, *result,
                Status::invalid("expected the ptxas that a version is of, got "
                                "a version alone"));
  Expected<Artefact> artefact = compile(request->problem, request->chip,
                                        optionsOf(*request), &owner->failure);
  if (!artefact) {
    owner->phases = phasesJson(owner->failure.phases);
    result->phases = bytes(owner->phases);
    result->counterexample = bytes(owner->failure.counterexample);
    return fail(*owner, *result, artefact.status());
  }
  owner->artefact = std::move(*artefact);
  owner->phases = phasesJson(owner->artefact.phases);
  result->text = bytes(owner->artefact.text);
  result->manifest = bytes(owner->artefact.manifest);
  result->ptx = bytes(owner->artefact.ptx);
  result->cubin = bytes(owner->artefact.cubin);
  result->phases = bytes(owner->phases);
  return 0;
}

void releaseResult(NyblCompileResult *result) {
  delete static_cast<Owner *>(result->owner);
  result->owner = nullptr;
}

/// What a NyblExplainResult or NyblCandidatesResult points into.
struct Answer {
  std::string message, text;
};

/// `result`, of a size that its caller has set, filled in but for its text.
template <typename Result>
Answer *answer(Result *result, Expected<std::string> text) {
  size_t size = result->size;
  *result = {};
  result->size = size;
  auto *owner = new Answer();
  result->owner = owner;
  result->code = static_cast<int>(text.status().code());
  if (text)
    owner->text = std::move(*text);
  else
    owner->message = text.message();
  result->message = bytes(owner->message);
  return owner;
}

template <typename Result>
void releaseAnswer(Result *result) {
  delete static_cast<Answer *>(result->owner);
  result->owner = nullptr;
}

Expected<std::string> explainWanted(const NyblExplainRequest &request) {
  if (request.size < sizeof(NyblExplainRequest) || !request.problem ||
      !request.chip)
    return Status::invalid("expected an explain request with a problem and a "
                           "chip, of this version's size");
  ExplainOptions options;
  options.card = orEmpty(request.card);
  options.schedule = orEmpty(request.schedule);
  if (request.m)
    options.m = *request.m;
  return explain(request.problem, request.chip, options);
}

int explainRequest(const NyblExplainRequest *request,
                   NyblExplainResult *result) {
  Answer *owner = answer(result, explainWanted(*request));
  result->json = bytes(owner->text);
  return result->code;
}

Expected<std::string> candidatesWanted(const NyblCandidatesRequest &request) {
  if (request.size < sizeof(NyblCandidatesRequest) || !request.problem ||
      !request.chip)
    return Status::invalid("expected a candidates request with a problem and "
                           "a chip, of this version's size");
  return listCandidates(request.problem, request.chip,
                        {orEmpty(request.card), request.m, request.most});
}

int candidatesRequest(const NyblCandidatesRequest *request,
                      NyblCandidatesResult *result) {
  Answer *owner = answer(result, candidatesWanted(*request));
  result->text = bytes(owner->text);
  return result->code;
}

const char *describeProvider() {
  static const std::string text = describe();
  return text.c_str();
}

} // namespace

extern "C" __attribute__((visibility("default"))) const NyblKernelProvider *
nybl_kernel_provider() {
  static const NyblKernelProvider provider = {NYBL_KERNEL_PROVIDER_MAGIC,
                                              NYBL_KERNEL_PROVIDER_VERSION,
                                              sizeof(NyblKernelProvider),
                                              compileRequest,
                                              releaseResult,
                                              describeProvider,
                                              explainRequest,
                                              releaseAnswer,
                                              candidatesRequest,
                                              releaseAnswer};
  return &provider;
}
