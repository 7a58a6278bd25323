// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The LZ4 block format: sequences of literals and of copies from what was
// written before. Every length and distance is checked before it is used.

#include "tools/emulator/Fatbin/Fatbin.h"

#include <cstring>

using namespace nybl::emu;

namespace {
struct Reader {
  const uint8_t *at;
  size_t left;

  bool byte(uint8_t &to) {
    if (left == 0)
      return false;
    to = *at++;
    --left;
    return true;
  }

  /// A length of 15 in a nibble goes on in further bytes, up to one below 255.
  bool length(size_t &value) {
    if (value != 15)
      return true;
    uint8_t more = 255;
    while (more == 255) {
      if (!byte(more))
        return false;
      value += more;
    }
    return true;
  }
};
} // namespace

bool nybl::emu::unpackLz4(const uint8_t *from, size_t fromBytes, uint8_t *to,
                          size_t toBytes) {
  constexpr size_t leastCopy = 4;
  Reader in{from, fromBytes};
  size_t written = 0;
  while (true) {
    uint8_t token = 0, low = 0, high = 0;
    if (!in.byte(token))
      return false;
    size_t literals = token >> 4, copied = token & 15;
    if (!in.length(literals) || literals > in.left ||
        literals > toBytes - written)
      return false;
    if (literals > 0)
      std::memcpy(to + written, in.at, literals);
    in.at += literals;
    in.left -= literals;
    written += literals;
    if (in.left == 0) // the last sequence has no copy
      return written == toBytes;
    if (!in.byte(low) || !in.byte(high) || !in.length(copied))
      return false;
    size_t distance = low | size_t(high) << 8;
    copied += leastCopy;
    if (distance == 0 || distance > written || copied > toBytes - written)
      return false;
    // Byte by byte: a copy may overlap what it writes.
    for (size_t i = 0; i < copied; ++i, ++written)
      to[written] = to[written - distance];
  }
}
