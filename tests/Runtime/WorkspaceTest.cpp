// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The caller's workspace: what a manifest must say of it, how large it is for M
// rows, and every refusal with its sentence.

#include "runtime/Launch/Recipe.h"
#include "tests/Runtime/Arguments.h"
#include "tests/Runtime/Manifests.h"
#include <functional>
#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::launch;

namespace {

GemmProblem problem() { return *parseProblem("gemm m=0..200 n=24 k=64"); }

/// Tiles of 64 x 32: one for N = 24. Each has 8320 bytes.
Manifest splitManifest() {
  Manifest m = tests::plainManifest(problem());
  m.split = 3;
  m.parameters.push_back({"workspace", "pointer"});
  m.preconditions.push_back({"alignment", "workspace", 128});
  m.preconditions.push_back({"tile_bytes", "workspace", 8320});
  m.preconditions.push_back({"no_overlap", "workspace", 0});
  return m;
}

nybl_gemm_args splitArguments(int64_t m) {
  nybl_gemm_args args = tests::argumentsFor(problem(), m);
  args.workspace = 0x90000000;
  args.workspace_bytes = 2 * 8320;
  return args;
}

TEST(Workspace, GrowsWithTheTiles) {
  auto recipe = Recipe::make(splitManifest(), problem());
  ASSERT_TRUE(recipe) << recipe.message();
  EXPECT_EQ(*recipe->workspaceBytes(0), 0u);
  EXPECT_EQ(*recipe->workspaceBytes(64), 8320u);
  EXPECT_EQ(*recipe->workspaceBytes(65), 16640u);
  EXPECT_FALSE(recipe->workspaceBytes(201));
  EXPECT_EQ(recipe->tiles(65), 2);
  EXPECT_EQ(recipe->tasks(65), 6);
  EXPECT_GT(recipe->tasks(INT64_MAX), 0) << "must not wrap";
  EXPECT_TRUE(recipe->check(splitArguments(65)));
  EXPECT_TRUE(recipe->check(tests::argumentsFor(problem(), 0)))
      << "nothing is launched";
}

struct Row {
  const char *name;
  std::function<void(nybl_gemm_args &)> spoil;
  const char *sentence;
};
std::ostream &operator<<(std::ostream &os, const Row &row) {
  return os << row.name;
}

class Refused : public testing::TestWithParam<Row> {};

TEST_P(Refused, IsOneSentence) {
  auto recipe = Recipe::make(splitManifest(), problem());
  nybl_gemm_args args = splitArguments(65);
  GetParam().spoil(args);
  Status status = recipe->check(args);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.code(), ErrorCode::Refused);
  EXPECT_NE(status.message().find(GetParam().sentence), std::string::npos)
      << status.message();
}

using Args = nybl_gemm_args;
const Row rows[] = {
    {"missing", [](Args &x) { x.workspace = 0, x.workspace_bytes = 0; },
     "workspace: expected at least 16640 bytes, all zero, for the 2 tiles of "
     "this launch (nybl_plan_workspace), got 0 at 0x0"},
    {"null", [](Args &x) { x.workspace = 0; }, "got 16640 at 0x0"},
    {"small", [](Args &x) { --x.workspace_bytes; }, "got 16639 at 0x90000000"},
    {"wraps", [](Args &x) { x.workspace = UINT64_MAX - 127; },
     "workspace: expected at least"},
    {"misaligned", [](Args &x) { x.workspace += 64; },
     "workspace: expected a multiple of 128 bytes, got 0x90000040"},
    {"meets_a", [](Args &x) { x.a.pointer = x.workspace + 2296; },
     "workspace: expected memory of its own, but its 16640 bytes at 0x90000000 "
     "meet the"},
    {"meets_sfa", [](Args &x) { x.a_scales.pointer = x.workspace; },
     "bytes of a_scales at 0x90000000"},
    {"meets_b", [](Args &x) { x.b.pointer = x.workspace; }, "bytes of b at"},
    {"meets_sfb", [](Args &x) { x.b_scales.pointer = x.workspace; },
     "bytes of b_scales at"},
    {"meets_d", [](Args &x) { x.d.pointer = x.workspace + 1024; },
     "bytes of d at"},
    {"meets_alpha",
     [](Args &x) {
       x.alpha.kind = NYBL_SCALAR_DEVICE;
       x.alpha.pointer = x.workspace + 4;
     },
     "4 bytes of alpha at 0x90000004"}};

INSTANTIATE_TEST_SUITE_P(Workspace, Refused, testing::ValuesIn(rows),
                         [](const auto &info) { return info.param.name; });

/// An engine may pass one workspace to all its launches.
TEST(Workspace, OneThatNobodyNeedsIsLeftAlone) {
  auto recipe = Recipe::make(tests::plainManifest(problem()), problem());
  ASSERT_TRUE(recipe) << recipe.message();
  nybl_gemm_args args = splitArguments(65);
  EXPECT_TRUE(recipe->check(args));
  args.workspace += 4; // no kernel looks at it
  EXPECT_TRUE(recipe->check(args));
  args.workspace = args.d.pointer;
  EXPECT_TRUE(recipe->check(args));
  args.workspace_bytes = 0;
  EXPECT_TRUE(recipe->check(args));
  for (auto [pointer, bytes] :
       {std::pair<uint64_t, uint64_t>{0, 128}, {UINT64_MAX - 127, 256}}) {
    args.workspace = pointer;
    args.workspace_bytes = bytes;
    Status status = recipe->check(args);
    EXPECT_EQ(status.code(), ErrorCode::Refused);
    EXPECT_NE(status.message().find("workspace: expected none (0 and 0 bytes), "
                                    "or a device address with"),
              std::string::npos)
        << status.message();
  }
}

/// A kernel that touches memory which nobody promised is no kernel to launch.
TEST(Workspace, ManifestsThatLackAPromise) {
  auto messageOf = [](auto spoil) {
    Manifest manifest = splitManifest();
    spoil(manifest);
    auto recipe = Recipe::make(manifest, problem());
    EXPECT_FALSE(recipe);
    EXPECT_EQ(recipe.status().code(), ErrorCode::Invalid);
    return recipe.message();
  };
  auto without = [&](std::string check) {
    return messageOf([&](Manifest &m) {
      std::erase_if(m.preconditions, [&](const Precondition &p) {
        return p.operand == "workspace" && p.check == check;
      });
    });
  };
  auto holds = [](const std::string &message, const char *part) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  holds(without("tile_bytes"), "expected a precondition 'tile_bytes'");
  holds(messageOf([](Manifest &m) {
          for (Precondition &p : m.preconditions)
            if (p.check == "tile_bytes")
              p.value = 64 * 32 * 4;
        }),
        "room for the sums of a tile and a counter");
  holds(without("alignment"), "expected a precondition 'alignment'");
  holds(without("no_overlap"), "expected a precondition 'no_overlap'");
  holds(messageOf([](Manifest &m) {
          for (Precondition &p : m.preconditions)
            if (p.operand == "workspace" && p.check == "alignment")
              p.value = 8;
        }),
        "expected a precondition 'alignment', a multiple of 16");
  holds(messageOf([](Manifest &m) { m.split = 1; }), "got 1 parts and one");
  holds(messageOf([](Manifest &m) { m.parameters.pop_back(); }),
        "got 3 parts and none");
  holds(messageOf([](Manifest &m) {
          m.preconditions.push_back({"rows_fit", "workspace", 8});
        }),
        "precondition 'rows_fit' of operand 'workspace'");
  holds(messageOf([](Manifest &m) {
          m.preconditions.push_back({"tile_bytes", "a", 8});
        }),
        "precondition 'tile_bytes' of operand 'a'");
}

} // namespace
