// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A captured layer: the operands of one product, from a safetensors file,
// checked against the problem.
#ifndef NYBL_TOOLS_NYBL_CAPTURE_H
#define NYBL_TOOLS_NYBL_CAPTURE_H

#include "runtime/Abi/Problem.h"
#include "runtime/Support/Safetensors.h"
#include <optional>
#include <string>

namespace nybl::cli {

/// Operands as bytes, rows back to back, scales in the problem's layout with
/// their padding.
struct Capture {
  int64_t m = 0;
  std::string a, b;           ///< [M, K/2], [N, K/2]
  std::string aScale, bScale; ///< byteSize(layout, rows, K/16)
  std::optional<float> alpha; ///< absent where the problem says alpha=none
};

/// The problem with N and K as they are in the file, where it leaves them free.
/// Errors: as readCapture.
Expected<GemmProblem> withSizes(const std::string &path,
                                const GemmProblem &problem);

/// Reads a, b, a_scale, b_scale and alpha. M is the first dimension of a; it
/// must be in the problem's range. Other tensors are left alone.
/// Errors: Invalid, naming the tensor, what was expected and what came.
Expected<Capture> readCapture(const std::string &path,
                              const GemmProblem &problem);

// Operands of any problem, checked. Errors: as readCapture.

/// Codes: U8 [rows, k / 2] or F4 [rows, k]; `rows` below 0: any number of them.
Expected<const Tensor *> readCodes(const SafetensorsFile &file,
                                   const char *name, int64_t rows, int64_t k);
/// One byte a scale factor, in that layout, padding included.
Expected<const Tensor *> readScales(const SafetensorsFile &file,
                                    const char *name, ScaleLayout layout,
                                    int64_t rows, int64_t blocks);
std::string bytesOf(const Tensor &tensor);
/// "U8 [5, 192]"
std::string shapeOf(const Tensor &tensor);

/// Writes one tensor `d` [m, n]. `rows` are m * n elements of problem.d.
Status writeResult(const std::string &path, const GemmProblem &problem,
                   int64_t m, const std::string &rows);

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_CAPTURE_H
