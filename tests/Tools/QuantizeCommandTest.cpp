// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl run of a quantisation, as a new user meets it: what is wrong with a file
// is said by tensor and with the word of the line that would take it, and what
// was made says its layout to whoever takes it further.

#include "runtime/Abi/ScaleLayout.h"
#include "runtime/Support/Safetensors.h"
#include "tests/Tools/Command.h"
#include <algorithm>
#include <csignal>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>

using namespace nybl;
using namespace nybl::tests;

namespace {

struct Part {
  std::string name, dtype;
  std::vector<int64_t> shape;
  std::string bytes;
  std::string layout = {};
};

std::string f32(float value) {
  return {reinterpret_cast<const char *>(&value), sizeof value};
}

/// Of ones.
Part x(int64_t rows, int64_t columns, const char *dtype = "BF16") {
  std::string one = dtype == std::string("F32") ? f32(1) : "\x80\x3f", bytes;
  for (int64_t i = 0; i < rows * columns; ++i)
    bytes += one;
  return {"x", dtype, {rows, columns}, bytes};
}

Part global(float value) { return {"global", "F32", {1}, f32(value)}; }

class QuantizeCommand : public testing::Test {
protected:
  void write(const char *file, const std::vector<Part> &parts) {
    std::vector<Tensor> tensors;
    for (const Part &part : parts) {
      Tensor &tensor = tensors.emplace_back();
      tensor.name = part.name;
      tensor.dtype = part.dtype;
      tensor.shape = part.shape;
      tensor.bytes = {reinterpret_cast<const uint8_t *>(part.bytes.data()),
                      part.bytes.size()};
      tensor.layout = part.layout;
    }
    Status status = writeSafetensors(folder / file, std::move(tensors));
    ASSERT_TRUE(status) << status.message();
  }
  Outcome run(const char *line, const char *in, const char *out,
              const char *device = "emu:sm_120a",
              const std::map<std::string, std::string> &environment = {}) {
    return nyblCommand({"run", line, "--in", folder / in, "--out", folder / out,
                        "--device", device},
                       environment);
  }
  /// Of a file with such an x.
  void expectRefused(const char *line, const Part &part, const char *sentence) {
    write("in", {part, global(448)});
    Outcome said = run(line, "in", "out");
    EXPECT_EQ(said.code, 2) << line;
    EXPECT_EQ(said.out, "");
    EXPECT_NE(said.err.find(sentence), said.err.npos) << sentence << "\n"
                                                      << said.err;
    EXPECT_EQ(std::count(said.err.begin(), said.err.end(), '\n'), 1);
    EXPECT_EQ(folder.files(), std::vector<std::string>{"in"});
  }
  Folder folder;
};

TEST_F(QuantizeCommand, SaysWhichWordTakesTheTensor) {
  expectRefused("quantize k=64", x(5, 64, "F32"),
                "expected BF16 [M, 64] with M in the problem line's range, got "
                "F32 [5, 64]: say x=f32\n");
  expectRefused("quantize k=64", x(5, 80), "got BF16 [5, 80]: say k=80\n");
  expectRefused("quantize k=64", x(5, 72), "got BF16 [5, 72]\n");
  expectRefused("quantize k=64 m=1..4", x(5, 64),
                "got BF16 [5, 64]: say m=5, or m=? for any number of rows\n");
  expectRefused("quantize k=64 fuse=silu_mul", x(5, 64),
                "expected BF16 [M, 128] with M in the problem line's range, "
                "got BF16 [5, 64]: a row has K gates and K numbers behind them "
                "where fuse=silu_mul\n");
  expectRefused("quantize k=64 fuse=silu_mul", x(5, 96),
                "got BF16 [5, 96]: say k=48\n");
  Part flat = x(5, 64);
  flat.shape = {320};
  expectRefused("quantize k=64", flat, "got BF16 [320]\n");
  flat.name = "y";
  expectRefused("quantize k=64", flat, "expected a tensor 'x' in '");
  expectRefused("quantize k=40", x(5, 40), "a positive multiple of 16");
  expectRefused("quantize k=64 global=none", x(5, 64), "say global=encode");
}

TEST_F(QuantizeCommand, AGlobalScaleThatCannotBeUsedIsRefused) {
  for (float value : {std::numeric_limits<float>::quiet_NaN(), -1.0f, 0.0f,
                      std::numeric_limits<float>::infinity()}) {
    write("in", {x(5, 64), global(value)});
    Outcome said = run("quantize k=64", "in", "out", "emu:sm_100a");
    EXPECT_EQ(said.code, 1);
    EXPECT_EQ(said.err.find("nybl: global.value: expected a positive normal "
                            "number with a normal reciprocal, got "),
              0u)
        << said.err;
  }
  EXPECT_EQ(folder.files(), std::vector<std::string>{"in"});
}

#ifdef NYBL_TEST_SIGNAL_ON_SYNC
TEST_F(QuantizeCommand, CtrlCWhileWritingLeavesWhatWasThere) {
  write("in", {x(5, 64), global(448)});
  writeText(folder / "out", "old");
  Outcome said = run("quantize k=64", "in", "out", "emu:sm_120a",
                     {{"LD_PRELOAD", NYBL_TEST_SIGNAL_ON_SYNC}});
  EXPECT_EQ(said.code, 128 + SIGINT) << said.err;
  EXPECT_EQ(contentOf(folder / "out"), "old");
  EXPECT_EQ(folder.files(), (std::vector<std::string>{"in", "out"}));
}

#endif

/// With 125 rows 8x4 and 128x4 have as many bytes, so only the tag tells.
TEST_F(QuantizeCommand, WhatWasMadeSaysItsLayoutToWhoTakesItFurther) {
  constexpr int64_t m = 125, k = 64;
  ASSERT_EQ(byteSize(ScaleLayout::T8x4, m, k / 16),
            byteSize(ScaleLayout::T128x4, m, k / 16));
  write("x", {x(m, k), global(448)});
  ASSERT_EQ(run("quantize k=64 sf=8x4", "x", "q").code, 0);
  auto made = SafetensorsFile::read(folder / "q");
  ASSERT_TRUE(made) << made.message();
  const Tensor &q = *made->find("q"), &scales = *made->find("q_scale");
  EXPECT_EQ(scales.layout, "8x4");
  Outcome back = run("dequantize k=64 sf=8x4 global=none", "q", "y");
  EXPECT_EQ(back.code, 0) << back.err;
  back = run("dequantize k=64 sf=128x4 global=none", "q", "z");
  EXPECT_EQ(back.code, 2);
  EXPECT_NE(back.err.find("tensor 'q_scale' in '" + (folder / "q") +
                          "': expected scale factors in 128x4, which the "
                          "problem line states, got a tensor that was made in "
                          "8x4, as the file's metadata ('q_scale.layout') "
                          "says: say sf=8x4, or make it anew\n"),
            back.err.npos)
      << back.err;
  auto bytesOf = [](const Tensor &t) {
    return std::string(t.bytes.begin(), t.bytes.end());
  };
  std::vector<Part> product = {
      {"a", "U8", q.shape, bytesOf(q)},
      {"a_scale", "U8", scales.shape, bytesOf(scales), scales.layout},
      {"b", "U8", q.shape, bytesOf(q)},
      {"b_scale", "U8", scales.shape, bytesOf(scales), scales.layout},
      {"alpha", "F32", {1}, f32(1)}};
  write("product", product);
  EXPECT_EQ(run("gemm n=125 k=64 sfa=8x4 sfb=8x4", "product", "d").code, 0);
  for (auto [line, said] :
       {std::pair("gemm n=125 k=64 sfa=128x4 sfb=8x4", "say sfa=8x4"),
        {"gemm n=125 k=64 sfa=8x4 sfb=128x4", "say sfb=8x4"}}) {
    Outcome refused = run(line, "product", "e");
    EXPECT_EQ(refused.code, 2);
    EXPECT_NE(refused.err.find(said), refused.err.npos) << refused.err;
  }
  for (Part &part : product)
    part.layout = "";
  write("untagged", product);
  EXPECT_EQ(run("gemm n=125 k=64 sfa=128x4 sfb=8x4", "untagged", "f").code, 0)
      << "at the line's word";
}

} // namespace
