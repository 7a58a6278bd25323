// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The emulator's global memory: ranges, guard gaps, shadow, names; the chips.

#include "tools/emulator/Device/Chips.h"
#include "tools/emulator/Memory/GlobalMemory.h"

#include <gtest/gtest.h>
#include <thread>

using namespace nybl::emu;

static constexpr uint64_t mebibyte = uint64_t(1) << 20;

static uint8_t shadowAt(GlobalMemory &memory, uint64_t address) {
  Allocation *a = memory.find(address, 1, nullptr);
  EXPECT_NE(a, nullptr);
  return a ? a->shadow[address - a->base] : 0xff;
}

TEST(GlobalMemory, AllocationsAreAlignedApartAndWithinTheCapacity) {
  GlobalMemory memory(mebibyte);
  auto a = memory.allocate(100), b = memory.allocate(1);
  ASSERT_TRUE(a && b);
  EXPECT_EQ(*a % 512, 0u);
  EXPECT_EQ(*b % 512, 0u);
  EXPECT_GT(*b - *a, mebibyte);
  EXPECT_EQ(memory.bytesInUse(), 101u);
  EXPECT_FALSE(memory.allocate(0));
  EXPECT_FALSE(memory.allocate(mebibyte));
  EXPECT_FALSE(memory.allocate(UINT64_MAX));
  EXPECT_TRUE(memory.release(*a));
  EXPECT_EQ(memory.bytesInUse(), 1u);
  EXPECT_TRUE(memory.allocate(mebibyte - 1));
}

TEST(GlobalMemory, FindTellsPastTheEndFromFreed) {
  GlobalMemory memory(mebibyte);
  uint64_t base = *memory.allocate(64);
  Report report;
  EXPECT_NE(memory.find(base + 60, 4, &report), nullptr);
  EXPECT_EQ(memory.find(base + 61, 4, &report), nullptr);
  EXPECT_EQ(report.kind, FindingKind::OutOfBounds);
  EXPECT_NE(report.message.find("offset 61 of a buffer of 64"),
            std::string::npos)
      << report.message;
  EXPECT_EQ(memory.find(base + 4, UINT64_MAX, &report), nullptr);
  EXPECT_EQ(memory.find(base - 1, 1, &report), nullptr);
  EXPECT_EQ(memory.find(0, 1, &report), nullptr);
  EXPECT_EQ(memory.find(UINT64_MAX, 1, &report), nullptr);
  EXPECT_TRUE(memory.release(base));
  EXPECT_EQ(memory.find(base, 4, &report), nullptr);
  EXPECT_EQ(report.kind, FindingKind::UseAfterFree);
  EXPECT_FALSE(memory.release(base));
  EXPECT_FALSE(memory.release(base + 8));
}

TEST(GlobalMemory, ShadowFollowsWhatIsWrittenFilledAndCopied) {
  GlobalMemory memory(mebibyte);
  uint64_t a = *memory.allocate(16), b = *memory.allocate(16);
  EXPECT_EQ(shadowAt(memory, a), 0);
  uint32_t value = 0x01020304;
  EXPECT_TRUE(memory.write(a, &value, 4));
  EXPECT_EQ(shadowAt(memory, a + 3), shadow::initialised);
  EXPECT_EQ(shadowAt(memory, a + 4), 0);
  EXPECT_TRUE(memory.setPoison(a + 2, 4, true));
  EXPECT_TRUE(memory.copy(b, a, 8));
  EXPECT_EQ(shadowAt(memory, b + 1), shadow::initialised);
  EXPECT_EQ(shadowAt(memory, b + 2), shadow::initialised | shadow::poison);
  EXPECT_EQ(shadowAt(memory, b + 4), shadow::poison);
  uint8_t zero = 0;
  EXPECT_TRUE(memory.fill(b, &zero, 1, 16));
  EXPECT_EQ(shadowAt(memory, b + 2), shadow::initialised);
  EXPECT_TRUE(memory.setPoison(a + 2, 4, false));
  EXPECT_EQ(shadowAt(memory, a + 2), shadow::initialised);
  uint32_t back = 0;
  EXPECT_TRUE(memory.read(&back, a, 4));
  EXPECT_EQ(back, value);
}

TEST(GlobalMemory, HostMemoryIsAdoptedUnderItsOwnAddress) {
  GlobalMemory memory(mebibyte);
  alignas(16) static uint32_t words[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  auto base = reinterpret_cast<uint64_t>(words);
  ASSERT_TRUE(memory.adopt(words, 16));
  EXPECT_FALSE(memory.adopt(words + 3, 8)); // overlaps a live range
  EXPECT_FALSE(memory.adopt(words, 0));
  EXPECT_EQ(memory.bytesInUse(), 0u);
  EXPECT_EQ(shadowAt(memory, base + 15), shadow::initialised);
  EXPECT_EQ(memory.find(base + 16, 1, nullptr), nullptr);
  uint32_t nine = 9;
  EXPECT_TRUE(memory.write(base + 4, &nine, 4));
  EXPECT_EQ(words[1], 9u);
  Allocation *first = memory.find(base, 1, nullptr);
  EXPECT_TRUE(memory.release(base));
  EXPECT_EQ(words[1], 9u); // not freed
  Report report;
  EXPECT_EQ(memory.find(base, 1, &report), nullptr);
  EXPECT_EQ(report.kind, FindingKind::UseAfterFree);
  // The same addresses again, and more of them.
  ASSERT_TRUE(memory.adopt(words + 2, 24));
  EXPECT_NE(memory.find(base + 8, 24, nullptr), nullptr);
  EXPECT_FALSE(first->live); // known as long as the memory lives
  EXPECT_TRUE(memory.release(base + 8));
  ASSERT_TRUE(memory.adopt(words, 32));
  EXPECT_NE(memory.find(base, 32, nullptr), nullptr);
}

TEST(GlobalMemory, RefusesRangesThatLeaveAnAllocation) {
  GlobalMemory memory(mebibyte);
  uint64_t a = *memory.allocate(16), b = *memory.allocate(8);
  uint8_t bytes[32] = {};
  EXPECT_FALSE(memory.write(a + 8, bytes, 9));
  EXPECT_FALSE(memory.read(bytes, a, 17));
  EXPECT_FALSE(memory.fill(a, bytes, 4, 5));
  EXPECT_FALSE(memory.fill(a, bytes, 4, UINT64_MAX / 4 + 2));
  EXPECT_FALSE(memory.copy(b, a, 9));
  EXPECT_FALSE(memory.setPoison(b, 9, true));
  EXPECT_TRUE(memory.write(a, nullptr, 0));
}

TEST(GlobalMemory, NamesElementsOfDeclaredOutputsUntilTheyAreFreed) {
  GlobalMemory memory(mebibyte);
  uint64_t base = *memory.allocate(4 * 64);
  EXPECT_EQ(memory.nameOf(base + 70), "byte 70 of a buffer of 256");
  memory.declareOutput(base, "d", 4, 20, 64, 2);
  EXPECT_EQ(memory.nameOf(base + 64 + 6), "d[1, 3]");
  EXPECT_EQ(memory.nameOf(base + 64 + 40), "byte 104 of a buffer of 256");
  EXPECT_TRUE(memory.release(base));
  EXPECT_EQ(memory.nameOf(base + 64 + 6), "byte 70 of a buffer of 256");
  EXPECT_EQ(memory.nameOf(1), "no buffer");
}

TEST(GlobalMemory, ThreadsAllocateAndFindAtOnce) {
  GlobalMemory memory(mebibyte);
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&memory, t] {
      for (int i = 0; i < 50; ++i) {
        auto base = memory.allocate(64);
        ASSERT_TRUE(base);
        uint8_t out = 0, in = static_cast<uint8_t>(t);
        EXPECT_TRUE(memory.write(*base + 5, &in, 1));
        EXPECT_TRUE(memory.read(&out, *base + 5, 1));
        EXPECT_EQ(out, in);
        EXPECT_TRUE(memory.release(*base));
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(memory.bytesInUse(), 0u);
}

TEST(Chips, TargetsRunWhereTheSuffixSays) {
  const ChipLimits &chip = *findChip("sm_120a");
  EXPECT_TRUE(runsOn("sm_120a", chip));
  EXPECT_TRUE(runsOn("sm_120f", chip));
  EXPECT_TRUE(runsOn("sm_120", chip));
  EXPECT_TRUE(runsOn("sm_90", chip));
  EXPECT_FALSE(runsOn("sm_90a", chip));
  EXPECT_FALSE(runsOn("sm_12x", chip));
  EXPECT_FALSE(runsOn("sm_90f", *findChip("sm_90a")));
  EXPECT_FALSE(runsOn("sm_100f", chip));
  EXPECT_FALSE(runsOn("sm_121", chip));
  EXPECT_FALSE(runsOn("sm_121f", chip));
  EXPECT_FALSE(runsOn("compute_120", chip));
  EXPECT_TRUE(runsOn("sm_120f", *findChip("sm_121a")));
  EXPECT_EQ(findChip("sm_120"), nullptr);
}

TEST(GlobalMemory, ReleasedBytesGoWhenTheirLastUserHasEnded) {
  GlobalMemory memory(mebibyte);
  std::vector<GlobalMemory::Use> uses(1);
  uses[0] = memory.use();
  uint64_t first = *memory.allocate(8), second = *memory.allocate(8);
  Allocation *a = memory.find(first, 8, nullptr);
  Allocation *b = memory.find(second, 8, nullptr);
  EXPECT_TRUE(memory.release(first));
  EXPECT_EQ(memory.find(first, 8, nullptr), nullptr); // dead at once
  EXPECT_NE(a->data, nullptr);
  uses.push_back(memory.use()); // cannot know of `first`
  EXPECT_TRUE(memory.release(second));
  uses[0].end();
  EXPECT_EQ(a->data, nullptr);
  EXPECT_NE(b->data, nullptr);
  uses[1].end();
  EXPECT_EQ(b->data, nullptr);
  // A long chain, ended at once.
  uses[0] = memory.use();
  for (int i = 0; i < 100000; ++i)
    memory.release(*memory.allocate(1));
  uses[0].end();
  EXPECT_EQ(memory.bytesInUse(), 0u);
}
