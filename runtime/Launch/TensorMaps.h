// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensor maps as kernel parameters: a manifest's recipe, made ready once, and
// its encoding at launch.
#ifndef NYBL_RUNTIME_LAUNCH_TENSORMAPS_H
#define NYBL_RUNTIME_LAUNCH_TENSORMAPS_H

#include "nybl/nybl.h"
#include "runtime/Abi/Manifest.h"
#include "runtime/Driver/Driver.h"

namespace nybl::launch {

/// All of a tensor map but what a launch brings.
struct MapShape {
  const char *operand; ///< its field in nybl_gemm_args, for messages
  int64_t rowBytes;
  uint32_t boxBytes, boxRows;
  int64_t swizzle; ///< bytes; 0: none

  /// `map` must have passed checkTensorMaps.
  static MapShape make(const TensorMap &map, const char *operand,
                       int64_t rowBytes);

  /// Encodes the map of a matrix of at least one row. Allocates only for an
  /// error. Errors: Environment.
  Status encode(const driver::Driver &api, const nybl_matrix &matrix,
                int64_t rows, CUtensorMap &to) const;
};

/// Ok if this driver can encode what the manifest asks for. Errors:
/// Environment.
Status checkMapSupport(const driver::Driver &api, const Manifest &manifest);

} // namespace nybl::launch

#endif // NYBL_RUNTIME_LAUNCH_TENSORMAPS_H
