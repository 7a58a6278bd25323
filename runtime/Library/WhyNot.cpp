// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every reason why a problem cannot be served: as prepare and launch, but on
// past what fails, as far as the rest does not hang on it.

#include "runtime/Abi/ProblemWords.h"
#include "runtime/Library/Handles.h"

using namespace nybl;
using namespace nybl::library;

namespace {

class Reasons {
public:
  bool add(Status status) {
    bool good = status.isOk();
    if (!good)
      all.push_back(std::move(status));
    return good;
  }
  void add(std::vector<Status> more) {
    for (Status &status : more)
      add(std::move(status));
  }
  std::vector<Status> all;
};

/// Of a launch of the plan, whose recipe is made.
void addLaunch(Reasons &reasons, const Plan &plan, const nybl_gemm_args *args) {
  if (!args)
    return;
  if (plan.recipe)
    return reasons.add(plan.recipe->faults(*args));
  if (!std::holds_alternative<GemmProblem>(plan.problem))
    reasons.add(Status::invalid("nybl_why_not: expected no nybl_gemm_args, "
                                "since the problem is a quantisation"));
}

} // namespace

std::vector<Status> nybl::library::whyNot(const std::shared_ptr<Device> &device,
                                          const char *problemLine,
                                          const nybl_prepare_options &options,
                                          const nybl_gemm_args *args) {
  Reasons reasons;
  reasons.add(words::faultsOf(problemLine));
  reasons.add(faultsOf(options));
  if (!reasons.all.empty()) // no kernel to ask for
    return reasons.all;
  Plan plan;
  plan.device = device;
  plan.problem = *parseAnyProblem(problemLine);
  auto *gemm = std::get_if<GemmProblem>(&plan.problem);
  if (gemm && gemm->n == 0) {
    if (args)
      reasons.add(launch::checkRows(gemm->m, args->m));
    return reasons.all;
  }
  auto artefact = device->library->artefacts.make(
      wishOf(print(specialise(plan.problem)), *device->gpu, options));
  if (!reasons.add(artefact.status()))
    return reasons.all;
  reasons.add(checkCertificate(artefact->manifest, options));
  reasons.add(
      launch::Kernel::whyNot(device->gpu, artefact->manifest,
                             {artefact->kernel.cubin, artefact->kernel.ptx}));
  if (reasons.add(makeRecipe(artefact->manifest, plan)))
    addLaunch(reasons, plan, args);
  return reasons.all;
}
