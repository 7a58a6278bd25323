// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// L7. Kernels are straight lines and loops, so before is above, but for copies
// that run ahead.

#include "compiler/Legality/Prove.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

static LogicalResult refute(Proof &proof, cta::GlobalAccess access,
                            StringRef when) {
  Counterexample example;
  example.lemma = "L7";
  example.operand =
      proof.kernel.sourceOf(cast<BlockArgument>(access.getBase()));
  InFlightDiagnostic error = access.emitError("refuted: this accesses '");
  markRefuted(error, example);
  return error << example.operand << "' " << when
               << " cta.grid_wait: the grids that this launch depends on may "
                  "still write it";
}

/// What it is made of is known ahead of the wait: its operand is static, and
/// its address depends on nothing but the tile and the K step (L5, L6). Where
/// it goes is empty: slots of the first iterations, which only this role
/// writes, and each byte once (L3), so it is moved past no other write. The
/// loop runs from 0 by 1 (L3).
static LogicalResult proveAhead(Proof &proof, cta::GlobalAccess access) {
  if (!proof.kernel.isStatic(cast<BlockArgument>(access.getBase())))
    return refute(proof, access, "ahead of");
  auto loop = dyn_cast<scf::ForOp>(access->getParentOp());
  auto stage = cast<cta::StageAccess>(access.getOperation());
  if (!loop || !isa<cta::RoleOp>(loop->getParentOp()) ||
      !loop.getInitArgs().empty() ||
      stage.getIteration() != loop.getInductionVar())
    return access.emitError("not proven: expected what runs ahead in a K loop "
                            "of a role that carries nothing, at the K step");
  return success();
}

FailureOr<Shown> nybl::compiler::proveOrder(Proof &proof) {
  Block &body = proof.kernel.getBody().front();
  auto waits = body.getOps<cta::GridWaitOp>();
  Operation *wait = waits.empty() ? nullptr : *waits.begin();
  size_t after = 0, ahead = 0;
  WalkResult result =
      proof.kernel.walk([&](cta::GlobalAccess access) -> WalkResult {
        Operation *top = body.findAncestorOpInBlock(*access);
        if (!wait || !wait->isBeforeInBlock(top))
          return refute(proof, access, "before");
        if (!cta::isAhead(access))
          return ++after, success();
        return ++ahead, proveAhead(proof, access);
      });
  if (result.wasInterrupted())
    return failure();
  std::string domain =
      std::to_string(after) + " accesses, each after griddepcontrol.wait";
  if (ahead)
    domain += "; " + std::to_string(ahead) +
              " copies ahead of it, of operands that are static";
  return Shown{domain, "the first access"};
}
