// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The BlockScale dialect: WHAT is computed, on typed block-scaled tensors.
#ifndef NYBL_DIALECTS_BLOCKSCALE_BLOCKSCALEDIALECT_TD
#define NYBL_DIALECTS_BLOCKSCALE_BLOCKSCALEDIALECT_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"

def BlockScale_Dialect : Dialect {
  let name = "block_scale";
  let cppNamespace = "::nybl::block_scale";
  let summary = "matrix products on block-scaled tensors";
  let useDefaultTypePrinterParser = 1;
}

#endif // NYBL_DIALECTS_BLOCKSCALE_BLOCKSCALEDIALECT_TD
