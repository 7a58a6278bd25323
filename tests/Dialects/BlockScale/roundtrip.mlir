// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: nybl-opt %s | nybl-opt | FileCheck %s

// CHECK: block_scale.gemm %{{.*}}, %{{.*}} scaled_by %{{.*}} : <?x384xf4E2M1FN, f8E4M3FN per 16 in "128x4">, <1536x384xf4E2M1FN, f8E4M3FN per 16 in "8x4"> -> tensor<?x1536xbf16>
func.func @gemm(%a: !block_scale.tensor<?x384xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
                %b: !block_scale.tensor<1536x384xf4E2M1FN, f8E4M3FN per 16 in "8x4">,
                %alpha: f32) -> tensor<?x1536xbf16> {
  %d = block_scale.gemm %a, %b scaled_by %alpha :
      !block_scale.tensor<?x384xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
      !block_scale.tensor<1536x384xf4E2M1FN, f8E4M3FN per 16 in "8x4"> -> tensor<?x1536xbf16>
  return %d : tensor<?x1536xbf16>
}

// CHECK: block_scale.quantize %{{.*}} scaled_by %{{.*}} {fast, pad_rows} : tensor<?x384xbf16> -> <?x384xf4E2M1FN, f8E4M3FN per 16 in "8x4">
func.func @quantize(%x: tensor<?x384xbf16>, %global: f32)
    -> !block_scale.tensor<?x384xf4E2M1FN, f8E4M3FN per 16 in "8x4"> {
  %q = block_scale.quantize %x scaled_by %global {fast, pad_rows} : tensor<?x384xbf16>
      -> !block_scale.tensor<?x384xf4E2M1FN, f8E4M3FN per 16 in "8x4">
  return %q : !block_scale.tensor<?x384xf4E2M1FN, f8E4M3FN per 16 in "8x4">
}

// CHECK: block_scale.dequantize %{{.*}} scaled_by %{{.*}} {encode} : <?x384xf4E2M1FN, f8E4M3FN per 16 in "8x4"> -> tensor<?x384xf16>
func.func @dequantize(%q: !block_scale.tensor<?x384xf4E2M1FN, f8E4M3FN per 16 in "8x4">, %global: f32)
    -> tensor<?x384xf16> {
  %y = block_scale.dequantize %q scaled_by %global {encode} :
      !block_scale.tensor<?x384xf4E2M1FN, f8E4M3FN per 16 in "8x4"> -> tensor<?x384xf16>
  return %y : tensor<?x384xf16>
}
