// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Tensor memory: got and given back by the first warp, asked of by one elected thread of a group.
// RUN: nybl-opt %s -block-scale-to-tile="chip=sm_100a schedule='kind=tmem tile=128x128x128 warps=4x1 stages=3 fill=tma'" -nybl-cta -nybl-prove -cta-to-sm100 | FileCheck %s
// RUN: nybl-opt %s -block-scale-to-tile="chip=sm_100f schedule='kind=tmem tile=128x128x128 warps=4x1 stages=3 fill=tma'" -nybl-cta -nybl-prove -cta-to-sm100=chip=sm_100f | FileCheck --check-prefix=FAMILY %s
// RUN: not nybl-opt %s -block-scale-to-tile="chip=sm_100f schedule='kind=tmem tile=128x128x128 warps=4x1 stages=3 fill=tma'" -nybl-cta -nybl-prove -cta-to-sm100=chip=sm_120a 2>&1 | FileCheck --check-prefix=WRONG %s

// A family's chips take this spelling alone.
// FAMILY-COUNT-2: "tcgen05.mma.cta_group::1.kind::mxf4nvf4.block_scale.block16 [$0], $1, $2, $3, [$4], [$5], $6;"
// FAMILY-NOT: scale_vec
// WRONG: expected a chip with tensor memory, got 'sm_120a'

// 2 stages of 128 accumulators, and 3 slots of 8 and 8 columns of scale factors: 304, and so 512.
// So no two CTAs are on a multiprocessor, and a thread may have the registers of both.
// CHECK: llvm.func @gemm({{.*}}nvvm.minctasm = 1 : i32
// CHECK: "@$1 tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32 [$0], 512;"
// CHECK: tcgen05.relinquish_alloc_permit
// CHECK: "tcgen05.fence::before_thread_sync;"
// CHECK-NEXT: nvvm.barrier
// CHECK: tcgen05.fence::after_thread_sync

// Slots are published by the producer's warps and let go of by one commit; accumulators are published by one, and all
// warps of a group let them go.
// CHECK-COUNT-3: "@$1 mbarrier.init.shared.b64 [$0], 4;"
// CHECK-COUNT-5: "@$1 mbarrier.init.shared.b64 [$0], 1;"
// CHECK-COUNT-2: "@$1 mbarrier.init.shared.b64 [$0], 4;"

// Columns are those of planTensorMemory(): accumulators from 0, scale factors of a from 256 and of b from 280.
// CHECK: %[[COLUMN:.*]] = llvm.mlir.constant(0 : i32)
// CHECK-NEXT: llvm.add %{{.*}}, %[[COLUMN]]
// CHECK: %[[COLUMN:.*]] = llvm.mlir.constant(256 : i32)
// CHECK-NEXT: llvm.add %{{.*}}, %[[COLUMN]]
// CHECK: %[[COLUMN:.*]] = llvm.mlir.constant(280 : i32)
// CHECK-NEXT: llvm.add %{{.*}}, %[[COLUMN]]

// Accumulators are written behind a fence of the wait for their slot. One thread is elected for the whole loop: it waits
// for each slot, with one fence for the scale factors, which threads have written; of each operand it has two atoms
// copied; then two multiplies, of which the first of the tile adds to nothing.
// CHECK: "tcgen05.fence::after_thread_sync;"
// CHECK-NEXT: llvm.mlir.constant(false)
// CHECK: %[[ELECTED:.*]] = llvm.inline_asm{{.*}}elect.sync
// CHECK: scf.if %[[ELECTED]] {
// CHECK: scf.for {{.*}} iter_args(%[[ADDS:.*]] = %{{.*}}) -> (i1)
// CHECK: mbarrier.try_wait
// CHECK-NEXT: "fence.proxy.async.shared::cta;"
// CHECK-NEXT: "tcgen05.fence::after_thread_sync;"
// CHECK-NOT: {{fence|elect|scf.if}}
// CHECK-COUNT-4: "tcgen05.cp.cta_group::1.32x128b.warpx4 [$0], $1;"
// CHECK-NOT: {{fence|elect|scf.if}}
// CHECK: "tcgen05.mma.cta_group::1.kind::mxf4nvf4.block_scale.scale_vec::4X [$0], $1, $2, $3, [$4], [$5], $6;"{{.*}}, %[[ADDS]] :
// CHECK: %[[TRUE:.*]] = llvm.mlir.constant(true)
// CHECK-NOT: {{fence|elect|scf.if}}
// CHECK: "tcgen05.mma{{.*}}, %[[TRUE]] :
// CHECK: "tcgen05.commit.cta_group::1.mbarrier::arrive::one.shared::cluster.b64 [$0];"
// CHECK: scf.yield %{{.*}} : i1
// CHECK: "@$1 tcgen05.commit
// CHECK: mbarrier.try_wait
// CHECK-NEXT: "tcgen05.fence::after_thread_sync;"
// CHECK-COUNT-4: tcgen05.ld.sync.aligned.32x32b.x32.b32
// CHECK: "tcgen05.fence::before_thread_sync;"
// CHECK-NEXT: nvvm.barrier
// CHECK: "@$1 tcgen05.dealloc.cta_group::1.sync.aligned.b32 $0, 512;"
// CHECK: llvm.return
func.func @gemm(%a: !block_scale.tensor<?x224xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
                %b: !block_scale.tensor<24x224xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
                %alpha: f32) -> tensor<?x24xf32> {
  %d = block_scale.gemm %a, %b scaled_by %alpha :
      !block_scale.tensor<?x224xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
      !block_scale.tensor<24x224xf4E2M1FN, f8E4M3FN per 16 in "128x4"> -> tensor<?x24xf32>
  return %d : tensor<?x24xf32>
}
