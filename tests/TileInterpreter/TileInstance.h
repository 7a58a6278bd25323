// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a problem and a template's text to the tile.kernel that the compiler
// would lay out, for the interpreter to run.
#ifndef NYBL_TESTS_TILEINTERPRETER_TILEINSTANCE_H
#define NYBL_TESTS_TILEINTERPRETER_TILEINSTANCE_H

#include "compiler/Pipeline/Pipeline.h"
#include "dialects/BlockScale/Build.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace nybl::oracle {

/// An instance for a problem class, with a small tile: the interpreter is slow,
/// and what a template means does not depend on the tile. `kernel` is null
/// where the template cannot be instantiated; the reason goes to stderr.
struct Instance {
  /// Empty text: the built-in template. A template that computes with BM, BN
  /// or BK means something else under another schedule.
  explicit Instance(const AnyProblem &problem,
                    const std::string &templateText = "",
                    const std::string &schedule = "tile=16x16x128 warps=1x1",
                    const std::string &chip = "sm_120a") {
    mlir::DialectRegistry registry;
    compiler::registerDialects(registry);
    context.appendDialectRegistry(registry);
    context
        .loadDialect<block_scale::BlockScaleDialect, mlir::func::FuncDialect>();
    module = block_scale::buildModule(context, specialise(problem));
    mlir::PassManager passes(&context);
    compiler::buildTilePhase(passes, {chip, schedule, templateText});
    if (mlir::succeeded(passes.run(*module)))
      kernel = *module->getOps<tile::KernelOp>().begin();
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  tile::KernelOp kernel;
};

} // namespace nybl::oracle

#endif // NYBL_TESTS_TILEINTERPRETER_TILEINSTANCE_H
