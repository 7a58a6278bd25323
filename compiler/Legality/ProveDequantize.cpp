// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// L2 and L4 of kernels that make elements of a block-scaled tensor. What a
// thread stores is followed back through arithmetic to codes and scale factors,
// as far as their loads: that all of it is of one row and column is an equality
// of expressions, as in ProveQuantize.

#include "compiler/Legality/Prove.h"
#include "compiler/Legality/QuantizeTrial.h"
#include "compiler/Legality/ScaleFactor.h"
#include "compiler/Legality/TileCover.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "runtime/Abi/Problem.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace {

/// Of a block that was made elements of.
struct BlockPlace {
  AffineExpr row, block;
};

class DequantizeProver {
public:
  explicit DequantizeProver(Proof &proof)
      : proof(proof), slicer(proof.slicer), kernel(proof.kernel) {}
  FailureOr<std::pair<Shown, Shown>> run();

private:
  LogicalResult findOperands();
  LogicalResult collect();
  LogicalResult findSources(cta::StoreElementsOp store, Value value,
                            SmallVectorImpl<Value> &sources);
  SmallVector<LessThan> realGuard(const BlockPlace &place);
  FailureOr<BlockPlace> placeOf(cta::DequantizeOp op, const BlockWrite &write);
  FailureOr<BlockPlace> factorPlace(cta::LoadScaleOp load);
  LogicalResult proveCodes(cta::LoadOp load, const BlockPlace &place,
                           const BlockWrite &write);
  LogicalResult prove(cta::StoreElementsOp store);
  LogicalResult proveElement(BlockWrite &write, Value source, int64_t number);
  LogicalResult tabulate(const BlockWrite &write, int64_t part);
  LogicalResult refuteTwice(const BlockWrite &write, int64_t row, int64_t block,
                            int64_t thread);
  LogicalResult proveTable();

  Proof &proof;
  Slicer &slicer;
  cta::KernelOp kernel;
  AffineExpr rows; ///< M, or a number
  int64_t blocks = 0, elementBytes = 0;
  SmallVector<cta::StoreElementsOp> stores;
  AffineExpr rowBase, blockBase;
  /// Of a tile: which 16 bytes of each block are stored, a bit for each.
  std::map<std::pair<int64_t, int64_t>, unsigned> stored;
  size_t elements = 0;
};

LogicalResult DequantizeProver::findOperands() {
  auto q = kernel.argumentFor("q"), sfq = kernel.argumentFor("sfq");
  auto y = kernel.argumentFor("y");
  auto qType = q ? dyn_cast<cta::MatrixType>(q.getType()) : cta::MatrixType();
  auto yType = dyn_cast<cta::MatrixType>(y.getType());
  auto type =
      sfq ? dyn_cast<cta::ScalesType>(sfq.getType()) : cta::ScalesType();
  if (!qType || !yType || !type || qType.getRows() != type.getRows() ||
      yType.getRows() != type.getRows() ||
      qType.getRowBytes() != type.getBlocks() * kBlock / 2 ||
      yType.getRowBytes() % (type.getBlocks() * kBlock) != 0)
    return kernel.emitOpError("not proven: expected operands q, sfq and y of "
                              "the same rows and K blocks");
  blocks = type.getBlocks();
  rows = slicer.rowsOf(sfq);
  elementBytes = yType.getRowBytes() / (blocks * kBlock);
  return success();
}

LogicalResult DequantizeProver::collect() {
  WalkResult result = kernel.walk([&](cta::GlobalAccess access) -> WalkResult {
    if (!access.isWrite())
      return success();
    auto store = dyn_cast<cta::StoreElementsOp>(access.getOperation());
    if (!store ||
        int64_t(store.getElement().getIntOrFloatBitWidth()) != 8 * elementBytes)
      return access.emitError(
          "not proven: expected elements of 'y' as all that "
          "is stored");
    if (!isa<cta::TileRangeOp>(store->getParentOp()))
      return access.emitError("not proven: expected stores in a tile, outside "
                              "loops and roles");
    stores.push_back(store);
    return success();
  });
  return failure(result.wasInterrupted());
}

//===----------------------------------------------------------------------===//
// L2
//===----------------------------------------------------------------------===//

/// The results of cta.dequantize that a value is made of.
LogicalResult DequantizeProver::findSources(cta::StoreElementsOp store,
                                            Value value,
                                            SmallVectorImpl<Value> &sources) {
  SmallVector<Value> pending{value};
  llvm::DenseSet<Value> seen{value};
  while (!pending.empty()) {
    Value next = pending.pop_back_val();
    Operation *op = next.getDefiningOp();
    if (isa_and_present<cta::DequantizeOp>(op))
      sources.push_back(next);
    else if (op && isa<arith::ArithDialect>(op->getDialect()))
      for (Value operand : op->getOperands()) {
        if (seen.insert(operand).second)
          pending.push_back(operand);
      }
    else if (op && !isa<cta::LoadScalarOp>(op))
      return store.emitError("not proven: expected what is stored to be made "
                             "of codes, scale factors and scalars alone");
  }
  if (sources.empty())
    return store.emitError("not proven: expected what is stored to be made of "
                           "a block of 'q'");
  return success();
}

SmallVector<LessThan> DequantizeProver::realGuard(const BlockPlace &place) {
  return {{place.row, rows}, {place.block, slicer.constant(blocks)}};
}

FailureOr<BlockPlace> DequantizeProver::factorPlace(cta::LoadScaleOp load) {
  FailureOr<Domain> domain = slicer.domain(load, load.getGuard());
  FailureOr<Offset> offset = slicer.offset(load.getOffset());
  if (failed(domain) || failed(offset))
    return failure();
  FailureOr<ScaleFactor> factor =
      nameScale(load, load.getBase(), *offset, *domain, slicer);
  if (failed(factor))
    return failure();
  BlockPlace place{factor->row, factor->block};
  if (isSameGuard(slicer, domain->guard, realGuard(place)))
    return place;
  return load.emitError("not proven: expected a load wherever row and K block "
                        "are real, and nowhere else");
}

LogicalResult DequantizeProver::proveCodes(cta::LoadOp load,
                                           const BlockPlace &place,
                                           const BlockWrite &write) {
  FailureOr<Offset> offset = slicer.offset(load.getOffset());
  FailureOr<SmallVector<LessThan>> guard = slicer.guard(load.getGuard());
  if (failed(offset) || failed(guard))
    return failure();
  AffineExpr byte = place.block * (kBlock / 2);
  if (isSame(slicer, offset->factor, place.row) &&
      isSame(slicer, offset->plain, byte)) {
    if (isSameGuard(slicer, *guard, realGuard(place)))
      return success();
    return load.emitError("not proven: expected a load wherever row and K "
                          "block are real, and nowhere else");
  }
  // Two codes a byte; the factor's block begins at this column.
  if (failed(tryOutPlace(slicer, write, {offset->factor, place.row},
                         {offset->plain * 2, place.block * kBlock},
                         /*elementBytes=*/1, {"q", "y"})))
    return failure();
  return load.emitError("not proven: expected the codes of the row and the K "
                        "block that their scale factor is of");
}

/// Codes and scale factor are of one block.
FailureOr<BlockPlace> DequantizeProver::placeOf(cta::DequantizeOp op,
                                                const BlockWrite &write) {
  auto codes = op.getCodes().getDefiningOp<cta::LoadOp>();
  auto factor = op.getScale().getDefiningOp<cta::LoadScaleOp>();
  if (!codes || codes.getBase() != kernel.argumentFor("q") || !factor ||
      factor.getBase() != kernel.argumentFor("sfq"))
    return op.emitError("not proven: expected codes of 'q' and a scale factor "
                        "of 'sfq', as they were loaded");
  FailureOr<BlockPlace> place = factorPlace(factor);
  if (failed(place) || failed(proveCodes(codes, *place, write)))
    return failure();
  return place;
}

/// Element `number` of a store is made of what lies there in 'q'.
LogicalResult DequantizeProver::proveElement(BlockWrite &write, Value source,
                                             int64_t number) {
  auto op = source.getDefiningOp<cta::DequantizeOp>();
  FailureOr<BlockPlace> place = placeOf(op, write);
  if (failed(place))
    return failure();
  int64_t code = cast<OpResult>(source).getResultNumber();
  AffineExpr made = (place->block * kBlock + code) * elementBytes;
  AffineExpr at = write.byte + number * elementBytes;
  if (isSame(slicer, place->row, write.row) && isSame(slicer, made, at)) {
    write.block = place->block;
    if (isSameGuard(slicer, write.guard, realGuard(*place)))
      return success();
    return write.op->emitError("not proven: expected the guard of a store to "
                               "say exactly that row and K block are real");
  }
  if (failed(tryOutPlace(slicer, write, {place->row, write.row}, {made, at},
                         elementBytes, {"q", "y"})))
    return failure();
  return write.op->emitError("not proven: expected the row and the column of a "
                             "store to be those of its codes");
}

LogicalResult DequantizeProver::prove(cta::StoreElementsOp store) {
  FailureOr<Offset> offset = slicer.offset(store.getOffset());
  FailureOr<SmallVector<LessThan>> guard = slicer.guard(store.getGuard());
  if (failed(offset) || failed(guard))
    return failure();
  BlockWrite write{store, BlockWrite::Elements, offset->factor,
                   {},    offset->plain,        *guard};
  SmallVector<Value> first;
  for (auto [number, value] : llvm::enumerate(store.getValues())) {
    SmallVector<Value> sources;
    if (failed(findSources(store, value, sources)))
      return failure();
    for (Value source : sources)
      if (failed(proveElement(write, source, int64_t(number))))
        return failure();
    if (number == 0)
      first = std::move(sources);
  }
  elements += store.getValues().size();
  int64_t code = cast<OpResult>(first.front()).getResultNumber();
  return tabulate(write, code * elementBytes / 16);
}

//===----------------------------------------------------------------------===//
// L4
//===----------------------------------------------------------------------===//

/// Thread `thread` is the second to store 16 bytes of a block of the first
/// tile.
LogicalResult DequantizeProver::refuteTwice(const BlockWrite &write,
                                            int64_t row, int64_t block,
                                            int64_t thread) {
  Sample first;
  for (unsigned leaf = 0; leaf < slicer.leaves().size(); ++leaf)
    first[leaf] = 0;
  row += evaluate(rowBase, first);
  block += evaluate(blockBase, first);
  if (block >= blocks)
    return write.op->emitError("not proven: expected each element of a tile to "
                               "be stored once");
  Counterexample example;
  example.lemma = "L4";
  example.operand = "y";
  example.rows = row + 1;
  example.tile = 0;
  example.thread = thread;
  InFlightDiagnostic error = write.op->emitError("refuted: with M = ");
  markRefuted(error, example);
  return error << row + 1 << ", tile = 0, thread = " << thread
               << " this stores row " << row << ", K block " << block
               << " of 'y' a second time";
}

LogicalResult DequantizeProver::tabulate(const BlockWrite &write,
                                         int64_t part) {
  std::optional<Split> row = proof.threads.split(write.row);
  std::optional<Split> block = proof.threads.split(write.block);
  if (!row || !block ||
      (rowBase && (!isSame(slicer, row->base, rowBase) ||
                   !isSame(slicer, block->base, blockBase))))
    return write.op->emitError("not proven: expected row and K block of a "
                               "store to be sums of a part of the thread's and "
                               "a part of the tile's, this one the same for "
                               "all stores");
  rowBase = row->base;
  blockBase = block->base;
  ArrayRef<int64_t> rowsOf = proof.threads.of(row->local);
  for (int64_t thread = 0; thread < threadsAt(write.op); ++thread) {
    int64_t r = rowsOf[thread], b = proof.threads.of(block->local)[thread];
    unsigned &parts = stored[{r, b}];
    if (parts & 1u << part)
      return refuteTwice(write, r, b, thread);
    parts |= 1u << part;
  }
  return success();
}

/// A whole rectangle, and tiles that cover 'y' with it.
LogicalResult DequantizeProver::proveTable() {
  int64_t height = 0, width = 0;
  unsigned all = (1u << kBlock * elementBytes / 16) - 1;
  bool isWhole = true;
  for (auto &[place, parts] : stored) {
    height = std::max(height, place.first + 1);
    width = std::max(width, place.second + 1);
    isWhole &= parts == all;
  }
  if (!isWhole || int64_t(stored.size()) != height * width)
    return kernel.emitOpError("not proven: expected all elements of every "
                              "block of a tile to be stored");
  auto range = cast<cta::TileRangeOp>(stores.front()->getParentOp());
  if (range.getParts() != 1)
    return range.emitError("not proven: expected tiles in one part: every part "
                           "would store all elements of its tile");
  return proveTiles(range, "y", rows, slicer.constant(blocks),
                    {rowBase, blockBase, height, width}, proof);
}

FailureOr<std::pair<Shown, Shown>> DequantizeProver::run() {
  if (failed(findOperands()) || failed(collect()))
    return failure();
  if (stores.empty())
    return kernel.emitOpError("not proven: expected stores of elements");
  for (cta::StoreElementsOp store : stores)
    if (failed(prove(store)))
      return failure();
  if (failed(proveTable()))
    return failure();
  Shown sources{std::to_string(elements) +
                    " elements of what each thread stores, each made of the "
                    "code and the scale factor of its own row and column",
                "tile = 0, thread = 0, element 0 of the first store"};
  Shown writes{std::to_string(stored.size()) +
                   " blocks of a tile, each element stored once; tiles cover "
                   "'y'; nothing else is stored",
               "M = 1, row 0, K block 0"};
  return std::pair(sources, writes);
}

} // namespace

FailureOr<std::pair<Shown, Shown>>
nybl::compiler::proveElementsAndWrites(Proof &proof) {
  return DequantizeProver(proof).run();
}
