// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Mutants of quantisations, and of what undoes them.

#include "tests/Mutation/Outcomes.h"
#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::mutation;

namespace {

struct Line {
  const char *problem, *schedule;
};

/// Tails of K blocks; padding of blocks and rows; a gate.
const std::vector<Line> quantisations = {
    {"quantize k=80 x=bf16 sf=128x4 pad=rows", ""},
    {"quantize k=144 x=f32 sf=8x4 math=fast", ""},
    {"quantize k=48 x=f16 sf=linear fuse=silu_mul", ""}};

/// One block for a thread, and two.
const std::vector<Line> backAgain = {
    {"dequantize k=80 y=bf16 sf=8x4", "tile=8x128x16 warps=1x1"},
    {"dequantize k=176 y=f32 sf=linear global=encode", ""},
    {"dequantize k=80 y=f16 sf=128x4 global=none", ""}};

class QuantizeMutation : public testing::TestWithParam<std::vector<Line>> {};

TEST_P(QuantizeMutation, NoHarmfulMutantIsProvenNoHarmlessOneRefuted) {
  std::vector<Outcome> all;
  for (auto [line, schedule] : GetParam()) {
    auto subject = Subject::make(line, schedule);
    ASSERT_TRUE(subject) << subject.message();
    llvm::append_range(
        all, runSubject(**subject, placesOfEach(), 16 * placesOfEach()));
  }
  expectSound(all);
  report(all);
  Valid valid = countValid(all);
  for (Target target : {Target::Mask, Target::DataLoad, Target::Store,
                        Target::Launch, Target::Block})
    EXPECT_GE(valid[target], 30u) << name(target).str();
}

TEST_P(QuantizeMutation, TheKernelsThemselvesAreHarmless) {
  for (auto [line, schedule] : GetParam()) {
    auto subject = Subject::make(line, schedule);
    ASSERT_TRUE(subject) << subject.message();
    expectHarmless(**subject);
  }
}

/// Behind the proof: what the lint promises, of each line it is about.
TEST_P(QuantizeMutation, TheLintFindsWhatItPromises) {
  for (auto [line, schedule] : GetParam()) {
    auto subject = Subject::make(line, schedule);
    ASSERT_TRUE(subject) << subject.message();
    expectLintFindsPromised(**subject);
  }
}

INSTANTIATE_TEST_SUITE_P(Of, QuantizeMutation,
                         testing::Values(quantisations, backAgain),
                         [](const auto &info) {
                           return info.index ? "BackAgain" : "Quantisations";
                         });

} // namespace
