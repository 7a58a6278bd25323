// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// L5. Values are followed forward from where memory is read. Scale factors have
// types whose users Cta's verifier knows; this is about all else.

#include "compiler/Legality/Prove.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

/// What a use of a value that was read from memory makes of it: values it
/// reaches in turn, or nothing if the use is none that is allowed.
static std::optional<SmallVector<Value>> follow(OpOperand &use) {
  Operation *user = use.getOwner();
  Value value = use.get();
  // What is stored or multiplied is what memory is for.
  if (auto store = dyn_cast<cta::StoreOp>(user);
      store && value == store.getValue())
    return SmallVector<Value>();
  if (auto pair = dyn_cast<cta::StorePairOp>(user);
      pair && value != pair.getOffset())
    return SmallVector<Value>();
  if (auto store = dyn_cast<cta::StoreSharedOp>(user);
      store && value == store.getValue())
    return SmallVector<Value>();
  if (auto store = dyn_cast<cta::StoreElementsOp>(user);
      store && use.getOperandNumber() < store.getValues().size())
    return SmallVector<Value>();
  if (auto store = dyn_cast<cta::StoreCodesOp>(user);
      store && value == store.getCodes())
    return SmallVector<Value>();
  if (isa<cta::StoreScaleOp, cta::CopyScalesOp, cta::StoreFactorOp>(user))
    return isa<cta::ScaleType>(value.getType())
               ? std::optional(SmallVector<Value>())
               : std::nullopt;
  if (isa<cta::MmaOp, cta::QuantizeOp, cta::SiluMulOp, cta::DequantizeOp>(
          user) ||
      isa<arith::ArithDialect>(user->getDialect()))
    return SmallVector<Value>(user->getResults());
  if (auto sum = dyn_cast<cta::SumPartsOp>(user);
      sum && use.getOperandNumber() < sum.getValues().size())
    return SmallVector<Value>{
        sum.getBody().getArgument(use.getOperandNumber())};
  if (isa<cta::LoadScalarOp>(user)) // `or` the value that the host gave
    return SmallVector<Value>(user->getResults());
  if (auto yield = dyn_cast<scf::YieldOp>(user)) {
    auto loop = dyn_cast<scf::ForOp>(yield->getParentOp());
    if (!loop)
      return std::nullopt;
    return SmallVector<Value>{loop.getRegionIterArg(use.getOperandNumber()),
                              loop.getResult(use.getOperandNumber())};
  }
  if (auto loop = dyn_cast<scf::ForOp>(user);
      loop && use.getOperandNumber() >= 3) // after lower, upper, step
    return SmallVector<Value>{loop.getRegionIterArg(use.getOperandNumber() - 3),
                              loop.getResult(use.getOperandNumber() - 3)};
  return std::nullopt;
}

FailureOr<Shown> nybl::compiler::proveFlow(Proof &proof) {
  SmallVector<Value> pending;
  proof.kernel.walk([&](Operation *op) {
    if (isa<cta::LoadOp, cta::LoadElementsOp, cta::LoadScaleOp,
            cta::LoadScalarOp, cta::LdMatrixOp, cta::LoadScaleWordOp,
            cta::LoadScaleWordsOp, cta::TensorLoadOp>(op))
      llvm::append_range(pending, op->getResults());
    if (auto sum = dyn_cast<cta::SumPartsOp>(op))
      llvm::append_range(pending, sum.getBody().getArguments());
  });
  size_t reads = pending.size();
  llvm::DenseSet<Value> seen(pending.begin(), pending.end());
  while (!pending.empty()) {
    Value value = pending.pop_back_val();
    for (OpOperand &use : value.getUses()) {
      std::optional<SmallVector<Value>> reached = follow(use);
      if (!reached) {
        Counterexample example;
        example.lemma = "L5";
        InFlightDiagnostic error = use.getOwner()->emitError(
            "refuted: an address, a guard, a count or a branch here depends on "
            "what was read from memory");
        markRefuted(error, example);
        return error;
      }
      for (Value next : *reached)
        if (seen.insert(next).second)
          pending.push_back(next);
    }
  }
  return Shown{std::to_string(reads) + " values read reach " +
                   std::to_string(seen.size()) +
                   " values, and no address, guard, count or branch",
               reads == 0 ? "nothing is read" : "the first value read"};
}
