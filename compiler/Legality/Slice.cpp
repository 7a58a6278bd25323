// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The fragment: constants, sums, products with a constant or a stride, unsigned
// division and remainder by a constant, XOR of small numbers, zero extension.

#include "compiler/Legality/Slice.h"
#include "compiler/Legality/ThreadValues.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

Slicer::Slicer(cta::KernelOp kernel)
    : kernel(kernel), context(kernel.getContext()) {
  // First, so that counterexamples begin with it.
  for (StringRef size : {"m", "n", "k.blocks"})
    if (BlockArgument argument = kernel.argumentFor(size))
      (void)offset(argument);
}

AffineExpr Slicer::constant(int64_t value) {
  return getAffineConstantExpr(value, context);
}

AffineExpr Slicer::sizeFrom(StringRef source) {
  return offset(kernel.argumentFor(source))->plain;
}

AffineExpr Slicer::rowsOf(Value operand) {
  auto matrix = dyn_cast<cta::MatrixType>(operand.getType());
  int64_t rows = matrix ? matrix.getRows()
                        : cast<cta::ScalesType>(operand.getType()).getRows();
  if (rows != cta::dynamicRows)
    return constant(rows);
  StringRef source = kernel.sourceOf(cast<BlockArgument>(operand));
  return sizeFrom(source == "b" || source == "sfb" ? "n" : "m");
}

AffineExpr Slicer::rowBytesOf(Value matrix) {
  auto type = cast<cta::MatrixType>(matrix.getType());
  if (!type.hasFreeRowBytes())
    return constant(type.getRowBytes());
  StringRef source = kernel.sourceOf(cast<BlockArgument>(matrix));
  return sizeFrom(source == "d" ? "n" : "k.blocks") * -type.getRowBytes();
}

AffineExpr Slicer::blocksOf(Value scales) {
  auto type = cast<cta::ScalesType>(scales.getType());
  return type.hasFreeBlocks() ? sizeFrom("k.blocks")
                              : constant(type.getBlocks());
}

AffineExpr Slicer::makeLeaf(Value value, LeafKind kind, AffineExpr max,
                            int64_t low) {
  leafList.push_back(
      {value, kind, max, std::max<__int128>(1, bounds(max).high), low});
  return getAffineDimExpr(leafList.size() - 1, context);
}

int64_t nybl::compiler::threadsAt(Operation *op) {
  if (auto role = op->getParentOfType<cta::RoleOp>())
    return role.getThreads();
  return op->getParentOfType<cta::KernelOp>().getThreads();
}

/// The thread of a role, or of the CTA: one leaf, however often it is asked
/// for.
AffineExpr Slicer::threadLeaf(Value value, int64_t threads) {
  for (auto [position, leaf] : llvm::enumerate(leafList))
    if (leaf.kind == LeafKind::Thread &&
        (leaf.value == value || leaf.value.getDefiningOp<cta::ThreadIdOp>()))
      return getAffineDimExpr(position, context);
  return makeLeaf(value, LeafKind::Thread, constant(threads - 1));
}

/// Which CTA of its pair: one leaf, however often it is asked for.
AffineExpr Slicer::rankLeaf(Value value) {
  for (auto [position, leaf] : llvm::enumerate(leafList))
    if (leaf.kind == LeafKind::Rank)
      return getAffineDimExpr(position, context);
  return makeLeaf(value, LeafKind::Rank, constant(1));
}

AffineExpr Slicer::atRank(AffineExpr expr, int64_t rank) {
  for (auto [position, leaf] : llvm::enumerate(leafList))
    if (leaf.kind == LeafKind::Rank)
      expr = expr.replace(getAffineDimExpr(position, context), constant(rank));
  return simplifyAffineExpr(expr, leafList.size(), /*numSymbols=*/1);
}

const Leaf *Slicer::leafOf(AffineExpr expr) const {
  auto dim = dyn_cast<AffineDimExpr>(expr);
  return dim ? &leafList[dim.getPosition()] : nullptr;
}

StringRef nybl::compiler::nameOf(LeafKind kind) {
  switch (kind) {
  case LeafKind::Rows:
    return "M";
  case LeafKind::Columns:
    return "N";
  case LeafKind::Blocks:
    return "K / 16";
  case LeafKind::Tile:
    return "tile";
  case LeafKind::TileColumn:
    return "tile column";
  case LeafKind::Part:
    return "part";
  case LeafKind::Rank:
    return "CTA of its pair";
  case LeafKind::Step:
    return "K step";
  case LeafKind::Thread:
    return "thread";
  }
  llvm_unreachable("every kind is handled above");
}

static InFlightDiagnostic outside(Operation *op, const Twine &why) {
  return op->emitError("not proven: ") << why;
}

static FailureOr<Offset> outsideLeaves(Operation *at) {
  outside(at, "an address or a guard depends on a value that is neither the "
              "thread, the tile, the K step, M nor a row stride");
  return failure();
}

FailureOr<Offset> Slicer::offset(Value value) {
  if (auto found = known.find(value); found != known.end())
    return found->second;
  ++depth;
  FailureOr<Offset> result = sliceNew(value);
  --depth;
  if (succeeded(result))
    known[value] = *result;
  return result;
}

FailureOr<Offset> Slicer::sliceNew(Value value) {
  Operation *op = value.getDefiningOp();
  Operation *at = op ? op : value.getParentBlock()->getParentOp();
  auto type = dyn_cast<IntegerType>(value.getType());
  if (!type || type.getWidth() > 64) {
    outside(at, "expected integers of at most 64 bits in an address, a guard "
                "or a loop, got ")
        << value.getType();
    return failure();
  }
  FailureOr<Offset> result = failure();
  if (depth <= maxSize)
    result = op ? sliceOp(op) : sliceArgument(cast<BlockArgument>(value));
  if (depth > maxSize || (succeeded(result) && result->size > maxSize)) {
    outside(at, "expected at most ")
        << maxSize << " operations in an address or a guard";
    return failure();
  }
  return result;
}

FailureOr<Offset> Slicer::unstrided(Value value) {
  FailureOr<Offset> result = offset(value);
  if (failed(result) || !result->stride)
    return result;
  Operation *at = value.getDefiningOp() ? value.getDefiningOp() : kernel;
  outside(at, "a row stride may only be multiplied by a row and added to an "
              "offset");
  return failure();
}

FailureOr<AffineExpr> Slicer::index(Value value) {
  FailureOr<Offset> result = unstrided(value);
  if (failed(result))
    return failure();
  return result->plain;
}

FailureOr<Offset> Slicer::sliceArgument(BlockArgument argument) {
  Operation *owner = argument.getOwner()->getParentOp();
  if (auto range = dyn_cast<cta::TileRangeOp>(owner))
    return sliceTile(range, argument);
  if (auto loop = dyn_cast<scf::ForOp>(owner);
      loop && argument == loop.getInductionVar())
    return sliceStep(loop);
  if (auto role = dyn_cast<cta::RoleOp>(owner))
    return Offset{threadLeaf(argument, role.getThreads()), constant(0), {}};
  if (owner == kernel)
    return sliceOfKernel(argument);
  return outsideLeaves(owner);
}

FailureOr<Offset> Slicer::sliceOfKernel(BlockArgument argument) {
  AffineExpr zero = constant(0);
  StringRef source = kernel.sourceOf(argument);
  if (source == "m")
    return Offset{
        makeLeaf(argument, LeafKind::Rows, constant(rowsMax)), zero, {}};
  if (source == "n")
    return Offset{
        makeLeaf(argument, LeafKind::Columns, constant(columnsMax), 1),
        zero,
        {}};
  if (source == "k.blocks")
    return Offset{
        makeLeaf(argument, LeafKind::Blocks, constant(blocksMax), 1), zero, {}};
  if (source.ends_with(".stride") || source.ends_with(".tile_stride"))
    return Offset{zero, constant(1), argument};
  return outsideLeaves(kernel);
}

FailureOr<Offset> Slicer::sliceTile(cta::TileRangeOp range,
                                    BlockArgument argument) {
  AffineExpr zero = constant(0);
  if (argument == range.getPart())
    return Offset{
        makeLeaf(argument, LeafKind::Part, constant(range.getParts() - 1)),
        zero,
        {}};
  bool isColumn = argument == range.getColumn();
  FailureOr<AffineExpr> count =
      index(isColumn ? range.getAcross() : range.getCount());
  if (failed(count))
    return failure();
  return Offset{makeLeaf(argument,
                         isColumn ? LeafKind::TileColumn : LeafKind::Tile,
                         *count - 1),
                zero,
                {}};
}

/// A number, or what follows from K at launch: then it is the same for all
/// loops of the kernel, so that those that work together end together.
FailureOr<AffineExpr> Slicer::countOf(scf::ForOp loop) {
  if (auto count = getConstantIntValue(loop.getUpperBound()))
    return constant(*count);
  if (!kernel.argumentFor("k.blocks")) {
    outside(loop, "expected a loop from 0 to a constant by 1, compared as "
                  "signed numbers");
    return failure();
  }
  FailureOr<AffineExpr> count = index(loop.getUpperBound());
  if (failed(count))
    return failure();
  bool ofBlocks = true;
  count->walk([&](AffineExpr part) {
    const Leaf *leaf = leafOf(part);
    ofBlocks &= !leaf || leaf->kind == LeafKind::Blocks;
  });
  if (!ofBlocks || bounds(*count).low < 1 ||
      (freeStepCount && !isSame(*this, freeStepCount, *count))) {
    outside(loop, "expected as many steps as follow from K alone, 1 at least, "
                  "and the same number of all loops whose steps are no "
                  "constant");
    return failure();
  }
  freeStepCount = *count;
  return *count;
}

FailureOr<Offset> Slicer::sliceStep(scf::ForOp loop) {
  std::optional<int64_t> low = getConstantIntValue(loop.getLowerBound());
  std::optional<int64_t> step = getConstantIntValue(loop.getStep());
  if (low != 0 || step != 1 || loop.getUnsignedCmp()) {
    outside(loop, "expected a loop from 0 to a constant by 1, compared as "
                  "signed numbers");
    return failure();
  }
  FailureOr<AffineExpr> count = countOf(loop);
  if (failed(count))
    return failure();
  return Offset{makeLeaf(loop.getInductionVar(), LeafKind::Step, *count - 1),
                constant(0),
                {}};
}

/// L6. Asked before the expression is formed, so that none overflows here.
LogicalResult Slicer::fits(Operation *op, Interval range) {
  unsigned width = op->getResult(0).getType().getIntOrFloatBitWidth();
  ++computedCount;
  if (range.low >= 0 && range.high <= largestOf(width))
    return success();
  outside(op, "with M up to ")
      << rowsMax << " this may not fit " << width << " bits; "
      << (width < 64 ? "compute it in 64 bits, or bound its parts"
                     : "bound its parts");
  return failure();
}

FailureOr<Offset> Slicer::sliceAdd(Operation *op) {
  FailureOr<Offset> lhs = offset(op->getOperand(0));
  if (failed(lhs))
    return failure();
  FailureOr<Offset> rhs = offset(op->getOperand(1));
  if (failed(rhs))
    return failure();
  if (lhs->stride && rhs->stride && lhs->stride != rhs->stride) {
    outside(op, "a sum of products with two different strides");
    return failure();
  }
  Interval a = bounds(*lhs), b = bounds(*rhs);
  if (failed(fits(op, {a.low + b.low, a.high + b.high})))
    return failure();
  return Offset{lhs->plain + rhs->plain, lhs->factor + rhs->factor,
                lhs->stride ? lhs->stride : rhs->stride,
                lhs->size + rhs->size + 1};
}

FailureOr<Offset> Slicer::sliceMul(Operation *op) {
  FailureOr<Offset> lhs = offset(op->getOperand(0));
  if (failed(lhs))
    return failure();
  FailureOr<Offset> rhs = offset(op->getOperand(1));
  if (failed(rhs))
    return failure();
  if (lhs->stride)
    std::swap(*lhs, *rhs);
  AffineExpr zero = constant(0);
  Interval a = bounds(*lhs), b = bounds(*rhs);
  if (failed(fits(op, {a.low * b.low, a.high * b.high})))
    return failure();
  if (rhs->stride && !lhs->stride && rhs->plain == zero &&
      rhs->factor == constant(1))
    return Offset{zero, lhs->plain, rhs->stride, lhs->size + 1};
  if (isa<AffineConstantExpr>(lhs->plain))
    std::swap(*lhs, *rhs);
  if (lhs->stride || rhs->stride || !isa<AffineConstantExpr>(rhs->plain)) {
    outside(op, "a product of two unknowns; keep rows and bytes within a row "
                "apart, or multiply by a constant");
    return failure();
  }
  return Offset{lhs->plain * rhs->plain, zero, {}, lhs->size + 1};
}

FailureOr<Offset> Slicer::sliceDivRem(Operation *op) {
  FailureOr<Offset> lhs = unstrided(op->getOperand(0));
  APInt divisor;
  if (failed(lhs))
    return failure();
  if (!matchPattern(op->getOperand(1), m_ConstantInt(&divisor)) ||
      !divisor.isStrictlyPositive()) {
    outside(op, "expected a positive constant divisor");
    return failure();
  }
  int64_t by = divisor.getZExtValue();
  AffineExpr result =
      isa<arith::DivUIOp>(op) ? lhs->plain.floorDiv(by) : lhs->plain % by;
  return Offset{result, constant(0), {}, lhs->size + 1};
}

/// Bit by bit: of two bits, their sum modulo 2.
FailureOr<Offset> Slicer::sliceXor(Operation *op) {
  FailureOr<Offset> lhs = unstrided(op->getOperand(0));
  if (failed(lhs))
    return failure();
  FailureOr<Offset> rhs = unstrided(op->getOperand(1));
  if (failed(rhs))
    return failure();
  __int128 high = std::max(bounds(*lhs).high, bounds(*rhs).high);
  constexpr int64_t maxBits = 4;
  int64_t bits = 1;
  while (bits <= maxBits && high >> bits != 0)
    ++bits;
  if (bits > maxBits) {
    outside(op, "expected numbers below 16 in an exclusive or");
    return failure();
  }
  AffineExpr sum = constant(0);
  for (int64_t bit = 0; bit < bits; ++bit) {
    int64_t power = int64_t(1) << bit;
    sum = sum +
          (lhs->plain.floorDiv(power) % 2 + rhs->plain.floorDiv(power) % 2) %
              2 * power;
  }
  return Offset{
      sum, constant(0), {}, unsigned(bits) * (lhs->size + rhs->size + 3)};
}

/// Every op of the fragment reads its operands as unsigned, so -1 : i32 is
/// 2^32 - 1.
FailureOr<Offset> Slicer::sliceConstant(Operation *op, const APInt &number) {
  if (number.getActiveBits() > 62) {
    outside(op, "expected a constant below 2^62, read as unsigned");
    return failure();
  }
  return Offset{constant(number.getZExtValue()), constant(0), {}};
}

FailureOr<Offset> Slicer::sliceOp(Operation *op) {
  AffineExpr zero = constant(0);
  APInt number;
  if (matchPattern(op, m_ConstantInt(&number)))
    return sliceConstant(op, number);
  if (isa<cta::ThreadIdOp>(op))
    return Offset{threadLeaf(op->getResult(0), kernel.getThreads()), zero, {}};
  if (isa<cta::PairRankOp>(op))
    return Offset{rankLeaf(op->getResult(0)), zero, {}};
  if (isa<arith::ExtUIOp>(op))
    return offset(op->getOperand(0));

  if (isa<arith::AddIOp>(op))
    return sliceAdd(op);
  if (isa<arith::MulIOp>(op))
    return sliceMul(op);
  if (isa<arith::DivUIOp, arith::RemUIOp>(op))
    return sliceDivRem(op);
  if (isa<arith::XOrIOp>(op))
    return sliceXor(op);
  outside(op,
          "expected constants, addi, muli, divui, remui, xori or extui in an "
          "address or a guard");
  return failure();
}

FailureOr<SmallVector<LessThan>> Slicer::guard(Value value) {
  SmallVector<LessThan> conjuncts;
  SmallVector<Value> pending{value};
  llvm::SmallDenseSet<Value> seen;
  while (!pending.empty()) {
    Value next = pending.pop_back_val();
    if (!seen.insert(next).second)
      continue;
    Operation *op = next.getDefiningOp();
    if (op && isa<arith::AndIOp>(op)) {
      llvm::append_range(pending, op->getOperands());
      continue;
    }
    if (matchPattern(next, m_One()))
      continue;
    auto compare = dyn_cast_or_null<arith::CmpIOp>(op);
    if (!compare || compare.getPredicate() != arith::CmpIPredicate::ult) {
      outside(op ? op : kernel.getOperation(),
              "expected a guard of the form a < b && c < d ...");
      return failure();
    }
    FailureOr<AffineExpr> small = index(compare.getLhs());
    if (failed(small))
      return failure();
    FailureOr<AffineExpr> large = index(compare.getRhs());
    if (failed(large))
      return failure();
    conjuncts.push_back({*small, *large});
  }
  return conjuncts;
}

FailureOr<Domain> Slicer::domain(Operation *access, ValueRange predicates) {
  Domain result;
  for (Value predicate : predicates) {
    FailureOr<SmallVector<LessThan>> conjuncts = guard(predicate);
    if (failed(conjuncts))
      return failure();
    llvm::append_range(result.guard, *conjuncts);
  }
  for (Operation *region = access->getParentOp(); region != kernel;
       region = region->getParentOp()) {
    if (isa<cta::RoleOp, cta::SumPartsOp>(region))
      continue;
    auto range = dyn_cast<cta::TileRangeOp>(region);
    for (Value value : {Value(region->getRegion(0).getArgument(0)),
                        range ? Value(range.getColumn()) : Value()}) {
      FailureOr<AffineExpr> leaf = value ? index(value) : AffineExpr();
      if (failed(leaf))
        return failure();
      if (*leaf)
        result.around.push_back(*leaf);
    }
  }
  return result;
}

void Slicer::addLeaves(AffineExpr expr, llvm::BitVector &used) const {
  used.resize(leafList.size());
  expr.walk([&](AffineExpr part) {
    auto leaf = dyn_cast<AffineDimExpr>(part);
    if (!leaf || used.test(leaf.getPosition()))
      return;
    used.set(leaf.getPosition());
    addLeaves(leafList[leaf.getPosition()].max, used);
  });
}

//===----------------------------------------------------------------------===//
// Bounds
//===----------------------------------------------------------------------===//

static __int128 floorDivide(__int128 a, __int128 b) {
  __int128 q = a / b;
  return q * b > a ? q - 1 : q;
}

Interval Slicer::bounds(AffineExpr expr) const {
  if (auto number = dyn_cast<AffineConstantExpr>(expr))
    return {number.getValue(), number.getValue()};
  if (const Leaf *leaf = leafOf(expr))
    return {leaf->low, leaf->high};
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Interval a = bounds(binary.getLHS()), b = bounds(binary.getRHS());
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return {a.low + b.low, a.high + b.high};
  case AffineExprKind::Mul: {
    __int128 x = a.low * b.low, y = a.high * b.low;
    return {std::min(x, y), std::max(x, y)};
  }
  case AffineExprKind::FloorDiv:
    return {floorDivide(a.low, b.low),
            std::max<__int128>(1, floorDivide(a.high, b.low))};
  default: { // mod
    bool fits = a.low >= 0 && a.high < b.low;
    return fits ? a : Interval{0, b.low - 1};
  }
  }
}

Interval Slicer::bounds(const Offset &offset) const {
  Interval plain = bounds(offset.plain);
  if (!offset.stride)
    return plain;
  Interval factor = bounds(offset.factor);
  return {plain.low + std::min<__int128>(factor.low, 0) * strideMax,
          plain.high + std::max<__int128>(factor.high, 0) * strideMax};
}
