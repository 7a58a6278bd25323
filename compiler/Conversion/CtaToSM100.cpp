// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass cta-to-sm100: as cta-to-sm120, with multiplies in tensor memory
// (CtaTensorToSM100.cpp) in the place of those of warps. Leaves only.

#include "compiler/Conversion/CtaToSM120.h"
#include "compiler/Conversion/Passes.h"
#include "dialects/Chips/Chips.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace nybl::compiler {
#define GEN_PASS_DEF_CTATOSM100
#include "compiler/Conversion/Passes.h.inc"
} // namespace nybl::compiler

namespace {

struct CtaToSM100Pass : public compiler::impl::CtaToSM100Base<CtaToSM100Pass> {
  using CtaToSM100Base::CtaToSM100Base;
  void runOnOperation() override {
    Expected<const Chip *> found = findChip(chip);
    if (!found || !(*found)->tcgen05) {
      getOperation().emitError("expected a chip with tensor memory, got '")
          << chip << "'";
      return signalPassFailure();
    }
    StringRef scaleVector = (*found)->scaleVector;
    if (failed(lowerKernels(
            getOperation(),
            [scaleVector](TypeConverter &types, RewritePatternSet &patterns,
                          ConversionTarget &target) {
              addTensorPatterns(types, patterns, scaleVector);
              // Accumulators go from K step to K step.
              scf::populateSCFStructuralTypeConversionsAndLegality(
                  types, patterns, target);
            })))
      return signalPassFailure();
  }
};

} // namespace
