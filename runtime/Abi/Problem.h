// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The problem line: one line of text that says what is computed. Logs, command
// line, benchmarks, tests, manifests and keys all use it.
//
//   gemm m=? n=4096 k=7168 a=nvfp4 b=nvfp4 sfa=128x4 sfb=128x4 d=bf16
//        alpha=tensor bias=none act=none [weights=static]
//
// D[M,N] = alpha * A[M,K] * B[N,K]^T. A and B are e2m1, two a byte, the even
// element in the low nibble, K contiguous; one ue4m3 scale per 16 elements of
// K.
#ifndef NYBL_RUNTIME_ABI_PROBLEM_H
#define NYBL_RUNTIME_ABI_PROBLEM_H

#include "runtime/Abi/ScaleLayout.h"
#include "runtime/Abi/Status.h"
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace nybl {

/// A dimension: one number, a range, or free at launch (`?`).
struct Extent {
  static constexpr int64_t unbounded = std::numeric_limits<int64_t>::max();
  int64_t low = 0, high = unbounded;

  static Extent fixed(int64_t v) { return {v, v}; }
  static Extent free() { return {}; }
  bool isFixed() const { return low == high; }
  bool isFree() const { return low == 0 && high == unbounded; }
  bool contains(int64_t v) const { return low <= v && v <= high; }
  friend bool operator==(const Extent &, const Extent &) = default;
};

enum class ElementFormat : uint32_t { NvFp4 = 1 };
enum class OutputType : uint32_t { BF16 = 1, F16 = 2, F32 = 3 };
/// none: alpha is 1. tensor: one f32, a device pointer or a host value at
/// launch.
enum class AlphaKind : uint32_t { None = 1, Tensor = 2 };

std::string_view name(ElementFormat format);
std::string_view name(OutputType type);
std::string_view name(AlphaKind kind);
unsigned byteWidth(OutputType type);

/// Elements of K that share one scale factor in NVFP4.
inline constexpr int64_t kBlock = 16;

struct GemmProblem {
  /// n=? and k=?, always both, with m=?: what a generic kernel is made for,
  /// which serves every N and K up to its bounds. No product has such sizes.
  static constexpr int64_t freeSize = -1;

  Extent m = Extent::free(); ///< rows of A and D; free, a range, or fixed
  int64_t n = 0;             ///< rows of B, columns of D; >= 0, or freeSize
  int64_t k = 0;             ///< > 0 and a multiple of 16, or freeSize
  ElementFormat a = ElementFormat::NvFp4, b = ElementFormat::NvFp4;
  ScaleLayout sfa = ScaleLayout::T128x4, sfb = ScaleLayout::T128x4;
  OutputType d = OutputType::BF16;
  AlphaKind alpha = AlphaKind::Tensor;
  /// weights=static: B and its scale factors are whole before any grid begins
  /// that a launch may overlap with, and stay as they are until it is over. A
  /// kernel may read them ahead of griddepcontrol.wait. Without it (stream) all
  /// operands may be what the grid before has just written.
  bool staticWeights = false;

  bool isGeneric() const { return k == freeSize; }
  int64_t blocks() const { return k / kBlock; }
  friend bool operator==(const GemmProblem &, const GemmProblem &) = default;
};

/// Parses one line: `gemm key=value ...`, keys in any order; m, sfa, sfb, d,
/// alpha, bias, act, a, b and weights have the defaults above, n and k are
/// required: two numbers, or n=? k=? with m=?.
/// The error points at the word: "at word 4 'kk=64': ...".
Expected<GemmProblem> parseProblem(std::string_view line);

/// The canonical line: every key, in the order shown on top; weights only where
/// they are static.
/// parseProblem(print(p)) == p.
std::string print(const GemmProblem &problem);

/// The problem class: what a kernel is compiled for. M may be anything up to
/// the least of 16, 32, 64 and 128 that holds the problem's range, else it is
/// free: few rows want another schedule. One kernel serves every M of its
/// class, and specialise(specialise(p)) == specialise(p). Of n=? k=? there is
/// one class: weights=static is dropped, for no copy of it runs ahead.
GemmProblem specialise(const GemmProblem &problem);

/// The narrowest class above a class, whose kernel serves that too, if more
/// slowly; none above that of a free M.
std::optional<GemmProblem> widerClass(const GemmProblem &problemClass);

/// The class of the generic kernel that may serve where none of the problem's
/// own can be had; its manifest says up to which N and K.
GemmProblem genericClass(const GemmProblem &problem);

} // namespace nybl

#endif // NYBL_RUNTIME_ABI_PROBLEM_H
