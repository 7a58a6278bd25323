// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The K loop of kind=multistage: 336 is six steps of 64, the last of one block. SFA lies in tiles, four factors
// together; SFB has rows of 21, no multiple of four, and goes one by one.
// RUN: nybl-opt %s -block-scale-to-tile="schedule='kind=multistage tile=32x32x64 warps=2x1 stages=3'" -nybl-cta | FileCheck %s
// RUN: nybl-opt %s -block-scale-to-tile="schedule='kind=multistage tile=32x32x64 warps=2x1 stages=8'" -nybl-cta | FileCheck %s -check-prefix=SHORT
// RUN: nybl-opt %s -block-scale-to-tile="schedule='kind=multistage tile=64x64x64 warps=1x1 stages=2'" -nybl-cta | FileCheck %s -check-prefix=PACKED
// RUN: nybl-opt %s -block-scale-to-tile="schedule='kind=plain tile=32x32x64 warps=2x1'" -nybl-cta | FileCheck %s -check-prefix=PLAIN

// CHECK: schedule #cta.schedule<"multistage", tile = [32, 32, 64], warps = [2, 1], stages = 3>
// CHECK: %[[RING:.*]] = cta.ring stages 3
// CHECK-COUNT-4: cta.alloc in %[[RING]]
// CHECK: cta.tile_range
// The steps ahead: each is a step, so nothing asks.
// CHECK: scf.for %[[P:[a-z0-9]+]] = %c0_i32 to %c2_i32 step %c1_i32
// CHECK-NEXT: cta.ring_acquire %[[RING]][%[[P]]]
// CHECK-NOT: {{cta.copy .*when}}
// CHECK: cta.copy %arg0{{.*}} at %[[P]]
// CHECK: cta.copy_scales %arg2{{.*}} at %[[P]]
// CHECK-NOT: {{cta.copy .*when}}
// CHECK: cta.copy %arg3{{.*}} at %[[P]]
// CHECK: cta.load_scale %arg5
// CHECK-NOT: cta.
// CHECK: cta.store_scale {{.*}} at %[[P]]{{.*}}] :
// CHECK: cta.ring_publish %[[RING]][%[[P]]]
// CHECK-NEXT: }
// CHECK: scf.for %[[K:[a-z0-9]+]] = %c0_i32 to %c6_i32
// CHECK-NEXT: cta.ring_wait %[[RING]][%[[K]]] pending 1
// CHECK-NEXT: %[[NEXT:.*]] = arith.addi %[[K]], %c2_i32
// CHECK-NEXT: cta.ring_acquire %[[RING]][%[[NEXT]]]
// CHECK: %[[IS:.*]] = arith.cmpi ult, %[[NEXT]], %c6_i32
// CHECK: cta.copy %arg0{{.*}} at %[[NEXT]]{{.*}} when %[[IS]]
// CHECK: %[[MINE:.*]] = arith.andi {{.*}}, %[[IS]]
// CHECK-NEXT: cta.copy_scales %arg2{{.*}} at %[[NEXT]]{{.*}} when %[[MINE]]
// What goes through registers is read of a real step only, and not written of others.
// CHECK: %[[READ:.*]] = arith.andi {{.*}}, %[[IS]]
// CHECK: cta.load_scale %arg5{{.*}} if %[[READ]]
// CHECK: cta.store_scale {{.*}} at %[[NEXT]]{{.*}} if %[[IS]]
// CHECK: cta.ring_publish %[[RING]][%[[NEXT]]]
// CHECK: cta.ldmatrix {{.*}} at %[[K]]
// A warp has 32 columns, and packs their factors; it has 16 rows, and does not.
// CHECK: cta.load_scale_words {{.*}} at %[[K]]{{.*}} -> !cta.scale_word{{$}}
// CHECK: cta.load_scale_word {{.*}} at %[[K]]
// CHECK: cta.mma
// CHECK-NOT: sa_selector
// CHECK: cta.ring_release %[[RING]][%[[K]]]
// CHECK-NEXT: scf.yield
// The next tile fills slots that others may still read.
// CHECK-NEXT: }
// CHECK-NEXT: cta.barrier
// CHECK: cta.store %

// More steps ahead than there are: what is none is not copied.
// SHORT: %[[RING:.*]] = cta.ring stages 8
// SHORT: scf.for %[[P:[a-z0-9]+]] = %c0_i32 to %c7_i32
// SHORT: %[[IS:.*]] = arith.cmpi ult, %[[P]], %c6_i32
// SHORT: cta.copy %arg0{{.*}} at %[[P]]{{.*}} when %[[IS]]
// SHORT: cta.ring_wait %[[RING]]{{.*}} pending 6

// Words of 64 rows and of 64 columns, each with one read. Lane (g, t) has row 8t + (g + 2t) % 8 of each 32.
// PACKED: %[[ID:.*]] = cta.thread_id
// PACKED: %[[LANE:.*]] = arith.remui %[[ID]], %c32_i32
// PACKED: %[[T:.*]] = arith.remui %[[LANE]], %c4_i32
// PACKED: %[[G:.*]] = arith.divui %[[LANE]], %c4_i32
// PACKED: cta.ring_wait
// PACKED: %[[T2:.*]] = arith.muli %[[T]], %c2_i32
// PACKED-NEXT: %[[SUM:.*]] = arith.addi %[[G]], %[[T2]]
// PACKED-NEXT: %[[TURNED:.*]] = arith.remui %[[SUM]], %[[EIGHT:.*]] : i32
// PACKED-NEXT: %[[T8:.*]] = arith.muli %[[T]], %[[EIGHT]]
// PACKED-NEXT: %[[ROW:.*]] = arith.addi %[[TURNED]], %[[T8]]
// PACKED: arith.muli %[[ROW]], %[[EIGHT]]
// PACKED: %[[B:.*]]:2 = cta.load_scale_words {{.*}} -> !cta.scale_word, !cta.scale_word
// PACKED: %[[A:.*]]:2 = cta.load_scale_words {{.*}} -> !cta.scale_word, !cta.scale_word
// PACKED-NOT: cta.load_scale_word
// PACKED: cta.mma{{.*}} scaled %[[A]]#0, {{.*}} scaled %[[B]]#0, {{.*}}){{$}}
// PACKED-NEXT: cta.mma{{.*}} scaled %[[A]]#0, {{.*}} scaled %[[B]]#0, {{.*}} {sb_selector = 1 : i64}
// PACKED-NEXT: cta.mma{{.*}} scaled %[[A]]#0, {{.*}} scaled %[[B]]#0, {{.*}} {sb_selector = 2 : i64}
// PACKED-NEXT: cta.mma{{.*}} scaled %[[A]]#0, {{.*}} scaled %[[B]]#0, {{.*}} {sb_selector = 3 : i64}
// PACKED-NEXT: cta.mma{{.*}} scaled %[[A]]#0, {{.*}} scaled %[[B]]#1, {{.*}}){{$}}
// PACKED: cta.mma{{.*}} scaled %[[A]]#0, {{.*}} scaled %[[B]]#0, {{.*}} {sa_selector = 1 : i64}
// PACKED: cta.mma{{.*}} scaled %[[A]]#1, {{.*}} scaled %[[B]]#1, {{.*}} {sa_selector = 1 : i64, sb_selector = 3 : i64}
// PACKED-NOT: cta.mma

// PLAIN: schedule #cta.schedule<"plain", tile = [32, 32, 64], warps = [2, 1]>
// PLAIN-NOT: cta.ring
// PLAIN-NOT: cta.copy
// PLAIN-NOT: cta.load_scale_words
// PLAIN-NOT: _selector

func.func @gemm(%a: !block_scale.tensor<?x336xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
                %b: !block_scale.tensor<24x336xf4E2M1FN, f8E4M3FN per 16 in "linear">,
                %alpha: f32) -> tensor<?x24xf32> {
  %d = block_scale.gemm %a, %b scaled_by %alpha :
      !block_scale.tensor<?x336xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
      !block_scale.tensor<24x336xf4E2M1FN, f8E4M3FN per 16 in "linear"> -> tensor<?x24xf32>
  return %d : tensor<?x24xf32>
}
