// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the proof sees of an op that touches memory.
#ifndef NYBL_DIALECTS_CTA_CTAINTERFACES_TD
#define NYBL_DIALECTS_CTA_CTAINTERFACES_TD

include "mlir/IR/OpBase.td"

def Cta_GlobalAccess : OpInterface<"GlobalAccess"> {
  let cppNamespace = "::nybl::cta";
  let description = [{
    An access of global memory: elements of `bytes` bytes, one after the other
    from `base + offset` on, each done by each thread where all its guards hold,
    and by none elsewhere. Every op of Cta that touches global memory implements
    it, and the proof (compiler/Legality) looks at accesses through it alone.
  }];
  let methods = [
    InterfaceMethod<"The operand accessed: a kernel argument.",
      "::mlir::Value", "getBase">,
    InterfaceMethod<"Byte offset of the first element from the base, i64; null if it is 0, or if a map says it.",
      "::mlir::Value", "getByteOffset">,
    InterfaceMethod<"The predicates, i1, of an element; none if done wherever the base is not null.",
      "::llvm::SmallVector<::mlir::Value>", "getGuards", (ins "unsigned":$element)>,
    InterfaceMethod<"Bytes of an element.", "int64_t", "getElementBytes">,
    InterfaceMethod<"How many elements.", "unsigned", "getElementCount",
      (ins), "", "return 1;">,
    InterfaceMethod<"True if it writes.", "bool", "isWrite", (ins), "", "return false;">,
  ];
}

def Cta_StageAccess : OpInterface<"StageAccess"> {
  let cppNamespace = "::nybl::cta";
  let description = [{
    An access of shared memory: `bytes` bytes at `offset` of a stage, or, where
    the stage is in a ring, of the slot that `iteration` has. Every op of Cta
    that touches shared memory that operands pass through implements it; stages
    of D are apart (cta.store_pair, cta.store_box).
  }];
  let methods = [
    InterfaceMethod<"What cta.alloc gave.", "::mlir::Value", "getStage">,
    InterfaceMethod<"The iteration, i32; null for a stage without a ring.",
      "::mlir::Value", "getIteration">,
    InterfaceMethod<"Byte offset within the stage, i32; null: all of it.",
      "::mlir::Value", "getStageOffset">,
    InterfaceMethod<"The predicate, i1; null if every thread does it.",
      "::mlir::Value", "getStageGuard", (ins), "", "return {};">,
    InterfaceMethod<"Bytes each thread accesses.", "int64_t", "getStageBytes">,
    InterfaceMethod<"Into how many equal pieces a read divides them, each of one row.",
      "int64_t", "getStagePieces", (ins), "", "return 1;">,
    InterfaceMethod<"True if it writes.", "bool", "isStageWrite", (ins), "", "return false;">,
  ];
}

#endif // NYBL_DIALECTS_CTA_CTAINTERFACES_TD
