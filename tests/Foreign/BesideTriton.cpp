// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One product, compiled and run here, for a process in which another LLVM shows
// all its symbols: beside_triton.py loads this.

#include "tests/EndToEnd/Gemm/Road.h"
#include "tests/Oracle/Data.h"
#include "tests/Oracle/Gate.h"
#include "tests/Oracle/Gemm.h"

using namespace nybl;

static std::string runOnce() {
  road::Session *session = road::Session::get();
  if (!session)
    return "expected a session on the emulated device";
  GemmProblem problem;
  problem.n = 136;
  problem.k = 336;
  problem.sfa = problem.sfb = ScaleLayout::T128x4;
  auto a = oracle::randomMatrix(33, problem.k, 1);
  auto b = oracle::randomMatrix(problem.n, problem.k, 2);
  road::Options options;
  options.poison = 0x7f;
  road::Run run = road::gemm(*session, problem, a, b, options);
  if (!run.ok())
    return "expected a launch, got: " + run.error;
  auto expected =
      oracle::gemm(a, b, options.alpha, problem.d, oracle::Model::MmaSim);
  if (!expected)
    return expected.message();
  return run.d == expected->bytes
             ? ""
             : oracle::gate(run.d, problem.d, *expected).text();
}

/// What is wrong, or an empty text; lives until the next call.
extern "C" __attribute__((visibility("default"))) const char *
nyblBesideTriton() {
  static std::string text;
  text = runOnce();
  return text.c_str();
}
