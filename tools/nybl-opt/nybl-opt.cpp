// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mlir-opt for this project's dialects and passes.

#include "compiler/Conversion/Passes.h"
#include "compiler/Legality/Passes.h"
#include "compiler/Pipeline/Pipeline.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  nybl::compiler::registerDialects(registry);
  nybl::compiler::registerConversionPasses();
  nybl::compiler::registerLegalityPasses();
  nybl::compiler::registerPipelines();
  mlir::registerCSEPass();
  mlir::registerCanonicalizerPass();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "Nybl optimizer driver\n", registry));
}
