// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The device's global memory. Addresses are handed out here and are never host
// pointers, except those of host memory that kernels may use. Allocations are
// apart by guard gaps, freed ones stay known, so an access past an end or after
// a free is found, precisely.
#ifndef NYBL_EMULATOR_MEMORY_GLOBALMEMORY_H
#define NYBL_EMULATOR_MEMORY_GLOBALMEMORY_H

#include "tools/emulator/Report.h"
#include "tools/emulator/Status.h"
#include <atomic>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <vector>

namespace nybl::emu {

/// One shadow byte for each data byte.
namespace shadow {
inline constexpr uint8_t poisonLow = 1;  ///< low nibble is marked
inline constexpr uint8_t poisonHigh = 2; ///< high nibble is marked
inline constexpr uint8_t poison = 3;
inline constexpr uint8_t initialised = 4;
/// Shared memory: an asynchronous operation may be at work on this byte (its
/// queue knows), or it belongs to a live mbarrier.
inline constexpr uint8_t inFlight = 8;
inline constexpr uint8_t mbarrier = 16;
} // namespace shadow

/// Host memory that the system hands out lazily, so that a large allocation
/// costs what is touched of it.
struct FreeBytes {
  bool isOwned = true; ///< false: the memory of somebody else
  unsigned before = 0; ///< bytes of the block before these

  void operator()(uint8_t *bytes) const {
    if (isOwned)
      std::free(bytes - before);
  }
};
using Bytes = std::unique_ptr<uint8_t[], FreeBytes>;

struct Allocation {
  uint64_t base = 0, size = 0;
  Bytes data, shadow;
  bool isHost = false; ///< adopted
  /// Kernels only read it (.const); set before any kernel can.
  bool isConstant = false;
  std::atomic<bool> live{true};
};

/// Thread safe as far as ranges are concerned: find() may run beside allocate()
/// and release(). Whoever reads or writes bytes holds a use() meanwhile: a
/// range is dead at once when it is released, but its bytes go only when all
/// who held a use() then have ended it. Allocation objects live as long as the
/// memory, so that a late user of a freed range is named.
class GlobalMemory {
  struct Generation;

public:
  explicit GlobalMemory(uint64_t capacity);
  ~GlobalMemory();

  /// Where the addresses lie that allocate() gives. No host memory does, so an
  /// address in here is one of the device even where nothing is allocated.
  static constexpr uint64_t windowBegin = uint64_t(1) << 40,
                            windowEnd = uint64_t(80) << 40;

  class Use {
  public:
    void end() { *this = Use(); }

  private:
    friend class GlobalMemory;
    std::shared_ptr<Generation> generation;
    std::shared_lock<std::shared_mutex> contents;
  };
  Use use();
  /// Waits until nobody uses the contents; for what no user may see half done.
  std::unique_lock<std::shared_mutex> useAlone();

  /// At least 512-byte aligned; contents are uninitialised.
  Expected<uint64_t> allocate(uint64_t bytes);
  /// Host memory for kernels to use, under its own address, until release(). It
  /// is initialised, and counts nothing. False where it overlaps a live range.
  bool adopt(void *host, uint64_t bytes);
  /// Makes the live allocation that starts there one that kernels only read.
  void protect(uint64_t address);
  /// False if no live allocation starts there. Waits for nobody.
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
  /// Gives each byte of the range these poison bits, and no others.
  bool setMarks(uint64_t address, const std::vector<uint8_t> &marks);

  /// Contents and shadow of all live allocations; restore() puts them back
  /// where those still live, with or without their poison.
  struct Snapshot {
    struct Piece {
      uint64_t base;
      std::vector<uint8_t> data, shadow;
    };
    std::vector<Piece> pieces;
  };
  Snapshot snapshot() const;
  void restore(const Snapshot &snapshot, bool withPoison);

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
  /// Freed host ranges whose addresses are in use again.
  std::vector<std::unique_ptr<Allocation>> forgotten;
  uint64_t capacity;
  std::atomic<uint64_t> inUse{0};
  uint64_t nextBase = windowBegin;
  std::shared_mutex contents;
  std::shared_ptr<Generation> generation; ///< the newest
};

} // namespace nybl::emu

#endif // NYBL_EMULATOR_MEMORY_GLOBALMEMORY_H
