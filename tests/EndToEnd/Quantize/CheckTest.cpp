// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is said of the operands of a quantisation: by NYBL_CHECK what they hold,
// by nybl_why_not_quantize every argument that a launch would refuse.

#include "nybl/nybl.hpp"
#include "runtime/Support/Safetensors.h"
#include "tests/EndToEnd/Gemm/Road.h"
#include "tests/Tools/Folder.h"
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::road;

namespace {

constexpr int64_t m = 37, k = 96, gap = 16;
using Lines = std::vector<std::string>;

class QuantizeCheck : public testing::Test {
protected:
  void SetUp() override {
    session = Session::get();
    ASSERT_NE(session, nullptr);
    auto options = face::sized<nybl_library_options>();
    options.cache_path = "";
    options.log = [](void *user, nybl_log_level level, const char *message) {
      if (level == NYBL_LOG_WARNING)
        static_cast<QuantizeCheck *>(user)->logged.push_back(message);
    };
    options.log_user = this;
    auto where = face::sized<nybl_device_options>();
    where.driver_path = NYBL_BINARY_DIR "/lib/emu/libcuda.so.1";
    ASSERT_EQ(face::Library::create(options, library), NYBL_OK);
    ASSERT_EQ(library.open(where, device), NYBL_OK) << nybl_last_error();
  }
  void TearDown() override { unsetenv("NYBL_CHECK_DUMP"); }

  /// x of ones, with NaN behind its rows; `columns` a row.
  void make(const std::string &text, OutputType type, int64_t columns = k) {
    line = text;
    width = byteWidth(type);
    stride = columns * width + gap;
    x.assign(size_t(m * stride), '\xff');
    uint32_t one = type == OutputType::BF16  ? 0x3f80
                   : type == OutputType::F16 ? 0x3c00
                                             : 0x3f800000;
    for (int64_t row = 0; row < m; ++row)
      for (int64_t column = 0; column < columns; ++column)
        put(row, column, one);
    args = face::sized<nybl_quantize_args>();
    args.m = m;
    args.x = {0x10000000, x.size(), stride};
    args.q = {0x20000000, m * k / 2, k / 2};
    args.q_scales = {0x30000000,
                     uint64_t(byteSize(ScaleLayout::T128x4, m, k / 16)), m,
                     NYBL_LAYOUT_128X4, 0};
    args.global = {NYBL_SCALAR_HOST, NYBL_CONVENTION_ENCODE, 0, 448.0f, 0};
  }
  void put(int64_t row, int64_t column, uint32_t bits) {
    std::memcpy(&x[size_t(row * stride + column * width)], &bits,
                size_t(width));
  }
  driver::Buffer uploaded(const std::string &bytes) {
    driver::Buffer made =
        std::move(*driver::Buffer::allocate(session->memory, bytes.size()));
    (void)made.upload(0, bytes.data(), bytes.size());
    return made;
  }
  /// The warnings, behind what all of them begin with.
  Lines linesLogged() const {
    Lines lines;
    for (const std::string &message : logged)
      if (message.starts_with("NYBL_CHECK: "))
        lines.push_back(message.substr(message.find("': ") + 3));
    return lines;
  }
  /// Launches with a global scale on the device; what was warned of.
  Lines found(float global = 448, bool check = true,
              const std::string &dump = "") {
    auto options = face::sized<nybl_prepare_options>();
    options.check = check;
    face::Plan plan;
    EXPECT_EQ(device.prepare(line, options, plan), NYBL_OK)
        << nybl_last_error();
    driver::Buffer data = uploaded(x),
                   q = uploaded(std::string(args.q.bytes, '\0')),
                   scales = uploaded(std::string(args.q_scales.bytes, '\0')),
                   scalar = uploaded(std::string(
                       reinterpret_cast<const char *>(&global), sizeof global));
    args.x.pointer = data.address();
    args.q.pointer = q.address();
    args.q_scales.pointer = scales.address();
    if (args.global.kind != NYBL_SCALAR_NONE)
      args.global = {NYBL_SCALAR_DEVICE, args.global.convention,
                     scalar.address(), 0, 0};
    logged.clear();
    EXPECT_EQ(nybl_quantize(plan.get(), &args, nullptr), NYBL_OK)
        << nybl_last_error();
    if (!dump.empty()) {
      EXPECT_EQ(nybl_dump_quantize(plan.get(), &args, dump.c_str()), NYBL_OK)
          << nybl_last_error();
    }
    EXPECT_TRUE(driver::synchronize(*session->memory, nullptr));
    return linesLogged();
  }

  Session *session = nullptr;
  face::Library library;
  face::Device device;
  Lines logged;
  std::string line, x;
  int64_t stride = 0, width = 0;
  nybl_quantize_args args = {};
};

TEST_F(QuantizeCheck, NamesRowAndColumnInEachType) {
  const std::tuple<const char *, OutputType, uint32_t, uint32_t> types[] = {
      {"bf16", OutputType::BF16, 0x7f80, 0xffc1},
      {"f16", OutputType::F16, 0x7c00, 0xfe01},
      {"f32", OutputType::F32, 0x7f800000, 0xffc00001}};
  for (auto [name, type, infinity, nan] : types) {
    make(std::string("quantize k=96 x=") + name, type);
    EXPECT_EQ(found(), Lines()) << "gaps are nobody's";
    put(36, 95, infinity);
    put(20, 7, nan);
    EXPECT_EQ(found(),
              (Lines{"x: 2 elements that are not finite, the first at row 20, "
                     "column 7"}))
        << name;
    EXPECT_NE(logged[0].find("'quantize m=37 k=96"), std::string::npos);
    EXPECT_EQ(found(448, false), Lines());
  }
}

TEST_F(QuantizeCheck, TheSecondHalfOfAFusedInputIsLookedAt) {
  make("quantize k=96 x=bf16 fuse=silu_mul", OutputType::BF16, 2 * k);
  EXPECT_EQ(found(), Lines());
  put(3, k + 5, 0x7f80);
  EXPECT_EQ(found(),
            (Lines{"x: 1 elements that are not finite, the first at row 3, "
                   "column 101"}));
}

TEST_F(QuantizeCheck, AGlobalScaleThatCannotBeUsed) {
  make("quantize k=96", OutputType::BF16);
  for (float value : {0.0f, -1.0f, INFINITY, NAN, 1e-45f, 3e38f})
    EXPECT_EQ(found(value), (Lines{"global: not a positive normal number with "
                                   "a normal reciprocal"}))
        << value;
  EXPECT_EQ(found(1e-30f), Lines());
  make("quantize k=96 global=none", OutputType::BF16);
  args.global = {};
  EXPECT_EQ(found(0), Lines());
}

TEST_F(QuantizeCheck, WritesTheLaunchForRun) {
  nybl::tests::Folder folder;
  make("quantize k=96 x=f16", OutputType::F16);
  put(1, 2, 0x7c00);
  setenv("NYBL_CHECK_DUMP", (folder / "").c_str(), 1);
  EXPECT_EQ(found(7, true, folder / "own.safetensors").size(), 2u);
  EXPECT_NE(logged.back().find("nybl run \"quantize m=37"), std::string::npos)
      << logged.back();
  auto files = folder.files();
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(nybl::tests::contentOf(folder / files[0]),
            nybl::tests::contentOf(folder / files[1]));
  auto file = SafetensorsFile::read(folder / "own.safetensors");
  ASSERT_TRUE(file) << file.message();
  const Tensor *dumped = file->find("x"), *global = file->find("global");
  ASSERT_TRUE(dumped && global);
  EXPECT_EQ(dumped->dtype, "F16");
  EXPECT_EQ(dumped->shape, (std::vector<int64_t>{m, k}));
  for (int64_t row = 0; row < m; ++row)
    EXPECT_EQ(std::memcmp(&dumped->bytes[size_t(row * k * width)],
                          &x[size_t(row * stride)], size_t(k * width)),
              0)
        << row;
  float value = 0;
  ASSERT_EQ(global->bytes.size(), sizeof value);
  std::memcpy(&value, global->bytes.data(), sizeof value);
  EXPECT_EQ(value, 7.0f);
}

/// Codes of 1 and scales of 1 in a layout with padding, where NaN is nobody's.
class DequantizeCheck : public QuantizeCheck {
protected:
  void make(const char *layout, const char *more = "") {
    line = fmt::format("dequantize k={} sf={}{}", k, layout, more);
    sf = *parseScaleLayout(layout);
    codes.assign(size_t(m * (k / 2)), '\x22');
    factors.assign(size_t(byteSize(sf, m, k / 16)), '\x7f');
    for (int64_t row = 0; row < m; ++row)
      for (int64_t block = 0; block < k / 16; ++block)
        factor(row, block) = 0x38;
    undo = face::sized<nybl_dequantize_args>();
    undo.m = m;
    undo.q = {0, codes.size(), k / 2};
    undo.q_scales = {0, factors.size(), m, uint32_t(sf), 1};
    undo.y = {0, uint64_t(m * k * 2), k * 2};
  }
  char &factor(int64_t row, int64_t block) {
    return factors[size_t(byteOffset(sf, k / 16, row, block))];
  }
  Lines found(float global = 1, const std::string &dump = "") {
    auto options = face::sized<nybl_prepare_options>();
    options.check = 1;
    face::Plan plan;
    EXPECT_EQ(device.prepare(line, options, plan), NYBL_OK)
        << nybl_last_error();
    driver::Buffer q = uploaded(codes), scales = uploaded(factors),
                   y = uploaded(std::string(undo.y.bytes, '\0')),
                   scalar = uploaded(std::string(
                       reinterpret_cast<const char *>(&global), sizeof global));
    undo.q.pointer = q.address();
    undo.q_scales.pointer = scales.address();
    undo.y.pointer = y.address();
    undo.global = {NYBL_SCALAR_DEVICE, NYBL_CONVENTION_DECODE, scalar.address(),
                   0, 0};
    logged.clear();
    EXPECT_EQ(nybl_dequantize(plan.get(), &undo), NYBL_OK) << nybl_last_error();
    if (!dump.empty()) {
      EXPECT_EQ(nybl_dump_dequantize(plan.get(), &undo, dump.c_str()), NYBL_OK)
          << nybl_last_error();
    }
    EXPECT_TRUE(driver::synchronize(*session->memory, nullptr));
    return linesLogged();
  }

  ScaleLayout sf = ScaleLayout::Linear;
  std::string codes, factors;
  nybl_dequantize_args undo = {};
};

TEST_F(DequantizeCheck, NamesRowAndKBlockInEachLayout) {
  for (const char *layout : {"linear", "128x4", "8x4"}) {
    make(layout);
    EXPECT_EQ(found(), Lines()) << "padding is nobody's";
    factor(36, 5) = '\x7f';
    factor(20, 3) = '\xff'; // the sign is no part of a scale
    factor(8, 2) = '\0';
    factor(9, 2) = '\0'; // above data that are zero: fine
    std::memset(&codes[size_t(9 * k / 2 + 16)], '\x80', 8);
    EXPECT_EQ(found(),
              (Lines{"q_scales: 2 NaN bytes, the first at row 20, K block 3",
                     "q_scales: 1 zero scales with data that is not zero, the "
                     "first at row 8, K block 2",
                     "y: 32 elements that are not finite, the first at row 20, "
                     "column 48"}))
        << layout;
    EXPECT_NE(logged[0].find("'dequantize m=37 k=96"), std::string::npos);
  }
}

TEST_F(DequantizeCheck, AGlobalScaleAndWhatItMakes) {
  make("128x4");
  const std::string unusable =
      "global: not a positive normal number with a normal reciprocal";
  EXPECT_EQ(found(0), (Lines{unusable}));
  EXPECT_EQ(found(INFINITY),
            (Lines{unusable, "y: 3552 elements that are not finite, the first "
                             "at row 0, column 0"}));
  make("128x4", " y=f16");
  EXPECT_EQ(found(65536), (Lines{"y: 3552 elements that are not finite, the "
                                 "first at row 0, column 0"}))
      << "a number that the type of y has not";
}

TEST_F(DequantizeCheck, WritesTheLaunchForRun) {
  nybl::tests::Folder folder;
  make("8x4");
  factor(3, 1) = '\x7f';
  setenv("NYBL_CHECK_DUMP", (folder / "").c_str(), 1);
  EXPECT_EQ(found(7, folder / "own.safetensors").size(), 3u);
  EXPECT_NE(logged.back().find("nybl run \"dequantize m=37"), std::string::npos)
      << logged.back();
  EXPECT_NE(logged.back().find("--out y.safetensors"), std::string::npos);
  auto files = folder.files();
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(nybl::tests::contentOf(folder / files[0]),
            nybl::tests::contentOf(folder / files[1]));
  auto file = SafetensorsFile::read(folder / "own.safetensors");
  ASSERT_TRUE(file) << file.message();
  const Tensor *q = file->find("q"), *scales = file->find("q_scale"),
               *global = file->find("global");
  ASSERT_TRUE(q && scales && global);
  EXPECT_EQ(q->shape, (std::vector<int64_t>{m, k / 2}));
  EXPECT_TRUE(std::equal(codes.begin(), codes.end(), q->bytes.begin(),
                         q->bytes.end(),
                         [](char a, uint8_t b) { return uint8_t(a) == b; }));
  EXPECT_EQ(scales->layout, "8x4");
  ASSERT_EQ(scales->bytes.size(), factors.size());
  EXPECT_EQ(std::memcmp(scales->bytes.data(), factors.data(), factors.size()),
            0);
  float value = 0;
  ASSERT_EQ(global->bytes.size(), sizeof value);
  std::memcpy(&value, global->bytes.data(), sizeof value);
  EXPECT_EQ(value, 7.0f);
}

TEST_F(DequantizeCheck, WhatIsRefusedIsSaidBeforeAnythingIsWritten) {
  nybl::tests::Folder folder;
  make("8x4");
  face::Plan plan, other;
  auto options = face::sized<nybl_prepare_options>();
  ASSERT_EQ(device.prepare(line, options, plan), NYBL_OK);
  ASSERT_EQ(device.prepare("quantize k=96", options, other), NYBL_OK);
  std::string path = folder / "none";
  undo.m = 0;
  EXPECT_EQ(nybl_dump_dequantize(plan.get(), &undo, path.c_str()),
            NYBL_REFUSED);
  undo.m = m;
  EXPECT_EQ(nybl_dump_dequantize(plan.get(), &undo, path.c_str()),
            NYBL_REFUSED);
  EXPECT_EQ(nybl_dump_dequantize(other.get(), &undo, path.c_str()),
            NYBL_INVALID);
  EXPECT_NE(std::string(nybl_last_error())
                .find("expected the plan of a 'dequantize', got one of a "
                      "'quantize'"),
            std::string::npos);
  EXPECT_TRUE(folder.files().empty());
}

TEST_F(DequantizeCheck, WhyNotNamesEachArgument) {
  make("8x4");
  undo.q = {0x10000002, codes.size() - 1, k / 2};
  undo.q_scales.pointer = 0x20000000;
  undo.q_scales.layout = NYBL_LAYOUT_128X4;
  undo.y.pointer = 0x30000000;
  undo.global = {NYBL_SCALAR_HOST, NYBL_CONVENTION_ENCODE, 0, 1.0f, 0};
  std::string text(4096, '\0');
  auto reasons = face::sized<nybl_reasons>();
  reasons.text = text.data();
  reasons.text_bytes = text.size();
  ASSERT_EQ(nybl_why_not_dequantize(device.get(), line.c_str(), nullptr, &undo,
                                    &reasons),
            NYBL_OK)
      << nybl_last_error();
  for (const char *part :
       {"q_scales.layout: ", "global.convention: ", "q.pointer: ", "q.bytes: "})
    EXPECT_NE(text.find(part), std::string::npos) << part << text.c_str();
  ASSERT_EQ(nybl_why_not_dequantize(device.get(), "quantize k=96", nullptr,
                                    &undo, &reasons),
            NYBL_OK);
  EXPECT_EQ(text.find("NYBL_INVALID: nybl_why_not_dequantize: expected no "
                      "nybl_dequantize_args, since the problem is a "
                      "'quantize'"),
            0u)
      << text.c_str();
}

TEST_F(QuantizeCheck, WhyNotNamesEachArgument) {
  make("quantize k=96", OutputType::BF16);
  auto whyNot = [&](const char *problem) {
    std::string text(4096, '\0');
    auto reasons = face::sized<nybl_reasons>();
    reasons.text = text.data();
    reasons.text_bytes = text.size();
    EXPECT_EQ(
        nybl_why_not_quantize(device.get(), problem, nullptr, &args, &reasons),
        NYBL_OK)
        << nybl_last_error();
    text = text.c_str();
    Lines lines;
    for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
      lines.push_back(text.substr(at, text.find(": expected", at) - at));
    return lines;
  };
  EXPECT_EQ(whyNot(line.c_str()), Lines());
  args.x.pointer += 4;
  args.x.row_stride = 8;
  args.q.bytes = 3;
  args.q_scales.layout = NYBL_LAYOUT_8X4;
  args.q_scales.bytes -= 1;
  args.global = {9, 9, 0, 0, 9};
  args.flags = 4;
  EXPECT_EQ(
      whyNot(line.c_str()),
      (Lines{"NYBL_REFUSED: q_scales.layout", "NYBL_REFUSED: q_scales.bytes",
             "NYBL_REFUSED: global.reserved", "NYBL_REFUSED: global.kind",
             "NYBL_REFUSED: global.convention", "NYBL_REFUSED: flags",
             "NYBL_REFUSED: x.pointer", "NYBL_REFUSED: x.row_stride",
             "NYBL_REFUSED: x.row_stride", "NYBL_REFUSED: q.bytes"}));
  args.m = -1;
  EXPECT_EQ(whyNot(line.c_str()), (Lines{"NYBL_REFUSED: m"}));
  for (const char *other : {"gemm n=8 k=64", "dequantize k=96"})
    EXPECT_EQ(whyNot(other), (Lines{"NYBL_INVALID: nybl_why_not_quantize"}))
        << other;
  args.size = 7;
  auto reasons = face::sized<nybl_reasons>();
  EXPECT_EQ(nybl_why_not_quantize(device.get(), line.c_str(), nullptr, &args,
                                  &reasons),
            NYBL_INVALID);
}

} // namespace
