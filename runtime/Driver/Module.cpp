// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loading, occupancy and launch of one kernel.

#include "runtime/Driver/Module.h"
#include <algorithm>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::driver;

namespace {

/// One sentence, one line.
std::string oneLine(std::string text) {
  std::replace_if(
      text.begin(), text.end(),
      [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  text.erase(text.find_last_not_of(" \0") + 1);
  return text;
}

} // namespace

CUresult Module::loadImage(const std::string &image, std::string &log) {
  std::string buffer(8192, '\0');
  CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER,
                            CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void *values[] = {buffer.data(),
                    reinterpret_cast<void *>(uintptr_t(buffer.size()))};
  // data() ends in a NUL, which PTX needs.
  CUresult result = gpu->driver().cuModuleLoadDataEx(&module, image.data(), 2,
                                                     options, values);
  log = oneLine(buffer.c_str());
  return result;
}

Expected<std::shared_ptr<const Module>>
Module::load(std::shared_ptr<const Device> device, const Image &image,
             const std::string &kernel) {
  std::shared_ptr<Module> result(new Module());
  result->gpu = std::move(device);
  const Driver &api = result->gpu->driver();
  ContextScope scope(*result->gpu);
  if (Status status = scope.status(); !status)
    return status;
  if (image.cubin.empty() && image.ptx.empty())
    return Status::invalid(fmt::format(
        "expected a cubin or PTX for kernel '{}', got neither", kernel));
  std::string log;
  result->fellBack = image.cubin.empty();
  CUresult loaded =
      result->loadImage(image.cubin.empty() ? image.ptx : image.cubin, log);
  if (loaded == CUDA_ERROR_NO_BINARY_FOR_GPU && !image.cubin.empty() &&
      !image.ptx.empty()) {
    loaded = result->loadImage(image.ptx, log);
    result->fellBack = true;
  }
  if (Status status = api.check(loaded, "cuModuleLoadDataEx", log); !status)
    return status;
  if (Status status = api.check(
          api.cuModuleGetFunction(&result->function, result->module,
                                  kernel.c_str()),
          "cuModuleGetFunction", fmt::format("asked for kernel '{}'", kernel));
      !status)
    return status;
  return std::shared_ptr<const Module>(std::move(result));
}

Module::~Module() {
  if (!module)
    return;
  ContextScope scope(*gpu);
  if (scope.status())
    gpu->driver().cuModuleUnload(module);
}

Expected<int64_t> Module::residentCtas(int64_t threads,
                                       int64_t dynamicShared) const {
  ContextScope scope(*gpu);
  if (Status status = scope.status(); !status)
    return status;
  const Driver &api = gpu->driver();
  std::string asked =
      fmt::format("asked for {} bytes of dynamic shared memory", dynamicShared);
  if (Status status = api.check(
          api.cuFuncSetAttribute(
              function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
              static_cast<int>(dynamicShared)),
          "cuFuncSetAttribute", asked);
      !status)
    return status;
  int count = 0;
  if (Status status = api.check(
          api.cuOccupancyMaxActiveBlocksPerMultiprocessor(
              &count, function, static_cast<int>(threads), dynamicShared),
          "cuOccupancyMaxActiveBlocksPerMultiprocessor", asked);
      !status)
    return status;
  if (count < 1)
    return Status::environment(
        fmt::format("expected room for one CTA of {} threads and {} bytes of "
                    "dynamic shared "
                    "memory on a multiprocessor of {}, but none fits",
                    threads, dynamicShared, gpu->chip()));
  return int64_t(count);
}

Expected<int64_t> Module::residentClusters(int64_t ctas, int64_t threads,
                                           int64_t dynamicShared) const {
  ContextScope scope(*gpu);
  if (Status status = scope.status(); !status)
    return status;
  const Driver &api = gpu->driver();
  if (!api.cuOccupancyMaxActiveClusters)
    return Status::environment(fmt::format(
        "the kernel is run by clusters of {} CTAs: expected a driver with "
        "cuOccupancyMaxActiveClusters (CUDA 11.8), but '{}' has none",
        ctas, api.path()));
  CUlaunchAttribute cluster = {};
  cluster.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
  cluster.value.clusterDim = {static_cast<unsigned>(ctas), 1, 1};
  CUlaunchConfig config = {};
  config.attrs = &cluster;
  config.numAttrs = 1;
  config.gridDimX = static_cast<unsigned>(ctas);
  config.gridDimY = config.gridDimZ = 1;
  config.blockDimX = static_cast<unsigned>(threads);
  config.blockDimY = config.blockDimZ = 1;
  config.sharedMemBytes = static_cast<unsigned>(dynamicShared);
  int count = 0;
  if (Status status =
          api.check(api.cuOccupancyMaxActiveClusters(&count, function, &config),
                    "cuOccupancyMaxActiveClusters",
                    fmt::format("asked for clusters of {} CTAs", ctas));
      !status)
    return status;
  if (count < 1)
    return Status::environment(fmt::format(
        "the kernel is run by clusters of {} CTAs: expected a device that "
        "holds one at once, but {} with {} multiprocessors holds none",
        ctas, gpu->chip(), gpu->multiprocessors()));
  return int64_t(count);
}

Status Module::launch(const LaunchShape &shape, void *stream,
                      void **parameters) const {
  ContextScope scope(*gpu);
  if (Status status = scope.status(); !status)
    return status;
  return enqueue(shape, stream, parameters);
}

Status Module::enqueue(const LaunchShape &shape, void *stream,
                       void **parameters) const {
  if (shape.cooperative || shape.dependent)
    return enqueueWithAttributes(shape, stream, parameters);
  const Driver &api = gpu->driver();
  return api.check(api.cuLaunchKernel(function, shape.grid, 1, 1, shape.threads,
                                      1, 1, shape.dynamicShared,
                                      static_cast<CUstream>(stream), parameters,
                                      nullptr),
                   "cuLaunchKernel");
}

Status Module::enqueueWithAttributes(const LaunchShape &shape, void *stream,
                                     void **parameters) const {
  const Driver &api = gpu->driver();
  if (!api.cuLaunchKernelEx)
    return Status::environment(fmt::format(
        "expected a driver with cuLaunchKernelEx (CUDA 11.8), since the launch "
        "is {}, but '{}' has none",
        shape.cooperative ? "cooperative" : "a dependent one", api.path()));
  CUlaunchAttribute attributes[2] = {};
  unsigned count = 0;
  if (shape.cooperative) {
    attributes[count].id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
    attributes[count++].value.cooperative = 1;
  }
  if (shape.dependent) {
    attributes[count].id =
        CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
    attributes[count++].value.programmaticStreamSerializationAllowed = 1;
  }
  CUlaunchConfig config = {shape.grid,
                           1,
                           1,
                           shape.threads,
                           1,
                           1,
                           shape.dynamicShared,
                           static_cast<CUstream>(stream),
                           attributes,
                           count};
  return api.check(api.cuLaunchKernelEx(&config, function, parameters, nullptr),
                   "cuLaunchKernelEx");
}
