// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The chip table against its rules, and against the emulator's own table, which
// was made apart from it.

#include "dialects/Chips/Chips.h"
#include "runtime/Abi/ChipFamily.h"
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
    // What Cta's verifier holds kernels to (dialects/Cta/CtaTensor.h).
    EXPECT_EQ(chip.tensorColumns, chip.tcgen05 ? columnsOfTensorMemory : 0)
        << chip.name;
    // PTX ISA, tcgen05.mma: .scale_vec is for one chip's targets alone.
    bool isFamily = chip.suffix == std::string("f");
    EXPECT_EQ(std::string(chip.scaleVector), !chip.tcgen05 ? ""
                                             : isFamily    ? "block16"
                                                           : "scale_vec::4X")
        << chip.name;
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

TEST(Chips, FamiliesAreTheSameForRuntimeCompilerAndEmulator) {
  for (const Chip &chip : chips()) {
    if (chip.suffix != std::string("a"))
      continue;
    std::string family = chip.family + std::string("f");
    bool isMade = static_cast<bool>(findChip(family));
    EXPECT_EQ(familyTargetOf(chip.name), isMade ? family : "") << chip.name;
    EXPECT_TRUE(!isMade || emu::runsOn(family, *emu::findChip(chip.name)))
        << chip.name;
    for (const char *other : {"sm_100f", "sm_120f"})
      EXPECT_EQ(emu::runsOn(other, *emu::findChip(chip.name)), family == other)
          << other << " on " << chip.name;
  }
  EXPECT_EQ(familyTargetOf("sm_101a"), "");
}

TEST(Cards, RunTheirChipsAndTheirFamily) {
  std::set<std::string> names;
  for (const Card &card : cards()) {
    EXPECT_TRUE(names.insert(card.name).second);
    const Chip &chip = **findChip(card.chip);
    EXPECT_TRUE(card.carries(chip));
    for (const char *family : {"sm_120", "sm_100"})
      EXPECT_EQ(card.carries(**findChip(family + std::string("f"))),
                chip.family == std::string(family))
          << card.name;
    EXPECT_GT(chip.fp4MacsPerCycle, 0u);
    EXPECT_GT(chip.sharedBytesPerCycle, 0u);
    EXPECT_GT(card.clockMHz * card.l2BytesPerCycle * card.memoryMBPerSecond, 0u)
        << card.name;
  }
}

/// The rates give back the peaks that makers name, in TFLOP/s.
TEST(Cards, PeaksAreThePublishedOnes) {
  const std::pair<const char *, double> published[] = {{"rtx-pro-6000", 2000},
                                                       {"rtx-5090", 1676},
                                                       {"gb10", 500},
                                                       {"b200", 9000},
                                                       {"b300", 14000}};
  for (auto [name, peak] : published)
    for (const Card &card : cards())
      if (card.name == std::string(name)) {
        EXPECT_NEAR(2e-6 * (*findChip(card.chip))->fp4MacsPerCycle *
                        card.multiprocessors * card.clockMHz,
                    peak, peak * 0.005);
      }
}

TEST(Cards, TheDefaultIsTheReferenceProduct) {
  for (auto [chip, card] :
       {std::pair("sm_120a", "rtx-pro-6000"),
        std::pair("sm_120f", "rtx-pro-6000"), std::pair("sm_121a", "gb10"),
        std::pair("sm_100a", "b200"), std::pair("sm_103a", "b300")}) {
    auto found = findCard("", **findChip(chip));
    ASSERT_TRUE(found) << found.message();
    EXPECT_EQ(std::string((*found)->name), card);
  }
  auto wrong = findCard("gb10", **findChip("sm_120a"));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.status().code(), ErrorCode::Invalid);
  EXPECT_NE(wrong.message().find("rtx-5090"), std::string::npos);
  EXPECT_EQ(findCard("", **findChip("sm_110a")).status().code(),
            ErrorCode::Refused);
}

} // namespace
