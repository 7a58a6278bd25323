// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A kernel for any N and K is proven for all of them, up to its bounds, and each edit of it breaks a lemma.
// RUN: nybl-opt %s -block-scale-to-tile="schedule='tile=128x128x64 warps=8x4'" -nybl-cta > %t
// RUN: nybl-opt %t -prove-non-interference | FileCheck %s
// CHECK: sources ["a", "a.stride", "sfa", "sfa.tile_stride", "b", "b.stride", "sfb", "sfb.tile_stride", "d", "d.stride", "alpha", "alpha.value", "alpha.reciprocal", "m", "n", "k.blocks"]
// CHECK-SAME: certificate #cta.certificate<"nybl-prover
// CHECK-NOT: unproven
// CHECK-SAME: <"L6", proven, "{{[0-9]*}} values fit their width for M up to 16777216, N up to 262144 and K up to 1048576"
// CHECK: cta.tile_range %[[ROW:.*]], %[[COLUMN:.*]] in %{{.*}} by %{{.*}} {

// In tensor memory too: what a producer fills and others multiply are as many steps.
// RUN: nybl-opt %s -block-scale-to-tile="chip=sm_100a" -nybl-cta -prove-non-interference | FileCheck %s -check-prefix=TENSOR
// TENSOR-NOT: unproven
// TENSOR: <"L7", proven
// TENSOR: cta.ring stages 4 for %[[STEPS:[0-9]*]]
// TENSOR: scf.for %{{.*}} = %{{.*}} to %[[STEPS]] step

// L1: rows of tiles that are further apart than they are: 8 rows each.
// RUN: sed 's/%137 = arith.divui %119, %c128_i64/%137 = arith.divui %119, %c8_i64/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=STRIDE
// STRIDE: refuted: with M = {{.*}} this reaches no scale factor of 'sfa'

// L1: as far apart as those of the other operand.
// RUN: sed 's/%138 = arith.muli %137, %arg3/%138 = arith.muli %137, %arg7/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=OTHER
// OTHER: not proven: expected one scale factor of 'sfa' at row of tiles * sfa.tile_stride + byte

// L1: the last K step is not masked, in the data or in the factors alone.
// RUN: sed 's/%130 = arith.andi %128, %129/%130 = arith.andi %128, %128/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=TAIL
// TAIL: refuted: with {{.*}}K / 16 = 1,{{.*}} this reaches a byte of 'a' past the end of its row
// RUN: sed 's/%151 = cta.load_scale %arg2\[%150\] if %132/%rows = arith.andi %128, %131 : i1\n        %151 = cta.load_scale %arg2[%150] if %rows/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=FACTOR
// FACTOR: refuted: with {{.*}}K / 16 = 1,{{.*}} this reaches no scale factor of 'sfa'

// L1: rows of B end with M.
// RUN: sed 's/%158 = arith.cmpi ult, %154, %arg14/%158 = arith.cmpi ult, %154, %arg13/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=ROWS
// ROWS: refuted: with {{.*}}N = 1,{{.*}} this reaches a row of 'b' past its last

// L2: the last K block is left out.
// RUN: sed 's/%133 = cta.load %arg0\[%127\] if %132/%next = arith.addi %124, %c1_i32 : i32\n        %less = arith.cmpi ult, %next, %arg15 : i32\n        %both = arith.andi %132, %less : i1\n        %133 = cta.load %arg0[%127] if %both/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=LAST
// LAST: refuted: with {{.*}} this leaves out what is real of 'a'

// L2: fewer steps than K has, one more than fits, and steps that leave K blocks out.
// RUN: sed 's/%13 = arith.addi %arg15, %c3_i32/%13 = arith.addi %arg15, %c127_i32/;s/%14 = arith.divui %13, %c4_i32/%14 = arith.divui %13, %c128_i32/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=FEWER
// FEWER: refuted: with K / 16 = {{[0-9]*}} the last K blocks are never multiplied in what is stored here
// RUN: sed 's/%13 = arith.addi %arg15, %c3_i32/%13 = arith.addi %arg15, %c0_i32/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=NONE
// NONE: not proven: expected as many steps as follow from K alone, 1 at least
// RUN: sed 's/%121 = arith.muli %arg18, %c64_i32/%121 = arith.muli %arg18, %c128_i32/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=HALF
// HALF: refuted: K block 4 is never multiplied in what is stored here

// L2: as many steps as a number says, or M.
// RUN: sed 's/= %c0_i32 to %14 step/= %c0_i32 to %c4_i32 step/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=NUMBER
// NUMBER: not proven: expected K to be walked over by one loop where K is free
// RUN: sed 's/= %c0_i32 to %14 step/= %c0_i32 to %10 step/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=COUNT
// COUNT: not proven: expected as many steps as follow from K alone, 1 at least

// L3: nobody waits before the stage is written again.
// RUN: sed '/cta.barrier/d' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=RACE
// RACE: refuted: with tile = 0, K step = 0

// L4: as many columns of tiles as there are rows of them; tiles that lie on each other.
// RUN: sed 's/in %10 by %12 {/in %10 by %10 {/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=COVER
// RUN: sed 's/%24 = arith.muli %arg17, %c128_i32/%24 = arith.muli %arg17, %c127_i32/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=COVER
// COVER: not proven: expected tiles of 128 x 128 at row * 128, column * 128, as many each way as 'd' has

// L6: so many tiles that their number may not fit.
// RUN: not nybl-opt %s -block-scale-to-tile="schedule='tile=32x32x64 warps=1x1'" -nybl-cta -prove-non-interference 2>&1 | FileCheck %s -check-prefix=WRAP
// WRAP: not proven: 2 times the number of tiles may not fit 32 bits with M up to 16777216, N up to 262144 and K up to 1048576

// What needs numbers says so.
// RUN: not nybl-opt %s -block-scale-to-tile="schedule='kind=multistage tile=128x128x64'" 2>&1 | FileCheck %s -check-prefix=STAGES
// STAGES: expected another kind than multistage, and neither split, group, store=tma nor ctas=2 where n=? and k=?

func.func @gemm(%a: !block_scale.tensor<?x?xf4E2M1FN, f8E4M3FN per 16 in "128x4">, %b: !block_scale.tensor<?x?xf4E2M1FN, f8E4M3FN per 16 in "linear">) -> tensor<?x?xf32> {
  %d = block_scale.gemm %a, %b : !block_scale.tensor<?x?xf4E2M1FN, f8E4M3FN per 16 in "128x4">, !block_scale.tensor<?x?xf4E2M1FN, f8E4M3FN per 16 in "linear"> -> tensor<?x?xf32>
  return %d : tensor<?x?xf32>
}
