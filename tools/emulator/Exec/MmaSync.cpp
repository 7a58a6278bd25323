// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mma.sync of f16, bf16, tf32, the 8-bit kinds (with and without block scales)
// and 8-bit integers. Fragments: PTX ISA 9.1 §9.7.14.5; all shapes are m16n8
// with rows of A and columns of B of 16 or 32 bytes.

#include "tools/emulator/Exec/MmaSync.h"

#include "tools/emulator/Exec/Labels.h"
#include "tools/emulator/Exec/Product.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

using namespace nybl::emu;

namespace {

constexpr unsigned rows = 16, columns = 8;

/// Instr::list: d, a, b, c and, with scales: scale a, byte a, thread a, scale
/// b, byte b, thread b.
struct Layout {
  unsigned d, a, b, c, scales;
};

/// Instr::mode: bits 0-3 the format of A, 4-7 that of B (numbers of
/// ElementFormat; integers: 8 s8, 9 u8). Instr::bytes: those of a row of A.
/// Instr::flag: f16 accumulators. Instr::isSigned: saturate, of integers; with
/// floating point: scales.
Layout layoutOf(const Instr &in) {
  unsigned sums = in.flag ? 2 : 4, a = in.bytes / 8, b = in.bytes / 16;
  return {0, sums, sums + a, sums + a + b, 2 * sums + a + b};
}

/// Rows of A, then columns of B, byte by byte: register r of lane 4 g + t holds
/// 4 bytes from 4 t on of row g, or g + 8 where r is odd (A), and of the upper
/// 16 bytes where r / 2 (A) or r (B) is 1.
struct Operands {
  uint8_t a[rows][32], b[columns][32];
};

void gather(Warp &w, const Instr &in, const Layout &at, Operands &to) {
  const Slot *list = &w.kernel.lists[in.list];
  for (unsigned r = 0; r < in.bytes / 8u; ++r)
    for (unsigned lane = 0; lane < 32; ++lane)
      std::memcpy(&to.a[lane / 4 + r % 2 * 8][lane % 4 * 4 + r / 2 * 16],
                  &w.w(list[at.a + r])[lane], 4);
  for (unsigned r = 0; r < in.bytes / 16u; ++r)
    for (unsigned lane = 0; lane < 32; ++lane)
      std::memcpy(&to.b[lane / 4][lane % 4 * 4 + r * 16],
                  &w.w(list[at.b + r])[lane], 4);
}

/// f(register, lane, bit shift, row, column) for each accumulator.
template <typename F>
void eachSum(const Instr &in, F f) {
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < 4; ++i)
      f(in.flag ? i / 2 : i, lane, in.flag ? i % 2 * 16 : 0,
        lane / 4 + i / 2 * 8, lane % 4 * 2 + i % 2);
}

//===----------------------------------------------------------------------===//
// Floating point
//===----------------------------------------------------------------------===//

struct Selectors {
  unsigned byteA, threadA, byteB, threadB;
};

bool readSelectors(Warp &w, const Instr &in, const Layout &at, Selectors &s) {
  const Slot *list = &w.kernel.lists[in.list + at.scales];
  if (!selectorsAgree(w, list))
    return false;
  s = {w.w(list[1])[0], w.w(list[2])[0], w.w(list[4])[0], w.w(list[5])[0]};
  if (s.byteA < 4 && s.byteB < 4 && s.threadA < 2 && s.threadB < 4)
    return true;
  w.report(FindingKind::Trap, 0, 0,
           "undefined byte or thread selector of a block-scaled mma");
  return false;
}

/// One byte for each row and column.
void gatherScales(Warp &w, const Instr &in, const Layout &at,
                  const Selectors &s, uint8_t *a, uint8_t *b) {
  const Slot *list = &w.kernel.lists[in.list + at.scales];
  for (unsigned row = 0; row < rows; ++row)
    a[row] = static_cast<uint8_t>(w.w(list[0])[scaleLaneA(row, s.threadA)] >>
                                  (8 * s.byteA));
  for (unsigned n = 0; n < columns; ++n)
    b[n] = static_cast<uint8_t>(w.w(list[3])[scaleLaneB(n, s.threadB)] >>
                                (8 * s.byteB));
}

void multiplyFloats(Warp &w, const Instr &in) {
  ++w.counters.multiplies;
  Layout at = layoutOf(in);
  Selectors s;
  if (in.isSigned && !readSelectors(w, in, at, s))
    return;
  Operands on;
  gather(w, in, at, on);
  auto formatA = ElementFormat(in.mode & 15),
       formatB = ElementFormat(in.mode >> 4);
  FloatTile tile;
  tile.rows = rows;
  tile.columns = columns;
  tile.depth = in.bytes / containerBytes(formatA);
  std::array<float, rows * 32> a;
  std::array<float, columns * 32> b;
  for (unsigned row = 0; row < rows; ++row)
    decodeElements(formatA, on.a[row], tile.depth, &a[row * tile.depth]);
  for (unsigned n = 0; n < columns; ++n)
    decodeElements(formatB, on.b[n], tile.depth, &b[n * tile.depth]);
  tile.a = a.data();
  tile.b = b.data();
  tile.formatA = formatA;
  tile.formatB = formatB;
  uint8_t scalesA[rows], scalesB[columns];
  if (in.isSigned) {
    gatherScales(w, in, at, s, scalesA, scalesB);
    tile.scalesA = scalesA;
    tile.scalesB = scalesB;
  }
  const Slot *list = &w.kernel.lists[in.list];
  float d[rows][columns];
  eachSum(in, [&](unsigned r, unsigned lane, unsigned shift, unsigned row,
                  unsigned n) {
    uint32_t bits = w.w(list[at.c + r])[lane] >> shift;
    d[row][n] = in.flag ? decodeElement(ElementFormat::F16, bits)
                        : std::bit_cast<float>(bits);
  });
  tile.d = d[0];
  tile.rowStride = columns;
  tile.halfResult = in.flag;
  multiply(tile, w.cta.config.numericModel);
  if (in.flag)
    for (unsigned r = 0; r < 2; ++r)
      std::fill_n(w.w(list[at.d + r]), 32, 0);
  eachSum(in, [&](unsigned r, unsigned lane, unsigned shift, unsigned row,
                  unsigned n) {
    uint32_t &to = w.w(list[at.d + r])[lane];
    if (in.flag)
      to |= uint32_t(roundToF16(d[row][n])) << shift;
    else
      to = std::bit_cast<uint32_t>(d[row][n]);
  });
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

int32_t valueOf(unsigned format, uint8_t byte) {
  return format == 8 ? static_cast<int8_t>(byte) : byte;
}

void multiplyIntegers(Warp &w, const Instr &in) {
  ++w.counters.multiplies;
  Layout at = layoutOf(in);
  Operands on;
  gather(w, in, at, on);
  const Slot *list = &w.kernel.lists[in.list];
  uint32_t result[4][32];
  eachSum(in,
          [&](unsigned r, unsigned lane, unsigned, unsigned row, unsigned n) {
            int64_t sum = static_cast<int32_t>(w.w(list[at.c + r])[lane]);
            for (unsigned k = 0; k < in.bytes; ++k)
              sum += valueOf(in.mode & 15, on.a[row][k]) *
                     valueOf(in.mode >> 4, on.b[n][k]);
            if (in.isSigned) // .satfinite
              sum = std::clamp<int64_t>(sum, INT32_MIN, INT32_MAX);
            result[r][lane] = static_cast<uint32_t>(sum);
          });
  for (unsigned r = 0; r < 4; ++r)
    std::memcpy(w.w(list[at.d + r]), result[r], sizeof result[r]);
}

//===----------------------------------------------------------------------===//
// Marks
//===----------------------------------------------------------------------===//

bool hasScales(const Instr &in) { return in.isSigned && (in.mode & 15) < 8; }

void markScales(Warp &w, const Instr &in, const Layout &at, bool *markedRows,
                bool *markedColumns) {
  Selectors s;
  if (!readSelectors(w, in, at, s))
    return;
  const Slot *list = &w.kernel.lists[in.list + at.scales];
  for (unsigned row = 0; row < rows; ++row)
    markedRows[row] |=
        (w.taint(list[0])[scaleLaneA(row, s.threadA)] >> (2 * s.byteA) & 3) !=
        0;
  for (unsigned n = 0; n < columns; ++n)
    markedColumns[n] |=
        (w.taint(list[3])[scaleLaneB(n, s.threadB)] >> (2 * s.byteB) & 3) != 0;
}

/// Shadow bytes of a fragment's rows, as gather() lays out their data.
void gatherMarks(Warp &w, const Instr &in, const Layout &at, Operands &to) {
  const Slot *list = &w.kernel.lists[in.list];
  auto spread = [](uint8_t *row, uint16_t marks) {
    for (unsigned i = 0; i < 4; ++i)
      row[i] = marks >> (2 * i) & 3;
  };
  for (unsigned lane = 0; lane < 32; ++lane) {
    for (unsigned r = 0; r < in.bytes / 8u; ++r)
      spread(&to.a[lane / 4 + r % 2 * 8][lane % 4 * 4 + r / 2 * 16],
             w.taint(list[at.a + r])[lane]);
    for (unsigned r = 0; r < in.bytes / 16u; ++r)
      spread(&to.b[lane / 4][lane % 4 * 4 + r * 16],
             w.taint(list[at.b + r])[lane]);
  }
}

unsigned elementBits(unsigned format) {
  return format < 8 ? 8 * containerBytes(static_cast<ElementFormat>(format))
                    : 8;
}

/// Tells where the marks of this multiply's operands are.
void record(Warp &w, const Instr &in, const Layout &at,
            LabelRecorder &recorder) {
  Operands marks;
  gatherMarks(w, in, at, marks);
  recorder.beginMultiply(w.cta, w.id, w.pc);
  unsigned bitsA = elementBits(in.mode & 15), bitsB = elementBits(in.mode >> 4);
  for (unsigned row = 0; row < rows; ++row)
    recorder.seeRow(LabelOperand::A, row, marks.a[row], in.bytes * 8u / bitsA,
                    bitsA);
  for (unsigned n = 0; n < columns; ++n)
    recorder.seeRow(LabelOperand::B, n, marks.b[n], in.bytes * 8u / bitsB,
                    bitsB);
  if (Selectors s; hasScales(in) && readSelectors(w, in, at, s)) {
    const Slot *list = &w.kernel.lists[in.list + at.scales];
    for (unsigned row = 0; row < rows; ++row)
      recorder.see(
          LabelOperand::ScaleA, row, 0,
          w.taint(list[0])[scaleLaneA(row, s.threadA)] >> (2 * s.byteA) & 3);
    for (unsigned n = 0; n < columns; ++n)
      recorder.see(LabelOperand::ScaleB, n, 0,
                   w.taint(list[3])[scaleLaneB(n, s.threadB)] >> (2 * s.byteB) &
                       3);
  }
  const Slot *list = &w.kernel.lists[in.list];
  eachSum(in, [&](unsigned r, unsigned lane, unsigned shift, unsigned row,
                  unsigned n) {
    unsigned all = in.flag ? 0xfu << (shift / 4) : 0xffu;
    recorder.see(LabelOperand::C, row, n,
                 (w.taint(list[at.c + r])[lane] & all) != 0);
  });
}

/// D[m,n] is marked if anything of row m of A, of column n of B (with the
/// scales really used) or C[m,n] is.
void taintMultiply(Warp &w, const Instr &in) {
  Layout at = layoutOf(in);
  if (w.cta.config.recorder)
    record(w, in, at, *w.cta.config.recorder);
  const Slot *list = &w.kernel.lists[in.list];
  bool markedRows[rows] = {}, markedColumns[columns] = {};
  for (unsigned lane = 0; lane < 32; ++lane) {
    for (unsigned r = 0; r < in.bytes / 8u; ++r)
      markedRows[lane / 4 + r % 2 * 8] |= w.taint(list[at.a + r])[lane] != 0;
    for (unsigned r = 0; r < in.bytes / 16u; ++r)
      markedColumns[lane / 4] |= w.taint(list[at.b + r])[lane] != 0;
  }
  if (hasScales(in))
    markScales(w, in, at, markedRows, markedColumns);
  uint16_t marks[4][32] = {};
  eachSum(in, [&](unsigned r, unsigned lane, unsigned shift, unsigned row,
                  unsigned n) {
    unsigned all = in.flag ? 0xfu << (shift / 4) : 0xffu;
    if (markedRows[row] || markedColumns[n] ||
        (w.taint(list[at.c + r])[lane] & all))
      marks[r][lane] |= static_cast<uint16_t>(all);
  });
  for (unsigned r = 0; r < at.a; ++r)
    std::memcpy(w.taint(list[at.d + r]), marks[r], sizeof marks[r]);
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

constexpr std::string_view typeNames[] = {"f16",  "bf16", "tf32", "e4m3",
                                          "e5m2", "e2m3", "e3m2", "e2m1",
                                          "s8",   "u8",   "f32",  "s32"};
enum : int { F16, Bf16, Tf32, E4m3, E5m2, E2m3, E3m2, E2m1, S8, U8, F32, S32 };

/// d, a, b, c, in order.
std::vector<int> takeTypes(Decoder &d) {
  std::vector<int> types;
  std::erase_if(d.qualifiers, [&](std::string_view q) {
    auto at = std::find(std::begin(typeNames), std::end(typeNames), q);
    if (at != std::end(typeNames))
      types.push_back(static_cast<int>(at - std::begin(typeNames)));
    return at != std::end(typeNames);
  });
  return types;
}

/// How the instruction names its kind of 8-bit operands.
enum class Kind { None, F8f6f4, Mxf8f6f4 };

/// Bytes of a row of A for legal combinations, 0 for others; `shape` is m16n8k
/// followed by this number.
unsigned rowBytes(const PtxTarget &target, const std::vector<int> &t,
                  unsigned depth, Kind kind) {
  int d = t[0], a = t[1], b = t[2];
  bool integer = (a == S8 || a == U8) && (b == S8 || b == U8);
  bool bytes = (a == E4m3 || a == E5m2) && (b == E4m3 || b == E5m2);
  bool byteSums = (d == F32 || d == F16) && (depth == 16 || depth == 32);
  if (kind == Kind::F8f6f4 && bytes)
    return target.family && target.major >= 10 && byteSums ? depth : 0;
  if (kind != Kind::None) {
    bool family = target.family && target.major == 12;
    bool sums = d == F32 || (d == F16 && kind == Kind::F8f6f4);
    bool elements = a >= E4m3 && a <= E2m1 && b >= E4m3 && b <= E2m1;
    return family && sums && elements && depth == 32 ? 32 : 0;
  }
  if (integer)
    return d == S32 && (depth == 16 || depth == 32) ? depth : 0;
  if (a == F16 && b == F16)
    return (d == F32 || d == F16) && (depth == 8 || depth == 16) ? 2 * depth
                                                                 : 0;
  if (a == Bf16 && b == Bf16)
    return d == F32 && (depth == 8 || depth == 16) ? 2 * depth : 0;
  if (a == Tf32 && b == Tf32)
    return d == F32 && (depth == 4 || depth == 8) ? 4 * depth : 0;
  return bytes && byteSums ? depth : 0;
}

/// Immediate selectors outside of their range are refused, as by ptxas.
bool selectorsFit(Decoder &d, size_t operand, uint64_t threads) {
  const auto &elements = d.operand(operand).elements;
  auto outside = [](const ptx::Operand &o, uint64_t limit) {
    return o.kind == ptx::Operand::Integer && o.bits >= limit;
  };
  if (!outside(elements[0], 4) && !outside(elements[1], threads))
    return true;
  d.fail("expected a byte id below 4 and a thread id below " +
         std::to_string(threads));
  return false;
}

bool collectOperands(Decoder &d, unsigned bytes, const std::vector<int> &types,
                     bool scaled, std::vector<Slot> &slots) {
  unsigned sums = types[0] == F16 ? 2 : 4;
  if (!d.operands(scaled ? 8 : 4) ||
      !collectRegisters(d, 0, sums, true, slots) ||
      !collectRegisters(d, 1, bytes / 8, false, slots) ||
      !collectRegisters(d, 2, bytes / 16, false, slots) ||
      !collectRegisters(d, 3, sums, false, slots))
    return false;
  for (size_t i = 0; i < 4; ++i)
    if (!elementsFit(d, i, typeNames[types[i]]))
      return false;
  return !scaled || (collectRegisters(d, 4, 1, false, slots) &&
                     collectRegisters(d, 5, 2, false, slots, Type::U16) &&
                     collectRegisters(d, 6, 1, false, slots) &&
                     collectRegisters(d, 7, 2, false, slots, Type::U16) &&
                     selectorsFit(d, 5, 2) && selectorsFit(d, 7, 4));
}

} // namespace

bool nybl::emu::selectorsAgree(Warp &w, const Slot *scales) {
  Slot last = noSlot; // nearly always all are the same immediate
  for (unsigned k : {1u, 2u, 4u, 5u}) {
    const uint32_t *lanes = w.w(scales[k]);
    if (std::exchange(last, scales[k]) == scales[k] ||
        std::memcmp(lanes, lanes + 1, 31 * sizeof *lanes) == 0)
      continue;
    w.report(FindingKind::Trap, 0, 0,
             "a byte or thread selector of a block-scaled mma that is not the "
             "same in all lanes");
    return false;
  }
  return true;
}

bool nybl::emu::collectRegisters(Decoder &d, size_t operand, size_t count,
                                 bool destination, std::vector<Slot> &slots,
                                 Type type) {
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

bool nybl::emu::elementsFit(Decoder &d, size_t operand,
                            std::string_view elementType) {
  const ptx::Operand &vector = d.operand(operand);
  if (vector.kind != ptx::Operand::Vector) {
    d.fail("expected a vector as operand " + std::to_string(operand + 1));
    return false;
  }
  for (const ptx::Operand &element : vector.elements) {
    if (element.kind != ptx::Operand::Register)
      continue;
    const std::string &type = d.body().registers[element.reg].type;
    bool fits = type == "b32";
    if (elementType == "f16")
      fits |= type == "f16x2";
    else if (elementType == "f32")
      fits |= type == "f32";
    else if (elementType == "s32")
      fits |= type == "u32" || type == "s32";
    else
      fits |= elementType != "bf16" && elementType != "tf32";
    if (fits)
      continue;
    d.fail("a register of type ." + type + " cannot hold elements of ." +
           std::string(elementType));
    return false;
  }
  return true;
}

bool nybl::emu::endsTypes(Decoder &d, std::string_view scaleType) {
  std::string_view opcode = d.source->opcode;
  return d.take(scaleType) && opcode.rfind(scaleType) > opcode.rfind(".f32");
}

void nybl::emu::decodePlainMma(Decoder &d) {
  Kind kind = d.take("kind::f8f6f4")     ? Kind::F8f6f4
              : d.take("kind::mxf8f6f4") ? Kind::Mxf8f6f4
                                         : Kind::None;
  bool scaled = kind == Kind::Mxf8f6f4;
  if (scaled) {
    bool complete = d.take("block_scale") && endsTypes(d, "ue8m0");
    d.take("scale_vec::1X"); // the default
    if (!complete)
      return d.fail("expected .block_scale and, after the other types, .ue8m0 "
                    "with kind::mxf8f6f4");
  }
  static constexpr std::string_view shapes[] = {"m16n8k4", "m16n8k8",
                                                "m16n8k16", "m16n8k32"};
  int shape = d.takeOneOf({shapes[0], shapes[1], shapes[2], shapes[3]});
  std::vector<int> types = takeTypes(d);
  unsigned bytes = 0;
  if (shape >= 0 && types.size() == 4 && types[0] == types[3])
    bytes = rowBytes(d.target(), types, 4u << shape, kind);
  if (!bytes)
    return d.fail("the emulator knows no mma.sync of this shape, these types "
                  "and this kind on " +
                  d.target().name);
  bool half = types[0] == F16, integer = types[1] == S8 || types[1] == U8;
  bool saturate = integer && d.take("satfinite");
  std::vector<Slot> slots;
  if (!collectOperands(d, bytes, types, scaled, slots))
    return;
  d.setList(slots);
  d.out.run = integer ? multiplyIntegers : multiplyFloats;
  d.out.taint = taintMultiply;
  d.out.mode = static_cast<uint8_t>(types[1] | types[2] << 4);
  d.out.bytes = static_cast<uint8_t>(bytes);
  d.out.flag = half;
  d.out.isSigned = integer ? saturate : scaled;
}
