// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// L2 and L4 of kernels that make block-scaled tensors. A thread does whole
// blocks, so there is nothing between the load of a block and its stores: that
// they are of one row and K block is an equality of expressions, and that the
// guards of stores say exactly which bytes are to be written is one too. Within
// a tile, who stores which block is enumerated; that tiles cover the tensors is
// TileCover's. What differs is tried out on small launches: QuantizeTrial.

#include "compiler/Legality/Prove.h"
#include "compiler/Legality/QuantizeTrial.h"
#include "compiler/Legality/ScaleFactor.h"
#include "compiler/Legality/TileCover.h"
#include "runtime/Abi/Problem.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace {

/// Blocks of a tile that one kind of write stores, each once.
struct Table {
  llvm::DenseSet<std::pair<int64_t, int64_t>> stored;
  int64_t rows = 0, blocks = 0;

  bool isWhole() const { return int64_t(stored.size()) == rows * blocks; }
};

class QuantizeProver {
public:
  explicit QuantizeProver(Proof &proof)
      : proof(proof), slicer(proof.slicer), kernel(proof.kernel) {}
  FailureOr<std::pair<Shown, Shown>> run();

private:
  LogicalResult findOperands();
  LogicalResult collect();
  LogicalResult addWrite(cta::GlobalAccess access, BlockWrite::Kind kind);
  FailureOr<std::pair<AffineExpr, AffineExpr>> placeOf(cta::GlobalAccess access,
                                                       const Domain &domain);

  SmallVector<LessThan> expectedGuard(BlockWrite::Kind kind, AffineExpr row,
                                      AffineExpr block);
  LogicalResult prove(const BlockWrite &write);
  LogicalResult proveSource(const BlockWrite &write);
  LogicalResult proveElement(const BlockWrite &write, Value element,
                             int64_t number);
  LogicalResult proveLoad(const BlockWrite &write, Value element,
                          int64_t column);
  LogicalResult tabulate(const BlockWrite &write);
  LogicalResult proveTables();
  /// After a trial that found nothing.
  LogicalResult notProven(Operation *op, const Twine &expected);

  Proof &proof;
  Slicer &slicer;
  cta::KernelOp kernel;
  QuantizedOperands operands;
  SmallVector<BlockWrite> writes;
  std::map<BlockWrite::Kind, Table> tables;
  AffineExpr rowBase, blockBase;
  int64_t halves = 1; ///< of the columns of x
  size_t elements = 0;
};

LogicalResult QuantizeProver::findOperands() {
  auto x = kernel.argumentFor("x"), q = kernel.argumentFor("q");
  auto sfq = kernel.argumentFor("sfq");
  auto xType = x ? dyn_cast<cta::MatrixType>(x.getType()) : cta::MatrixType();
  auto qType = q ? dyn_cast<cta::MatrixType>(q.getType()) : cta::MatrixType();
  auto type =
      sfq ? dyn_cast<cta::ScalesType>(sfq.getType()) : cta::ScalesType();
  if (!xType || !qType || !type || xType.getRows() != type.getRows() ||
      qType.getRows() != type.getRows() ||
      qType.getRowBytes() != type.getBlocks() * kBlock / 2)
    return kernel.emitOpError("not proven: expected operands x, q and sfq of "
                              "the same rows and K blocks");
  operands.layout = *parseScaleLayout(type.getLayout().getValue());
  operands.blocks = type.getBlocks();
  operands.rows = slicer.rowsOf(sfq);
  operands.paddedBlocks =
      paddedBox(operands.layout, 1, type.getBlocks()).blocks;
  bool fused =
      kernel.walk([](cta::SiluMulOp) { return WalkResult::interrupt(); })
          .wasInterrupted();
  halves = fused ? 2 : 1;
  int64_t columns = halves * type.getBlocks() * kBlock;
  operands.elementBytes = xType.getRowBytes() / columns;
  if (xType.getRowBytes() % columns == 0)
    return success();
  return kernel.emitOpError("not proven: expected rows of 'x' of as many "
                            "elements as 'q' has, or of twice as many where "
                            "gates open others");
}

FailureOr<std::pair<AffineExpr, AffineExpr>>
QuantizeProver::placeOf(cta::GlobalAccess access, const Domain &domain) {
  FailureOr<Offset> offset = slicer.offset(access.getByteOffset());
  if (failed(offset))
    return failure();
  if (isa<cta::StoreCodesOp>(access.getOperation()))
    return std::pair(offset->factor, offset->plain.floorDiv(kBlock / 2));
  FailureOr<ScaleFactor> factor =
      nameScale(access, access.getBase(), *offset, domain, slicer);
  if (failed(factor))
    return failure();
  return std::pair(factor->row, factor->block);
}

LogicalResult QuantizeProver::addWrite(cta::GlobalAccess access,
                                       BlockWrite::Kind kind) {
  if (!isa<cta::TileRangeOp>(access->getParentOp()))
    return access.emitError("not proven: expected stores in a tile, outside "
                            "loops and roles");
  FailureOr<Domain> domain = slicer.domain(access, access.getGuards(0));
  if (failed(domain))
    return failure();
  auto place = placeOf(access, *domain);
  if (failed(place))
    return failure();
  FailureOr<Offset> offset = slicer.offset(access.getByteOffset());
  writes.push_back({access, kind, place->first, place->second, offset->plain,
                    std::move(domain->guard)});
  return success();
}

LogicalResult QuantizeProver::collect() {
  WalkResult result = kernel.walk([&](cta::GlobalAccess access) -> WalkResult {
    if (!access.isWrite())
      return success();
    Operation *op = access;
    if (isa<cta::StoreCodesOp>(op))
      return addWrite(access, BlockWrite::Codes);
    if (isa<cta::StoreFactorOp>(op))
      return addWrite(access, BlockWrite::Factor);
    if (!isa<cta::ClearFactorOp>(op))
      return access.emitError("not proven: expected codes and scale "
                              "factors as all that is stored");
    if (failed(addWrite(access, BlockWrite::ClearBlocks)))
      return failure();
    // Which padding it is, its guard says.
    BlockWrite &write = writes.back();
    if (isSameGuard(
            slicer, write.guard,
            expectedGuard(BlockWrite::ClearRows, write.row, write.block)))
      write.kind = BlockWrite::ClearRows;
    return success();
  });
  return failure(result.wasInterrupted());
}

//===----------------------------------------------------------------------===//
// One write
//===----------------------------------------------------------------------===//

SmallVector<LessThan> QuantizeProver::expectedGuard(BlockWrite::Kind kind,
                                                    AffineExpr row,
                                                    AffineExpr block) {
  AffineExpr rows = operands.rows;
  int64_t inTile = tileBox(operands.layout).rows;
  LessThan padded{block, slicer.constant(operands.paddedBlocks)};
  switch (kind) {
  case BlockWrite::Codes:
  case BlockWrite::Factor:
    return {{row, rows}, {block, slicer.constant(operands.blocks)}};
  case BlockWrite::ClearBlocks:
    return {{slicer.constant(operands.blocks - 1), block}, {row, rows}, padded};
  case BlockWrite::ClearRows:
    return {{rows, row + 1},
            {row, (rows + (inTile - 1)).floorDiv(inTile) * inTile},
            padded};
  case BlockWrite::Elements: // of kernels that undo it
    break;
  }
  llvm_unreachable("every kind is handled above");
}

LogicalResult QuantizeProver::notProven(Operation *op, const Twine &expected) {
  if (failed(tryOutQuantize(kernel, slicer, operands, writes)))
    return failure();
  return op->emitError("not proven: expected ") << expected;
}

/// Element `number` of the block that is stored was loaded from its place, or
/// both its gate and what that opens were.
LogicalResult QuantizeProver::proveElement(const BlockWrite &write,
                                           Value element, int64_t number) {
  if (halves == 1)
    return proveLoad(write, element, number);
  auto silu = element.getDefiningOp<cta::SiluMulOp>();
  if (!silu)
    return write.op->emitError("not proven: expected blocks of what "
                               "cta.silu_mul made");
  int64_t half = operands.blocks * kBlock;
  return success(succeeded(proveLoad(write, silu.getGate(), number)) &&
                 succeeded(proveLoad(write, silu.getUp(), half + number)));
}

/// Loaded from column `column`, counted from that of the block.
LogicalResult QuantizeProver::proveLoad(const BlockWrite &write, Value element,
                                        int64_t column) {
  auto load = element.getDefiningOp<cta::LoadElementsOp>();
  int64_t bytes = operands.elementBytes;
  if (!load || load.getBase() != kernel.argumentFor("x") ||
      int64_t(load.getElement().getIntOrFloatBitWidth()) != 8 * bytes)
    return write.op->emitError("not proven: expected blocks of elements of "
                               "'x', as they were loaded");
  FailureOr<Offset> offset = slicer.offset(load.getOffset());
  FailureOr<SmallVector<LessThan>> guard = slicer.guard(load.getGuard());
  if (failed(offset) || failed(guard))
    return failure();
  int64_t result = cast<OpResult>(element).getResultNumber();
  AffineExpr loaded = offset->plain + result * bytes;
  AffineExpr stored = write.block * (kBlock * bytes) + column * bytes;
  if (isSame(slicer, offset->factor, write.row) &&
      isSame(slicer, loaded, stored)) {
    if (isSameGuard(slicer, *guard,
                    expectedGuard(BlockWrite::Factor, write.row, write.block)))
      return success();
    return load.emitError("not proven: expected a load wherever row and K "
                          "block are real, and nowhere else");
  }
  if (failed(tryOutPlace(slicer, write, {offset->factor, write.row},
                         {loaded, stored}, bytes,
                         {"x", write.kind == BlockWrite::Codes ? "q" : "sfq"})))
    return failure();
  return write.op->emitError("not proven: expected the row and the K block of "
                             "a store to be those of its load");
}

/// L2.
LogicalResult QuantizeProver::proveSource(const BlockWrite &write) {
  auto codes = dyn_cast<cta::StoreCodesOp>(write.op);
  Value stored = codes ? Value(codes.getCodes())
                       : Value(cast<cta::StoreFactorOp>(write.op).getValue());
  auto quantize = stored.getDefiningOp<cta::QuantizeOp>();
  if (!quantize)
    return write.op->emitError("not proven: expected what is stored to be "
                               "what cta.quantize made");
  for (auto [number, element] : llvm::enumerate(quantize.getValues()))
    if (failed(proveElement(write, element, number)))
      return failure();
  elements += halves * quantize.getValues().size();
  return success();
}

LogicalResult QuantizeProver::tabulate(const BlockWrite &write) {
  std::optional<Split> row = proof.threads.split(write.row);
  std::optional<Split> block = proof.threads.split(write.block);
  if (!row || !block ||
      (rowBase && (!isSame(slicer, row->base, rowBase) ||
                   !isSame(slicer, block->base, blockBase))))
    return notProven(write.op, "row and K block of a store to be sums of a "
                               "part of the thread's and a part of the tile's, "
                               "this one the same for all stores");
  rowBase = row->base;
  blockBase = block->base;
  Table &table = tables[write.kind];
  ArrayRef<int64_t> rows = proof.threads.of(row->local);
  for (int64_t thread = 0; thread < threadsAt(write.op); ++thread) {
    int64_t r = rows[thread], b = proof.threads.of(block->local)[thread];
    if (!table.stored.insert({r, b}).second)
      return notProven(write.op, "each block of a tile to be stored once");
    table.rows = std::max(table.rows, r + 1);
    table.blocks = std::max(table.blocks, b + 1);
  }
  return success();
}

LogicalResult QuantizeProver::prove(const BlockWrite &write) {
  if (!isSameGuard(slicer, write.guard,
                   expectedGuard(write.kind, write.row, write.block)))
    return notProven(write.op,
                     "the guard of a store to say exactly that row and K block "
                     "are real, or exactly that they are padding");
  bool clears = write.kind == BlockWrite::ClearBlocks ||
                write.kind == BlockWrite::ClearRows;
  if (!clears && failed(proveSource(write)))
    return failure();
  return tabulate(write);
}

//===----------------------------------------------------------------------===//
// All of them
//===----------------------------------------------------------------------===//

/// Whole rectangles, the same for all, so that padding lies in the tiles of
/// real blocks and rows.
LogicalResult QuantizeProver::proveTables() {
  const Table &factors = tables[BlockWrite::Factor];
  bool padsBlocks = operands.paddedBlocks != operands.blocks;
  ScaleBox box = tileBox(operands.layout);
  tables[BlockWrite::Codes];
  if (padsBlocks)
    tables[BlockWrite::ClearBlocks];
  for (auto &[kind, table] : tables)
    if (!table.isWhole() || table.stored.empty() ||
        table.rows != factors.rows || table.blocks != factors.blocks)
      return notProven(kernel, "codes and scale factors of every block of a "
                               "tile, and zeros in padding K blocks");
  bool padsRows = tables.contains(BlockWrite::ClearRows);
  if ((padsBlocks && factors.blocks % box.blocks != 0) ||
      (padsRows && factors.rows % box.rows != 0))
    return notProven(kernel, "tiles of whole tiles of the layout");
  const BlockWrite &any = writes.front();
  auto range = cast<cta::TileRangeOp>(any.op->getParentOp());
  if (range.getParts() != 1)
    return notProven(range, "tiles in one part: every part would store all "
                            "blocks of its tile");
  TileRectangle rectangle{rowBase, blockBase, factors.rows, factors.blocks};
  return proveTiles(range, "q", operands.rows, slicer.constant(operands.blocks),
                    rectangle, proof);
}

FailureOr<std::pair<Shown, Shown>> QuantizeProver::run() {
  if (failed(findOperands()) || failed(collect()))
    return failure();
  if (writes.empty())
    return kernel.emitOpError("not proven: expected stores of codes and scale "
                              "factors");
  for (const BlockWrite &write : writes)
    if (failed(prove(write)))
      return failure();
  if (failed(proveTables()))
    return failure();
  const Table &factors = tables[BlockWrite::Factor];
  bool padsRows = tables.contains(BlockWrite::ClearRows);
  Shown sources{std::to_string(elements) +
                    " elements of what each thread stores, each of its own row "
                    "and K block of 'x'" +
                    (halves == 2 ? ", gates and what they open" : ""),
                "tile = 0, thread = 0, element 0 of the first store"};
  Shown stores{std::to_string(factors.stored.size()) +
                   " blocks of a tile, codes and scale factor of each stored "
                   "once; tiles cover 'q' and 'sfq'; padding K blocks of real "
                   "rows become 0 once, padding rows " +
                   (padsRows ? "become 0 once" : "are not touched"),
               "M = 1, row 0, K block 0"};
  return std::pair(sources, stores);
}

} // namespace

FailureOr<std::pair<Shown, Shown>>
nybl::compiler::proveBlocksAndWrites(Proof &proof) {
  return QuantizeProver(proof).run();
}
