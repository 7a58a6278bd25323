// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Look-ups in the generated table.

#include "dialects/Chips/Chips.h"
#include <string>

namespace nybl {

#define GET_ChipTable_IMPL
#define GET_CardTable_IMPL
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

std::span<const Card> cards() { return CardTable; }

bool Card::carries(const Chip &other) const {
  Expected<const Chip *> own = findChip(chip);
  if (!own || chip == std::string_view(other.name))
    return static_cast<bool>(own);
  return other.suffix == std::string_view("f") &&
         (*own)->family == std::string_view(other.family) &&
         (*own)->minor >= other.minor;
}

Expected<const Card *> findCard(std::string_view name, const Chip &chip) {
  std::string known;
  for (const Card &card : cards()) {
    if (!card.carries(chip))
      continue;
    if (name.empty() ? card.multiprocessors == chip.multiprocessors
                     : name == card.name)
      return &card;
    known += (known.empty() ? "" : ", ") + std::string(card.name);
  }
  if (known.empty())
    return Status::refused("no card with " + std::string(chip.name) +
                           " is known here, so nothing can be estimated");
  return Status::invalid("unknown card '" + std::string(name) + "' with " +
                         chip.name + ": expected one of " + known);
}

} // namespace nybl
