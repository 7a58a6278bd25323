// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Scale factors that are copied as a whole where all of them are real, and word by word elsewhere: what L1, L2 and L3 say
// of them, and edits that each break it. Tiles with and without a tail of rows of both sides; K steps too.
// RUN: nybl-opt %s -block-scale-to-tile="chip=sm_100a schedule='kind=tmem tile=128x128x128 warps=4x1 stages=3 fill=tma'" -nybl-cta -o %t
// RUN: nybl-opt %t -prove-non-interference | FileCheck %s
// CHECK: certificate
// CHECK-NOT: unproven
// CHECK-SAME: <"sfa", "never", 3>
// CHECK-SAME: <"sfb", "never", 3>
// CHECK: cta.copy_scale_atoms 2 of %arg3[{{.*}}] if %[[A:.*]], %[[STAGE:.*]] in %0 at %[[STEP:.*]][%c0_i32] apart 512 when
// CHECK-COUNT-2: cta.copy_scales %arg3{{.*}}), %[[STAGE]] at %[[STEP]][{{.*}}] unless %[[A]] :
// CHECK: cta.copy_scale_atoms 2 of %arg7[{{.*}}] if %[[B:.*]], %[[STAGE:.*]] in %0 at %[[STEP]][%c0_i32] apart 512 when
// CHECK-COUNT-2: cta.copy_scales %arg7{{.*}}), %[[STAGE]] at %[[STEP]][{{.*}}] unless %[[B]] :
// CHECK: cta.ring_wait %0[%{{.*}}] pending 0 copied

// A tile of 256 columns has two choices, of 128 rows each, whose atoms alternate in a slot.
// RUN: nybl-opt %s -block-scale-to-tile="chip=sm_100a schedule='kind=tmem tile=128x256x128 warps=4x1 stages=2 fill=tma'" -nybl-cta -nybl-prove | FileCheck %s -check-prefix=WIDE
// WIDE: cta.copy_scale_atoms 2 of %arg7[{{.*}}] if %[[LEFT:.*]], %[[STAGE:.*]] in %0 at %{{.*}}[%c0_i32] apart 1024 when
// WIDE: cta.copy_scale_atoms 2 of %arg7[{{.*}}] if %[[RIGHT:.*]], %[[STAGE]] in %0 at %{{.*}}[%c512_i32{{.*}}] apart 1024 when
// WIDE: cta.copy_scales %arg7{{.*}} unless %[[LEFT]] :
// WIDE: cta.copy_scales %arg7{{.*}} unless %[[RIGHT]] :
// WIDE: cta.copy_scales %arg7{{.*}} unless %[[LEFT]] :
// WIDE: cta.copy_scales %arg7{{.*}} unless %[[RIGHT]] :

// Where they always are whole, nothing else copies them, and the fence does not depend on them, nor on the K step.
// RUN: sed -e 's/264/256/g;s/x224x/x256x/g' %s | nybl-opt - -block-scale-to-tile="chip=sm_100a schedule='kind=tmem tile=128x128x128 warps=4x1 stages=3 fill=tma'" -nybl-cta -nybl-prove | FileCheck %s -check-prefix=ALWAYS
// ALWAYS-COUNT-2: cta.copy_scales %arg3{{.*}} unless
// ALWAYS: cta.copy_scale_atoms 2 of %arg7
// ALWAYS-NOT: cta.copy_scales %arg7
// ALWAYS: cta.role "consumer"
// ALWAYS: scf.for
// ALWAYS: %[[REAL:.*]] = arith.cmpi ult, %{{.*}}, %arg13 : i32
// ALWAYS-NEXT: cta.ring_wait %0[%{{.*}}] pending 0 copied %[[REAL]]

// Other layouts, rows that begin in the middle of an atom, and too few of them.
// RUN: sed -e 's/128x4/8x4/g' %s | nybl-opt - -block-scale-to-tile="chip=sm_100a schedule='kind=tmem tile=128x128x128 warps=4x1 stages=3 fill=tma'" -nybl-cta -nybl-prove | FileCheck %s -check-prefix=WORDS
// RUN: sed -e 's/264/24/g;s/x224x/x96x/g' %s | nybl-opt - -block-scale-to-tile="chip=sm_100a schedule='kind=tmem tile=128x128x128 warps=4x1 stages=3 fill=tma'" -nybl-cta -nybl-prove | FileCheck %s -check-prefix=WORDS
// WORDS-NOT: {{copy_scale_atoms|unless|copied}}
// RUN: nybl-opt %s -block-scale-to-tile="chip=sm_100a schedule='kind=tmem tile=128x192x128 warps=4x1 stages=2 fill=tma'" -nybl-cta -nybl-prove | FileCheck %s -check-prefix=MIDDLE
// MIDDLE: cta.copy_scale_atoms 2 of %arg3
// MIDDLE-NOT: {{copy_scale_atoms|copied}}

// They are copied where their first row alone is real, or the first 4 K blocks of a step.
// RUN: sed -e 's/arith.addi %17, %c127_i32/arith.addi %17, %c0_i32/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=ROWS
// ROWS: refuted: with M = 1, tile = 0, K step = 0, thread = 0 this reaches a scale factor of 'sfa' in a padding row
// RUN: sed -e 's/%c7_i32 = arith.constant 7/%c7_i32 = arith.constant 3/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=BLOCKS
// BLOCKS: refuted: with M = 128, tile = 0, K step = 1, thread = 0 this reaches a scale factor of 'sfa' in a padding K block

// In both ways, in neither, or where others are.
// RUN: sed -e 's/\(cta.copy_scales %arg3.*\) unless %[0-9]* :/\1 :/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=BOTH
// BOTH: refuted: with M = 256, tile = 0, K step = 0, thread = 0 this writes byte 0 of a stage a second time
// RUN: sed -e '/cta.copy_scales %arg7/d' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=NEITHER
// NEITHER: refuted: with M = 1, tile = 0, K step = 1, thread = 0 scale factors of 'sfb' are copied neither as a whole nor word by word
// RUN: sed -e '/cta.copy_scale_atoms 2 of %arg3/d' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=OTHERS
// RUN: sed -e 's/\(cta.copy_scales %arg3.*\) unless %[0-9]* :/\1 unless %11 :/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=OTHERS
// OTHERS: not proven: expected atoms that are copied as a whole, in the same K step, where this is not

// Fewer bytes, or to another place.
// RUN: sed -e 's/copy_scale_atoms 2 of/copy_scale_atoms 1 of/;s/%c7_i32 = arith.constant 7/%c7_i32 = arith.constant 3/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=FEWER
// FEWER: refuted: with M = 256, tile = 0, K step = 0 nothing writes byte 512 of this stage
// RUN: sed -e 's/apart 512/apart 1024/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=APART
// APART: refuted: with M = 256, tile = 0, K step = 0, thread = 0 this writes byte 1024 of a stage of 1024
// RUN: sed -e 's/\(copy_scale_atoms 2 of %arg3.*\)%c0_i32\]/\1%c127_i32]/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=PLACE
// PLACE: refuted: with M = 256, tile = 0, K step = 0, thread = 0 this writes byte 127 of a stage, no multiple of 512

// No fence where threads have copied: where the first row of A's tile alone is real, or in any tile.
// RUN: sed -e '/cta.role "consumer"/,$s/arith.addi %17, %c127_i32/arith.addi %17, %c0_i32/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=FENCE
// RUN: sed -e 's/\(.*ring_wait.*\)copied %[0-9]*/%yes = arith.constant true\n\1 copied %yes/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=FENCE
// FENCE: not proven: expected waits that say `copied` only where threads do not write here
// RUN: sed -e 's/\(cta.copy_scales %arg3.*\) unless %[0-9]* :/\1 :/;/copy_scale_atoms 2 of %arg3/d' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=ANYCASE
// ANYCASE: not proven: expected a ring whose waits do not say `copied`: here threads write in any case

// No atoms of another layout, nor more than there is room for.
// RUN: sed -e 's/copy_scale_atoms 2 of/copy_scale_atoms 3 of/' %t | not nybl-opt - 2>&1 | FileCheck %s -check-prefix=ROOM
// ROOM: expected 1 to 2 atoms of a 128x4 tensor, a multiple of 512 bytes apart in their stage of 1024, got 3 of 128x4, 512 apart

// Lowered: who copies words does so in a branch, with what is computed for them. One thread is elected for all else: it
// tells the barrier of all bytes, and copies atoms in one piece.
// RUN: nybl-opt %t -nybl-prove -cta-to-sm100 | FileCheck %s -check-prefix=LOWERED
// LOWERED-NOT: elect.sync
// LOWERED: scf.if
// LOWERED-COUNT-2: "cp.async.ca.shared.global [$0], [$1], 4, $2;"
// LOWERED-NOT: elect.sync
// LOWERED: %[[ELECTED:.*]] = llvm.inline_asm{{.*}}elect.sync
// LOWERED-NOT: elect.sync
// LOWERED: scf.if %[[ELECTED]]
// LOWERED: "mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [$0], 8192;"
// LOWERED-NEXT: "cp.async.bulk.tensor.2d.shared::cta.global.tile.mbarrier::complete_tx::bytes [$0], [$1, {$2, $3}], [$4];"
// LOWERED: "@$1 mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [$0], 1024;"
// LOWERED: "@$3 cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes [$0], [$1], 1024, [$2];"
// LOWERED-NOT: elect.sync
// LOWERED: "@$3 cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes [$0], [$1], 1024, [$2];"
// LOWERED: cp.async.mbarrier.arrive
// LOWERED: "@!$0 fence.proxy.async.shared::cta;"
// LOWERED: tcgen05.cp
func.func @gemm(%a: !block_scale.tensor<?x224xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
                %b: !block_scale.tensor<264x224xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
                %alpha: f32) -> tensor<?x264xf32> {
  %d = block_scale.gemm %a, %b scaled_by %alpha :
      !block_scale.tensor<?x224xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
      !block_scale.tensor<264x224xf4E2M1FN, f8E4M3FN per 16 in "128x4"> -> tensor<?x264xf32>
  return %d : tensor<?x264xf32>
}
