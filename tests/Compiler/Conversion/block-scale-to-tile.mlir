// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: nybl-opt %s -block-scale-to-tile | FileCheck %s
// RUN: nybl-opt %s -block-scale-to-tile="schedule=kind=plain" | FileCheck %s -check-prefix=PLAIN
// RUN: not nybl-opt %s -block-scale-to-tile="schedule='tile=100x128x128'" 2>&1 | FileCheck %s -check-prefix=SCHEDULE
// RUN: not nybl-opt %s -block-scale-to-tile="chip=sm_90a" 2>&1 | FileCheck %s -check-prefix=CHIP

// CHECK: tile.kernel @gemm
// CHECK-SAME: !tile.matrix<[M, 384], f4E2M1FN>
// CHECK-SAME: !tile.scales<[24, 384], f8E4M3FN per 16 in "8x4">
// CHECK-SAME: !tile.matrix<[M, 24], f32>
// CHECK-SAME: #cta.schedule<"cooperative", tile = [64, 64, 256], warps = [2, 2], stages = 4, fill = "tma">
// CHECK: tile.require 256 mod 64 == 0
// PLAIN: #cta.schedule<"plain", tile = [128, 128, 128], warps = [2, 4]>
// SCHEDULE: schedule 'kind=plain tile=100x128x128 warps=2x4': tile m must be a multiple of 16 x warps along m
// CHIP: sm_90a has no block-scaled mma.sync
func.func @gemm(%a: !block_scale.tensor<?x384xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
                %b: !block_scale.tensor<24x384xf4E2M1FN, f8E4M3FN per 16 in "8x4">,
                %alpha: f32) -> tensor<?x24xf32> {
  %d = block_scale.gemm %a, %b scaled_by %alpha :
      !block_scale.tensor<?x384xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
      !block_scale.tensor<24x384xf4E2M1FN, f8E4M3FN per 16 in "8x4"> -> tensor<?x24xf32>
  return %d : tensor<?x24xf32>
}
