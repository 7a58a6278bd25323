// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: nybl-opt %s -split-input-file -verify-diagnostics -prove-non-interference

// Nothing can interrupt a search among the integers: a chain of remainders is not searched.
cta.kernel @chain(%a: !cta.matrix<?, 192>, %stride: i64, %m: i32) sources ["a", "a.stride", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  cta.grid_wait
  %a0 = arith.constant 13 : i32
  %b0 = arith.constant 1009 : i32
  %s0 = arith.addi %m, %a0 : i32
  %p0 = arith.muli %s0, %a0 : i32
  %r0 = arith.remui %p0, %b0 : i32
  %a1 = arith.constant 17 : i32
  %b1 = arith.constant 1013 : i32
  %s1 = arith.addi %r0, %a1 : i32
  %p1 = arith.muli %s1, %a1 : i32
  %r1 = arith.remui %p1, %b1 : i32
  %a2 = arith.constant 19 : i32
  %b2 = arith.constant 2003 : i32
  %s2 = arith.addi %r1, %a2 : i32
  %p2 = arith.muli %s2, %a2 : i32
  %r2 = arith.remui %p2, %b2 : i32
  %a3 = arith.constant 23 : i32
  %b3 = arith.constant 5003 : i32
  %s3 = arith.addi %r2, %a3 : i32
  %p3 = arith.muli %s3, %a3 : i32
  %r3 = arith.remui %p3, %b3 : i32
  %a4 = arith.constant 29 : i32
  %b4 = arith.constant 3001 : i32
  %s4 = arith.addi %r3, %a4 : i32
  %p4 = arith.muli %s4, %a4 : i32
  %r4 = arith.remui %p4, %b4 : i32
  %a5 = arith.constant 31 : i32
  %b5 = arith.constant 4001 : i32
  %s5 = arith.addi %r4, %a5 : i32
  %p5 = arith.muli %s5, %a5 : i32
  %r5 = arith.remui %p5, %b5 : i32
  %a6 = arith.constant 37 : i32
  %b6 = arith.constant 6007 : i32
  %s6 = arith.addi %r5, %a6 : i32
  %p6 = arith.muli %s6, %a6 : i32
  %r6 = arith.remui %p6, %b6 : i32
  %c2789 = arith.constant 2789 : i32
  %last = arith.muli %r6, %c2789 : i32
  %t = cta.thread_id
  %some = arith.cmpi ult, %last, %t : i32
  %real = arith.cmpi ult, %last, %m : i32
  %inside = arith.andi %some, %real : i1
  %row = arith.extui %last : i32 to i64
  %at = arith.muli %row, %stride : i64
  // expected-error @below {{not proven: whether any thread passes its guard is too large a question; use fewer divisions and remainders}}
  %x = cta.load %a[%at] if %inside : !cta.matrix<?, 192>
}

// -----

// Each sum holds the one before twice: as a tree it has 2^12 leaves.
cta.kernel @doubling(%a: !cta.matrix<?, 192>, %stride: i64, %m: i32) sources ["a", "a.stride", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  cta.grid_wait
  %t = cta.thread_id
  %c3 = arith.constant 3 : i32
  %r0 = arith.remui %t, %c3 : i32
  %s0 = arith.addi %t, %r0 : i32
  %r1 = arith.remui %s0, %c3 : i32
  %s1 = arith.addi %s0, %r1 : i32
  %r2 = arith.remui %s1, %c3 : i32
  %s2 = arith.addi %s1, %r2 : i32
  %r3 = arith.remui %s2, %c3 : i32
  %s3 = arith.addi %s2, %r3 : i32
  %r4 = arith.remui %s3, %c3 : i32
  %s4 = arith.addi %s3, %r4 : i32
  %r5 = arith.remui %s4, %c3 : i32
  %s5 = arith.addi %s4, %r5 : i32
  %r6 = arith.remui %s5, %c3 : i32
  %s6 = arith.addi %s5, %r6 : i32
  %r7 = arith.remui %s6, %c3 : i32
  %s7 = arith.addi %s6, %r7 : i32
  %r8 = arith.remui %s7, %c3 : i32
  // expected-error @below {{not proven: expected at most 1000 operations in an address or a guard}}
  %s8 = arith.addi %s7, %r8 : i32
  %r9 = arith.remui %s8, %c3 : i32
  %s9 = arith.addi %s8, %r9 : i32
  %r10 = arith.remui %s9, %c3 : i32
  %s10 = arith.addi %s9, %r10 : i32
  %r11 = arith.remui %s10, %c3 : i32
  %s11 = arith.addi %s10, %r11 : i32
  %inside = arith.cmpi ult, %s11, %m : i32
  %row = arith.extui %s11 : i32 to i64
  %at = arith.muli %row, %stride : i64
  %x = cta.load %a[%at] if %inside : !cta.matrix<?, 192>
}

// -----

// A guard that holds itself twice, 40 times over, is one comparison.
cta.kernel @conjuncts(%a: !cta.matrix<?, 192>, %stride: i64, %m: i32) sources ["a", "a.stride", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  cta.grid_wait
  %t = cta.thread_id
  %g0 = arith.cmpi ult, %t, %m : i32
  %g1 = arith.andi %g0, %g0 : i1
  %g2 = arith.andi %g1, %g1 : i1
  %g3 = arith.andi %g2, %g2 : i1
  %g4 = arith.andi %g3, %g3 : i1
  %g5 = arith.andi %g4, %g4 : i1
  %g6 = arith.andi %g5, %g5 : i1
  %g7 = arith.andi %g6, %g6 : i1
  %g8 = arith.andi %g7, %g7 : i1
  %g9 = arith.andi %g8, %g8 : i1
  %g10 = arith.andi %g9, %g9 : i1
  %g11 = arith.andi %g10, %g10 : i1
  %g12 = arith.andi %g11, %g11 : i1
  %g13 = arith.andi %g12, %g12 : i1
  %g14 = arith.andi %g13, %g13 : i1
  %g15 = arith.andi %g14, %g14 : i1
  %g16 = arith.andi %g15, %g15 : i1
  %g17 = arith.andi %g16, %g16 : i1
  %g18 = arith.andi %g17, %g17 : i1
  %g19 = arith.andi %g18, %g18 : i1
  %g20 = arith.andi %g19, %g19 : i1
  %g21 = arith.andi %g20, %g20 : i1
  %g22 = arith.andi %g21, %g21 : i1
  %g23 = arith.andi %g22, %g22 : i1
  %g24 = arith.andi %g23, %g23 : i1
  %g25 = arith.andi %g24, %g24 : i1
  %g26 = arith.andi %g25, %g25 : i1
  %g27 = arith.andi %g26, %g26 : i1
  %g28 = arith.andi %g27, %g27 : i1
  %g29 = arith.andi %g28, %g28 : i1
  %g30 = arith.andi %g29, %g29 : i1
  %g31 = arith.andi %g30, %g30 : i1
  %g32 = arith.andi %g31, %g31 : i1
  %g33 = arith.andi %g32, %g32 : i1
  %g34 = arith.andi %g33, %g33 : i1
  %g35 = arith.andi %g34, %g34 : i1
  %g36 = arith.andi %g35, %g35 : i1
  %g37 = arith.andi %g36, %g36 : i1
  %g38 = arith.andi %g37, %g37 : i1
  %g39 = arith.andi %g38, %g38 : i1
  %g40 = arith.andi %g39, %g39 : i1
  %row = arith.extui %t : i32 to i64
  %at = arith.muli %row, %stride : i64
  %x = cta.load %a[%at] if %g40 : !cta.matrix<?, 192>
}
