// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Who touched which bytes: cells of four bytes, in pages made on first use. A
// cell that accesses touched in part has one cell for each byte.
#ifndef NYBL_EMULATOR_EXEC_RACEMEMORY_H
#define NYBL_EMULATOR_EXEC_RACEMEMORY_H

#include "tools/emulator/Exec/RaceClock.h"
#include <array>
#include <memory>
#include <unordered_map>

namespace nybl::emu {

struct Touch {
  enum : uint8_t {
    Strong = 1,     ///< atomic, relaxed, volatile ...
    AsyncProxy = 2, ///< by a bulk copy, a matrix product ...
    Init = 4,       ///< mbarrier.init
    Slot = 8,       ///< by an asynchronous operation
    Allocates = 16  ///< tcgen05.alloc
  };
  static constexpr uint8_t manyLanes = 0xff;
  static constexpr uint8_t wholeWarp = 0xfe; ///< together, as ldmatrix does

  Agent agent = 0;
  uint32_t epoch = 0; ///< 0: never
  uint32_t pc = 0;
  uint8_t lane = 0, flags = 0;
  uint16_t serial = 0;
};

struct Cell {
  Touch store, load;
  std::unique_ptr<std::vector<Touch>> moreLoads; ///< not ordered with `load`
  std::unique_ptr<std::array<Cell, 4>> bytes;
};

/// Cells by address; kept by whoever owns the memory.
class CellPages {
public:
  Cell &at(uint64_t granule) {
    uint64_t number = granule / pageCells;
    if (!last || number != lastNumber) {
      std::unique_ptr<Page> &page = pages[number];
      if (!page)
        page = std::make_unique<Page>();
      last = page.get();
      lastNumber = number;
    }
    return (*last)[granule % pageCells];
  }

private:
  static constexpr uint64_t pageCells = 64;
  using Page = std::array<Cell, pageCells>;
  std::unordered_map<uint64_t, std::unique_ptr<Page>> pages;
  Page *last = nullptr;
  uint64_t lastNumber = 0;
};

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_RACEMEMORY_H
