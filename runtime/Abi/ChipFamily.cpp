// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Source: CUDA C++ Programming Guide, "Family-Specific Features". A test
// compares it with the compiler's records and with the emulated driver.

#include "runtime/Abi/ChipFamily.h"
#include <utility>

std::string_view nybl::familyTargetOf(std::string_view chip) {
  constexpr std::pair<std::string_view, std::string_view> families[] = {
      {"sm_100a", "sm_100f"},
      {"sm_103a", "sm_100f"},
      {"sm_120a", "sm_120f"},
      {"sm_121a", "sm_120f"}};
  for (const auto &[member, family] : families)
    if (member == chip)
      return family;
  return {};
}
