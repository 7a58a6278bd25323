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

/// Immutable. `kernel` and the recipe of its operation are absent where n = 0.
struct Plan {
  AnyProblem problem;
  std::shared_ptr<Device> device;
  std::shared_ptr<const launch::Kernel> kernel;
  std::optional<launch::Recipe> recipe;
  std::optional<launch::QuantizeRecipe> quantizeRecipe;
  /// Null: not wanted, or no gemm.
  std::shared_ptr<const launch::OperandCheck> check;
  std::string manifestJson, phasesJson, problemClass, origin, fingerprint,
      tuned;
};

Expected<std::unique_ptr<Plan>> prepare(const std::shared_ptr<Device> &device,
                                        const char *problemLine,
                                        const nybl_prepare_options &options);

/// All that is wrong with the options.
std::vector<Status> faultsOf(const nybl_prepare_options &options);
Wish wishOf(const std::string &problemClass, const driver::Device &gpu,
            const nybl_prepare_options &options);
/// Errors: Unproven, unless that is allowed.
Status checkCertificate(const Manifest &manifest,
                        const nybl_prepare_options &options);
/// Makes the plan's recipe, of its problem's operation. Errors: Invalid.
Status makeRecipe(const Manifest &manifest, Plan &plan);

/// See nybl_why_not. `args` may be null.
std::vector<Status> whyNot(const std::shared_ptr<Device> &device,
                           const char *problemLine,
                           const nybl_prepare_options &options,
                           const nybl_gemm_args *args);

/// See nybl_plan_workspace.
Expected<uint64_t> workspaceBytes(const Plan &plan, int64_t m);

/// See nybl_launch.
Status enqueue(const Plan &plan, const nybl_gemm_args &args);
/// See nybl_quantize.
Status enqueue(const Plan &plan, const nybl_quantize_args &args);

/// The same for a plan with a kernel and a check: looks at the operands, waits,
/// and says what it found.
Status enqueueChecked(const Plan &plan, const nybl_gemm_args &args);

/// See nybl_dump_launch.
Status dumpLaunch(const Plan &plan, const nybl_gemm_args &args,
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
