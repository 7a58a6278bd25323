// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One multiply after the other.

#include "tests/EndToEnd/Labels/SlotCheck.h"
#include <algorithm>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::labels;

namespace {

/// What arrived in one place.
struct Slot {
  enum State : uint8_t { Absent, Zero, One, Mixed } state = Absent;
  uint32_t label = 0;
  friend bool operator==(const Slot &, const Slot &) = default;
};

/// K blocks of one multiply that there is room for.
constexpr unsigned mostBlocks = 16;

/// The places of one operand's side in one multiply: row * mostBlocks + block.
struct Side {
  std::vector<Slot> data, scales;
};

class SlotChecker {
public:
  SlotChecker(const std::vector<Unit> &units, int64_t blocks, const Part &whole,
              Faults &faults)
      : units(units), blocks(blocks), whole(whole), faults(faults),
        products(whole.rows.count() * whole.columns.count() * blocks) {}

  void take(const nyblEmuLabel &record);
  /// All records of a multiply have been taken.
  void finish();
  void checkProducts(const Part &part);

private:
  void fault(unsigned side, unsigned row, unsigned block,
             const std::string &what);
  void checkSide(unsigned side);
  bool isReal(const Slot &slot, Operand operand) const;
  bool takesBAsRows() const;
  void countProducts();
  std::string text(const Slot &slot) const;

  const std::vector<Unit> &units;
  int64_t blocks;
  const Part &whole;
  Faults &faults;
  std::vector<uint16_t> products; ///< made of (row, column, K block)
  nyblEmuLabel now{};             ///< the multiply at hand
  Side sides[2];                  ///< the multiply's A and B, then ours
};

std::string SlotChecker::text(const Slot &slot) const {
  switch (slot.state) {
  case Slot::Absent:
    return "nothing recorded";
  case Slot::Zero:
    return "nothing labelled";
  case Slot::Mixed:
    return "a mixture";
  case Slot::One:
    break;
  }
  return slot.label < units.size() ? labels::text(units[slot.label])
                                   : fmt::format("label {}", slot.label);
}

void SlotChecker::fault(unsigned side, unsigned row, unsigned block,
                        const std::string &what) {
  faults.add(fmt::format("CTA {}, warp {}, multiply {} (PTX line {}), {} {}, K "
                         "block {}: {}",
                         now.cta, now.warp, now.multiply, now.line,
                         side == 0 ? "row" : "column", row, block, what));
}

void SlotChecker::take(const nyblEmuLabel &record) {
  now = record;
  auto operand = static_cast<Operand>(record.operand);
  bool isData = operand == Operand::A || operand == Operand::B;
  Side &side = sides[operand == Operand::B || operand == Operand::ScaleB];
  std::vector<Slot> &slots = isData ? side.data : side.scales;
  unsigned block = isData ? record.k / oracle::kScaleBlock : record.k;
  size_t place = record.row * mostBlocks + block;
  if (block >= mostBlocks)
    return fault(0, record.row, block, "more K blocks than a multiply has");
  if (slots.size() <= place)
    slots.resize((record.row + 1) * mostBlocks);
  Slot slot{static_cast<Slot::State>(Slot::Zero + record.state), record.label};
  // Elements of one block come from one unit, or none does.
  if (slots[place].state != Slot::Absent && slots[place] != slot)
    slot.state = Slot::Mixed;
  slots[place] = slot;
}

bool SlotChecker::isReal(const Slot &slot, Operand operand) const {
  return slot.state == Slot::One && slot.label < units.size() &&
         units[slot.label].operand == operand && units[slot.label].isReal;
}

void SlotChecker::checkSide(unsigned side) {
  Operand data = side == 0 ? Operand::A : Operand::B;
  Operand scale = side == 0 ? Operand::ScaleA : Operand::ScaleB;
  Side &s = sides[side];
  size_t places = std::max(s.data.size(), s.scales.size());
  s.data.resize(places);
  s.scales.resize(places);
  for (size_t i = 0; i < places; ++i) {
    const Slot &d = s.data[i], &f = s.scales[i];
    auto report = [&](const std::string &expected) {
      fault(side, i / mostBlocks, i % mostBlocks,
            "data: " + text(d) + "; scale factor: expected " + expected +
                ", got " + text(f));
    };
    if (isReal(d, data)) {
      const Unit &unit = units[d.label];
      if (!isReal(f, scale) || units[f.label].row != unit.row ||
          units[f.label].block != unit.block)
        report("the one of row " + std::to_string(unit.row) + ", K block " +
               std::to_string(unit.block));
    } else if (d.state == Slot::Zero ? f.state != Slot::Zero
                                     : d.state != Slot::Absent) {
      report("zero, and zero data");
    } else if (d.state == Slot::Absent && f.state != Slot::Absent) {
      report("no slot");
    }
  }
}

void SlotChecker::countProducts() {
  const std::vector<Slot> &a = sides[0].data, &b = sides[1].data;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!isReal(a[i], Operand::A))
      continue;
    const Unit &row = units[a[i].label];
    for (size_t j = i % mostBlocks; j < b.size(); j += mostBlocks) {
      if (!isReal(b[j], Operand::B))
        continue;
      const Unit &column = units[b[j].label];
      if (row.block != column.block) {
        fault(0, i / mostBlocks, i % mostBlocks,
              labels::text(row) + " meets " + labels::text(column));
        continue;
      }
      int64_t element = (row.row - whole.rows.first) * whole.columns.count() +
                        column.row - whole.columns.first;
      ++products[element * blocks + row.block];
    }
  }
}

/// A multiply may take rows of B as its rows, and rows of A as its columns.
bool SlotChecker::takesBAsRows() const {
  auto holds = [&](const Side &side, Operand operand) {
    return std::ranges::any_of(
        side.data, [&](const Slot &slot) { return isReal(slot, operand); });
  };
  return holds(sides[0], Operand::B) || holds(sides[1], Operand::A);
}

void SlotChecker::finish() {
  if (takesBAsRows())
    std::swap(sides[0], sides[1]);
  checkSide(0);
  checkSide(1);
  countProducts();
  for (Side &side : sides) {
    side.data.clear();
    side.scales.clear();
  }
}

void SlotChecker::checkProducts(const Part &part) {
  size_t at = 0;
  for (int64_t row = whole.rows.first; row < whole.rows.end; ++row)
    for (int64_t column = whole.columns.first; column < whole.columns.end;
         ++column)
      for (int64_t block = 0; block < blocks; ++block, ++at)
        if (products[at] != part.holds(row, column))
          faults.add(fmt::format("D[{}, {}], K block {}: expected the product "
                                 "{} times, got {}",
                                 row, column, block,
                                 int(part.holds(row, column)), products[at]));
}

} // namespace

void nybl::labels::checkSlots(const std::vector<nyblEmuLabel> &records,
                              const std::vector<Unit> &units, int64_t blocks,
                              const Part &whole, const Part &part,
                              Faults &faults) {
  SlotChecker checker(units, blocks, whole, faults);
  for (size_t i = 0; i < records.size(); ++i) {
    checker.take(records[i]);
    bool isLast = i + 1 == records.size() ||
                  records[i + 1].cta != records[i].cta ||
                  records[i + 1].warp != records[i].warp ||
                  records[i + 1].multiply != records[i].multiply;
    if (isLast)
      checker.finish();
  }
  checker.checkProducts(part);
}
