// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The chip table against its rules, and against the emulator's own table, which
// was made apart from it.

#include "dialects/Chips/Chips.h"
#include "tools/emulator/Device/Chips.h"

#include <gtest/gtest.h>
#include <set>

using namespace nybl;

namespace {

TEST(Chips, NamesSayWhatTheChipIs) {
  std::set<std::string> names;
  for (const Chip &chip : chips()) {
    EXPECT_TRUE(names.insert(chip.name).second);
    EXPECT_EQ(std::string(chip.name),
              "sm_" + std::to_string(chip.major * 10 + chip.minor) +
                  chip.suffix);
    EXPECT_LE(chip.sharedPerCta, chip.sharedPerMultiprocessor);
    EXPECT_FALSE(chip.blockScaledMma && chip.tcgen05) << chip.name;
    EXPECT_FALSE(chip.wgmma && chip.tcgen05) << chip.name;
  }
  for (const char *name : {"sm_90a", "sm_100a", "sm_100f", "sm_103a", "sm_110a",
                           "sm_120a", "sm_120f", "sm_121a"})
    EXPECT_TRUE(findChip(name)) << name;
}

TEST(Chips, UnknownOnesAreRefusedWithTheList) {
  auto chip = findChip("sm_120");
  ASSERT_FALSE(chip);
  EXPECT_EQ(chip.message().substr(0, 40),
            "unknown chip 'sm_120': expected one of s");
}

TEST(Chips, TheEmulatorAgrees) {
  unsigned compared = 0;
  for (const Chip &chip : chips()) {
    const emu::ChipLimits *other = emu::findChip(chip.name);
    if (!other)
      continue; // family targets are no chips
    ++compared;
    EXPECT_EQ(chip.major, other->major) << chip.name;
    EXPECT_EQ(chip.minor, other->minor) << chip.name;
    EXPECT_EQ(chip.multiprocessors, other->multiprocessors) << chip.name;
    EXPECT_EQ(chip.sharedPerCta, other->sharedPerCtaOptIn) << chip.name;
    EXPECT_EQ(chip.staticSharedPerCta, other->sharedPerCta) << chip.name;
    EXPECT_EQ(chip.sharedPerMultiprocessor, other->sharedPerMultiprocessor);
    EXPECT_EQ(chip.threadsPerMultiprocessor, other->threadsPerMultiprocessor);
    EXPECT_EQ(chip.registersPerMultiprocessor,
              other->registersPerMultiprocessor);
    EXPECT_EQ(chip.blockScaledMma, other->blockScaledMma) << chip.name;
    EXPECT_EQ(chip.cvtE2m1, other->narrowCvt) << chip.name;
  }
  EXPECT_EQ(compared, 6u);
}

} // namespace
