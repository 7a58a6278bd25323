// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sources: CUDA C++ Programming Guide, table of technical specifications per
// compute capability; NVIDIA product pages for multiprocessor counts: H100 SXM5
// 132, B200 148, Jetson Thor 20, RTX PRO 6000 188, GB10 48. For the B300 NVIDIA
// names 160 on the full pair of dies; 148 is what shipped boards are reported
// to enable, from third parties only (NYBL_EMU_SMS sets any other number). L2
// and bus width: white papers of the H100 (50 MB, 5120 bits) and of RTX
// Blackwell PRO (128 MB, 512 bits), product pages of B200 and B300 (8192 bits).

#include "tools/emulator/Device/Chips.h"

#include <cstdlib>

using namespace nybl::emu;

static constexpr ChipLimits chipTable[] = {
    {"sm_90a", "H100", 9, 0, 132, 49152, 232448, 233472, 2048, 65536, 32, false,
     false, 50u << 20, 5120},
    {"sm_100a", "B200", 10, 0, 148, 49152, 232448, 233472, 2048, 65536, 32,
     false, true, 0, 8192},
    {"sm_103a", "B300", 10, 3, 148, 49152, 232448, 233472, 2048, 65536, 32,
     false, true, 0, 8192},
    {"sm_110a", "Thor", 11, 0, 20, 49152, 232448, 233472, 2048, 65536, 32,
     false, true, 0, 0},
    {"sm_120a", "RTX PRO 6000", 12, 0, 188, 49152, 101376, 102400, 1536, 65536,
     24, true, true, 128u << 20, 512},
    {"sm_121a", "GB10", 12, 1, 48, 49152, 101376, 102400, 1536, 65536, 24, true,
     true, 0, 0},
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

bool nybl::emu::parseTarget(std::string_view name, PtxTarget &target) {
  if (name.substr(0, 3) != "sm_" || name.size() < 5 || name.size() > 8)
    return false;
  target.name = name;
  target.exact = name.back() == 'a';
  target.family = target.exact || name.back() == 'f';
  std::string_view digits = name.substr(3, name.size() - 3 - target.family);
  if (digits.size() < 2 ||
      digits.find_first_not_of("0123456789") != digits.npos)
    return false;
  int number = std::atoi(std::string(digits).c_str());
  if (target.family && !target.exact && number < 100)
    return false;
  target.major = number / 10;
  target.minor = number % 10;
  return true;
}

unsigned nybl::emu::firstVersionOf(const PtxTarget &target) {
  switch (target.major * 10 + target.minor) {
  case 90:
    return target.exact ? 80 : 78;
  case 100:
    return target.exact || !target.family ? 86 : 88;
  case 120:
    return target.exact || !target.family ? 87 : 88;
  case 103:
  case 121:
    return 88;
  case 110:
    return 90;
  default: // of older chips the parser takes all versions
    return 60;
  }
}

bool nybl::emu::runsOn(std::string_view name, const ChipLimits &chip) {
  PtxTarget target;
  if (!parseTarget(name, target))
    return false;
  if (target.exact)
    return name == chip.name;
  if (target.family)
    return target.major == chip.major && target.minor <= chip.minor;
  return target.major * 10 + target.minor <= chip.major * 10 + chip.minor;
}
