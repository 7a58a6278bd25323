// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels broken on purpose: a label run that passes them sees nothing.

#include "tests/EndToEnd/Labels/LabelCases.h"

using namespace nybl;
using namespace nybl::labels;

namespace {

Kernel compiled(ScaleLayout sfa = ScaleLayout::T128x4) {
  Class c = makeClass(24, 48, sfa, ScaleLayout::T128x4);
  auto kernel = compileKernel(c.problem, c.schedule);
  EXPECT_TRUE(kernel) << kernel.message();
  return kernel ? *kernel : Kernel();
}

/// D leaves by TMA; two tiles, of which a CTA has both.
Kernel boxed() {
  Class c = makeClass(72, 48, ScaleLayout::T128x4, ScaleLayout::T128x4,
                      OutputType::F32,
                      "kind=cooperative tile=32x64x64 warps=2x2 stages=2 "
                      "store=tma");
  auto kernel = compileKernel(c.problem, c.schedule);
  EXPECT_TRUE(kernel) << kernel.message();
  return kernel ? *kernel : Kernel();
}

Launch rows(int64_t m) {
  Launch launch;
  launch.m = m;
  return launch;
}

/// Some fault says this.
void expectFault(const Kernel &kernel, const Launch &launch,
                 const std::string &part) {
  Report report = run(kernel, launch);
  EXPECT_FALSE(report.ok()) << part;
  EXPECT_NE(text(report).find(part), std::string::npos)
      << "expected '" << part << "' in:\n"
      << text(report);
}

const std::string scaleLoad =
    R"(@(%p\d+) (ld\.global\.b8 (%rs\d+), \[%rd\d+)\];)";
const std::string store = R"(@(%p\d+) (st\.global\.b32 \[(%rd\d+)\], %r\d+;))";
const std::string multiply =
    R"((mma\.sync[^;]*\n\t\t)(%r\d+), (\{.*\}),\n\t\t(%r\d+), (\{.*\});)";

TEST(LabelMutant, TheKernelItselfPasses) {
  Report report = run(compiled(), rows(5));
  EXPECT_TRUE(report.ok()) << text(report);
}

TEST(LabelMutant, ScalesWithoutMasks) {
  Kernel kernel = changed(compiled(), scaleLoad, "$2];");
  expectFault(kernel, rows(5), "expected zero, and zero data, got padding sfa");
  expectFault(kernel, rows(5), "poison");
}

TEST(LabelMutant, ScalesOfTheNextBlock) {
  expectFault(changed(compiled(), scaleLoad, "@$1 $2+1];", 0), rows(5),
              "expected the one of row 0, K block 0, got sfa[0, 1]");
}

TEST(LabelMutant, ScalesOfTheNextRow) {
  expectFault(changed(compiled(), scaleLoad, "@$1 $2+16];", 2), rows(5),
              "expected the one of row 0, K block 0, got sfb[1, 0]");
}

/// A guard that is turned round.
TEST(LabelMutant, ScalesThatAreLeftOut) {
  expectFault(changed(compiled(), scaleLoad, "@!$1 $2];", 0), rows(5),
              "got nothing labelled");
}

TEST(LabelMutant, ScalesOfTheOtherOperand) {
  expectFault(changed(compiled(), multiply, "$1$4, $3,\n\t\t$2, $5;"), rows(16),
              "got sfb[");
}

TEST(LabelMutant, MixedScales) {
  expectFault(changed(compiled(), multiply,
                      "add.u32 $2, $2, $4;\n\t$1$2, $3,\n\t\t$4, $5;"),
              rows(16), "got a mixture");
}

/// Of one size, and nothing out of bounds: field report R3.
TEST(LabelMutant, AnotherLayout) {
  Kernel kernel = compiled(ScaleLayout::T8x4);
  kernel.problem.sfa = ScaleLayout::T128x4;
  expectFault(kernel, rows(128), "expected the one of row 1, K block 0");
}

TEST(LabelMutant, AProductMadeTwice) {
  expectFault(changed(compiled(), R"(mma\.sync[^;]*;)", "$&\n\t$&", 0), rows(5),
              "expected the product 1 times, got 2");
}

TEST(LabelMutant, AProductLeftOut) {
  expectFault(changed(compiled(), R"(mma\.sync[^;]*;)", "", 1), rows(5),
              "expected the product 1 times, got 0");
}

/// It touches padding and clears it: right, but not `never`.
TEST(LabelMutant, PaddingThatIsReadAndCleared) {
  Kernel kernel =
      changed(compiled(), scaleLoad, "$2];\n\tselp.b16 $3, $3, 0, $1;");
  expectFault(kernel, rows(5), "uninitialised read");
  Launch launch = rows(5);
  launch.mayReadPadding = true;
  Report report = run(kernel, launch);
  EXPECT_TRUE(report.ok()) << text(report);
}

TEST(LabelMutant, AStoreLeftOut) {
  expectFault(changed(compiled(), store, "", 0), rows(5), "never stored");
}

TEST(LabelMutant, AStoreMadeTwice) {
  expectFault(changed(compiled(), store, "$&\n\t$&", 0), rows(5),
              "bytes to be stored, each once, got");
}

/// N = 24 in tiles of 16: the last ones reach into the gap between rows, or,
/// where there is none, into the next row.
TEST(LabelMutant, StoresWithoutGuards) {
  Kernel kernel = changed(compiled(), store, "$2");
  Launch launch = rows(16);
  launch.dStride = 256;
  expectFault(kernel, launch, "bytes to be stored, each once, got");
  expectFault(kernel, launch, "D[0, 24]: stored");
  launch.dStride = 96;
  expectFault(kernel, launch, "out of bounds");
}

TEST(LabelMutant, AStoreOfAnotherElement) {
  expectFault(changed(compiled(), store, "@$1 st.global.b32 [$3], 0;", 0),
              rows(5), ": expected ");
}

/// An offset kept in 32 bits is right until M * stride passes 2^32.
TEST(LabelMutant, AnOffsetThatWraps) {
  Kernel right = compiled();
  Kernel wraps =
      changed(right, R"(mad\.lo\.s64\s+(%rd\d+), (%rd\d+, %rd\d+), (%rd\d+);)",
              "mul.lo.s64 $1, $2;\n\tand.b64 $1, $1, 4294967295;"
              "\n\tadd.s64 $1, $1, $3;",
              0);
  Launch launch = rows(16);
  launch.aStride = 4096;
  Report report = run(wraps, launch);
  EXPECT_TRUE(report.ok()) << text(report);
  launch.m = right.manifest.certificate.rowsMax;
  launch.part = Part{{launch.m - 16, launch.m}, {16, 24}};
  auto last = [&](const Kernel &kernel) {
    auto one = onlyTile(kernel, launch.m / 16 * 2 - 1, launch.m / 16 * 2);
    EXPECT_TRUE(one) << one.message();
    return one ? *one : kernel;
  };
  report = run(last(right), launch);
  EXPECT_TRUE(report.ok()) << text(report);
  expectFault(last(wraps), launch, "out of bounds");
}

const std::string boxStore =
    R"(@%p\d+ cp\.async\.bulk\.tensor\.2d\.global[^;]*;)";

TEST(LabelMutant, ABoxLeftOut) {
  Report report = run(boxed(), rows(5));
  EXPECT_TRUE(report.ok()) << text(report);
  expectFault(changed(boxed(), boxStore, "", 1), rows(5), "never stored");
}

TEST(LabelMutant, ABoxStoredTwice) {
  expectFault(changed(boxed(), boxStore, "$&\n\t$&", 0), rows(5),
              "bytes to be stored, each once, got");
}

TEST(LabelMutant, APairLeftOut) {
  expectFault(changed(boxed(), R"(st\.shared\.v2\.b32[^;]*;)", "", 0), rows(5),
              "uninitialised");
}

/// The next tile is written where the last one's boxes are read.
TEST(LabelMutant, BoxesThatAreNotWaitedFor) {
  Launch launch = rows(5);
  launch.grid = 1;
  launch.policy = NYBL_EMU_SCHEDULE_ADVERSARY;
  Report report = run(boxed(), launch);
  EXPECT_TRUE(report.ok()) << text(report);
  expectFault(changed(boxed(), R"(cp\.async\.bulk\.wait_group\.read 0;)", ""),
              launch, "cp.async.bulk.tensor");
}

/// A part of D that another CTA computes.
TEST(LabelMutant, AnotherTile) {
  auto other = onlyTile(compiled(), 1, 2);
  ASSERT_TRUE(other) << other.message();
  Launch launch = rows(16);
  launch.part = Part{{0, 16}, {0, 16}};
  expectFault(*other, launch,
              "D[0, 0], K block 0: expected the product 1 "
              "times, got 0");
}

} // namespace
