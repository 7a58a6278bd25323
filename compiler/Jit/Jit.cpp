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
  std::string message, phases;
};

NyblBytes bytes(const std::string &text) { return {text.data(), text.size()}; }

std::string orEmpty(const char *text) { return text ? text : ""; }

std::string phasesJson(const Artefact &artefact) {
  std::string json = "[";
  for (const PhaseTime &phase : artefact.phases) {
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
  CompileOptions options;
  options.schedule = orEmpty(request->schedule);
  if (request->template_text)
    options.templateText = request->template_text;
  options.emit = request->emit ? request->emit : "cubin";
  options.dumpDir = orEmpty(request->dump_dir);
  options.ptxas = orEmpty(request->ptxas);
  options.verifyEach = request->verify_each != 0;
  Expected<Artefact> artefact =
      compile(request->problem, request->chip, options);
  if (!artefact)
    return fail(*owner, *result, artefact.status());
  owner->artefact = std::move(*artefact);
  owner->phases = phasesJson(owner->artefact);
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
                                              describeProvider};
  return &provider;
}
