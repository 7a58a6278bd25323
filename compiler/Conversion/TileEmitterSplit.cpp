// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tiles whose K steps are shared by several parts: which steps a part walks
// over, and how the parts' accumulators become one.

#include "compiler/Conversion/TileEmitter.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

/// All parts walk over equally many: loops run a constant number of times.
FailureOr<int64_t> TileEmitter::stepsOfPart(tile::AccumulateOp op,
                                            int64_t steps) {
  if (split == 1 || (steps > 0 && steps % split == 0))
    return steps / split;
  return op.emitOpError("expected K steps that split=")
         << split << " divides, got " << steps
         << "; use another split, or another K step";
}

/// Part p walks over steps p * count .. (p + 1) * count - 1 of the tile's.
void TileEmitter::enterStep(tile::AccumulateOp op, Index step) {
  Index first = step;
  if (part)
    first = *part * *stepsOf(op) + step;
  mapping.map(op.getBody().getArgument(0), (first * tileK).value());
}

/// From here on everything is for the last part alone, and accumulators are
/// whole sums.
LogicalResult TileEmitter::sumParts() {
  tile::AccumulateOp op = std::exchange(accumulated, {});
  if (!llvm::hasSingleElement(op->getBlock()->getOps<tile::AccumulateOp>()))
    return op.emitOpError("expected one tile.accumulate in a tile where split=")
           << split << ": its parts are added up once";
  Fragments values;
  for (Value result : op.getResults())
    llvm::append_range(values, fragments.lookup(result));
  BlockArgument workspace = kernel.argumentFor("workspace");
  auto type = cast<cta::WorkspaceType>(workspace.getType());
  if (int64_t(values.size()) != type.getRegisters())
    return op.emitOpError("expected ")
           << type.getRegisters() << " registers of accumulators, got "
           << values.size();
  auto sum = cta::SumPartsOp::create(builder, op.getLoc(), values, *tileIndex,
                                     *part, *thread, workspace);
  Block *body = builder.createBlock(&sum.getBody());
  for (Value value : values)
    body->addArgument(value.getType(), op.getLoc());
  bindAccumulators(op.getResults(), body->getArguments());
  return success();
}
