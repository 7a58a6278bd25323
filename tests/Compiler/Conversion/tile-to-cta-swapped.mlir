// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// With swap=ab the rows of multiplies are rows of B, and a lane's elements are two rows of two columns of D.
// RUN: nybl-opt %s -block-scale-to-tile="schedule='tile=16x32x64 warps=1x1 swap=ab'" -nybl-cta | FileCheck %s
// RUN: nybl-opt %s -block-scale-to-tile="schedule='tile=16x32x64 warps=1x1'" -nybl-cta | FileCheck %s -check-prefix=PLAIN

// CHECK: swap = "ab"
// CHECK-DAG: %[[A:[0-9]+]] = cta.alloc : !cta.stage<768>
// CHECK-DAG: %[[B:[0-9]+]] = cta.alloc : !cta.stage<1536>
// Columns: 16 rows of A by one ldmatrix. Then twice 16 rows of B.
// CHECK: cta.ldmatrix %[[A]][
// CHECK: cta.ldmatrix %[[B]][
// CHECK: cta.ldmatrix %[[B]][
// CHECK-NOT: cta.ldmatrix
// PLAIN-NOT: swap
// PLAIN-DAG: %[[A:[0-9]+]] = cta.alloc : !cta.stage<768>
// PLAIN-DAG: %[[B:[0-9]+]] = cta.alloc : !cta.stage<1536>
// PLAIN: cta.ldmatrix %[[B]][
// PLAIN: cta.ldmatrix %[[B]][
// PLAIN: cta.ldmatrix %[[A]][
// PLAIN-NOT: cta.ldmatrix

func.func @gemm(%a: !block_scale.tensor<?x384xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
                %b: !block_scale.tensor<64x384xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
                %alpha: f32) -> tensor<?x64xf32> {
  %d = block_scale.gemm %a, %b scaled_by %alpha :
      !block_scale.tensor<?x384xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
      !block_scale.tensor<64x384xf4E2M1FN, f8E4M3FN per 16 in "128x4"> -> tensor<?x64xf32>
  return %d : tensor<?x64xf32>
}
