// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How counts are summed up, on calls that answer as they are told.

#include "tests/Foreign/Counts.h"
#include <cstdio>
#include <gtest/gtest.h>

using namespace nybl::foreign;

namespace {

struct Line {
  const char *text;
  uint64_t wavefronts, ideal;
};
constexpr Line lines[] = {{"@%p1 ldmatrix.sync.aligned.m8n8.x4", 12, 4},
                          {"ld.shared.v4.b32", 9, 8},
                          {"st.shared.b32", 100, 1},
                          {"ldmatrix.sync.aligned.m8n8.x2", 3, 3}};

int counters(nyblEmuCounts *counts) {
  counts->multiplies = 7;
  counts->warpInstructions = 70;
  counts->sharedWavefronts = 124;
  counts->idealWavefronts = 16;
  counts->sectorsLoaded = 2;
  counts->sectorsStored = 1000;
  counts->bulkBytes = 5000;
  counts->asyncBytesLoaded = 16;
  return 0;
}
size_t count() { return std::size(lines); }
size_t none() { return 0; }
int read(size_t index, nyblEmuHotspot *line) {
  line->wavefronts = lines[index].wavefronts;
  line->idealWavefronts = lines[index].ideal;
  return 0;
}
int textOf(size_t index, char *text, size_t size) {
  std::snprintf(text, size, "%s", lines[index].text);
  return 0;
}

TEST(ForeignCounts, AreSummedUp) {
  nlohmann::json counts = countsOfLastLaunch({counters, count, read, textOf});
  EXPECT_EQ(counts["multiplies"], 7);
  EXPECT_EQ(counts["warp_instructions"], 70);
  EXPECT_EQ(counts["wavefronts"], 124);
  EXPECT_EQ(counts["ldmatrix_conflicts"], 8);
  EXPECT_EQ(counts["load_conflicts"], 1);
  EXPECT_EQ(counts["other_conflicts"], 99);
  EXPECT_EQ(counts["l2_bytes_read"], 2 * 32 + 16);
}

TEST(ForeignCounts, NoneWhereNothingWasCounted) {
  EXPECT_TRUE(countsOfLastLaunch({counters, none, read, textOf}).is_null());
}

} // namespace
