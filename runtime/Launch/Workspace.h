// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a kernel asks of the caller's workspace: room for each tile, in which
// its parts are added up.
#ifndef NYBL_RUNTIME_LAUNCH_WORKSPACE_H
#define NYBL_RUNTIME_LAUNCH_WORKSPACE_H

#include "runtime/Abi/Manifest.h"
#include <cstdint>

namespace nybl::launch {

/// A range of device memory that a launch was given.
struct DeviceRange {
  const char *name; ///< of the field, for messages
  uint64_t begin, bytes;
};

class Workspace {
public:
  static constexpr const char *name = "workspace";

  /// Errors: Invalid where the manifest is not understood, or lacks a
  /// precondition without which memory that nobody promised could be touched.
  static Expected<Workspace> make(const Manifest &manifest);

  bool isNeeded() const { return tileBytes != 0; }
  /// For so many tiles. Errors: Refused where 64 bits do not hold them.
  Expected<uint64_t> bytesFor(int64_t tiles) const;
  /// Errors: Refused: missing, too small, misaligned; no memory at all where
  /// none is needed, and any will do.
  Status check(uint64_t pointer, uint64_t bytes, int64_t tiles) const;

private:
  int64_t tileBytes = 0; ///< 0: none is needed
  int64_t alignment = 1;
};

/// Errors: Refused where the workspace shares bytes with `other`.
Status checkApart(const DeviceRange &workspace, const DeviceRange &other);

} // namespace nybl::launch

#endif // NYBL_RUNTIME_LAUNCH_WORKSPACE_H
