// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Launches: checks what can be checked at the call, queues the rest, and turns
// a finding into the context's error.

#include "tools/emulator/Driver/State.h"

#include <cstring>

using namespace nybl::emu;

static CUresult errorOf(FindingKind kind) {
  switch (kind) {
  case FindingKind::OutOfBounds:
  case FindingKind::UseAfterFree:
    return CUDA_ERROR_ILLEGAL_ADDRESS;
  case FindingKind::Misaligned:
    return CUDA_ERROR_MISALIGNED_ADDRESS;
  case FindingKind::Timeout:
    return CUDA_ERROR_LAUNCH_TIMEOUT;
  default:
    return CUDA_ERROR_LAUNCH_FAILED;
  }
}

static std::string text(const Dim3 &d) {
  return std::to_string(d.x) + " x " + std::to_string(d.y) + " x " +
         std::to_string(d.z);
}

static CUresult checkGrid(const Dim3 &grid, const Dim3 &block) {
  bool gridFits = grid.x >= 1 && grid.x <= 2147483647u && grid.y >= 1 &&
                  grid.y <= 65535 && grid.z >= 1 && grid.z <= 65535;
  if (!gridFits)
    return refuse(
        CUDA_ERROR_INVALID_VALUE,
        "expected a grid of at least 1 and at most 2147483647 x 65535 "
        "x 65535 CTAs, got " +
            text(grid));
  bool blockFits = block.x >= 1 && block.x <= 1024 && block.y >= 1 &&
                   block.y <= 1024 && block.z >= 1 && block.z <= 64 &&
                   uint64_t(block.x) * block.y * block.z <= 1024;
  if (!blockFits)
    return refuse(
        CUDA_ERROR_INVALID_VALUE,
        "expected a CTA of at least 1 thread, at most 1024 x 1024 x 64 "
        "and 1024 in all, got " +
            text(block));
  return CUDA_SUCCESS;
}

static CUresult checkThreads(const KernelInfo &kernel, const Dim3 &block) {
  const Dim3 &required = kernel.requiredThreads;
  bool asRequired =
      required.x == 0 ||
      (block.x == required.x && block.y == required.y && block.z == required.z);
  if (!asRequired)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "kernel " + kernel.name + " requires a CTA of " +
                      text(required) + " threads, got " + text(block));
  if (block.x * block.y * block.z > kernel.maxThreads)
    return refuse(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES,
                  "kernel " + kernel.name + " allows " +
                      std::to_string(kernel.maxThreads) +
                      " threads in a CTA, got " + text(block));
  return CUDA_SUCCESS;
}

static CUresult checkShared(const State &s, const Function &f, uint32_t bytes) {
  const ChipLimits &chip = *s.settings.chip;
  uint64_t all = uint64_t(f.kernel->staticShared) + bytes;
  bool optedIn = bytes <= static_cast<uint32_t>(f.maxDynamicShared.load());
  if (all <= chip.sharedPerCta || (optedIn && all <= chip.sharedPerCtaOptIn))
    return CUDA_SUCCESS;
  return refuse(
      CUDA_ERROR_INVALID_VALUE,
      "kernel " + f.kernel->name + ": " + std::to_string(bytes) +
          " bytes of dynamic and " + std::to_string(f.kernel->staticShared) +
          " of static shared memory are more than " +
          std::to_string(chip.sharedPerCta) +
          "; set CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, with which " +
          chip.name + " gives " + std::to_string(chip.sharedPerCtaOptIn));
}

/// From the buffer of CU_LAUNCH_PARAM_BUFFER_POINTER.
static CUresult packExtra(const KernelInfo &kernel, void **extra,
                          std::vector<uint8_t> &to) {
  const void *buffer = nullptr;
  const size_t *size = nullptr;
  for (; *extra != CU_LAUNCH_PARAM_END; extra += 2) {
    if (*extra == CU_LAUNCH_PARAM_BUFFER_POINTER)
      buffer = extra[1];
    else if (*extra == CU_LAUNCH_PARAM_BUFFER_SIZE)
      size = static_cast<const size_t *>(extra[1]);
    else
      return refuse(CUDA_ERROR_INVALID_VALUE,
                    "launch: `extra` holds an unknown key");
  }
  if (!buffer || !size || *size < kernel.parameterBytes)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "kernel " + kernel.name + " takes " +
                      std::to_string(kernel.parameterBytes) +
                      " bytes of parameters, `extra` gives " +
                      std::to_string(buffer && size ? *size : 0));
  std::memcpy(to.data(), buffer, kernel.parameterBytes);
  return CUDA_SUCCESS;
}

static CUresult packParameters(const KernelInfo &kernel, void **parameters,
                               void **extra, std::vector<uint8_t> &to) {
  to.assign(kernel.parameterBytes, 0);
  if (parameters && extra)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "launch: expected kernelParams or extra, got both");
  if (extra)
    return packExtra(kernel, extra, to);
  for (size_t i = 0; i < kernel.parameters.size(); ++i) {
    if (!parameters || !parameters[i])
      return refuse(CUDA_ERROR_INVALID_VALUE,
                    "kernel " + kernel.name + ": parameter " +
                        std::to_string(i) + " is missing");
    const ParameterInfo &p = kernel.parameters[i];
    std::memcpy(to.data() + p.offset, parameters[i], p.size);
  }
  return CUDA_SUCCESS;
}

/// Runs in the stream's thread.
static CUresult perform(State &s, const Function &f, LaunchConfig config,
                        const std::vector<uint8_t> &parameters) {
  config.hostThreads = s.settings.hostThreads;
  config.multiprocessors = s.settings.multiprocessors;
  config.checks = s.checks;
  config.poison = s.poison;
  LaunchResult result = runKernel(*f.module->program, *f.kernel, config,
                                  parameters.data(), s.memory);
  {
    std::lock_guard lock(s.mutex);
    s.lastLaunch = result.counters;
  }
  for (const Report &report : result.reports)
    s.findings.add(report, s.settings.report);
  return result.reports.empty() ? CUDA_SUCCESS
                                : errorOf(result.reports.front().kind);
}

static CUresult launch(CUfunction handle, const LaunchConfig &config,
                       CUstream streamHandle, void **parameters, void **extra) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  auto function = entry.state->functions.find(handle);
  StreamUse use = useStream(entry, streamHandle);
  if (!function || !use.context)
    return refuse(CUDA_ERROR_INVALID_HANDLE,
                  function ? "launch: expected a live stream"
                           : "launch: expected a function of a loaded module");
  std::vector<uint8_t> packed;
  if (CUresult status = checkGrid(config.grid, config.block))
    return status;
  if (CUresult status = checkThreads(*function->kernel, config.block))
    return status;
  if (CUresult status =
          checkShared(*entry.state, *function, config.dynamicShared))
    return status;
  if (CUresult status =
          packParameters(*function->kernel, parameters, extra, packed))
    return status;
  auto work = [s = entry.state, function, config, packed = std::move(packed)] {
    return perform(*s, *function, config, packed);
  };
  use.context->submit(*use.stream, std::move(work), Access::Shared);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuLaunchKernel(CUfunction function, unsigned int gridX,
                                unsigned int gridY, unsigned int gridZ,
                                unsigned int blockX, unsigned int blockY,
                                unsigned int blockZ, unsigned int dynamicShared,
                                CUstream stream, void **parameters,
                                void **extra) {
  LaunchConfig config;
  config.grid = {gridX, gridY, gridZ};
  config.block = {blockX, blockY, blockZ};
  config.dynamicShared = dynamicShared;
  return launch(function, config, stream, parameters, extra);
}

/// Accepts hints, and what is the same with and without: dependent launches
/// just run in order. Refuses what would change the meaning.
static CUresult checkAttribute(const CUlaunchAttribute &attribute) {
  switch (attribute.id) {
  case CU_LAUNCH_ATTRIBUTE_IGNORE:
  case CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW:
  case CU_LAUNCH_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE:
  case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION:
  case CU_LAUNCH_ATTRIBUTE_PRIORITY:
  case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP:
  case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN:
  case CU_LAUNCH_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
    return CUDA_SUCCESS;
  case CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION: {
    auto &c = attribute.value.clusterDim;
    if (c.x == 1 && c.y == 1 && c.z == 1)
      return CUDA_SUCCESS;
    return refuse(CUDA_ERROR_NOT_SUPPORTED,
                  "launch: expected a cluster of 1 x 1 x 1, got " +
                      text({c.x, c.y, c.z}) +
                      "; clusters are not supported by this emulated driver");
  }
  case CU_LAUNCH_ATTRIBUTE_COOPERATIVE:
    if (attribute.value.cooperative == 0)
      return CUDA_SUCCESS;
    [[fallthrough]];
  default:
    return refuse(CUDA_ERROR_NOT_SUPPORTED,
                  "launch: attribute " + std::to_string(attribute.id) +
                      " is not supported by this emulated driver");
  }
}

CUresult CUDAAPI cuLaunchKernelEx(const CUlaunchConfig *config,
                                  CUfunction function, void **parameters,
                                  void **extra) {
  if (!config || (config->numAttrs > 0 && !config->attrs))
    return CUDA_ERROR_INVALID_VALUE;
  for (unsigned i = 0; i < config->numAttrs; ++i)
    if (CUresult status = checkAttribute(config->attrs[i]))
      return status;
  return cuLaunchKernel(function, config->gridDimX, config->gridDimY,
                        config->gridDimZ, config->blockDimX, config->blockDimY,
                        config->blockDimZ, config->sharedMemBytes,
                        config->hStream, parameters, extra);
}

CUresult CUDAAPI cuLaunchHostFunc(CUstream stream, CUhostFn function,
                                  void *userData) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  StreamUse use = useStream(entry, stream);
  if (!use.context || !function)
    return use.context ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_INVALID_HANDLE;
  auto work = [function, userData] {
    setInsideHostFunction(true);
    function(userData);
    setInsideHostFunction(false);
    return CUDA_SUCCESS;
  };
  use.context->submit(*use.stream, work, Access::None);
  return CUDA_SUCCESS;
}
