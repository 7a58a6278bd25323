// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The calls of nybl-emu.h about what launches counted.

#include "tools/emulator/include/nybl-emu.h"

#include "tools/emulator/Driver/State.h"

#include <algorithm>
#include <cstring>

using namespace nybl::emu;

static_assert(sizeof(nyblEmuCounts::warpInstructionsByWarp) ==
              sizeof(Counters::roles));

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
  all.bulkBytes = last.bulkBytes;
  all.tensorBytes = last.tensorBytes;
  all.sharedWavefronts = last.sharedWavefronts;
  all.idealWavefronts = last.idealWavefronts;
  all.sectorsLoaded = last.sectorsLoaded;
  all.sectorsStored = last.sectorsStored;
  all.bytesLoaded = last.bytesLoaded;
  all.bytesStored = last.bytesStored;
  all.mostBytesInFlight = last.mostBytesInFlight;
  std::copy(last.roles.begin(), last.roles.end(), all.warpInstructionsByWarp);
  all.asyncBytesLoaded = last.asyncBytesLoaded;
  std::memcpy(counts, &all, all.size);
  return CUDA_SUCCESS;
}

int nyblEmuSetCounting(int on) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (on & ~1)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "counting: expected 0 or 1, got " + std::to_string(on));
  entry.state->count = on != 0;
  return CUDA_SUCCESS;
}

size_t nyblEmuHotspotCount(void) {
  State *s = state();
  if (!s)
    return 0;
  std::lock_guard lock(s->mutex);
  return s->lastLines.size();
}

static CUresult lineAt(size_t index, CountedLine &line) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  std::lock_guard lock(entry.state->mutex);
  const std::vector<CountedLine> &lines = entry.state->lastLines;
  if (index >= lines.size())
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "hotspot: expected an index below " +
                      std::to_string(lines.size()) + ", got " +
                      std::to_string(index));
  line = lines[index];
  return CUDA_SUCCESS;
}

int nyblEmuHotspotRead(size_t index, nyblEmuHotspot *hotspot) {
  CountedLine line;
  if (CUresult status = lineAt(index, line))
    return status;
  if (!hotspot || hotspot->size < sizeof hotspot->size)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "hotspot: expected `size` to be sizeof(nyblEmuHotspot)");
  const LineCounts &c = line.counts;
  nyblEmuHotspot all = {std::min(hotspot->size, sizeof all),
                        line.line,
                        c.executions,
                        c.wavefronts,
                        c.idealWavefronts,
                        c.sectors,
                        c.bytes};
  std::memcpy(hotspot, &all, all.size);
  return CUDA_SUCCESS;
}

int nyblEmuHotspotText(size_t index, char *text, size_t size) {
  CountedLine line;
  if (CUresult status = lineAt(index, line))
    return status;
  if (!text || size == 0)
    return refuse(CUDA_ERROR_INVALID_VALUE, "hotspot: no room for the text");
  size_t kept = std::min(line.text.size(), size - 1);
  std::memcpy(text, line.text.data(), kept);
  text[kept] = 0;
  return CUDA_SUCCESS;
}
