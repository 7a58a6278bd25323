// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The GEMM against the oracle: sizes, layouts and outputs, pairwise, with
// poisoned padding; the gate of docs/design.md; bits that must not move.

#include "tests/Oracle/Gemm.h"
#include "tests/EndToEnd/Gemm/Road.h"
#include "tests/Oracle/Data.h"
#include "tests/Oracle/Gate.h"

#include <array>
#include <cmath>
#include <fstream>
#include <gtest/gtest.h>
#include <limits>
#include <set>

using namespace nybl;

namespace {

constexpr int64_t mValues[] = {0,  1,  2,  5,   8,   15,  16,  17,
                               31, 33, 64, 100, 127, 128, 129, 257};
constexpr int64_t nValues[] = {8, 24, 136, 1536};
constexpr int64_t kValues[] = {16, 48, 64, 80, 384, 464, 4096};
constexpr ScaleLayout layouts[] = {ScaleLayout::Linear, ScaleLayout::T128x4,
                                   ScaleLayout::T8x4};
constexpr OutputType outputs[] = {OutputType::BF16, OutputType::F16,
                                  OutputType::F32};

struct Case {
  int m, n, k, sfa, sfb, d; ///< indices into the tables above
};

constexpr int sizes[] = {16, 4, 7, 3, 3, 3};

/// Every pair of values of any two parameters occurs: greedily, the candidate
/// that covers most pairs nobody covers yet.
std::vector<Case> pairwise() {
  std::set<std::array<int, 4>> open; // parameter, value, parameter, value
  for (int p = 0; p < 6; ++p)
    for (int q = p + 1; q < 6; ++q)
      for (int i = 0; i < sizes[p]; ++i)
        for (int j = 0; j < sizes[q]; ++j)
          open.insert({p, i, q, j});
  oracle::Random random(1);
  std::vector<Case> cases;
  auto covers = [&](const std::array<int, 6> &v, auto visit) {
    for (int p = 0; p < 6; ++p)
      for (int q = p + 1; q < 6; ++q)
        visit(std::array{p, v[p], q, v[q]});
  };
  while (!open.empty()) {
    std::array<int, 6> best{};
    size_t bestCount = 0;
    for (int attempt = 0; attempt < 60; ++attempt) {
      std::array<int, 6> v{};
      for (int p = 0; p < 6; ++p)
        v[p] = static_cast<int>(random.next() % sizes[p]);
      auto &seed = *open.begin(); // so that each round makes progress
      v[seed[0]] = seed[1];
      v[seed[2]] = seed[3];
      size_t count = 0;
      covers(v, [&](const std::array<int, 4> &pair) {
        count += open.contains(pair);
      });
      if (count > bestCount) {
        best = v;
        bestCount = count;
      }
    }
    covers(best, [&](const std::array<int, 4> &pair) { open.erase(pair); });
    cases.push_back({best[0], best[1], best[2], best[3], best[4], best[5]});
  }
  return cases;
}

const std::vector<Case> &cases() {
  static const std::vector<Case> list = pairwise();
  return list;
}

GemmProblem problemOf(const Case &c) {
  GemmProblem p;
  p.n = nValues[c.n];
  p.k = kValues[c.k];
  p.sfa = layouts[c.sfa];
  p.sfb = layouts[c.sfb];
  p.d = outputs[c.d];
  return p;
}

std::string nameOf(const testing::TestParamInfo<int> &info) {
  const Case &c = cases()[info.param];
  auto word = [](std::string_view text) { return std::string(text); };
  return "m" + std::to_string(mValues[c.m]) + "_n" +
         std::to_string(nValues[c.n]) + "_k" + std::to_string(kValues[c.k]) +
         "_" + word(name(layouts[c.sfa])) + "_" + word(name(layouts[c.sfb])) +
         "_" + word(name(outputs[c.d]));
}

/// Bit-equal to the named model of the multiply, whatever the data.
void expectModel(const GemmProblem &p, const oracle::QuantizedMatrix &a,
                 const oracle::QuantizedMatrix &b, float alpha,
                 const std::vector<uint8_t> &d) {
  auto expected = oracle::gemm(a, b, alpha, p.d, oracle::Model::MmaSim);
  ASSERT_TRUE(expected) << expected.message();
  EXPECT_TRUE(d == expected->bytes) << oracle::gate(d, p.d, *expected).text();
}

/// The gate of docs/design.md against exact integers. It speaks of calibrated
/// data: where sums cancel to almost nothing, truncation is more than an ulp.
void expectGate(const GemmProblem &p, const oracle::QuantizedMatrix &a,
                const oracle::QuantizedMatrix &b, float alpha,
                const std::vector<uint8_t> &d) {
  auto expected = oracle::gemmExact(a, b, alpha, p.d);
  ASSERT_TRUE(expected) << expected.message();
  oracle::GateResult result = oracle::gate(d, p.d, *expected);
  EXPECT_TRUE(result.passed) << result.text();
}

class GemmMatrix : public testing::TestWithParam<int> {};

TEST_P(GemmMatrix, AgreesWithTheOracleWhateverThePaddingHolds) {
  road::Session *session = road::Session::get();
  ASSERT_TRUE(session);
  const Case &c = cases()[GetParam()];
  GemmProblem p = problemOf(c);
  int64_t m = mValues[c.m];
  // Harsh data for f32, where the model decides each bit; calibrated data for
  // the narrow outputs, where the gate against exact integers applies as well.
  bool harsh = p.d == OutputType::F32 || m == 0;
  road::Options clean;
  oracle::QuantizedMatrix a = oracle::randomMatrix(m, p.k, 11, 0x20, 0x58);
  oracle::QuantizedMatrix b = oracle::randomMatrix(p.n, p.k, 77, 0x20, 0x58);
  if (!harsh) {
    auto x = oracle::normalMatrix(m, p.k, 11 + GetParam());
    auto w = oracle::normalMatrix(p.n, p.k, 77 + GetParam());
    a = x.matrix;
    b = w.matrix;
    clean.alpha = oracle::alphaOf(x.decode, w.decode);
  }
  road::Run base = road::gemm(*session, p, a, b, clean);
  ASSERT_TRUE(base.ok()) << base.error
                         << (base.reports.empty() ? "" : base.reports[0]);
  ASSERT_EQ(static_cast<int64_t>(base.d.size()), m * p.n * byteWidth(p.d));
  if (m == 0)
    return; // nothing is launched, nothing is written
  expectModel(p, a, b, clean.alpha, base.d);
  if (!harsh)
    expectGate(p, a, b, clean.alpha, base.d);
  road::Options poisoned = clean;
  poisoned.poison = 0x7f;
  road::Run marked = road::gemm(*session, p, a, b, poisoned);
  ASSERT_TRUE(marked.ok()) << marked.error
                           << (marked.reports.empty() ? "" : marked.reports[0]);
  EXPECT_EQ(marked.d, base.d) << "a padding byte changed a real row";
}

INSTANTIATE_TEST_SUITE_P(Pairwise, GemmMatrix,
                         testing::Range(0, static_cast<int>(cases().size())),
                         nameOf);

/// Non-interference, watched: real rows are bit-equal whatever the poison.
TEST(Gemm, PaddingOfAnyValueChangesNoBit) {
  road::Session *session = road::Session::get();
  ASSERT_TRUE(session);
  for (ScaleLayout layout : layouts) {
    GemmProblem p;
    p.n = 136;
    p.k = 464; // 29 K blocks: the last word of each row is part padding
    p.sfa = p.sfb = layout;
    p.d = OutputType::F32;
    auto a = oracle::randomMatrix(5, p.k, 3, 0x20, 0x58);
    auto b = oracle::randomMatrix(p.n, p.k, 4, 0x20, 0x58);
    road::Run clean = road::gemm(*session, p, a, b, {});
    ASSERT_TRUE(clean.ok()) << clean.error;
    for (int poison : {0x00, 0x38, 0x7e, 0x7f, 0x80, 0xff}) {
      road::Options options;
      options.poison = static_cast<uint8_t>(poison);
      road::Run run = road::gemm(*session, p, a, b, options);
      ASSERT_TRUE(run.ok())
          << run.error << (run.reports.empty() ? "" : run.reports[0]);
      EXPECT_EQ(run.d, clean.d) << name(layout) << " " << poison;
    }
  }
}

/// Alpha in all its forms is the same number.
TEST(Gemm, AlphaFromTheDeviceAndFromTheHostAreTheSame) {
  road::Session *session = road::Session::get();
  ASSERT_TRUE(session);
  GemmProblem p;
  p.n = 24;
  p.k = 64;
  p.d = OutputType::F32;
  auto a = oracle::randomMatrix(17, p.k, 5, 0x30, 0x40);
  auto b = oracle::randomMatrix(p.n, p.k, 6, 0x30, 0x40);
  road::Options device;
  device.alpha = 0.25f;
  road::Run base = road::gemm(*session, p, a, b, device);
  ASSERT_TRUE(base.ok()) << base.error;
  for (bool host : {false, true})
    for (bool encode : {false, true}) {
      road::Options o;
      o.hostAlpha = host;
      o.encodeAlpha = encode;
      o.alpha = encode ? 4.0f : 0.25f;
      road::Run run = road::gemm(*session, p, a, b, o);
      ASSERT_TRUE(run.ok()) << run.error;
      EXPECT_EQ(run.d, base.d) << host << encode;
    }
  GemmProblem none = p;
  none.alpha = AlphaKind::None;
  road::Options one;
  one.alpha = 1.0f;
  EXPECT_EQ(road::gemm(*session, none, a, b, {}).d,
            road::gemm(*session, p, a, b, one).d);
}

/// A NaN or infinite alpha on the device is read when the kernel runs, and
/// comes out as what it is; on the host it is refused.
TEST(Gemm, NanAlpha) {
  road::Session *session = road::Session::get();
  ASSERT_TRUE(session);
  GemmProblem p;
  p.n = 8;
  p.k = 16;
  p.d = OutputType::F32;
  auto a = oracle::randomMatrix(1, p.k, 5, 0x30, 0x40);
  auto b = oracle::randomMatrix(p.n, p.k, 6, 0x30, 0x40);
  road::Options nan;
  nan.alpha = std::numeric_limits<float>::quiet_NaN();
  road::Run device = road::gemm(*session, p, a, b, nan);
  ASSERT_TRUE(device.ok()) << device.error;
  for (int64_t i = 0; i < 8; ++i)
    EXPECT_TRUE(std::isnan(
        oracle::decodeElement(p.d, oracle::elementBits(p.d, device.d, i))));
  for (float bad : {nan.alpha, 0.0f, std::numeric_limits<float>::infinity()}) {
    road::Options host;
    host.hostAlpha = true;
    host.alpha = bad;
    road::Run run = road::gemm(*session, p, a, b, host);
    EXPECT_EQ(run.status, NYBL_REFUSED);
    EXPECT_NE(run.error.find("alpha"), std::string::npos) << run.error;
  }
}

/// n = 0 needs no kernel and launches none.
TEST(Gemm, NoColumns) {
  road::Session *session = road::Session::get();
  ASSERT_TRUE(session);
  GemmProblem p;
  p.n = 0;
  p.k = 16;
  auto a = oracle::randomMatrix(3, p.k, 5, 0x30, 0x40);
  oracle::QuantizedMatrix b(0, p.k);
  road::Run run = road::gemm(*session, p, a, b, {});
  EXPECT_TRUE(run.ok()) << run.error;
  EXPECT_TRUE(run.d.empty());
}

/// Scales at the ends of their range, zero data under large scales, NaN scales
/// of real rows: what the oracle says, and nothing in neighbouring rows.
TEST(Gemm, AdversarialData) {
  road::Session *session = road::Session::get();
  ASSERT_TRUE(session);
  GemmProblem p;
  p.n = 24;
  p.k = 80;
  p.d = OutputType::F32;
  p.sfa = ScaleLayout::T8x4;
  for (oracle::Adversary kind : oracle::kAdversaries) {
    auto a = oracle::adversarialMatrix(kind, 33, p.k, 9);
    auto b = oracle::adversarialMatrix(kind, p.n, p.k, 10);
    a.setScale(7, 2, 0x7f);
    road::Options options;
    options.poison = 0xff;
    options.alpha = 1.0f;
    road::Run run = road::gemm(*session, p, a, b, options);
    ASSERT_TRUE(run.ok()) << run.error
                          << (run.reports.empty() ? "" : run.reports[0]);
    expectModel(p, a, b, 1.0f, run.d);
  }
}

/// A user's template: the built-in one with a ReLU behind it.
TEST(Gemm, AUsersTemplate) {
  road::Session *session = road::Session::get();
  ASSERT_TRUE(session);
  std::ifstream file(NYBL_SOURCE_DIR "/templates/gemm.mlir");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  std::string yield = "tile.yield %y : f32";
  size_t at = text.find(yield);
  ASSERT_NE(at, std::string::npos);
  text.replace(at, yield.size(),
               "%none = arith.constant 0.0 : f32\n"
               "%z = arith.maxnumf %y, %none : f32\ntile.yield %z : f32");
  GemmProblem p;
  p.n = 24;
  p.k = 80;
  p.d = OutputType::F32;
  auto a = oracle::randomMatrix(17, p.k, 5, 0x30, 0x48);
  auto b = oracle::randomMatrix(p.n, p.k, 6, 0x30, 0x48);
  road::Options options;
  options.templateText = text;
  options.poison = 0x7f;
  options.alpha = 1.0f;
  road::Run run = road::gemm(*session, p, a, b, options);
  ASSERT_TRUE(run.ok()) << run.error;
  auto plain = oracle::gemm(a, b, 1.0f, p.d, oracle::Model::MmaSim);
  for (int64_t i = 0; i < 17 * p.n; ++i)
    EXPECT_EQ(oracle::decodeElement(p.d, oracle::elementBits(p.d, run.d, i)),
              std::fmax(oracle::decodeElement(
                            p.d, oracle::elementBits(p.d, plain->bytes, i)),
                        0.0));
}

} // namespace
