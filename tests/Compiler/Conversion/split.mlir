// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A tile in three parts: the K steps of each, and how parts are added up.
// RUN: nybl-opt %s -block-scale-to-tile="schedule='tile=16x16x64 warps=1x1 split=3'" -nybl-cta | FileCheck %s -check-prefix=CTA
// RUN: nybl-opt %s -block-scale-to-tile="schedule='tile=16x16x64 warps=1x1 split=3'" -nybl-cta -nybl-prove -cta-to-sm120 | FileCheck %s
// RUN: not nybl-opt %s -block-scale-to-tile="schedule='tile=16x16x64 warps=1x1 split=4'" -nybl-cta 2>&1 | FileCheck %s -check-prefix=UNEVEN
// UNEVEN: expected a split that divides the K steps of a tile, {{.*}}, but k=336 is 6 steps of 64

// Six steps, two for each part. What is stored is for the last part alone.
// CTA: cta.tile_range %{{.*}}, %[[PART:.*]] in %{{.*}} parts 3
// CTA-DAG: %[[TWO:.*]] = arith.constant 2 : i32
// CTA: scf.for %[[STEP:.*]] = {{.*}} iter_args
// CTA: %[[FIRST:.*]] = arith.muli %[[PART]], %{{.*}} : i32
// CTA: arith.addi %[[FIRST]], %[[STEP]] : i32
// CTA: cta.sum_parts({{.*}}) of %{{.*}}, %[[PART]] by %{{.*}} in %{{.*}} : <32, 8> {
// CTA: cta.store
// CTA-NOT: cta.store{{.*}}^    }

// CHECK: llvm.func @gemm(
// CHECK: %[[TASK:.*]] = {{.*}}nvvm.read.ptx.sreg.ctaid.x
// CHECK: scf.for %[[TASK:.*]] =
// CHECK: arith.divui %[[TASK]], %{{.*}} : i32
// CHECK: %[[PART:.*]] = arith.remui %[[TASK]], %{{.*}} : i32
// CHECK: nvvm.mma.block_scale
// A tile has 128 bytes of counters and 32 x 8 x 4 of sums.
// CHECK: llvm.mlir.constant(1152 : i64)
// CHECK: %[[LAST:.*]] = llvm.icmp "eq" %[[PART]]
// CHECK: %[[AFTER:.*]] = llvm.icmp "ne" %[[PART]]
// CHECK: ld.acquire.gpu.global.b32 turn, [$0];
// CHECK: @$5 ld.global.v4.b32 {$0, $1, $2, $3}, [$4];{{.*}} %[[AFTER]]
// CHECK: llvm.fadd
// CHECK: llvm.select %[[LAST]]
// CHECK: st.global.v4.b32 [$0], {$1, $2, $3, $4};
// CHECK: @$5 ld.global.v4.b32
// CHECK: st.global.v4.b32
// CHECK: nvvm.bar.warp.sync
// CHECK: llvm.select %[[LAST]]
// CHECK: "@$2 st.release.gpu.global.b32 [$0], $1;"
// CHECK: scf.if %[[LAST]]
// CHECK: st.global.b
func.func @gemm(%a: !block_scale.tensor<?x336xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
                %b: !block_scale.tensor<72x336xf4E2M1FN, f8E4M3FN per 16 in "linear">,
                %alpha: f32) -> tensor<?x72xf32> {
  %d = block_scale.gemm %a, %b scaled_by %alpha :
      !block_scale.tensor<?x336xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
      !block_scale.tensor<72x336xf4E2M1FN, f8E4M3FN per 16 in "linear"> -> tensor<?x72xf32>
  return %d : tensor<?x72xf32>
}
