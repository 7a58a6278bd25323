// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The calls of nybl-emu.h.

#include "tools/emulator/include/nybl-emu.h"

#include "tools/emulator/Driver/State.h"

#include <algorithm>
#include <cstring>

using namespace nybl::emu;

int nyblEmuVersion(void) { return NYBL_EMU_VERSION; }

const char *nyblEmuLastMessage(void) { return lastMessage().c_str(); }

static void synchronizeAll(State &s) {
  for (const std::shared_ptr<Context> &context : s.contexts.all())
    context->synchronize();
}

static int setPoison(uint64_t address, size_t bytes, bool on) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  synchronizeAll(*entry.state);
  std::unique_lock use(entry.state->memoryUse);
  if (entry.state->memory.setPoison(address, bytes, on))
    return CUDA_SUCCESS;
  return refuse(CUDA_ERROR_INVALID_VALUE,
                "poison: expected " + std::to_string(bytes) + " bytes at " +
                    hex(address) + " within one live allocation");
}

int nyblEmuMarkPoison(uint64_t address, size_t bytes) {
  return setPoison(address, bytes, true);
}

int nyblEmuClearPoison(uint64_t address, size_t bytes) {
  return setPoison(address, bytes, false);
}

int nyblEmuDeclareOutput(uint64_t address, const char *name, uint64_t rows,
                         uint64_t columns, uint64_t rowStrideBytes,
                         uint32_t elementBytes) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  bool sane = name && elementBytes > 0 &&
              columns <= UINT64_MAX / elementBytes &&
              rowStrideBytes >= columns * elementBytes;
  if (!sane || !entry.state->memory.find(address, 1, nullptr))
    return refuse(
        CUDA_ERROR_INVALID_VALUE,
        "output: expected a name, an address in a live allocation and "
        "a row stride of at least columns * elementBytes");
  entry.state->memory.declareOutput(address, name, rows, columns,
                                    rowStrideBytes, elementBytes);
  return CUDA_SUCCESS;
}

size_t nyblEmuReportCount(void) {
  State *s = state();
  return s ? s->findings.count() : 0;
}

int nyblEmuReportText(size_t index, char *text, size_t size) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  std::string line;
  if (!text || size == 0 || !entry.state->findings.text(index, line))
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "report: expected an index below " +
                      std::to_string(entry.state->findings.count()) +
                      " and room for the text, got index " +
                      std::to_string(index));
  size_t kept = std::min(line.size(), size - 1);
  std::memcpy(text, line.data(), kept);
  text[kept] = 0;
  return CUDA_SUCCESS;
}

int nyblEmuClearReports(void) {
  Entry entry = enterDriver();
  if (entry.status == CUDA_SUCCESS)
    entry.state->findings.clear();
  return entry.status;
}

int nyblEmuCounters(nyblEmuCounts *counts) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!counts || counts->size < sizeof counts->size)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "counters: expected `size` to be sizeof(nyblEmuCounts)");
  Counters last;
  {
    std::lock_guard lock(entry.state->mutex);
    last = entry.state->lastLaunch;
  }
  nyblEmuCounts all = {};
  all.size = std::min(counts->size, sizeof all);
  all.warpInstructions = last.warpInstructions;
  all.multiplies = last.multiplies;
  all.globalLoads = last.globalLoads;
  all.globalStores = last.globalStores;
  all.sharedLoads = last.sharedLoads;
  all.sharedStores = last.sharedStores;
  std::memcpy(counts, &all, all.size);
  return CUDA_SUCCESS;
}

int nyblEmuResetContext(void) {
  Entry entry = enterAnyContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  entry.context->synchronize();
  entry.context->clearError();
  return CUDA_SUCCESS;
}

int nyblEmuSetChecks(int uninitialised, int poison) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if ((uninitialised | poison) & ~1)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "checks: expected 0 or 1 for each, got " +
                      std::to_string(uninitialised) + " and " +
                      std::to_string(poison));
  entry.state->checks = uninitialised != 0;
  entry.state->poison = poison != 0;
  return CUDA_SUCCESS;
}
