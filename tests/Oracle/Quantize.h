// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The host quantiser to NVFP4 and its inverse. Global scales are typed: the
// encode scale multiplies on the way in, the decode scale on the way out.
#ifndef NYBL_TESTS_ORACLE_QUANTIZE_H
#define NYBL_TESTS_ORACLE_QUANTIZE_H

#include "runtime/Abi/Status.h"
#include "tests/Oracle/Matrix.h"
#include <cstdint>
#include <span>
#include <vector>

namespace nybl::oracle {

/// D = amax / 2688: multiplies code * block scale.
struct DecodeScale {
  explicit DecodeScale(float v) : value(v) {}
  float value;
};

/// E = 2688 / amax: multiplies the data before it is quantised.
struct EncodeScale {
  explicit EncodeScale(float v) : value(v) {}
  float value;
  /// rn(1 / E).
  DecodeScale inverse() const { return DecodeScale(1.0f / value); }
};

/// rn(2688 / amax), so that the block that holds amax gets scale 448 and a code
/// of 6. An all-zero tensor (amax 0) gets 1; at most 2^126, whose reciprocal is
/// still normal. Error: amax is negative, infinite or NaN.
Expected<EncodeScale> encodeScaleFor(float amax);

/// The largest magnitude; NaNs are passed over.
float maxMagnitude(std::span<const float> values);

/// rn(Da * Db): the alpha of a product of two quantised matrices.
float alphaOf(DecodeScale a, DecodeScale b);

struct QuantizeCounts {
  int64_t blocks = 0;
  int64_t zeroBlocks = 0;        ///< every element +-0
  int64_t saturatedScales = 0;   ///< scale before rounding > 464: E too large
  int64_t vanishedScales = 0;    ///< scale rounded to 0 although data is not 0
  int64_t subnormalScales = 0;   ///< stored scale 0x01 to 0x07
  int64_t nanScales = 0;         ///< the block holds a NaN
  int64_t clippedElements = 0;   ///< |x * t| > 6 before rounding
  int64_t nonFiniteElements = 0; ///< inputs that are NaN or infinite
};

struct QuantizeResult {
  QuantizedMatrix matrix;
  QuantizeCounts counts;
};

/// Quantises x[rows][k], the variant "exact": every step is one IEEE f32
/// operation rounded to nearest even (the fast-math-free mode of
/// FlashInfer and TensorRT-LLM). For each block of 16, with E the encode scale:
///
///   amax = max |x_i|
///   v    = amax * (E * rn(1/6))
///   SF   = e4m3(v)                            saturating, to nearest even
///   t    = min(1 / (SF * (1 / E)), FLT_MAX)   IEEE divisions
///   q_i  = e2m1(x_i * t)                      saturating, to nearest even
///
/// SF = 0 (a zero block, or one that vanishes): all codes 0, the sign of zero
/// dropped. A NaN anywhere in a block makes SF 0x7f and all codes 0, so that it
/// is not laundered into a finite number. An infinity saturates: SF 0x7e,
/// code +-6. Error: sizes do not match, k not a multiple of 16, or E is not a
/// positive number with a finite, normal reciprocal.
Expected<QuantizeResult> quantize(std::span<const float> x, int64_t rows,
                                  int64_t k, EncodeScale encode);
/// The same for bf16 bits: each is widened to f32, exactly.
Expected<QuantizeResult> quantizeBf16(std::span<const uint16_t> x, int64_t rows,
                                      int64_t k, EncodeScale encode);

/// gate / (1 + exp(-gate)) * up, f32, each step one IEEE operation rounded to
/// nearest even. So that it has the same bits everywhere, exp is a formula too:
///
///   z = -gate, no further from 0 than 170
///   n = rn(z * log2 e)                     by adding 1.5 * 2^23
///   r = fma(-n, low, fma(-n, high, z))     high + low = ln 2
///   exp = Taylor's sum up to r^7 by fma, * 2^(n/2) * 2^(n - n/2)
///
/// Where exp(-gate) is infinite, of gates below -88.7, it is -0 * up.
float siluMul(float gate, float up);

/// [rows][k]: rn(code * scale * D); code * scale is exact in f32.
std::vector<float> dequantize(const QuantizedMatrix &matrix,
                              DecodeScale decode);

} // namespace nybl::oracle

#endif // NYBL_TESTS_ORACLE_QUANTIZE_H
