// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fat binaries: containers of one program for several chips, as nvcc and
// fatbinary write them. The PTX among it is what the emulator can run.
#ifndef NYBL_EMULATOR_FATBIN_FATBIN_H
#define NYBL_EMULATOR_FATBIN_FATBIN_H

#include "tools/emulator/Device/Chips.h"
#include "tools/emulator/Status.h"
#include <cstddef>
#include <cstdint>
#include <vector>

namespace nybl::emu {

/// First words of a container, and of the structure that a compiled program
/// points at it with.
inline constexpr uint32_t fatbinMagic = 0xba55ed50;
inline constexpr uint32_t fatbinWrapperMagic = 0x466243b1;
inline constexpr size_t fatbinHeaderBytes = 16;

/// No text of PTX is larger than this once it is unpacked.
inline constexpr size_t mostUnpackedBytes = size_t(1) << 26;

/// One entry; `payload` lies in the container.
struct FatbinEntry {
  enum Kind : uint16_t { Ptx = 1, Elf = 2 };
  enum Packing { Plain, Lz4, Zstd };

  uint16_t kind = 0;
  uint32_t architecture = 0; ///< 120 for sm_120, sm_120a, sm_120f
  Packing packing = Plain;
  const uint8_t *payload = nullptr;
  size_t payloadBytes = 0, unpackedBytes = 0;
};

/// What a container says of its own size, header included; its first
/// fatbinHeaderBytes bytes must be readable. 0: not a container.
size_t fatbinBytes(const uint8_t *header);

/// Entries of kinds that are not known are given too. The error says what is
/// wrong with the container. Never reads outside of `bytes`.
Expected<std::vector<FatbinEntry>> readFatbin(const uint8_t *image,
                                              size_t bytes);

/// Unpacked, without zeros at the end.
Expected<std::string> textOf(const FatbinEntry &entry);

/// The name behind .target; empty if there is none.
std::string_view targetOf(std::string_view ptx);

/// The text with the highest target among those that run on `chip`. The error
/// says what the container holds instead.
Expected<std::string> choosePtx(const uint8_t *image, size_t bytes,
                                const ChipLimits &chip);

/// Unpacks one block of LZ4 of which the unpacked size is known; false unless
/// it gives exactly that many bytes.
bool unpackLz4(const uint8_t *from, size_t fromBytes, uint8_t *to,
               size_t toBytes);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_FATBIN_FATBIN_H
