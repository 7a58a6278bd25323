// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One method for each op.

#include "tests/TileInterpreter/TileInterpreter.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/OwningOpRef.h"
#include "tests/Oracle/Formats.h"
#include "tests/TileInterpreter/TileScalars.h"

#include <cmath>
#include <fmt/format.h>
#include <limits>

using namespace mlir;
using namespace nybl;
using namespace nybl::oracle;

namespace {

/// A loaded tile: element codes or scale bytes, row by row; zero past its end,
/// as the last step of K is padded.
struct Bytes {
  int64_t rows = 0, columns = 0;
  std::vector<uint8_t> values;
  uint8_t at(int64_t row, int64_t column) const {
    return column < columns ? values[row * columns + column] : 0;
  }
};

/// One step of K on one accumulator; NaN scales and accumulators that are not
/// finite are outside the model of the multiply and stay what they are.
float multiplyStep(float c, const Bytes &a, const Bytes &sa, int64_t m,
                   const Bytes &b, const Bytes &sb, int64_t n, int64_t first) {
  Group groups[4];
  for (int64_t g = 0; g < 4; ++g) {
    int64_t column = first + 16 * g;
    for (int64_t k = column; k < column + 16; ++k)
      groups[g].quarterDot += static_cast<int32_t>(4 * decodeE2m1(a.at(m, k)) *
                                                   decodeE2m1(b.at(n, k)));
    uint8_t scaleA = sa.at(m, column / 16), scaleB = sb.at(n, column / 16);
    if (isNanScale(scaleA) || isNanScale(scaleB))
      return std::numeric_limits<float>::quiet_NaN();
    groups[g].scaleA = scaleA & 0x7f; // the sign bit is ignored
    groups[g].scaleB = scaleB & 0x7f;
  }
  return std::isfinite(c) ? mmaSimStep(c, groups) : c;
}

/// The type of the argument that is an operand of the problem, or null.
template <typename T>
T typeOf(tile::KernelOp kernel, StringRef source) {
  for (auto [argument, name] :
       llvm::zip(kernel.getBody().getArguments(), *kernel.getSources()))
    if (cast<StringAttr>(name).getValue() == source)
      return dyn_cast<T>(argument.getType());
  return {};
}

/// Whether it makes elements, y, of what was quantised.
bool makesElements(tile::KernelOp kernel) {
  return bool(typeOf<tile::MatrixType>(kernel, "y"));
}

/// Of the output.
int64_t columnsOf(tile::KernelOp kernel, const TileOperands &operands) {
  return makesElements(kernel) ? operands.a.k : operands.b.rows;
}

/// Runs a kernel whose sizes are all numbers.
class Interpreter {
public:
  Interpreter(tile::KernelOp kernel, const TileOperands &operands)
      : kernel(kernel), operands(operands), rows(operands.a.rows),
        columns(columnsOf(kernel, operands)), d(rows * columns),
        stored(d.size()) {}

  Expected<Grid<float>> run() {
    for (BlockArgument argument : kernel.getBody().getArguments())
      if (isa<tile::ScalarType>(argument.getType()))
        scalars.setFloat(argument, operands.alpha);
    if (Status status = executeBody(kernel.getBody().front()); !status)
      return status;
    for (int64_t i = 0; i < rows * columns; ++i)
      if (stored[i] != 1)
        return Status::refused(fmt::format(
            "expected the template to store each element of d once, got {} "
            "stores of row {}, column {}",
            stored[i], i / columns, i % columns));
    return Grid<float>{rows, columns, d};
  }

private:
  Status executeBody(Block &body) {
    for (Operation &op : body)
      if (Status status = execute(op); !status)
        return status;
    return Status::ok();
  }

  Status execute(Operation &op) {
    if (isa<tile::RequireOp, tile::YieldOp>(op))
      return Status::ok();
    if (auto param = dyn_cast<tile::ParamOp>(op))
      return scalars.setInteger(param, sizeOf(param.getSize())), Status::ok();
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
    if (auto dequantize = dyn_cast<tile::DequantizeOp>(op))
      return executeDequantize(dequantize);
    if (auto map = dyn_cast<tile::MapOp>(op))
      return executeMap(map);
    if (auto store = dyn_cast<tile::StoreOp>(op))
      return executeStore(store);
    return scalars.execute(op);
  }

  static int64_t sizeOf(Attribute size) { return *tile::constantSize(size); }

  std::string sourceOf(Value argument) {
    unsigned number = cast<BlockArgument>(argument).getArgNumber();
    return cast<StringAttr>((*kernel.getSources())[number]).getValue().str();
  }

  //===--------------------------------------------------------------------===//
  // Structure
  //===--------------------------------------------------------------------===//

  Status executeForeach(tile::ForeachTileOp op) {
    Block &body = op.getBody().front();
    int64_t stepM = sizeOf(op.getSteps()[0]), stepN = sizeOf(op.getSteps()[1]);
    for (int64_t m = 0; m < sizeOf(op.getExtents()[0]); m += stepM)
      for (int64_t n = 0; n < sizeOf(op.getExtents()[1]); n += stepN) {
        scalars.setInteger(body.getArgument(0), m);
        scalars.setInteger(body.getArgument(1), n);
        if (Status status = executeBody(body); !status)
          return status;
      }
    return Status::ok();
  }

  Status executeZeros(tile::ZerosOp op) {
    auto sizes = op.getType().getSizes();
    accumulators[op].assign(sizeOf(sizes[0]) * sizeOf(sizes[1]), 0.0f);
    return Status::ok();
  }

  /// All at once: a yield may hand its accumulators on in another order.
  void assign(ValueRange targets, ValueRange values) {
    std::vector<std::vector<float>> copies;
    for (Value value : values)
      copies.push_back(accumulators.lookup(value));
    for (auto [target, copy] : llvm::zip(targets, copies))
      accumulators[target] = std::move(copy);
  }

  Status executeAccumulate(tile::AccumulateOp op) {
    Block &body = op.getBody().front();
    ValueRange carried = body.getArguments().drop_front();
    assign(carried, op.getInits());
    for (int64_t k = 0; k < sizeOf(op.getExtent()); k += sizeOf(op.getStep())) {
      scalars.setInteger(body.getArgument(0), k);
      if (Status status = executeBody(body); !status)
        return status;
      assign(carried, body.getTerminator()->getOperands());
    }
    assign(op.getResults(), carried);
    return Status::ok();
  }

  //===--------------------------------------------------------------------===//
  // Load
  //===--------------------------------------------------------------------===//

  /// The operand that is loaded, or the reason why this is not one of its kind.
  Expected<const QuantizedMatrix *> operand(Value argument,
                                            ArrayRef<Attribute> sizes) {
    std::string source = sourceOf(argument);
    bool isA =
        source == "a" || source == "sfa" || source == "q" || source == "sfq";
    if (!isA && source != "b" && source != "sfb")
      return Status::invalid("expected a load of a or b or of their scales, "
                             "got one of '" +
                             source + "'");
    const QuantizedMatrix &m = isA ? operands.a : operands.b;
    if (sizeOf(sizes[0]) != m.rows || sizeOf(sizes[1]) != m.k)
      return Status::invalid(fmt::format(
          "expected operand {} of the kernel's size {} x {}, got {} x {}",
          source, sizeOf(sizes[0]), sizeOf(sizes[1]), m.rows, m.k));
    return &m;
  }

  /// f(row, column) where the matrix has that element or block, else zero.
  template <typename F>
  static Bytes gather(int64_t height, int64_t width, int64_t row,
                      int64_t column, int64_t rowsInside, int64_t columnsInside,
                      F f) {
    Bytes tile{height, width, {}};
    for (int64_t r = row; r < row + height; ++r)
      for (int64_t c = column; c < column + width; ++c)
        tile.values.push_back(r < rowsInside && c < columnsInside ? f(r, c)
                                                                  : 0);
    return tile;
  }

  /// The multiply works on whole K blocks; so a tile starts and ends with one.
  Status checkCorner(Operation *op, int64_t row, int64_t column,
                     int64_t width) {
    if (row >= 0 && column >= 0 && column % kBlock == 0 && width % kBlock == 0)
      return Status::ok();
    return Status::invalid(fmt::format(
        "expected {} at a row and column >= 0, of whole K blocks of {}, got "
        "row {}, column {}, {} columns",
        op->getName().getStringRef().str(), kBlock, row, column, width));
  }

  Status executeLoad(tile::LoadOp op) {
    auto m = operand(op.getMatrix(), op.getMatrix().getType().getSizes());
    if (!m)
      return m.status();
    auto sizes = op.getType().getSizes();
    int64_t row = scalars.integer(op.getRow()), width = sizeOf(sizes[1]);
    int64_t column = scalars.integer(op.getColumn());
    if (Status status = checkCorner(op, row, column, width); !status)
      return status;
    tiles[op] =
        gather(sizeOf(sizes[0]), width, row, column, (*m)->rows, (*m)->k,
               [&](int64_t r, int64_t c) { return (*m)->code(r, c); });
    return Status::ok();
  }

  Status executeLoadScales(tile::LoadScalesOp op) {
    auto m = operand(op.getScales(), op.getScales().getType().getSizes());
    if (!m)
      return m.status();
    auto sizes = op.getType().getSizes();
    int64_t row = scalars.integer(op.getRow()), width = sizeOf(sizes[1]);
    int64_t column = scalars.integer(op.getColumn());
    if (Status status = checkCorner(op, row, column, width); !status)
      return status;
    tiles[op] = gather(sizeOf(sizes[0]), width / kBlock, row, column / kBlock,
                       (*m)->rows, (*m)->blocks(),
                       [&](int64_t r, int64_t c) { return (*m)->scale(r, c); });
    return Status::ok();
  }

  //===--------------------------------------------------------------------===//
  // Dot, Elementwise, Store
  //===--------------------------------------------------------------------===//

  Status executeDot(tile::DotScaledOp op) {
    const Bytes a = tiles.lookup(op.getA()), sa = tiles.lookup(op.getSa());
    const Bytes b = tiles.lookup(op.getB()), sb = tiles.lookup(op.getSb());
    std::vector<float> sums = accumulators.lookup(op.getAcc());
    for (int64_t m = 0; m < a.rows; ++m)
      for (int64_t n = 0; n < b.rows; ++n)
        for (int64_t k = 0; k < a.columns; k += 64) {
          float &sum = sums[m * b.rows + n];
          sum = multiplyStep(sum, a, sa, m, b, sb, n, k);
        }
    accumulators[op] = std::move(sums);
    return Status::ok();
  }

  Status executeDequantize(tile::DequantizeOp op) {
    const Bytes q = tiles.lookup(op.getCodes());
    const Bytes factors = tiles.lookup(op.getScales());
    std::vector<float> elements;
    for (int64_t row = 0; row < q.rows; ++row)
      for (int64_t column = 0; column < q.columns; ++column)
        elements.push_back(decodeE2m1(q.at(row, column)) *
                           decodeUe4m3(factors.at(row, column / kBlock)));
    accumulators[op] = std::move(elements);
    return Status::ok();
  }

  Status executeMap(tile::MapOp op) {
    auto sizes = op.getType().getSizes();
    int64_t count = sizeOf(sizes[0]) * sizeOf(sizes[1]);
    Block &body = op.getBody().front();
    std::vector<float> result;
    for (int64_t i = 0; i < count; ++i) {
      for (auto [operand, element] :
           llvm::zip(op.getOperands(), body.getArguments()))
        scalars.setFloat(element, isa<tile::AccType>(operand.getType())
                                      ? accumulators[operand][i]
                                      : scalars.number(operand));
      if (Status status = executeBody(body); !status)
        return status;
      result.push_back(scalars.number(body.getTerminator()->getOperand(0)));
    }
    accumulators[op] = std::move(result);
    return Status::ok();
  }

  Status executeStore(tile::StoreOp op) {
    if (std::string target = sourceOf(op.getMatrix());
        target != "d" && target != "y")
      return Status::invalid("expected a store to d, got one to '" + target +
                             "'");
    int64_t firstRow = scalars.integer(op.getRow());
    int64_t firstColumn = scalars.integer(op.getColumn());
    if (firstRow < 0 || firstColumn < 0)
      return Status::invalid(fmt::format(
          "expected a store at a row and column >= 0, got row {}, column {}",
          firstRow, firstColumn));
    int64_t width = sizeOf(op.getValue().getType().getSizes()[1]);
    const std::vector<float> &value = accumulators[op.getValue()];
    for (int64_t i = 0; i < static_cast<int64_t>(value.size()); ++i) {
      int64_t row = firstRow + i / width, column = firstColumn + i % width;
      if (row >= rows || column >= columns)
        continue;
      d[row * columns + column] = value[i];
      ++stored[row * columns + column];
    }
    return Status::ok();
  }

  tile::KernelOp kernel;
  const TileOperands &operands;
  int64_t rows, columns;
  std::vector<float> d;
  std::vector<int> stored; ///< how often each element was
  TileScalars scalars;
  llvm::DenseMap<Value, Bytes> tiles;
  llvm::DenseMap<Value, std::vector<float>> accumulators;
};

//===----------------------------------------------------------------------===//
// Before the first op
//===----------------------------------------------------------------------===//

bool fits(Type element, OutputType type) {
  return type == OutputType::F32    ? element.isF32()
         : type == OutputType::BF16 ? element.isBF16()
                                    : element.isF16();
}

Status checkOperands(tile::KernelOp kernel, const TileOperands &operands,
                     OutputType type) {
  bool elements = makesElements(kernel);
  auto d = typeOf<tile::MatrixType>(kernel, elements ? "y" : "d");
  if (!d || !typeOf<tile::MatrixType>(kernel, elements ? "q" : "a"))
    return Status::invalid("expected a kernel with the matrices a and d, or q "
                           "and y");
  if (!fits(d.getElement(), type))
    return Status::invalid("expected the output type that the kernel was "
                           "instantiated for");
  std::optional<int64_t> n = tile::constantSize(d.getSizes()[1]);
  if (int64_t columns = columnsOf(kernel, operands); n != columns)
    return Status::invalid(fmt::format(
        "expected {} with the {} {} that {} has{}, got {}",
        elements ? "q" : "b", n.value_or(-1), elements ? "columns" : "rows",
        elements ? "y" : "d", elements ? "" : " columns", columns));
  return Status::ok();
}

/// The rows of a are what is free at launch; now they are a number.
void bindRows(tile::KernelOp kernel, int64_t rows) {
  auto name = dyn_cast<tile::NameAttr>(
      typeOf<tile::MatrixType>(kernel, makesElements(kernel) ? "q" : "a")
          .getSizes()[0]);
  AttrTypeReplacer replacer;
  replacer.addReplacement([&](tile::NameAttr other) -> Attribute {
    if (other != name)
      return other;
    return IntegerAttr::get(IntegerType::get(other.getContext(), 64), rows);
  });
  replacer.recursivelyReplaceElementsIn(kernel, /*replaceAttrs=*/true,
                                        /*replaceLocs=*/false,
                                        /*replaceTypes=*/true);
}

/// Every size a number, every step and tile not empty.
Status checkSizes(tile::KernelOp kernel) {
  Status status = Status::ok();
  auto check = [&](Attribute size, int64_t least) {
    std::optional<int64_t> value = tile::constantSize(size);
    if (status && (!value || *value < least))
      status = Status::invalid(
          fmt::format("expected every size to be a number of at least {} once "
                      "the rows of a are known, got {}",
                      least, value ? std::to_string(*value) : "none"));
  };
  AttrTypeWalker walker;
  auto checkAll = [&](ArrayRef<Attribute> sizes, int64_t least) {
    for (Attribute size : sizes)
      check(size, least);
  };
  walker.addWalk([&](tile::MatrixType type) { checkAll(type.getSizes(), 0); });
  walker.addWalk([&](tile::ScalesType type) { checkAll(type.getSizes(), 0); });
  walker.addWalk([&](tile::TileType type) { checkAll(type.getSizes(), 1); });
  walker.addWalk(
      [&](tile::ScaleTileType type) { checkAll(type.getSizes(), 1); });
  walker.addWalk([&](tile::AccType type) { checkAll(type.getSizes(), 1); });
  kernel.walk([&](Operation *op) {
    for (Region &region : op->getRegions())
      for (BlockArgument argument : region.getArguments())
        walker.walk(argument.getType());
    for (Type type : op->getResultTypes())
      walker.walk(type);
    if (auto foreach = dyn_cast<tile::ForeachTileOp>(op)) {
      checkAll(foreach.getExtents().getValue(), 0);
      checkAll(foreach.getSteps().getValue(), 1);
    } else if (auto accumulate = dyn_cast<tile::AccumulateOp>(op)) {
      check(accumulate.getExtent(), 0);
      check(accumulate.getStep(), 1);
    } else if (auto param = dyn_cast<tile::ParamOp>(op)) {
      check(param.getSize(), std::numeric_limits<int64_t>::min());
    }
  });
  return status;
}

} // namespace

Expected<GemmOutput> nybl::oracle::interpretTile(tile::KernelOp kernel,
                                                 const TileOperands &operands,
                                                 OutputType type) {
  if (!kernel.getSources())
    return Status::invalid("expected an instance of a template");
  if (Status status = checkOperands(kernel, operands, type); !status)
    return status;
  OwningOpRef<tile::KernelOp> bound(kernel.clone());
  bindRows(*bound, operands.a.rows);
  if (Status status = checkSizes(*bound); !status)
    return status;
  Expected<Grid<float>> d = Interpreter(*bound, operands).run();
  if (!d)
    return d.status();
  return finish(*d, 1.0f, type);
}
