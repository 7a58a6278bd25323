// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ldmatrix, stmatrix and mma.sync: fragments in and out of registers.

#include "tools/emulator/Exec/Access.h"
#include "tools/emulator/Exec/Decode.h"
#include "tools/emulator/Exec/Mma.h"
#include "tools/emulator/Exec/Narrow.h"
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
  for (unsigned row = 0; row < 8 * in.listCount && result.ok; ++row) {
    uint64_t address = addressOf(w, in, row);
    result.rows[row] = resolve(w, in.space, row, address, 16);
    result.ok = result.rows[row].data != nullptr;
    if (result.ok && result.rows[row].space != MemorySpace::Shared) {
      w.report(FindingKind::OutOfBounds, row, address,
               "a row of a matrix that is not in shared memory");
      result.ok = false;
    }
    if (result.ok && in.bytes == 1) // a load
      result.ok = checkInitialised(w, result.rows[row], row, address, 16);
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

bool rowAddressesAreClean(Warp &w, const Instr &in) {
  for (unsigned lane = 0; lane < 8 * in.listCount; ++lane)
    if (w.taint(in.a)[lane]) {
      w.report(FindingKind::PoisonSteers, lane, addressOf(w, in, lane),
               "a marked byte is part of an address");
      return false;
    }
  return true;
}

void taintStoreMatrix(Warp &w, const Instr &in) {
  rowAddressesAreClean(w, in); // the store moves the marks
}

void taintLoadMatrix(Warp &w, const Instr &in) {
  if (!rowAddressesAreClean(w, in))
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
  d.take("sync");
  d.take("aligned");
  int count = d.takeOneOf({"x1", "x2", "x4"});
  bool transposed = d.take("trans");
  bool shared = d.take("shared") || d.take("shared::cta");
  if (!d.take("m8n8") || !d.take("b16") || count < 0)
    return d.fail("the emulator knows ldmatrix and stmatrix m8n8 x1, x2, x4 of "
                  "b16");
  if (!d.operands(2))
    return;
  const ptx::Operand &data = d.operand(isLoad ? 0 : 1);
  std::vector<Slot> slots;
  if (data.kind == ptx::Operand::Vector)
    for (const ptx::Operand &element : data.elements)
      slots.push_back(isLoad ? d.destinationOf(element, Type::B32)
                             : d.slotOf(element, Type::B32));
  else
    slots.push_back(isLoad ? d.destinationOf(data, Type::B32)
                           : d.slotOf(data, Type::B32));
  if (slots.size() != 1u << count)
    return d.fail("expected one register for each matrix");
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

/// e2m1 in units of one half.
constexpr int8_t halves[16] = {0, 1,  2,  3,  4,  6,  8,  12,
                               0, -1, -2, -3, -4, -6, -8, -12};

struct Selectors {
  unsigned byteA, threadA, byteB, threadB;
};

/// Selectors outside their range are undefined in PTX: a finding.
bool readSelectors(Warp &w, const Instr &in, Selectors &s) {
  const Slot *list = &w.kernel.lists[in.list];
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

/// Lane that provides the scales of row r of A, of column n of B.
unsigned scaleLaneA(unsigned row, unsigned thread) {
  return row % 8 * 4 + thread * 2 + row / 8;
}
unsigned scaleLaneB(unsigned column, unsigned thread) {
  return column * 4 + thread;
}

/// Row-major operands: [row][k] in halves.
void gatherOperands(Warp &w, const Slot *list, int16_t (*a)[64],
                    int16_t (*b)[64]) {
  for (unsigned lane = 0; lane < 32; ++lane) {
    unsigned g = lane / 4, t = lane % 4;
    for (unsigned r = 0; r < 4; ++r) {
      uint32_t bits = w.w(list[A + r])[lane];
      int16_t *to = &a[g + r % 2 * 8][8 * t + r / 2 * 32];
      for (unsigned i = 0; i < 8; ++i)
        to[i] = halves[bits >> (4 * i) & 15];
    }
    for (unsigned r = 0; r < 2; ++r) {
      uint32_t bits = w.w(list[B + r])[lane];
      int16_t *to = &b[g][8 * t + r * 32];
      for (unsigned i = 0; i < 8; ++i)
        to[i] = halves[bits >> (4 * i) & 15];
    }
  }
}

int32_t dot16(const int16_t *a, const int16_t *b) {
  int32_t sum = 0;
  for (unsigned i = 0; i < 16; ++i)
    sum += int32_t(a[i]) * b[i];
  return sum;
}

/// Scales of one multiply, by row or column and group.
struct Scales {
  ScaleValue a[16][4], b[8][4];
  bool plain = true; ///< ue4m3 without a NaN: the fast path
};

Scales gatherScales(Warp &w, const Instr &in, const Selectors &s) {
  const Slot *list = &w.kernel.lists[in.list];
  Scales scales;
  auto scaleOf = [&](uint32_t word, unsigned byte, unsigned group) {
    // 4X: a byte for each 16 elements; 2X: one for each 32.
    unsigned at = in.mode == 4 ? group : byte + group / 2;
    uint8_t bits = static_cast<uint8_t>(word >> (8 * at));
    ScaleValue value = in.isSigned ? decodeUe8m0(bits) : decodeUe4m3(bits);
    scales.plain &= !in.isSigned && value.significand >= 0;
    return value;
  };
  for (unsigned group = 0; group < 4; ++group) {
    for (unsigned row = 0; row < 16; ++row)
      scales.a[row][group] = scaleOf(
          w.w(list[ScaleA])[scaleLaneA(row, s.threadA)], s.byteA, group);
    for (unsigned n = 0; n < 8; ++n)
      scales.b[n][group] =
          scaleOf(w.w(list[ScaleB])[scaleLaneB(n, s.threadB)], s.byteB, group);
  }
  return scales;
}

float multiplyRow(float c, const int16_t *a, const int16_t *b,
                  const ScaleValue *sa, const ScaleValue *sb, bool plain,
                  int unit) {
  if (plain) {
    int32_t dot[4], product[4], exponent[4];
    for (unsigned k = 0; k < 4; ++k) {
      dot[k] = dot16(a + 16 * k, b + 16 * k);
      product[k] = sa[k].significand * sb[k].significand;
      exponent[k] = sa[k].exponent + sb[k].exponent;
    }
    return accumulateFourGroups(c, dot, product, exponent);
  }
  GroupTerm groups[4];
  for (unsigned k = 0; k < 4; ++k)
    groups[k] = {dot16(a + 16 * k, b + 16 * k), sa[k], sb[k]};
  return accumulateGroups(c, groups, 4, unit);
}

void blockScaledMma(Warp &w, const Instr &in) {
  ++w.counters.multiplies;
  Selectors s;
  if (!readSelectors(w, in, s))
    return;
  const Slot *list = &w.kernel.lists[in.list];
  alignas(64) int16_t a[16][64], b[8][64];
  gatherOperands(w, list, a, b);
  Scales scales = gatherScales(w, in, s);
  int unit = in.isSigned ? 0 : -6;
  float result[4][32];
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < 4; ++i) {
      unsigned row = lane / 4 + i / 2 * 8, n = lane % 4 * 2 + i % 2;
      float c = std::bit_cast<float>(w.w(list[C + i])[lane]);
      result[i][lane] = multiplyRow(c, a[row], b[n], scales.a[row], scales.b[n],
                                    scales.plain, unit);
    }
  for (unsigned i = 0; i < 4; ++i)
    std::memcpy(w.w(list[D + i]), result[i], sizeof result[i]);
}

/// D[m,n] is marked if anything of row m of A (with the scales it really uses),
/// of column n of B, or C[m,n] is: exact, since "any" distributes over K.
void taintBlockScaledMma(Warp &w, const Instr &in) {
  Selectors s;
  if (!readSelectors(w, in, s))
    return;
  const Slot *list = &w.kernel.lists[in.list];
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

//===----------------------------------------------------------------------===//
// mma.sync m16n8k16 f16 / bf16 and m16n8k32 e4m3 / e5m2, f32 accumulators
//===----------------------------------------------------------------------===//

const NarrowFormat *const multiplyFormats[] = {&f16Format, &bf16Format,
                                               &e4m3Format, &e5m2Format};

/// Values of one kind of bits, decoded once.
const std::vector<float> &valuesOf(unsigned format) {
  static const auto tables = [] {
    std::array<std::vector<float>, 4> t;
    for (unsigned f = 0; f < 4; ++f)
      for (uint32_t bits = 0; bits < (f < 2 ? 65536u : 256u); ++bits)
        t[f].push_back(decodeNarrow(*multiplyFormats[f], bits));
    return t;
  }();
  return tables[format];
}

/// Rows of A and columns of B; each register holds `per` neighbours of K, and
/// registers 2 and 3 of A (1 of B) the upper half of K. `mode`: the formats,
/// A's in bits 0..1, B's in bits 2..3.
void multiplyNarrow(Warp &w, const Instr &in) {
  ++w.counters.multiplies;
  const Slot *list = &w.kernel.lists[in.list];
  unsigned formatA = in.mode & 3, formatB = in.mode >> 2;
  const float *valueA = valuesOf(formatA).data();
  const float *valueB = valuesOf(formatB).data();
  unsigned per = formatA < 2 ? 2 : 4, bits = 32 / per, depth = 8 * per;
  uint32_t keep = (1u << bits) - 1;
  float a[16][32], b[8][32];
  for (unsigned lane = 0; lane < 32; ++lane) {
    unsigned g = lane / 4, t = lane % 4;
    for (unsigned i = 0; i < per; ++i) {
      for (unsigned r = 0; r < 4; ++r)
        a[g + r % 2 * 8][per * t + i + r / 2 * depth / 2] =
            valueA[w.w(list[A + r])[lane] >> (bits * i) & keep];
      for (unsigned r = 0; r < 2; ++r)
        b[g][per * t + i + r * depth / 2] =
            valueB[w.w(list[B + r])[lane] >> (bits * i) & keep];
    }
  }
  float result[4][32];
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < 4; ++i)
      result[i][lane] = accumulateProducts(
          std::bit_cast<float>(w.w(list[C + i])[lane]), a[lane / 4 + i / 2 * 8],
          b[lane % 4 * 2 + i % 2], depth);
  for (unsigned i = 0; i < 4; ++i)
    std::memcpy(w.w(list[D + i]), result[i], sizeof result[i]);
}

void taintMultiplyNarrow(Warp &w, const Instr &in) {
  const Slot *list = &w.kernel.lists[in.list];
  bool rows[16] = {}, columns[8] = {};
  for (unsigned lane = 0; lane < 32; ++lane) {
    for (unsigned r = 0; r < 4; ++r)
      rows[lane / 4 + r % 2 * 8] |= w.taint(list[A + r])[lane] != 0;
    for (unsigned r = 0; r < 2; ++r)
      columns[lane / 4] |= w.taint(list[B + r])[lane] != 0;
  }
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < 4; ++i)
      w.taint(list[D + i])[lane] = rows[lane / 4 + i / 2 * 8] ||
                                           columns[lane % 4 * 2 + i % 2] ||
                                           w.taint(list[C + i])[lane]
                                       ? 0xff
                                       : 0;
}

bool collect(Decoder &d, size_t operand, size_t count, bool destination,
             std::vector<Slot> &slots, Type type = Type::B32) {
  const ptx::Operand &vector = d.operand(operand);
  bool single = count == 1 && vector.kind == ptx::Operand::Register;
  size_t elements = single ? 1 : vector.elements.size();
  if ((!single && vector.kind != ptx::Operand::Vector) || elements != count) {
    d.fail("expected " + std::to_string(count) + " registers as operand " +
           std::to_string(operand + 1));
    return false;
  }
  for (size_t i = 0; i < count; ++i) {
    const ptx::Operand &element = single ? vector : vector.elements[i];
    slots.push_back(destination ? d.destinationOf(element, type)
                                : d.slotOf(element, type));
  }
  return true;
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
  bool four = d.takeOneOf({"scale_vec::4X", "block16"}) >= 0;
  bool two = !four && d.takeOneOf({"scale_vec::2X", "block32"}) >= 0;
  bool powers = d.take("ue8m0");
  bool fractions = !powers && d.take("ue4m3");
  unsigned e2m1 = d.take("e2m1") + d.take("e2m1");
  unsigned f32 = d.take("f32") + d.take("f32");
  if (!d.target().blockScaledMma)
    return d.fail(std::string(d.target().name) + " has no block-scaled mma");
  bool legal = (four && fractions && !fourBit) || (two && powers);
  if (!legal || e2m1 != 2 || f32 != 2 || !d.take("m16n8k64"))
    return d.fail(
        "expected m16n8k64 f32 e2m1 e2m1 f32 with 4X ue4m3 or 2X ue8m0");
  if (!d.operands(8))
    return;
  std::vector<Slot> slots;
  bool complete =
      collect(d, 0, 4, true, slots) && collect(d, 1, 4, false, slots) &&
      collect(d, 2, 2, false, slots) && collect(d, 3, 4, false, slots) &&
      collect(d, 4, 1, false, slots) &&
      collect(d, 5, 2, false, slots, Type::U16) &&
      collect(d, 6, 1, false, slots) &&
      collect(d, 7, 2, false, slots, Type::U16) &&
      selectorsFit(d, 5, four, 2) && selectorsFit(d, 7, four, 4);
  if (!complete)
    return;
  d.setList(slots);
  d.out.run = blockScaledMma;
  d.out.taint = taintBlockScaledMma;
  d.out.mode = four ? 4 : 2;
  d.out.isSigned = powers; // which scale type
}

/// The multiplicands' types, in order: d, a, b, c.
void decodeNarrowMma(Decoder &d) {
  std::vector<std::string_view> types;
  std::erase_if(d.qualifiers, [&](std::string_view q) {
    bool isType =
        q == "f32" || q == "f16" || q == "bf16" || q == "e4m3" || q == "e5m2";
    if (isType)
      types.push_back(q);
    return isType;
  });
  auto formatOf = [](std::string_view q) {
    return q == "f16" ? 0 : q == "bf16" ? 1 : q == "e4m3" ? 2 : 3;
  };
  d.take("kind::f8f6f4");
  bool legal = types.size() == 4 && types[0] == "f32" && types[3] == "f32" &&
               types[1] != "f32" && types[2] != "f32";
  int a = legal ? formatOf(types[1]) : 0, b = legal ? formatOf(types[2]) : 0;
  if (!legal || !(a == b || (a >= 2 && b >= 2)) ||
      !d.take(a < 2 ? "m16n8k16" : "m16n8k32"))
    return d.fail("the emulator knows mma.sync with f32 accumulators of f16 or "
                  "bf16 m16n8k16, of e4m3 or e5m2 m16n8k32, and block_scale "
                  "of e2m1 m16n8k64");
  if (!d.operands(4))
    return;
  std::vector<Slot> slots;
  if (!collect(d, 0, 4, true, slots) || !collect(d, 1, 4, false, slots) ||
      !collect(d, 2, 2, false, slots) || !collect(d, 3, 4, false, slots))
    return;
  d.setList(slots);
  d.out.run = multiplyNarrow;
  d.out.taint = taintMultiplyNarrow;
  d.out.mode = static_cast<uint8_t>(a | b << 2);
}

void decodeMma(Decoder &d) {
  if (!d.take("sync") || !d.take("aligned") || !d.take("row") || !d.take("col"))
    return d.fail("expected mma.sync.aligned ... row.col");
  d.out.sync = Sync::WholeWarp;
  bool fourBit = d.take("kind::mxf4");
  if (!fourBit && !d.take("kind::mxf4nvf4"))
    return decodeNarrowMma(d);
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
