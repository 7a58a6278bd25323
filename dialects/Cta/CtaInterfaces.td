// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the proof sees of an op that touches global memory.
#ifndef NYBL_DIALECTS_CTA_CTAINTERFACES_TD
#define NYBL_DIALECTS_CTA_CTAINTERFACES_TD

include "mlir/IR/OpBase.td"

def Cta_GlobalAccess : OpInterface<"GlobalAccess"> {
  let cppNamespace = "::nybl::cta";
  let description = [{
    An access of global memory: `bytes` bytes at `base + offset`, done by each
    thread where its predicate holds, and by none elsewhere. Every op of Cta that
    touches global memory implements it, and the proof (compiler/Legality) looks
    at accesses through it alone.
  }];
  let methods = [
    InterfaceMethod<"The operand accessed: a kernel argument.",
      "::mlir::Value", "getBase">,
    InterfaceMethod<"Byte offset from the base, i64; null if it is 0.",
      "::mlir::Value", "getByteOffset">,
    InterfaceMethod<"The predicate, i1; null if done wherever the base is not null.",
      "::mlir::Value", "getGuard">,
    InterfaceMethod<"Bytes per access.", "int64_t", "getAccessBytes">,
    InterfaceMethod<"True if it writes.", "bool", "isWrite">,
  ];
}

#endif // NYBL_DIALECTS_CTA_CTAINTERFACES_TD
