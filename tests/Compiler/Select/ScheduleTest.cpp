// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Schedules: text and limits.

#include "compiler/Select/Schedule.h"

#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::compiler;

namespace {

TEST(Schedule, RoundTrip) {
  Schedule s{"plain", {64, 256, 64}, {1, 8}};
  auto parsed = parseSchedule(print(s));
  ASSERT_TRUE(parsed) << parsed.message();
  EXPECT_EQ(*parsed, s);
  EXPECT_EQ(*parseSchedule("  warps=1x8   tile=64x256x64 "), s);
  EXPECT_EQ(*parseSchedule(""), Schedule());
  Schedule ring{"multistage", {64, 64, 64}, {2, 2}, 3};
  EXPECT_EQ(print(ring), "kind=multistage tile=64x64x64 warps=2x2 stages=3");
  EXPECT_EQ(*parseSchedule(print(ring)), ring);
  EXPECT_EQ(parseSchedule("kind=multistage")->stages, 2);
  const char *all = "kind=pingpong tile=128x128x128 warps=2x2 stages=3 "
                    "fill=tma store=tma swap=ab split=2 group=8 "
                    "scheduler=clc";
  EXPECT_EQ(print(*parseSchedule(all)), all);
  EXPECT_EQ(*parseSchedule("scheduler=static"), Schedule());
}

TEST(Schedule, ErrorsNameTheWord) {
  for (const char *text :
       {"tile=64x64", "tile=64x64x64x64", "tile=0x64x64", "tile=-1x64x64",
        "tile=99999x64x64", "warps=2", "kind=fast", "stages=x", "tile", "=",
        "fill=all", "store=", "swap=ba", "split=0", "group=-1",
        "scheduler=dynamic", "tile=64x64xa"}) {
    auto parsed = parseSchedule(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_NE(parsed.message().find("at '" + std::string(text) + "'"),
              std::string::npos)
        << parsed.message();
  }
}

TEST(Schedule, EachKeyOnce) {
  auto twice = parseSchedule("stages=2 kind=multistage stages=3");
  ASSERT_FALSE(twice);
  EXPECT_NE(twice.message().find("at 'stages=3' of the schedule: expected each "
                                 "key once"),
            std::string::npos)
      << twice.message();
  EXPECT_FALSE(parseSchedule("kind=plain kind=plain"));
}

TEST(Schedule, Limits) {
  const Chip &chip = **findChip("sm_120a");
  EXPECT_TRUE(validate(Schedule(), chip));
  for (const char *text :
       {"tile=100x128x128", "tile=128x100x128", "tile=128x128x100",
        "tile=512x512x64 warps=2x4", "tile=512x64x256 warps=8x4",
        "tile=1024x1024x64 warps=8x8", "stages=2", "kind=multistage stages=1",
        "kind=multistage stages=9 tile=16x16x64 warps=1x1", "split=65",
        "kind=multistage stages=3"}) // 66 KiB
    EXPECT_FALSE(validate(*parseSchedule(text), chip)) << text;
}

/// Whoever asks for tiles is a role of its own, on chips that answer; parts of
/// tiles begin all at once.
TEST(Schedule, LaunchControl) {
  auto refusal = [](const char *chip, const char *text) {
    return validate(*parseSchedule(text), **findChip(chip)).message();
  };
  const std::string roles = "kind=cooperative tile=64x64x64 warps=2x2 ",
                    tensor = "kind=tmem tile=128x128x128 warps=4x1 stages=2 "
                             "fill=tma ",
                    clc = "scheduler=clc";
  EXPECT_EQ(refusal("sm_120a", (roles + clc).c_str()), "");
  EXPECT_EQ(refusal("sm_100a", (tensor + clc).c_str()), "");
  auto expectRefusal = [&](const char *chip, const std::string &text,
                           const char *part) {
    std::string why = refusal(chip, text.c_str());
    EXPECT_NE(why.find(part), why.npos) << why;
  };
  expectRefusal("sm_90a", roles + clc, "sm_90a has no cluster launch control");
  expectRefusal("sm_120a", "kind=plain " + clc, "expected roles");
  expectRefusal("sm_120a", "kind=multistage tile=64x64x64 warps=2x2 " + clc,
                "expected roles");
  expectRefusal("sm_120a", roles + clc + " split=2", "expected no split");
}

/// What leaves by TMA lies in shared memory first, some rows of it if all would
/// take more than 32 KiB.
TEST(Schedule, StoresByTma) {
  const Chip &chip = **findChip("sm_120a");
  GemmProblem problem = *parseProblem("gemm n=40 k=96");
  Schedule s = *parseSchedule("kind=cooperative tile=128x128x64 warps=2x2");
  int64_t slots = sharedBytes(s);
  s.storesByTma = true;
  EXPECT_TRUE(validate(s, chip, problem));
  EXPECT_EQ(sharedBytes(s) - slots, 32 * 1024);
  EXPECT_EQ(outputBoxes(s, 2).rows, 64);
  EXPECT_EQ(outputBoxes(s, 2).bytes, 128);
  EXPECT_EQ(outputBoxes(s, 2).count, 1);
  EXPECT_EQ(outputBoxes(s, 4).rows, 32);
  EXPECT_EQ(outputBoxes(s, 4).bytes, 32);
  EXPECT_EQ(outputBoxes(s, 4).count, 8);
  s.kind = "pingpong"; // two groups, each with half of the rows
  EXPECT_EQ(sharedBytes(s) - slots, 32 * 1024);
  EXPECT_EQ(outputBoxes(s, 2).rows, 32);
  s.kind = "multistage";
  EXPECT_FALSE(validate(s, chip, problem));
  s.kind = "cooperative";
  for (const char *more : {" swap=ab", " split=2"})
    EXPECT_FALSE(validate(*parseSchedule(print(s) + more), chip, problem));
  problem.n = 44; // rows of 88 bytes, or of 176
  EXPECT_FALSE(validate(s, chip, problem));
  problem.d = OutputType::F32;
  EXPECT_TRUE(validate(s, chip, problem));
  problem.n = 42;
  EXPECT_FALSE(validate(s, chip, problem));
}

/// Of tensor memory a warp stages one box of its rows at a time, 32 bytes wide
/// or more.
TEST(Schedule, StoresByTmaFromTensorMemory) {
  const Chip &chip = **findChip("sm_100a");
  Schedule s = *parseSchedule("kind=tmem tile=128x96x128 warps=4x1 stages=3 "
                              "fill=tma");
  int64_t slots = sharedBytes(s);
  s.storesByTma = true;
  EXPECT_EQ(outputBoxes(s, 2).bytes, 64);
  EXPECT_EQ(outputBoxes(s, 2).count, 3);
  EXPECT_EQ(outputBoxes(s, 4).bytes, 128);
  EXPECT_EQ(sharedBytes(s) - slots, 2 * 4 * 32 * 64);
  GemmProblem problem = *parseProblem("gemm n=40 k=96");
  EXPECT_TRUE(validate(s, chip, problem));
  s.tile[1] = 24; // rows of 48 bytes, or of 96
  EXPECT_FALSE(validate(s, chip, problem));
  problem.d = OutputType::F32;
  EXPECT_TRUE(validate(s, chip, problem));
}

/// All parts of a tile have equally many K steps.
TEST(Schedule, ASplitDividesTheSteps) {
  const Chip &chip = **findChip("sm_120a");
  auto accepts = [&](const char *line, const char *schedule) {
    return bool(validate(*parseSchedule(schedule), chip, *parseProblem(line)));
  };
  EXPECT_TRUE(accepts("gemm n=8 k=512", "split=4"));
  EXPECT_TRUE(accepts("gemm n=8 k=400", "split=2")) << "the last step is short";
  EXPECT_FALSE(accepts("gemm n=8 k=512", "split=3"));
  EXPECT_FALSE(accepts("gemm n=8 k=512", "split=8")) << "more than steps";
}

TEST(Schedule, TensorMemory) {
  const Chip &tensor = **findChip("sm_100a"), &warps = **findChip("sm_120a");
  const Chip &family = **findChip("sm_100f"), &thor = **findChip("sm_110a");
  struct Case {
    const char *text;
    const Chip &chip;
    const char *expected; ///< part of the refusal; null: allowed
  };
  const Case cases[] = {
      {"kind=tmem tile=128x128x256 warps=4x1 stages=4 fill=tma", tensor,
       nullptr},
      {"kind=tmem tile=128x128x64 warps=4x1 stages=8 fill=tma", tensor,
       nullptr},
      {"kind=tmem tile=128x128x256 warps=4x1 stages=4 fill=tma", warps,
       "sm_120a has no tensor memory"},
      {"kind=cooperative tile=128x128x128 warps=2x4 stages=2", tensor,
       "sm_100a has no block-scaled mma.sync, which kind=cooperative needs: "
       "use kind=tmem"},
      {"kind=cooperative tile=128x128x128 warps=2x4 stages=2", family,
       "sm_100f has no block-scaled mma.sync, which kind=cooperative needs: "
       "use kind=tmem"},
      {"kind=tmem tile=128x128x256 warps=4x1 stages=4 fill=tma", family,
       nullptr},
      {"kind=tmem tile=128x128x256 warps=4x1 stages=4 fill=tma", thor, nullptr},
      {"kind=tmem tile=128x8x256 warps=4x1 stages=4 fill=tma", tensor, nullptr},
      {"kind=tmem tile=128x232x64 warps=4x1 stages=3 fill=tma", tensor,
       nullptr},
      {"kind=tmem tile=24x128x256 warps=1x4 stages=4 fill=tma swap=ab", tensor,
       nullptr},
      {"kind=tmem tile=64x128x256 warps=4x1 stages=4 fill=tma", tensor,
       "expected of kind=tmem tile=128xNxK and warps=4x1"},
      {"kind=tmem tile=128x12x256 warps=4x1 stages=4 fill=tma", tensor,
       "with N a multiple of 8 up to 256"},
      {"kind=tmem tile=128x128x256 warps=4x1 stages=4 fill=tma swap=ab", tensor,
       "or with swap=ab tile=Nx128xK and warps=1x4"},
      {"kind=tmem tile=128x256x256 warps=4x1 stages=6 fill=tma", tensor,
       "expected at most 512 columns of tensor memory, got 544"},
      {"kind=tmem tile=128x128x256 warps=4x1 stages=4", tensor,
       "expected fill=tma"},
      {"kind=tmem tile=128x128x256 warps=4x1 stages=4 fill=tma split=2", tensor,
       "expected fill=tma and no split"},
      {"kind=tmem tile=128x128x256 warps=4x1 stages=7 fill=tma", tensor,
       "bytes of shared memory"},
      {"kind=tmem tile=256x256x256 warps=4x1 stages=4 fill=tma ctas=2", tensor,
       nullptr},
      {"kind=tmem tile=256x16x256 warps=4x1 stages=4 fill=tma ctas=2", family,
       nullptr},
      {"kind=tmem tile=256x256x256 warps=4x1 stages=6 fill=tma ctas=2", tensor,
       "expected at most 512 columns of tensor memory, got 544"},
      {"kind=tmem tile=256x24x256 warps=4x1 stages=4 fill=tma ctas=2", tensor,
       "with N a multiple of 16"},
      {"kind=tmem tile=128x128x256 warps=4x1 stages=4 fill=tma ctas=2", tensor,
       "or with ctas=2 tile=256xNxK"},
      {"kind=tmem tile=128x256x256 warps=1x4 stages=4 fill=tma ctas=2 swap=ab",
       tensor, "expected no swap=ab where ctas=2"},
      {"kind=cooperative tile=128x128x128 warps=2x4 stages=2 ctas=2", warps,
       "expected kind=tmem where ctas=2"}};
  auto groups = [](const char *text) {
    return parseSchedule(text)->consumers();
  };
  EXPECT_EQ(groups("kind=tmem tile=128x160x256 warps=4x1 stages=4"), 2);
  EXPECT_EQ(groups("kind=tmem tile=128x256x256 warps=4x1 stages=4"), 1);
  EXPECT_EQ(groups("kind=tmem tile=256x256x256 warps=4x1 stages=4 ctas=2"), 1);
  EXPECT_EQ(groups("kind=tmem tile=256x224x128 warps=4x1 stages=2 ctas=2"), 2);
  for (const Case &c : cases) {
    auto schedule = parseSchedule(c.text);
    ASSERT_TRUE(schedule) << c.text;
    Status status = validate(*schedule, c.chip);
    EXPECT_EQ(static_cast<bool>(status), c.expected == nullptr)
        << c.text << ": " << status.message();
    if (c.expected)
      EXPECT_NE(status.message().find(c.expected), std::string::npos)
          << status.message();
  }
}

} // namespace
