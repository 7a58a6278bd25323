// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// D[M,N] = alpha * A[M,K] * B[N,K]^T in exact integers, and under named models
// of how hardware accumulates. None of them is a claim about silicon: MmaSim is
// the model published with microsoft/MMA-Sim and the papers arXiv 2511.10909
// and 2512.07004; PTX promises only "at least single precision".
#ifndef NYBL_TESTS_ORACLE_GEMM_H
#define NYBL_TESTS_ORACLE_GEMM_H

#include "runtime/Abi/Problem.h"
#include "tests/Oracle/Matrix.h"
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace nybl::oracle {

/// How the terms of one output become an f32 accumulator. A group is one block
/// of 16 elements of K, its term dot * scaleA * scaleB exact in every model; a
/// step is four groups (K = 64), the last one padded with zero codes and zero
/// scales. A NaN scale byte anywhere in the row of A or of B makes NaN.
enum class Model {
  /// One exact sum over K, rounded once to nearest even.
  Exact,
  /// Steps ascending: C + the step's exact sum, rounded to nearest even.
  StepExact,
  /// Steps ascending: C and the four groups aligned to the largest exponent (of
  /// a group: the sum of its two scales' exponents, whatever its data),
  /// truncated to 35 fraction bits, summed exactly, truncated to f32.
  MmaSim,
  /// f32 additions to nearest even, groups ascending.
  Sequential,
  /// The same, steps ascending, the four groups of each step descending.
  Reversed,
};
std::string_view name(Model model);

/// Largest K that is accepted: an exact sum of it fits an int64.
inline constexpr int64_t kLargestK = int64_t(1) << 20;

/// units * 2^-20, or NaN.
struct ExactSum {
  int64_t units = 0;
  bool isNan = false;
};

/// One value for each output, row-major [rows][cols].
template <typename T>
struct Grid {
  int64_t rows = 0, cols = 0;
  std::vector<T> values;
};

/// All of them: error when the shapes do not match, sizes do not fit the shape,
/// or K is not a multiple of 16 between 16 and kLargestK.
Expected<Grid<ExactSum>> exactSums(const QuantizedMatrix &a,
                                   const QuantizedMatrix &b);
Expected<Grid<float>> accumulate(const QuantizedMatrix &a,
                                 const QuantizedMatrix &b, Model model);

/// An output as it lies in memory without gaps: [rows][cols], little endian.
struct GemmOutput {
  OutputType type = OutputType::F32;
  int64_t rows = 0, cols = 0;
  std::vector<uint8_t> bytes;
};
int64_t elementBytes(OutputType type);
/// The bits of element `index`.
uint32_t elementBits(OutputType type, std::span<const uint8_t> bytes,
                     int64_t index);
double decodeElement(OutputType type, uint32_t bits);

/// The epilogue: rn_f32(alpha * accumulator), then rounded to nearest even to
/// the output's type. For f32 output that is one rounding.
GemmOutput finish(const Grid<float> &accumulators, float alpha,
                  OutputType type);
/// accumulate and finish.
Expected<GemmOutput> gemm(const QuantizedMatrix &a, const QuantizedMatrix &b,
                          float alpha, OutputType type, Model model);
/// Each part of `partElements` elements of K (a multiple of 16; the last may
/// have fewer) accumulated by itself, then added in f32 in their order, the
/// first to zero; and finish.
Expected<GemmOutput> gemmOfParts(const QuantizedMatrix &a,
                                 const QuantizedMatrix &b, float alpha,
                                 OutputType type, Model model,
                                 int64_t partElements);
/// The reference of the gate: gemm with Model::Exact.
Expected<GemmOutput> gemmExact(const QuantizedMatrix &a,
                               const QuantizedMatrix &b, float alpha,
                               OutputType type);
/// alpha * sum exactly, rounded once to the output's type.
Expected<GemmOutput> gemmRoundedOnce(const QuantizedMatrix &a,
                                     const QuantizedMatrix &b, float alpha,
                                     OutputType type);

/// One group of a step, scales without their sign bit and not NaN.
struct Group {
  int32_t quarterDot = 0; ///< 4 * sum of code products
  uint8_t scaleA = 0, scaleB = 0;
};
/// One step of Model::MmaSim on a finite accumulator c.
float mmaSimStep(float c, std::span<const Group> groups);

} // namespace nybl::oracle

#endif // NYBL_TESTS_ORACLE_GEMM_H
