// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which passes make a phase.

#include "compiler/Pipeline/Pipeline.h"
#include "compiler/Conversion/Passes.h"
#include "compiler/Legality/Passes.h"
#include "dialects/BlockScale/BlockScaleOps.h"
#include "dialects/Cta/CtaOps.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/NVVMToLLVM/NVVMToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

void nybl::compiler::buildTilePhase(OpPassManager &passes,
                                    const PipelineOptions &options) {
  BlockScaleToTileOptions conversion;
  conversion.chip = options.chip;
  conversion.schedule = options.schedule;
  conversion.templateText = options.templateText;
  passes.addPass(createBlockScaleToTile(conversion));
}

void nybl::compiler::buildCtaPhase(OpPassManager &passes) {
  passes.addPass(createTileToCta());
  // Rows, columns and guards are shared by many accesses: say each once.
  passes.addPass(createCSEPass());
  passes.addPass(createOrderArithmetic());
}

void nybl::compiler::buildProvePhase(OpPassManager &passes) {
  passes.addPass(createProveNonInterference());
}

static void buildLowerPhaseFrom(OpPassManager &passes,
                                std::unique_ptr<Pass> toChip) {
  passes.addPass(std::move(toChip));
  passes.addPass(createSCFToControlFlowPass());
  passes.addPass(createArithToLLVMConversionPass());
  passes.addPass(createConvertControlFlowToLLVMPass());
  passes.addPass(createConvertNVVMToLLVMPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
}

void nybl::compiler::buildLowerPhase(OpPassManager &passes) {
  buildLowerPhaseFrom(passes, createCtaToSM120());
}

void nybl::compiler::buildLowerPhaseFor(OpPassManager &passes,
                                        const Chip &chip) {
  buildLowerPhaseFrom(passes, chip.tcgen05
                                  ? createCtaToSM100({.chip = chip.name})
                                  : createCtaToSM120());
}

void nybl::compiler::registerDialects(DialectRegistry &registry) {
  registry.insert<block_scale::BlockScaleDialect, tile::TileDialect,
                  cta::CtaDialect, arith::ArithDialect, scf::SCFDialect,
                  cf::ControlFlowDialect, func::FuncDialect, LLVM::LLVMDialect,
                  NVVM::NVVMDialect>();
}

void nybl::compiler::registerPipelines() {
  PassPipelineRegistration<> tile("nybl-tile", "blockscale -> tile, sm_120a",
                                  [](OpPassManager &passes) {
                                    buildTilePhase(passes, {"sm_120a", "", ""});
                                  });
  PassPipelineRegistration<> cta("nybl-cta", "tile -> cta", buildCtaPhase);
  PassPipelineRegistration<> prove("nybl-prove", "prove cta", buildProvePhase);
  PassPipelineRegistration<> lower("nybl-lower", "cta -> llvm, sm_120a",
                                   buildLowerPhase);
  PassPipelineRegistration<> lowerTensor(
      "nybl-lower-sm100", "cta -> llvm, sm_100a", [](OpPassManager &passes) {
        buildLowerPhaseFrom(passes, createCtaToSM100());
      });
}
