// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a plan is asked once it is there: what it is, its workspace, a launch.

#include "runtime/Library/Handles.h"
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::library;

nybl_plan_details nybl::library::detailsOf(const Plan &plan) {
  static const PlanKernel none;
  bool hasKernel = !plan.kernels.empty();
  const PlanKernel &widest = hasKernel ? plan.kernels.back() : none;
  nybl_plan_details details = detailsOf(plan, widest);
  details.problem_class = plan.problemClass.c_str();
  details.origin = plan.origin.c_str();
  details.fingerprint = plan.fingerprint.c_str();
  details.has_kernel = hasKernel;
  details.kernels = static_cast<uint32_t>(plan.kernels.size());
  return details;
}

nybl_plan_details nybl::library::detailsOf(const Plan &plan,
                                           const PlanKernel &one) {
  nybl_plan_details details = {};
  details.manifest_json = one.manifestJson.c_str();
  details.phases_json = one.phasesJson.c_str();
  details.problem_class = one.problemClass.c_str();
  details.origin = one.origin.c_str();
  details.fingerprint = one.fingerprint.c_str();
  details.tuned = one.tuned.c_str();
  details.has_kernel = details.kernels = 1;
  details.multiprocessors =
      static_cast<uint32_t>(plan.device->gpu->multiprocessors());
  details.m_max = one.most;
  if (one.kernel) {
    details.ptx_fallback = one.kernel->ptxFallback();
    details.resident_ctas = static_cast<uint32_t>(one.kernel->residentCtas());
  }
  return details;
}

Status nybl::library::checkRows(const Plan &plan, int64_t m) {
  return launch::checkRows(rowsOf(plan.problem), m);
}

/// Of all launches of up to `m` rows, so that more rows never need fewer,
/// whatever tiles the kernels have that serve them.
Expected<uint64_t> nybl::library::workspaceBytes(const Plan &plan, int64_t m) {
  if (Status status = checkRows(plan, m); !status)
    return status;
  uint64_t most = 0;
  for (const PlanKernel &one : plan.kernels) {
    if (one.recipe) {
      auto bytes = one.recipe->workspaceBytes(std::min(m, one.most));
      if (!bytes)
        return bytes;
      most = std::max(most, *bytes);
    }
    if (m <= one.most)
      break;
  }
  return most;
}

/// Each operation has a call of its own.
static Status wrongPlan(const char *call, const char *expected,
                        const Plan &plan) {
  constexpr const char *calls[] = {"nybl_launch", "nybl_quantize",
                                   "nybl_dequantize"};
  return Status::invalid(fmt::format(
      "{}: expected the plan of a '{}', got one of a '{}': launch "
      "it by {}",
      call, expected, operationOf(plan.problem), calls[plan.problem.index()]));
}

Status nybl::library::enqueue(const Plan &plan, const nybl_gemm_args &args) {
  if (!std::holds_alternative<GemmProblem>(plan.problem))
    return wrongPlan("nybl_launch", "gemm", plan);
  const PlanKernel *one = plan.kernelFor(args.m);
  if (!one)
    return checkRows(plan, args.m);
  if (plan.check)
    return enqueueChecked(plan, *one, args);
  return one->kernel->launch(*one->recipe, args);
}

Status nybl::library::enqueue(const Plan &plan,
                              const nybl_quantize_args &args) {
  if (!std::holds_alternative<QuantizeProblem>(plan.problem))
    return wrongPlan("nybl_quantize", "quantize", plan);
  const PlanKernel *one = plan.kernelFor(args.m);
  if (plan.check)
    return enqueueChecked(plan, *one, args);
  return one->kernel->launch(*one->quantizeRecipe, args);
}

Status nybl::library::enqueue(const Plan &plan,
                              const nybl_dequantize_args &args) {
  if (!std::holds_alternative<DequantizeProblem>(plan.problem))
    return wrongPlan("nybl_dequantize", "dequantize", plan);
  const PlanKernel *one = plan.kernelFor(args.m);
  if (plan.check)
    return enqueueChecked(plan, *one, args);
  return one->kernel->launch(*one->quantizeRecipe, operandsOf(args));
}

nybl_quantize_args nybl::library::operandsOf(const nybl_dequantize_args &args) {
  nybl_quantize_args operands = {};
  operands.size = sizeof operands;
  operands.m = args.m;
  operands.x = args.y;
  operands.q = args.q;
  operands.q_scales = args.q_scales;
  operands.global = args.global;
  operands.stream = args.stream;
  operands.flags = args.flags;
  return operands;
}
