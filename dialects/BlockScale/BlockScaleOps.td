// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The ops a user names.
#ifndef NYBL_DIALECTS_BLOCKSCALE_BLOCKSCALEOPS_TD
#define NYBL_DIALECTS_BLOCKSCALE_BLOCKSCALEOPS_TD

include "dialects/BlockScale/BlockScaleTypes.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def BlockScale_GemmOp : Op<BlockScale_Dialect, "gemm", [Pure]> {
  let summary = "D[M,N] = alpha * A[M,K] * B[N,K]^T, rounded once";
  let description = [{
    Without alpha it is 1. `static_weights`: b is whole before any grid begins
    that the product may overlap with, and stays as it is until it is over.
    ```mlir
    %d = block_scale.gemm %a, %b scaled_by %alpha :
        !block_scale.tensor<?x384xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
        !block_scale.tensor<1536x384xf4E2M1FN, f8E4M3FN per 16 in "128x4">
        -> tensor<?x1536xbf16>
    ```
  }];
  let arguments = (ins BlockScale_TensorType:$a, BlockScale_TensorType:$b,
                       Optional<F32>:$alpha, UnitAttr:$static_weights);
  let results = (outs RankedTensorOf<[BF16, F16, F32]>:$d);
  let assemblyFormat = [{
    $a `,` $b (`scaled_by` $alpha^)? attr-dict `:` type($a) `,` type($b) `->` type($d)
  }];
  let hasVerifier = 1;
}

def BlockScale_QuantizeOp : Op<BlockScale_Dialect, "quantize", [Pure]> {
  let summary = "q[M,K] and its scale factors from x[M,K], block by block";
  let description = [{
    Without a global scale it is 1; with `decode` it is given as its reciprocal.
    `fast` allows the chip's approximate reciprocals. `pad_rows` has the scale
    factors of padding rows written as 0; those of padding K blocks always are.
    With `silu_mul` x is [M,2K], a gate and beside it what it opens, and q is made
    of silu(gate) * up.
    ```mlir
    %q = block_scale.quantize %x scaled_by %global : tensor<?x384xbf16>
        -> !block_scale.tensor<?x384xf4E2M1FN, f8E4M3FN per 16 in "128x4">
    ```
  }];
  let arguments = (ins RankedTensorOf<[BF16, F16, F32]>:$x, Optional<F32>:$global,
                       UnitAttr:$decode, UnitAttr:$fast, UnitAttr:$pad_rows,
                       UnitAttr:$silu_mul);
  let results = (outs BlockScale_TensorType:$q);
  let assemblyFormat = [{
    $x (`scaled_by` $global^)? attr-dict `:` type($x) `->` type($q)
  }];
  let hasVerifier = 1;
}

def BlockScale_DequantizeOp : Op<BlockScale_Dialect, "dequantize", [Pure]> {
  let summary = "y[M,K] from q[M,K] and its scale factors: code * factor * global, rounded";
  let description = [{
    Without a global scale it is 1; with `encode` it is given as its reciprocal.
    ```mlir
    %y = block_scale.dequantize %q scaled_by %global :
        !block_scale.tensor<?x384xf4E2M1FN, f8E4M3FN per 16 in "128x4"> -> tensor<?x384xbf16>
    ```
  }];
  let arguments = (ins BlockScale_TensorType:$q, Optional<F32>:$global,
                       UnitAttr:$encode);
  let results = (outs RankedTensorOf<[BF16, F16, F32]>:$y);
  let assemblyFormat = [{
    $q (`scaled_by` $global^)? attr-dict `:` type($q) `->` type($y)
  }];
  let hasVerifier = 1;
}

#endif // NYBL_DIALECTS_BLOCKSCALE_BLOCKSCALEOPS_TD
