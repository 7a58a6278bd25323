// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The phases in MLIR, by name. One can stop after each, and each can be dumped.
#ifndef NYBL_COMPILER_PIPELINE_PIPELINE_H
#define NYBL_COMPILER_PIPELINE_PIPELINE_H

#include "dialects/Chips/Chips.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassManager.h"
#include <string>
#include <string_view>

namespace nybl::compiler {

struct PipelineOptions {
  std::string chip;
  std::string schedule;     ///< empty: Select chooses
  std::string templateText; ///< empty: the built-in one
};

/// blockscale -> tile: a template, instantiated.
void buildTilePhase(mlir::OpPassManager &passes,
                    const PipelineOptions &options);
/// tile -> cta: laid out over warps.
void buildCtaPhase(mlir::OpPassManager &passes);
/// cta -> cta with a certificate.
void buildProvePhase(mlir::OpPassManager &passes);
/// cta -> LLVM and NVVM ops, for chips with the multiply of warps; for those
/// with tensor memory too.
void buildLowerPhase(mlir::OpPassManager &passes);
void buildLowerPhaseFor(mlir::OpPassManager &passes, const Chip &chip);

/// The dialects the phases use. Never all of MLIR's.
void registerDialects(mlir::DialectRegistry &registry);
/// The phases as pipelines of nybl-opt: nybl-tile, nybl-cta, nybl-prove,
/// nybl-lower, nybl-lower-sm100.
void registerPipelines();

} // namespace nybl::compiler

#endif // NYBL_COMPILER_PIPELINE_PIPELINE_H
