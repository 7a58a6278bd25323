// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// L2, L3 and L4 of a kernel whose tiles two CTAs multiply together, and edits of it that each break what it is made of.
// RUN: nybl-opt %s -block-scale-to-tile="chip=sm_100a schedule='kind=tmem tile=256x128x128 warps=4x1 stages=3 fill=tma ctas=2'" -nybl-cta -o %t
// RUN: FileCheck %s -check-prefix=TEXT -input-file=%t
// RUN: nybl-opt %t -prove-non-interference | FileCheck %s
// CHECK: certificate
// CHECK-NOT: unproven
// CHECK-SAME: <"L3", proven, {{.*}}; so is what the CTAs of a pair hand over

// Each CTA has half the rows of both operands, and of the scale factors of a.
// TEXT: !cta.tensor_map<128, 64>
// TEXT-SAME: !cta.tensor_map<64, 64>
// TEXT-SAME: ctas = 2
// TEXT: %[[RANK:.*]] = cta.pair_rank
// TEXT: cta.role "producer"
// TEXT: arith.muli %[[RANK]], %c128_i32
// TEXT: arith.muli %[[RANK]], %c64_i32
// TEXT: cta.role "consumer"
// TEXT: cta.ring_wait %[[RING:.*]][%[[STEP:.*]]] pending 0
// TEXT-NEXT: cta.pair_wait %[[RING]][%[[STEP]]] when
// TEXT: cta.tensor_mma {{.*}} : <128, 64>, <64, 64>, <128>

// Nobody waits for the other CTA's slot; or before the accumulators are free, or its own slot is whole.
// RUN: sed -e '/cta.pair_wait/d' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=NEVER
// NEVER: refuted: with tile = 0, K step = 0 this is done in both CTAs of a pair, and nobody has waited for the other one's slot
// RUN: sed -e '/cta.ring_wait %1\[%arg16\]/{N;s/\(.*\)\n\(.*cta.pair_wait.*\)/\2\n\1/}' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=SOONER
// SOONER: refuted: with tile = 0, K step = 0 this hands over a slot outside wait and release of its K step
// RUN: sed -e '/cta.take_turn/,$s/^ *cta.ring_acquire .*//' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=ACQUIRE
// ACQUIRE: refuted: with tile = 0, K step = 0 this hands over accumulators outside acquire and publish of their iteration

// The slot is handed over behind what is asked of both.
// RUN: sed -e '/cta.pair_wait/{h;d};/cta.tensor_release/{x;G}' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=NEVER

// Both CTAs copy the same rows of b, or of a; the second one's rows of a are none of its tile; both store the same rows.
// RUN: sed -e 's/arith.muli %0, %c64_i32/arith.muli %0, %c0_i32/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=ROWS-OF-B
// ROWS-OF-B: refuted:
// RUN: sed -e '0,/arith.muli %0, %c128_i32/s/arith.muli %0, %c128_i32/arith.muli %0, %c0_i32/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=ROWS-OF-A
// ROWS-OF-A: not proven: expected a tile of 'd' to be made of the same rows of 'a' and of 'b'
// RUN: sed -e 's/arith.muli %0, %c128_i32/arith.muli %0, %c0_i32/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=TWICE
// TWICE: refuted: {{.*}}stores row 0, column 0 of a tile of 'd' in both CTAs of a pair
// RUN: sed -e 's/arith.muli %0, %c128_i32/arith.muli %0, %c256_i32/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=APART
// APART: not proven: expected the CTA of rank 1 to store the 128 rows of a tile behind those of rank 0

// A kernel that no pair runs has no second CTA, and multiplies have columns for the rows of both.
// RUN: sed -e 's/, ctas = 2//' %t | not nybl-opt - 2>&1 | FileCheck %s -check-prefix=ALONE
// ALONE: 'cta.pair_rank' op expected a kernel that is run by pairs of CTAs
// RUN: sed -e 's/tensor_columns<128>/tensor_columns<64>/;/cta.tensor_mma/s/<128>$/<64>/;/cta.tensor_load/s/: <128> ->/: <64> ->/' %t | not nybl-opt - 2>&1 | FileCheck %s -check-prefix=COLUMNS
// COLUMNS: 'cta.tensor_mma' op expected a column for each of the 128 rows of b, got 64
// RUN: sed -e 's/cta.pair_wait \(.*\) when .*/cta.pair_arrive \1/' %t | not nybl-opt - 2>&1 | FileCheck %s -check-prefix=ARRIVE
// ARRIVE: 'cta.pair_arrive' op expected cta.pair_wait alone
// RUN: sed -e 's/cta.pair_wait \(.*\) when .*/cta.pair_wait \1/' %t | not nybl-opt - 2>&1 | FileCheck %s -check-prefix=WHEN
// WHEN: 'cta.pair_wait' op expected `when`
// RUN: sed -e 's/ctas = 2/ctas = 3/' %t | not nybl-opt - 2>&1 | FileCheck %s -check-prefix=THREE
// THREE: expected one CTA, or two of the schedule tmem without swap, split and scheduler, got 3
func.func @gemm(%a: !block_scale.tensor<?x224xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
                %b: !block_scale.tensor<24x224xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
                %alpha: f32) -> tensor<?x24xf32> {
  %d = block_scale.gemm %a, %b scaled_by %alpha :
      !block_scale.tensor<?x224xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
      !block_scale.tensor<24x224xf4E2M1FN, f8E4M3FN per 16 in "128x4"> -> tensor<?x24xf32>
  return %d : tensor<?x24xf32>
}
