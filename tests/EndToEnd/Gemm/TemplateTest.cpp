// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A user's template, compiled and run on the emulated device, gives what the
// template means: bit for bit what the interpreter gives, which knows neither
// the lowering nor the scale layouts.

#include "tests/EndToEnd/Gemm/Road.h"
#include "tests/Oracle/Data.h"
#include "tests/TileInterpreter/TileInstance.h"
#include "tests/TileInterpreter/TileInterpreter.h"

#include <fstream>
#include <gtest/gtest.h>

using namespace nybl;

namespace {

/// The built-in template with `to` in the place of the first `from`.
std::string changed(std::string text, const std::string &from,
                    const std::string &to) {
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

std::string builtIn() {
  std::ifstream file(NYBL_SOURCE_DIR "/templates/gemm.mlir");
  return std::string{std::istreambuf_iterator<char>(file), {}};
}

/// An epilogue computes %z from %y; `outside` stands before the K loop.
struct Epilogue {
  const char *name, *text, *outside = "";
};

std::string withEpilogue(const Epilogue &epilogue) {
  std::string text =
      changed(builtIn(), "%zero = tile.zeros",
              std::string(epilogue.outside) + "    %zero = tile.zeros");
  return changed(text, "tile.yield %y : f32",
                 std::string(epilogue.text) + "tile.yield %z : f32");
}

constexpr Epilogue epilogues[] = {
    {"Relu", "%none = arith.constant 0.0 : f32\n"
             "%z = arith.maximumf %y, %none : f32\n"},
    {"LeakyRelu", "%none = arith.constant 0.0 : f32\n"
                  "%leak = arith.constant 0.125 : f32\n"
                  "%small = arith.mulf %y, %leak : f32\n"
                  "%is = arith.cmpf olt, %y, %none : f32\n"
                  "%z = arith.select %is, %small, %y : f32\n"},
    {"Clamp", "%low = arith.constant -6.0 : f32\n"
              "%high = arith.constant 6.0 : f32\n"
              "%most = arith.minnumf %y, %high : f32\n"
              "%z = arith.maxnumf %most, %low : f32\n"},
    {"Ratio", "%one = arith.constant 1.0 : f32\n"
              "%square = arith.mulf %y, %y : f32\n"
              "%below = arith.addf %square, %one : f32\n"
              "%above = arith.negf %y : f32\n"
              "%z = arith.divf %above, %below : f32\n"},
    {"HoistedConstants",
     "%scaled = arith.mulf %y, %half : f32\n"
     "%is = arith.cmpf olt, %scaled, %none : f32\n"
     "%both = arith.andi %is, %yes : i1\n"
     "%z = arith.select %both, %third, %scaled : f32\n",
     "%half = arith.constant 0.5 : f32\n%none = arith.constant 0.0 : f32\n"
     "%yes = arith.constant true\n%three = arith.constant 3.0 : f32\n"
     "%third = arith.divf %half, %three : f32\n"},
    {"Narrow", "%narrow = arith.truncf %y : f32 to bf16\n"
               "%wide = arith.extf %narrow : bf16 to f32\n"
               "%three = arith.constant 3.0 : f32\n"
               "%more = arith.mulf %wide, %three : f32\n"
               "%small = arith.truncf %more : f32 to f16\n"
               "%z = arith.extf %small : f16 to f32\n"},
    {"Logic", "%low = arith.constant -1.0 : f32\n"
              "%high = arith.constant 1.0 : f32\n"
              "%above = arith.cmpf ogt, %y, %low : f32\n"
              "%below = arith.cmpf olt, %y, %high : f32\n"
              "%or = arith.ori %above, %below : i1\n"
              "%xor = arith.xori %above, %below : i1\n"
              "%and = arith.andi %or, %xor : i1\n"
              "%z = arith.select %and, %y, %high : f32\n"},
};

GemmProblem problemFor(OutputType type) {
  GemmProblem p;
  p.n = 136;
  p.k = 80;
  p.sfa = ScaleLayout::T8x4;
  p.d = type;
  return p;
}

/// Runs `text` on the device and in the interpreter; the output of both.
std::vector<uint8_t> expectWhatItMeans(const GemmProblem &p,
                                       const std::string &text,
                                       const std::string &schedule = "") {
  road::Session *session = road::Session::get();
  EXPECT_TRUE(session);
  road::Options options;
  options.templateText = text;
  options.schedule = schedule;
  options.poison = 0x7f;
  options.alpha = 0.25f;
  auto a = oracle::randomMatrix(17, p.k, 5, 0x20, 0x40);
  auto b = oracle::randomMatrix(p.n, p.k, 6, 0x20, 0x40);
  oracle::Instance instance(p, options.templateText);
  EXPECT_TRUE(instance.kernel);
  if (!session || !instance.kernel)
    return {};
  auto means =
      oracle::interpretTile(instance.kernel, {a, b, options.alpha}, p.d);
  EXPECT_TRUE(means) << means.message();
  road::Run run = road::gemm(*session, p, a, b, options);
  EXPECT_TRUE(run.ok()) << run.error
                        << (run.reports.empty() ? "" : run.reports[0]);
  if (!means || !run.ok())
    return {};
  EXPECT_EQ(run.d, means->bytes);
  return means->bytes;
}

/// What the built-in template gives.
std::vector<uint8_t> plainGemm(const GemmProblem &p) {
  auto a = oracle::randomMatrix(17, p.k, 5, 0x20, 0x40);
  auto b = oracle::randomMatrix(p.n, p.k, 6, 0x20, 0x40);
  return oracle::gemm(a, b, 0.25f, p.d, oracle::Model::MmaSim)->bytes;
}

class Template : public testing::TestWithParam<Epilogue> {};

TEST_P(Template, TheDeviceDoesWhatItMeans) {
  for (OutputType type : {OutputType::F32, OutputType::BF16}) {
    GemmProblem p = problemFor(type);
    // An epilogue that changes nothing would be no test of it.
    EXPECT_NE(expectWhatItMeans(p, withEpilogue(GetParam())), plainGemm(p));
  }
}

class TemplateLoops : public testing::TestWithParam<const char *> {};

/// A K loop of no steps hands its accumulators on.
TEST_P(TemplateLoops, NoStep) {
  GemmProblem p = problemFor(OutputType::F32);
  std::string text =
      changed(builtIn(), "%d = tile.map %acc,",
              "%same = tile.accumulate %k in 0 by BK stages(stages) "
              "init(%c = %acc) : !tile.acc<[BM, BN]> {\n"
              "  %a = tile.load %A[%m, %k] : !tile.matrix<[M, K]> -> "
              "!tile.tile<[BM, BK]>\n"
              "  tile.yield %c : !tile.acc<[BM, BN]>\n}\n"
              "%d = tile.map %same,");
  EXPECT_EQ(expectWhatItMeans(p, text, GetParam()), plainGemm(p));
}

/// Two K loops, one after the other: with roles, two rings that both take in
/// the same order.
TEST_P(TemplateLoops, Two) {
  GemmProblem p = problemFor(OutputType::F32);
  std::string text = builtIn();
  size_t begin = text.find("%acc = tile.accumulate");
  size_t end = text.find("%d = tile.map %acc, %alpha");
  ASSERT_LT(begin, end);
  std::string loop = text.substr(begin, end - begin);
  text.insert(end, changed(loop, "%acc = ", "%more = "));
  text = changed(text, "%y = arith.mulf %x, %s : f32",
                 "%two = arith.addf %x, %x2 : f32\n"
                 "%y = arith.mulf %two, %s : f32");
  text = changed(text, "^bb0(%x: f32, %s: f32)",
                 "^bb0(%x: f32, %x2: f32, %s: f32)");
  text = changed(text, "%d = tile.map %acc, %alpha : !tile.acc<[BM, BN]>,",
                 "%d = tile.map %acc, %more, %alpha : !tile.acc<[BM, BN]>, "
                 "!tile.acc<[BM, BN]>,");
  EXPECT_NE(expectWhatItMeans(p, text, GetParam()), plainGemm(p));
}

INSTANTIATE_TEST_SUITE_P(
    Schedules, TemplateLoops,
    testing::Values("", "kind=multistage tile=64x64x64",
                    "kind=cooperative tile=64x32x64 warps=4x1",
                    "kind=pingpong tile=64x32x64 warps=4x1 stages=3"));

/// A kernel may have the name that a stage would have.
TEST(TemplateNames, OfAStage) {
  GemmProblem p = problemFor(OutputType::F32);
  EXPECT_EQ(expectWhatItMeans(p, changed(builtIn(), "@gemm<", "@stage0<")),
            plainGemm(p));
}

/// A tile of scale factors that is for both sides lies row by row, though the
/// rows of multiplies are those of packed factors.
TEST(TemplateScales, ForBothSides) {
  GemmProblem p = problemFor(OutputType::F32);
  std::string text =
      changed(builtIn(), "tile.yield %s : !tile.acc",
              "%u = tile.dot_scaled %a, %sa, %a, %sa, %c : "
              "!tile.tile<[BM, BK]>, !tile.scale_tile<[BM, BK]>, "
              "!tile.tile<[BM, BK]>, !tile.scale_tile<[BM, BK]>, "
              "!tile.acc<[BM, BN]>\n"
              "tile.yield %s : !tile.acc");
  for (size_t at; (at = text.find(", BN]")) != std::string::npos;)
    text.replace(at, 5, ", BM]");
  for (size_t at; (at = text.find("[BN,")) != std::string::npos;)
    text.replace(at, 4, "[BM,");
  text = changed(text, "by (BM, BN)", "by (BM, BM)");
  EXPECT_EQ(
      expectWhatItMeans(p, text, "kind=multistage tile=64x64x64 warps=1x1"),
      plainGemm(p));
}

INSTANTIATE_TEST_SUITE_P(Epilogues, Template, testing::ValuesIn(epilogues),
                         [](const testing::TestParamInfo<Epilogue> &info) {
                           return info.param.name;
                         });

} // namespace
