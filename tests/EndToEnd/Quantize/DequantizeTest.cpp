// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elements of block-scaled tensors: every byte of y against code * factor * G
// on the host, with padding of q and of its scale factors poisoned.

#include "tests/EndToEnd/Quantize/QuantizeRoad.h"
#include "tests/Oracle/Data.h"
#include "tests/Oracle/Formats.h"
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::road;

namespace {

constexpr uint8_t paddingByte = 0x7f; // as a scale factor: NaN
constexpr int64_t gap = 16;           // bytes between rows

/// A launch, and what it needs.
struct Operands {
  driver::Buffer q, scales, y, global;
  nybl_dequantize_args args = {};
};

class Dequantize : public testing::Test {
protected:
  void SetUp() override {
    session = Session::get();
    ASSERT_NE(session, nullptr);
  }
  /// What is not real is poisoned.
  driver::Buffer upload(const std::vector<uint8_t> &bytes,
                        const std::function<bool(int64_t)> &isReal) {
    driver::Buffer made =
        std::move(*driver::Buffer::allocate(session->memory, bytes.size()));
    (void)made.upload(0, bytes.data(), bytes.size());
    auto *mark =
        session->extension<decltype(nyblEmuMarkPoison)>("nyblEmuMarkPoison");
    for (int64_t i = 0; i < int64_t(bytes.size()); ++i)
      if (!isReal(i))
        mark(made.address() + i, 1);
    return made;
  }
  Operands makeOperands(const DequantizeProblem &problem,
                        const oracle::QuantizedMatrix &a, float global) {
    Operands o;
    int64_t rowBytes = a.k / 2, stride = rowBytes + gap;
    std::vector<uint8_t> codes((a.rows + 1) * stride, paddingByte);
    for (int64_t row = 0; row < a.rows; ++row)
      std::copy_n(a.codes.begin() + row * rowBytes, rowBytes,
                  codes.begin() + row * stride);
    o.q = upload(codes, [&](int64_t i) {
      return i / stride < a.rows && i % stride < rowBytes;
    });
    std::vector<uint8_t> packed = packScales(a, problem.sf, paddingByte);
    std::vector<bool> real(packed.size());
    for (int64_t row = 0; row < a.rows; ++row)
      for (int64_t block = 0; block < a.blocks(); ++block)
        real[byteOffset(problem.sf, a.blocks(), row, block)] = true;
    o.scales = upload(packed, [&](int64_t i) { return real[i]; });
    int64_t yStride = a.k * byteWidth(problem.y) + gap;
    o.y = upload(std::vector<uint8_t>((a.rows + 1) * yStride, untouched),
                 [](int64_t) { return true; });
    o.args.size = sizeof o.args;
    o.args.m = a.rows;
    o.args.q = {o.q.address(), o.q.bytes(), stride};
    o.args.q_scales = {o.scales.address(), o.scales.bytes(), a.rows,
                       static_cast<uint32_t>(problem.sf), 1};
    o.args.y = {o.y.address(), o.y.bytes(), yStride};
    if (problem.global != GlobalKind::None)
      o.args.global = {NYBL_SCALAR_HOST,
                       uint32_t(problem.global == GlobalKind::Decode
                                    ? NYBL_CONVENTION_DECODE
                                    : NYBL_CONVENTION_ENCODE),
                       0, global, 0};
    return o;
  }
  std::vector<uint8_t> launch(nybl_plan *plan, Operands &o) {
    auto stream = driver::Stream::create(session->memory);
    o.args.stream = stream->handle();
    EXPECT_EQ(nybl_dequantize(plan, &o.args), NYBL_OK) << nybl_last_error();
    Status status = stream->synchronize();
    EXPECT_TRUE(status) << status.message();
    for (const std::string &report : takeReports(*session))
      ADD_FAILURE() << report;
    std::vector<uint8_t> bytes(o.y.bytes());
    (void)o.y.download(0, bytes.data(), bytes.size());
    return bytes;
  }
  nybl_plan *planFor(const DequantizeProblem &problem,
                     const std::string &templateText = "",
                     const std::string &schedule = "") {
    std::string error;
    nybl_plan *plan = planOf(*session, print(specialise(problem)), &error,
                             schedule, templateText);
    EXPECT_NE(plan, nullptr) << error;
    return plan;
  }
  void expectSame(const std::string &line, const oracle::QuantizedMatrix &a,
                  float global, const std::string &schedule = "");

  Session *session = nullptr;
};

oracle::FloatFormat formatOf(OutputType type) {
  return type == OutputType::BF16  ? oracle::kBf16
         : type == OutputType::F16 ? oracle::kF16
                                   : oracle::kF32;
}

/// The whole buffer of y. Code times factor is exact in f32.
std::vector<uint8_t> expectedOf(const DequantizeProblem &problem,
                                const oracle::QuantizedMatrix &a,
                                float global) {
  int64_t width = byteWidth(problem.y), stride = a.k * width + gap;
  std::vector<uint8_t> bytes((a.rows + 1) * stride, untouched);
  float g = problem.global == GlobalKind::None     ? 1
            : problem.global == GlobalKind::Encode ? 1 / global
                                                   : global;
  for (int64_t row = 0; row < a.rows; ++row)
    for (int64_t column = 0; column < a.k; ++column) {
      float element = oracle::decodeE2m1(a.code(row, column)) *
                      oracle::decodeUe4m3(a.scale(row, column / kBlock));
      uint32_t bits = oracle::encodeFloat(formatOf(problem.y), element * g);
      for (int64_t i = 0; i < width; ++i)
        bytes[row * stride + column * width + i] =
            static_cast<uint8_t>(bits >> (8 * i));
    }
  return bytes;
}

void Dequantize::expectSame(const std::string &line,
                            const oracle::QuantizedMatrix &a, float global,
                            const std::string &schedule) {
  SCOPED_TRACE(line + ", M = " + std::to_string(a.rows));
  auto problem = parseDequantize(line);
  ASSERT_TRUE(problem) << problem.message();
  nybl_plan *plan = planFor(*problem, "", schedule);
  ASSERT_NE(plan, nullptr);
  Operands o = makeOperands(*problem, a, global);
  std::vector<uint8_t> got = launch(plan, o);
  std::vector<uint8_t> want = expectedOf(*problem, a, global);
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_EQ(got[i], want[i]) << "byte " << i;
}

/// Each of the 256 factors with each of the 16 codes, in each place of a block:
/// NaN, the bit that says nothing, results that are subnormal or infinite.
TEST_F(Dequantize, EveryCodeWithEveryFactor) {
  oracle::QuantizedMatrix a(256, 256);
  for (int64_t row = 0; row < a.rows; ++row)
    for (int64_t column = 0; column < a.k; ++column) {
      a.setScale(row, column / kBlock, static_cast<uint8_t>(row));
      a.setCode(row, column, uint8_t((column + column / kBlock) % 16));
    }
  for (const char *type : {"bf16", "f16", "f32"}) {
    std::string line = std::string("dequantize k=256 y=") + type;
    expectSame(line + " global=none sf=linear", a, 1);
    for (float global : {0.0029761905f, 0x1.234568p-20f, 0x1p7f, 0x1p-126f})
      expectSame(line + " global=decode", a, global);
    expectSame(line + " global=encode sf=8x4", a, 336.7f);
  }
}

TEST_F(Dequantize, TailsOfRowsAndBlocks) {
  int64_t number = 0;
  for (const char *line :
       {"dequantize y=bf16 sf=128x4 k=", "dequantize y=f16 sf=8x4 k=",
        "dequantize y=f32 sf=linear global=encode k="})
    for (int64_t k : {16, 48, 80, 560})
      for (int64_t m : {1, 7, 9, 127, 130})
        expectSame(line + std::to_string(k),
                   oracle::randomMatrix(m, k, uint64_t(++number)), 0.37f);
}

class DequantizeOrders : public Dequantize,
                         public testing::WithParamInterface<const char *> {};

TEST_P(DequantizeOrders, EachGivesTheSame) {
  auto a = oracle::randomMatrix(130, 80, 6);
  inEveryOrder(*session, [&] {
    for (const char *schedule : {"", "tile=16x128x16 warps=1x2"})
      expectSame(GetParam() + std::string("k=80"), a, 0.37f, schedule);
  });
}

/// However many multiprocessors there are.
TEST_P(DequantizeOrders, ManyTilesForEachCta) {
  std::string line = GetParam() + std::string("k=16");
  auto problem = parseDequantize(line);
  ASSERT_TRUE(problem) << problem.message();
  const char *schedule = "tile=8x512x16 warps=2x4";
  nybl_plan *plan = planFor(*problem, "", schedule);
  ASSERT_NE(plan, nullptr);
  int64_t rows = rowsOfManyTiles(plan);
  ASSERT_GT(rows, 16);
  expectSame(line, oracle::randomMatrix(rows, 16, 7), 0.37f, schedule);
}

INSTANTIATE_TEST_SUITE_P(
    Lines, DequantizeOrders,
    testing::Values("dequantize y=bf16 sf=128x4 ",
                    "dequantize y=f32 sf=linear "
                    "global=encode ",
                    "dequantize y=f16 sf=8x4 global=none "));

/// What was quantised comes back, and what comes back is quantised to the same
/// bytes where a block's largest code is 6.
TEST_F(Dequantize, QuantisedAgainIsTheSame) {
  constexpr int64_t m = 33, k = 80;
  auto a = oracle::randomMatrix(m, k, 3);
  for (int64_t row = 0; row < m; ++row)
    for (int64_t block = 0; block < a.blocks(); ++block) {
      a.setCode(row, block * kBlock + (row + block) % kBlock, 7);
      a.setScale(row, block, uint8_t(1 + (row * a.blocks() + block) % 0x7e));
    }
  auto problem = parseDequantize("dequantize k=80 y=f32 global=none");
  nybl_plan *plan = planFor(*problem);
  ASSERT_NE(plan, nullptr);
  Operands o = makeOperands(*problem, a, 1);
  std::vector<uint8_t> y = launch(plan, o);
  Elements x{m, k, OutputType::F32, {}};
  for (int64_t i = 0; i < m * k; ++i) {
    uint32_t bits;
    std::memcpy(&bits, &y[i / k * o.args.y.row_stride + i % k * 4], 4);
    x.bits.push_back(bits);
  }
  auto back = parseQuantize("quantize k=80 x=f32 global=none");
  QuantizeRun run = quantize(*session, *back, x, {});
  ASSERT_TRUE(run.ok()) << run.error;
  for (int64_t row = 0; row < m; ++row) {
    for (int64_t i = 0; i < k / 2; ++i)
      ASSERT_EQ(run.q[row * (k / 2 + qGap) + i], a.codes[row * k / 2 + i]);
    for (int64_t block = 0; block < a.blocks(); ++block)
      ASSERT_EQ(run.scales[byteOffset(back->sf, a.blocks(), row, block)],
                a.scale(row, block));
  }
}

struct Spoiled {
  const char *what;
  std::function<void(nybl_dequantize_args &)> spoil;
};

TEST_F(Dequantize, RefusalsSayWhatWasExpected) {
  auto problem = parseDequantize("dequantize k=192 y=f32");
  nybl_plan *plan = planFor(*problem);
  ASSERT_NE(plan, nullptr);
  // m = 128, where no size tells the layouts apart.
  Operands o = makeOperands(*problem, oracle::randomMatrix(128, 192, 1), 1);
  const Spoiled cases[] = {
      {"y.pointer: expected a multiple of 16",
       [](auto &a) { a.y.pointer += 8; }},
      {"y.row_stride: expected a multiple of 16",
       [](auto &a) { a.y.row_stride += 8; }},
      {"y.row_stride: expected at least 768",
       [](auto &a) { a.y.row_stride = 752; }},
      {"q.pointer: expected a multiple of 8",
       [](auto &a) { a.q.pointer += 4; }},
      {"q.bytes: expected at least", [](auto &a) { a.q.bytes = 96; }},
      {"q_scales.bytes: expected 1536", [](auto &a) { a.q_scales.bytes -= 1; }},
      {"trust_layout", [](auto &a) { a.q_scales.trust_layout = 0; }},
      {"y: expected an output that overlaps no other",
       [](auto &a) { a.y.pointer = a.q.pointer; }},
      {"global.convention: expected",
       [](auto &a) { a.global.convention = NYBL_CONVENTION_ENCODE; }},
      {"global.value: expected a positive",
       [](auto &a) { a.global.value = -1; }}};
  for (const Spoiled &c : cases) {
    nybl_dequantize_args args = o.args;
    c.spoil(args);
    EXPECT_EQ(nybl_dequantize(plan, &args), NYBL_REFUSED) << c.what;
    EXPECT_NE(std::string(nybl_last_error()).find(c.what), std::string::npos)
        << c.what << ": " << nybl_last_error();
  }
  nybl_quantize_args other = {};
  other.size = sizeof other;
  EXPECT_EQ(nybl_quantize(plan, &other, nullptr), NYBL_INVALID);
  EXPECT_NE(std::string(nybl_last_error()).find("launch it by nybl_dequantize"),
            std::string::npos)
      << nybl_last_error();
  o.args.m = 0;
  EXPECT_EQ(nybl_dequantize(plan, &o.args), NYBL_OK);
}

/// The map of a template is the user's: here a clamp at 0. What goes where is
/// not.
TEST_F(Dequantize, ATemplateOfOnesOwn) {
  std::ifstream file(NYBL_SOURCE_DIR "/templates/dequantize.mlir");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  auto changed = [&](const std::string &from, const std::string &to) {
    std::string edited = text;
    size_t at = edited.find(from);
    EXPECT_NE(at, edited.npos) << from;
    return edited.replace(at, from.size(), to);
  };
  auto problem = parseDequantize("dequantize k=80 y=f32 global=none");
  nybl_plan *plan =
      planFor(*problem, changed("arith.mulf %e, %g", "arith.maximumf %e, %g"));
  ASSERT_NE(plan, nullptr);
  auto a = oracle::randomMatrix(5, 80, 4);
  Operands o = makeOperands(*problem, a, 1);
  std::vector<uint8_t> got = launch(plan, o);
  float first;
  std::memcpy(&first, got.data(), 4);
  EXPECT_EQ(first, std::max(1.0f, oracle::decodeE2m1(a.code(0, 0)) *
                                      oracle::decodeUe4m3(a.scale(0, 0))));
  std::string error;
  for (auto [from, to] :
       {std::pair("tile.load %Q[%m, %k]", "tile.load %Q[%m, %m]"),
        std::pair("%Y[%m, %k]", "%Y[%k, %k]")}) {
    EXPECT_EQ(planOf(*session, print(*problem), &error, "", changed(from, to)),
              nullptr);
    EXPECT_NE(error.find("refuted"), error.npos) << error;
  }
}

} // namespace
