// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One device with many plans, and operands made up for them: where kernels are
// compared.
#ifndef NYBL_TOOLS_NYBL_WORKBENCH_H
#define NYBL_TOOLS_NYBL_WORKBENCH_H

#include "nybl/nybl.hpp"
#include "runtime/Abi/Manifest.h"
#include "runtime/Abi/Problem.h"
#include "tools/nybl/Memory.h"

namespace nybl::cli {

/// Random operands of one product. Scale factors as [row][K block].
struct Product {
  GemmProblem problem;
  int64_t m = 0;
  std::string a, b; ///< rows back to back
  std::string aScales, bScales;
  float alpha = 1;

  /// The same for the same arguments, anywhere. All numbers are finite.
  static Product make(const GemmProblem &problem, int64_t m, uint64_t seed);
};

/// A product in device memory. Where the driver is the emulated one, padding is
/// marked as poison.
struct DeviceProduct {
  DeviceMatrix a, b, d;
  DeviceScales aScales, bScales;
  MatrixShape shape; ///< of d
  nybl_gemm_args args = {};

  uint64_t bytes() const;
};

struct PreparedPlan {
  face::Plan plan;
  Manifest manifest;
  std::string fingerprint, tuned, problemClass, origin;
};

struct WorkbenchOptions {
  std::string jit, ptxas, tuneFile;
  std::string bundle; ///< paths, separated by ':'

  bool exactClass = false; ///< nybl_prepare_options
};

class Workbench {
public:
  static Expected<std::unique_ptr<Workbench>>
  open(const DeviceChoice &choice, const WorkbenchOptions &options);

  /// Thread safe. An empty schedule: the library's choice.
  Expected<PreparedPlan> prepare(const std::string &problem,
                                 const std::string &schedule) const;

  /// `padded`: rows have gaps behind them, and there are more than M.
  /// `scalePad`: what padding of scale factors holds, NaN unless told.
  Expected<DeviceProduct> upload(const Product &product, bool padded,
                                 uint8_t scalePad = 0x7f);

  /// Enqueues.
  Status launch(const face::Plan &plan, const DeviceProduct &product,
                const driver::Stream &stream) const;

  /// D as it stands, rows back to back. Refused if bytes beside it were
  /// written.
  Expected<std::string> readBack(const DeviceProduct &product) const {
    return operands.readBack(product.d, product.shape);
  }

  /// D made anew, back to back. What the emulated driver reports, or bytes
  /// written beside D, are Refused.
  Expected<std::string> run(const face::Plan &plan, DeviceProduct &product);

  const driver::Device &gpu() const { return *operands.device(); }
  const std::shared_ptr<const driver::Device> &device() const {
    return operands.device();
  }
  bool isEmulated() const { return gpu().driver().isEmulated(); }

private:
  explicit Workbench(std::shared_ptr<const driver::Device> gpu)
      : operands(std::move(gpu)) {}

  WorkbenchOptions options;
  face::Library library;
  face::Device opened;
  Memory operands;
};

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_WORKBENCH_H
