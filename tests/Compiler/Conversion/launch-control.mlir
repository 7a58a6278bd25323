// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Tiles are taken over from CTAs that have not begun, as cluster launch control tells them.
// RUN: nybl-opt %s -block-scale-to-tile="schedule='kind=pingpong tile=64x32x64 warps=4x1 stages=3 group=2 scheduler=clc'" -nybl-cta -nybl-prove -cta-to-sm120 | FileCheck %s

// Four slots for answers: each is whole when its bytes have come, and free when all 12 warps have taken it.
// CHECK-DAG: llvm.mlir.global internal @answers{{.*}} !llvm.array<64 x i8>
// CHECK: llvm.func @gemm(
// CHECK: "@$1 mbarrier.init.shared.b64 [$0], 1;"
// CHECK: "@$1 mbarrier.init.shared.b64 [$0], 1;"
// CHECK: "@$1 mbarrier.init.shared.b64 [$0], 1;"
// CHECK: "@$1 mbarrier.init.shared.b64 [$0], 1;"
// CHECK-COUNT-4: "@$1 mbarrier.init.shared.b64 [$0], 12;"
// CHECK: nvvm.barrier

// The producer begins with the tile of its own index, and goes on as long as there are tiles.
// CHECK: scf.if
// CHECK: %[[CTA:.*]] = nvvm.read.ptx.sreg.ctaid.x
// CHECK-NOT: nctaid
// CHECK: scf.while (%[[NUMBER:.*]] = %[[CTA]],
// CHECK: arith.cmpi ult, %[[NUMBER]],
// CHECK: scf.condition
// At the begin of a tile one thread asks for the next, where the slot is free.
// CHECK: mbarrier.try_wait.parity.shared.b64 done, [$0], $1;
// CHECK: elect.sync
// CHECK: "@$1 mbarrier.arrive.expect_tx.shared.b64 _, [$0], 16;"
// CHECK: "@$2 clusterlaunchcontrol.try_cancel.async.shared::cta.mbarrier::complete_tx::bytes.b128 [$0], [$1];"
// The number is of the walk in groups of two rows, as any.
// CHECK: arith.minui
// CHECK: scf.for
// At its end the answer is taken, and its slot let go of.
// CHECK: mbarrier.try_wait.parity.shared.b64 done, [$0], $1;
// CHECK: ld.shared.b128 answer, [$1];
// CHECK-SAME: query_cancel.is_canceled.pred.b128 is_tile, answer;
// CHECK-SAME: mov.b32 $0, -1;
// CHECK-SAME: @is_tile clusterlaunchcontrol.query_cancel.get_first_ctaid::x.b32.b128 $0, answer;
// CHECK: "fence.proxy.async.shared::cta;"
// CHECK: nvvm.bar.warp.sync
// CHECK: "@$1 mbarrier.arrive.shared.b64 _, [$0];"
// CHECK: nvvm.griddepcontrol launch_dependents

// Both groups of consumers go through all answers, and each does its own tiles.
// CHECK: scf.if
// CHECK: %[[GROUP:.*]] = arith.divui
// CHECK: scf.while
// CHECK: %[[WHOSE:.*]] = arith.remui
// CHECK: %[[MINE:.*]] = arith.cmpi eq, %[[WHOSE]], %[[GROUP]]
// CHECK-NEXT: scf.if %[[MINE]]
// CHECK: nvvm.mma.block_scale
// CHECK: st.global
// CHECK: ld.shared.b128 answer, [$1];
// CHECK-NOT: try_cancel

func.func @gemm(%a: !block_scale.tensor<?x336xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
                %b: !block_scale.tensor<72x336xf4E2M1FN, f8E4M3FN per 16 in "linear">,
                %alpha: f32) -> tensor<?x72xf32> {
  %d = block_scale.gemm %a, %b scaled_by %alpha :
      !block_scale.tensor<?x336xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
      !block_scale.tensor<72x336xf4E2M1FN, f8E4M3FN per 16 in "linear"> -> tensor<?x72xf32>
  return %d : tensor<?x72xf32>
}
