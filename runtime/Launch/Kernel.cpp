// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Load once, launch often.

#include "runtime/Launch/Kernel.h"
#include <algorithm>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::launch;

Expected<std::shared_ptr<const Kernel>>
Kernel::load(std::shared_ptr<const driver::Device> device,
             const Manifest &manifest, const driver::Image &image) {
  int64_t sharedLimit = device->sharedPerCta();
  if (manifest.threads < 1 || manifest.threads > 1024 ||
      manifest.dynamicShared < 0 || manifest.dynamicShared > sharedLimit)
    return Status::invalid(fmt::format("manifest: expected 1 to 1024 threads "
                                       "and 0 to {} bytes of dynamic shared "
                                       "memory, got {} and {}",
                                       sharedLimit, manifest.threads,
                                       manifest.dynamicShared));
  auto module = driver::Module::load(std::move(device), image, manifest.kernel);
  if (!module)
    return module.status();
  Expected<int64_t> resident =
      (*module)->residentCtas(manifest.threads, manifest.dynamicShared);
  if (!resident)
    return resident.status();
  auto kernel = std::make_shared<Kernel>();
  kernel->module = *module;
  kernel->resident = *resident;
  kernel->threads = static_cast<unsigned>(manifest.threads);
  kernel->dynamicShared = static_cast<unsigned>(manifest.dynamicShared);
  return std::shared_ptr<const Kernel>(std::move(kernel));
}

unsigned Kernel::grid(int64_t tiles) const {
  int64_t room = module->device().multiprocessors() * resident;
  return static_cast<unsigned>(
      std::min<int64_t>({tiles, std::max<int64_t>(room, 1), INT32_MAX}));
}

Status Kernel::launch(const Recipe &recipe, const nybl_gemm_args &args) const {
  if (Status status = recipe.check(args); !status)
    return status;
  int64_t tiles = recipe.tiles(args.m);
  if (tiles == 0)
    return Status::ok();
  ParameterBlock parameters = recipe.pack(args);
  return module->launch({grid(tiles), threads, dynamicShared}, args.stream,
                        parameters.data());
}
