// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A quantisation from the problem line to all bytes of its outputs, and the
// same on the host, by the conversions of CUDA's headers.
#ifndef NYBL_TESTS_ENDTOEND_QUANTIZE_QUANTIZEROAD_H
#define NYBL_TESTS_ENDTOEND_QUANTIZE_QUANTIZEROAD_H

#include "runtime/Abi/QuantizeProblem.h"
#include "tests/EndToEnd/Gemm/Road.h"
#include <functional>

namespace nybl::road {

/// Rows of elements as they lie in memory, without gaps.
struct Elements {
  int64_t rows = 0, k = 0;
  OutputType type = OutputType::BF16;
  std::vector<uint32_t> bits; ///< one for each element

  float value(int64_t row, int64_t column) const;
};

/// Rounded to nearest even, by CUDA's headers.
uint32_t encode(OutputType type, float value);

struct QuantizeRun {
  nybl_status status = NYBL_OK;
  std::string error;
  std::vector<std::string> reports;
  std::vector<uint8_t> q, scales; ///< whole buffers, untouched bytes 0xa5
  bool ok() const {
    return status == NYBL_OK && error.empty() && reports.empty();
  }
};

struct QuantizeOptions {
  float global = 1.0f;
  bool onDevice = false; ///< the global scale
  std::string schedule{};
  std::string templateText{}; ///< empty: the built-in one
};

constexpr uint8_t untouched = 0xa5;
constexpr int64_t qGap = 16; ///< bytes between rows of q and of x

nybl_plan *planOf(Session &session, const std::string &line, std::string *error,
                  const std::string &schedule = "",
                  const std::string &templateText = "");

QuantizeRun quantize(Session &session, const QuantizeProblem &problem,
                     const Elements &x, const QuantizeOptions &options);

/// What quantize() must give: docs/quantize.md.
QuantizeRun expected(const QuantizeProblem &problem, const Elements &x,
                     float global);

std::vector<std::string> takeReports(Session &session);

/// Under each schedule policy of the emulated driver, with races looked for.
void inEveryOrder(Session &session, const std::function<void()> &run);
/// So many that each CTA has two tiles of eight rows or more, wherever the
/// chip's multiprocessors end; 0 where the plan does not say.
int64_t rowsOfManyTiles(nybl_plan *plan);

} // namespace nybl::road

#endif // NYBL_TESTS_ENDTOEND_QUANTIZE_QUANTIZEROAD_H
