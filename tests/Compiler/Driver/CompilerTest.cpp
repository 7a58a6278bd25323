// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// compile(): each stage, each chip that has the multiply, and what it refuses.

#include "compiler/Driver/Compiler.h"
#include "runtime/Abi/Manifest.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace nybl;
using namespace nybl::compiler;

namespace {

Expected<Artefact> make(const char *problem, const char *chip,
                        CompileOptions options = {}) {
  if (options.emit == "cubin")
    options.emit = "ptx";
  options.verifyEach = true;
  return compile(problem, chip, options);
}

TEST(Compiler, EveryStageHasItsText) {
  const std::pair<const char *, const char *> table[] = {
      {"blockscale", "block_scale.gemm"},
      {"tile", "tile.kernel @gemm"},
      {"cta", "cta.kernel @gemm"},
      {"llvm", "define ptx_kernel void @gemm"},
      {"ptx", ".target sm_120a"}};
  for (auto [stage, text] : table) {
    CompileOptions options;
    options.emit = stage;
    auto artefact = make("gemm n=24 k=48", "sm_120a", options);
    ASSERT_TRUE(artefact) << artefact.message();
    EXPECT_NE(artefact->text.find(text), std::string::npos) << stage;
  }
}

TEST(Compiler, SiblingChipsCarryTheirSuffix) {
  for (const char *chip : {"sm_120a", "sm_120f", "sm_121a"}) {
    auto artefact = make("gemm n=24 k=48", chip);
    ASSERT_TRUE(artefact) << artefact.message();
    EXPECT_NE(artefact->ptx.find(std::string(".target ") + chip),
              std::string::npos);
    auto manifest = parseManifest(artefact->manifest);
    ASSERT_TRUE(manifest) << manifest.message();
    EXPECT_EQ(manifest->chip, chip);
  }
}

TEST(Compiler, TheManifestSaysWhatWasProven) {
  auto artefact = make("gemm n=24 k=48 sfb=8x4 d=f32", "sm_120a");
  ASSERT_TRUE(artefact) << artefact.message();
  auto manifest = parseManifest(artefact->manifest);
  ASSERT_TRUE(manifest) << manifest.message();
  EXPECT_EQ(manifest->certificate.unproven(), "L2, L3, L4, L5, L7");
  EXPECT_EQ(manifest->certificate.rowsMax, 1 << 24);
  EXPECT_EQ(manifest->parameters.size(), 12u);
  EXPECT_EQ(manifest->key.size(), 64u);
  bool rowsMax = false;
  for (const Precondition &p : manifest->preconditions)
    rowsMax |= p.check == "rows_max" && p.value == 1 << 24;
  EXPECT_TRUE(rowsMax);
}

/// What decides the bytes decides the key.
TEST(Compiler, KeysDiffer) {
  auto key = [](const char *problem, const char *chip, const char *schedule) {
    CompileOptions options;
    options.schedule = schedule;
    return parseManifest(make(problem, chip, options)->manifest)->key;
  };
  std::string base = key("gemm n=24 k=48", "sm_120a", "");
  EXPECT_EQ(base, key("gemm k=48 n=24 m=5", "sm_120a", ""));
  EXPECT_NE(base, key("gemm n=24 k=64", "sm_120a", ""));
  EXPECT_NE(base, key("gemm n=24 k=48", "sm_121a", ""));
  EXPECT_NE(base, key("gemm n=24 k=48", "sm_120a", "tile=64x64x64 warps=2x2"));
}

struct Refusal {
  const char *problem, *chip, *schedule, *templateText;
  ErrorCode code;
  const char *part;
};

TEST(Compiler, Refusals) {
  const Refusal table[] = {
      {"gemm n=24", "sm_120a", "", "", ErrorCode::Invalid, "expected k=NUMBER"},
      {"gemm n=24 k=48", "sm_999", "", "", ErrorCode::Invalid,
       "unknown chip 'sm_999'"},
      {"gemm n=24 k=48", "sm_90a", "", "", ErrorCode::Refused,
       "sm_90a has no block-scaled mma.sync"},
      {"gemm n=24 k=48", "sm_120a", "tile=1x1x1", "", ErrorCode::Invalid,
       "tile m must be a multiple"},
      {"gemm n=24 k=48", "sm_120a", "", "module {", ErrorCode::Invalid,
       "template:"},
      {"gemm n=24 k=48", "sm_120a", "", "module {}", ErrorCode::Invalid,
       "expected a template with one tile.kernel, got 0"},
      {"gemm n=24 k=48", "sm_120a", "",
       "tile.kernel @k<dims(M, N, K), params(BM, BN, BK, stages)>() { "
       "tile.require BK mod 100 == 0, \"mine\" }",
       ErrorCode::Invalid, "expected 6 arguments for this problem, got 0"},
  };
  for (const Refusal &r : table) {
    CompileOptions options;
    options.schedule = r.schedule;
    options.templateText = r.templateText;
    auto artefact = make(r.problem, r.chip, options);
    ASSERT_FALSE(artefact) << r.part;
    EXPECT_EQ(artefact.status().code(), r.code) << artefact.message();
    EXPECT_NE(artefact.message().find(r.part), std::string::npos)
        << artefact.message();
  }
  CompileOptions options;
  options.emit = "sass";
  EXPECT_FALSE(compile("gemm n=24 k=48", "sm_120a", options));
  options.emit = "cubin";
  options.ptxas = "/nowhere/ptxas";
  auto artefact = compile("gemm n=24 k=48", "sm_120a", options);
  ASSERT_FALSE(artefact);
  EXPECT_EQ(artefact.status().code(), ErrorCode::Environment);
  EXPECT_NE(artefact.message().find("/nowhere/ptxas"), std::string::npos);
}

TEST(Compiler, DumpsAreNumbered) {
  auto folder = std::filesystem::temp_directory_path() /
                ("nybl-dumps-" + std::to_string(::getpid()));
  CompileOptions options;
  options.dumpDir = folder;
  ASSERT_TRUE(make("gemm n=24 k=48", "sm_120a", options));
  std::vector<std::string> names;
  for (auto &entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{
                       "00-blockscale.mlir", "01-tile.mlir", "02-cta.mlir",
                       "03-prove.mlir", "04-lower.mlir", "05-kernel.ptx",
                       "06-manifest.json"}));
  std::filesystem::remove_all(folder);
}

} // namespace
