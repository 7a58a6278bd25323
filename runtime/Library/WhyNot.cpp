// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every reason why a problem cannot be served: as prepare and launch, but on
// past what fails, as far as the rest does not hang on it.

#include "runtime/Abi/ProblemWords.h"
#include "runtime/Library/Handles.h"
#include <algorithm>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::library;

namespace {

class Reasons {
public:
  /// Each once: kernels of several classes may want the same.
  bool add(Status status) {
    bool good = status.isOk();
    if (!good && std::none_of(all.begin(), all.end(), [&](const Status &s) {
          return s.message() == status.message();
        }))
      all.push_back(std::move(status));
    return good;
  }
  void add(std::vector<Status> more) {
    for (Status &status : more)
      add(std::move(status));
  }
  std::vector<Status> all;
};

/// Of a kernel that is there; it is the plan's if its recipe is understood.
void addKernel(Reasons &reasons, Plan &plan, const Artefact &artefact,
               int64_t most, const nybl_prepare_options &options) {
  reasons.add(checkCertificate(artefact.manifest, options));
  reasons.add(
      launch::Kernel::whyNot(plan.device->gpu, artefact.manifest,
                             {artefact.kernel.cubin, artefact.kernel.ptx}));
  PlanKernel one;
  one.most = most;
  if (reasons.add(makeRecipe(artefact.manifest, plan.problem, one)))
    plan.kernels.insert(plan.kernels.begin(), std::move(one));
}

/// As takeKernels of nybl_prepare, but on past what fails.
void addKernels(Reasons &reasons, Plan &plan,
                const nybl_prepare_options &options) {
  nybl_prepare_options own = options;
  auto parts = partsOf(plan.problem, options);
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    auto artefact = plan.device->library->artefacts.make(
        wishOf(print(classOf(*part, options)), *plan.device->gpu, own));
    bool isWidest = part == parts.rbegin();
    own.exact_class = 1;
    if (artefact)
      addKernel(reasons, plan, *artefact, rowsOf(*part).high, options);
    else if (isWidest || !allowsWider(options, artefact.status()))
      reasons.add(artefact.status());
    if (!artefact && isWidest)
      return;
  }
}

int64_t rowsOf(const LaunchArgs &args) {
  return args.gemm       ? args.gemm->m
         : args.quantize ? args.quantize->m
                         : args.dequantize->m;
}

std::vector<Status> faultsOf(const PlanKernel &one, const LaunchArgs &args) {
  if (args.gemm)
    return one.recipe->faults(*args.gemm);
  return one.quantizeRecipe->faults(
      args.quantize ? *args.quantize : operandsOf(*args.dequantize));
}

/// Of a launch of the plan, whose recipes are made.
void addLaunch(Reasons &reasons, const Plan &plan, const LaunchArgs &args) {
  struct {
    const void *given;
    const char *call, *type;
  } const operations[] = {
      {args.gemm, "nybl_why_not", "nybl_gemm_args"},
      {args.quantize, "nybl_why_not_quantize", "nybl_quantize_args"},
      {args.dequantize, "nybl_why_not_dequantize", "nybl_dequantize_args"}};
  const auto &own = operations[plan.problem.index()];
  for (const auto &other : operations)
    if (other.given && &other != &own)
      reasons.add(Status::invalid(
          fmt::format("{}: expected no {}, since the problem is a '{}'",
                      other.call, other.type, operationOf(plan.problem))));
  if (!own.given)
    return;
  int64_t m = rowsOf(args);
  if (const PlanKernel *one = plan.kernelFor(m))
    reasons.add(faultsOf(*one, args));
  else if (reasons.all.empty()) // n = 0
    reasons.add(checkRows(plan, m));
}

} // namespace

std::vector<Status> nybl::library::whyNot(const std::shared_ptr<Device> &device,
                                          const char *problemLine,
                                          const nybl_prepare_options &options,
                                          const LaunchArgs &args) {
  Reasons reasons;
  reasons.add(words::faultsOf(problemLine));
  reasons.add(faultsOf(options));
  if (!reasons.all.empty()) // no kernel to ask for
    return reasons.all;
  Plan plan;
  plan.device = device;
  plan.problem = *parseAnyProblem(problemLine);
  if (!reasons.add(checkProduct(plan.problem, options)))
    return reasons.all;
  auto *gemm = std::get_if<GemmProblem>(&plan.problem);
  if (!gemm || gemm->n != 0)
    addKernels(reasons, plan, options);
  addLaunch(reasons, plan, args);
  return reasons.all;
}
