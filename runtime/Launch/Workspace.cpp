// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From the manifest's preconditions of the workspace to checks of a launch.

#include "runtime/Launch/Workspace.h"
#include <algorithm>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::launch;

__extension__ using Wide = __int128;

/// The value of the workspace's precondition, the largest where there are
/// several, 0 where there is none.
static int64_t valueOf(const Manifest &manifest, std::string_view check) {
  int64_t value = 0;
  for (const Precondition &precondition : manifest.preconditions)
    if (precondition.operand == Workspace::name && precondition.check == check)
      value = std::max({value, precondition.value, int64_t(1)});
  return value;
}

/// Each element's sum in f32, and at least one counter.
static bool holdsSums(const Manifest &manifest, int64_t tileBytes) {
  return Wide(tileBytes) >= Wide(manifest.tileM) * manifest.tileN * 4 + 4;
}

Expected<Workspace> Workspace::make(const Manifest &manifest) {
  Workspace result;
  auto isParameter = [](const KernelParameter &p) { return p.source == name; };
  bool used = std::any_of(manifest.parameters.begin(),
                          manifest.parameters.end(), isParameter);
  if (used != (manifest.split > 1))
    return Status::invalid(fmt::format(
        "manifest: expected a kernel parameter '{}' where tiles are split into "
        "several parts, and nowhere else, got {} parts and {}",
        name, manifest.split, used ? "one" : "none"));
  if (!used)
    return result;
  result.tileBytes = valueOf(manifest, "tile_bytes");
  result.alignment = valueOf(manifest, "alignment");
  for (auto [check, holds] :
       {std::pair("'tile_bytes', room for the sums of a tile and a counter",
                  holdsSums(manifest, result.tileBytes)),
        std::pair("'alignment', a multiple of 16",
                  result.alignment > 0 && result.alignment % 16 == 0),
        std::pair("'no_overlap'", valueOf(manifest, "no_overlap") != 0)})
    if (!holds)
      return Status::invalid(fmt::format("manifest: expected a precondition {} "
                                         "of operand '{}', got none of the "
                                         "kind",
                                         check, name));
  return result;
}

Expected<uint64_t> Workspace::bytesFor(int64_t tiles) const {
  Wide bytes = Wide(tiles) * tileBytes;
  if (bytes <= Wide(INT64_MAX))
    return static_cast<uint64_t>(bytes);
  return Status::refused(fmt::format(
      "{}: expected tiles whose {} bytes each come to less than 2^63, got {} "
      "tiles",
      name, tileBytes, tiles));
}

Status Workspace::check(uint64_t pointer, uint64_t bytes, int64_t tiles) const {
  if (!isNeeded()) // one that is there for other launches is left alone
    return (pointer != 0 || bytes == 0) && pointer + bytes >= pointer
               ? Status::ok()
               : Status::refused(fmt::format(
                     "workspace: expected none (0 and 0 bytes), or a device "
                     "address with {} bytes behind it, got {:#x}",
                     bytes, pointer));
  Expected<uint64_t> needed = bytesFor(tiles);
  if (!needed)
    return needed.status();
  if (pointer == 0 || bytes < *needed || pointer + bytes < pointer)
    return Status::refused(fmt::format(
        "workspace: expected at least {} bytes, all zero, for the {} tiles of "
        "this launch (nybl_plan_workspace), got {} at {:#x}",
        *needed, tiles, bytes, pointer));
  if (pointer % static_cast<uint64_t>(alignment) == 0)
    return Status::ok();
  return Status::refused(
      fmt::format("workspace: expected a multiple of {} bytes, got {:#x}",
                  alignment, pointer));
}

Status nybl::launch::checkApart(const DeviceRange &workspace,
                                const DeviceRange &other) {
  if (other.bytes == 0 || other.begin >= workspace.begin + workspace.bytes ||
      workspace.begin >= other.begin + other.bytes)
    return Status::ok();
  return Status::refused(fmt::format(
      "workspace: expected memory of its own, but its {} bytes at {:#x} meet "
      "the {} bytes of {} at {:#x}",
      workspace.bytes, workspace.begin, other.bytes, other.name, other.begin));
}
