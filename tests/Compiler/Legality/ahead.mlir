// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// L7 of copies that run ahead of the grid's wait, and edits that each break what it is made of. The kernel is that of
// roles.mlir, with B and its scale factors static, as `weights=static` gives it.
// RUN: sed -e 's/ threads 256/ static ["b", "sfb"]&/;/^ *cta.copy.* .arg[35]\[/s/ : / ahead : /' %S/roles.mlir > %t
// RUN: nybl-opt %t -prove-non-interference | FileCheck %s
// CHECK: static ["b", "sfb"] threads
// CHECK-SAME: certificate
// CHECK-NOT: unproven
// CHECK-SAME: <"L7", proven, "11 accesses, each after griddepcontrol.wait; 2 copies ahead of it, of operands that are static"
// CHECK: cta.copy %arg3{{.*}} ahead :
// CHECK: cta.copy_scales %arg5{{.*}} ahead :

// A stream, and operands that nobody calls static.
// RUN: sed -e '/^ *cta.copy %arg0/s/ : / ahead : /' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=STREAM
// STREAM: refuted: this accesses 'a' ahead of cta.grid_wait: the grids that this launch depends on may still write it
// RUN: sed -e 's/static ."b", "sfb"./static ["b"]/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=SCALES
// SCALES: refuted: this accesses 'sfb' ahead of cta.grid_wait: the grids that this launch depends on may still write it
// RUN: sed -e 's/static ."b", "sfb". //' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=NONE
// NONE: refuted: this accesses 'b' ahead of cta.grid_wait: the grids that this launch depends on may still write it

// Static or not, what does not run ahead comes after the wait.
// RUN: sed -e 's/ ahead : / : /;/^ *cta.grid_wait/d;s/^ *cta.grid_release/cta.grid_wait\n&/' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=LATE
// LATE: refuted: this accesses {{.*}} before cta.grid_wait

// The lowering would not see which K steps are the first.
// RUN: sed -e '/^ *cta.copy %arg3/{s/at %arg14/at %k/;s/^/%k = arith.addi %arg14, %c0_i32 : i32\n/}' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=STEP
// STEP: not proven: expected what runs ahead in a K loop of a role that carries nothing, at the K step

// Another write of the slot, which it would move past.
// RUN: sed -e '/^ *cta.copy %arg3/{p;s/ ahead//}' %t | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=TWICE
// TWICE: refuted: {{.*}} this writes byte 0 of a stage a second time

// What cannot be static.
// RUN: sed -e 's/static ."b", "sfb"./static ["d"]/' %t | not nybl-opt - 2>&1 | FileCheck %s -check-prefix=OUTPUT
// OUTPUT: expected matrices and scales that the kernel only reads as static, got "d"
// RUN: sed -e 's/static ."b", "sfb"./static ["alpha"]/' %t | not nybl-opt - 2>&1 | FileCheck %s -check-prefix=SCALAR
// SCALAR: expected matrices and scales that the kernel only reads as static, got "alpha"

// Lowered: both are copied ahead of the wait, by CTAs that have a tile, and once more in the loop for its other steps.
// RUN: nybl-opt %t -nybl-prove -cta-to-sm120 | FileCheck %s -check-prefix=LOWERED
// LOWERED-NOT: griddepcontrol
// LOWERED: mbarrier.init
// LOWERED: nvvm.barrier
// LOWERED-NOT: griddepcontrol
// LOWERED: scf.if
// LOWERED-NOT: griddepcontrol
// LOWERED: scf.for
// LOWERED-NOT: griddepcontrol
// LOWERED-COUNT-2: cp.async.ca.shared.global
// LOWERED-NOT: cp.async.ca.shared.global
// LOWERED: nvvm.griddepcontrol wait
// LOWERED-COUNT-4: cp.async.ca.shared.global
// LOWERED-NOT: cp.async.ca.shared.global
