// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl_why_not: all reasons at once, and none where a launch succeeds.

#include "tests/Runtime/ApiFixture.h"
#include "tests/Runtime/Arguments.h"
#include "tests/Runtime/RecordingDriver.h"

using namespace nybl;
using namespace nybl::tests;

namespace {

constexpr const char *line = "gemm m=? n=24 k=64 sfa=128x4 sfb=8x4 d=f32";

class WhyNotTest : public ApiTest {
protected:
  void SetUp() override {
    state = restartRecording(NYBL_TEST_RECORDING_DRIVER);
    ASSERT_TRUE(state);
    options.allow_unproven = 0;
    ASSERT_NO_FATAL_FAILURE(open(NYBL_TEST_RECORDING_DRIVER));
  }
  void TearDown() override {
    ApiTest::TearDown();
    EXPECT_EQ(state->modules, 0) << "what was looked at is unloaded";
  }
  /// The lines of the text.
  std::vector<std::string> whyNot(const char *problem,
                                  const nybl_gemm_args *args = nullptr) {
    std::string text(16384, 'x');
    auto reasons = face::sized<nybl_reasons>();
    reasons.text = text.data();
    reasons.text_bytes = text.size();
    EXPECT_EQ(nybl_why_not(device, problem, &options, args, &reasons), NYBL_OK)
        << nybl_last_error();
    text = text.c_str();
    EXPECT_EQ(reasons.needed, text.size() + 1);
    std::vector<std::string> lines;
    for (size_t begin = 0; begin < text.size();) {
      size_t end = text.find('\n', begin);
      lines.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
    EXPECT_EQ(reasons.count, lines.size());
    return lines;
  }
  static void expectStarts(const std::vector<std::string> &lines,
                           const std::vector<std::string> &starts) {
    std::string all;
    for (const std::string &text : lines)
      all += text + "\n";
    ASSERT_EQ(lines.size(), starts.size()) << all;
    for (size_t i = 0; i < lines.size(); ++i)
      EXPECT_EQ(lines[i].find(starts[i]), 0u) << lines[i] << "\n" << starts[i];
  }

  nybl_prepare_options options = face::sized<nybl_prepare_options>();
  RecordingState *state = nullptr;
};

TEST_F(WhyNotTest, NothingStandsInTheWay) {
  nybl_gemm_args args = argumentsFor(*parseProblem(line), 5);
  EXPECT_TRUE(whyNot(line).empty());
  EXPECT_TRUE(whyNot(line, &args).empty());
  EXPECT_TRUE(whyNot("gemm m=? n=0 k=64", &args).empty());
}

TEST_F(WhyNotTest, EachBadWordAndEachBadOption) {
  options.check = 2;
  options.verify_each = 7;
  options.template_text = "";
  expectStarts(
      whyNot("gemm m=9..3 k=70 sfa=4x4 d=f8 x=1"),
      {"NYBL_INVALID: at word 2 'm=9..3'", "NYBL_INVALID: at word 3 'k=70'",
       "NYBL_INVALID: at word 4 'sfa=4x4'", "NYBL_INVALID: at word 5 'd=f8'",
       "NYBL_INVALID: at word 6 'x=1': unknown key",
       "NYBL_INVALID: expected n=NUMBER in",
       "NYBL_INVALID: nybl_prepare_options.verify_each",
       "NYBL_INVALID: nybl_prepare_options.check",
       "NYBL_INVALID: nybl_prepare_options.template_text"});
  options = face::sized<nybl_prepare_options>();
  expectStarts(whyNot("quantize m=x math=slow"),
               {"NYBL_INVALID: at word 2 'm=x'",
                "NYBL_INVALID: at word 3 'math=slow'",
                "NYBL_INVALID: expected k=NUMBER in"});
  expectStarts(whyNot("grow n=4"), {"NYBL_INVALID: at word 1 'grow'"});
  expectStarts(whyNot(""), {"NYBL_INVALID: expected a problem line"});
}

TEST_F(WhyNotTest, WhatIsReservedIsZero) {
  uint32_t nybl_prepare_options::*const fields[] = {
      &nybl_prepare_options::reserved, &nybl_prepare_options::reserved_2,
      &nybl_prepare_options::reserved_3, &nybl_prepare_options::reserved_4};
  for (auto field : fields) {
    options = face::sized<nybl_prepare_options>();
    options.*field = 7;
    expectStarts(whyNot(line), {"NYBL_INVALID: nybl_prepare_options.reserved"});
    nybl_plan *plan = nullptr;
    EXPECT_EQ(nybl_prepare(device, line, &options, &plan), NYBL_INVALID);
    EXPECT_TRUE(says(": expected 0, got 7")) << nybl_last_error();
  }
}

TEST_F(WhyNotTest, OnlyAGemmHasAGenericKernel) {
  options.generic = 1;
  EXPECT_TRUE(whyNot(line).empty());
  for (const char *other : {"quantize m=? k=64", "dequantize m=? k=64"}) {
    expectStarts(whyNot(other),
                 {"NYBL_INVALID: nybl_prepare_options.generic: expected 0"});
    nybl_plan *plan = nullptr;
    EXPECT_EQ(nybl_prepare(device, other, &options, &plan), NYBL_INVALID);
    EXPECT_TRUE(says("generic: expected 0 for a '")) << nybl_last_error();
  }
}

TEST_F(WhyNotTest, AWordThatIsGivenTwiceHidesNoOther) {
  expectStarts(whyNot("gemm m=9..3 n=8 n=16 k=70"),
               {"NYBL_INVALID: at word 2 'm=9..3'",
                "NYBL_INVALID: at word 4 'n=16': 'n' was given before",
                "NYBL_INVALID: at word 5 'k=70'"});
}

TEST_F(WhyNotTest, EachFaultOfOneOperand) {
  nybl_gemm_args args = argumentsFor(*parseProblem(line), 5);
  args.a_scales = {0, 1, 5, 9, 2};
  args.b_scales = {0, 1, -1, 9, 0};
  args.alpha = {9, 9, 0, 0, 9};
  expectStarts(
      whyNot(line, &args),
      {"NYBL_REFUSED: a_scales.layout", "NYBL_REFUSED: a_scales.trust_layout",
       "NYBL_REFUSED: a_scales.bytes", "NYBL_REFUSED: a_scales.pointer",
       "NYBL_REFUSED: b_scales.layout", "NYBL_REFUSED: b_scales.rows_allocated",
       "NYBL_REFUSED: b_scales.pointer", "NYBL_REFUSED: alpha.reserved",
       "NYBL_REFUSED: alpha.kind", "NYBL_REFUSED: alpha.convention"});
}

TEST_F(WhyNotTest, WhatIsInvalidLeavesNoReasonsOfAnEarlierCall) {
  char text[64] = "left over";
  auto reasons = face::sized<nybl_reasons>();
  reasons.text = text;
  reasons.text_bytes = sizeof text;
  reasons.count = 7;
  reasons.needed = 7;
  nybl_gemm_args args = {};
  args.size = 3;
  EXPECT_EQ(nybl_why_not(device, line, nullptr, &args, &reasons), NYBL_INVALID);
  EXPECT_EQ(reasons.count, 0u);
  EXPECT_EQ(reasons.needed, 0u);
  EXPECT_STREQ(text, "");
  reasons.count = 7;
  EXPECT_EQ(nybl_why_not(device, nullptr, nullptr, nullptr, &reasons),
            NYBL_INVALID);
  EXPECT_EQ(reasons.count, 0u);
}

TEST_F(WhyNotTest, WhatTheCompilerSays) {
  options.schedule = "refuse";
  expectStarts(whyNot(line), {"NYBL_REFUSED: the fake refuses"});
}

TEST_F(WhyNotTest, CertificateOccupancyAndOperandsAtOnce) {
  options.schedule = "unproven";
  state->settings.residentCtas = 0;
  nybl_gemm_args args = argumentsFor(*parseProblem(line), 5);
  args.a.pointer = 0x10000004;
  args.a.row_stride = 16;
  args.a_scales.layout = NYBL_LAYOUT_8X4;
  args.b_scales.bytes -= 1;
  args.alpha.value = 0;
  args.d.bytes = 8;
  expectStarts(whyNot(line, &args),
               {"NYBL_UNPROVEN: expected a complete certificate",
                "NYBL_ENVIRONMENT: expected room for one CTA",
                "NYBL_REFUSED: a_scales", "NYBL_REFUSED: b_scales",
                "NYBL_REFUSED: alpha.value",
                "NYBL_REFUSED: a.pointer: expected a multiple of 8",
                "NYBL_REFUSED: a.row_stride", "NYBL_REFUSED: d.bytes"});
  options.schedule = "unproven shared precondition";
  auto lines = whyNot(line, &args);
  ASSERT_EQ(lines.size(), 3u) << "no recipe, so no operands";
  EXPECT_NE(lines[2].find("'moon_phase'"), std::string::npos) << lines[2];
}

TEST_F(WhyNotTest, AnOlderDriver) {
  ApiTest::TearDown();
  ASSERT_NO_FATAL_FAILURE(open(NYBL_TEST_OLDER_DRIVER));
  options.schedule = "maps unproven";
  expectStarts(whyNot(line),
               {"NYBL_UNPROVEN: ", "NYBL_ENVIRONMENT: the driver library "});
}

TEST_F(WhyNotTest, TheTextIsCutOffWhereItDoesNotFit) {
  char text[8] = "abcdefg";
  auto reasons = face::sized<nybl_reasons>();
  EXPECT_EQ(nybl_why_not(device, "grow", nullptr, nullptr, &reasons), NYBL_OK);
  EXPECT_EQ(reasons.count, 1u);
  EXPECT_GT(reasons.needed, sizeof text);
  reasons.text = text;
  reasons.text_bytes = 5;
  EXPECT_EQ(nybl_why_not(device, "grow", nullptr, nullptr, &reasons), NYBL_OK);
  EXPECT_STREQ(text, "NYBL");
  EXPECT_EQ(text[5], 'f');
  EXPECT_EQ(nybl_why_not(device, "grow", nullptr, nullptr, nullptr),
            NYBL_INVALID);
  reasons.size = 3;
  EXPECT_EQ(nybl_why_not(device, "grow", nullptr, nullptr, &reasons),
            NYBL_INVALID);
  EXPECT_TRUE(says("nybl_reasons.size")) << nybl_last_error();
}

TEST_F(WhyNotTest, TheCppFaceMakesRoom) {
  face::Library owner;
  auto libraryOptions = face::sized<nybl_library_options>();
  libraryOptions.cache_path = "";
  libraryOptions.jit_path = NYBL_TEST_FAKE_JIT;
  ASSERT_EQ(face::Library::create(libraryOptions, owner), NYBL_OK);
  auto deviceOptions = face::sized<nybl_device_options>();
  deviceOptions.driver_path = NYBL_TEST_RECORDING_DRIVER;
  face::Device opened;
  ASSERT_EQ(owner.open(deviceOptions, opened), NYBL_OK);
  std::string words = "gemm n=8 k=16", text;
  EXPECT_EQ(opened.whyNot(words, options, nullptr, text), NYBL_OK);
  EXPECT_EQ(text, "");
  for (int i = 0; i < 200; ++i)
    words += " wrong" + std::to_string(i) + "=1";
  EXPECT_EQ(opened.whyNot(words, options, nullptr, text), NYBL_OK);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 200);
  EXPECT_EQ(text.back(), '\n');
  EXPECT_EQ(opened.whyNotDequantize("dequantize k=70", options, nullptr, text),
            NYBL_OK);
  EXPECT_EQ(text.find("NYBL_INVALID: at word 2 'k=70'"), 0u) << text;
}

} // namespace
