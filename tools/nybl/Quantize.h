// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl run "quantize ...": a tensor of a file becomes codes and scale factors;
// and "dequantize ...", elements again.
#ifndef NYBL_TOOLS_NYBL_QUANTIZE_H
#define NYBL_TOOLS_NYBL_QUANTIZE_H

#include "runtime/Abi/QuantizeProblem.h"
#include "tools/nybl/Device.h"
#include "tools/nybl/Phases.h"
#include <optional>

namespace nybl::cli {

/// Rows back to back, scale factors in the problem's layout with their padding.
struct QuantizeCapture {
  int64_t m = 0;
  std::string x;
  std::optional<float> global; ///< absent where the problem says global=none
};

struct QuantizeOutput {
  std::string q, scales;
};

/// Of what undoes it.
struct DequantizeCapture {
  int64_t m = 0;
  std::string q, scales;
  std::optional<float> global;
};

/// Reads q, q_scale and global. M is the first dimension of q.
/// Errors: as below.
Expected<DequantizeCapture>
readDequantizeCapture(const std::string &path,
                      const DequantizeProblem &problem);
/// Writes y [M, K].
Status writeElements(const std::string &path, const DequantizeProblem &problem,
                     int64_t m, const std::string &rows);
/// That of a launch.
nybl_scalar globalOf(GlobalKind kind, std::optional<float> value);

/// Reads x and global. M is the first dimension of x.
/// Errors: Invalid, naming the tensor, what was expected and what came.
Expected<QuantizeCapture> readQuantizeCapture(const std::string &path,
                                              const QuantizeProblem &problem);

/// Uploads, launches, reads back.
Expected<QuantizeOutput> quantize(Session &session,
                                  const QuantizeProblem &problem,
                                  const QuantizeCapture &capture,
                                  std::optional<uint8_t> poison,
                                  Phases &phases);

/// Writes q [M, K/2] and q_scale, padding included.
Status writeQuantized(const std::string &path, const QuantizeProblem &problem,
                      int64_t m, const QuantizeOutput &output);

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_QUANTIZE_H
