// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The whole road for tests: problem -> compiled kernel -> emulated device ->
// output, through nybl.h, with padding around everything and poison in it.
#ifndef NYBL_TESTS_ENDTOEND_GEMM_ROAD_H
#define NYBL_TESTS_ENDTOEND_GEMM_ROAD_H

#include "nybl/nybl.h"
#include "runtime/Abi/Problem.h"
#include "runtime/Driver/Memory.h"
#include "tests/Oracle/Matrix.h"
#include "tools/emulator/include/nybl-emu.h"
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nybl::road {

/// Library and device of this process: the emulated sm_120a.
class Session {
public:
  /// Null, with a message on stderr, where the pieces are missing.
  static Session *get();

  nybl_device *device = nullptr;
  std::shared_ptr<const driver::Device> memory;
  nybl_library *library = nullptr;

  /// Prepared once for each problem class (and template and schedule) of this
  /// process.
  nybl_plan *plan(const GemmProblem &problem, std::string *error,
                  const std::string &templateText = "",
                  const std::string &schedule = "", bool generic = false);
  nybl_status prepared = NYBL_OK; ///< what the last plan() came to
  /// An extension call of the emulated driver.
  template <typename F>
  F *extension(const char *name) {
    return reinterpret_cast<F *>(find(name));
  }

private:
  void *find(const char *name);
  std::vector<std::pair<std::string, nybl_plan *>> plans;
};

/// A launch that is on its stream.
struct Launched {
  const driver::Buffer &a, &d;
  CUstream stream;
};

struct Options {
  std::optional<uint8_t> poison; ///< fill padding with it and mark it
  bool hostAlpha = false, encodeAlpha = false;
  float alpha = 0.001f;
  uint64_t scaleOffset = 0;   ///< of the scales in their buffers
  std::string templateText{}; ///< empty: the built-in one
  std::string schedule{};     ///< empty: chosen
  bool generic = false;       ///< by the kernel of any N and K
  int launches = 1;           ///< in a row, of one workspace; d is the last's
  /// Called behind the launch, before its stream is waited for.
  std::function<Status(const Launched &)> behind{};
};

struct Run {
  nybl_status status = NYBL_OK;     ///< of prepare, then of the launch
  std::string error;                ///< of either, or of the device
  nybl_plan *plan = nullptr;        ///< the session's; null where refused
  std::vector<std::string> reports; ///< the emulator's findings
  std::vector<uint8_t> d;           ///< [M][N], rows without padding
  nyblEmuCounts counts{};
  double launchSeconds = 0; ///< from the call until the stream is idle
  bool ok() const {
    return status == NYBL_OK && error.empty() && reports.empty();
  }
};

/// Rows of data are padded to whole 128s plus a row of gap bytes, row strides
/// by 16 bytes; scales as their layout pads them.
Run gemm(Session &session, const GemmProblem &problem,
         const oracle::QuantizedMatrix &a, const oracle::QuantizedMatrix &b,
         const Options &options);

/// The scales in a layout; padding bytes hold `padding`.
std::vector<uint8_t> packScales(const oracle::QuantizedMatrix &matrix,
                                ScaleLayout layout, uint8_t padding);

} // namespace nybl::road

#endif // NYBL_TESTS_ENDTOEND_GEMM_ROAD_H
