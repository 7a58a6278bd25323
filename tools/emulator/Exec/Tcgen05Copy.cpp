// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tcgen05.cp, from shared to tensor memory, and tcgen05.shift within it.

#include "tools/emulator/Exec/MatrixDescriptor.h"
#include "tools/emulator/Exec/Tcgen05.h"
#include "tools/emulator/Exec/Tcgen05Form.h"

#include <cstring>

using namespace nybl::emu;

namespace {

enum Shape : uint8_t {
  S128x256,
  S4x256,
  S128x128,
  S64x128Pairs02, ///< .warpx2::02_13
  S64x128Pairs01, ///< .warpx2::01_23
  S32x128
};
constexpr struct {
  uint32_t rows, rowBytes;
} shapes[] = {{128, 32}, {4, 32}, {128, 16}, {64, 16}, {64, 16}, {32, 16}};

/// The lanes that get row i, as offsets from the address.
std::vector<uint32_t> lanesOfRow(Shape shape, uint32_t row) {
  switch (shape) {
  case S4x256: // one row of each part of 32 lanes
    return {32 * row};
  case S64x128Pairs02:
    return {row, row + 64};
  case S64x128Pairs01:
    return {row % 32 + row / 32 * 64, row % 32 + row / 32 * 64 + 32};
  case S32x128:
    return {row, row + 32, row + 64, row + 96};
  default:
    return {row};
  }
}

/// One CTA's part, once it may happen.
void copyRows(const MatrixOperand &source, Shape shape, unsigned bits,
              uint32_t address) {
  std::vector<uint8_t> data(source.rows * source.rowBytes), marks(data.size());
  source.read(data.data(), marks.data());
  for (size_t i = 0; i < data.size(); i += 16) {
    expandChunk(&data[i], bits);
    expandMarks(&marks[i], bits);
  }
  for (uint8_t &mark : marks)
    mark &= shadow::initialised | shadow::poison;
  CtaTensorMemory &memory = *source.cta->tensor;
  for (uint32_t row = 0; row < source.rows; ++row)
    for (uint32_t lane : lanesOfRow(shape, row)) {
      uint32_t to = tensorLane(address) + lane, column = tensorColumn(address);
      size_t from = size_t(row) * source.rowBytes;
      std::memcpy(memory.cell(to, column), &data[from], source.rowBytes);
      std::memcpy(memory.marks(to, column), &marks[from], source.rowBytes);
    }
}

std::vector<TensorRange> copiedRange(Cta &cta, Shape shape, uint32_t address) {
  uint32_t columns = shapes[shape].rowBytes / CtaTensorMemory::cellBytes;
  uint32_t lane = tensorLane(address), column = tensorColumn(address);
  if (shape != S4x256)
    return {{&cta, lane, CtaTensorMemory::lanes, column, columns}};
  std::vector<TensorRange> ranges;
  for (uint32_t row = 0; row < 4; ++row)
    ranges.push_back({&cta, lane + 32 * row, 1, column, columns});
  return ranges;
}

bool prepareCopy(Warp &w, unsigned lane, const MatrixOperand &source,
                 Shape shape, uint32_t address, AsyncOp &op) {
  for (const TensorRange &r : copiedRange(*source.cta, shape, address)) {
    if (!checkTensorRange(w, lane, address, r, "tcgen05.cp"))
      return false;
    op.tensorWrites.push_back(r);
  }
  if (!source.check(w, lane, "the source of tcgen05.cp"))
    return false;
  for (const SharedRange &range : source.ranges())
    op.reads.push_back(range);
  return true;
}

/// a: address; b: descriptor; mode: shape; bytes: bits of an element; imm:
/// cta_group. Of two CTAs each copies from its own shared memory, at the same
/// offset.
void copy(Warp &w, const Instr &in) {
  auto shape = static_cast<Shape>(in.mode);
  unsigned bits = in.bytes;
  w.forActive([&](unsigned lane) {
    if (w.cta.failed())
      return;
    uint32_t address = w.w(in.a)[lane];
    MatrixOperand source;
    source.rows = shapes[shape].rows;
    source.rowBytes = shapes[shape].rowBytes;
    source.usedBytes = 2 * bits;
    std::string problem = source.descriptor.decodeTcgen05(w.q(in.b)[lane]);
    if (!problem.empty())
      return w.report(FindingKind::TensorMemoryMisuse, lane, w.q(in.b)[lane],
                      problem);
    AsyncOp op;
    op.what = "tcgen05.cp";
    op.tensor = shape == S4x256 ? TensorOp::CpSmall : TensorOp::Cp;
    std::vector<MatrixOperand> sources;
    for (Cta *cta : tensorCtas(w, lane, static_cast<unsigned>(in.imm))) {
      source.cta = cta;
      if (!prepareCopy(w, lane, source, shape, address, op))
        return;
      sources.push_back(source);
    }
    if (w.cta.failed() || !orderTensorOp(w, lane, address, op))
      return;
    op.complete = [=](const AsyncOp &) {
      for (const MatrixOperand &one : sources)
        copyRows(one, shape, bits, address);
    };
    issueTensorOp(w, lane, std::move(op));
  });
}

//===----------------------------------------------------------------------===//
// tcgen05.shift
//===----------------------------------------------------------------------===//

constexpr uint32_t shiftLanes = 32, shiftColumns = 8;

/// Row i gets row i + 1; the last one keeps what it has, for tcgen05.cp.4x256b
/// to renew.
void shiftRows(CtaTensorMemory &memory, uint32_t address) {
  uint32_t column = tensorColumn(address), first = tensorLane(address);
  constexpr size_t bytes = shiftColumns * CtaTensorMemory::cellBytes;
  for (uint32_t lane = first; lane + 1 < first + shiftLanes; ++lane) {
    std::memcpy(memory.cell(lane, column), memory.cell(lane + 1, column),
                bytes);
    std::memcpy(memory.marks(lane, column), memory.marks(lane + 1, column),
                bytes);
  }
}

/// a: address; imm: cta_group.
void shift(Warp &w, const Instr &in) {
  w.forActive([&](unsigned lane) {
    if (w.cta.failed())
      return;
    uint32_t address = w.w(in.a)[lane];
    if (tensorLane(address) % shiftLanes != 0)
      return w.report(FindingKind::TensorMemoryMisuse, lane, address,
                      "tcgen05.shift at a lane that is no multiple of 32");
    AsyncOp op;
    op.what = "tcgen05.shift";
    op.tensor = TensorOp::Shift;
    auto ctas = tensorCtas(w, lane, static_cast<unsigned>(in.imm));
    for (Cta *cta : ctas) {
      TensorRange range{cta, tensorLane(address), shiftLanes,
                        tensorColumn(address), shiftColumns};
      if (!checkTensorRange(w, lane, address, range, "tcgen05.shift"))
        return;
      op.tensorReads.push_back(range);
      op.tensorWrites.push_back(range);
    }
    if (w.cta.failed() || !orderTensorOp(w, lane, address, op))
      return;
    op.complete = [=](const AsyncOp &) {
      for (Cta *cta : ctas)
        shiftRows(*cta->tensor, address);
    };
    issueTensorOp(w, lane, std::move(op));
  });
}

void taintMove(Warp &w, const Instr &in) { checkSteering(w, in, false); }

int takeShape(Decoder &d) {
  int shape =
      d.takeOneOf({"128x256b", "4x256b", "128x128b", "64x128b", "32x128b"});
  int pairs = d.takeOneOf({"warpx2::02_13", "warpx2::01_23"});
  bool all = d.take("warpx4");
  if (shape < 0 || (pairs >= 0) != (shape == 3) || all != (shape == 4)) {
    d.fail("expected .128x256b, .4x256b, .128x128b, .64x128b with .warpx2 or "
           ".32x128b with .warpx4");
    return 0;
  }
  return shape < 3 ? shape : shape == 3 ? S64x128Pairs02 + pairs : S32x128;
}

} // namespace

void nybl::emu::decodeTensorCp(Decoder &d) {
  d.out.imm = takeCtaGroup(d);
  d.out.mode = static_cast<uint8_t>(takeShape(d));
  bool bytes = d.take("b8x16");
  int from = d.takeOneOf({"b6x16_p32", "b4x16_p64"});
  if (bytes != (from >= 0))
    return d.fail("expected both or none of .b8x16 and its source format");
  d.out.bytes = from < 0 ? 8 : from == 0 ? 6 : 4;
  if (!d.operands(2))
    return;
  d.out.a = tensorAddress(d, 0);
  d.out.b = d.slot(1, Type::B64);
  d.out.run = copy;
  d.out.taint = taintMove;
}

void nybl::emu::decodeTensorShift(Decoder &d) {
  if (!d.target().exact)
    return d.fail("tcgen05.shift needs a target such as sm_100a");
  d.out.imm = takeCtaGroup(d);
  if (!d.take("down"))
    d.fail("expected .down");
  if (!d.operands(1))
    return;
  d.out.a = tensorAddress(d, 0);
  d.out.run = shift;
  d.out.taint = taintMove;
}
