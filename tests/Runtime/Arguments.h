// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Arguments that are right for a problem, made to be spoiled one field at a
// time.
#ifndef NYBL_TESTS_RUNTIME_ARGUMENTS_H
#define NYBL_TESTS_RUNTIME_ARGUMENTS_H

#include "nybl/nybl.h"
#include "runtime/Abi/Problem.h"

namespace nybl::tests {

/// Buffers lie at round addresses that nothing is behind, in the order a, sfa,
/// b, sfb, d, alpha; matrices without gaps; scales made for exactly the rows
/// used, and trusted.
inline nybl_gemm_args argumentsFor(const GemmProblem &problem, int64_t m) {
  auto bytes = [](int64_t v) { return static_cast<uint64_t>(v); };
  int64_t width = byteWidth(problem.d), row = problem.k / 2;
  nybl_gemm_args args = {};
  args.size = sizeof args;
  args.m = m;
  args.a = {0x10000000, bytes(m * row), row};
  args.a_scales = {0x20000000,
                   bytes(byteSize(problem.sfa, m, problem.blocks())), m,
                   static_cast<uint32_t>(problem.sfa), 1};
  args.b = {0x30000000, bytes(problem.n * row), row};
  args.b_scales = {0x40000000,
                   bytes(byteSize(problem.sfb, problem.n, problem.blocks())),
                   problem.n, static_cast<uint32_t>(problem.sfb), 1};
  args.d = {0x50000000, bytes(m * problem.n * width), problem.n * width};
  if (problem.alpha == AlphaKind::Tensor)
    args.alpha = {NYBL_SCALAR_HOST, NYBL_CONVENTION_DECODE, 0, 0.5f, 0};
  return args;
}

} // namespace nybl::tests

#endif // NYBL_TESTS_RUNTIME_ARGUMENTS_H
