// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The problem lines of a quantisation and of what undoes it, and a line of any
// operation.
//
//   quantize m=? k=7168 x=bf16 q=nvfp4 sf=128x4 global=encode math=exact
//            pad=none fuse=none
//   dequantize m=? k=7168 q=nvfp4 sf=128x4 y=bf16 global=decode
//
// q[M,K] and its scale factors are made of x[M,K], block by block of 16, with E
// the global scale 2688 / amax of the tensor: docs/quantize.md. With
// fuse=silu_mul x is [M,2K], gates and behind them what they open in each row,
// and what is quantised is silu(gate) * up.
#ifndef NYBL_RUNTIME_ABI_QUANTIZEPROBLEM_H
#define NYBL_RUNTIME_ABI_QUANTIZEPROBLEM_H

#include "runtime/Abi/Problem.h"
#include <variant>

namespace nybl {

/// none: E is 1. encode: E itself, decode: 1 / E, as one f32, a device pointer
/// or a host value at launch, of the convention that the line states.
enum class GlobalKind : uint32_t { None = 1, Encode = 2, Decode = 3 };
/// exact: every step one IEEE operation. fast: the chip's approximate
/// reciprocals in place of divisions.
enum class QuantizeMath : uint32_t { Exact = 1, Fast = 2 };
/// What comes before the quantisation.
enum class QuantizeFuse : uint32_t { None = 1, SiluMul = 2 };

std::string_view name(GlobalKind kind);
std::string_view name(QuantizeMath math);
std::string_view name(QuantizeFuse fuse);

struct QuantizeProblem {
  Extent m = Extent::free(); ///< rows; free, a range, or fixed
  int64_t k = 0;             ///< > 0 and a multiple of 16
  OutputType x = OutputType::BF16;
  ElementFormat q = ElementFormat::NvFp4;
  ScaleLayout sf = ScaleLayout::T128x4;
  GlobalKind global = GlobalKind::Encode;
  QuantizeMath math = QuantizeMath::Exact;
  /// rows: scale factors of padding rows become 0. none: they are not touched.
  bool padRows = false;
  QuantizeFuse fuse = QuantizeFuse::None;

  int64_t blocks() const { return k / kBlock; }
  /// Of x.
  int64_t xColumns() const { return fuse == QuantizeFuse::SiluMul ? 2 * k : k; }
  friend bool operator==(const QuantizeProblem &,
                         const QuantizeProblem &) = default;
};

/// y[M,K] is made of q[M,K], its scale factors and the global scale.
struct DequantizeProblem {
  Extent m = Extent::free(); ///< rows; free, a range, or fixed
  int64_t k = 0;             ///< > 0 and a multiple of 16
  ElementFormat q = ElementFormat::NvFp4;
  ScaleLayout sf = ScaleLayout::T128x4;
  OutputType y = OutputType::BF16;
  GlobalKind global = GlobalKind::Decode;

  int64_t blocks() const { return k / kBlock; }
  friend bool operator==(const DequantizeProblem &,
                         const DequantizeProblem &) = default;
};

/// A problem of any operation that has kernels.
using AnyProblem =
    std::variant<GemmProblem, QuantizeProblem, DequantizeProblem>;

/// "gemm", "quantize" or "dequantize": the first word of its line.
const char *operationOf(const AnyProblem &problem);

/// Parses one line, as parseProblem does; only k is required.
Expected<QuantizeProblem> parseQuantize(std::string_view line);
Expected<DequantizeProblem> parseDequantize(std::string_view line);
/// By its first word.
Expected<AnyProblem> parseAnyProblem(std::string_view line);

/// The canonical line; parsing it gives the problem again.
std::string print(const QuantizeProblem &problem);
std::string print(const DequantizeProblem &problem);
std::string print(const AnyProblem &problem);

/// What a kernel is compiled for: M becomes free.
QuantizeProblem specialise(const QuantizeProblem &problem);
DequantizeProblem specialise(const DequantizeProblem &problem);
AnyProblem specialise(const AnyProblem &problem);

} // namespace nybl

#endif // NYBL_RUNTIME_ABI_QUANTIZEPROBLEM_H
