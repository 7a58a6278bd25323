// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The same problem on sm_120a, whose warps multiply in registers, and on
// sm_100a, which multiplies in tensor memory: the same bits under every
// schedule that does not split K. The emulated driver is one chip in a process,
// so each chip has one of its own, which writes what it computes to a file.

#include "runtime/Support/File.h"
#include "tests/EndToEnd/Gemm/ScheduleFixture.h"
#include "tools/sass/Child.h"
#include <cstdlib>
#include <filesystem>

using namespace nybl;

namespace {

constexpr const char *outputVariable = "NYBL_BOTH_CHIPS_OUTPUT";

const std::vector<std::string> schedulesOf(bool tensor) {
  if (tensor)
    return {"",
            "kind=tmem tile=128x128x64 warps=4x1 stages=3 fill=tma",
            "kind=tmem tile=128x128x128 warps=4x1 stages=2 fill=tma",
            "kind=tmem tile=128x128x256 warps=4x1 stages=2 fill=tma",
            "kind=tmem tile=128x256x128 warps=4x1 stages=5 fill=tma",
            "kind=tmem tile=128x64x128 warps=4x1 stages=3 fill=tma store=tma "
            "group=2",
            "kind=tmem tile=16x128x256 warps=1x4 stages=3 fill=tma swap=ab",
            "kind=tmem tile=256x64x128 warps=4x1 stages=3 fill=tma ctas=2"};
  return {"",
          "tile=32x32x64 warps=2x1",
          "tile=32x32x128 warps=2x2 swap=ab",
          "kind=multistage tile=64x64x64 warps=1x1 stages=3",
          "kind=multistage tile=32x16x64 warps=2x1 stages=2 swap=ab group=2",
          "kind=cooperative tile=32x32x64 warps=2x2 stages=3 fill=async",
          "kind=cooperative tile=64x32x128 warps=4x1 stages=2 fill=tma",
          "kind=cooperative tile=64x32x64 warps=4x1 stages=2 fill=tma "
          "store=tma",
          "kind=pingpong tile=32x64x64 warps=2x2 stages=3 fill=tma group=2"};
}

struct Case {
  GemmProblem problem;
  int64_t rows;
};

/// Tails of rows, columns and K steps, and none; each layout with each; each
/// output.
std::vector<Case> cases() {
  constexpr int64_t k[] = {32, 96, 160, 256, 288, 416};
  constexpr int64_t n[] = {8, 24, 72, 128, 136, 200};
  constexpr int64_t rows[] = {1, 17, 128, 129, 33, 200};
  std::vector<Case> list;
  for (int number = 0; number < 6; ++number) {
    GemmProblem p = road::problemOf(number, k[number]);
    p.n = n[number];
    list.push_back({p, rows[number]});
  }
  return list;
}

class BothChips : public road::ScheduleTest {};

/// In a process of its own: what each case comes to, one after the other.
TEST_F(BothChips, EachScheduleOfThisChip) {
  const char *path = std::getenv(outputVariable);
  if (!path)
    GTEST_SKIP() << "the other test starts it";
  setRaces(0); // other tests look for them
  bool tensor = std::getenv("NYBL_EMU_CHIP") == std::string("sm_100a");
  std::string all;
  uint64_t seed = 1;
  for (const Case &c : cases()) {
    auto a = oracle::randomMatrix(c.rows, c.problem.k, seed++);
    auto b = oracle::randomMatrix(c.problem.n, c.problem.k, seed++);
    std::vector<uint8_t> first;
    for (const std::string &schedule : schedulesOf(tensor)) {
      std::vector<uint8_t> d = run(c.problem, a, b, schedule);
      if (first.empty())
        first = d;
      EXPECT_TRUE(d == first)
          << print(c.problem) << ", M = " << c.rows << ", " << schedule;
    }
    all.append(first.begin(), first.end());
  }
  ASSERT_TRUE(writeFile(path, {all}));
}

std::string outputOf(const char *chip, const std::string &folder) {
  std::string path = folder + "/" + chip;
  ::setenv("NYBL_EMU_CHIP", chip, 1);
  ::setenv(outputVariable, path.c_str(), 1);
  sass::Outcome outcome = sass::runChild(
      "/proc/self/exe", {"--gtest_filter=*.EachScheduleOfThisChip"});
  EXPECT_EQ(outcome.code, 0) << chip << ": " << outcome.out << outcome.err;
  auto text = readFile(path);
  EXPECT_TRUE(text) << text.message();
  return text ? *text : "";
}

TEST(BothChipsTogether, GiveTheSameBits) {
  char folder[] = "/tmp/nybl-both-chips-XXXXXX";
  ASSERT_TRUE(::mkdtemp(folder));
  std::string registers = outputOf("sm_120a", folder);
  std::string tensor = outputOf("sm_100a", folder);
  std::filesystem::remove_all(folder);
  size_t bytes = 0;
  for (const Case &c : cases())
    bytes += c.rows * c.problem.n * byteWidth(c.problem.d);
  EXPECT_EQ(registers.size(), bytes);
  EXPECT_TRUE(registers == tensor);
}

} // namespace
