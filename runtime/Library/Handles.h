// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What stands behind the opaque handles of nybl.h.
#ifndef NYBL_RUNTIME_LIBRARY_HANDLES_H
#define NYBL_RUNTIME_LIBRARY_HANDLES_H

#include "nybl/nybl.h"
#include "runtime/Launch/Kernel.h"
#include "runtime/Launch/OperandCheck.h"
#include "runtime/Library/Artefacts.h"
#include "runtime/Tune/Choice.h"
#include <map>
#include <memory>
#include <mutex>
#include <optional>

namespace nybl::library {

struct Library {
  Library(const nybl_library_options &options,
          const CompileSettings &compiling);

  void log(nybl_log_level level, const std::string &message) const {
    if (callback)
      callback(callbackUser, level, message.c_str());
  }

  nybl_log_callback callback = nullptr;
  void *callbackUser = nullptr;
  Artefacts artefacts;
  std::vector<tune::Record> tuned;
};

/// Errors: Invalid, Environment (a bundle, the tune file).
Expected<std::shared_ptr<Library>>
openLibrary(const nybl_library_options &options);

/// One kernel of one device, being made or made. Its mutex is held while it is
/// made, so a key is compiled once however many threads ask.
struct KernelSlot {
  std::mutex mutex;
  std::optional<Artefact> artefact;
  std::shared_ptr<const launch::Kernel> kernel;
  std::string fingerprint; ///< of the artefact
};

struct Device {
  std::shared_ptr<Library> library;
  std::shared_ptr<const driver::Device> gpu;

  std::shared_ptr<KernelSlot> slot(const std::string &key);

  /// Loaded when the first plan asks for it.
  Expected<std::shared_ptr<const launch::OperandCheck>> operandCheck();

private:
  std::mutex mutex; ///< of the two below
  std::map<std::string, std::shared_ptr<KernelSlot>> slots;
  std::shared_ptr<const launch::OperandCheck> check;
};

/// A kernel of a plan, with the recipe of its operation.
struct PlanKernel {
  int64_t most = Extent::unbounded; ///< rows that it is launched with
  std::shared_ptr<const launch::Kernel> kernel;
  std::optional<launch::Recipe> recipe;
  std::optional<launch::QuantizeRecipe> quantizeRecipe;
  std::string manifestJson, phasesJson, problemClass, origin, fingerprint,
      tuned;
};

/// Immutable.
struct Plan {
  AnyProblem problem;
  std::shared_ptr<Device> device;
  /// Those for few rows first; none where n = 0.
  std::vector<PlanKernel> kernels;
  /// Null: not wanted.
  std::shared_ptr<const launch::OperandCheck> check;
  std::string problemClass, origin, fingerprint; ///< of all kernels

  /// The first that serves so many rows, the last if none does; null where
  /// there is none. A few comparisons: every launch comes this way.
  const PlanKernel *kernelFor(int64_t m) const {
    for (const PlanKernel &one : kernels)
      if (m <= one.most)
        return &one;
    return kernels.empty() ? nullptr : &kernels.back();
  }
};

Expected<std::unique_ptr<Plan>> prepare(const std::shared_ptr<Device> &device,
                                        const char *problemLine,
                                        const nybl_prepare_options &options);

const Extent &rowsOf(const AnyProblem &problem);
/// What a kernel of the part is made for.
AnyProblem classOf(const AnyProblem &part, const nybl_prepare_options &options);
/// That a gemm has numbers for N and K, and nothing else asks for the generic
/// kernel. Errors: Invalid.
Status checkProduct(const AnyProblem &problem,
                    const nybl_prepare_options &options);
/// The problem, or its parts that get a kernel each, few rows first.
std::vector<AnyProblem> partsOf(const AnyProblem &problem,
                                const nybl_prepare_options &options);
/// Whether a part that has no kernel of its own may be served by that of a
/// wider class.
bool allowsWider(const nybl_prepare_options &options, const Status &failure);
/// All that is wrong with the options.
std::vector<Status> faultsOf(const nybl_prepare_options &options);
Wish wishOf(const std::string &problemClass, const driver::Device &gpu,
            const nybl_prepare_options &options);
/// Errors: Unproven, unless that is allowed.
Status checkCertificate(const Manifest &manifest,
                        const nybl_prepare_options &options);
/// Makes the recipe of a kernel, for all rows of the problem. Errors: Invalid.
Status makeRecipe(const Manifest &manifest, const AnyProblem &problem,
                  PlanKernel &kernel);

/// Of a launch, one of them; or none.
struct LaunchArgs {
  const nybl_gemm_args *gemm = nullptr;
  const nybl_quantize_args *quantize = nullptr;
  const nybl_dequantize_args *dequantize = nullptr;
};

/// See nybl_why_not, nybl_why_not_quantize and nybl_why_not_dequantize.
std::vector<Status> whyNot(const std::shared_ptr<Device> &device,
                           const char *problemLine,
                           const nybl_prepare_options &options,
                           const LaunchArgs &args);

/// See nybl_plan_info, and with `one` nybl_plan_class_info.
nybl_plan_details detailsOf(const Plan &plan);
nybl_plan_details detailsOf(const Plan &plan, const PlanKernel &one);
/// Errors: Refused (m outside the plan's range).
Status checkRows(const Plan &plan, int64_t m);

/// See nybl_plan_workspace.
Expected<uint64_t> workspaceBytes(const Plan &plan, int64_t m);

/// See nybl_launch.
Status enqueue(const Plan &plan, const nybl_gemm_args &args);
/// See nybl_quantize.
Status enqueue(const Plan &plan, const nybl_quantize_args &args);
/// See nybl_dequantize.
Status enqueue(const Plan &plan, const nybl_dequantize_args &args);

/// The operands by the names that recipes have for them: x is what is made.
nybl_quantize_args operandsOf(const nybl_dequantize_args &args);

/// The same by one kernel of a plan that has a check: looks at the operands,
/// waits, and says what it found.
Status enqueueChecked(const Plan &plan, const PlanKernel &one,
                      const nybl_gemm_args &args);
Status enqueueChecked(const Plan &plan, const PlanKernel &one,
                      const nybl_quantize_args &args);
Status enqueueChecked(const Plan &plan, const PlanKernel &one,
                      const nybl_dequantize_args &args);

/// See nybl_dump_launch.
Status dumpLaunch(const Plan &plan, const nybl_gemm_args &args,
                  const std::string &path);
/// The same of a quantisation.
Status dumpLaunch(const Plan &plan, const nybl_quantize_args &args,
                  const std::string &path);
Status dumpLaunch(const Plan &plan, const nybl_dequantize_args &args,
                  const std::string &path);

} // namespace nybl::library

struct nybl_library {
  std::shared_ptr<nybl::library::Library> object;
};
struct nybl_device {
  std::shared_ptr<nybl::library::Device> object;
};
struct nybl_plan {
  std::unique_ptr<nybl::library::Plan> object;
};

#endif // NYBL_RUNTIME_LIBRARY_HANDLES_H
