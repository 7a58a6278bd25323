// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Whatever the order of claims that is proven, a multiply stands behind a fence of the wait for its accumulators: here
// they are acquired behind the copies of scale factors, in a tile of one K step.
// RUN: nybl-opt %s -block-scale-to-tile="chip=sm_100a schedule='kind=tmem tile=128x128x128 warps=4x1 stages=3 fill=tma'" -nybl-cta -o %t
// RUN: sed -e '/cta.take_turn/,/cta.tensor_mma/{/cta.ring_acquire/{h;d};/cta.tensor_mma/{x;G}}' %t > %t.moved
// RUN: FileCheck %s -check-prefix=MOVED -input-file=%t.moved
// RUN: nybl-opt %t.moved -nybl-prove -cta-to-sm100 | FileCheck %s

// MOVED: cta.take_turn
// MOVED-NOT: cta.ring_acquire
// MOVED-COUNT-2: cta.tensor_copy
// MOVED-NEXT: cta.ring_acquire
// MOVED-NEXT: cta.tensor_mma

// CHECK-COUNT-4: tcgen05.cp
// CHECK: mbarrier.try_wait
// CHECK-NEXT: "tcgen05.fence::after_thread_sync;"
// CHECK: tcgen05.mma
func.func @gemm(%a: !block_scale.tensor<?x128xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
                %b: !block_scale.tensor<24x128xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
                %alpha: f32) -> tensor<?x24xf32> {
  %d = block_scale.gemm %a, %b scaled_by %alpha :
      !block_scale.tensor<?x128xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
      !block_scale.tensor<24x128xf4E2M1FN, f8E4M3FN per 16 in "128x4"> -> tensor<?x24xf32>
  return %d : tensor<?x24xf32>
}
