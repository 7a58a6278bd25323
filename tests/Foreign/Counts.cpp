// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sums over the instructions of a launch.

#include "tests/Foreign/Counts.h"
#include <cstring>

using nybl::foreign::CountCalls;
using Json = nlohmann::json;

Json nybl::foreign::countsOfLastLaunch(const CountCalls &calls) {
  nyblEmuCounts counts = {};
  counts.size = sizeof counts;
  if (calls.counters(&counts) != 0 || calls.hotspots() == 0)
    return nullptr;
  uint64_t ofMatrices = 0, ofLoads = 0;
  for (size_t i = 0; i < calls.hotspots(); ++i) {
    nyblEmuHotspot line = {};
    line.size = sizeof line;
    char text[256];
    if (calls.hotspot(i, &line) != 0 || calls.text(i, text, sizeof text) != 0)
      return nullptr;
    uint64_t conflicts = line.wavefronts - line.idealWavefronts;
    if (std::strstr(text, "ldmatrix"))
      ofMatrices += conflicts;
    else if (std::strstr(text, "ld.shared"))
      ofLoads += conflicts;
  }
  return {
      {"multiplies", counts.multiplies},
      {"warp_instructions", counts.warpInstructions},
      {"wavefronts", counts.sharedWavefronts},
      {"ldmatrix_conflicts", ofMatrices},
      {"load_conflicts", ofLoads},
      {"other_conflicts",
       counts.sharedWavefronts - counts.idealWavefronts - ofMatrices - ofLoads},
      {"l2_bytes_read", 32 * counts.sectorsLoaded + counts.asyncBytesLoaded}};
}
