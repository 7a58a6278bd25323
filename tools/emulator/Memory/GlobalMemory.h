// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The device's global memory. Addresses are handed out here and are never host
// pointers; allocations are apart by guard gaps, freed ones stay known, so an
// access past an end or after a free is found, precisely.
#ifndef NYBL_EMULATOR_MEMORY_GLOBALMEMORY_H
#define NYBL_EMULATOR_MEMORY_GLOBALMEMORY_H

#include "tools/emulator/Report.h"
#include "tools/emulator/Status.h"
#include <atomic>
#include <cstdlib>
#include <map>
#include <memory>
#include <shared_mutex>
#include <vector>

namespace nybl::emu {

/// One shadow byte for each data byte.
namespace shadow {
inline constexpr uint8_t poisonLow = 1;  ///< low nibble is marked
inline constexpr uint8_t poisonHigh = 2; ///< high nibble is marked
inline constexpr uint8_t poison = 3;
inline constexpr uint8_t initialised = 4;
} // namespace shadow

/// Host memory that the system hands out lazily, so that a large allocation
/// costs what is touched of it.
struct FreeBytes {
  void operator()(uint8_t *bytes) const { std::free(bytes); }
};
using Bytes = std::unique_ptr<uint8_t[], FreeBytes>;

struct Allocation {
  uint64_t base = 0, size = 0;
  Bytes data, shadow;
  std::atomic<bool> live{true};
};

/// Thread safe as far as ranges are concerned: find() may run beside allocate()
/// and release(). Contents are not guarded: whoever reads or writes bytes keeps
/// release() of that allocation away meanwhile. Allocation objects live as long
/// as the memory, so that a late user of a freed range is named.
class GlobalMemory {
public:
  explicit GlobalMemory(uint64_t capacity) : capacity(capacity) {}

  /// At least 512-byte aligned; contents are uninitialised.
  Expected<uint64_t> allocate(uint64_t bytes);
  /// False if no live allocation starts there.
  bool release(uint64_t address);

  /// The live allocation that holds [address, address + bytes), or null; then
  /// `report` (if given) gets kind and message.
  Allocation *find(uint64_t address, uint64_t bytes, Report *report) const;

  /// The next four return false, and touch nothing, unless each range lies in
  /// one live allocation. write() and fill() initialise and clear poison;
  /// copy() moves the shadow along; read() takes bytes whatever their shadow
  /// says.
  bool write(uint64_t address, const void *from, uint64_t bytes);
  bool read(void *to, uint64_t address, uint64_t bytes) const;
  bool fill(uint64_t address, const void *pattern, unsigned width,
            uint64_t count);
  bool copy(uint64_t to, uint64_t from, uint64_t bytes);
  /// Marks or clears poison without touching data or initialisation.
  bool setPoison(uint64_t address, uint64_t bytes, bool on);

  /// So that a report can say d[row, column].
  void declareOutput(uint64_t base, std::string name, uint64_t rows,
                     uint64_t columns, uint64_t rowStride,
                     uint32_t elementBytes);
  std::string nameOf(uint64_t address) const;

  uint64_t bytesInUse() const { return inUse; }
  uint64_t bytesTotal() const { return capacity; }

private:
  struct Output {
    std::string name;
    uint64_t rows, columns, rowStride;
    uint32_t elementBytes;
  };

  mutable std::shared_mutex mutex;
  std::map<uint64_t, std::unique_ptr<Allocation>> allocations;
  std::map<uint64_t, Output> outputs;
  uint64_t capacity;
  std::atomic<uint64_t> inUse{0};
  uint64_t nextBase = uint64_t(1) << 40;
};

} // namespace nybl::emu

#endif // NYBL_EMULATOR_MEMORY_GLOBALMEMORY_H
