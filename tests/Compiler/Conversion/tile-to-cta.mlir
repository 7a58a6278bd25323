// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: nybl-opt %s -block-scale-to-tile="schedule=kind=plain" -nybl-cta | FileCheck %s

// CHECK: cta.kernel @gemm
// CHECK-SAME: sources ["a", "a.stride", "sfa", "b", "b.stride", "sfb", "d", "d.stride", "alpha", "alpha.value", "alpha.reciprocal", "m"] threads 256
// Nothing is touched before the grids this one depends on are done.
// CHECK-NEXT: cta.grid_wait
// CHECK-NOT: cta.load
// CHECK: cta.load_scalar
// CHECK: cta.tile_range
// CHECK: scf.for
// CHECK: cta.load %
// CHECK: cta.load_scale %
// CHECK: cta.barrier
// CHECK: cta.ldmatrix
// CHECK: cta.mma
// CHECK: cta.barrier
// CHECK: cta.store %
// CHECK: cta.grid_release

func.func @gemm(%a: !block_scale.tensor<?x384xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
                %b: !block_scale.tensor<24x384xf4E2M1FN, f8E4M3FN per 16 in "8x4">,
                %alpha: f32) -> tensor<?x24xf32> {
  %d = block_scale.gemm %a, %b scaled_by %alpha :
      !block_scale.tensor<?x384xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
      !block_scale.tensor<24x384xf4E2M1FN, f8E4M3FN per 16 in "8x4"> -> tensor<?x24xf32>
  return %d : tensor<?x24xf32>
}
