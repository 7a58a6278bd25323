// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel that is launched as a dependent of a grid that writes operands late
// (programmatic stream serialisation). With weights=static only A may be late.

#include "compiler/Driver/Compiler.h"
#include "tests/Mutation/Bed.h"
#include "tools/emulator/include/nybl-emu.h"

#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::mutation;

namespace {

class LateOperands : public testing::TestWithParam<const char *> {
protected:
  /// What the kernel does wrong if these operands are late, on so many CTAs.
  std::optional<Symptom> run(const std::string &weights, unsigned late,
                             unsigned grid) {
    std::string line = "gemm n=72 k=704 d=f32 weights=" + weights;
    auto problem = parseProblem(line);
    compiler::CompileOptions options;
    options.schedule = GetParam();
    options.emit = "manifest";
    auto artefact = compiler::compile(line, "sm_120a", options);
    EXPECT_TRUE(problem && artefact) << artefact.message();
    if (!problem || !artefact)
      return std::nullopt;
    auto manifest = parseManifest(artefact->manifest);
    EXPECT_TRUE(manifest) << manifest.message();
    if (!manifest)
      return std::nullopt;
    Trial trial{37, grid, NYBL_EMU_SCHEDULE_EAGER, true, true};
    trial.late = late;
    auto bed = Bed::make(*problem, {trial}, problem->k);
    EXPECT_TRUE(bed) << bed.message();
    return bed ? (*bed)->run(artefact->ptx, *manifest) : std::nullopt;
  }
};

constexpr unsigned lateWeights[] = {lateB, lateScalesB};

TEST_P(LateOperands, AreWaitedForIfTheyAreStreams) {
  for (unsigned grid : {1, 2, 3}) {
    auto all = run("stream", ~0u, grid);
    EXPECT_FALSE(all) << all->text;
    auto others = run("static", ~(lateB | lateScalesB), grid);
    EXPECT_FALSE(others) << others->text;
  }
}

/// The promise is used: whoever breaks it gets another D.
TEST_P(LateOperands, AreReadTooEarlyIfTheyAreStatic) {
  for (unsigned late : lateWeights) {
    auto wrong = run("static", late, 1);
    ASSERT_TRUE(wrong) << "late operand " << late;
    EXPECT_EQ(name(wrong->sign), std::string("wrong")) << wrong->text;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Roles, LateOperands,
    testing::Values(
        "kind=cooperative tile=32x32x64 warps=2x2 stages=3",
        "kind=cooperative tile=32x32x128 warps=2x2 stages=3 fill=tma",
        "kind=pingpong tile=32x32x128 warps=2x2 stages=3 fill=tma"));

} // namespace
