// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Mutants of kernels whose accumulators lie in tensor memory, on the emulated
// sm_100a (NYBL_EMU_CHIP).

#include "tests/Mutation/Outcomes.h"
#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::mutation;

namespace {

/// K steps of one and of two multiplies; each packed layout on each side.
const char *const subjects[][2] = {
    {"gemm n=136 k=160 sfa=128x4 sfb=8x4 d=bf16",
     "kind=tmem tile=128x128x64 warps=4x1 stages=3 fill=tma"},
    {"gemm n=136 k=224 sfa=8x4 sfb=128x4 d=f32",
     "kind=tmem tile=128x128x128 warps=4x1 stages=2 fill=tma"},
};

TEST(TensorMutation, NoHarmfulMutantIsProvenNoHarmlessOneRefuted) {
  std::vector<Outcome> all;
  for (auto [line, schedule] : subjects) {
    auto subject = Subject::make(line, schedule, "sm_100a");
    ASSERT_TRUE(subject) << subject.message();
    llvm::append_range(
        all, runSubject(**subject, placesOfEach(), 16 * placesOfEach()));
  }
  expectSound(all);
  report(all);
  Valid valid = countValid(all);
  for (Target target :
       {Target::Mask, Target::Layout, Target::Store, Target::Ring, Target::Role,
        Target::Launch, Target::Tensor})
    EXPECT_GE(valid[target], 30u) << name(target).str();
  EXPECT_GE(valid[Target::DataLoad], 20u);
  EXPECT_GE(valid[Target::Stage], 20u);
}

TEST(TensorMutation, TheKernelsThemselvesAreHarmless) {
  for (auto [line, schedule] : subjects) {
    auto subject = Subject::make(line, schedule, "sm_100a");
    ASSERT_TRUE(subject) << subject.message();
    expectHarmless(**subject);
  }
}

} // namespace
