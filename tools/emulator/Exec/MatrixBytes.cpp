// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ldmatrix and stmatrix of bytes: m16n16 and m8n16, from bytes or expanded from
// elements of 4 or 6 bits, and m16n8 stores. A row of a matrix is 16 bytes of
// shared memory; 16 elements of 4 (6) bits take the first 8 (12) of them.
// Which byte goes where is drawn as pictures in the PTX ISA; these maps are
// those of CuTe's copy traits for sm_100 (ThrID, SrcLayout, DstLayout), solved
// for the row that a lane's address names.

#include "tools/emulator/Exec/MatrixBytes.h"

#include "tools/emulator/Exec/Access.h"
#include <cstring>

using namespace nybl::emu;

namespace {

enum Width : uint8_t { Byte, SixBits, FourBits };

unsigned sourceBytes(Width width) {
  return width == Byte ? 16 : width == SixBits ? 12 : 8;
}

/// Instr::mode: the width. Instr::bytes: rows of a matrix, 8 or 16.
/// Instr::isSigned: transposed.
struct Rows {
  Place of[32];
  unsigned count = 0;
  bool ok = true;
};

unsigned matricesOf(const Instr &in) { return in.listCount / (in.bytes / 8u); }

Rows rowsOf(Warp &w, const Instr &in, bool isStore) {
  Rows rows;
  rows.count = matricesOf(in) * in.bytes;
  unsigned bytes = sourceBytes(Width(in.mode));
  for (unsigned row = 0; row < rows.count && rows.ok; ++row) {
    uint64_t address = addressOf(w, in, row);
    Place place = resolve(w, in.space, row, address, 16);
    rows.ok =
        place.data && checkSettled(w, place, row, address, bytes, isStore);
    if (rows.ok && !place.cta) {
      w.report(FindingKind::OutOfBounds, row, address,
               "a row of a matrix that is not in shared memory");
      rows.ok = false;
    }
    if (rows.ok && !isStore)
      rows.ok = checkInitialised(w, place, row, address, bytes);
    rows.of[row] = place;
  }
  return rows;
}

/// Element i of a row as a byte.
uint8_t elementOf(const uint8_t *row, unsigned i, Width width) {
  switch (width) {
  case FourBits:
    return row[i / 2] >> (4 * (i % 2)) & 15;
  case SixBits: {
    unsigned bit = 6 * i;
    unsigned pair =
        row[bit / 8] | (bit / 8 + 1 < 12 ? row[bit / 8 + 1] << 8 : 0);
    return pair >> (bit % 8) & 63;
  }
  default:
    return row[i];
  }
}

/// Its marks, one bit for each nibble.
unsigned marksOf(const uint8_t *shadowRow, unsigned i, Width width) {
  switch (width) {
  case FourBits:
    return shadowRow[i / 2] >> (i % 2) & 1;
  case SixBits: {
    unsigned first = 6 * i / 4, last = (6 * i + 5) / 4; // nibbles
    unsigned any = 0;
    for (unsigned nibble = first; nibble <= last; ++nibble)
      any |= shadowRow[nibble / 2] >> (nibble % 2) & 1;
    return any ? 3 : 0;
  }
  default:
    return shadowRow[i] & shadow::poison;
  }
}

/// Where byte b of register r of a lane comes from (goes to).
struct Spot {
  unsigned row, element;
};

/// m8n16: four neighbours of a row. m16n16 (transposed): in register 2 m + j
/// rows 4 t + 2 j and + 1 of columns g and g + 8. m16n8 (transposed): rows
/// 2 t and + 1 of columns g and g + 8.
Spot spotOf(const Instr &in, bool transposed, unsigned r, unsigned lane,
            unsigned b) {
  unsigned g = lane / 4, t = lane % 4;
  if (!transposed)
    return {8 * r + g, 4 * t + b};
  if (in.bytes == 16)
    return {r / 2 * 16 + 4 * t + r % 2 * 2 + b % 2, g + b / 2 * 8};
  return {8 * r + 2 * t + b % 2, g + b / 2 * 8};
}

void loadBytes(Warp &w, const Instr &in) {
  ++w.counters.sharedLoads;
  Rows rows = rowsOf(w, in, false);
  if (!rows.ok)
    return;
  const Slot *list = &w.kernel.lists[in.list];
  for (unsigned r = 0; r < in.listCount; ++r)
    for (unsigned lane = 0; lane < 32; ++lane) {
      uint32_t word = 0;
      for (unsigned b = 0; b < 4; ++b) {
        Spot at = spotOf(in, in.isSigned, r, lane, b);
        word |= uint32_t(
                    elementOf(rows.of[at.row].data, at.element, Width(in.mode)))
                << (8 * b);
      }
      w.w(list[r])[lane] = word;
    }
}

void taintLoadBytes(Warp &w, const Instr &in) {
  if (!rowAddressesAreClean(w, in, matricesOf(in) * in.bytes))
    return;
  Rows rows = rowsOf(w, in, false);
  if (!rows.ok)
    return;
  const Slot *list = &w.kernel.lists[in.list];
  for (unsigned r = 0; r < in.listCount; ++r)
    for (unsigned lane = 0; lane < 32; ++lane) {
      unsigned marks = 0;
      for (unsigned b = 0; b < 4; ++b) {
        Spot at = spotOf(in, in.isSigned, r, lane, b);
        marks |= marksOf(rows.of[at.row].shadow, at.element, Width(in.mode))
                 << (2 * b);
      }
      w.taint(list[r])[lane] = static_cast<uint16_t>(marks);
    }
}

void storeBytes(Warp &w, const Instr &in) {
  ++w.counters.sharedStores;
  Rows rows = rowsOf(w, in, true);
  if (!rows.ok)
    return;
  const Slot *list = &w.kernel.lists[in.list];
  bool poison = !w.taints.empty();
  for (unsigned r = 0; r < in.listCount; ++r)
    for (unsigned lane = 0; lane < 32; ++lane)
      for (unsigned b = 0; b < 4; ++b) {
        Spot at = spotOf(in, true, r, lane, b);
        const Place &row = rows.of[at.row];
        row.data[at.element] =
            static_cast<uint8_t>(w.w(list[r])[lane] >> (8 * b));
        unsigned marks = poison ? w.taint(list[r])[lane] >> (2 * b) : 0;
        row.shadow[at.element] = static_cast<uint8_t>(shadow::initialised |
                                                      (marks & shadow::poison));
      }
}

void taintStoreBytes(Warp &w, const Instr &in) {
  rowAddressesAreClean(w, in,
                       matricesOf(in) * in.bytes); // the store moves the marks
}

} // namespace

bool nybl::emu::collectMatrixRegisters(Decoder &d, bool isLoad, size_t count,
                                       std::vector<Slot> &slots) {
  const ptx::Operand &data = d.operand(isLoad ? 0 : 1);
  bool anyRegister = false;
  if (data.kind == ptx::Operand::Vector && data.elements.size() == count)
    for (const ptx::Operand &element : data.elements) {
      anyRegister |= element.kind == ptx::Operand::Register;
      slots.push_back(isLoad ? d.destinationOf(element, Type::B32)
                             : d.slotOf(element, Type::B32));
    }
  if (!anyRegister)
    d.fail("expected a vector of " + std::to_string(count) + " registers");
  return anyRegister;
}

void nybl::emu::decodeMatrixBytes(Decoder &d, bool isLoad, unsigned count,
                                  bool transposed, bool isShared) {
  bool square = d.take("m16n16"), wide = !square && d.take("m8n16");
  bool narrow = !square && !wide && d.take("m16n8");
  Width width = d.take("b4x16_p64")   ? FourBits
                : d.take("b6x16_p32") ? SixBits
                                      : Byte;
  std::string_view opcode = d.source->opcode;
  bool typed = d.take(width == Byte ? "b8" : "b8x16") &&
               (width == Byte || opcode.find("b8x16") < opcode.find("x16_p"));
  bool legal = isLoad ? (square && transposed && count <= 2) ||
                            (wide && !transposed && width != Byte)
                      : narrow && transposed && width == Byte;
  if (!legal || !typed || d.target().major < 10 || !d.target().family)
    return d.fail(
        "the emulator knows ldmatrix and stmatrix of m8n8.b16 and, on "
        "sm_100f and sm_120f, ldmatrix m16n16.trans and m8n16, "
        "stmatrix m16n8.trans.b8");
  if (!d.operands(2))
    return;
  unsigned registers = square ? 2 * count : count;
  std::vector<Slot> slots;
  if (!collectMatrixRegisters(d, isLoad, registers, slots))
    return;
  d.address(isLoad ? 1 : 0);
  d.setList(slots);
  d.out.run = isLoad ? loadBytes : storeBytes;
  d.out.taint = isLoad ? taintLoadBytes : taintStoreBytes;
  d.out.sync = Sync::WholeWarp;
  d.out.space = isShared ? MemorySpace::Shared : MemorySpace::Generic;
  d.out.mode = width;
  d.out.isSigned = transposed;
  d.out.bytes = square ? 16 : 8;
}
