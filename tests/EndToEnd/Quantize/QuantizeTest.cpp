// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every byte of every output against the formula on the host.

#include "tests/Oracle/Quantize.h"
#include "tests/EndToEnd/Quantize/QuantizeRoad.h"
#include "tests/Oracle/Data.h"
#include "tests/Oracle/Formats.h"
#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <gtest/gtest.h>
#include <set>

using namespace nybl;
using namespace nybl::road;

namespace {

Elements normal(OutputType type, int64_t rows, int64_t k, uint64_t seed) {
  Elements x{rows, k, type, {}};
  for (float value : oracle::normalValues(rows, k, seed))
    x.bits.push_back(encode(type, value));
  return x;
}

std::string templateText(const std::string &name) {
  std::ifstream file(NYBL_SOURCE_DIR "/templates/" + name + ".mlir");
  return {std::istreambuf_iterator<char>(file), {}};
}

void expectSame(Session &session, const QuantizeProblem &problem,
                const Elements &x, const QuantizeOptions &options) {
  QuantizeRun got = quantize(session, problem, x, options);
  ASSERT_TRUE(got.ok()) << print(problem) << ": " << got.error
                        << (got.reports.empty() ? "" : got.reports[0]);
  QuantizeRun want = expected(problem, x, options.global);
  for (auto [name, a, b] : {std::tuple("q", &got.q, &want.q),
                            std::tuple("scales", &got.scales, &want.scales)}) {
    ASSERT_EQ(a->size(), b->size());
    for (size_t i = 0; i < a->size(); ++i)
      ASSERT_EQ((*a)[i], (*b)[i]) << print(problem) << ", " << x.rows
                                  << " rows: byte " << i << " of " << name;
  }
}

class Quantize : public testing::Test {
protected:
  void SetUp() override {
    session = Session::get();
    ASSERT_NE(session, nullptr);
  }
  Session *session = nullptr;
};

/// Tails of rows and K blocks, layouts, math, padding of rows.
class QuantizeTails : public Quantize,
                      public testing::WithParamInterface<const char *> {};

TEST_P(QuantizeTails, EveryByteIsAsTheFormulaSays) {
  for (int64_t k : {16, 48, 64, 80, 560}) {
    auto problem = parseQuantize(GetParam() + std::to_string(k));
    ASSERT_TRUE(problem) << problem.message();
    for (int64_t m : {1, 7, 8, 9, 127, 128, 130})
      expectSame(*session, *problem,
                 normal(problem->x, m, problem->xColumns(), m * k), {336.0f});
  }
}

INSTANTIATE_TEST_SUITE_P(
    Lines, QuantizeTails,
    testing::Values("quantize x=bf16 sf=128x4 k=", "quantize x=f16 sf=8x4 k=",
                    "quantize x=f32 sf=linear k=",
                    "quantize x=bf16 sf=128x4 pad=rows math=fast k=",
                    "quantize x=f16 sf=8x4 pad=rows k=",
                    "quantize x=bf16 sf=linear pad=rows global=decode k=",
                    "quantize x=f32 sf=8x4 global=none math=fast k=",
                    "quantize x=bf16 sf=8x4 fuse=silu_mul k=",
                    "quantize x=f16 sf=128x4 pad=rows fuse=silu_mul k=",
                    "quantize x=f32 sf=linear fuse=silu_mul k=",
                    "quantize x=bf16 sf=128x4 math=fast fuse=silu_mul k="));

/// Every half-precision gate and what it opens, each beside two others.
class SiluMulPatterns : public Quantize,
                        public testing::WithParamInterface<const char *> {};

TEST_P(SiluMulPatterns, EveryHalfPrecisionGate) {
  auto problem = parseQuantize(GetParam());
  ASSERT_TRUE(problem) << problem.message();
  int64_t k = problem->k;
  for (bool patternIsGate : {true, false}) {
    Elements x{32, 2 * k, problem->x, {}};
    for (float value : oracle::normalValues(x.rows, x.k, patternIsGate))
      x.bits.push_back(encode(x.type, value));
    for (int64_t i = 0; i < x.rows * k; ++i) // as many as there are patterns
      x.bits[i / k * 2 * k + i % k + (patternIsGate ? 0 : k)] =
          static_cast<uint32_t>(i % k * 32 + i / k);
    expectSame(*session, *problem, x, {33.7f});
  }
}

INSTANTIATE_TEST_SUITE_P(Lines, SiluMulPatterns,
                         testing::Values("quantize k=2048 x=bf16 fuse=silu_mul",
                                         "quantize k=2048 x=f16 fuse=silu_mul",
                                         "quantize k=2048 x=bf16 math=fast "
                                         "fuse=silu_mul"));

/// Gates from -80 to 80 whose products are 2.5, above which the code is 3 and
/// no longer 2, or a unit in the last place beside it. One product of each
/// block is 6, so that its scale factor is 1.
Elements aroundATie(int64_t rows, int64_t k) {
  Elements x{rows, 2 * k, OutputType::F32, {}};
  x.bits.resize(rows * x.k);
  std::vector<float> gates = oracle::normalValues(rows, k, 5);
  for (int64_t i = 0; i < rows * k; ++i) {
    float gate = std::clamp(20 * gates[i], -80.0f, 80.0f);
    float up = 2.5f / oracle::siluMul(gate, 1);
    if (i % kBlock == 0)
      gate = 64, up = 6.0f / 64;
    else if (i % 3 != 0)
      up = std::nextafter(up, i % 3 == 1 ? 0.0f : 2 * up);
    uint32_t *bits = &x.bits[i / k * x.k + i % k];
    bits[0] = std::bit_cast<uint32_t>(gate);
    bits[k] = std::bit_cast<uint32_t>(up);
  }
  return x;
}

TEST_F(Quantize, EveryBitOfAProductCounts) {
  auto problem = parseQuantize("quantize k=1024 x=f32 sf=linear fuse=silu_mul");
  ASSERT_TRUE(problem) << problem.message();
  expectSame(*session, *problem, aroundATie(16, problem->k), {});
}

/// Proven, since the proof says nothing of arithmetic, but not the formula.
TEST_F(Quantize, ApproximateGatesInAnExactProblemAreSeen) {
  std::string text = templateText("quantize_silu_mul");
  size_t at = text.find("%up fast(fast)");
  ASSERT_NE(at, text.npos);
  text.replace(at, 14, "%up fast(1)");
  auto problem = parseQuantize("quantize k=1024 x=f32 sf=linear fuse=silu_mul");
  ASSERT_TRUE(problem) << problem.message();
  Elements x = aroundATie(16, problem->k);
  QuantizeRun got = quantize(*session, *problem, x, {1.0f, false, "", text});
  ASSERT_TRUE(got.ok()) << got.error;
  QuantizeRun want = expected(*problem, x, 1.0f);
  EXPECT_EQ(got.scales, want.scales);
  EXPECT_NE(got.q, want.q);
}

/// Each pattern as the block's amax and beside a larger element, in both
/// nibbles of the first and of the second load; and in each of the 16 places
/// among those that come before and behind it.
class QuantizePatterns
    : public Quantize,
      public testing::WithParamInterface<std::tuple<const char *, float>> {};

TEST_P(QuantizePatterns, EveryHalfPrecisionValue) {
  auto [line, global] = GetParam();
  auto problem = parseQuantize(line);
  ASSERT_TRUE(problem) << problem.message();
  constexpr int64_t places[] = {2, 5, 8, 15};
  for (bool alone : {true, false}) {
    Elements x{1024, problem->k, problem->x, {}};
    x.bits.assign(x.rows * x.k, encode(x.type, alone ? 0.0f : -1.5f));
    for (int64_t block = 0; block < x.rows * problem->blocks(); ++block)
      x.bits[block * kBlock + places[block / 65536]] =
          static_cast<uint32_t>(block % 65536);
    expectSame(*session, *problem, x, {global});
  }
  Elements x{256, problem->k, problem->x, {}};
  for (int64_t i = 0; i < x.rows * problem->k; ++i)
    x.bits.push_back(static_cast<uint32_t>((i / kBlock + i) % 65536));
  expectSame(*session, *problem, x, {global});
}

INSTANTIATE_TEST_SUITE_P(
    Lines, QuantizePatterns,
    testing::Combine(testing::Values("quantize k=4096 x=bf16 sf=128x4",
                                     "quantize k=4096 x=f16 sf=8x4",
                                     "quantize k=4096 x=bf16 math=fast",
                                     "quantize k=4096 x=f16 math=fast"),
                     testing::Values(1.0f, 336.7f)));

/// Blocks whose scale factor is each that there is, and each tie of two, with
/// what lies a unit in the last place beside it; their elements are the ties of
/// codes. E = 6 makes v the amax.
Elements aroundEveryScaleFactor() {
  std::vector<float> amaxima;
  for (uint8_t byte = 0; byte < 0x7f; ++byte) {
    float value = oracle::decodeE4m3(byte);
    float next = byte == 0x7e ? 480.0f : oracle::decodeE4m3(byte + 1);
    float tie = (value + next) / 2;
    for (float amax :
         {value, std::nextafter(tie, 0.0f), tie, std::nextafter(tie, 500.0f)})
      amaxima.push_back(amax);
  }
  while (amaxima.size() % 4 != 0)
    amaxima.push_back(0);
  Elements x{int64_t(amaxima.size()) / 4, 64, OutputType::F32, {}};
  constexpr float places[kBlock] = {6,     0.25f, -0.75f, 1.25f, -1.75f, 2.5f,
                                    -3.5f, 5,     0,      0.5f,  -1,     1.5f,
                                    -2,    3,     -4,     -6};
  for (float amax : amaxima)
    for (float place : places)
      x.bits.push_back(std::bit_cast<uint32_t>(amax * (place / 6)));
  return x;
}

TEST_F(Quantize, EveryScaleFactorAndItsTies) {
  Elements x = aroundEveryScaleFactor();
  for (const char *math : {"exact", "fast"}) {
    auto problem = parseQuantize(
        std::string("quantize k=64 x=f32 sf=linear math=") + math);
    ASSERT_TRUE(problem) << problem.message();
    for (float global : {6.0f, 0x1.8p-100f, 0x1.8p100f})
      expectSame(*session, *problem, x, {global});
    QuantizeRun want = expected(*problem, x, 6.0f);
    std::set<uint8_t> factors(want.scales.begin(), want.scales.end() - 16);
    EXPECT_EQ(factors.size(), 0x7fu) << "0x00 to 0x7e";
    EXPECT_EQ(*factors.rbegin(), 0x7e) << "never NaN: 464 and more saturate";
  }
}

/// As documented: NaN is seen, infinity saturates, what vanishes is 0.
TEST_F(Quantize, NanInfinityAndEdgesOfTheGlobalScale) {
  auto problem = parseQuantize("quantize k=64 x=f32 sf=linear");
  ASSERT_TRUE(problem);
  Elements x{1, 64, OutputType::F32, {}};
  x.bits.assign(64, std::bit_cast<uint32_t>(1.0f));
  x.bits[3] = 0x7fc00000;
  x.bits[16] = 0xff800000;
  for (int i = 32; i < 48; ++i)
    x.bits[i] = std::bit_cast<uint32_t>(0x1p-30f);
  QuantizeRun run = quantize(*session, *problem, x, {1.0f});
  ASSERT_TRUE(run.ok()) << run.error;
  EXPECT_EQ(run.scales[0], 0x7f);
  EXPECT_EQ(run.scales[1], 0x7e);
  EXPECT_EQ(run.scales[2], 0x00);
  EXPECT_EQ(run.q[0], 0x00);
  EXPECT_EQ(run.q[8] & 0xf, 0xf); // -6
  EXPECT_EQ(run.q[16], 0x00);
  for (float global : {0x1p126f, 0x1p-126f, 2688.0f, 0x1.8p-20f})
    expectSame(*session, *problem, x, {global, /*onDevice=*/true});
}

/// On the device nobody can look at it: all is NaN, nothing is laundered.
TEST_F(Quantize, AGlobalScaleThatIsNotPositiveMakesNan) {
  auto problem = parseQuantize("quantize k=64 x=f32 sf=linear");
  ASSERT_TRUE(problem);
  Elements x = normal(OutputType::F32, 1, 64, 1);
  for (float global : {0.0f, -1.0f, std::nanf("")}) {
    QuantizeRun run = quantize(*session, *problem, x, {global, true});
    ASSERT_TRUE(run.ok()) << run.error;
    for (int b = 0; b < 4; ++b)
      EXPECT_EQ(run.scales[b], 0x7f) << global;
    EXPECT_EQ(quantize(*session, *problem, x, {global}).status, NYBL_REFUSED);
  }
}

class QuantizeOrders : public Quantize,
                       public testing::WithParamInterface<const char *> {};

TEST_P(QuantizeOrders, EachGivesTheSame) {
  auto problem = parseQuantize(GetParam() + std::string("k=80"));
  ASSERT_TRUE(problem) << problem.message();
  Elements x = normal(problem->x, 130, problem->xColumns(), 3);
  inEveryOrder(*session, [&] {
    for (const char *schedule : {"", "tile=128x128x16 warps=2x4"})
      expectSame(*session, *problem, x, {336.0f, true, schedule});
  });
}

/// However many multiprocessors there are.
TEST_P(QuantizeOrders, ManyTilesForEachCta) {
  auto problem = parseQuantize(GetParam() + std::string("k=16"));
  ASSERT_TRUE(problem) << problem.message();
  std::string error;
  const char *schedule = "tile=8x512x16 warps=2x4";
  nybl_plan *plan =
      planOf(*session, print(specialise(*problem)), &error, schedule);
  ASSERT_NE(plan, nullptr) << error;
  int64_t rows = rowsOfManyTiles(plan);
  ASSERT_GT(rows, 16);
  expectSame(*session, *problem,
             normal(problem->x, rows, problem->xColumns(), 5),
             {336.0f, false, schedule});
}

INSTANTIATE_TEST_SUITE_P(
    Lines, QuantizeOrders,
    testing::Values("quantize x=bf16 sf=8x4 ",
                    "quantize x=f32 sf=linear math=fast global=decode ",
                    "quantize x=f16 sf=128x4 fuse=silu_mul "));

TEST_F(Quantize, ATemplateThatReadsTheWrongHalfIsRefuted) {
  std::string text = templateText("quantize_silu_mul");
  size_t at = text.find("half 1");
  ASSERT_NE(at, text.npos);
  text.replace(at, 6, "half 0");
  std::string error;
  EXPECT_EQ(planOf(*session, "quantize k=80 fuse=silu_mul", &error, "", text),
            nullptr);
  EXPECT_NE(error.find("refuted"), error.npos) << error;
}

/// A user's template is proven like the built-in one, and must mean the
/// problem.
TEST_F(Quantize, ATemplateOfOnesOwn) {
  std::string text = templateText("quantize");
  auto prepare = [&](const std::string &from, const std::string &to) {
    std::string edited = text;
    size_t at = edited.find(from);
    EXPECT_NE(at, edited.npos) << from;
    edited.replace(at, from.size(), to);
    nybl_prepare_options options = {};
    options.size = sizeof options;
    options.template_text = edited.c_str();
    nybl_plan *plan = nullptr;
    nybl_status status = nybl_prepare(session->device, "quantize k=80 pad=rows",
                                      &options, &plan);
    nybl_plan_destroy(plan);
    return status == NYBL_OK ? "" : std::string(nybl_last_error());
  };
  EXPECT_EQ(prepare("@quantize", "@mine"), "");
  EXPECT_NE(prepare("pad_rows(pad)", "pad_rows(0)")
                .find("expected pad_rows(1), since the problem says pad=rows"),
            std::string::npos);
  EXPECT_NE(prepare("%Q[%m, %k]", "%Q[%k, %k]").find("refuted"),
            std::string::npos)
      << nybl_last_error();
  EXPECT_NE(
      prepare("tile.load_elements %X[%m, %k]", "tile.load_elements %X[%m, %m]")
          .find("refuted"),
      std::string::npos)
      << nybl_last_error();
  EXPECT_NE(prepare("tile.store_scales", "tile.store_codes %q, %Q[%m, %k] : "
                                         "!tile.tile<[BM, BK]>, "
                                         "!tile.matrix<[M, K]>\n"
                                         "tile.store_scales")
                .find("a second time"),
            std::string::npos)
      << nybl_last_error();
}

} // namespace
