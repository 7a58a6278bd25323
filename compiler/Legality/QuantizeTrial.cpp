// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every thread of every tile, evaluated.

#include "compiler/Legality/QuantizeTrial.h"
#include "compiler/Legality/Query.h"
#include "compiler/Legality/ThreadValues.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace {

constexpr int64_t maxTiles = 4096, maxBlocks = 1 << 16;

void setLeaves(const Slicer &slicer, LeafKind kind, int64_t value,
               Sample &point) {
  for (auto [position, leaf] : llvm::enumerate(slicer.leaves()))
    if (leaf.kind == kind)
      point[position] = value;
}

bool passes(const BlockWrite &write, const Sample &point) {
  return llvm::all_of(write.guard, [&](const LessThan &less) {
    return evaluate(less.small, point) < evaluate(less.large, point);
  });
}

InFlightDiagnostic refuteAt(Operation *op, StringRef lemma, StringRef operand,
                            const Slicer &slicer, const Sample &point) {
  Counterexample example = counterexampleAt(slicer, point);
  example.lemma = lemma;
  example.operand = operand;
  InFlightDiagnostic error = op->emitError("refuted: with ");
  markRefuted(error, example);
  error << describe(slicer, point) << " this ";
  return error;
}

/// One launch with M rows.
class Trial {
public:
  Trial(cta::KernelOp kernel, Slicer &slicer, const QuantizedOperands &operands,
        ArrayRef<BlockWrite> writes, int64_t m)
      : kernel(kernel), slicer(slicer), operands(operands), writes(writes),
        m(m), codes(m * operands.blocks),
        factors(byteSize(operands.layout, m, operands.blocks)) {}

  LogicalResult run();

private:
  /// How a byte of sfq was written.
  enum State : uint8_t { Never, Stored, Cleared };

  LogicalResult write(const BlockWrite &write);
  LogicalResult checkAll();
  LogicalResult refuteByte(StringRef operand, int64_t row, int64_t block,
                           StringRef what);

  cta::KernelOp kernel;
  Slicer &slicer;
  const QuantizedOperands &operands;
  ArrayRef<BlockWrite> writes;
  int64_t m;
  std::vector<uint8_t> codes, factors;
  Sample point;
};

LogicalResult Trial::write(const BlockWrite &write) {
  if (!passes(write, point))
    return success();
  bool isCodes = write.kind == BlockWrite::Codes;
  int64_t row = evaluate(write.row, point),
          block = evaluate(write.block, point);
  int64_t at =
      isCodes ? row * operands.blocks + block : evaluate(write.byte, point);
  std::vector<uint8_t> &bytes = isCodes ? codes : factors;
  StringRef operand = isCodes ? "q" : "sfq";
  if (at < 0 || at >= int64_t(bytes.size()) || bytes[at] != Never)
    return refuteAt(write.op, "L4", operand, slicer, point)
           << "stores row " << row << ", K block " << block << " of '"
           << operand << "' "
           << (at < int64_t(bytes.size()) ? "a second time" : "past its end");
  bytes[at] = isCodes || write.kind == BlockWrite::Factor ? Stored : Cleared;
  return success();
}

LogicalResult Trial::refuteByte(StringRef operand, int64_t row, int64_t block,
                                StringRef what) {
  Counterexample example;
  example.lemma = "L4";
  example.operand = operand;
  example.rows = m;
  InFlightDiagnostic error = kernel.emitError("refuted: with M = ");
  markRefuted(error, example);
  return error << m << " row " << row << ", K block " << block << " of '"
               << operand << "' " << what;
}

LogicalResult Trial::checkAll() {
  ScaleBox box = paddedBox(operands.layout, m, operands.blocks);
  bool clearsRows = llvm::any_of(writes, [](const BlockWrite &write) {
    return write.kind == BlockWrite::ClearRows;
  });
  for (int64_t row = 0; row < box.rows; ++row)
    for (int64_t block = 0; block < box.blocks; ++block) {
      bool real = row < m && block < operands.blocks;
      if (real && codes[row * operands.blocks + block] != Stored)
        return refuteByte("q", row, block, "is never stored");
      State expected = real ? Stored : row < m || clearsRows ? Cleared : Never;
      uint8_t state =
          factors[byteOffset(operands.layout, operands.blocks, row, block)];
      if (state != expected)
        return refuteByte("sfq", row, block,
                          expected == Never    ? "is padding, and stored"
                          : expected == Stored ? "is not stored"
                                               : "is padding, and does not "
                                                 "become 0");
    }
  return success();
}

LogicalResult Trial::run() {
  auto range = cast<cta::TileRangeOp>(writes.front().op->getParentOp());
  FailureOr<AffineExpr> count = slicer.index(range.getCount());
  if (failed(count))
    return failure();
  for (LeafKind kind : {LeafKind::Tile, LeafKind::Step, LeafKind::Thread})
    setLeaves(slicer, kind, 0, point);
  setLeaves(slicer, LeafKind::Rows, m, point);
  int64_t tiles = evaluate(*count, point);
  if (tiles > maxTiles)
    return success();
  for (int64_t tile = 0; tile < tiles; ++tile)
    for (int64_t thread = 0; thread < int64_t(kernel.getThreads()); ++thread) {
      setLeaves(slicer, LeafKind::Tile, tile, point);
      setLeaves(slicer, LeafKind::Thread, thread, point);
      for (const BlockWrite &one : writes)
        if (failed(write(one)))
          return failure();
    }
  return checkAll();
}

} // namespace

bool nybl::compiler::isSameGuard(const Slicer &slicer, ArrayRef<LessThan> a,
                                 ArrayRef<LessThan> b) {
  auto same = [&](const LessThan &one, const LessThan &other) {
    return isSame(slicer, one.small, other.small) &&
           isSame(slicer, one.large, other.large);
  };
  auto covers = [&](ArrayRef<LessThan> all, ArrayRef<LessThan> some) {
    return llvm::all_of(some, [&](const LessThan &one) {
      return llvm::any_of(
          all, [&](const LessThan &other) { return same(one, other); });
    });
  };
  return covers(a, b) && covers(b, a);
}

LogicalResult nybl::compiler::tryOutQuantize(cta::KernelOp kernel,
                                             Slicer &slicer,
                                             const QuantizedOperands &operands,
                                             ArrayRef<BlockWrite> writes) {
  for (int64_t m : {1, 2, 7, 8, 9, 17, 127, 130})
    if (m * operands.blocks <= maxBlocks &&
        failed(Trial(kernel, slicer, operands, writes, m).run()))
      return failure();
  return success();
}

LogicalResult
nybl::compiler::tryOutPlace(Slicer &slicer, const BlockWrite &write,
                            std::pair<AffineExpr, AffineExpr> rows,
                            std::pair<AffineExpr, AffineExpr> bytes,
                            int64_t elementBytes,
                            std::pair<StringRef, StringRef> operands) {
  auto range = cast<cta::TileRangeOp>(write.op->getParentOp());
  FailureOr<AffineExpr> count = slicer.index(range.getCount());
  if (failed(count))
    return failure();
  constexpr int64_t manyRows = 1024, someTiles = 64;
  Sample point;
  for (LeafKind kind : {LeafKind::Tile, LeafKind::Step, LeafKind::Thread})
    setLeaves(slicer, kind, 0, point);
  setLeaves(slicer, LeafKind::Rows, manyRows, point);
  int64_t tiles = std::min(evaluate(*count, point), someTiles);
  for (int64_t tile = 0; tile < tiles; ++tile)
    for (int64_t thread = 0; thread < threadsAt(write.op); ++thread) {
      setLeaves(slicer, LeafKind::Tile, tile, point);
      setLeaves(slicer, LeafKind::Thread, thread, point);
      int64_t from = evaluate(rows.first, point);
      int64_t to = evaluate(rows.second, point);
      int64_t byte = evaluate(bytes.first, point);
      int64_t wanted = evaluate(bytes.second, point);
      if (!passes(write, point) || (from == to && byte == wanted))
        continue;
      return refuteAt(write.op, "L2", operands.second, slicer, point)
             << "stores row " << from << ", column " << byte / elementBytes
             << " of '" << operands.first << "' as row " << to << ", column "
             << wanted / elementBytes;
    }
  return success();
}
