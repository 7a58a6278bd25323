// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The problem lines of a quantisation and of what undoes it.

#include "runtime/Abi/QuantizeProblem.h"

#include <gtest/gtest.h>

using namespace nybl;

namespace {

TEST(QuantizeProblem, DefaultsAreWrittenOut) {
  auto p = parseQuantize("quantize k=7168");
  ASSERT_TRUE(p) << p.message();
  EXPECT_EQ(print(*p), "quantize m=? k=7168 x=bf16 q=nvfp4 sf=128x4 "
                       "global=encode math=exact pad=none fuse=none");
}

TEST(QuantizeProblem, ParsingWhatIsPrintedGivesTheProblem) {
  for (OutputType x : {OutputType::BF16, OutputType::F16, OutputType::F32})
    for (ScaleLayout sf :
         {ScaleLayout::Linear, ScaleLayout::T128x4, ScaleLayout::T8x4})
      for (GlobalKind global :
           {GlobalKind::None, GlobalKind::Encode, GlobalKind::Decode})
        for (QuantizeMath math : {QuantizeMath::Exact, QuantizeMath::Fast})
          for (bool padRows : {false, true}) {
            QuantizeProblem p;
            p.m = {1, 32};
            p.k = 48;
            p.x = x;
            p.sf = sf;
            p.global = global;
            p.math = math;
            p.padRows = padRows;
            p.fuse = padRows ? QuantizeFuse::SiluMul : QuantizeFuse::None;
            auto parsed = parseAnyProblem(print(p));
            ASSERT_TRUE(parsed) << parsed.message();
            EXPECT_EQ(*parsed, AnyProblem(p));
            EXPECT_EQ(std::get<QuantizeProblem>(specialise(*parsed)).m,
                      Extent::free());
          }
}

TEST(QuantizeProblem, TheFirstWordSaysWhich) {
  auto gemm = parseAnyProblem("gemm n=8 k=16");
  ASSERT_TRUE(gemm) << gemm.message();
  EXPECT_TRUE(std::holds_alternative<GemmProblem>(*gemm));
  auto dequantize = parseAnyProblem("dequantize k=16");
  ASSERT_TRUE(dequantize) << dequantize.message();
  EXPECT_TRUE(std::holds_alternative<DequantizeProblem>(*dequantize));
  EXPECT_EQ(parseAnyProblem("requantize k=16").message(),
            "at word 1 'requantize': unknown operation: expected gemm, "
            "quantize or dequantize");
  EXPECT_EQ(parseQuantize("gemm k=16").message(),
            "at word 1 'gemm': expected quantize");
}

TEST(DequantizeProblem, ParsingWhatIsPrintedGivesTheProblem) {
  EXPECT_EQ(print(*parseDequantize("dequantize k=7168")),
            "dequantize m=? k=7168 q=nvfp4 sf=128x4 y=bf16 global=decode");
  for (OutputType y : {OutputType::BF16, OutputType::F16, OutputType::F32})
    for (ScaleLayout sf :
         {ScaleLayout::Linear, ScaleLayout::T128x4, ScaleLayout::T8x4})
      for (GlobalKind global :
           {GlobalKind::None, GlobalKind::Encode, GlobalKind::Decode}) {
        DequantizeProblem p;
        p.m = {1, 32};
        p.k = 48;
        p.y = y;
        p.sf = sf;
        p.global = global;
        auto parsed = parseAnyProblem(print(p));
        ASSERT_TRUE(parsed) << parsed.message();
        EXPECT_EQ(*parsed, AnyProblem(p));
        EXPECT_EQ(std::get<DequantizeProblem>(specialise(*parsed)).m,
                  Extent::free());
      }
}

TEST(DequantizeProblem, ErrorsPointAtTheWord) {
  const std::pair<const char *, const char *> table[] = {
      {"quantize k=16", "at word 1 'quantize': expected dequantize"},
      {"dequantize y=f32", "expected k=NUMBER in 'dequantize y=f32'"},
      {"dequantize k=16 x=f32",
       "at word 3 'x=f32': unknown key 'x': expected m, k, q, sf, y or "
       "global"},
      {"dequantize k=16 y=f8",
       "at word 3 'y=f8': expected y=bf16, f16 or f32, got 'f8'"}};
  for (auto [line, message] : table) {
    auto parsed = parseDequantize(line);
    ASSERT_FALSE(parsed) << line;
    EXPECT_EQ(parsed.message(), message);
  }
}

TEST(QuantizeProblem, ErrorsPointAtTheWord) {
  const std::pair<const char *, const char *> table[] = {
      {"quantize m=3", "expected k=NUMBER in 'quantize m=3'"},
      {"quantize k=70", "at word 2 'k=70': k must be a positive multiple of 16 "
                        "(one scale factor covers 16 elements), got 70"},
      {"quantize k=16 n=8",
       "at word 3 'n=8': unknown key 'n': expected m, k, x, q, sf, global, "
       "math, pad or fuse"},
      {"quantize k=16 x=f8",
       "at word 3 'x=f8': expected x=bf16, f16 or f32, got 'f8'"},
      {"quantize k=16 global=amax", "at word 3 'global=amax': expected "
                                    "global=encode, decode or none, got "
                                    "'amax'"},
      {"quantize k=16 math=quick",
       "at word 3 'math=quick': expected math=exact or fast, got 'quick'"},
      {"quantize k=16 pad=blocks",
       "at word 3 'pad=blocks': expected pad=rows or none, got 'blocks'"},
      {"quantize k=16 fuse=rmsnorm",
       "at word 3 'fuse=rmsnorm': expected fuse=none or silu_mul, got "
       "'rmsnorm'"},
      {"quantize k=16 k=32", "at word 3 'k=32': 'k' was given before, at word "
                             "2"}};
  for (auto [line, message] : table) {
    auto parsed = parseQuantize(line);
    ASSERT_FALSE(parsed) << line;
    EXPECT_EQ(parsed.status().code(), ErrorCode::Invalid);
    EXPECT_EQ(parsed.message(), message);
  }
}

} // namespace
