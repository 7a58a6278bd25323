// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Boxes of tensors.

#include "tools/emulator/Exec/TensorBox.h"

#include "tools/emulator/Exec/Cluster.h"
#include <algorithm>
#include <cstring>

using namespace nybl::emu;

static Swizzle swizzleOf(TensorSwizzle swizzle) {
  static constexpr Swizzle modes[] = {
      Swizzle::None,      Swizzle::B32,        Swizzle::B64,
      Swizzle::B128,      Swizzle::B128Atom32, Swizzle::B128Atom32Flip8,
      Swizzle::B128Atom64};
  return modes[static_cast<unsigned>(swizzle)];
}

/// How many bytes of a row a swizzle permutes.
static uint32_t spanOf(Swizzle swizzle) {
  switch (swizzle) {
  case Swizzle::None:
    return 1;
  case Swizzle::B32:
    return 32;
  case Swizzle::B64:
    return 64;
  default:
    return 128;
  }
}

namespace {

/// Fills in the rows of a box, one outer index after the other.
class BoxBuilder {
public:
  BoxBuilder(Warp &w, unsigned lane, const TensorMap &map,
             const std::vector<int32_t> &coordinates, bool gathers,
             TensorBox &box)
      : w(w), lane(lane), map(map), coordinates(coordinates), gathers(gathers),
        box(box) {}

  bool run() {
    measure();
    uint32_t outer = 1;
    for (unsigned i = 1; i < map.rank; ++i)
      outer *= extent(i);
    for (uint32_t number = 0; number < outer; ++number)
      if (!addRow(number))
        return false;
    box.transactionBytes = box.rowBytes * outer;
    // Rows shorter than the swizzle's span may end in one that is not whole.
    uint32_t span = spanOf(box.swizzle);
    box.sharedBytes = box.rowBytes / box.chunk * 16 * outer;
    box.sharedBytes = (box.sharedBytes + span - 1) / span * span;
    return true;
  }

private:
  /// Elements that the box takes along a dimension.
  uint32_t extent(unsigned i) const {
    if (gathers && i == 1)
      return 4;
    unsigned step = i == 0 ? 1 : map.elementStrides[i];
    return (map.box[i] + step - 1) / step;
  }

  void measure() {
    bool padded = isPadded(map.elementType);
    box.element = map.elementType;
    box.fillsNan = map.oobFill == TensorFill::NaN;
    box.swizzle = swizzleOf(map.swizzle);
    box.rowBytes =
        static_cast<uint32_t>(globalBytes(map.elementType, map.box[0]));
    box.chunk = padded ? bitsOf(map.elementType) * 2 : 16;
  }

  /// The index along dimension i of outer number `number`; `number` loses it.
  int64_t indexOf(unsigned i, uint32_t &number) const {
    uint32_t step = number % extent(i);
    number /= extent(i);
    if (gathers)
      return coordinates[1 + step];
    return int64_t(coordinates[i]) + int64_t(step) * map.elementStrides[i];
  }

  bool addRow(uint32_t number) {
    BoxRow row;
    row.offset = number * (box.rowBytes / box.chunk * 16);
    uint64_t address = map.globalAddress;
    bool inside = true;
    uint32_t rest = number;
    for (unsigned i = 1; i < map.rank; ++i) {
      int64_t index = indexOf(i, rest);
      inside &= index >= 0 && index < static_cast<int64_t>(map.dims[i]);
      address += static_cast<uint64_t>(index) * map.strides[i];
    }
    int64_t first = coordinates[0], last = first + map.box[0];
    int64_t from = std::max<int64_t>(first, 0);
    int64_t to = std::min<int64_t>(last, static_cast<int64_t>(map.dims[0]));
    if (inside && from < to) {
      auto bytes = [&](int64_t elements) {
        return static_cast<uint32_t>(
            globalBytes(map.elementType, static_cast<uint64_t>(elements)));
      };
      row.before = bytes(from - first);
      row.bytes = bytes(to - from);
      row.address = address + bytes(from);
      if (!findRow(row))
        return false;
    }
    box.tensorBytes += row.bytes;
    box.rows.push_back(row);
    return true;
  }

  /// What the map says must be memory that exists.
  bool findRow(BoxRow &row) {
    bool known = a && row.address - a->base < a->size &&
                 row.bytes <= a->size - (row.address - a->base);
    Report report;
    if (!known)
      a = w.cta.memory.find(row.address, row.bytes, &report);
    if (!a) {
      w.report(report.kind, lane, row.address,
               "a row of a tensor map: " + report.message);
      return false;
    }
    box.isConstant |= a->isConstant;
    row.data = a->data.get() + (row.address - a->base);
    row.shadow = a->shadow.get() + (row.address - a->base);
    return true;
  }

  Warp &w;
  unsigned lane;
  const TensorMap &map;
  const std::vector<int32_t> &coordinates;
  bool gathers;
  TensorBox &box;
  Allocation *a = nullptr; ///< of the latest row
};

} // namespace

bool nybl::emu::layOutBox(Warp &w, unsigned lane, const TensorMap &map,
                          const std::vector<int32_t> &coordinates, bool gathers,
                          TensorBox &box) {
  // Half bytes do not move: coordinates of narrow elements are whole bytes
  // (16 elements where shared memory has gaps).
  unsigned unit = isPadded(map.elementType)                    ? 128
                  : map.elementType == TensorElement::U4Align8 ? 2
                                                               : 1;
  if (coordinates[0] % static_cast<int32_t>(unit) != 0) {
    w.report(FindingKind::AsyncMisuse, lane, map.globalAddress,
             "expected a first coordinate that is a multiple of " +
                 std::to_string(unit) + ", got " +
                 std::to_string(coordinates[0]));
    return false;
  }
  return BoxBuilder(w, lane, map, coordinates, gathers, box).run();
}

/// Outside of the tensor: zero or, where asked, the type's NaN.
static uint8_t fillByte(const TensorBox &box, uint32_t i) {
  if (!box.fillsNan)
    return 0;
  switch (box.element) {
  case TensorElement::F16:
  case TensorElement::Bf16:
    return i % 2 ? 0x7f : 0xff;
  case TensorElement::F64:
    return i % 8 == 7 ? 0x7f : 0xff;
  default:
    return i % 4 == 3 ? 0x7f : 0xff;
  }
}

/// `count` bytes of a row from byte i on, which lie together at `to`.
static void fillPiece(const TensorBox &box, const BoxRow &row, uint32_t i,
                      uint32_t count, uint8_t *to, uint8_t *shadowTo) {
  uint32_t end = row.before + row.bytes;
  if (i >= row.before && i + count <= end) {
    std::memcpy(to, row.data + (i - row.before), count);
    std::memcpy(shadowTo, row.shadow + (i - row.before), count);
    return;
  }
  for (uint32_t k = 0; k < count; ++k) {
    bool inside = i + k >= row.before && i + k < end;
    to[k] = inside ? row.data[i + k - row.before] : fillByte(box, i + k);
    shadowTo[k] = inside ? row.shadow[i + k - row.before] : shadow::initialised;
  }
}

void nybl::emu::fillBox(const TensorBox &box, Cta &cta, uint32_t start) {
  // Swizzles move whole units of 16 bytes, or halves of them.
  bool flips = box.swizzle == Swizzle::B128Atom32Flip8;
  uint32_t piece = flips ? std::min(box.chunk, 8u) : box.chunk;
  for (const BoxRow &row : box.rows)
    for (uint32_t i = 0; i < box.rowBytes; i += piece) {
      uint32_t to = box.place(start, row, i);
      fillPiece(box, row, i, piece, &cta.shared[to], &cta.sharedShadow[to]);
      if (box.chunk < 16) // gaps hold nothing
        std::memset(&cta.sharedShadow[to + box.chunk], 0, 16 - box.chunk);
    }
}
