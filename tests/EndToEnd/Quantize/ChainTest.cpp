// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What nybl_quantize makes goes on into nybl_launch, on one stream, and what it
// refuses.

#include "tests/EndToEnd/Quantize/QuantizeRoad.h"
#include "tests/Oracle/Data.h"
#include "tests/Oracle/Gemm.h"
#include <bit>
#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::road;

namespace {

class Chain : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    session = Session::get();
    ASSERT_NE(session, nullptr);
  }
  driver::Buffer buffer(uint64_t bytes, uint8_t fill) {
    driver::Buffer made =
        std::move(*driver::Buffer::allocate(session->memory, bytes));
    std::vector<uint8_t> image(bytes, fill);
    (void)made.upload(0, image.data(), bytes);
    return made;
  }
  nybl_plan *plan(const std::string &line) {
    std::string error;
    nybl_plan *made = planOf(*session, line, &error);
    EXPECT_NE(made, nullptr) << error;
    return made;
  }
  /// m = 128, where no size tells the layouts apart. Rows of q have room for
  /// `room` columns.
  void makeOperands(ScaleLayout layout, int64_t room) {
    std::vector<float> values = oracle::normalValues(m, k, 5);
    x = buffer(m * k * 4, 0);
    (void)x.upload(0, values.data(), values.size() * 4);
    q = buffer(m * room / 2, 0xff);
    scales = buffer(byteSize(layout, m, k / 16), 0xff);
    args = {};
    args.size = sizeof args;
    args.m = m;
    args.x = {x.address(), x.bytes(), k * 4};
    args.q = {q.address(), q.bytes(), room / 2};
    args.q_scales = {scales.address(), scales.bytes(), m,
                     static_cast<uint32_t>(layout), 0};
    args.global = {NYBL_SCALAR_HOST, NYBL_CONVENTION_ENCODE, 0, 336.0f, 0};
  }
  oracle::QuantizedMatrix readBack(ScaleLayout layout) {
    oracle::QuantizedMatrix matrix(m, k);
    std::vector<uint8_t> packed(scales.bytes()), codes(q.bytes());
    (void)q.download(0, codes.data(), codes.size());
    (void)scales.download(0, packed.data(), packed.size());
    for (int64_t row = 0; row < m; ++row) {
      std::copy_n(codes.begin() + row * args.q.row_stride, k / 2,
                  matrix.codes.begin() + row * k / 2);
      for (int64_t b = 0; b < k / 16; ++b)
        matrix.setScale(row, b, packed[byteOffset(layout, k / 16, row, b)]);
    }
    return matrix;
  }
  /// The operands of a product of what args make with b, all but a's scales.
  nybl_gemm_args productWith(const oracle::QuantizedMatrix &b) {
    codes = buffer(b.codes.size(), 0);
    factors = buffer(b.scales.size(), 0);
    d = buffer(m * n * 4, 0);
    (void)codes.upload(0, b.codes.data(), b.codes.size());
    (void)factors.upload(0, b.scales.data(), b.scales.size());
    nybl_gemm_args product = {};
    product.size = sizeof product;
    product.m = m;
    product.a = args.q;
    product.b = {codes.address(), codes.bytes(), b.k / 2};
    product.b_scales = {factors.address(), factors.bytes(), n,
                        NYBL_LAYOUT_LINEAR, 1};
    product.d = {d.address(), d.bytes(), n * 4};
    product.alpha = {NYBL_SCALAR_HOST, NYBL_CONVENTION_ENCODE, 0, 336.0f, 0};
    return product;
  }
  /// One after the other on a stream; d is that of the oracle's.
  void expectProduct(nybl_plan *first, nybl_plan *second,
                     nybl_gemm_args product, ScaleLayout layout,
                     const oracle::QuantizedMatrix &b) {
    auto stream = driver::Stream::create(session->memory);
    args.stream = product.stream = stream->handle();
    ASSERT_EQ(nybl_quantize(first, &args, &product.a_scales), NYBL_OK)
        << nybl_last_error();
    ASSERT_EQ(nybl_launch(second, &product), NYBL_OK) << nybl_last_error();
    Status status = stream->synchronize();
    ASSERT_TRUE(status) << status.message();
    EXPECT_TRUE(takeReports(*session).empty());
    auto expected = oracle::gemm(readBack(layout), b, 1.0f / 336.0f,
                                 OutputType::F32, oracle::Model::MmaSim);
    ASSERT_TRUE(expected) << expected.message();
    std::vector<uint8_t> got(d.bytes());
    (void)d.download(0, got.data(), got.size());
    EXPECT_EQ(got, expected->bytes);
  }

  static constexpr int64_t m = 128, n = 24;
  int64_t k = 192;
  Session *session = nullptr;
  driver::Buffer x, q, scales, codes, factors, d;
  nybl_quantize_args args = {};
};

TEST_P(Chain, AProductOfWhatWasMadeIsTheOracles) {
  std::string word = GetParam();
  ScaleLayout layout = *parseScaleLayout(word);
  makeOperands(layout, k);
  nybl_plan *first = plan("quantize k=192 x=f32 sf=" + word);
  nybl_plan *second = plan("gemm n=24 k=192 d=f32 sfb=linear sfa=" + word);
  ASSERT_TRUE(first && second);
  auto b = oracle::randomMatrix(n, k, 9);
  nybl_gemm_args product = productWith(b);
  // A raw pointer would have to be trusted.
  product.a_scales = args.q_scales;
  EXPECT_EQ(nybl_launch(second, &product), NYBL_REFUSED);
  EXPECT_NE(std::string(nybl_last_error()).find("trust_layout"),
            std::string::npos);
  expectProduct(first, second, product, layout, b);
}

INSTANTIATE_TEST_SUITE_P(Layouts, Chain,
                         testing::Values("linear", "128x4", "8x4"));

/// Kernels that copy by TMA take a K of whole 32 columns alone: a product of
/// more columns than were made, for the scale factors of padding K blocks are
/// 0, and what numbers b and q hold there contributes nothing.
class ChainOfMoreColumns : public Chain {};

TEST_P(ChainOfMoreColumns, IsThatOfTheRealOnes) {
  std::string word = GetParam();
  ScaleLayout layout = *parseScaleLayout(word);
  k = 48;
  makeOperands(layout, 64);
  nybl_plan *first = plan("quantize k=48 x=f32 sf=" + word);
  nybl_plan *second = plan("gemm n=24 k=64 d=f32 sfb=linear sfa=" + word);
  ASSERT_TRUE(first && second);
  auto wide = oracle::randomMatrix(n, 64, 9);
  oracle::QuantizedMatrix b(n, k);
  for (int64_t row = 0; row < n; ++row) {
    std::copy_n(wide.codes.begin() + row * 32, k / 2,
                b.codes.begin() + row * k / 2);
    for (int64_t block = 0; block < k / 16; ++block)
      b.setScale(row, block, wide.scale(row, block));
  }
  expectProduct(first, second, productWith(wide), layout, b);
}

INSTANTIATE_TEST_SUITE_P(Layouts, ChainOfMoreColumns,
                         testing::Values("128x4", "8x4"));

struct Refusal {
  const char *what;
  std::function<void(nybl_quantize_args &)> spoil;
};

class Refusals : public Chain {};

TEST_F(Refusals, SayWhatWasExpected) {
  makeOperands(ScaleLayout::T128x4, k);
  nybl_plan *first = plan("quantize k=192 x=f32 sf=128x4");
  ASSERT_TRUE(first);
  const Refusal refusals[] = {
      {"x.pointer: expected a multiple of 16",
       [](auto &a) { a.x.pointer += 8; }},
      {"x.row_stride: expected a multiple of 16",
       [](auto &a) { a.x.row_stride += 8; }},
      {"x.bytes: expected at least", [](auto &a) { a.x.bytes -= 1; }},
      {"x.row_stride: expected at least 768",
       [](auto &a) { a.x.row_stride = 752; }},
      {"q.pointer: expected a multiple of 8",
       [](auto &a) { a.q.pointer += 4; }},
      {"q.bytes: expected at least", [](auto &a) { a.q.bytes -= 1; }},
      {"q_scales.layout: expected 128x4",
       [](auto &a) { a.q_scales.layout = NYBL_LAYOUT_8X4; }},
      {"q_scales.bytes: expected 1536", [](auto &a) { a.q_scales.bytes -= 1; }},
      {"q_scales.rows_allocated: expected at least the 128",
       [](auto &a) { a.q_scales.rows_allocated = 127; }},
      {"q: expected an output that overlaps no other",
       [](auto &a) { a.q.pointer = a.x.pointer; }},
      {"q_scales: expected an output that overlaps no other",
       [](auto &a) { a.q_scales.pointer = a.x.pointer + 64; }},
      {"global.convention: expected 2 (encode",
       [](auto &a) { a.global.convention = NYBL_CONVENTION_DECODE; }},
      {"global.value: expected a positive",
       [](auto &a) { a.global.value = -1; }},
      {"global.kind: expected 1", [](auto &a) { a.global.kind = 0; }},
      {"m: expected at least 0", [](auto &a) { a.m = -1; }}};
  for (const Refusal &refusal : refusals) {
    nybl_quantize_args spoiled = args;
    refusal.spoil(spoiled);
    nybl_scales made = args.q_scales;
    EXPECT_EQ(nybl_quantize(first, &spoiled, &made), NYBL_REFUSED)
        << refusal.what;
    EXPECT_NE(std::string(nybl_last_error()).find(refusal.what),
              std::string::npos)
        << nybl_last_error();
    EXPECT_EQ(made.pointer, 0u);
  }
  args.m = 0;
  EXPECT_EQ(nybl_quantize(first, &args, nullptr), NYBL_OK);
}

TEST_F(Refusals, PlansOfOtherOperations) {
  nybl_plan *quantise = plan("quantize k=64"), *gemm = plan("gemm n=8 k=64");
  ASSERT_TRUE(quantise && gemm);
  nybl_quantize_args one = {};
  one.size = sizeof one;
  nybl_gemm_args other = {};
  other.size = sizeof other;
  EXPECT_EQ(nybl_quantize(gemm, &one, nullptr), NYBL_INVALID);
  EXPECT_EQ(nybl_launch(quantise, &other), NYBL_INVALID);
}

} // namespace
