// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: nybl-opt %s -prove-non-interference | FileCheck %s

// Row and K block are named by the guard: the guard is the proof.
// CHECK: cta.kernel @guarded
// CHECK-SAME: certificate #cta.certificate<"nybl-prover 8", rows_max = 16777216
// CHECK-SAME: accesses = [<"sfa", "never", 1>]
// CHECK-SAME: <"L1", proven, "1 accesses, each class never
// CHECK-SAME: <"L6", proven
cta.kernel @guarded(%s: !cta.scales<?, 24, "linear">, %m: i32) sources ["sfa", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  cta.grid_wait
  %stage = cta.alloc : !cta.scale_stage<32>
  %t = cta.thread_id
  %c24 = arith.constant 24 : i64
  %inside = arith.cmpi ult, %t, %m : i32
  %row = arith.extui %t : i32 to i64
  %at = arith.muli %row, %c24 : i64
  %x = cta.load_scale %s[%at] if %inside : !cta.scales<?, 24, "linear">
  cta.store_scale %x, %stage[%t] : !cta.scale_stage<32>
}

// A loop of no steps is no reason to refuse: what it holds happens in no launch.
// CHECK: cta.kernel @no_step
// CHECK-SAME: <"L1", proven, "2 accesses, each class never, 1 of them in no launch", "M = 16777216, thread = 0">
cta.kernel @no_step(%a: !cta.matrix<?, 192>, %stride: i64, %m: i32) sources ["a", "a.stride", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  cta.grid_wait
  %t = cta.thread_id
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c8 = arith.constant 8 : i32
  scf.for %k = %c0 to %c0 step %c1 : i32 {
    %scaled = arith.muli %k, %c8 : i32
    %some = arith.cmpi ult, %scaled, %m : i32
    %row = arith.extui %scaled : i32 to i64
    %at = arith.muli %row, %stride : i64
    %x = cta.load %a[%at] if %some : !cta.matrix<?, 192>
  }
  %inside = arith.cmpi ult, %t, %m : i32
  %row = arith.extui %t : i32 to i64
  %at = arith.muli %row, %stride : i64
  %x = cta.load %a[%at] if %inside : !cta.matrix<?, 192>
}

// The first tile exists where any does, so row 0 does.
// CHECK: cta.kernel @row_of_a_tile
// CHECK-SAME: <"L1", proven
cta.kernel @row_of_a_tile(%a: !cta.matrix<?, 192>, %stride: i64, %m: i32) sources ["a", "a.stride", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  cta.grid_wait
  %yes = arith.constant true
  %zero = arith.constant 0 : i64
  %at = arith.muli %zero, %stride : i64
  cta.tile_range %tile in %m {
    %x = cta.load %a[%at] if %yes : !cta.matrix<?, 192>
  }
}

// What a loop of one step, a division or a remainder computes stays in its bounds.
// CHECK: cta.kernel @one_step
// CHECK-SAME: <"L1", proven
cta.kernel @one_step(%a: !cta.matrix<?, 192>, %stride: i64, %m: i32) sources ["a", "a.stride", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  cta.grid_wait
  %t = cta.thread_id
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c32 = arith.constant 32 : i32
  %c192 = arith.constant 192 : i64
  %inside = arith.cmpi ult, %t, %m : i32
  scf.for %k = %c0 to %c1 step %c1 : i32 {
    %none = arith.divui %t, %c32 : i32
    %sum = arith.addi %k, %none : i32
    %wide = arith.extui %sum : i32 to i64
    %byte = arith.muli %wide, %c192 : i64
    %row = arith.extui %t : i32 to i64
    %start = arith.muli %row, %stride : i64
    %at = arith.addi %start, %byte : i64
    %x = cta.load %a[%at] if %inside : !cta.matrix<?, 192>
  }
}

// CHECK: cta.kernel @scalar
// CHECK-SAME: <"L1", proven, "1 accesses
cta.kernel @scalar(%alpha: !cta.scalar, %value: f32) sources ["alpha", "alpha.value"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  cta.grid_wait
  %x = cta.load_scalar %alpha or %value
}
