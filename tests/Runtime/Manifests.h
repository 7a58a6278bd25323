// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Manifests of kernels that nobody has compiled, for tests of the launch.
#ifndef NYBL_TESTS_RUNTIME_MANIFESTS_H
#define NYBL_TESTS_RUNTIME_MANIFESTS_H

#include "runtime/Abi/Manifest.h"
#include "runtime/Abi/Problem.h"

namespace nybl::tests {

/// What a plain kernel states.
inline Manifest plainManifest(const GemmProblem &problem) {
  Manifest m;
  m.threads = 128;
  m.tileM = 64;
  m.tileN = 32;
  int64_t row = problem.k / 2, width = byteWidth(problem.d);
  m.parameters = {
      {"a", "pointer"},       {"a.stride", "i64"},         {"sfa", "pointer"},
      {"b", "pointer"},       {"b.stride", "i64"},         {"sfb", "pointer"},
      {"d", "pointer"},       {"d.stride", "i32"},         {"alpha", "pointer"},
      {"alpha.value", "f32"}, {"alpha.reciprocal", "i32"}, {"m", "i32"}};
  for (auto &[operand, unit, bytes] : {std::tuple{"a", int64_t(8), row},
                                       {"b", int64_t(8), row},
                                       {"d", width, problem.n * width}}) {
    m.preconditions.push_back({"alignment", operand, unit});
    m.preconditions.push_back({"stride_multiple", operand, unit});
    m.preconditions.push_back({"stride_max", operand, int64_t(1) << 40});
    m.preconditions.push_back({"rows_fit", operand, bytes});
  }
  m.preconditions.push_back({"no_overlap", "d", 0});
  m.preconditions.push_back({"scale_bytes", "sfa", 0});
  m.preconditions.push_back({"scale_bytes", "sfb", 0});
  m.preconditions.push_back({"alignment", "alpha", 4});
  m.preconditions.push_back({"rows_max", "m", 100000});
  return m;
}

/// The same for any N and K, as far as they go.
inline Manifest genericManifest(const GemmProblem &problem) {
  Manifest m = plainManifest(problem);
  std::erase_if(m.preconditions,
                [](const Precondition &p) { return p.check == "rows_fit"; });
  m.preconditions.push_back({"rows_fit_blocks", "a", 8});
  m.preconditions.push_back({"rows_fit_blocks", "b", 8});
  m.preconditions.push_back({"rows_fit_columns", "d", byteWidth(problem.d)});
  m.preconditions.push_back({"n_max", "n", 4096});
  m.preconditions.push_back({"k_max", "k", 8192});
  m.preconditions.push_back({"k_multiple", "k", 32});
  for (const char *source : {"n", "k.blocks"})
    m.parameters.push_back({source, "i32"});
  for (const char *source : {"sfa.tile_stride", "sfb.tile_stride"})
    m.parameters.push_back({source, "i64"});
  return m;
}

/// Of a kernel that copies by tensor maps: they and what they ask for.
inline Manifest mapManifest(const GemmProblem &problem) {
  Manifest m = plainManifest(problem);
  for (Precondition &p : m.preconditions) {
    if (p.operand.size() == 1 && p.operand != "m" &&
        (p.check == "alignment" || p.check == "stride_multiple"))
      p.value = 16;
    if (p.check == "stride_max")
      p.value = (int64_t(1) << 40) - 1;
  }
  m.parameters = {{"d.map", "tensor_map"},
                  {"m", "i64"},
                  {"a.map", "tensor_map"},
                  {"d", "pointer"},
                  {"b.map", "tensor_map"}};
  m.tensorMaps = {{"a", 128, 64, 64}, {"b", 256, 16, 32}, {"d", 32, 256, 0}};
  return m;
}

} // namespace nybl::tests

#endif // NYBL_TESTS_RUNTIME_MANIFESTS_H
