// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is touched, against what is real.

#include "tests/Mutation/Enumerate.h"
#include "runtime/Abi/ScaleLayout.h"
#include "tests/Mutation/CtaEvaluate.h"
#include "llvm/ADT/DenseSet.h"
#include <fmt/format.h>

using namespace mlir;
using namespace nybl;
using namespace nybl::mutation;

namespace {

/// Bytes between the rows of an operand, as the emulated runs have them.
constexpr int64_t gap = 16;

/// One M: what is real, and what was stored.
class Extents {
public:
  Extents(cta::KernelOp kernel, int64_t m, bool padsRows)
      : kernel(kernel), m(m), padsRows(padsRows) {
    for (BlockArgument argument : kernel.getBody().getArguments())
      if (auto scales = dyn_cast<cta::ScalesType>(argument.getType()))
        addScales(argument, scales);
  }

  Arguments arguments() {
    return [this](StringRef source) -> std::optional<uint64_t> {
      if (source == "m")
        return m;
      auto [name, part] = source.split('.');
      BlockArgument operand = kernel.argumentFor(name);
      auto matrix = operand ? dyn_cast<cta::MatrixType>(operand.getType())
                            : cta::MatrixType();
      if (matrix && part == "stride")
        return matrix.getRowBytes() + gap;
      return std::nullopt;
    };
  }

  /// Empty if all is well.
  std::string check(const Event &event) {
    if (!event.access)
      return "";
    // Only what memory holds is not known here, whatever is made of it.
    if (!event.guard.known || !event.offset.known)
      return "has an address or a guard made of what was read";
    if (!event.guard.bits)
      return "";
    const Access &access = *event.access;
    uint64_t offset = event.offset.bits;
    if (access.isGlobal && !event.waited)
      return "touches memory before griddepcontrol.wait";
    if (offset % access.bytes != 0)
      return fmt::format("is misaligned, at byte {}", offset);
    Type type = access.base.getType();
    if (access.isWrite && isa<cta::ScalesType>(type))
      return checkFactor(event, offset);
    if (isa<cta::ScalesType>(type))
      return checkScales(access, offset);
    if (auto matrix = dyn_cast<cta::MatrixType>(type))
      return checkMatrix(access, matrix, offset);
    if (auto stage = dyn_cast<cta::StageType>(type))
      return checkStage(access, stage.getBytes(), offset);
    if (auto stage = dyn_cast<cta::ScaleStageType>(type))
      return checkStage(access, stage.getBytes(), offset);
    if (auto stage = dyn_cast<cta::OutputStageType>(type))
      return checkStage(access, stage.getBytes(), offset);
    return "";
  }

  /// After all tiles: is each element stored once? (Of boxes the interpreter
  /// of Cta says that.)
  std::string checkStores() {
    if (!factors.empty() || !cleared.empty())
      for (auto &[base, real] : scales)
        if (real.size() != factors.size() ||
            cleared.size() != paddingOf(base).size())
          return "a scale factor, or padding of them, is never stored";
    for (BlockArgument argument : kernel.getBody().getArguments()) {
      auto matrix = dyn_cast<cta::MatrixType>(argument.getType());
      if (!matrix || !kernel.isOutput(argument) || kernel.argumentFor("d.map"))
        continue;
      int64_t rows = rowsOf(matrix.getRows());
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t at = 0; at < matrix.getRowBytes(); at += storedBytes)
          if (!stored.contains(row * (matrix.getRowBytes() + gap) + at))
            return fmt::format("row {}, byte {} of '{}' is never stored", row,
                               at, std::string(kernel.sourceOf(argument)));
    }
    return "";
  }

private:
  int64_t rowsOf(int64_t rows) const {
    return rows == cta::dynamicRows ? m : rows;
  }

  void addScales(BlockArgument argument, cta::ScalesType type) {
    ScaleLayout layout = *parseScaleLayout(type.getLayout().getValue());
    auto &real = scales[argument];
    for (int64_t row = 0; row < rowsOf(type.getRows()); ++row)
      for (int64_t block = 0; block < type.getBlocks(); ++block)
        real.insert(byteOffset(layout, type.getBlocks(), row, block));
  }

  /// Padding that is cleared: K blocks of real rows, and rows where the problem
  /// says so.
  llvm::DenseSet<uint64_t> paddingOf(Value base) {
    auto type = cast<cta::ScalesType>(base.getType());
    ScaleLayout layout = *parseScaleLayout(type.getLayout().getValue());
    ScaleBox box = paddedBox(layout, m, type.getBlocks());
    llvm::DenseSet<uint64_t> found;
    for (int64_t row = 0; row < (padsRows ? box.rows : m); ++row)
      for (int64_t block = 0; block < box.blocks; ++block)
        if (row >= m || block >= type.getBlocks())
          found.insert(byteOffset(layout, type.getBlocks(), row, block));
    return found;
  }

  std::string checkFactor(const Event &event, uint64_t offset) {
    bool clears = isa<cta::ClearFactorOp>(event.op);
    Value base = event.access->base;
    if (clears && padding.empty())
      padding = paddingOf(base);
    if (clears ? !padding.contains(offset)
               : !scales.lookup(base).contains(offset))
      return fmt::format("stores byte {}, which is {}", offset,
                         clears ? "no padding" : "no scale");
    return (clears ? cleared : factors).insert(offset).second
               ? ""
               : fmt::format("stores byte {} twice", offset);
  }

  std::string checkScales(const Access &access, uint64_t offset) {
    const llvm::DenseSet<uint64_t> &real = scales[access.base];
    for (uint64_t at = offset; at < offset + access.bytes; ++at)
      if (!real.contains(at))
        return fmt::format("reads byte {}, which is no scale", at);
    return "";
  }

  static std::string checkStage(const Access &access, int64_t bytes,
                                uint64_t offset) {
    return offset + access.bytes <= uint64_t(bytes)
               ? ""
               : fmt::format("touches byte {} of a stage of {}", offset, bytes);
  }

  std::string checkMatrix(const Access &access, cta::MatrixType type,
                          uint64_t offset) {
    uint64_t stride = type.getRowBytes() + gap, row = offset / stride;
    int64_t end = offset % stride + access.bytes;
    if (row >= uint64_t(rowsOf(type.getRows())) || end > type.getRowBytes())
      return fmt::format("touches row {}, bytes up to {}, of {} x {}", row, end,
                         rowsOf(type.getRows()), type.getRowBytes());
    if (!access.isWrite)
      return "";
    storedBytes = access.bytes;
    return stored.insert(offset).second
               ? ""
               : fmt::format("stores row {}, bytes up to {}, twice", row, end);
  }

  cta::KernelOp kernel;
  int64_t m;
  llvm::DenseMap<Value, llvm::DenseSet<uint64_t>> scales;
  llvm::DenseSet<uint64_t> stored;
  llvm::DenseSet<uint64_t> factors, cleared, padding; ///< of a quantisation
  bool padsRows;
  int64_t storedBytes = 1;
};

/// No kernel here has so many.
constexpr uint64_t mostTiles = 128;

std::optional<std::string> harmOfRows(cta::KernelOp kernel,
                                      Evaluator &evaluator, int64_t m,
                                      bool padsRows) {
  Extents extents(kernel, m, padsRows);
  Arguments arguments = extents.arguments();
  Cell tiles = evaluator.tiles(arguments);
  if (!tiles.known)
    return std::nullopt;
  std::string harm;
  for (uint64_t tile = 0; tile < std::min(tiles.bits, mostTiles); ++tile)
    for (uint64_t thread = 0; thread < threadsOf(kernel); ++thread) {
      bool known =
          evaluator.run(arguments, {tile}, thread, [&](const Event &event) {
            std::string found = harm.empty() ? extents.check(event) : "";
            if (!found.empty())
              harm = fmt::format(
                  "M = {}, tile {}, thread {}: {} {}", m, tile, thread,
                  std::string(event.op->getName().getStringRef()), found);
          });
      if (!known)
        return std::nullopt;
      if (!harm.empty())
        return harm;
    }
  harm = extents.checkStores();
  return harm.empty() ? std::nullopt
                      : std::optional(fmt::format("M = {}: {}", m, harm));
}

//===----------------------------------------------------------------------===//
// Wrapping
//===----------------------------------------------------------------------===//

/// M and the bytes between rows of each matrix.
struct Large {
  uint64_t m, stride;

  Arguments arguments() const {
    return [*this](StringRef source) -> std::optional<uint64_t> {
      if (source == "m")
        return m;
      if (source.ends_with(".stride"))
        return stride;
      return std::nullopt;
    };
  }
};

/// The accesses that are done, in order: number, offset.
using Trace = std::vector<std::pair<unsigned, uint64_t>>;

Trace trace(Evaluator &evaluator, const Arguments &arguments, uint64_t tile,
            uint64_t thread) {
  Trace list;
  unsigned number = 0;
  evaluator.run(arguments, {tile}, thread, [&](const Event &event) {
    if (event.access && event.guard.bits && event.access->offset)
      list.push_back({number, event.offset.bits});
    ++number;
  });
  return list;
}

/// First, last and middle tiles, and those where bits of a row's index end.
std::vector<uint64_t> tilesToSee(uint64_t count) {
  std::vector<uint64_t> tiles;
  for (uint64_t tile :
       {uint64_t(0), count / 2, count - 2, count - 1, uint64_t(16),
        uint64_t(32), uint64_t(4096), uint64_t(8192)})
    if (tile < count)
      tiles.push_back(tile);
  return tiles;
}

} // namespace

std::optional<std::string>
nybl::mutation::harmOfAddresses(cta::KernelOp kernel, ArrayRef<int64_t> rows,
                                bool padsRows) {
  Evaluator evaluator(kernel);
  for (int64_t m : rows)
    if (auto harm = harmOfRows(kernel, evaluator, m, padsRows))
      return harm;
  return std::nullopt;
}

std::optional<std::string>
nybl::mutation::harmOfWrapping(cta::KernelOp original, cta::KernelOp mutant) {
  Evaluator before(original), after(mutant);
  const Large points[] = {{uint64_t(1) << 24, 0xfffffff8},
                          {(uint64_t(1) << 24) - 3, 303872},
                          {70001, 303872},
                          {300, 112}};
  for (const Large &point : points) {
    Arguments arguments = point.arguments();
    uint64_t count = before.tiles(arguments).bits;
    if (after.tiles(arguments).bits != count)
      return fmt::format("M = {}: another count of tiles", point.m);
    for (uint64_t tile : tilesToSee(count))
      for (uint64_t thread = 0; thread < threadsOf(original); ++thread)
        if (trace(before, arguments, tile, thread) !=
            trace(after, arguments, tile, thread))
          return fmt::format("M = {}, row stride {}, tile {}, thread {}: "
                             "another address than without wrapping",
                             point.m, point.stride, tile, thread);
  }
  return std::nullopt;
}
