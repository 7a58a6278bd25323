// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Pairs of CTAs: one asks for both, the other hands its slots over, and neither leaves before what is to arrive has.
// RUN: nybl-opt %s -block-scale-to-tile="chip=sm_100a schedule='kind=tmem tile=256x128x128 warps=4x1 stages=3 fill=tma ctas=2'" -nybl-cta -nybl-prove -cta-to-sm100 | FileCheck %s

// CHECK: llvm.func @gemm(
// CHECK-SAME: nvvm.cluster_dim = array<i32: 2, 1, 1>
// CHECK: "@$1 tcgen05.alloc.cta_group::2.sync.aligned.shared::cta.b32 [$0], 512;"
// CHECK: tcgen05.relinquish_alloc_permit.cta_group::2

// Three slots: published by four warps, let go of by one commit, handed over by one thread. Both CTAs see the barriers
// before any role begins.
// CHECK-COUNT-3: "@$1 mbarrier.init.shared.b64 [$0], 4;"
// CHECK-COUNT-8: "@$1 mbarrier.init.shared.b64 [$0], 1;"
// CHECK-COUNT-2: "@$1 mbarrier.init.shared.b64 [$0], 4;"
// CHECK: barrier.cluster.arrive.release.aligned;{{.*}}barrier.cluster.wait.acquire.aligned;

// Tiles are the pair's. Behind them the producer waits until all of its slots have come back.
// CHECK: %[[FIRST:.*]] = nvvm.read.ptx.sreg.clusterid.x
// CHECK: %[[STEP:.*]] = nvvm.read.ptx.sreg.nclusterid.x
// CHECK: scf.for %{{.*}} = %[[FIRST]] to %{{.*}} step %[[STEP]] iter_args
// CHECK: cp.async.mbarrier.arrive
// CHECK: nvvm.griddepcontrol
// CHECK: scf.for
// CHECK: mbarrier.try_wait.parity.shared.b64
// CHECK: nvvm.read.ptx.sreg.clusterid.x

// The thread that is elected in the first CTA waits for its slot, and for the other's, before it asks.
// CHECK: %[[ELECTED:.*]] = llvm.inline_asm{{.*}}elect.sync
// CHECK: scf.if %[[ELECTED]] {
// CHECK: %[[RANK:.*]] = nvvm.read.ptx.sreg.cluster.ctarank
// CHECK: %[[LEADS:.*]] = llvm.icmp "eq" %[[RANK]]
// CHECK: scf.if %[[LEADS]] {
// CHECK: scf.for
// CHECK: mbarrier.try_wait.parity.shared.b64
// CHECK-NEXT: "fence.proxy.async.shared::cta;"
// CHECK-NEXT: "tcgen05.fence::after_thread_sync;"
// CHECK: mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64
// CHECK-NEXT: "tcgen05.fence::after_thread_sync;"
// CHECK-COUNT-2: "tcgen05.cp.cta_group::2.32x128b.warpx4 [$0], $1;"
// 256 rows and 128 columns.
// CHECK: llvm.mlir.constant(270533760 : i32)
// CHECK: "tcgen05.mma.cta_group::2.kind::mxf4nvf4.block_scale.scale_vec::4X
// CHECK: llvm.mlir.constant(3 : i16)
// CHECK-NEXT: "tcgen05.commit.cta_group::2.mbarrier::arrive::one.shared::cluster.multicast::cluster.b64 [$0], $1;"

// In the other it waits for its slot, and hands it over.
// CHECK: } else {
// CHECK: scf.for
// CHECK: mbarrier.try_wait.parity.shared.b64
// CHECK-NEXT: "fence.proxy.async.shared::cta;"
// CHECK-NEXT: "tcgen05.fence::after_thread_sync;"
// CHECK-NOT: tcgen05.{{cp|mma|commit}}
// CHECK: "tcgen05.fence::before_thread_sync;"
// CHECK-NEXT: %[[THERE:.*]] = llvm.inline_asm {{.*}}"mapa.shared::cluster.u32 $0, $1, 0;"
// CHECK-NEXT: "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [$0];"{{.*}} %[[THERE]]

// Accumulators are whole in both.
// CHECK: "@$2 tcgen05.commit.cta_group::2{{.*}}multicast::cluster.b64 [$0], $1;"
// CHECK: "tcgen05.fence::before_thread_sync;"
// CHECK-NEXT: barrier.cluster.arrive.release.aligned;
// CHECK-NEXT: "tcgen05.fence::after_thread_sync;"
// CHECK: "@$1 tcgen05.dealloc.cta_group::2.sync.aligned.b32 $0, 512;"
// CHECK: llvm.return
func.func @gemm(%a: !block_scale.tensor<?x224xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
                %b: !block_scale.tensor<24x224xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
                %alpha: f32) -> tensor<?x24xf32> {
  %d = block_scale.gemm %a, %b scaled_by %alpha :
      !block_scale.tensor<?x224xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
      !block_scale.tensor<24x224xf4E2M1FN, f8E4M3FN per 16 in "128x4"> -> tensor<?x24xf32>
  return %d : tensor<?x24xf32>
}
