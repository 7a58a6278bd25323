// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How rows of a tile are permuted in shared memory, so that columns lie in
// different banks (PTX ISA 9.1 §5.5.7): the same function of the byte address
// for TMA, wgmma and tcgen05.
#ifndef NYBL_EMULATOR_EXEC_SWIZZLE_H
#define NYBL_EMULATOR_EXEC_SWIZZLE_H

#include <cstdint>

namespace nybl::emu {

enum class Swizzle : uint8_t {
  None,
  B32,
  B64,
  B128,
  B128Atom32,      ///< 128 bytes, in atoms of 32 instead of 16 bytes
  B128Atom32Flip8, ///< the same, and the halves of 16 bytes swap in odd rows
  B128Atom64
};

/// Where the byte of this address lies.
inline uint32_t swizzled(uint32_t address, Swizzle mode) {
  switch (mode) {
  case Swizzle::None:
    return address;
  case Swizzle::B32:
    return address ^ (address >> 7 & 1) << 4;
  case Swizzle::B64:
    return address ^ (address >> 7 & 3) << 4;
  case Swizzle::B128:
    return address ^ (address >> 7 & 7) << 4;
  case Swizzle::B128Atom32:
    return address ^ (address >> 7 & 3) << 5;
  case Swizzle::B128Atom32Flip8:
    return address ^ (address >> 7 & 3) << 5 ^ (address >> 7 & 1) << 3;
  case Swizzle::B128Atom64:
    return address ^ (address >> 7 & 1) << 6;
  }
  return address;
}

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_SWIZZLE_H
