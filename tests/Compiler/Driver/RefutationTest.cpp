// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What compile() gives around a verdict: the certificate alone, what refutes,
// and a refuted kernel that is to be looked at.

#include "compiler/Driver/Compiler.h"
#include "compiler/Select/Select.h"
#include "runtime/Abi/Manifest.h"
#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::compiler;

namespace {

constexpr const char *line = "gemm n=24 k=48";

/// Stores the rows of a tile 128 rows further down than they belong.
std::string lowStore() {
  std::string text(gemmTemplate());
  auto replace = [&](const std::string &part, const std::string &by) {
    size_t at = text.find(part);
    ASSERT_NE(at, std::string::npos) << part;
    text.replace(at, part.size(), by);
  };
  replace("%D[%m, %n]", "%D[%low, %n]");
  replace("    %zero =", "    %c128 = arith.constant 128 : i32\n"
                         "    %low = arith.addi %m, %c128 : i32\n    %zero =");
  return text;
}

CompileOptions emitting(const char *stage) {
  CompileOptions options;
  options.emit = stage;
  options.verifyEach = true;
  return options;
}

TEST(Refutation, TheCertificateNeedsNoPtx) {
  auto artefact = compile(line, "sm_120a", emitting("certificate"));
  ASSERT_TRUE(artefact) << artefact.message();
  auto manifest = parseManifest(artefact->manifest);
  ASSERT_TRUE(manifest) << manifest.message();
  EXPECT_EQ(artefact->text, print(manifest->certificate));
  EXPECT_EQ(manifest->certificate.unproven(), "");
  EXPECT_EQ(manifest->certificate.lemmas.size(), 7u);
  EXPECT_EQ(artefact->ptx, "");
  EXPECT_EQ(artefact->phases.back().phase, "prove");
}

TEST(Refutation, WhatRefutesComesWithTheFailure) {
  CompileOptions options = emitting("ptx");
  options.templateText = lowStore();
  Failure failure;
  auto artefact = compile(line, "sm_120a", options, &failure);
  ASSERT_FALSE(artefact);
  EXPECT_EQ(artefact.status().code(), ErrorCode::Refused);
  EXPECT_EQ(failure.counterexample,
            R"({"byte":null,"k_step":null,"lemma":"L2","m":null,)"
            R"("operand":"d","row":null,"thread":0,"tile":0})");
  ASSERT_FALSE(failure.phases.empty());
  EXPECT_EQ(failure.phases.back().phase, "prove");
}

TEST(Refutation, WhatIsNotProvenHasNoCounterexample) {
  CompileOptions options = emitting("ptx");
  std::string text(gemmTemplate());
  size_t at = text.find("%SA[%m, %k]");
  ASSERT_NE(at, std::string::npos);
  options.templateText = text.replace(at, 11, "%SA[%n, %k]");
  options.keepRefuted = true;
  Failure failure;
  auto artefact = compile(line, "sm_120a", options, &failure);
  ASSERT_FALSE(artefact) << "only what is refuted is kept";
  EXPECT_EQ(artefact.status().code(), ErrorCode::Unproven);
  EXPECT_EQ(failure.counterexample, "");
}

/// Its PTX says what it does; its certificate keeps a runtime from using it.
TEST(Refutation, AKeptKernelHasNoProvenLemma) {
  CompileOptions options = emitting("ptx");
  options.templateText = lowStore();
  options.keepRefuted = true;
  auto artefact = compile(line, "sm_120a", options);
  ASSERT_TRUE(artefact) << artefact.message();
  EXPECT_NE(artefact->ptx.find(".entry gemm"), std::string::npos);
  auto manifest = parseManifest(artefact->manifest);
  ASSERT_TRUE(manifest) << manifest.message();
  EXPECT_EQ(manifest->certificate.unproven(), "L1, L2, L3, L4, L5, L6, L7");
  for (const Lemma &lemma : manifest->certificate.lemmas)
    EXPECT_NE(lemma.domain.find("refuted: "), std::string::npos);
}

TEST(Refutation, KeepingChangesNothingThatIsProven) {
  auto plain = compile(line, "sm_120a", emitting("ptx"));
  CompileOptions options = emitting("ptx");
  options.keepRefuted = true;
  auto kept = compile(line, "sm_120a", options);
  ASSERT_TRUE(plain && kept);
  EXPECT_EQ(plain->manifest, kept->manifest);
  EXPECT_EQ(plain->ptx, kept->ptx);
}

TEST(Refutation, AKernelsTextStandsForTheKernel) {
  auto text = compile(line, "sm_120a", emitting("cta"));
  auto made = compile(line, "sm_120a", emitting("ptx"));
  ASSERT_TRUE(text && made);
  CompileOptions options = emitting("ptx");
  options.ctaText = text->text;
  auto again = compile(line, "sm_120a", options);
  ASSERT_TRUE(again) << again.message();
  EXPECT_EQ(again->ptx, made->ptx);
  auto before = parseManifest(made->manifest);
  auto after = parseManifest(again->manifest);
  ASSERT_TRUE(before && after);
  EXPECT_EQ(before->certificate, after->certificate);
  EXPECT_NE(before->key, after->key) << "made from another text";
}

/// The problem says it, and a kernel does not say it for itself.
TEST(Refutation, AKernelsTextCannotCallWeightsStatic) {
  const std::string fixed = std::string(line) + " weights=static";
  const std::pair<std::string, std::string> table[] = {{fixed, line},
                                                       {line, fixed}};
  for (const auto &[from, to] : table) {
    auto text = compile(from, "sm_120a", emitting("cta"));
    ASSERT_TRUE(text) << text.message();
    CompileOptions options = emitting("ptx");
    options.ctaText = text->text;
    EXPECT_TRUE(compile(from, "sm_120a", options));
    auto other = compile(to, "sm_120a", options);
    ASSERT_FALSE(other);
    EXPECT_EQ(other.status().code(), ErrorCode::Invalid);
    EXPECT_NE(other.message().find("as `weights` of the problem says"),
              std::string::npos)
        << other.message();
  }
}

TEST(Refutation, AKernelsTextStandsAlone) {
  auto expectInvalid = [](const CompileOptions &options) {
    auto artefact = compile(line, "sm_120a", options);
    ASSERT_FALSE(artefact);
    EXPECT_EQ(artefact.status().code(), ErrorCode::Invalid);
  };
  CompileOptions options = emitting("ptx");
  options.ctaText = "module {}";
  expectInvalid(options);
  options.schedule = "kind=plain";
  expectInvalid(options);
  options.schedule.clear();
  options.templateText = std::string(gemmTemplate());
  expectInvalid(options);
  options.templateText.reset();
  options.emit = "tile";
  expectInvalid(options);
  options.emit = "ptx";
  options.ctaText = std::string(100000, '[');
  expectInvalid(options);
}

} // namespace
