// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Mutants of kernels whose accumulators lie in tensor memory, on the emulated
// sm_100a (NYBL_EMU_CHIP).

#include "tests/Mutation/Outcomes.h"
#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::mutation;

namespace {

struct Kernel {
  const char *name, *problem, *schedule;
};

/// K steps of one, two and four multiplies; each layout on each side, linear
/// ones by fours and byte by byte.
const Kernel kernels[] = {
    {"StepsOf64", "gemm n=136 k=160 sfa=128x4 sfb=128x4 d=bf16",
     "kind=tmem tile=128x128x64 warps=4x1 stages=3 fill=tma"},
    {"StepsOf128", "gemm n=136 k=224 sfa=8x4 sfb=8x4 d=f32",
     "kind=tmem tile=128x128x128 warps=4x1 stages=2 fill=tma"},
    {"StoredByTma", "gemm n=72 k=384 sfa=linear sfb=128x4 d=bf16",
     "kind=tmem tile=128x64x256 warps=4x1 stages=2 fill=tma store=tma"},
    {"Swapped", "gemm n=40 k=160 sfa=128x4 sfb=linear d=f16",
     "kind=tmem tile=32x128x64 warps=1x4 stages=2 fill=tma swap=ab"},
};

class TensorMutation : public testing::TestWithParam<Kernel> {
protected:
  void SetUp() override {
    auto made =
        Subject::make(GetParam().problem, GetParam().schedule, "sm_100a");
    ASSERT_TRUE(made) << made.message();
    subject = std::move(*made);
  }
  std::unique_ptr<Subject> subject;
};

TEST_P(TensorMutation, NoHarmfulMutantIsProvenNoHarmlessOneRefuted) {
  std::vector<Outcome> all =
      runSubject(*subject, placesOfEach(), 8 * placesOfEach());
  expectSound(all);
  report(all);
  Valid valid = countValid(all);
  for (Target target : {Target::Mask, Target::Ring, Target::Role,
                        Target::Launch, Target::Tensor})
    EXPECT_GE(valid[target], 10u) << name(target).str();
  EXPECT_GE(valid[Target::Store] + valid[Target::Output], 15u);
  for (Target target : {Target::DataLoad, Target::Layout, Target::Stage})
    EXPECT_GE(valid[target], 5u) << name(target).str();
}

TEST_P(TensorMutation, TheKernelItselfIsHarmless) { expectHarmless(*subject); }

/// Of kernels that PtxMutation has not; many stores element by element take
/// long.
class TensorLint : public TensorMutation {};

TEST_P(TensorLint, FindsWhatItPromises) { expectLintFindsPromised(*subject); }

std::string nameOf(const testing::TestParamInfo<Kernel> &info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Of, TensorMutation, testing::ValuesIn(kernels),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(Of, TensorLint,
                         testing::Values(kernels[2], kernels[3]), nameOf);

/// Tiles by two CTAs.
TEST(PairMutation, NoHarmfulMutantIsProvenNoHarmlessOneRefuted) {
  auto subject = Subject::make(
      "gemm n=40 k=160 sfa=128x4 sfb=8x4 d=bf16",
      "kind=tmem tile=256x32x64 warps=4x1 stages=2 fill=tma ctas=2", "sm_100a");
  ASSERT_TRUE(subject) << subject.message();
  expectHarmless(**subject);
  std::vector<Outcome> all =
      runSubject(**subject, placesOfEach(), 4 * placesOfEach());
  expectSound(all);
  report(all);
  Valid valid = countValid(all);
  for (Target target : {Target::Mask, Target::Layout, Target::Store,
                        Target::Ring, Target::Role, Target::Tensor})
    EXPECT_GE(valid[target], 3u) << name(target).str();
}

} // namespace
