// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass block-scale-to-tile: a block_scale.gemm becomes an instance of a
// template, laid out by a schedule. Both are given, or chosen by Select.

#include "compiler/Conversion/Passes.h"
#include "compiler/Select/Select.h"
#include "dialects/BlockScale/Build.h"
#include "dialects/Cta/CtaOps.h"
#include "dialects/Tile/Instantiate.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace nybl::compiler {
#define GEN_PASS_DEF_BLOCKSCALETOTILE
#include "compiler/Conversion/Passes.h.inc"
} // namespace nybl::compiler

namespace {

/// The one kernel of a template's module.
FailureOr<tile::KernelOp> findKernel(ModuleOp module) {
  auto kernels = llvm::to_vector(module.getOps<tile::KernelOp>());
  if (kernels.size() == 1)
    return kernels.front();
  return module.emitError("expected a template with one tile.kernel, got ")
         << kernels.size();
}

tile::Bindings bind(block_scale::GemmOp gemm, const GemmProblem &problem,
                    const Schedule &schedule) {
  tile::Bindings bindings;
  bindings.numbers = {{"N", problem.n},         {"K", problem.k},
                      {"BM", schedule.tile[0]}, {"BN", schedule.tile[1]},
                      {"BK", schedule.tile[2]}, {"stages", 1}};
  Type element = gemm.getA().getType().getElement();
  Type scale = gemm.getA().getType().getScale();
  MLIRContext *context = gemm.getContext();
  bindings.arguments = {{"a", element},
                        {"sfa", scale, kBlock, std::string(name(problem.sfa))},
                        {"b", element},
                        {"sfb", scale, kBlock, std::string(name(problem.sfb))},
                        {"d", gemm.getD().getType().getElementType()},
                        {"alpha", Float32Type::get(context)}};
  bindings.schedule =
      cta::ScheduleAttr::get(context, StringAttr::get(context, schedule.kind),
                             schedule.tile, schedule.warps);
  return bindings;
}

struct BlockScaleToTilePass
    : public compiler::impl::BlockScaleToTileBase<BlockScaleToTilePass> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<block_scale::GemmOp> gemms;
    getOperation().walk(
        [&](block_scale::GemmOp gemm) { gemms.push_back(gemm); });
    for (block_scale::GemmOp gemm : gemms)
      if (failed(convert(gemm)))
        return signalPassFailure();
  }

  Expected<Selection> choose(const GemmProblem &problem) {
    Expected<const Chip *> target = findChip(chip.getValue());
    if (!target)
      return target.status();
    Expected<Selection> chosen = select(problem, **target);
    if (!chosen)
      return chosen;
    if (!schedule.getValue().empty()) {
      Expected<Schedule> forced = parseSchedule(schedule.getValue());
      if (!forced)
        return forced.status();
      chosen->schedule = *forced;
    }
    if (!templateText.getValue().empty())
      chosen->templateText = templateText.getValue();
    if (Status valid = validate(chosen->schedule, **target); !valid)
      return valid;
    return chosen;
  }

  LogicalResult convert(block_scale::GemmOp gemm) {
    GemmProblem problem = block_scale::problemOf(gemm);
    Expected<Selection> selection = choose(problem);
    if (!selection)
      return gemm.emitError(selection.message());
    ParserConfig config(&getContext());
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(
        selection->templateText, config, "template");
    if (!module)
      return failure();
    FailureOr<tile::KernelOp> kernel = findKernel(*module);
    if (failed(kernel))
      return failure();
    auto function = gemm->getParentOfType<func::FuncOp>();
    OpBuilder builder(function);
    if (failed(tile::instantiate(builder, *kernel,
                                 bind(gemm, problem, selection->schedule))))
      return failure();
    function.erase();
    return success();
  }
};

} // namespace
