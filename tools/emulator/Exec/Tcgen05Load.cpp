// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tcgen05.ld, .ld.red, .st and .wait: between tensor memory and registers.
//
// A load gives its registers at once: PTX keeps a true dependency through
// registers whatever else is missing (ISA 9.1 §9.7.16.6.4.5). What
// tcgen05.wait::ld is for is the memory: until then the load counts as reading
// its cells still, and whoever overwrites them is reported. Stores reach memory
// when the schedule says, at tcgen05.wait::st at the latest.

#include "tools/emulator/Exec/Tcgen05.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

using namespace nybl::emu;

namespace {

enum Shape : uint8_t { S16x64, S16x128, S16x256, S32x32, S16x32x2 };
constexpr struct {
  std::string_view name;
  unsigned registers; ///< at .x1
  unsigned columns;   ///< at .x1
  unsigned lanes;
} shapes[] = {{"16x64b", 1, 2, 16},
              {"16x128b", 2, 4, 16},
              {"16x256b", 4, 8, 16},
              {"32x32b", 1, 1, 32},
              {"16x32bx2", 1, 1, 16}};

struct Cell {
  unsigned lane, column;
};

/// Where register j of a lane lies, from the address on (CUTLASS's
/// copy_traits_sm100 has the same maps as layouts).
Cell cellOf(Shape shape, unsigned lane, unsigned j) {
  switch (shape) {
  case S16x64:
    return {lane / 4 + 8 * (lane % 2), lane / 2 % 2 + 2 * j};
  case S16x128:
    return {lane / 4 + 8 * (j % 2), lane % 4 + 4 * (j / 2)};
  case S16x256:
    return {lane / 4 + 8 * (j / 2 % 2), 2 * (lane % 4) + j % 2 + 8 * (j / 4)};
  case S32x32:
    return {lane, j};
  default:
    return {lane % 16, j};
  }
}

enum Mode : uint8_t { ShapeBits = 7, Packs = 8 };
Shape shapeOf(const Instr &in) {
  return static_cast<Shape>(in.mode & ShapeBits);
}

/// The address of half 0 (lanes 0 to 15) or 1; they differ in .16x32bx2 only.
uint32_t baseOf(Warp &w, const Instr &in, unsigned half) {
  uint32_t address = w.w(in.a)[0];
  return half && shapeOf(in) == S16x32x2
             ? address + static_cast<uint32_t>(in.offset)
             : address;
}

std::vector<TensorRange> rangesOf(Warp &w, const Instr &in) {
  auto &shape = shapes[shapeOf(in)];
  uint32_t columns = in.listCount / shape.registers * shape.columns;
  columns *= in.mode & Packs ? 2 : 1;
  std::vector<TensorRange> ranges;
  for (unsigned half = 0; half < (shapeOf(in) == S16x32x2 ? 2u : 1u); ++half) {
    uint32_t base = baseOf(w, in, half);
    ranges.push_back(
        {&w.cta, tensorLane(base), shape.lanes, tensorColumn(base), columns});
  }
  return ranges;
}

/// Warp w of a warpgroup reaches lanes 32 (w % 4) to 32 (w % 4) + 31.
bool checkAccess(Warp &w, const Instr &in, const char *what,
                 const std::vector<TensorRange> &ranges) {
  if (!isUniform(w, in.a, "the address"))
    return false;
  uint32_t address = w.w(in.a)[0], first = w.id % 4 * 32;
  for (const TensorRange &r : ranges) {
    bool aligned = r.lane == first || (r.lanes == 16 && r.lane == first + 16);
    if (!aligned) {
      w.report(FindingKind::TensorMemoryMisuse, 0, address,
               std::string(what) + " at lane " + std::to_string(r.lane) +
                   ": warp " + std::to_string(w.id) + " reaches lanes " +
                   std::to_string(first) + " to " + std::to_string(first + 31));
      return false;
    }
    if (!checkTensorRange(w, 0, address, r, what))
      return false;
  }
  return true;
}

/// Marks of a cell, or of its low half, as bits for nibbles.
uint16_t nibbleMarks(const uint8_t *shadow, unsigned bytes) {
  uint16_t marks = 0;
  for (unsigned i = 0; i < bytes; ++i)
    marks |= static_cast<uint16_t>((shadow[i] & shadow::poison) << (2 * i));
  return marks;
}

bool loadCell(Warp &w, uint32_t lane, uint32_t column, unsigned bytes,
              uint32_t &value, uint16_t &marks) {
  CtaTensorMemory &memory = *w.cta.tensor;
  const uint8_t *shadow = memory.marks(lane, column);
  for (unsigned i = 0; i < bytes && w.cta.config.checks; ++i)
    if (!(shadow[i] & shadow::initialised)) {
      w.report(FindingKind::UninitialisedRead, lane % 32, lane << 16 | column,
               "nobody has written this cell of tensor memory, lane " +
                   std::to_string(lane) + ", column " + std::to_string(column));
      return false;
    }
  value = 0;
  std::memcpy(&value, memory.cell(lane, column), bytes);
  marks = nibbleMarks(shadow, bytes);
  return true;
}

void readRegisters(Warp &w, const Instr &in) {
  const Slot *list = &w.kernel.lists[in.list];
  bool packs = in.mode & Packs;
  for (unsigned lane = 0; lane < 32; ++lane) {
    uint32_t base = baseOf(w, in, lane / 16);
    for (unsigned j = 0; j < in.listCount; ++j) {
      Cell at = cellOf(shapeOf(in), lane, j);
      uint32_t row = tensorLane(base) + at.lane;
      uint32_t column = tensorColumn(base) + at.column * (packs ? 2 : 1);
      uint32_t value = 0, upper = 0;
      uint16_t marks = 0, upperMarks = 0;
      if (!loadCell(w, row, column, packs ? 2 : 4, value, marks) ||
          (packs && !loadCell(w, row, column + 1, 2, upper, upperMarks)))
        return;
      w.w(list[j])[lane] = value | upper << 16;
      if (!w.taints.empty())
        w.taint(list[j])[lane] = static_cast<uint16_t>(marks | upperMarks << 4);
    }
  }
}

/// So that the first use of a register is seen.
void holdOutputs(Warp &w, const Instr &in, int by) {
  w.pendingRegisters += static_cast<unsigned>(by);
  w.pendingWrites.resize(w.kernel.slots);
  w.pendingReads.resize(w.kernel.slots);
  for (unsigned i = 0; i < in.listCount; ++i) {
    uint16_t &count = w.pendingWrites[w.kernel.lists[in.list + i]];
    count = static_cast<uint16_t>(count + by);
  }
}

/// list: registers; a: address; offset: immHalfSplitoff.
void load(Warp &w, const Instr &in) {
  std::vector<TensorRange> ranges = rangesOf(w, in);
  if (!checkAccess(w, in, "tcgen05.ld", ranges))
    return;
  AsyncOp op;
  op.what = "tcgen05.ld";
  op.tensor = TensorOp::Load;
  op.tensorReads = std::move(ranges);
  if (!orderTensorOp(w, 0, w.w(in.a)[0], op))
    return;
  readRegisters(w, in);
  holdOutputs(w, in, 1);
  op.complete = [w = &w, in = &in](const AsyncOp &) {
    holdOutputs(*w, *in, -1);
  };
  AsyncQueue &queue = w.cta.cluster.async;
  std::erase_if(w.tensorLoads, [&](const Warp::TensorLoad &earlier) {
    return !queue.isPending(earlier.operation);
  });
  if (uint64_t id = queue.issue(w, 0, std::move(op)))
    w.tensorLoads.push_back({id, &in});
}

//===----------------------------------------------------------------------===//
// Reduction
//===----------------------------------------------------------------------===//

enum Reduction : uint8_t { Max = 1, Absolute = 2, PropagatesNan = 4 };

template <typename T>
uint32_t reduceIntegers(uint32_t a, uint32_t b, bool max) {
  T x = static_cast<T>(a), y = static_cast<T>(b);
  return static_cast<uint32_t>(max == (x > y) ? x : y);
}

constexpr uint32_t canonicalNan = 0x7fffffff;

/// As min.f32 and max.f32 do: -0 is below +0.
uint32_t reduceFloats(uint32_t a, uint32_t b, unsigned how) {
  auto x = std::bit_cast<float>(a), y = std::bit_cast<float>(b);
  if (std::isnan(x) || std::isnan(y)) {
    bool both = std::isnan(x) && std::isnan(y);
    return both || how & PropagatesNan ? canonicalNan : std::isnan(x) ? b : a;
  }
  bool less = x < y || (x == y && std::signbit(x) && !std::signbit(y));
  return less == bool(how & Max) ? b : a;
}

/// d: result; e is not used; bytes: Reduction; isSigned: .s32; flag: .f32.
void loadReduced(Warp &w, const Instr &in) {
  load(w, in);
  if (w.cta.failed())
    return;
  const Slot *list = &w.kernel.lists[in.list];
  for (unsigned lane = 0; lane < 32; ++lane) {
    uint32_t result = 0;
    bool marked = false;
    for (unsigned j = 0; j < in.listCount; ++j) {
      uint32_t value = w.w(list[j])[lane];
      if (in.bytes & Absolute)
        value &= 0x7fffffff;
      marked |= !w.taints.empty() && w.taint(list[j])[lane];
      if (j == 0)
        result = value;
      else if (in.flag)
        result = reduceFloats(result, value, in.bytes);
      else if (in.isSigned)
        result = reduceIntegers<int32_t>(result, value, in.bytes & Max);
      else
        result = reduceIntegers<uint32_t>(result, value, in.bytes & Max);
    }
    w.w(in.d)[lane] = result;
    if (!w.taints.empty())
      w.taint(in.d)[lane] = marked ? 0xff : 0;
  }
}

//===----------------------------------------------------------------------===//
// Stores
//===----------------------------------------------------------------------===//

struct CellStore {
  uint32_t lane, column, value;
  uint16_t marks;
};

void storeCells(Cta &cta, const std::vector<CellStore> &cells) {
  for (const CellStore &c : cells) {
    std::memcpy(cta.tensor->cell(c.lane, c.column), &c.value, 4);
    uint8_t *shadow = cta.tensor->marks(c.lane, c.column);
    for (unsigned i = 0; i < 4; ++i)
      shadow[i] = static_cast<uint8_t>(shadow::initialised |
                                       (c.marks >> (2 * i) & shadow::poison));
  }
}

std::vector<CellStore> storedCells(Warp &w, const Instr &in) {
  const Slot *list = &w.kernel.lists[in.list];
  bool unpacks = in.mode & Packs;
  std::vector<CellStore> cells;
  cells.reserve(32 * in.listCount * (unpacks ? 2 : 1));
  for (unsigned lane = 0; lane < 32; ++lane) {
    uint32_t base = baseOf(w, in, lane / 16);
    for (unsigned j = 0; j < in.listCount; ++j) {
      Cell at = cellOf(shapeOf(in), lane, j);
      uint32_t row = tensorLane(base) + at.lane;
      uint32_t column = tensorColumn(base) + at.column * (unpacks ? 2 : 1);
      uint32_t value = w.w(list[j])[lane];
      auto marks = static_cast<uint16_t>(
          w.taints.empty() ? 0 : w.taint(list[j])[lane] & 0xff);
      if (!unpacks) {
        cells.push_back({row, column, value, marks});
        continue;
      }
      cells.push_back(
          {row, column, value & 0xffff, static_cast<uint16_t>(marks & 15)});
      cells.push_back(
          {row, column + 1, value >> 16, static_cast<uint16_t>(marks >> 4)});
    }
  }
  return cells;
}

void store(Warp &w, const Instr &in) {
  std::vector<TensorRange> ranges = rangesOf(w, in);
  if (!checkAccess(w, in, "tcgen05.st", ranges))
    return;
  AsyncOp op;
  op.what = "tcgen05.st";
  op.tensor = TensorOp::Store;
  op.tensorWrites = std::move(ranges);
  if (!orderTensorOp(w, 0, w.w(in.a)[0], op))
    return;
  op.complete = [cells = storedCells(w, in), cta = &w.cta](const AsyncOp &) {
    storeCells(*cta, cells);
  };
  if (uint64_t id = w.cta.cluster.async.issue(w, 0, std::move(op)))
    w.tensorStores.push_back(id);
}

/// flag: loads.
void waitForAccesses(Warp &w, const Instr &in) {
  AsyncQueue &queue = w.cta.cluster.async;
  if (in.flag) {
    for (const Warp::TensorLoad &load : std::exchange(w.tensorLoads, {}))
      queue.completeNow(load.operation);
    return;
  }
  for (uint64_t id : std::exchange(w.tensorStores, {}))
    queue.completeNow(id);
}

void taintLoad(Warp &w, const Instr &in) { checkSteering(w, in, false); }

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

/// Shape, .xN and .sync.aligned; the number of registers.
unsigned takeAccess(Decoder &d, std::string_view packing) {
  int shape = d.takeOneOf({shapes[0].name, shapes[1].name, shapes[2].name,
                           shapes[3].name, shapes[4].name});
  int power =
      d.takeOneOf({"x1", "x2", "x4", "x8", "x16", "x32", "x64", "x128"});
  if (shape < 0 || power < 0) {
    d.fail("expected a shape and .x1 to .x128");
    return 0;
  }
  bool packs = d.take(packing);
  if (!d.take("sync") || !d.take("aligned"))
    d.fail("expected .sync.aligned");
  d.out.mode = static_cast<uint8_t>(shape | (packs ? Packs : 0));
  d.out.sync = Sync::WholeWarp;
  unsigned count = shapes[shape].registers << power;
  if (count > 128)
    d.fail("this shape does not go with .x" + std::to_string(1 << power));
  return count;
}

void takeSplit(Decoder &d, size_t i) {
  d.out.offset = static_cast<int32_t>(d.immediate(i));
}

bool hasElements(Decoder &d, size_t i, unsigned count) {
  const ptx::Operand &vector = d.operand(i);
  if (vector.kind == ptx::Operand::Vector && vector.elements.size() == count)
    return true;
  d.fail("expected " + std::to_string(count) + " registers in braces");
  return false;
}

void takeReduction(Decoder &d) {
  int max = d.takeOneOf({"min", "max"});
  bool absolute = d.take("abs"), nan = d.take("NaN");
  Type type = d.takeType();
  if (max < 0 || (type != Type::F32 && type != Type::U32 && type != Type::S32))
    d.fail("expected .min or .max and .f32, .u32 or .s32");
  if ((absolute || nan) && type != Type::F32)
    d.fail(".abs and .NaN go with .f32 only");
  if (d.target().major == 10 && d.target().minor == 0)
    d.fail("tcgen05.ld.red does not exist on " + d.target().name);
  d.out.bytes = static_cast<uint8_t>(max | (absolute ? Absolute : 0) |
                                     (nan ? PropagatesNan : 0));
  d.out.flag = type == Type::F32;
  d.out.isSigned = type == Type::S32;
}

} // namespace

bool nybl::emu::mayUseTensorLoads(Warp &w, Slot slot) {
  if (w.tensorLoads.empty() || w.cta.config.strictTensorLoads)
    return false;
  if (!w.cta.config.axiomUsedLoadIsComplete)
    return true;
  for (const Warp::TensorLoad &load : w.tensorLoads) {
    const Slot *list = &w.kernel.lists[load.in->list];
    if (std::find(list, list + load.in->listCount, slot) !=
        list + load.in->listCount)
      w.cta.cluster.async.completeNow(load.operation);
  }
  return true;
}

void nybl::emu::decodeTensorLoad(Decoder &d) {
  bool reduces = d.take("red");
  unsigned count = takeAccess(d, "pack::16b");
  auto shape = static_cast<Shape>(d.out.mode & ShapeBits);
  if (reduces)
    takeReduction(d);
  else if (!d.take("b32"))
    d.fail("expected .b32");
  if (reduces && (count < 2 || d.out.mode & Packs ||
                  (shape != S32x32 && shape != S16x32x2)))
    d.fail("tcgen05.ld.red goes with .32x32b and .16x32bx2, from .x2 on");
  size_t address = reduces ? 2 : 1, split = shape == S16x32x2 ? 1 : 0;
  if (!d.operands(address + 1 + split) || !hasElements(d, 0, count))
    return;
  Type type = d.out.flag ? Type::F32 : Type::B32;
  std::vector<Slot> slots;
  for (const ptx::Operand &element : d.operand(0).elements)
    if (element.kind == ptx::Operand::Sink)
      d.fail("a register of tcgen05.ld cannot be left out");
    else
      slots.push_back(d.destinationOf(element, type));
  d.setList(slots);
  if (reduces)
    d.out.d = d.destination(1, type);
  d.out.a = tensorAddress(d, address);
  if (split)
    takeSplit(d, address + 1);
  d.out.run = reduces ? loadReduced : load;
  d.out.taint = taintLoad;
}

void nybl::emu::decodeTensorStore(Decoder &d) {
  unsigned count = takeAccess(d, "unpack::16b");
  bool split = (d.out.mode & ShapeBits) == S16x32x2;
  if (!d.take("b32"))
    d.fail("expected .b32");
  size_t values = split ? 2 : 1;
  if (!d.operands(values + 1) || !hasElements(d, values, count))
    return;
  std::vector<Slot> slots;
  for (const ptx::Operand &element : d.operand(values).elements)
    slots.push_back(d.slotOf(element, Type::B32));
  d.setList(slots);
  d.out.a = tensorAddress(d, 0);
  if (split)
    takeSplit(d, 1);
  d.out.run = store;
  d.out.taint = taintLoad;
}

void nybl::emu::decodeTensorWait(Decoder &d, bool loads) {
  if (!d.take("sync") || !d.take("aligned") || !d.operands(0))
    return d.fail("expected tcgen05.wait::ld or ::st with .sync.aligned");
  d.out.sync = Sync::WholeWarp;
  d.out.flag = loads;
  d.out.run = waitForAccesses;
}
