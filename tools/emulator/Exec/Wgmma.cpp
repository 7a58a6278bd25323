// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// wgmma (sm_90a): each of the four warps of a warpgroup multiplies its 16 rows
// of A, from registers or shared memory, by B in shared memory. Asynchronous:
// operands are read and accumulators written when the schedule completes it.
// Fragments and descriptors: PTX ISA 9.1 §9.7.15.5.

#include "tools/emulator/Exec/Wgmma.h"

#include "tools/emulator/Exec/Cluster.h"
#include "tools/emulator/Exec/Decode.h"
#include "tools/emulator/Exec/Labels.h"
#include "tools/emulator/Exec/MatrixDescriptor.h"
#include "tools/emulator/Exec/MmaSync.h"
#include "tools/emulator/Exec/Tcgen05.h"
#include "tools/emulator/Exec/WarpgroupProduct.h"
#include <bit>
#include <charconv>
#include <cstring>

using namespace nybl::emu;

namespace {

constexpr unsigned registersOfA = 4;

/// What Instr::imm holds. Slots in Instr::list: D, then A if it is in
/// registers. Instr::a, b: descriptors; c: scale-d.
struct Packed {
  WgmmaForm form;
  bool transposeA : 1, transposeB : 1; ///< MN-major in shared memory
};
static_assert(sizeof(Packed) == sizeof(int64_t));

Packed formOf(const Instr &in) { return std::bit_cast<Packed>(in.imm); }

unsigned countOfD(const Instr &in) {
  return in.listCount - (in.a == noSlot ? registersOfA : 0);
}

/// Row within the warp's 16, and column, of accumulator i of a lane.
unsigned rowOf(unsigned lane, unsigned i) { return lane / 4 + i / 2 % 2 * 8; }
unsigned columnOf(unsigned lane, unsigned i) {
  return i / 4 * 8 + lane % 4 * 2 + i % 2;
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

/// All lanes must give one value.
bool uniform(Warp &w, Slot slot, uint64_t &value) {
  value = w.q(slot)[0];
  for (unsigned lane = 1; lane < 32; ++lane)
    if (w.q(slot)[lane] != value) {
      w.report(FindingKind::AsyncMisuse, lane, w.q(slot)[lane],
               "the lanes of the warp give different matrix descriptors");
      return false;
    }
  return true;
}

MatrixOperand operandOf(Warp &w, uint64_t bits, uint32_t rows, WgmmaType type,
                        bool mnMajor) {
  MatrixOperand operand;
  operand.descriptor.decodeWgmma(bits);
  operand.cta = &w.cta;
  operand.rows = rows;
  operand.rowBytes = wgmmaRowBytes;
  operand.elementBytes = bytesOf(type);
  operand.mnMajor = mnMajor;
  return operand;
}

/// Of 64 rows those of this warp: the start moves, as it does for the next k.
void selectRows(MatrixOperand &a, unsigned warp) {
  MatrixDescriptor &d = a.descriptor;
  a.rows = wgmmaRows;
  if (!a.mnMajor) {
    d.start += warp * wgmmaRows / 8 * d.stride;
    return;
  }
  uint32_t column = warp * wgmmaRows * a.elementBytes / 16;
  uint32_t perPattern = d.swizzleBytes() / 16;
  d.start += d.swizzle == Swizzle::None
                 ? column * d.stride
                 : column / perPattern * d.leading + column % perPattern * 16;
}

struct Product {
  Warp *w;
  const Instr *in;
  MatrixOperand a, b; ///< a.cta is null if A is in registers
  uint32_t addC = 0;  ///< lanes whose scale-d is true
  uint32_t pc = 0;

  void run() const;

private:
  const Slot *list() const { return &w->kernel.lists[in->list]; }
  void readRegistersOfA(std::vector<uint8_t> &data,
                        std::vector<uint8_t> &marks) const;
  void record(const std::vector<uint8_t> &ofA, const std::vector<uint8_t> &ofB,
              LabelRecorder &recorder) const;
  void writeMarks(const std::vector<uint8_t> &ofA,
                  const std::vector<uint8_t> &ofB) const;
};

/// Register r: row lane / 4 (+ 8 if r is odd), bytes from 4 * (lane % 4) (+ 16
/// from the third on), whatever the type.
void Product::readRegistersOfA(std::vector<uint8_t> &data,
                               std::vector<uint8_t> &marks) const {
  const Slot *slots = list() + countOfD(*in);
  for (unsigned r = 0; r < registersOfA; ++r)
    for (unsigned lane = 0; lane < 32; ++lane) {
      unsigned row = lane / 4 + r % 2 * 8;
      unsigned at = row * wgmmaRowBytes + lane % 4 * 4 + r / 2 * 16;
      std::memcpy(&data[at], &w->w(slots[r])[lane], 4);
      uint16_t t = w->taints.empty() ? 0 : w->taint(slots[r])[lane];
      for (unsigned i = 0; i < 4; ++i)
        marks[at + i] = t >> (2 * i) & shadow::poison;
    }
}

/// Tells where the marks of the operands are.
void Product::record(const std::vector<uint8_t> &ofA,
                     const std::vector<uint8_t> &ofB,
                     LabelRecorder &recorder) const {
  WgmmaForm form = formOf(*in).form;
  bool half = form.d == WgmmaResult::F16;
  unsigned bits = 8 * bytesOf(form.a), depth = wgmmaRowBytes * 8 / bits;
  recorder.beginMultiply(w->cta, w->id, pc);
  for (unsigned row = 0; row < wgmmaRows; ++row)
    recorder.seeRow(LabelOperand::A, row, &ofA[row * wgmmaRowBytes], depth,
                    bits);
  for (unsigned n = 0; n < form.columns8 * 8u; ++n)
    recorder.seeRow(LabelOperand::B, n, &ofB[n * wgmmaRowBytes], depth, bits);
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < form.columns8 * 4u; ++i) {
      uint16_t t = w->taint(list()[half ? i / 2 : i])[lane];
      unsigned own = !half ? 0xff : i % 2 ? 0xf0 : 0x0f;
      recorder.see(LabelOperand::C, rowOf(lane, i), columnOf(lane, i),
                   (addC >> lane & 1) && (t & own));
    }
}

/// As for mma.sync: a row of A, a column of B and C each mark what they reach.
void Product::writeMarks(const std::vector<uint8_t> &ofA,
                         const std::vector<uint8_t> &ofB) const {
  auto any = [](const std::vector<uint8_t> &marks, unsigned row) {
    uint8_t all = 0;
    for (unsigned k = 0; k < wgmmaRowBytes; ++k)
      all |= marks[row * wgmmaRowBytes + k];
    return (all & shadow::poison) != 0;
  };
  WgmmaForm form = formOf(*in).form;
  bool rows[wgmmaRows], half = form.d == WgmmaResult::F16;
  std::vector<bool> columns;
  for (unsigned row = 0; row < wgmmaRows; ++row)
    rows[row] = any(ofA, row);
  for (unsigned n = 0; n < form.columns8 * 8u; ++n)
    columns.push_back(any(ofB, n));
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < form.columns8 * 4u; ++i) {
      uint16_t &t = w->taint(list()[half ? i / 2 : i])[lane];
      auto own = static_cast<uint16_t>(!half ? 0xff : i % 2 ? 0xf0 : 0x0f);
      bool fromC = (addC >> lane & 1) && (t & own);
      bool marked = rows[rowOf(lane, i)] || columns[columnOf(lane, i)] || fromC;
      t = static_cast<uint16_t>((t & ~own) | (marked ? own : 0));
    }
}

void Product::run() const {
  WgmmaForm form = formOf(*in).form;
  unsigned columns = form.columns8 * 8u;
  bool half = form.d == WgmmaResult::F16;
  std::vector<uint8_t> dataA(wgmmaRows * wgmmaRowBytes), marksA(dataA.size());
  std::vector<uint8_t> dataB(columns * wgmmaRowBytes), marksB(dataB.size());
  if (a.cta)
    a.read(dataA.data(), marksA.data());
  else
    readRegistersOfA(dataA, marksA);
  b.read(dataB.data(), marksB.data());
  std::vector<uint32_t> c(size_t(wgmmaRows) * columns);
  auto each = [&](auto f) {
    for (unsigned lane = 0; lane < 32; ++lane)
      for (unsigned i = 0; i < columns / 2; ++i)
        f(lane, w->w(list()[half ? i / 2 : i])[lane], half ? i % 2 * 16 : 0,
          rowOf(lane, i) * columns + columnOf(lane, i));
  };
  uint32_t keep = half ? 0xffff : ~0u;
  each([&](unsigned lane, uint32_t value, unsigned shift, size_t at) {
    c[at] = addC >> lane & 1 ? value >> shift & keep : 0;
  });
  std::vector<uint32_t> d =
      multiplyWarpgroup(form, dataA, dataB, c, w->cta.config.numericModel);
  if (w->cta.config.recorder)
    record(marksA, marksB, *w->cta.config.recorder);
  if (!w->taints.empty())
    writeMarks(marksA, marksB);
  each([&](unsigned, uint32_t &value, unsigned shift, size_t at) {
    value = (value & ~(keep << shift)) | d[at] << shift;
  });
}

//===----------------------------------------------------------------------===//
// Registers in use
//===----------------------------------------------------------------------===//

void hold(Warp &w, const Instr &in, int by) {
  unsigned outputs = countOfD(in);
  w.pendingRegisters += static_cast<unsigned>(by);
  w.pendingWrites.resize(w.kernel.slots);
  w.pendingReads.resize(w.kernel.slots);
  for (unsigned i = 0; i < in.listCount; ++i) {
    uint16_t &count =
        (i < outputs ? w.pendingWrites
                     : w.pendingReads)[w.kernel.lists[in.list + i]];
    count = static_cast<uint16_t>(count + by);
  }
}

void multiply(Warp &w, const Instr &in) {
  ++w.counters.multiplies;
  auto misuse = [&](const char *text) {
    w.report(FindingKind::AsyncMisuse, 0, 0, text);
  };
  if ((w.id | 3) >= w.cta.warps.size())
    return misuse("the CTA has no four warps for this warpgroup");
  if (!w.productFence)
    return misuse("no wgmma.fence has come before the first wgmma.mma_async");
  Packed packed = formOf(in);
  Product product{&w, &in, {}, {}, w.predicate(in.c), w.pc};
  uint64_t bits = 0;
  if (!uniform(w, in.b, bits))
    return;
  product.b = operandOf(w, bits, packed.form.columns8 * 8u, packed.form.b,
                        packed.transposeB);
  if (!product.b.check(w, 0, "B of wgmma"))
    return;
  AsyncOp op;
  op.what = "wgmma.mma_async";
  op.reads = product.b.ranges();
  if (in.a != noSlot) {
    if (!uniform(w, in.a, bits))
      return;
    product.a = operandOf(w, bits, 64, packed.form.a, packed.transposeA);
    selectRows(product.a, w.id % 4);
    if (!product.a.check(w, 0, "A of wgmma"))
      return;
    for (const SharedRange &range : product.a.ranges())
      op.reads.push_back(range);
  }
  // Products of one warp come in order, as those of one accumulator must.
  if (!w.productGroups.empty())
    op.after = allOf(w.productGroups[0]);
  hold(w, in, 1);
  op.complete = [product](const AsyncOp &) {
    hold(*product.w, *product.in, -1);
    product.run();
  };
  addToGroups(w, w.productGroups,
              w.cta.cluster.async.issue(w, 0, std::move(op)));
}

void taintMultiply(Warp &w, const Instr &in) {
  for (Slot slot : {in.a, in.b, in.c})
    for (unsigned lane = 0; slot != noSlot && lane < 32; ++lane)
      if (w.taint(slot)[lane])
        return w.report(FindingKind::PoisonSteers, lane, 0,
                        "a marked byte is part of a descriptor or of scale-d "
                        "of wgmma");
}

void fence(Warp &w, const Instr &) { w.productFence = true; }

void commit(Warp &w, const Instr &) { commitGroups(w, w.productGroups); }

void waitGroup(Warp &w, const Instr &in) {
  waitForGroups(w, w.productGroups, static_cast<uint64_t>(in.imm), false);
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

/// m64n<N>k<K>: N, if M and K are as they must be.
unsigned takeColumns(Decoder &d, unsigned depth) {
  for (size_t i = 0; i < d.qualifiers.size(); ++i) {
    std::string_view q = d.qualifiers[i];
    if (!q.starts_with("m64n"))
      continue;
    unsigned columns = 0;
    const char *end = q.data() + q.size();
    auto [stop, problem] = std::from_chars(q.data() + 4, end, columns);
    bool fits =
        problem == std::errc() &&
        std::string_view(stop, end - stop) == "k" + std::to_string(depth) &&
        columns >= 8 && columns <= 256 && columns % 8 == 0;
    d.qualifiers.erase(d.qualifiers.begin() + static_cast<long>(i));
    return fits ? columns : 0;
  }
  return 0;
}

/// The result's type and those of A and B, in order.
bool takeTypes(Decoder &d, WgmmaForm &form) {
  static constexpr std::string_view results[] = {"f32", "f16", "s32"};
  static constexpr std::string_view types[] = {"f16",  "bf16", "tf32", "e4m3",
                                               "e5m2", "s8",   "u8"};
  auto indexOf = [](auto &names, std::string_view q) {
    for (size_t i = 0; i < std::size(names); ++i)
      if (names[i] == q)
        return static_cast<int>(i);
    return -1;
  };
  std::vector<std::string_view> found;
  std::erase_if(d.qualifiers, [&](std::string_view q) {
    bool isType = indexOf(results, q) >= 0 || indexOf(types, q) >= 0;
    if (isType)
      found.push_back(q);
    return isType;
  });
  if (found.size() != 3)
    return false;
  int result = indexOf(results, found[0]), a = indexOf(types, found[1]),
      b = indexOf(types, found[2]);
  if (result < 0 || a < 0 || b < 0)
    return false;
  form.d = static_cast<WgmmaResult>(result);
  form.a = static_cast<WgmmaType>(a);
  form.b = static_cast<WgmmaType>(b);
  bool integers = form.a >= WgmmaType::S8, bytes = form.a >= WgmmaType::E4M3;
  bool pair = form.a == form.b || (bytes && form.b >= WgmmaType::E4M3 &&
                                   integers == (form.b >= WgmmaType::S8));
  bool halves = form.a != WgmmaType::BF16 && form.a != WgmmaType::TF32;
  return pair && integers == (form.d == WgmmaResult::S32) &&
         (form.d != WgmmaResult::F16 || halves);
}

/// An immediate that is one of two.
bool choice(Decoder &d, size_t operand, int64_t no, int64_t yes) {
  int64_t value = d.immediate(operand);
  if (value != no && value != yes)
    d.fail("expected " + std::to_string(no) + " or " + std::to_string(yes) +
           " as operand " + std::to_string(operand + 1));
  return value == yes;
}

void decodeOperands(Decoder &d, Packed &packed) {
  WgmmaForm &form = packed.form;
  bool inRegisters = d.source->operands.size() > 1 &&
                     d.operand(1).kind == ptx::Operand::Vector;
  bool integers = form.d == WgmmaResult::S32, wide = form.a <= WgmmaType::BF16;
  size_t transposes = !wide ? 0 : inRegisters ? 1 : 2;
  if (!d.operands(4 + (integers ? 0 : 2) + transposes))
    return;
  std::vector<Slot> slots;
  unsigned perRegister = form.d == WgmmaResult::F16 ? 2 : 1;
  if (!collectRegisters(d, 0, form.columns8 * 4u / perRegister, true, slots) ||
      (inRegisters && !collectRegisters(d, 1, registersOfA, false, slots)))
    return;
  if (!inRegisters)
    d.out.a = d.slot(1, Type::B64);
  d.out.b = d.slot(2, Type::B64);
  d.out.c = d.predicate(3);
  if (!integers) {
    form.negateA = choice(d, 4, 1, -1);
    form.negateB = choice(d, 5, 1, -1);
  }
  if (transposes == 2)
    packed.transposeA = choice(d, 6, 0, 1);
  if (transposes)
    packed.transposeB = choice(d, 5 + transposes, 0, 1);
  d.setList(slots);
}

void decodeMultiply(Decoder &d) {
  Packed packed{};
  packed.form.saturate = d.take("satfinite");
  if (!takeTypes(d, packed.form))
    return d.fail("wgmma.mma_async does not go with these types");
  bool integers = packed.form.d == WgmmaResult::S32;
  if (packed.form.saturate && !integers)
    return d.fail(".satfinite goes with integers alone");
  unsigned columns = takeColumns(d, wgmmaRowBytes / bytesOf(packed.form.a));
  bool fits = columns && (!integers || columns <= 24 || columns % 16 == 0);
  if (!fits)
    return d.fail("wgmma.mma_async of these types has no such shape");
  packed.form.columns8 = static_cast<uint8_t>(columns / 8);
  decodeOperands(d, packed);
  d.out.imm = std::bit_cast<int64_t>(packed);
  d.out.run = multiply;
  d.out.taint = taintMultiply;
}

void decodeWgmma(Decoder &d) {
  if (d.target().name != "sm_90a")
    return d.fail("wgmma needs sm_90a");
  int what = d.takeOneOf({"fence", "commit_group", "wait_group", "mma_async"});
  d.out.sync = Sync::WholeWarp;
  if (!d.take("sync"))
    return d.fail("expected .sync");
  d.take("aligned");
  switch (what) {
  case 0:
  case 1:
    d.out.run = what ? commit : fence;
    d.operands(0);
    return;
  case 2:
    d.out.run = waitGroup;
    if (d.operands(1) && (d.out.imm = d.immediate(0)) < 0)
      d.fail("expected a number of groups");
    return;
  case 3:
    return decodeMultiply(d);
  default:
    return d.fail("expected wgmma.fence, .commit_group, .wait_group or "
                  ".mma_async");
  }
}

} // namespace

bool nybl::emu::touchesPendingRegisters(Warp &w, const Instr &in) {
  bool product = in.run == multiply, loads = in.counted == Counted::Load;
  auto pending = [&](Slot slot, bool written) {
    return slot != noSlot && slot < w.pendingWrites.size() &&
           (w.pendingWrites[slot] || (written && w.pendingReads[slot])) &&
           !mayUseTensorLoads(w, slot);
  };
  bool touched = pending(in.d, true) || pending(in.guard, false);
  for (Slot slot : {in.a, in.b, in.c, in.e})
    touched = touched || pending(slot, false);
  // Products may follow each other in one accumulator.
  for (unsigned i = product ? countOfD(in) : 0; i < in.listCount; ++i)
    touched = touched || pending(w.kernel.lists[in.list + i], loads);
  if (touched)
    w.report(FindingKind::InFlight,
             static_cast<unsigned>(__builtin_ctz(w.active)), 0,
             "a register that wgmma.mma_async or tcgen05.ld is working on: "
             "nothing has waited for it");
  return touched;
}

void nybl::emu::addWgmmaOpcodes(OpcodeTable &table) {
  table["wgmma"] = decodeWgmma;
}
