// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// L7. Kernels are straight lines and loops, so before is above.

#include "compiler/Legality/Prove.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

FailureOr<Shown> nybl::compiler::proveOrder(Proof &proof) {
  Block &body = proof.kernel.getBody().front();
  auto waits = body.getOps<cta::GridWaitOp>();
  Operation *wait = waits.empty() ? nullptr : *waits.begin();
  size_t after = 0;
  WalkResult result =
      proof.kernel.walk([&](cta::GlobalAccess access) -> WalkResult {
        Operation *top = body.findAncestorOpInBlock(*access);
        ++after;
        if (wait && wait->isBeforeInBlock(top))
          return success();
        Counterexample example;
        example.lemma = "L7";
        example.operand =
            proof.kernel.sourceOf(cast<BlockArgument>(access.getBase()));
        InFlightDiagnostic error = access.emitError("refuted: this accesses '");
        markRefuted(error, example);
        error << example.operand
              << "' before cta.grid_wait: the grids that this launch "
                 "depends on may still write it";
        return WalkResult::interrupt();
      });
  if (result.wasInterrupted())
    return failure();
  return Shown{std::to_string(after) +
                   " accesses, each after griddepcontrol.wait",
               "the first access"};
}
