// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// L2 and L3 of a kernel whose accumulators lie in tensor memory, and edits of it that each break what it is made of.
// RUN: nybl-opt %s -block-scale-to-tile="chip=sm_100a schedule='kind=tmem tile=128x128x128 warps=4x1 stages=3 fill=tma'" -nybl-cta -o %t
// RUN: nybl-opt %t -prove-non-interference | FileCheck %s
// CHECK: certificate
// CHECK-NOT: unproven
// CHECK-SAME: <"L2", proven, "2 multiplies of 4 warps
// CHECK-SAME: <"L3", proven, {{.*}}4 claims of a tile, and the ring's protocol

// Scale factors of the other operand, and data of one operand on both sides.
// RUN: sed -e 's/scaled \(%[0-9]*\), \(%[0-9]*\) scaled \(%[0-9]*\)/scaled \3, \2 scaled \1/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=SCALES
// SCALES: refuted: with tile = 0, K step = 0 this scales 'a' by 'sfb'

// The second half of a K step is the first again.
// RUN: sed -e '/cta.tensor_mma/s/step 1/step 0/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=STEP
// STEP: refuted: K block 0 is multiplied more than once in what is stored here

// Columns are loaded in another order than they are stored.
// RUN: sed -e '/cta.tensor_load/s/from 32 /from 64 /' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=COLUMNS
// COLUMNS: refuted: with tile = 0, thread = 0 this stores row 0, column 64 of the product in row 0, column 32 of 'd'

// Scale factors of a row lie where those of the next one belong.
// RUN: sed -e '0,/arith.muli %[0-9]*, %c32_i32/s/arith.muli \(%[0-9]*\), %c32_i32/arith.muli \1, %c1_i32/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=ROWS
// ROWS: refuted:

// The slot is let go of by threads that do not know when multiplies are over, or before they are asked for.
// RUN: sed -e 's/cta.tensor_release \(.*\) when .*/cta.ring_release \1/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=THREADS
// THREADS: refuted: with tile = 0, K step = 0 this releases what multiplies may still read
// RUN: sed -e '/cta.tensor_release/d;/cta.tensor_mma.* step 0 when/{h;s/.*when \(%[0-9]*\) .*/cta.tensor_release %0[%arg16] when \1/;p;g}' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=RELEASED
// RELEASED: refuted: with tile = 0, K step = 0 this is multiplied outside wait and release of its K step

// A descriptor is a place: what it describes is read where it is multiplied, so it may stand ahead of the wait.
// RUN: sed -e '/cta.ring_wait %0\[%arg16\]/{N;s/\(.*\)\n\(.*cta.smem_desc.*\)/\2\n\1/}' %t > %t.ahead
// RUN: not diff %t %t.ahead
// RUN: nybl-opt %t.ahead -prove-non-interference | FileCheck %s

// Warps let go of one slot of the ring, and what one thread has asked for of the others.
// RUN: sed -e '/scf.for .* iter_args/s/%c2_i32/%c1_i32/;s/^ *%[0-9]* = cta.tensor_publish/cta.ring_wait %0[%c1_i32] pending 0\ncta.ring_release %0[%c1_i32]\n&/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=BOTH
// BOTH: not proven: expected all slots of a ring to be let go of by threads, or all by what one has asked for

// Nobody releases the slot.
// RUN: sed -e '/cta.tensor_release/d' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=NEVER
// NEVER: not proven: expected one claim on a ring at a time in a role

// Accumulators are read before they are whole, written before they are free, or in fewer slots than groups.
// RUN: sed -e '/cta.tensor_publish/,$s/^ *cta.ring_wait .*//' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=WAIT
// WAIT: refuted: with tile = 0, K step = 0 accumulators are read outside wait and release of their iteration
// RUN: sed -e '/cta.take_turn/,$s/^ *cta.ring_acquire .*//' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=ACQUIRE
// ACQUIRE: refuted: with tile = 0, K step = 0 accumulators are written outside acquire and publish of their iteration
// RUN: sed -e 's/cta.ring stages 2 steps 1$/cta.ring stages 1 steps 1/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=SLOTS
// SLOTS: not proven: expected a ring of accumulators with a slot for each of the 2 groups of a role

// More columns than tensor memory has: no kernel, proven or not.
// RUN: sed -e 's/tensor_columns<128>/tensor_columns<512>/;/cta.tensor_mma/s/<128>$/<512>/;/cta.tensor_load/s/: <128> ->/: <512> ->/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=ROOM
// ROOM: 'cta.tensor_alloc' op expected at most 512 columns of tensor memory in all stages of all rings, got 1024 up to here; use fewer stages or a smaller tile

// Two threads ask for each multiply.
// RUN: sed -e '/cta.role "consumer"/,$s/cmpi ult, %arg15, %c1_i32/cmpi ult, %arg15, %c2_i32/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=ASKERS
// ASKERS: refuted: 2 threads of a group ask for this, not one

// Accumulators that two multiplies add to, and scale factors that something else takes.
// RUN: sed -e '/cta.tensor_mma.* step 1 when/s/, %[0-9]* in /, %arg17 in /' %t | not nybl-opt - 2>&1 | FileCheck %s -check-prefix=TWICE
// TWICE: expected one use of a value of type '!cta.tensor_acc'
func.func @gemm(%a: !block_scale.tensor<?x224xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
                %b: !block_scale.tensor<24x224xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
                %alpha: f32) -> tensor<?x24xf32> {
  %d = block_scale.gemm %a, %b scaled_by %alpha :
      !block_scale.tensor<?x224xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
      !block_scale.tensor<24x224xf4E2M1FN, f8E4M3FN per 16 in "128x4"> -> tensor<?x24xf32>
  return %d : tensor<?x24xf32>
}
