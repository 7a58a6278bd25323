// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// D by TMA: each warp waits until its boxes have been read, writes pairs, tells TMA, and one lane stores a box; all
// wait for their boxes at the end. Of 64 x 64 bf16 a warp has one box; of f32 it has eight, 16 rows at a time.
// RUN: nybl-opt %s -block-scale-to-tile="schedule='kind=cooperative tile=128x128x64 warps=2x2 stages=2 store=tma'" -nybl-cta | FileCheck %s -check-prefix=CTA
// RUN: nybl-opt %s -block-scale-to-tile="schedule='kind=cooperative tile=128x128x64 warps=2x2 stages=2 store=tma'" -nybl-cta -nybl-prove -cta-to-sm120 | FileCheck %s
// RUN: sed 's/xbf16/xf32/' %s | nybl-opt -block-scale-to-tile="schedule='kind=cooperative tile=128x128x64 warps=2x2 stages=2 store=tma'" -nybl-cta | FileCheck %s -check-prefix=WIDE
// RUN: sed 's/24/20/g' %s | not nybl-opt -block-scale-to-tile="schedule='kind=cooperative tile=128x128x64 warps=2x2 stages=2 store=tma'" 2>&1 | FileCheck %s -check-prefix=NARROW
// NARROW: expected n to be a multiple of 8, for TMA stores rows of whole 16 bytes, got n=20; leave store=tma out

// CTA: !cta.tensor_map<64, 128>
// CTA-SAME: store = "tma"
// CTA: %[[STAGE:.*]] = cta.alloc : !cta.output_stage<32768>
// CTA: cta.role "producer"
// CTA-NOT: output
// CTA: cta.role "consumer"
// CTA: scf.for
// CTA: arith.mulf
// CTA: cta.output_acquire
// CTA-COUNT-64: cta.store_pair {{.*}}, %[[STAGE]][%{{.*}}] : bf16
// CTA-NOT: cta.store_pair
// CTA: cta.output_publish
// CTA: cta.store_box %{{.*}} of %{{.*}}, %[[STAGE]]
// CTA-NOT: cta.
// CTA: cta.output_drain
// CTA-NEXT: cta.grid_release

// CHECK: llvm.func @gemm({{.*}}llvm.byval
// CHECK: nvvm.mma.block_scale
// CHECK: "cp.async.bulk.wait_group.read 0;"
// CHECK: nvvm.bar.warp.sync
// CHECK-COUNT-64: llvm.store {{.*}} {alignment = 4 : i64} : i32
// CHECK: "fence.proxy.async.shared::cta;"
// CHECK: nvvm.bar.warp.sync
// CHECK: "@$4 cp.async.bulk.tensor.2d.global.shared::cta.tile.bulk_group [$0, {$1, $2}], [$3];"
// CHECK: "cp.async.bulk.commit_group;"
// CHECK: "cp.async.bulk.wait_group 0;"
// CHECK-NEXT: llvm.return

// WIDE: !cta.tensor_map<32, 32>
// WIDE: cta.alloc : !cta.output_stage<32768>
// WIDE: cta.output_acquire
// WIDE-COUNT-32: cta.store_pair
// WIDE-NOT: cta.store_pair
// WIDE: cta.output_publish
// WIDE-COUNT-8: cta.store_box
// WIDE: cta.output_acquire
// WIDE-COUNT-32: cta.store_pair
// WIDE: cta.output_publish
// WIDE-COUNT-8: cta.store_box
// WIDE-NOT: cta.
// WIDE: cta.output_drain

func.func @gemm(%a: !block_scale.tensor<?x96xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
                %b: !block_scale.tensor<24x96xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
                %alpha: f32) -> tensor<?x24xbf16> {
  %d = block_scale.gemm %a, %b scaled_by %alpha :
      !block_scale.tensor<?x96xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
      !block_scale.tensor<24x96xf4E2M1FN, f8E4M3FN per 16 in "128x4"> -> tensor<?x24xbf16>
  return %d : tensor<?x24xbf16>
}
