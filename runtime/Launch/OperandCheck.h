// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is suspicious in the operands of a launch, counted on the device.
#ifndef NYBL_RUNTIME_LAUNCH_OPERANDCHECK_H
#define NYBL_RUNTIME_LAUNCH_OPERANDCHECK_H

#include "nybl/nybl.h"
#include "runtime/Abi/QuantizeProblem.h"
#include "runtime/Driver/Memory.h"
#include "runtime/Driver/Module.h"
#include <array>
#include <string>
#include <vector>

namespace nybl::launch {

/// How many, and the least index of one: row times columns (K blocks, for scale
/// factors) plus column.
struct Count {
  uint64_t count = 0, first = ~uint64_t(0);
};

struct Findings {
  Count nanScalesA, zeroScalesA, nanScalesB, zeroScalesB, output;
  bool alphaNotFinite = false;

  bool any() const;
  /// One line each, as "sfa: 3 NaN bytes, the first at row 5, K block 2".
  std::vector<std::string> describe(const GemmProblem &problem) const;
};

/// In the operands of a quantisation.
struct QuantizeFindings {
  Count input;
  bool globalUnusable = false;

  bool any() const { return input.count || globalUnusable; }
  std::vector<std::string> describe(const QuantizeProblem &problem) const;
};

/// In the operands of what undoes it, and in what it makes.
struct DequantizeFindings {
  Count nanScales, zeroScales, output;
  bool globalUnusable = false;

  bool any() const {
    return nanScales.count || zeroScales.count || output.count ||
           globalUnusable;
  }
  std::vector<std::string> describe(const DequantizeProblem &problem) const;
};

/// Kernels of one device. Immutable, shared by threads.
class OperandCheck {
public:
  /// Errors: Environment.
  static Expected<std::shared_ptr<const OperandCheck>>
  load(std::shared_ptr<const driver::Device> device);

  /// Around one launch, on its stream: construct, before(), the launch, after()
  /// which waits.
  class Run {
  public:
    Status before(const GemmProblem &problem, const nybl_gemm_args &args);
    Expected<Findings> after(const GemmProblem &problem,
                             const nybl_gemm_args &args);
    /// The same for a quantisation, whose input alone is looked at.
    Status before(const QuantizeProblem &problem,
                  const nybl_quantize_args &args);
    Expected<QuantizeFindings> after(const QuantizeProblem &problem,
                                     const nybl_quantize_args &args);
    Status before(const DequantizeProblem &problem,
                  const nybl_dequantize_args &args);
    Expected<DequantizeFindings> after(const DequantizeProblem &problem,
                                       const nybl_dequantize_args &args);

  private:
    friend class OperandCheck;
    explicit Run(const OperandCheck &check) : check(check) {}
    Status scales(int64_t rows, int64_t blocks, const nybl_matrix &data,
                  const nybl_scales &scales, void *stream, size_t counter);
    Status allocate();
    /// Counts elements that are not finite.
    Status elements(const nybl_matrix &matrix, int64_t rows, int64_t columns,
                    OutputType type, void *stream);
    /// Waits for the stream.
    Expected<std::array<Count, 5>> counted(void *stream);
    /// The host's value, or the device's.
    Expected<float> valueOf(const nybl_scalar &scalar);
    Expected<bool> isGlobalUnusable(GlobalKind kind, const nybl_scalar &global);

    const OperandCheck &check;
    driver::Buffer counters;
  };
  Run start() const { return Run(*this); }

  /// A stream that is captured can be neither waited for nor looked into.
  bool isCapturing(void *stream) const;

private:
  std::shared_ptr<const driver::Device> device;
  std::shared_ptr<const driver::Module> scaleKernel, elementKernel;
};

} // namespace nybl::launch

#endif // NYBL_RUNTIME_LAUNCH_OPERANDCHECK_H
