// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The Cta dialect: HOW, explicitly, as one CTA does it. Addresses and
// predicates are plain `arith`, in the open, so that they can be proven; scale
// factors have types of their own, so that nothing else can touch them.
#ifndef NYBL_DIALECTS_CTA_CTADIALECT_TD
#define NYBL_DIALECTS_CTA_CTADIALECT_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

def Cta_Dialect : Dialect {
  let name = "cta";
  let cppNamespace = "::nybl::cta";
  let summary = "one CTA's copies, multiplies and stores, addresses in the open";
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
}

#endif // NYBL_DIALECTS_CTA_CTADIALECT_TD
