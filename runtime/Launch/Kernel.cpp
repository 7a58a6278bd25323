// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Load once, launch often.

#include "runtime/Launch/Kernel.h"
#include "runtime/Abi/LeastDriver.h"
#include <algorithm>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::launch;

static Status checkResources(const driver::Device &device,
                             const Manifest &manifest) {
  if (manifest.threads < 1 || manifest.threads > 1024 ||
      manifest.dynamicShared < 0 || manifest.staticShared < 0)
    return Status::invalid(fmt::format(
        "manifest: expected 1 to 1024 threads and at least 0 bytes of dynamic "
        "and of static shared memory, got {}, {} and {}",
        manifest.threads, manifest.dynamicShared, manifest.staticShared));
  // Static shared memory is only known where a cubin was made.
  int64_t most = device.sharedPerCta();
  if (manifest.dynamicShared <= most &&
      manifest.staticShared <= most - manifest.dynamicShared)
    return Status::ok();
  return Status::environment(fmt::format(
      "kernel '{}' takes {} bytes of dynamic and {} of static shared memory: "
      "expected a device that gives a CTA as much, but {} ({}) gives {}",
      manifest.kernel, manifest.dynamicShared, manifest.staticShared,
      device.name(), device.chip(), most));
}

static Status checkDriver(const driver::Driver &driver,
                          const Manifest &manifest) {
  int least = leastDriverOfPtx(manifest);
  if (driver.version() >= least)
    return Status::ok();
  return Status::environment(fmt::format(
      "kernel '{}' for {}: expected a driver of CUDA {} or later, which knows "
      "PTX {}, got one of CUDA {}: install a newer driver of the GPU",
      manifest.kernel, manifest.chip, driverText(least), manifest.ptxVersion,
      driverText(driver.version())));
}

/// A cubin of a newer toolkit than the driver's is not shown to it.
static Expected<std::shared_ptr<const driver::Module>>
loadModule(std::shared_ptr<const driver::Device> device,
           const Manifest &manifest, const driver::Image &image) {
  int version = device->driver().version();
  if (version >= leastDriverOfCubin(manifest) || image.ptx.empty())
    return driver::Module::load(std::move(device), image, manifest.kernel);
  return driver::Module::load(std::move(device), {"", image.ptx},
                              manifest.kernel);
}

/// Parts of a tile wait for each other: a launch must be able to say so.
static Status checkAttributes(const driver::Driver &api,
                              const Manifest &manifest) {
  if (manifest.split <= 1 || api.cuLaunchKernelEx)
    return Status::ok();
  return Status::environment(fmt::format(
      "kernel '{}' splits tiles and needs a cooperative launch: expected a "
      "driver with cuLaunchKernelEx (CUDA 11.8), but '{}' has none",
      manifest.kernel, api.path()));
}

Expected<std::shared_ptr<const Kernel>>
Kernel::load(std::shared_ptr<const driver::Device> device,
             const Manifest &manifest, const driver::Image &image) {
  if (Status status = checkResources(*device, manifest); !status)
    return status;
  const driver::Driver &driver = device->driver();
  for (Status status :
       {checkDriver(driver, manifest), checkMapSupport(driver, manifest),
        checkAttributes(driver, manifest)})
    if (!status)
      return status;
  auto module = loadModule(std::move(device), manifest, image);
  if (!module)
    return module.status();
  auto kernel = std::make_shared<Kernel>();
  kernel->module = *module;
  if (Status status = kernel->readOccupancy(manifest); !status)
    return status;
  kernel->split = std::max<int64_t>(manifest.split, 1);
  kernel->takesOver = manifest.takesOver;
  kernel->threads = static_cast<unsigned>(manifest.threads);
  kernel->dynamicShared = static_cast<unsigned>(manifest.dynamicShared);
  return std::shared_ptr<const Kernel>(std::move(kernel));
}

Status Kernel::readOccupancy(const Manifest &manifest) {
  Expected<int64_t> ctas =
      module->residentCtas(manifest.threads, manifest.dynamicShared);
  if (!ctas)
    return ctas.status();
  resident = *ctas;
  // The driver does not count tensor memory: a CTA that finds no room in it
  // would wait for the last tile of another.
  if (manifest.tensorColumns > 0)
    resident = std::clamp<int64_t>(
        Manifest::tensorColumnsOfAll / manifest.tensorColumns, 1, *ctas);
  cluster = std::max<int64_t>(manifest.cluster, 1);
  if (cluster == 1)
    return Status::ok();
  Expected<int64_t> atOnce = module->residentClusters(cluster, manifest.threads,
                                                      manifest.dynamicShared);
  if (!atOnce)
    return atOnce.status();
  clusters = *atOnce;
  return Status::ok();
}

std::vector<Status> Kernel::whyNot(std::shared_ptr<const driver::Device> device,
                                   const Manifest &manifest,
                                   const driver::Image &image) {
  std::vector<Status> reasons;
  auto add = [&](Status status) {
    bool good = status.isOk();
    if (!good)
      reasons.push_back(std::move(status));
    return good;
  };
  bool fits = add(checkResources(*device, manifest));
  add(checkMapSupport(device->driver(), manifest));
  add(checkAttributes(device->driver(), manifest));
  if (!add(checkDriver(device->driver(), manifest)))
    return reasons; // it could not but fail
  auto module = loadModule(std::move(device), manifest, image);
  // What asks for too much finds no room either: once is enough.
  if (add(module.status()) && fits) {
    Kernel kernel;
    kernel.module = *module;
    add(kernel.readOccupancy(manifest));
  }
  return reasons;
}

/// No more than the device holds at once: parts of a tile wait for each other,
/// and so do the CTAs of a cluster.
unsigned Kernel::grid(int64_t tasks) const {
  int64_t room =
      takesOver ? tasks : module->device().multiprocessors() * resident;
  if (room < tasks && room > split)
    room -= room % split;
  if (cluster > 1) {
    room = std::min(room / cluster, clusters) * cluster;
    tasks *= cluster;
  }
  return static_cast<unsigned>(
      std::min<int64_t>({tasks, std::max<int64_t>(room, cluster), INT32_MAX}));
}

/// Parts of a tile wait for each other, so their CTAs are on the device at once
/// or not at all.
template <typename Args>
Status Kernel::enqueue(int64_t tasks, ParameterBlock &parameters,
                       const Args &args) const {
  return module->enqueue({grid(tasks), threads, dynamicShared, split > 1,
                          (args.flags & NYBL_LAUNCH_DEPENDENT) != 0},
                         args.stream, parameters.data());
}

Status Kernel::launch(const Recipe &recipe, const nybl_gemm_args &args) const {
  if (Status status = recipe.check(args); !status)
    return status;
  int64_t tasks = recipe.tasks(args.m);
  if (tasks == 0)
    return Status::ok();
  if (takesOver && tasks > INT32_MAX)
    return Status::refused(
        fmt::format("expected at most {} tiles of a kernel with a CTA for each "
                    "(scheduler=clc), got {}: use scheduler=static",
                    INT32_MAX, tasks));
  driver::ContextScope scope(module->device());
  if (Status status = scope.status(); !status)
    return status;
  ParameterBlock parameters;
  if (Status status = recipe.pack(args, module->device().driver(), parameters);
      !status)
    return status;
  return enqueue(tasks, parameters, args);
}

Status Kernel::launch(const QuantizeRecipe &recipe,
                      const nybl_quantize_args &args) const {
  if (Status status = recipe.check(args); !status)
    return status;
  int64_t tiles = recipe.tiles(args.m);
  if (tiles == 0)
    return Status::ok();
  driver::ContextScope scope(module->device());
  if (Status status = scope.status(); !status)
    return status;
  ParameterBlock parameters;
  recipe.pack(args, parameters);
  return enqueue(tiles, parameters, args);
}
