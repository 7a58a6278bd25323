// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One method for each op.

#include "tests/TileInterpreter/TileInterpreter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "tests/Oracle/Formats.h"

#include <cmath>
#include <cstring>
#include <map>

using namespace mlir;
using namespace nybl;
using namespace nybl::oracle;

namespace {

/// A loaded tile: element codes or scale bytes, row by row.
struct Bytes {
  int64_t rows = 0, columns = 0;
  std::vector<uint8_t> values;
  uint8_t at(int64_t row, int64_t column) const {
    return values[row * columns + column];
  }
};

class Interpreter {
public:
  Interpreter(tile::KernelOp kernel, const TileOperands &operands)
      : kernel(kernel), operands(operands), rows(operands.a.rows),
        columns(operands.b.rows), d(rows * columns), stored(d.size()) {}

  Expected<Grid<float>> run() {
    for (Operation &op : kernel.getBody().front())
      if (Status status = execute(op); !status)
        return status;
    for (int64_t i = 0; i < rows * columns; ++i)
      if (stored[i] != 1)
        return Status::refused("element " + std::to_string(i) +
                               " of d was stored " + std::to_string(stored[i]) +
                               " times");
    return Grid<float>{rows, columns, d};
  }

private:
  Status unknown(Operation &op) {
    return Status::invalid("the interpreter does not know '" +
                           op.getName().getStringRef().str() + "'");
  }

  std::string sourceOf(Value argument) {
    unsigned number = cast<BlockArgument>(argument).getArgNumber();
    return cast<StringAttr>((*kernel.getSources())[number]).getValue().str();
  }

  /// A size; M is the only one that is free.
  int64_t sizeOf(Attribute size) {
    return tile::constantSize(size).value_or(rows);
  }

  Status execute(Operation &op) {
    if (isa<tile::RequireOp, tile::YieldOp>(op))
      return Status::ok();
    if (auto param = dyn_cast<tile::ParamOp>(op))
      return integers[param] = sizeOf(param.getSize()), Status::ok();
    if (auto foreach = dyn_cast<tile::ForeachTileOp>(op))
      return executeForeach(foreach);
    if (auto zeros = dyn_cast<tile::ZerosOp>(op))
      return executeZeros(zeros);
    if (auto accumulate = dyn_cast<tile::AccumulateOp>(op))
      return executeAccumulate(accumulate);
    if (auto load = dyn_cast<tile::LoadOp>(op))
      return executeLoad(load);
    if (auto load = dyn_cast<tile::LoadScalesOp>(op))
      return executeLoadScales(load);
    if (auto dot = dyn_cast<tile::DotScaledOp>(op))
      return executeDot(dot);
    if (auto map = dyn_cast<tile::MapOp>(op))
      return executeMap(map);
    if (auto store = dyn_cast<tile::StoreOp>(op))
      return executeStore(store);
    return executeInteger(op);
  }

  Status executeBody(Block &body) {
    for (Operation &op : body)
      if (Status status = execute(op); !status)
        return status;
    return Status::ok();
  }

  Status executeForeach(tile::ForeachTileOp op) {
    int64_t stepM = sizeOf(op.getSteps()[0]), stepN = sizeOf(op.getSteps()[1]);
    for (int64_t m = 0; m < sizeOf(op.getExtents()[0]); m += stepM)
      for (int64_t n = 0; n < sizeOf(op.getExtents()[1]); n += stepN) {
        integers[op.getBody().getArgument(0)] = m;
        integers[op.getBody().getArgument(1)] = n;
        if (Status status = executeBody(op.getBody().front()); !status)
          return status;
      }
    return Status::ok();
  }

  Status executeZeros(tile::ZerosOp op) {
    auto sizes = op.getType().getSizes();
    accumulators[op].assign(sizeOf(sizes[0]) * sizeOf(sizes[1]), 0.0f);
    return Status::ok();
  }

  Status executeAccumulate(tile::AccumulateOp op) {
    Block &body = op.getBody().front();
    auto carried = body.getArguments().drop_front();
    for (auto [argument, init] : llvm::zip(carried, op.getInits()))
      accumulators[argument] = accumulators[init];
    for (int64_t k = 0; k < sizeOf(op.getExtent()); k += sizeOf(op.getStep())) {
      integers[body.getArgument(0)] = k;
      if (Status status = executeBody(body); !status)
        return status;
      for (auto [argument, value] :
           llvm::zip(carried, body.getTerminator()->getOperands()))
        accumulators[argument] = accumulators[value];
    }
    for (auto [result, argument] : llvm::zip(op.getResults(), carried))
      accumulators[result] = accumulators[argument];
    return Status::ok();
  }

  /// f(row, column) where the matrix has that element or block, else zero.
  template <typename F>
  Bytes gather(ArrayRef<Attribute> sizes, int64_t perColumn, int64_t row,
               int64_t column, int64_t rowsInside, int64_t columnsInside, F f) {
    Bytes tile{sizeOf(sizes[0]), sizeOf(sizes[1]) / perColumn, {}};
    for (int64_t r = 0; r < tile.rows; ++r)
      for (int64_t c = 0; c < tile.columns; ++c) {
        bool inside = row + r < rowsInside && column + c < columnsInside;
        tile.values.push_back(inside ? f(row + r, column + c) : 0);
      }
    return tile;
  }

  Status executeLoad(tile::LoadOp op) {
    const QuantizedMatrix &m =
        sourceOf(op.getMatrix()) == "a" ? operands.a : operands.b;
    tiles[op] = gather(op.getType().getSizes(), 1, integers[op.getRow()],
                       integers[op.getColumn()], m.rows, m.k,
                       [&](int64_t r, int64_t c) { return m.code(r, c); });
    return Status::ok();
  }

  Status executeLoadScales(tile::LoadScalesOp op) {
    const QuantizedMatrix &m =
        sourceOf(op.getScales()) == "sfa" ? operands.a : operands.b;
    tiles[op] =
        gather(op.getType().getSizes(), kBlock, integers[op.getRow()],
               integers[op.getColumn()] / kBlock, m.rows, m.blocks(),
               [&](int64_t r, int64_t block) { return m.scale(r, block); });
    return Status::ok();
  }

  Status executeDot(tile::DotScaledOp op) {
    const Bytes &a = tiles[op.getA()], &sa = tiles[op.getSa()];
    const Bytes &b = tiles[op.getB()], &sb = tiles[op.getSb()];
    std::vector<float> c = accumulators[op.getAcc()];
    for (int64_t m = 0; m < a.rows; ++m)
      for (int64_t n = 0; n < b.rows; ++n)
        for (int64_t step = 0; step < a.columns; step += 64) {
          Group groups[4];
          for (int64_t g = 0; g < 4; ++g) {
            for (int64_t i = 0; i < 16; ++i) {
              int64_t k = step + 16 * g + i;
              groups[g].quarterDot += static_cast<int32_t>(
                  4 * decodeE2m1(a.at(m, k)) * decodeE2m1(b.at(n, k)));
            }
            groups[g].scaleA = sa.at(m, step / 16 + g);
            groups[g].scaleB = sb.at(n, step / 16 + g);
          }
          float &sum = c[m * b.rows + n];
          sum = mmaSimStep(sum, groups);
        }
    accumulators[op.getResult()] = std::move(c);
    return Status::ok();
  }

  Status executeMap(tile::MapOp op) {
    auto sizes = op.getType().getSizes();
    int64_t count = sizeOf(sizes[0]) * sizeOf(sizes[1]);
    std::vector<float> result;
    for (int64_t i = 0; i < count; ++i) {
      for (auto [operand, argument] :
           llvm::zip(op.getOperands(), op.getBody().getArguments()))
        floats[argument] = isa<tile::AccType>(operand.getType())
                               ? accumulators[operand][i]
                               : operands.alpha;
      for (Operation &inner : op.getBody().front().without_terminator())
        if (Status status = executeFloat(inner); !status)
          return status;
      result.push_back(
          floats[op.getBody().front().getTerminator()->getOperand(0)]);
    }
    accumulators[op.getResult()] = std::move(result);
    return Status::ok();
  }

  Status executeFloat(Operation &op) {
    auto in = [&](unsigned i) { return floats[op.getOperand(i)]; };
    APFloat number(0.0f);
    float value = 0;
    if (matchPattern(&op, m_ConstantFloat(&number)))
      value = number.convertToFloat();
    else if (isa<arith::AddFOp>(op))
      value = in(0) + in(1);
    else if (isa<arith::SubFOp>(op))
      value = in(0) - in(1);
    else if (isa<arith::MulFOp>(op))
      value = in(0) * in(1);
    else if (isa<arith::DivFOp>(op))
      value = in(0) / in(1);
    else if (isa<arith::NegFOp>(op))
      value = -in(0);
    else if (isa<arith::MaxNumFOp>(op))
      value = std::fmax(in(0), in(1));
    else if (isa<arith::MinNumFOp>(op))
      value = std::fmin(in(0), in(1));
    else
      return unknown(op);
    floats[op.getResult(0)] = value;
    return Status::ok();
  }

  Status executeStore(tile::StoreOp op) {
    auto sizes = op.getValue().getType().getSizes();
    int64_t width = sizeOf(sizes[1]);
    const std::vector<float> &value = accumulators[op.getValue()];
    for (int64_t i = 0; i < static_cast<int64_t>(value.size()); ++i) {
      int64_t row = integers[op.getRow()] + i / width;
      int64_t column = integers[op.getColumn()] + i % width;
      if (row >= rows || column >= columns)
        continue;
      d[row * columns + column] = value[i];
      ++stored[row * columns + column];
    }
    return Status::ok();
  }

  Status executeInteger(Operation &op) {
    APInt number;
    if (matchPattern(&op, m_ConstantInt(&number)))
      return integers[op.getResult(0)] = number.getSExtValue(), Status::ok();
    auto in = [&](unsigned i) { return integers[op.getOperand(i)]; };
    if (isa<arith::AddIOp>(op))
      return integers[op.getResult(0)] = in(0) + in(1), Status::ok();
    if (isa<arith::MulIOp>(op))
      return integers[op.getResult(0)] = in(0) * in(1), Status::ok();
    return unknown(op);
  }

  tile::KernelOp kernel;
  const TileOperands &operands;
  int64_t rows, columns;
  std::vector<float> d;
  std::vector<int> stored; ///< how often each element was
  llvm::DenseMap<Value, int64_t> integers;
  llvm::DenseMap<Value, float> floats;
  llvm::DenseMap<Value, Bytes> tiles;
  llvm::DenseMap<Value, std::vector<float>> accumulators;
};

} // namespace

Expected<GemmOutput> nybl::oracle::interpretTile(tile::KernelOp kernel,
                                                 const TileOperands &operands,
                                                 OutputType type) {
  if (!kernel.getSources())
    return Status::invalid("expected an instance of a template");
  Expected<Grid<float>> d = Interpreter(kernel, operands).run();
  if (!d)
    return d.status();
  return finish(*d, 1.0f, type);
}
