// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass block-scale-to-tile: a block_scale.gemm, .quantize or .dequantize
// becomes an instance of a template, laid out by a schedule. Both are given, or
// chosen by Select.

#include "compiler/Conversion/Passes.h"
#include "compiler/Conversion/ScheduleAttribute.h"
#include "compiler/Conversion/Template.h"
#include "compiler/Select/Select.h"
#include "dialects/BlockScale/Build.h"
#include "dialects/Cta/CtaOps.h"
#include "dialects/Tile/Instantiate.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace nybl::compiler {
#define GEN_PASS_DEF_BLOCKSCALETOTILE
#include "compiler/Conversion/Passes.h.inc"
} // namespace nybl::compiler

namespace {

/// The operands of the problem as a template declares them: M is a name, and so
/// are N and K of a generic one.
SmallVector<tile::Bindings::Argument> operandsOf(block_scale::GemmOp gemm,
                                                 const GemmProblem &problem) {
  MLIRContext *context = gemm.getContext();
  Builder builder(context);
  Attribute m =
      tile::NameAttr::get(context, builder.getStringAttr(tile::freeDimension));
  auto size = [&](StringRef name, int64_t value) -> Attribute {
    if (problem.isGeneric())
      return tile::NameAttr::get(context, builder.getStringAttr(name));
    return builder.getI64IntegerAttr(value);
  };
  Attribute n = size("N", problem.n), k = size("K", problem.k);
  Type element = gemm.getA().getType().getElement();
  Type scale = gemm.getA().getType().getScale();
  auto matrix = [&](Attribute rows, Attribute columns, Type type) -> Type {
    return tile::MatrixType::get(context, {rows, columns}, type);
  };
  auto scales = [&](Attribute rows, ScaleLayout layout) -> Type {
    return tile::ScalesType::get(context, {rows, k}, scale, kBlock,
                                 builder.getStringAttr(name(layout)));
  };
  return {{"a", matrix(m, k, element)},
          {"sfa", scales(m, problem.sfa)},
          {"b", matrix(n, k, element)},
          {"sfb", scales(n, problem.sfb)},
          {"d", matrix(m, n, gemm.getD().getType().getElementType())},
          {"alpha", tile::ScalarType::get(context, builder.getF32Type())}};
}

tile::Bindings bind(block_scale::GemmOp gemm, const GemmProblem &problem,
                    const Schedule &schedule) {
  tile::Bindings bindings;
  bindings.numbers = {{"BM", schedule.tile[0]},
                      {"BN", schedule.tile[1]},
                      {"BK", schedule.tile[2]},
                      {"stages", schedule.stages}};
  if (problem.isGeneric()) {
    bindings.free = {"N", "K"};
  } else {
    bindings.numbers["N"] = problem.n;
    bindings.numbers["K"] = problem.k;
  }
  bindings.arguments = operandsOf(gemm, problem);
  if (problem.staticWeights)
    bindings.staticSources = {"b", "sfb"};
  bindings.schedule = attributeOf(gemm.getContext(), schedule);
  return bindings;
}

tile::Bindings bind(block_scale::QuantizeOp quantize,
                    const QuantizeProblem &problem, const Schedule &schedule) {
  MLIRContext *context = quantize.getContext();
  Builder builder(context);
  Attribute m =
      tile::NameAttr::get(context, builder.getStringAttr(tile::freeDimension));
  Attribute k = builder.getI64IntegerAttr(problem.k);
  auto q = quantize.getQ().getType();
  auto matrix = [&](int64_t columns, Type element) -> Type {
    return tile::MatrixType::get(
        context, {m, builder.getI64IntegerAttr(columns)}, element);
  };
  tile::Bindings bindings;
  bindings.numbers = {{"K", problem.k},
                      {"BM", schedule.tile[0]},
                      {"BK", schedule.tile[1]},
                      {"fast", problem.math == QuantizeMath::Fast},
                      {"pad", problem.padRows}};
  if (problem.fuse == QuantizeFuse::SiluMul)
    bindings.numbers.insert({"K2", problem.xColumns()});
  bindings.arguments = {
      {"x",
       matrix(problem.xColumns(), quantize.getX().getType().getElementType())},
      {"q", matrix(problem.k, q.getElement())},
      {"sfq", tile::ScalesType::get(context, {m, k}, q.getScale(), kBlock,
                                    q.getLayout())},
      {"global", tile::ScalarType::get(context, builder.getF32Type())}};
  bindings.schedule = attributeOf(context, schedule);
  return bindings;
}

tile::Bindings bind(block_scale::DequantizeOp dequantize,
                    const DequantizeProblem &problem,
                    const Schedule &schedule) {
  MLIRContext *context = dequantize.getContext();
  Builder builder(context);
  Attribute m =
      tile::NameAttr::get(context, builder.getStringAttr(tile::freeDimension));
  Attribute k = builder.getI64IntegerAttr(problem.k);
  auto q = dequantize.getQ().getType();
  auto matrix = [&](Type element) -> Type {
    return tile::MatrixType::get(context, {m, k}, element);
  };
  tile::Bindings bindings;
  bindings.numbers = {
      {"K", problem.k}, {"BM", schedule.tile[0]}, {"BK", schedule.tile[1]}};
  bindings.arguments = {
      {"q", matrix(q.getElement())},
      {"sfq", tile::ScalesType::get(context, {m, k}, q.getScale(), kBlock,
                                    q.getLayout())},
      {"y", matrix(dequantize.getY().getType().getElementType())},
      {"global", tile::ScalarType::get(context, builder.getF32Type())}};
  bindings.schedule = attributeOf(context, schedule);
  return bindings;
}

/// What a template says of a product, or of elements, is its own.
LogicalResult checkInstance(tile::KernelOp, const GemmProblem &) {
  return success();
}
LogicalResult checkInstance(tile::KernelOp, const DequantizeProblem &) {
  return success();
}

/// Padding rows are cleared where the problem says so, and only there: whoever
/// passes the tensor on goes by the problem.
LogicalResult checkInstance(tile::KernelOp kernel,
                            const QuantizeProblem &problem) {
  WalkResult result = kernel.walk([&](tile::StoreScalesOp store) -> WalkResult {
    if (tile::constantSize(store.getPadRows()) == problem.padRows)
      return success();
    return store.emitOpError("expected pad_rows(")
           << int(problem.padRows) << "), since the problem says pad="
           << (problem.padRows ? "rows" : "none");
  });
  return failure(result.wasInterrupted());
}

SmallVector<Operation *> problemsIn(Operation *op) {
  SmallVector<Operation *> problems;
  op->walk([&](Operation *inner) {
    if (isa<block_scale::GemmOp, block_scale::QuantizeOp,
            block_scale::DequantizeOp>(inner))
      problems.push_back(inner);
  });
  return problems;
}

struct BlockScaleToTilePass
    : public compiler::impl::BlockScaleToTileBase<BlockScaleToTilePass> {
  using Base::Base;

  void runOnOperation() override {
    for (Operation *op : problemsIn(getOperation())) {
      LogicalResult converted =
          TypeSwitch<Operation *, LogicalResult>(op)
              .Case<block_scale::GemmOp, block_scale::QuantizeOp,
                    block_scale::DequantizeOp>(
                  [&](auto problem) { return convert(problem); })
              .Default([](Operation *) { return failure(); });
      if (failed(converted))
        return signalPassFailure();
    }
  }

  template <typename Problem>
  Expected<Selection> choose(const Problem &problem) {
    Expected<const Chip *> target = findChip(chip.getValue());
    if (!target)
      return target.status();
    Expected<Selection> chosen =
        select(problem, **target, templateText.getValue());
    if (!chosen)
      return chosen;
    if (!schedule.getValue().empty()) {
      Expected<Schedule> forced = parseSchedule(schedule.getValue());
      if (!forced)
        return forced.status();
      chosen->schedule = *forced;
    }
    if (Status valid = validate(chosen->schedule, **target, problem); !valid)
      return valid;
    return chosen;
  }

  template <typename Op>
  LogicalResult convert(Op op) {
    auto function = op->template getParentOfType<func::FuncOp>();
    if (!function || !llvm::hasSingleElement(problemsIn(function)))
      return op.emitError("expected one ")
             << op->getName().getStringRef()
             << " in a func.func, which becomes a kernel";
    auto problem = block_scale::problemOf(op);
    Expected<Selection> selection = choose(problem);
    if (!selection)
      return op.emitError(selection.message());
    FailureOr<OwningOpRef<ModuleOp>> module =
        parseTemplate(op, selection->templateText);
    if (failed(module))
      return failure();
    FailureOr<tile::KernelOp> kernel = findKernel(**module);
    if (failed(kernel))
      return failure();
    OpBuilder builder(function);
    FailureOr<tile::KernelOp> instance = tile::instantiate(
        builder, *kernel, bind(op, problem, selection->schedule));
    if (failed(instance) || failed(checkInstance(*instance, problem)))
      return failure();
    function.erase();
    return success();
  }
};

} // namespace
