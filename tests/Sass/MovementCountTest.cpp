// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl explain says how many instructions a quantisation issues for a tile: the
// machine code has about as many, whichever ptxas made it.

#include "tests/Sass/TestTool.h"
#include "tests/Tools/Command.h"
#include "tools/sass/Code.h"
#include "tools/sass/NvDisasm.h"
#include <cmath>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace nybl;
using namespace nybl::tests;
using Json = nlohmann::json;

namespace {

constexpr const char *lines[] = {
    "quantize k=7168",
    "quantize k=7168 x=f32",
    "quantize k=7168 math=fast",
    "quantize k=7168 x=f32 math=fast",
    "quantize k=7168 fuse=silu_mul",
    "quantize k=7168 x=f32 fuse=silu_mul",
    "quantize k=7168 fuse=silu_mul math=fast",
    "quantize k=7168 x=f32 fuse=silu_mul math=fast",
    "dequantize k=7168",
    "dequantize k=7168 y=f32"};

/// Instructions in the largest loop of the kernel: that over tiles.
double countedIn(const sass::NvDisasm &tool, const std::string &cubin) {
  auto text = sass::disassemble(tool, cubin);
  if (!text)
    return 0;
  auto codes = sass::parseSass(*text);
  if (!codes || codes->size() != 1)
    return 0;
  auto flow = sass::sassFlow(codes->front());
  return flow && !flow->loops().empty()
             ? static_cast<double>(flow->loops().back().size)
             : 0;
}

TEST(MovementCount, IsThatOfTheMachineCode) {
  auto tool = findNvDisasm();
  if (!tool)
    GTEST_SKIP() << tool.message();
  Folder folder;
  size_t number = 0;
  for (const char *line : lines) {
    const char *chip = number++ % 2 ? "sm_120a" : "sm_100a";
    Outcome made = nyblCommand({"compile", line, "--chip", chip, "--emit",
                                "cubin", "-o", folder / "k.cubin"});
    ASSERT_EQ(made.code, 0) << made.err;
    Json said = Json::parse(
        nyblCommand({"explain", line, "--chip", chip, "--json", "--m", "8"})
            .out,
        nullptr, /*allow_exceptions=*/false);
    ASSERT_TRUE(said.is_object()) << line;
    double warps = said["tile"]["threads"].get<double>() / 32;
    double estimated =
        said["launches"][0]["instructions_per_tile"].get<double>() / warps;
    double counted = countedIn(*tool, contentOf(folder / "k.cubin"));
    EXPECT_LE(std::abs(counted - estimated), 0.15 * estimated)
        << line << " on " << chip << ": " << counted << ", estimated "
        << estimated;
  }
}

} // namespace
