// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Two groups of consumers take tiles by turns, and tiles are handed out in groups of rows.
// RUN: nybl-opt %s -block-scale-to-tile="schedule='kind=pingpong tile=64x32x64 warps=4x1 stages=3 group=2'" -nybl-cta -nybl-prove -cta-to-sm120 | FileCheck %s

// A barrier for each group, at which its 4 warps arrive; one of the groups' 4 warps releases a slot.
// CHECK: llvm.func @gemm(
// CHECK-COUNT-6: "@$1 mbarrier.init.shared.b64 [$0], 4;"
// CHECK: nvvm.barrier
// CHECK-COUNT-2: "@$1 mbarrier.init.shared.b64 [$0], 4;"
// CHECK: nvvm.barrier

// The producer takes every tile.
// CHECK: scf.if
// CHECK: %[[CTA:.*]] = nvvm.read.ptx.sreg.ctaid.x
// CHECK: %[[GRID:.*]] = nvvm.read.ptx.sreg.nctaid.x
// CHECK: scf.for {{.*}} = %[[CTA]] to {{.*}} step %[[GRID]]
// CHECK: arith.minui
// CHECK: nvvm.griddepcontrol launch_dependents

// Group g of the consumers begins at its first tile, with the ring's 6 iterations of each tile before, and takes every
// second one.
// CHECK: scf.if
// CHECK: %[[GROUP:.*]] = arith.divui
// CHECK: %[[THREAD:.*]] = arith.remui
// CHECK: arith.muli %[[GROUP]], %{{.*}} : i32
// CHECK: %[[SKIPPED:.*]] = arith.muli %[[GROUP]], %{{.*}} : i32
// CHECK: %[[FIRST:.*]] = arith.addi %{{.*}}, %[[SKIPPED]]
// CHECK: %[[TWO:.*]] = arith.constant 2 : i32
// CHECK: %[[STEP:.*]] = arith.muli %{{.*}}, %[[TWO]]
// CHECK: scf.for {{.*}} = %[[FIRST]] to {{.*}} step %[[STEP]]
// CHECK: arith.minui
// It waits for the turn of the tile before, three of four behind.
// CHECK: llvm.mlir.constant(3 : i32)
// CHECK: llvm.add
// CHECK: mbarrier.try_wait.parity.shared.b64 done, [$0], $1;
// CHECK: scf.for
// CHECK: mbarrier.try_wait.parity.shared.b64 done, [$0], $1;
// CHECK: nvvm.mma.block_scale
// CHECK: "@$1 mbarrier.arrive.shared.b64 _, [$0];"
// Its own turn is over before it stores.
// CHECK: "@$1 mbarrier.arrive.shared.b64 _, [$0];"
// CHECK: st.global

func.func @gemm(%a: !block_scale.tensor<?x336xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
                %b: !block_scale.tensor<72x336xf4E2M1FN, f8E4M3FN per 16 in "linear">,
                %alpha: f32) -> tensor<?x72xf32> {
  %d = block_scale.gemm %a, %b scaled_by %alpha :
      !block_scale.tensor<?x336xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
      !block_scale.tensor<72x336xf4E2M1FN, f8E4M3FN per 16 in "linear"> -> tensor<?x72xf32>
  return %d : tensor<?x72xf32>
}
