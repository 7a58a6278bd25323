// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: nybl-opt %s -prove-non-interference | FileCheck %s

// Row and K block are named by the guard: the guard is the proof.
// CHECK: cta.kernel @guarded
// CHECK-SAME: certificate #cta.certificate<"nybl-prover 1", rows_max = 16777216
// CHECK-SAME: <"L1", proven, "1 accesses, each class never
// CHECK-SAME: <"L2", unproven
// CHECK-SAME: <"L6", proven
cta.kernel @guarded(%s: !cta.scales<?, 24, "linear">, %m: i32) sources ["sfa", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %stage = cta.alloc : !cta.scale_stage<32>
  %t = cta.thread_id
  %c24 = arith.constant 24 : i64
  %inside = arith.cmpi ult, %t, %m : i32
  %row = arith.extui %t : i32 to i64
  %at = arith.muli %row, %c24 : i64
  %x = cta.load_scale %s[%at] if %inside : !cta.scales<?, 24, "linear">
  cta.store_scale %x, %stage[%t] : !cta.scale_stage<32>
}
