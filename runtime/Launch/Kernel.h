// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel on a device, ready to be launched: module, manifest and occupancy.
#ifndef NYBL_RUNTIME_LAUNCH_KERNEL_H
#define NYBL_RUNTIME_LAUNCH_KERNEL_H

#include "runtime/Driver/Module.h"
#include "runtime/Launch/QuantizeRecipe.h"

namespace nybl::launch {

/// Immutable, shared by the plans of one problem class on one device.
class Kernel {
public:
  /// Loads the image and reads the occupancy. Errors: Invalid (manifest),
  /// Environment (driver).
  static Expected<std::shared_ptr<const Kernel>>
  load(std::shared_ptr<const driver::Device> device, const Manifest &manifest,
       const driver::Image &image);

  /// Every reason why load would fail.
  static std::vector<Status>
  whyNot(std::shared_ptr<const driver::Device> device, const Manifest &manifest,
         const driver::Image &image);

  /// Checks, packs and enqueues one launch. See nybl_launch.
  Status launch(const Recipe &recipe, const nybl_gemm_args &args) const;
  /// See nybl_quantize.
  Status launch(const QuantizeRecipe &recipe,
                const nybl_quantize_args &args) const;

  /// min(tasks, multiprocessors * resident CTAs); tasks > 0. Where tiles are
  /// split and CTAs go round, a multiple of the parts: then a part and the one
  /// before it are a round's, on neighbouring CTAs. Of a kernel that is run by
  /// clusters, so many clusters, each of which does a task together. Where CTAs
  /// take over tiles of those that have not begun: tasks.
  unsigned grid(int64_t tasks) const;

  int64_t residentCtas() const { return resident; }
  bool ptxFallback() const { return module->ptxFallback(); }

private:
  /// Of nybl_gemm_args or nybl_quantize_args.
  template <typename Args>
  Status enqueue(int64_t tasks, ParameterBlock &parameters,
                 const Args &args) const;

  /// CTAs of the module that a multiprocessor holds and, where it is run by
  /// clusters, clusters that the device holds.
  Status readOccupancy(const Manifest &manifest);

  std::shared_ptr<const driver::Module> module;
  int64_t resident = 1, split = 1;
  int64_t cluster = 1, clusters = 0; ///< CTAs of one, and how many at once
  bool takesOver = false;
  unsigned threads = 1, dynamicShared = 0;
};

} // namespace nybl::launch

#endif // NYBL_RUNTIME_LAUNCH_KERNEL_H
