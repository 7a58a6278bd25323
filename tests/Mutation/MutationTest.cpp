// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Mutants of our kernels. What each does is fixed first, by enumeration and by
// emulated runs; then the prover is asked. No harmful mutant may be proven, and
// no harmless one refuted.

#include "tests/Mutation/Outcomes.h"
#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::mutation;

namespace {

/// "pingpong" of "kind=pingpong tile=..."; what names no kind is plain.
std::string kindOf(llvm::StringRef schedule) {
  bool named = schedule.consume_front("kind=");
  return named ? schedule.split(' ').first.str() : "plain";
}

const char *const subjects[][2] = {
    {"gemm n=40 k=80 sfa=128x4 sfb=8x4 d=bf16", "tile=16x32x64 warps=1x2"},
    {"gemm n=56 k=144 sfa=8x4 sfb=linear d=f32", "tile=16x32x128 warps=1x2"},
    {"gemm n=40 k=272 sfa=128x4 sfb=8x4 d=bf16",
     "kind=multistage tile=16x32x64 warps=1x2 stages=3"},
    {"gemm n=104 k=144 sfa=128x4 sfb=8x4 d=bf16",
     "kind=multistage tile=32x128x64 warps=1x2 stages=3"},
    {"gemm n=40 k=272 sfa=128x4 sfb=8x4 d=bf16",
     "kind=cooperative tile=64x32x64 warps=4x1 stages=3 fill=async"},
    {"gemm n=40 k=80 sfa=128x4 sfb=8x4 d=f32",
     "kind=multistage tile=32x16x64 warps=1x1 stages=2 swap=ab"},
    {"gemm n=40 k=288 sfa=128x4 sfb=linear d=bf16",
     "kind=cooperative tile=64x32x64 warps=4x1 stages=3 fill=tma"},
    {"gemm n=40 k=144 sfa=128x4 sfb=8x4 d=bf16",
     "kind=pingpong tile=64x32x64 warps=4x1 stages=3 group=2"},
    {"gemm n=40 k=144 sfa=8x4 sfb=linear d=bf16",
     "kind=pingpong tile=32x64x64 warps=2x2 stages=3 store=tma"},
    {"gemm n=40 k=240 sfa=128x4 sfb=8x4 d=f32",
     "kind=cooperative tile=64x32x64 warps=4x1 stages=3 split=2"},
};

TEST(Mutation, NoHarmfulMutantIsProvenNoHarmlessOneRefuted) {
  std::vector<Outcome> all;
  std::map<std::string, unsigned> validOfKind;
  for (auto [line, schedule] : subjects) {
    auto subject = Subject::make(line, schedule);
    ASSERT_TRUE(subject) << subject.message();
    std::vector<Outcome> outcomes = runSubject(**subject, placesOfEach());
    validOfKind[kindOf(schedule)] +=
        llvm::count_if(outcomes, [](const Outcome &o) { return o.isValid(); });
    llvm::append_range(all, outcomes);
  }
  expectSound(all);
  report(all);
  Valid valid = countValid(all);
  EXPECT_GE(llvm::count_if(all, [](const Outcome &o) { return o.isValid(); }),
            300);
  for (const char *kind : {"plain", "multistage", "cooperative", "pingpong"})
    EXPECT_GE(validOfKind[kind], 30u) << kind;
  EXPECT_GE(valid[Target::DataLoad], 30u);
  EXPECT_GE(valid[Target::Launch], 30u);
  EXPECT_GE(valid[Target::Ring], 30u);
  EXPECT_GE(valid[Target::Role], 4u);
  EXPECT_GE(valid[Target::Output], 20u);
  EXPECT_GE(valid[Target::Part], 8u);
}

TEST(Mutation, TheKernelsThemselvesAreHarmless) {
  for (auto [line, schedule] : subjects) {
    auto subject = Subject::make(line, schedule);
    ASSERT_TRUE(subject) << subject.message();
    expectHarmless(**subject);
  }
}

} // namespace
