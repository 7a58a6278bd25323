// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One method for each op.

#include "tests/TileInterpreter/TileQuantizer.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/OwningOpRef.h"
#include "tests/TileInterpreter/TileScalars.h"

#include <fmt/format.h>

using namespace mlir;
using namespace nybl;
using namespace nybl::oracle;

namespace {

/// Runs a kernel whose sizes are all numbers.
class Quantizer {
public:
  Quantizer(std::span<const float> x, int64_t rows, int64_t k,
            EncodeScale encode)
      : x(x), rows(rows), k(k), encode(encode), q(rows, k),
        codesStored(q.scales.size()), scalesStored(q.scales.size()) {}

  Expected<QuantizedMatrix> run(tile::KernelOp kernel) {
    if (Status status = executeBody(kernel.getBody().front()); !status)
      return status;
    for (size_t i = 0; i < q.scales.size(); ++i)
      if (codesStored[i] != 1 || scalesStored[i] != 1)
        return Status::refused(fmt::format(
            "expected codes and scale factor of each block to be stored once, "
            "got {} and {} stores of block {}",
            codesStored[i], scalesStored[i], i));
    return q;
  }

private:
  static int64_t sizeOf(Attribute size) { return *tile::constantSize(size); }

  Status executeBody(Block &body) {
    for (Operation &op : body)
      if (Status status = execute(op); !status)
        return status;
    return Status::ok();
  }

  Status execute(Operation &op) {
    if (isa<tile::RequireOp>(op))
      return Status::ok();
    if (auto param = dyn_cast<tile::ParamOp>(op))
      return scalars.setInteger(param, sizeOf(param.getSize())), Status::ok();
    if (auto foreach = dyn_cast<tile::ForeachTileOp>(op))
      return executeForeach(foreach);
    if (auto load = dyn_cast<tile::LoadElementsOp>(op))
      return executeLoad(load);
    if (auto silu = dyn_cast<tile::SiluMulOp>(op))
      return executeSiluMul(silu);
    if (isa<tile::AmaxOp>(op)) // the oracle's formula has its own
      return Status::ok();
    if (auto quantize = dyn_cast<tile::QuantizeOp>(op))
      return executeQuantize(quantize);
    if (auto store = dyn_cast<tile::StoreCodesOp>(op))
      return executeStore(store.getCodes(), store.getRow(), store.getColumn(),
                          /*scales=*/false);
    if (auto store = dyn_cast<tile::StoreScalesOp>(op))
      return executeStore(store.getValues(), store.getRow(), store.getColumn(),
                          /*scales=*/true);
    return scalars.execute(op);
  }

  Status executeForeach(tile::ForeachTileOp op) {
    Block &body = op.getBody().front();
    int64_t stepM = sizeOf(op.getSteps()[0]), stepK = sizeOf(op.getSteps()[1]);
    for (int64_t m = 0; m < sizeOf(op.getExtents()[0]); m += stepM)
      for (int64_t c = 0; c < sizeOf(op.getExtents()[1]); c += stepK) {
        scalars.setInteger(body.getArgument(0), m);
        scalars.setInteger(body.getArgument(1), c);
        if (Status status = executeBody(body); !status)
          return status;
      }
    return Status::ok();
  }

  Status executeLoad(tile::LoadElementsOp op) {
    int64_t row = scalars.integer(op.getRow());
    int64_t column = scalars.integer(op.getColumn());
    int64_t height = sizeOf(op.getType().getSizes()[0]);
    int64_t width = sizeOf(op.getType().getSizes()[1]);
    std::vector<float> &tile = tiles[op];
    tile.clear();
    for (int64_t r = row; r < row + height; ++r)
      for (int64_t c = column; c < column + width; ++c)
        tile.push_back(r < rows && c < k ? element(op, r, c) : 0);
    return Status::ok();
  }

  /// Of x, or of one half of its columns.
  float element(tile::LoadElementsOp op, int64_t row, int64_t column) {
    auto columns = static_cast<int64_t>(x.size()) / rows;
    return x[row * columns + op.getHalf().value_or(0) * k + column];
  }

  /// x is f32, so nothing is rounded at the end.
  Status executeSiluMul(tile::SiluMulOp op) {
    if (sizeOf(op.getFast()) != 0)
      return Status::invalid("expected tile.silu_mul that is not fast");
    std::vector<float> made;
    for (auto [gate, up] :
         llvm::zip_equal(tiles[op.getGate()], tiles[op.getUp()]))
      made.push_back(siluMul(gate, up));
    tiles[op] = std::move(made);
    return Status::ok();
  }

  /// The tile as a matrix of its own.
  Status executeQuantize(tile::QuantizeOp op) {
    auto amax = op.getAmax().getDefiningOp<tile::AmaxOp>();
    if (sizeOf(op.getFast()) != 0 || !amax || amax.getValue() != op.getValue())
      return Status::invalid("expected tile.quantize with the amax of its own "
                             "tile, and not fast");
    auto sizes = op.getValue().getType().getSizes();
    auto result = quantize(tiles[op.getValue()], sizeOf(sizes[0]),
                           sizeOf(sizes[1]), encode);
    if (!result)
      return result.status();
    made.insert_or_assign(op.getCodes(), result->matrix);
    made.insert_or_assign(op.getScales(), result->matrix);
    return Status::ok();
  }

  Status executeStore(Value value, Value row, Value column, bool isScales) {
    const QuantizedMatrix &tile = made.find(value)->second;
    int64_t firstRow = scalars.integer(row);
    int64_t firstColumn = scalars.integer(column);
    for (int64_t r = 0; r < tile.rows; ++r)
      for (int64_t c = 0; c < tile.k; ++c) {
        int64_t toRow = firstRow + r, toColumn = firstColumn + c;
        if (toRow >= rows || toColumn >= k)
          continue;
        int64_t block = toRow * q.blocks() + toColumn / kScaleBlock;
        if (isScales)
          q.setScale(toRow, toColumn / kScaleBlock,
                     tile.scale(r, c / kScaleBlock));
        else
          q.setCode(toRow, toColumn, tile.code(r, c));
        (isScales ? scalesStored : codesStored)[block] += c % kScaleBlock == 0;
      }
    return Status::ok();
  }

  std::span<const float> x;
  int64_t rows, k;
  EncodeScale encode;
  QuantizedMatrix q;
  std::vector<int> codesStored, scalesStored; ///< by block
  TileScalars scalars;
  llvm::DenseMap<Value, std::vector<float>> tiles;
  llvm::DenseMap<Value, QuantizedMatrix> made;
};

void bindRows(tile::KernelOp kernel, int64_t rows) {
  AttrTypeReplacer replacer;
  replacer.addReplacement([&](tile::NameAttr name) -> Attribute {
    return IntegerAttr::get(IntegerType::get(name.getContext(), 64), rows);
  });
  replacer.recursivelyReplaceElementsIn(kernel, /*replaceAttrs=*/true,
                                        /*replaceLocs=*/false,
                                        /*replaceTypes=*/true);
}

} // namespace

Expected<QuantizedMatrix>
nybl::oracle::interpretQuantize(tile::KernelOp kernel, std::span<const float> x,
                                int64_t rows, int64_t k, EncodeScale encode) {
  if (!kernel.getSources())
    return Status::invalid("expected an instance of a template");
  OwningOpRef<tile::KernelOp> bound(kernel.clone());
  bindRows(*bound, rows);
  return Quantizer(x, rows, k, encode).run(*bound);
}
