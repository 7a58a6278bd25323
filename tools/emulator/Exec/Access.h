// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One lane's access: from an address to bytes and their shadow, or a report.
#ifndef NYBL_EMULATOR_EXEC_ACCESS_H
#define NYBL_EMULATOR_EXEC_ACCESS_H

#include "tools/emulator/Exec/Warp.h"
#include <atomic>
#include <cstring>
#include <type_traits>

namespace nybl::emu {

struct Place {
  uint8_t *data = nullptr;   ///< null: reported
  uint8_t *shadow = nullptr; ///< null: always initialised, never marked
  MemorySpace space = MemorySpace::Global;
  Cta *cta = nullptr;  ///< of shared memory: whose,
  uint32_t offset = 0; ///< and where in it
};

/// Bounds and alignment are always checked. A finding stops the CTA. Of shared
/// memory, Place::space is Shared whoever owns it.
Place resolve(Warp &w, MemorySpace space, unsigned lane, uint64_t address,
              uint32_t bytes);

/// The same for a range of which only the start must be aligned.
Place resolveRange(Warp &w, MemorySpace space, unsigned lane, uint64_t address,
                   uint32_t bytes, uint32_t alignment);

/// Reports an attempt to write parameters or constants; true if fine.
bool checkWritable(Warp &w, const Place &place, unsigned lane,
                   uint64_t address);

/// Reports if a byte was never written (when checks are on); true if fine.
bool checkInitialised(Warp &w, const Place &place, unsigned lane,
                      uint64_t address, uint32_t bytes);

/// Reports bytes that an asynchronous operation is working on (reading them
/// while it reads is fine) or that are a live mbarrier; true if fine.
bool checkInFlight(Warp &w, const Place &place, unsigned lane, uint64_t address,
                   uint32_t bytes, bool isStore);

/// The same, and races, if they are looked for. Every ordinary access asks
/// here, whatever memory it is.
bool checkSettled(Warp &w, const Place &place, unsigned lane, uint64_t address,
                  uint32_t bytes, bool isStore);

/// The memory that the lanes of an instruction most likely go to: the CTA's own
/// shared memory, or the allocation of the latest access.
struct LikelyPlace {
  uint8_t *data = nullptr, *shadow = nullptr;
  uint64_t base = 0, size = 0; ///< addresses, as the instruction has them
  MemorySpace space = MemorySpace::Global;
  Cta *cta = nullptr;

  /// What resolve() gives for an access of a power of two bytes that fits in
  /// here; Place::data is null where it does not.
  Place at(uint64_t address, uint32_t bytes) const {
    uint64_t offset = address - base;
    bool fits =
        offset < size && bytes <= size - offset && (address & (bytes - 1)) == 0;
    if (!fits)
      return {};
    return {data + offset, shadow + offset, space, cta,
            static_cast<uint32_t>(cta ? offset : 0)};
  }
};

/// `address` is that of one lane.
LikelyPlace likelyPlace(Warp &w, MemorySpace space, uint64_t address);

template <unsigned Bytes>
using WordOf = std::conditional_t<
    Bytes == 1, uint8_t,
    std::conditional_t<Bytes == 2, uint16_t,
                       std::conditional_t<Bytes == 4, uint32_t, uint64_t>>>;

/// CTAs on other host threads may be at the same word of global memory, or at
/// its shadow: elements of up to 8 bytes come and go whole, and a flag's new
/// value brings along what was written before it. `at` is aligned.
template <typename Word>
inline Word loadWord(const uint8_t *at) {
  return std::atomic_ref<Word>(
             *reinterpret_cast<Word *>(const_cast<uint8_t *>(at)))
      .load(std::memory_order_acquire);
}

template <typename Word>
inline void storeWord(uint8_t *at, Word word) {
  std::atomic_ref<Word>(*reinterpret_cast<Word *>(at))
      .store(word, std::memory_order_release);
}

/// Whether all `Bytes` of shadow agree with `expected` in the bits of `mask`.
template <unsigned Bytes>
inline bool shadowIs(const uint8_t *shadow, uint8_t mask, uint8_t expected) {
  using Word = WordOf<Bytes>;
  constexpr auto ones = static_cast<Word>(0x0101010101010101);
  Word different = 0;
  for (unsigned at = 0; at < Bytes; at += sizeof(Word)) {
    auto word = loadWord<Word>(shadow + at);
    different |= static_cast<Word>(word ^ static_cast<Word>(ones * expected));
  }
  return (different & static_cast<Word>(ones * mask)) == 0;
}

template <unsigned Bytes>
inline void setShadow(uint8_t *shadow, uint8_t value) {
  using Word = WordOf<Bytes>;
  constexpr auto ones = static_cast<Word>(0x0101010101010101);
  for (unsigned at = 0; at < Bytes; at += sizeof(Word))
    storeWord(shadow + at, static_cast<Word>(ones * value));
}

/// Of an instruction to which the first `count` lanes name rows of a matrix:
/// reports a marked address; true if there is none.
bool rowAddressesAreClean(Warp &w, const Instr &in, unsigned count);

inline const char *name(MemorySpace space) {
  static constexpr const char *names[] = {
      "generic", "global", "shared", "local", "param", "const", "shared"};
  return names[static_cast<unsigned>(space)];
}

/// The address of a lane: register (32 or 64 bits wide) plus offset.
inline uint64_t addressOf(Warp &w, const Instr &in, unsigned lane) {
  if (!in.flag) // 32-bit addresses wrap
    return w.w(in.a)[lane] + static_cast<uint32_t>(in.imm);
  return w.q(in.a)[lane] + static_cast<uint64_t>(in.imm);
}

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_ACCESS_H
