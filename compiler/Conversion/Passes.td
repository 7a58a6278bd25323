// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The conversions, in the order they run.
include "mlir/Pass/PassBase.td"

def BlockScaleToTile : Pass<"block-scale-to-tile", "::mlir::ModuleOp"> {
  let summary = "replace a block_scale.kernel by an instance of a template";
  let description = [{
    `template` is a module in the Tile dialect that holds one tile.kernel; empty
    takes the built-in one. `schedule` is the text form of
    compiler/Select/Schedule.h; empty lets Select choose for `chip`.
  }];
  let options = [
    Option<"templateText", "template", "std::string", "\"\"", "text of the template">,
    Option<"schedule", "schedule", "std::string", "\"\"", "key=value ...">,
    Option<"chip", "chip", "std::string", "\"sm_120a\"", "full chip name">];
  let dependentDialects = ["::nybl::tile::TileDialect", "::nybl::cta::CtaDialect",
                           "::mlir::arith::ArithDialect"];
}

def TileToCta : Pass<"tile-to-cta", "::mlir::ModuleOp"> {
  let summary = "lay a tile.kernel out over the warps of a CTA";
  let description = [{
    Driven by the kernel's #cta.schedule; shared by all chips. Any op that has
    no role in the Tile dialect and is not pure arithmetic is refused by name.
  }];
  let dependentDialects = ["::nybl::cta::CtaDialect", "::mlir::arith::ArithDialect",
                           "::mlir::scf::SCFDialect"];
}

def OrderArithmetic : Pass<"order-arithmetic", "::mlir::ModuleOp"> {
  let summary = "put integer arithmetic of a cta.kernel in the order of its use";
  let description = [{
    After CSE, so that each value is there once. What nobody uses is erased.
  }];
}

def CtaToSM100 : Pass<"cta-to-sm100", "::mlir::ModuleOp"> {
  let summary = "lower a proven cta.kernel to NVVM for chips with tensor memory";
  let description = "As cta-to-sm120, but for its multiplies: those of tcgen05.";
  let options = [
    Option<"chip", "chip", "std::string", "\"sm_100a\"", "full chip name">];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect",
                           "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect"];
}

def CtaToSM120 : Pass<"cta-to-sm120", "::mlir::ModuleOp"> {
  let summary = "lower a proven cta.kernel to NVVM for chips with mma.sync block_scale";
  let description = [{
    Leaves only: every decision was made before. A kernel without a certificate
    is refused. Reads and writes of global memory become predicated inline PTX,
    never llvm.load, which LLVM may widen over padding.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect",
                           "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect"];
}
