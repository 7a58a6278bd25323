// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// NVIDIA's cuBLASLt by dlopen: the same products by other kernels.
#ifndef NYBL_TOOLS_NYBL_CUBLASLT_H
#define NYBL_TOOLS_NYBL_CUBLASLT_H

#include "tools/nybl/Workbench.h"

namespace nybl::cli {

struct CublasLtFunctions;

/// The library, and one handle of it for the device.
class CublasLt {
public:
  /// `path` empty: NYBL_CUBLASLT, or libcublasLt.so.13 or .12 of CUDA_HOME, of
  /// /usr/local/cuda or where the loader finds it. The library stays loaded.
  /// Errors: Environment (none, older than 12.8, or one that does not start).
  static Expected<std::shared_ptr<const CublasLt>>
  load(const std::string &path, std::shared_ptr<const driver::Device> device);
  ~CublasLt();
  CublasLt(const CublasLt &) = delete;
  CublasLt &operator=(const CublasLt &) = delete;

  /// "cuBLASLt 13.1.0"
  const std::string &name() const { return text; }

private:
  friend class CublasMatmul;
  CublasLt() = default;
  Status start();

  std::shared_ptr<const driver::Device> device;
  std::unique_ptr<CublasLtFunctions> api;
  void *handle = nullptr;
  driver::Buffer workspace;
  std::string text;
};

/// One product with the first algorithm that cuBLASLt's heuristic names.
class CublasMatmul {
public:
  /// Scale factors lie as 128x4, with zeros in their padding; D is bf16.
  /// Refused where cuBLASLt has no algorithm.
  static Expected<CublasMatmul> make(std::shared_ptr<const CublasLt> library,
                                     const GemmProblem &problem,
                                     const DeviceProduct &operands);

  /// Enqueues. Errors: Environment.
  Status launch(const driver::Stream &stream) const;

private:
  using Descriptor = std::unique_ptr<void, int (*)(void *)>;
  CublasMatmul(std::shared_ptr<const CublasLt> library,
               const nybl_gemm_args &args);
  Status describe(const GemmProblem &problem);
  Status choose();

  std::shared_ptr<const CublasLt> library;
  nybl_gemm_args args;
  Descriptor multiply, a, b, d;
  uint64_t algorithm[8] = {}; ///< opaque
};

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_CUBLASLT_H
