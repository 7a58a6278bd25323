// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The checks of a launch, and its parameters.

#include "tools/emulator/Driver/Launch.h"

#include <algorithm>
#include <cstring>

using namespace nybl::emu;

std::shared_ptr<Function> nybl::emu::findFunction(Entry &entry,
                                                  CUfunction handle) {
  if (entry.status != CUDA_SUCCESS)
    return nullptr;
  auto function = entry.state->functions.find(handle);
  if (!function)
    entry.status =
        refuse(CUDA_ERROR_INVALID_HANDLE, "expected a function of a module "
                                          "that is still loaded");
  return function;
}

Dim3 nybl::emu::requiredCluster(const Function &f) {
  if (f.kernel->requiredCluster.x != 0)
    return f.kernel->requiredCluster;
  return {f.requiredCluster[0], f.requiredCluster[1], f.requiredCluster[2]};
}

std::string nybl::emu::text(const Dim3 &d) {
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

int nybl::emu::residentCtas(const ChipLimits &chip, const KernelInfo &kernel,
                            int threads, size_t dynamicShared) {
  if (threads > static_cast<int>(kernel.maxThreads))
    return 0;
  size_t shared = kernel.staticShared + dynamicShared;
  if (shared > chip.sharedPerCtaOptIn)
    return 0;
  int whole = (threads + 31) / 32 * 32;
  size_t byShared = chip.sharedPerMultiprocessor / (shared + 1024);
  size_t byThreads = chip.threadsPerMultiprocessor / whole;
  return static_cast<int>(std::min(
      {byShared, byThreads, static_cast<size_t>(chip.ctasPerMultiprocessor)}));
}

uint64_t nybl::emu::residentClusters(const Settings &settings,
                                     const KernelInfo &kernel, unsigned size,
                                     int threads, size_t dynamicShared) {
  uint64_t ctas = residentCtas(*settings.chip, kernel, threads, dynamicShared);
  return size == 0 ? 0 : settings.multiprocessors / size * ctas;
}

unsigned nybl::emu::mostClusterCtas(const ChipLimits &chip, const Function &f) {
  unsigned most = f.nonPortableCluster && chip.major < 12 ? 16 : 8;
  unsigned stated = f.kernel->maxClusterRank;
  return stated ? std::min(most, stated) : most;
}

bool nybl::emu::clusterMustBeSet(const Function &f) {
  return f.clusterMustBeSet || f.kernel->explicitCluster;
}

static bool isSame(const Dim3 &a, const Dim3 &b) {
  return a.x == b.x && a.y == b.y && a.z == b.z;
}

static CUresult checkCluster(const State &s, KernelWork &work) {
  const Function &f = *work.function;
  const std::string start =
      "kernel " + f.kernel->name + ": expected a cluster ";
  Dim3 required = requiredCluster(f);
  bool given = work.config.explicitCluster;
  if (required.x != 0 && !given) {
    work.config.cluster = required;
    work.config.explicitCluster = true;
  }
  Dim3 &c = work.config.cluster;
  if (required.x != 0 && !isSame(c, required))
    return refuse(CUDA_ERROR_INVALID_CLUSTER_SIZE,
                  start + "of " + text(required) + ", got " + text(c));
  if (required.x == 0 && !given && clusterMustBeSet(f))
    return refuse(CUDA_ERROR_INVALID_CLUSTER_SIZE,
                  start + "dimension among the launch attributes");
  unsigned most = mostClusterCtas(*s.settings.chip, f);
  if (product(c) == 0 || product(c) > most)
    return refuse(CUDA_ERROR_INVALID_CLUSTER_SIZE,
                  start + "of 1 to " + std::to_string(most) + " CTAs on " +
                      s.settings.chip->name + ", got " + text(c));
  const Dim3 &grid = work.config.grid;
  if (grid.x % c.x != 0 || grid.y % c.y != 0 || grid.z % c.z != 0)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  start + "that divides the grid of " + text(grid) + ", got " +
                      text(c));
  if (product(c) > s.settings.multiprocessors)
    return refuse(CUDA_ERROR_INVALID_CLUSTER_SIZE,
                  start + "that fits the device's " +
                      std::to_string(s.settings.multiprocessors) +
                      " multiprocessors, got " + text(c));
  return CUDA_SUCCESS;
}

static CUresult checkCooperative(const State &s, const KernelWork &work) {
  if (!work.cooperative)
    return CUDA_SUCCESS;
  uint64_t size = product(work.config.cluster);
  uint64_t most =
      size * residentClusters(s.settings, *work.function->kernel,
                              static_cast<unsigned>(size),
                              static_cast<int>(product(work.config.block)),
                              work.config.dynamicShared);
  if (product(work.config.grid) <= most)
    return CUDA_SUCCESS;
  return refuse(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE,
                "kernel " + work.function->kernel->name +
                    ": a cooperative grid must be resident as a whole: "
                    "expected at most " +
                    std::to_string(most) + " CTAs, got " +
                    text(work.config.grid));
}

CUresult nybl::emu::checkShape(const State &s, KernelWork &work) {
  if (CUresult status = checkCluster(s, work))
    return status;
  return checkCooperative(s, work);
}

/// With .blocksareclusters a launch counts clusters (PTX ISA 9.1 §11.4.13).
static CUresult countCtas(const KernelInfo &kernel, Dim3 &grid) {
  const Dim3 &cluster = kernel.requiredCluster;
  if (!kernel.blocksAreClusters)
    return CUDA_SUCCESS;
  if (cluster.x == 0 || kernel.requiredThreads.x == 0)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "kernel " + kernel.name +
                      ": .blocksareclusters goes with .reqntid and "
                      ".reqnctapercluster only");
  uint64_t x = uint64_t(grid.x) * cluster.x, y = uint64_t(grid.y) * cluster.y,
           z = uint64_t(grid.z) * cluster.z;
  // What does not fit is more than any grid; checkGrid says so.
  grid = {static_cast<uint32_t>(std::min<uint64_t>(x, UINT32_MAX)),
          static_cast<uint32_t>(std::min<uint64_t>(y, UINT32_MAX)),
          static_cast<uint32_t>(std::min<uint64_t>(z, UINT32_MAX))};
  return CUDA_SUCCESS;
}

CUresult nybl::emu::prepareLaunch(State &s, KernelWork &work, void **parameters,
                                  void **extra) {
  const KernelInfo &kernel = *work.function->kernel;
  work.askedGrid = work.config.grid;
  if (CUresult status = countCtas(kernel, work.config.grid))
    return status;
  if (CUresult status = checkGrid(work.config.grid, work.config.block))
    return status;
  if (CUresult status = checkThreads(kernel, work.config.block))
    return status;
  if (CUresult status =
          checkShared(s, *work.function, work.config.dynamicShared))
    return status;
  if (CUresult status = checkShape(s, work))
    return status;
  return packParameters(kernel, parameters, extra, work.parameters);
}

/// The event completes with the trigger of the launch, or its end.
static CUresult takeEvent(State &s, CUevent handle, KernelWork &work) {
  auto event = s.events.find(handle);
  if (!event)
    return refuse(CUDA_ERROR_INVALID_HANDLE,
                  "launch: expected a live event in the attribute");
  work.events.push_back(std::move(event));
  return CUDA_SUCCESS;
}

CUresult nybl::emu::takeAttribute(State &s, const CUlaunchAttribute &attribute,
                                  KernelWork &work) {
  const CUlaunchAttributeValue &value = attribute.value;
  switch (attribute.id) {
  case CU_LAUNCH_ATTRIBUTE_IGNORE:
  case CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW:
  case CU_LAUNCH_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE:
  case CU_LAUNCH_ATTRIBUTE_PREFERRED_CLUSTER_DIMENSION:
  case CU_LAUNCH_ATTRIBUTE_PRIORITY:
  case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP:
  case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN:
  case CU_LAUNCH_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
    return CUDA_SUCCESS;
  case CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION:
    work.config.cluster = {value.clusterDim.x, value.clusterDim.y,
                           value.clusterDim.z};
    work.config.explicitCluster = true;
    return CUDA_SUCCESS;
  case CU_LAUNCH_ATTRIBUTE_COOPERATIVE:
    work.cooperative = value.cooperative != 0;
    return CUDA_SUCCESS;
  case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION:
    work.programmatic = value.programmaticStreamSerializationAllowed != 0;
    return CUDA_SUCCESS;
  case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT:
    return takeEvent(s, value.programmaticEvent.event, work);
  case CU_LAUNCH_ATTRIBUTE_LAUNCH_COMPLETION_EVENT:
    return takeEvent(s, value.launchCompletionEvent.event, work);
  default:
    return refuse(CUDA_ERROR_NOT_SUPPORTED,
                  "launch: attribute " + std::to_string(attribute.id) +
                      " is not supported by this emulated driver");
  }
}
