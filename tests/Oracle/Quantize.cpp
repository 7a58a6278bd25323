// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The host quantiser: see Quantize.h for the formula, step by step.
#include "tests/Oracle/Quantize.h"

#include "tests/Oracle/Formats.h"
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>

namespace nybl::oracle {

static constexpr float largestEncodeScale = 0x1p126f;

Expected<EncodeScale> encodeScaleFor(float amax) {
  if (!(amax >= 0) || std::isinf(amax))
    return Status::invalid(fmt::format(
        "expected a finite amax >= 0, got {}; look for NaN or infinity in the "
        "tensor before it is quantised",
        amax));
  if (amax == 0)
    return EncodeScale(1.0f);
  return EncodeScale(std::min(2688.0f / amax, largestEncodeScale));
}

float maxMagnitude(std::span<const float> values) {
  float largest = 0;
  for (float value : values)
    largest = std::fmax(largest, std::fabs(value));
  return largest;
}

float alphaOf(DecodeScale a, DecodeScale b) { return a.value * b.value; }

static Status check(size_t size, int64_t rows, int64_t k, EncodeScale encode) {
  if (rows < 0 || k < 0 || k % kScaleBlock != 0)
    return Status::invalid(
        fmt::format("expected rows >= 0 and k a multiple of 16, got rows = {}, "
                    "k = {}; pad k with zeros",
                    rows, k));
  if (size != static_cast<size_t>(rows) * static_cast<size_t>(k))
    return Status::invalid(fmt::format(
        "expected {} x {} elements to quantise, got {}", rows, k, size));
  float reciprocal = 1.0f / encode.value;
  if (!(encode.value > 0) || !std::isnormal(reciprocal))
    return Status::invalid(fmt::format(
        "expected an encode scale 2688/amax > 0 with a normal reciprocal, got "
        "{}; is it a decode scale or was the layer never calibrated?",
        encode.value));
  return Status::ok();
}

namespace {
/// One block on its way: 16 numbers in, one scale and 16 codes out.
struct Block {
  uint8_t scale = 0;
  uint8_t codes[kScaleBlock] = {};
};
} // namespace

static bool hasNan(std::span<const float> x) {
  return std::any_of(x.begin(), x.end(),
                     [](float value) { return std::isnan(value); });
}

/// The scale byte of a block without NaN, and what there is to count about it.
static uint8_t scaleOf(float amax, float encode, QuantizeCounts &counts) {
  float sixth = 1.0f / 6.0f;
  float encodeSixth = encode * sixth;
  float v = amax * encodeSixth;
  uint8_t scale = encodeE4m3(v);
  counts.zeroBlocks += amax == 0;
  counts.saturatedScales += v > 464;
  counts.vanishedScales += scale == 0 && amax != 0;
  counts.subnormalScales += scale > 0 && scale < 8;
  return scale;
}

static Block quantizeBlock(std::span<const float> x, float encode,
                           QuantizeCounts &counts) {
  Block block;
  ++counts.blocks;
  for (float value : x)
    counts.nonFiniteElements += !std::isfinite(value);
  if (hasNan(x)) {
    ++counts.nanScales;
    block.scale = 0x7f;
    return block;
  }
  block.scale = scaleOf(maxMagnitude(x), encode, counts);
  if (block.scale == 0)
    return block;
  float decode = 1.0f / encode;
  float step = decodeUe4m3(block.scale) * decode;
  float t = std::min(1.0f / step, std::numeric_limits<float>::max());
  for (int64_t i = 0; i < kScaleBlock; ++i) {
    float scaled = x[i] * t;
    counts.clippedElements += std::fabs(scaled) > 6;
    block.codes[i] = encodeE2m1(scaled);
  }
  return block;
}

Expected<QuantizeResult> quantize(std::span<const float> x, int64_t rows,
                                  int64_t k, EncodeScale encode) {
  if (Status status = check(x.size(), rows, k, encode); !status)
    return status;
  QuantizeResult result{QuantizedMatrix(rows, k), {}};
  QuantizedMatrix &matrix = result.matrix;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t b = 0; b < matrix.blocks(); ++b) {
      int64_t first = b * kScaleBlock;
      Block block = quantizeBlock(x.subspan(row * k + first, kScaleBlock),
                                  encode.value, result.counts);
      matrix.setScale(row, b, block.scale);
      for (int64_t i = 0; i < kScaleBlock; ++i)
        matrix.setCode(row, first + i, block.codes[i]);
    }
  return result;
}

Expected<QuantizeResult> quantizeBf16(std::span<const uint16_t> x, int64_t rows,
                                      int64_t k, EncodeScale encode) {
  std::vector<float> wide;
  wide.reserve(x.size());
  for (uint16_t bits : x)
    wide.push_back(static_cast<float>(decodeFloat(kBf16, bits)));
  return quantize(wide, rows, k, encode);
}

static float exponential(float z) {
  z = std::fmax(std::fmin(z, 170.0f), -170.0f);
  float shifted = std::fma(z, 1.44269504f, 0x1.8p23f);
  float n = shifted - 0x1.8p23f;
  float r = std::fma(-n, 0x1.7f7d1cp-20f, std::fma(-n, 0x1.62e4p-1f, z));
  float sum = 0, factorial = 5040;
  for (int power = 7; power >= 0; --power) {
    sum = std::fma(sum, r, 1.0f / factorial);
    factorial /= static_cast<float>(std::max(power, 1));
  }
  int whole = static_cast<int>(n), half = whole >> 1;
  return std::ldexp(std::ldexp(sum, half), whole - half);
}

float siluMul(float gate, float up) {
  float denominator = 1.0f + exponential(-gate);
  float silu = gate / denominator;
  return silu * up;
}

std::vector<float> dequantize(const QuantizedMatrix &matrix,
                              DecodeScale decode) {
  std::vector<float> values;
  values.reserve(matrix.rows * matrix.k);
  for (int64_t row = 0; row < matrix.rows; ++row)
    for (int64_t col = 0; col < matrix.k; ++col) {
      float exact = decodeE2m1(matrix.code(row, col)) *
                    decodeUe4m3(matrix.scale(row, col / kScaleBlock));
      values.push_back(exact * decode.value);
    }
  return values;
}

} // namespace nybl::oracle
