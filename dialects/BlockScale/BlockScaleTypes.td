// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The block-scaled tensor: element, scale, block and layout are its type.
#ifndef NYBL_DIALECTS_BLOCKSCALE_BLOCKSCALETYPES_TD
#define NYBL_DIALECTS_BLOCKSCALE_BLOCKSCALETYPES_TD

include "dialects/BlockScale/BlockScaleDialect.td"

def BlockScale_TensorType : TypeDef<BlockScale_Dialect, "ScaledTensor"> {
  let mnemonic = "tensor";
  let summary = "rows x columns of narrow elements, one scale per row and block";
  let description = [{
    NVFP4: f4E2M1FN elements, two a byte, the even column in the low nibble; one
    f8E4M3FN scale per 16 columns, read as unsigned; in a scale layout of
    runtime/Abi/ScaleLayout.h.
    `!block_scale.tensor<?x384xf4E2M1FN, f8E4M3FN per 16 in "128x4">`
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "::mlir::Type":$element,
                        "::mlir::Type":$scale, "int64_t":$block,
                        "::mlir::StringAttr":$layout);
  let assemblyFormat = [{
    `<` custom<Shape>($shape, $element) `,` $scale `per` $block `in` $layout `>`
  }];
  let genVerifyDecl = 1;
}

#endif // NYBL_DIALECTS_BLOCKSCALE_BLOCKSCALETYPES_TD
