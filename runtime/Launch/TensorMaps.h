// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensor maps as kernel parameters: a manifest's recipe, made ready once, its
// encoding at launch, and those encoded before.
#ifndef NYBL_RUNTIME_LAUNCH_TENSORMAPS_H
#define NYBL_RUNTIME_LAUNCH_TENSORMAPS_H

#include "nybl/nybl.h"
#include "runtime/Abi/Manifest.h"
#include "runtime/Driver/Driver.h"
#include <array>
#include <atomic>

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

/// Maps of one operand that were encoded before: a launch of the same pointer,
/// stride and rows takes a copy, and asks the driver nothing. Shared by threads
/// without a lock and without waiting: who meets a writer at the same place
/// finds nothing, or keeps nothing.
class MapMemory {
public:
  struct Key {
    uint64_t pointer, stride, rows;
  };
  bool find(const Key &key, CUtensorMap &to) const;
  void keep(const Key &key, const CUtensorMap &map);

private:
  /// Odd while it is written. The words are those of the key and of the map.
  struct Slot {
    std::atomic<uint64_t> version{0};
    std::array<std::atomic<uint64_t>, 3 + 16> words{};
  };
  static constexpr size_t slotCount = 8;
  static size_t slotOf(const Key &key);

  std::array<Slot, slotCount> slots;
};

/// Ok if this driver can encode what the manifest asks for. Errors:
/// Environment.
Status checkMapSupport(const driver::Driver &api, const Manifest &manifest);

} // namespace nybl::launch

#endif // NYBL_RUNTIME_LAUNCH_TENSORMAPS_H
