// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Structs that begin with their size: older ones are filled up with zeros,
// newer ones are accepted if what is new in them is zero.
#ifndef NYBL_RUNTIME_LIBRARY_SIZED_H
#define NYBL_RUNTIME_LIBRARY_SIZED_H

#include "runtime/Abi/Status.h"
#include <algorithm>
#include <cstring>
#include <fmt/format.h>

namespace nybl::library {

/// A size that some release of the struct may have.
template <typename Struct>
Status checkSize(const Struct &given, size_t least, const char *name) {
  if (given.size >= least && given.size <= 65536)
    return Status::ok();
  return Status::invalid(fmt::format(
      "{}.size: expected sizeof({}), {} here, got {}: set the struct "
      "to zero, then its size",
      name, name, sizeof(Struct), given.size));
}

/// Copies *from (null: all zero) into `to`. `least` is the struct's size in the
/// first release. Allocates only for an error.
template <typename Struct>
Status readSized(const Struct *from, size_t least, const char *name,
                 Struct &to) {
  std::memset(static_cast<void *>(&to), 0, sizeof to);
  to.size = sizeof to;
  if (!from)
    return Status::ok();
  if (Status status = checkSize(*from, least, name); !status)
    return status;
  size_t size = from->size;
  auto *bytes = reinterpret_cast<const unsigned char *>(from);
  for (size_t i = sizeof(Struct); i < size; ++i)
    if (bytes[i] != 0)
      return Status::invalid(fmt::format(
          "{}: it is {} bytes and sets byte {}, of which this library, with {} "
          "bytes, knows nothing: use a newer libnybl.so",
          name, size, i, sizeof(Struct)));
  std::memcpy(&to, from, std::min(size, sizeof(Struct)));
  to.size = sizeof to;
  return Status::ok();
}

/// Fills *to as far as its size reaches; what only a newer release knows
/// becomes zero.
template <typename Struct>
void writeSized(Struct known, Struct *to) {
  size_t size = known.size = to->size;
  std::memset(static_cast<void *>(to), 0, size);
  std::memcpy(static_cast<void *>(to), &known, std::min(size, sizeof known));
}

} // namespace nybl::library

#endif // NYBL_RUNTIME_LIBRARY_SIZED_H
