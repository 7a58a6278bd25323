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

/// The built-in template with `epilogue` behind %y; it computes %z.
std::string withEpilogue(const std::string &epilogue) {
  std::ifstream file(NYBL_SOURCE_DIR "/templates/gemm.mlir");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  std::string yield = "tile.yield %y : f32";
  size_t at = text.find(yield);
  EXPECT_NE(at, std::string::npos);
  if (at == std::string::npos)
    return text;
  return text.replace(at, yield.size(), epilogue + "tile.yield %z : f32");
}

struct Epilogue {
  const char *name, *text;
};

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
};

class Template : public testing::TestWithParam<Epilogue> {};

TEST_P(Template, TheDeviceDoesWhatItMeans) {
  road::Session *session = road::Session::get();
  ASSERT_TRUE(session);
  road::Options options;
  options.templateText = withEpilogue(GetParam().text);
  options.poison = 0x7f;
  options.alpha = 0.25f;
  for (OutputType type : {OutputType::F32, OutputType::BF16}) {
    GemmProblem p;
    p.n = 136;
    p.k = 80;
    p.sfa = ScaleLayout::T8x4;
    p.d = type;
    auto a = oracle::randomMatrix(17, p.k, 5, 0x20, 0x40);
    auto b = oracle::randomMatrix(p.n, p.k, 6, 0x20, 0x40);
    oracle::Instance instance(p, options.templateText);
    ASSERT_TRUE(instance.kernel);
    auto means =
        oracle::interpretTile(instance.kernel, {a, b, options.alpha}, type);
    ASSERT_TRUE(means) << means.message();
    // An epilogue that changes nothing would be no test of it.
    EXPECT_NE(
        means->bytes,
        oracle::gemm(a, b, options.alpha, type, oracle::Model::MmaSim)->bytes);
    road::Run run = road::gemm(*session, p, a, b, options);
    ASSERT_TRUE(run.ok()) << run.error
                          << (run.reports.empty() ? "" : run.reports[0]);
    EXPECT_EQ(run.d, means->bytes);
  }
}

INSTANTIATE_TEST_SUITE_P(Epilogues, Template, testing::ValuesIn(epilogues),
                         [](const testing::TestParamInfo<Epilogue> &info) {
                           return info.param.name;
                         });

} // namespace
