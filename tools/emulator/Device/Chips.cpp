// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sources: CUDA C++ Programming Guide, table of technical specifications per
// compute capability; NVIDIA product pages for multiprocessor counts: H100 SXM5
// 132, B200 148, Jetson Thor 20, RTX PRO 6000 188, GB10 48. For the B300 NVIDIA
// names 160 on the full pair of dies; 148 is what shipped boards are reported
// to enable, from third parties only (NYBL_EMU_SMS sets any other number).

#include "tools/emulator/Device/Chips.h"

#include <cstdlib>

using namespace nybl::emu;

static constexpr ChipLimits chipTable[] = {
    {"sm_90a", "H100", 9, 0, 132, 49152, 232448, 233472, 2048, 65536, 32, false,
     false},
    {"sm_100a", "B200", 10, 0, 148, 49152, 232448, 233472, 2048, 65536, 32,
     false, true},
    {"sm_103a", "B300", 10, 3, 148, 49152, 232448, 233472, 2048, 65536, 32,
     false, true},
    {"sm_110a", "Thor", 11, 0, 20, 49152, 232448, 233472, 2048, 65536, 32,
     false, true},
    {"sm_120a", "RTX PRO 6000", 12, 0, 188, 49152, 101376, 102400, 1536, 65536,
     24, true, true},
    {"sm_121a", "GB10", 12, 1, 48, 49152, 101376, 102400, 1536, 65536, 24, true,
     true},
};

const ChipLimits *nybl::emu::findChip(std::string_view name) {
  for (const ChipLimits &chip : chipTable)
    if (name == chip.name)
      return &chip;
  return nullptr;
}

std::string nybl::emu::chipNames() {
  std::string names;
  for (const ChipLimits &chip : chipTable)
    names += (names.empty() ? "" : ", ") + std::string(chip.name);
  return names;
}

bool nybl::emu::runsOn(std::string_view target, const ChipLimits &chip) {
  if (target.substr(0, 3) != "sm_" || target.size() < 5)
    return false;
  char last = target.back();
  bool suffixed = last == 'a' || last == 'f';
  int number = std::atoi(std::string(target.substr(3)).c_str());
  int own = chip.major * 10 + chip.minor;
  if (last == 'a')
    return target == chip.name;
  if (suffixed)
    return number / 10 == chip.major && number <= own;
  return number <= own;
}
