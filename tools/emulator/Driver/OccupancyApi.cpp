// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Occupancy: threads, shared memory and plain limits; registers do not exist
// before ptxas.

#include "tools/emulator/Driver/Launch.h"

#include <algorithm>
#include <bit>

using namespace nybl::emu;

CUresult CUDAAPI cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
    int *ctas, CUfunction handle, int threads, size_t dynamicShared,
    unsigned int) {
  Entry entry = enterContext();
  auto function = findFunction(entry, handle);
  if (!function)
    return entry.status;
  if (!ctas || threads <= 0)
    return reject(CUDA_ERROR_INVALID_VALUE);
  *ctas = residentCtas(*entry.state->settings.chip, *function->kernel, threads,
                       dynamicShared);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuOccupancyMaxActiveBlocksPerMultiprocessor(
    int *ctas, CUfunction handle, int threads, size_t dynamicShared) {
  return cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
      ctas, handle, threads, dynamicShared, CU_OCCUPANCY_DEFAULT);
}

/// The CTA of the most resident threads; of several the largest.
CUresult CUDAAPI cuOccupancyMaxPotentialBlockSizeWithFlags(
    int *leastGrid, int *threads, CUfunction handle,
    CUoccupancyB2DSize sharedOf, size_t dynamicShared, int limit,
    unsigned int) {
  Entry entry = enterContext();
  auto function = findFunction(entry, handle);
  if (!function)
    return entry.status;
  if (!leastGrid || !threads || limit < 0)
    return reject(CUDA_ERROR_INVALID_VALUE);
  const Settings &settings = entry.state->settings;
  int most = static_cast<int>(function->kernel->maxThreads);
  if (limit > 0)
    most = std::min(most, limit);
  int bestThreads = 0, bestCtas = 0;
  for (int size = most; size > 0; size = (size - 1) / 32 * 32) {
    size_t shared = sharedOf ? sharedOf(size) : dynamicShared;
    int ctas = residentCtas(*settings.chip, *function->kernel, size, shared);
    if (ctas * size > bestCtas * bestThreads) {
      bestThreads = size;
      bestCtas = ctas;
    }
  }
  *threads = bestThreads;
  *leastGrid = bestCtas * static_cast<int>(settings.multiprocessors);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuOccupancyMaxPotentialBlockSize(int *leastGrid, int *threads,
                                                  CUfunction handle,
                                                  CUoccupancyB2DSize sharedOf,
                                                  size_t dynamicShared,
                                                  int limit) {
  return cuOccupancyMaxPotentialBlockSizeWithFlags(leastGrid, threads, handle,
                                                   sharedOf, dynamicShared,
                                                   limit, CU_OCCUPANCY_DEFAULT);
}

CUresult CUDAAPI cuOccupancyAvailableDynamicSMemPerBlock(size_t *bytes,
                                                         CUfunction handle,
                                                         int ctas,
                                                         int threads) {
  Entry entry = enterContext();
  auto function = findFunction(entry, handle);
  if (!function)
    return entry.status;
  const ChipLimits &chip = *entry.state->settings.chip;
  if (!bytes || ctas <= 0 || threads <= 0 ||
      residentCtas(chip, *function->kernel, threads, 0) < ctas)
    return reject(CUDA_ERROR_INVALID_VALUE);
  size_t each = std::min<size_t>(chip.sharedPerMultiprocessor / ctas - 1024,
                                 chip.sharedPerCtaOptIn);
  *bytes = each - std::min<size_t>(each, function->kernel->staticShared);
  return CUDA_SUCCESS;
}

/// The launch that a cluster question is about; its grid plays no part.
static CUresult takeConfig(Entry &entry, const CUlaunchConfig *config,
                           CUfunction handle, KernelWork &work) {
  work.function = findFunction(entry, handle);
  if (!work.function)
    return entry.status;
  if (!config || (config->numAttrs > 0 && !config->attrs))
    return reject(CUDA_ERROR_INVALID_VALUE);
  if (Dim3 required = requiredCluster(*work.function); required.x != 0) {
    work.config.cluster = required;
    work.config.explicitCluster = true;
  }
  for (unsigned i = 0; i < config->numAttrs; ++i)
    if (config->attrs[i].id == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION)
      takeAttribute(*entry.state, config->attrs[i], work);
  if (clusterMustBeSet(*work.function) && !work.config.explicitCluster)
    return refuse(CUDA_ERROR_INVALID_CLUSTER_SIZE,
                  "kernel " + work.function->kernel->name +
                      ": expected a cluster dimension among the launch "
                      "attributes");
  work.config.block = {config->blockDimX, config->blockDimY, config->blockDimZ};
  work.config.dynamicShared = config->sharedMemBytes;
  uint64_t threads = product(work.config.block);
  return threads >= 1 && threads <= 1024 ? CUDA_SUCCESS
                                         : reject(CUDA_ERROR_INVALID_VALUE);
}

CUresult CUDAAPI cuOccupancyMaxActiveClusters(int *clusters, CUfunction handle,
                                              const CUlaunchConfig *config) {
  Entry entry = enterContext();
  KernelWork work;
  if (CUresult status = takeConfig(entry, config, handle, work))
    return status;
  uint64_t size = product(work.config.cluster);
  unsigned most = mostClusterCtas(*entry.state->settings.chip, *work.function);
  if (!clusters)
    return reject(CUDA_ERROR_INVALID_VALUE);
  if (size < 1 || size > most)
    return refuse(CUDA_ERROR_INVALID_CLUSTER_SIZE,
                  "expected a cluster of 1 to " + std::to_string(most) +
                      " CTAs, got " + text(work.config.cluster));
  *clusters = static_cast<int>(residentClusters(
      entry.state->settings, *work.function->kernel,
      static_cast<unsigned>(size), static_cast<int>(product(work.config.block)),
      work.config.dynamicShared));
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuOccupancyMaxPotentialClusterSize(
    int *size, CUfunction handle, const CUlaunchConfig *config) {
  Entry entry = enterContext();
  KernelWork work;
  if (CUresult status = takeConfig(entry, config, handle, work))
    return status;
  if (!size)
    return reject(CUDA_ERROR_INVALID_VALUE);
  const Settings &settings = entry.state->settings;
  // Sizes are powers of two; the answer is 0 where not even one CTA fits.
  unsigned most =
      std::bit_floor(mostClusterCtas(*settings.chip, *work.function));
  while (most > 0 &&
         residentClusters(settings, *work.function->kernel, most,
                          static_cast<int>(product(work.config.block)),
                          work.config.dynamicShared) == 0)
    most /= 2;
  *size = static_cast<int>(most);
  return CUDA_SUCCESS;
}
