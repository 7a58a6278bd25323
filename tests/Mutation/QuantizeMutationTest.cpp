// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Mutants of quantisations.

#include "compiler/Driver/Expectations.h"
#include "tests/Mutation/Outcomes.h"
#include "tests/Mutation/PtxMutants.h"
#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::mutation;

namespace {

/// Tails of K blocks; padding of blocks and rows; a gate.
const char *const lines[] = {"quantize k=80 x=bf16 sf=128x4 pad=rows",
                             "quantize k=144 x=f32 sf=8x4 math=fast",
                             "quantize k=48 x=f16 sf=linear fuse=silu_mul"};

TEST(QuantizeMutation, NoHarmfulMutantIsProvenNoHarmlessOneRefuted) {
  std::vector<Outcome> all;
  for (const char *line : lines) {
    auto subject = Subject::make(line, "");
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

TEST(QuantizeMutation, TheKernelsThemselvesAreHarmless) {
  for (const char *line : lines) {
    auto subject = Subject::make(line, "");
    ASSERT_TRUE(subject) << subject.message();
    expectHarmless(**subject);
  }
}

/// Behind the proof: what the lint promises, of each line it is about.
TEST(QuantizeMutation, TheLintFindsWhatItPromises) {
  for (const char *line : lines) {
    auto subject = Subject::make(line, "");
    ASSERT_TRUE(subject) << subject.message();
    compiler::PtxCounts counts =
        compiler::countInstructions((*subject)->kernel());
    mlir::OwningOpRef<mlir::ModuleOp> copy = (*subject)->module->clone();
    auto lowered = lower(**subject, *copy);
    ASSERT_TRUE(lowered) << lowered.message();
    const std::string &kernel = lowered->manifest.kernel;
    EXPECT_TRUE(compiler::lintPtx(lowered->ptx, kernel, counts));
    unsigned promised = 0;
    for (const PtxMutant &mutant : ptxMutantsOf(lowered->ptx))
      if (mutant.isPromised) {
        ++promised;
        EXPECT_FALSE(compiler::lintPtx(mutant.ptx, kernel, counts))
            << line << ": " << mutant.op << " at line " << mutant.line << ": "
            << mutant.what;
      }
    EXPECT_GE(promised, 30u) << line;
  }
}

} // namespace
