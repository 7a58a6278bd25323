// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Look-ups in the generated table.

#include "dialects/Chips/Chips.h"
#include <string>

namespace nybl {

#define GET_ChipTable_IMPL
#include "dialects/Chips/Chips.inc"

std::span<const Chip> chips() { return ChipTable; }

Expected<const Chip *> findChip(std::string_view name) {
  std::string known;
  for (const Chip &chip : chips()) {
    if (name == chip.name)
      return &chip;
    known += (known.empty() ? "" : ", ") + std::string(chip.name);
  }
  return Status::invalid("unknown chip '" + std::string(name) +
                         "': expected one of " + known);
}

} // namespace nybl
