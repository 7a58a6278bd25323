// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ldmatrix, stmatrix and mma.sync: fragments in and out of registers.

#include "tools/emulator/Exec/Access.h"
#include "tools/emulator/Exec/Decode.h"
#include "tools/emulator/Exec/Labels.h"
#include "tools/emulator/Exec/Marks.h"
#include "tools/emulator/Exec/MatrixBytes.h"
#include "tools/emulator/Exec/MmaSync.h"
#include "tools/emulator/Exec/Product.h"
#include "tools/emulator/Exec/Warp.h"
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

using namespace nybl::emu;

namespace {

//===----------------------------------------------------------------------===//
// ldmatrix and stmatrix, m8n8.b16
//===----------------------------------------------------------------------===//

/// Register j of lane l: row l / 4 of matrix j, b16 columns 2 * (l % 4) and +
/// 1; transposed: rows and columns change places. Row r of matrix j is where
/// lane 8 * j + r points.
struct MatrixRows {
  Place rows[32];
  bool ok = true;
};

MatrixRows matrixRows(Warp &w, const Instr &in) {
  MatrixRows result;
  bool isLoad = in.bytes == 1;
  uint8_t expected =
      isLoad && w.cta.config.checks ? shadow::initialised : uint8_t(0);
  uint8_t mask = expected | shadow::inFlight | shadow::mbarrier;
  LikelyPlace likely = likelyPlace(w, in.space, addressOf(w, in, 0));
  for (unsigned row = 0; row < 8 * in.listCount && result.ok; ++row) {
    uint64_t address = addressOf(w, in, row);
    Place &place = result.rows[row];
    place = likely.at(address, 16);
    if (!place.data)
      place = resolve(w, in.space, row, address, 16);
    result.ok = place.data != nullptr;
    if (result.ok && place.space != MemorySpace::Shared) {
      w.report(FindingKind::OutOfBounds, row, address,
               "a row of a matrix that is not in shared memory");
      result.ok = false;
    }
    if (!result.ok || (!w.races && shadowIs<16>(place.shadow, mask, expected)))
      continue;
    result.ok = checkSettled(w, place, row, address, 16, !isLoad) &&
                (!isLoad || checkInitialised(w, place, row, address, 16));
  }
  return result;
}

/// f(matrix, lane, half, row place, byte offset of the b16)
template <typename F>
void eachElement(const Instr &in, const MatrixRows &m, F f) {
  for (unsigned j = 0; j < in.listCount; ++j)
    for (unsigned lane = 0; lane < 32; ++lane)
      for (unsigned half = 0; half < 2; ++half) {
        unsigned major = lane / 4, minor = 2 * (lane % 4) + half;
        bool transposed = in.mode != 0;
        unsigned row = transposed ? minor : major;
        unsigned column = transposed ? major : minor;
        f(j, lane, half, m.rows[8 * j + row], 2 * column);
      }
}

void loadMatrix(Warp &w, const Instr &in) {
  ++w.counters.sharedLoads;
  MatrixRows m = matrixRows(w, in);
  if (!m.ok)
    return;
  const Slot *list = &w.kernel.lists[in.list];
  uint32_t result[4][32] = {};
  eachElement(in, m,
              [&](unsigned j, unsigned lane, unsigned half, const Place &row,
                  unsigned offset) {
                uint16_t value;
                std::memcpy(&value, row.data + offset, 2);
                result[j][lane] |= uint32_t(value) << (16 * half);
              });
  for (unsigned j = 0; j < in.listCount; ++j)
    std::memcpy(w.w(list[j]), result[j], sizeof result[j]);
}

void taintStoreMatrix(Warp &w, const Instr &in) {
  rowAddressesAreClean(w, in, 8 * in.listCount); // the store moves the marks
}

void taintLoadMatrix(Warp &w, const Instr &in) {
  if (!rowAddressesAreClean(w, in, 8 * in.listCount))
    return;
  MatrixRows m = matrixRows(w, in);
  if (!m.ok)
    return;
  const Slot *list = &w.kernel.lists[in.list];
  for (unsigned j = 0; j < in.listCount; ++j)
    std::memset(w.taint(list[j]), 0, 32 * sizeof(uint16_t));
  eachElement(in, m,
              [&](unsigned j, unsigned lane, unsigned half, const Place &row,
                  unsigned offset) {
                if (!row.shadow)
                  return;
                unsigned t = (row.shadow[offset] & shadow::poison) |
                             (row.shadow[offset + 1] & shadow::poison) << 2;
                w.taint(list[j])[lane] |=
                    static_cast<uint16_t>(t << (4 * half));
              });
}

void storeMatrix(Warp &w, const Instr &in) {
  ++w.counters.sharedStores;
  MatrixRows m = matrixRows(w, in);
  if (!m.ok)
    return;
  const Slot *list = &w.kernel.lists[in.list];
  bool poison = !w.taints.empty();
  eachElement(in, m,
              [&](unsigned j, unsigned lane, unsigned half, const Place &row,
                  unsigned offset) {
                uint16_t value =
                    static_cast<uint16_t>(w.w(list[j])[lane] >> (16 * half));
                std::memcpy(row.data + offset, &value, 2);
                unsigned t = poison ? w.taint(list[j])[lane] >> (4 * half) : 0;
                for (unsigned i = 0; row.shadow && i < 2; ++i)
                  row.shadow[offset + i] =
                      shadow::initialised | (t >> (2 * i) & shadow::poison);
              });
}

void decodeMatrixMove(Decoder &d) {
  bool isLoad = d.base == "ldmatrix";
  if (!d.take("sync") || !d.take("aligned"))
    return d.fail("expected .sync.aligned");
  int count = d.takeOneOf({"x1", "x2", "x4"});
  bool transposed = d.take("trans");
  bool shared = d.take("shared") || d.take("shared::cta");
  if (count < 0)
    return d.fail("expected .x1, .x2 or .x4");
  if (!d.take("m8n8"))
    return decodeMatrixBytes(d, isLoad, 1u << count, transposed, shared);
  if (!d.take("b16"))
    return d.fail("expected .b16 with .m8n8");
  if (!d.operands(2))
    return;
  std::vector<Slot> slots;
  if (!collectMatrixRegisters(d, isLoad, 1u << count, slots))
    return;
  d.address(isLoad ? 1 : 0);
  d.setList(slots);
  d.out.run = isLoad ? loadMatrix : storeMatrix;
  d.out.taint = isLoad ? taintLoadMatrix : taintStoreMatrix;
  d.out.sync = Sync::WholeWarp;
  d.out.space = shared ? MemorySpace::Shared : MemorySpace::Generic;
  d.out.mode = transposed;
  d.out.bytes = isLoad ? 1 : 0;
}

/// d of lane l: column l / 4 and rows 2 (l % 4) and + 1 of what a holds by
/// rows.
void transposeMatrix(Warp &w, const Instr &in) {
  uint16_t matrix[8][8];
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned half = 0; half < 2; ++half)
      matrix[lane / 4][2 * (lane % 4) + half] =
          static_cast<uint16_t>(w.w(in.a)[lane] >> (16 * half));
  for (unsigned lane = 0; lane < 32; ++lane)
    w.w(in.d)[lane] = matrix[2 * (lane % 4)][lane / 4] |
                      uint32_t(matrix[2 * (lane % 4) + 1][lane / 4]) << 16;
}

void taintTransposeMatrix(Warp &w, const Instr &in) {
  uint16_t before[32];
  std::memcpy(before, w.taint(in.a), sizeof before);
  auto of = [&](unsigned row, unsigned column) {
    return before[4 * row + column / 2] >> (4 * (column % 2)) & 15;
  };
  for (unsigned lane = 0; lane < 32; ++lane)
    w.taint(in.d)[lane] = static_cast<uint16_t>(
        of(2 * (lane % 4), lane / 4) | of(2 * (lane % 4) + 1, lane / 4) << 4);
}

void decodeMovMatrix(Decoder &d) {
  for (std::string_view q : {"sync", "aligned", "m8n8", "trans", "b16"})
    if (!d.take(q))
      return d.fail("expected movmatrix.sync.aligned.m8n8.trans.b16");
  if (d.operands(2) && d.operand(1).kind != ptx::Operand::Register)
    return d.fail("expected a register");
  d.simple(transposeMatrix, taintTransposeMatrix, Type::B32, 2);
  d.out.sync = Sync::WholeWarp;
}

//===----------------------------------------------------------------------===//
// mma.sync kind::mxf4nvf4 / mxf4, m16n8k64, block_scale
//===----------------------------------------------------------------------===//

/// Slots in Instr::list: d0..3, a0..3, b0..1, c0..3, scale a, byte a, thread a,
/// scale b, byte b, thread b.
enum BlockScaledSlots {
  D = 0,
  A = 4,
  B = 8,
  C = 10,
  ScaleA = 14,
  ByteA,
  ThreadA,
  ScaleB,
  ByteB,
  ThreadB,
  BlockScaledCount
};

struct Selectors {
  unsigned byteA, threadA, byteB, threadB;
};

/// Selectors outside their range are undefined in PTX: a finding.
bool readSelectors(Warp &w, const Instr &in, Selectors &s) {
  const Slot *list = &w.kernel.lists[in.list];
  if (!selectorsAgree(w, list + ScaleA))
    return false;
  s = {w.w(list[ByteA])[0], w.w(list[ThreadA])[0], w.w(list[ByteB])[0],
       w.w(list[ThreadB])[0]};
  bool four = in.mode == 4;
  auto fits = [&](unsigned byte) { return byte == 0 || (!four && byte == 2); };
  if (fits(s.byteA) && fits(s.byteB) && s.threadA < 2 && s.threadB < 4)
    return true;
  w.report(FindingKind::Trap, 0, 0,
           "undefined byte or thread selector of a block-scaled mma");
  return false;
}

/// 4X: a byte for each 16 elements; 2X: one for each 32.
void placeScales(const Instr &in, const Selectors &s, ScaledFragments &f) {
  f.threadA = s.threadA;
  f.threadB = s.threadB;
  for (unsigned group = 0; group < 4; ++group) {
    bool four = in.mode == 4;
    f.bitsA[group] =
        static_cast<uint8_t>(8 * (four ? group : s.byteA + group / 2));
    f.bitsB[group] =
        static_cast<uint8_t>(8 * (four ? group : s.byteB + group / 2));
  }
}

void blockScaledMma(Warp &w, const Instr &in) {
  ++w.counters.multiplies;
  Selectors s;
  if (!readSelectors(w, in, s))
    return;
  const Slot *list = &w.kernel.lists[in.list];
  ScaledFragments f;
  for (unsigned i = 0; i < 4; ++i) {
    f.a[i] = w.w(list[A + i]);
    f.c[i] = w.w(list[C + i]);
    f.d[i] = w.w(list[D + i]);
  }
  f.b[0] = w.w(list[B]);
  f.b[1] = w.w(list[B + 1]);
  f.scaleA = w.w(list[ScaleA]);
  f.scaleB = w.w(list[ScaleB]);
  f.format = in.isSigned ? ScaleFormat::Ue8m0 : ScaleFormat::Ue4m3;
  placeScales(in, s, f);
  multiply(f, w.cta.config.numericModel);
}

/// Tells where the marks of this multiply's operands are.
void recordBlockScaledMma(Warp &w, const Instr &in, const Selectors &s,
                          LabelRecorder &recorder) {
  const Slot *list = &w.kernel.lists[in.list];
  recorder.beginMultiply(w.cta, w.id, w.pc);
  auto operand = [&](LabelOperand which, Slot slot, unsigned lane, unsigned row,
                     unsigned k) {
    for (unsigned i = 0; i < 8; ++i)
      recorder.see(which, row, k + i, w.taint(slot)[lane] >> i & 1);
  };
  for (unsigned lane = 0; lane < 32; ++lane) {
    unsigned g = lane / 4, k = lane % 4 * 8;
    for (unsigned r = 0; r < 4; ++r)
      operand(LabelOperand::A, list[A + r], lane, g + r % 2 * 8,
              k + r / 2 * 32);
    for (unsigned r = 0; r < 2; ++r)
      operand(LabelOperand::B, list[B + r], lane, g, k + r * 32);
  }
  auto scales = [&](LabelOperand which, uint16_t marks, unsigned byte,
                    unsigned row) {
    for (unsigned block = 0; block < in.mode; ++block)
      recorder.see(which, row, block, marks >> (2 * (byte + block)) & 3);
  };
  for (unsigned row = 0; row < 16; ++row)
    scales(LabelOperand::ScaleA,
           w.taint(list[ScaleA])[scaleLaneA(row, s.threadA)], s.byteA, row);
  for (unsigned n = 0; n < 8; ++n)
    scales(LabelOperand::ScaleB,
           w.taint(list[ScaleB])[scaleLaneB(n, s.threadB)], s.byteB, n);
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < 4; ++i)
      recorder.see(LabelOperand::C, lane / 4 + i / 2 * 8, lane % 4 * 2 + i % 2,
                   w.taint(list[C + i])[lane] & 0xff);
}

/// D[m,n] is marked if anything of row m of A (with the scales it really uses),
/// of column n of B, or C[m,n] is: exact, since "any" distributes over K.
void taintBlockScaledMma(Warp &w, const Instr &in) {
  Selectors s;
  if (!readSelectors(w, in, s))
    return;
  if (w.cta.config.recorder)
    recordBlockScaledMma(w, in, s, *w.cta.config.recorder);
  const Slot *list = &w.kernel.lists[in.list];
  if (!anyMarks(w, list + A, ScaleA + 1 - A) &&
      !anyMarks(w, list + ScaleB, 1)) {
    for (unsigned i = 0; i < 4; ++i)
      std::memset(w.taint(list[D + i]), 0, 32 * sizeof(uint16_t));
    return;
  }
  bool rows[16] = {}, columns[8] = {};
  for (unsigned lane = 0; lane < 32; ++lane) {
    unsigned g = lane / 4;
    for (unsigned r = 0; r < 4; ++r)
      rows[g + r % 2 * 8] |= w.taint(list[A + r])[lane] != 0;
    for (unsigned r = 0; r < 2; ++r)
      columns[g] |= w.taint(list[B + r])[lane] != 0;
  }
  auto used = [&](uint16_t t, unsigned byte) {
    return in.mode == 4 ? t & 0xff : t >> (2 * byte) & 0xf;
  };
  for (unsigned row = 0; row < 16; ++row)
    rows[row] |=
        used(w.taint(list[ScaleA])[scaleLaneA(row, s.threadA)], s.byteA) != 0;
  for (unsigned n = 0; n < 8; ++n)
    columns[n] |=
        used(w.taint(list[ScaleB])[scaleLaneB(n, s.threadB)], s.byteB) != 0;
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < 4; ++i) {
      bool marked = rows[lane / 4 + i / 2 * 8] ||
                    columns[lane % 4 * 2 + i % 2] || w.taint(list[C + i])[lane];
      w.taint(list[D + i])[lane] = marked ? 0xff : 0;
    }
}

/// Immediate selectors outside of their range are refused as ptxas does.
bool selectorsFit(Decoder &d, size_t operand, bool four, uint64_t threads) {
  const auto &elements = d.operand(operand).elements;
  auto outside = [](const ptx::Operand &o, auto fits) {
    return o.kind == ptx::Operand::Integer && !fits(o.bits);
  };
  if (outside(elements[0],
              [&](uint64_t b) { return b == 0 || (!four && b == 2); }) ||
      outside(elements[1], [&](uint64_t t) { return t < threads; })) {
    d.fail("expected a byte id of 0" + std::string(four ? "" : " or 2") +
           " and a thread id below " + std::to_string(threads));
    return false;
  }
  return true;
}

void decodeBlockScaled(Decoder &d, bool fourBit) {
  bool four = d.take("scale_vec::4X");
  bool two = !four && (d.take("scale_vec::2X") || fourBit); // mxf4's default
  bool powers = endsTypes(d, "ue8m0");
  bool fractions = !powers && endsTypes(d, "ue4m3");
  unsigned e2m1 = d.take("e2m1") + d.take("e2m1");
  unsigned f32 = d.take("f32") + d.take("f32");
  if (!d.target().family || d.target().major != 12)
    return d.fail(d.target().name + " has no block-scaled mma");
  bool quarters = four && (fractions || (powers && d.version() >= 91));
  bool legal = fourBit ? two && powers : quarters || (two && powers);
  if (!legal || e2m1 != 2 || f32 != 2 || !d.take("m16n8k64"))
    return d.fail(
        "expected m16n8k64 f32 e2m1 e2m1 f32 with 4X ue4m3, 2X ue8m0 or, from "
        "PTX 9.1, 4X ue8m0");
  if (!d.operands(8))
    return;
  std::vector<Slot> slots;
  bool complete = collectRegisters(d, 0, 4, true, slots) &&
                  collectRegisters(d, 1, 4, false, slots) &&
                  collectRegisters(d, 2, 2, false, slots) &&
                  collectRegisters(d, 3, 4, false, slots) &&
                  elementsFit(d, 0, "f32") && elementsFit(d, 1, "e2m1") &&
                  elementsFit(d, 2, "e2m1") && elementsFit(d, 3, "f32") &&
                  collectRegisters(d, 4, 1, false, slots) &&
                  collectRegisters(d, 5, 2, false, slots, Type::U16) &&
                  collectRegisters(d, 6, 1, false, slots) &&
                  collectRegisters(d, 7, 2, false, slots, Type::U16) &&
                  selectorsFit(d, 5, four, 2) && selectorsFit(d, 7, four, 4);
  if (!complete)
    return;
  d.setList(slots);
  d.out.run = blockScaledMma;
  d.out.taint = taintBlockScaledMma;
  d.out.mode = four ? 4 : 2;
  d.out.isSigned = powers; // which scale type
}

void decodeMma(Decoder &d) {
  bool ordered = d.source->opcode.find(".row") < d.source->opcode.find(".col");
  if (!d.take("sync") || !d.take("aligned") || !d.take("row") ||
      !d.take("col") || !ordered)
    return d.fail("expected mma.sync.aligned ... row.col");
  d.out.sync = Sync::WholeWarp;
  bool fourBit = d.take("kind::mxf4");
  if (!fourBit && !d.take("kind::mxf4nvf4"))
    return decodePlainMma(d);
  if (!d.take("block_scale"))
    return d.fail("expected .block_scale");
  decodeBlockScaled(d, fourBit);
}

} // namespace

void nybl::emu::addMatrixOpcodes(OpcodeTable &table) {
  table["ldmatrix"] = decodeMatrixMove;
  table["stmatrix"] = decodeMatrixMove;
  table["movmatrix"] = decodeMovMatrix;
  table["mma"] = decodeMma;
}
