// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// All lemmas hold of the kernel below, and each edit of it breaks one. It is what `nybl compile "quantize k=80
// sf=8x4 fuse=silu_mul" --chip sm_120a --emit cta --schedule "tile=8x64x16 warps=1x1"` gives, less its certificate.
// RUN: nybl-opt %s -prove-non-interference | FileCheck %s
// CHECK-NOT: unproven
// CHECK: <"L2", proven, {{.*}}64 elements of what each thread stores{{.*}}, gates and what they open

// L2: gates and what they open change places.
// RUN: sed 's/silu_mul \(%2[0-9#]*\), \(%3[0-9#]*\)/silu_mul \2, \1/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=PLACES
// PLACES: this stores row 0, column 80 of 'x' as row 0, column 0

// L2: gates that open themselves.
// RUN: sed 's/silu_mul %25#0, %30#0/silu_mul %25#0, %25#0/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=SELF
// SELF: this stores row 0, column 0 of 'x' as row 0, column 80

// L2: what gates open is a block too early.
// RUN: sed 's/%c160_i64 = arith.constant 160/%c160_i64 = arith.constant 128/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=EARLY
// EARLY: this stores row 0, column 64 of 'x' as row 0, column 80

// L2: gates of a block that other elements of it open.
// RUN: sed 's/silu_mul %25#1, %30#1/silu_mul %25#1, %32#1/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=OTHERS
// OTHERS: this stores row 0, column 89 of 'x' as row 0, column 81

// L2: a gate alone.
// RUN: sed 's/cta.quantize(%33,/cta.quantize(%25#0,/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=ALONE
// ALONE: not proven: expected blocks of what cta.silu_mul made

// L2: gates alone, of rows of which half is never read.
// RUN: sed '/= cta.silu_mul/d;s/cta.quantize(%33, .*) by/cta.quantize(%25#0, %25#1, %25#2, %25#3, %25#4, %25#5, %25#6, %25#7, %27#0, %27#1, %27#2, %27#3, %27#4, %27#5, %27#6, %27#7) by/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=HALF
// HALF: not proven: expected blocks of elements of 'x', as they were loaded

// L1: rows of x that hold gates alone.
// RUN: sed 's/<?, 320>/<?, 160>/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=SHORT
// SHORT: this reaches a byte of 'x' past the end of its row

// L5: what a gate opened decides what is stored.
// RUN: sed 's/cta.store_codes %codes, %arg2\[%51\] if %24/%less = arith.cmpf olt, %33, %3 : f32\n      %both = arith.andi %24, %less : i1\n      cta.store_codes %codes, %arg2[%51] if %both/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=FLOW
// FLOW: refuted: an address, a guard, a count or a branch here depends on what was read from memory

module {
  cta.kernel @quantize_silu_mul(%arg0: !cta.matrix<?, 320>, %arg1: i64, %arg2: !cta.matrix<?, 40>, %arg3: i64, %arg4: !cta.scales<?, 5, "8x4">, %arg5: !cta.scalar, %arg6: f32, %arg7: i32, %arg8: i32) sources ["x", "x.stride", "q", "q.stride", "sfq", "global", "global.value", "global.reciprocal", "m"] threads 32 schedule #cta.schedule<"plain", tile = [8, 64, 16], warps = [1, 1]> {
    cta.grid_wait
    %0 = cta.load_scalar %arg5 or %arg6
    %cst = arith.constant 1.000000e+00 : f32
    %1 = arith.divf %cst, %0 : f32
    %c0_i32 = arith.constant 0 : i32
    %2 = arith.cmpi ne, %arg7, %c0_i32 : i32
    %3 = arith.select %2, %1, %0 : f32
    %c7_i32 = arith.constant 7 : i32
    %4 = arith.addi %arg8, %c7_i32 : i32
    %c8_i32 = arith.constant 8 : i32
    %5 = arith.divui %4, %c8_i32 : i32
    %c2_i32 = arith.constant 2 : i32
    %6 = arith.muli %5, %c2_i32 : i32
    cta.tile_range %arg9 in %6 {
      %7 = cta.thread_id
      %8 = arith.divui %arg9, %c2_i32 : i32
      %9 = arith.muli %8, %c8_i32 : i32
      %c4_i32 = arith.constant 4 : i32
      %10 = arith.divui %7, %c4_i32 : i32
      %11 = arith.addi %9, %10 : i32
      %12 = arith.extui %11 : i32 to i64
      %13 = arith.muli %12, %arg1 : i64
      %14 = arith.remui %arg9, %c2_i32 : i32
      %c64_i32 = arith.constant 64 : i32
      %15 = arith.muli %14, %c64_i32 : i32
      %c16_i32 = arith.constant 16 : i32
      %16 = arith.divui %15, %c16_i32 : i32
      %17 = arith.remui %7, %c4_i32 : i32
      %18 = arith.addi %16, %17 : i32
      %19 = arith.extui %18 : i32 to i64
      %c32_i64 = arith.constant 32 : i64
      %20 = arith.muli %19, %c32_i64 : i64
      %21 = arith.addi %13, %20 : i64
      %22 = arith.cmpi ult, %11, %arg8 : i32
      %c5_i32 = arith.constant 5 : i32
      %23 = arith.cmpi ult, %18, %c5_i32 : i32
      %24 = arith.andi %22, %23 : i1
      %25:8 = cta.load_elements %arg0[%21] if %24 as bf16 : <?, 320> -> f32, f32, f32, f32, f32, f32, f32, f32
      %c16_i64 = arith.constant 16 : i64
      %26 = arith.addi %21, %c16_i64 : i64
      %27:8 = cta.load_elements %arg0[%26] if %24 as bf16 : <?, 320> -> f32, f32, f32, f32, f32, f32, f32, f32
      %c160_i64 = arith.constant 160 : i64
      %28 = arith.addi %20, %c160_i64 : i64
      %29 = arith.addi %13, %28 : i64
      %30:8 = cta.load_elements %arg0[%29] if %24 as bf16 : <?, 320> -> f32, f32, f32, f32, f32, f32, f32, f32
      %31 = arith.addi %29, %c16_i64 : i64
      %32:8 = cta.load_elements %arg0[%31] if %24 as bf16 : <?, 320> -> f32, f32, f32, f32, f32, f32, f32, f32
      %33 = cta.silu_mul %25#0, %30#0 as bf16
      %34 = cta.silu_mul %25#1, %30#1 as bf16
      %35 = cta.silu_mul %25#2, %30#2 as bf16
      %36 = cta.silu_mul %25#3, %30#3 as bf16
      %37 = cta.silu_mul %25#4, %30#4 as bf16
      %38 = cta.silu_mul %25#5, %30#5 as bf16
      %39 = cta.silu_mul %25#6, %30#6 as bf16
      %40 = cta.silu_mul %25#7, %30#7 as bf16
      %41 = cta.silu_mul %27#0, %32#0 as bf16
      %42 = cta.silu_mul %27#1, %32#1 as bf16
      %43 = cta.silu_mul %27#2, %32#2 as bf16
      %44 = cta.silu_mul %27#3, %32#3 as bf16
      %45 = cta.silu_mul %27#4, %32#4 as bf16
      %46 = cta.silu_mul %27#5, %32#5 as bf16
      %47 = cta.silu_mul %27#6, %32#6 as bf16
      %48 = cta.silu_mul %27#7, %32#7 as bf16
      %codes, %scale = cta.quantize(%33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48) by %3
      %49 = arith.muli %12, %arg3 : i64
      %c8_i64 = arith.constant 8 : i64
      %50 = arith.muli %19, %c8_i64 : i64
      %51 = arith.addi %49, %50 : i64
      cta.store_codes %codes, %arg2[%51] if %24 : <?, 40>
      %52 = arith.divui %12, %c8_i64 : i64
      %c2_i64 = arith.constant 2 : i64
      %53 = arith.muli %52, %c2_i64 : i64
      %c4_i64 = arith.constant 4 : i64
      %54 = arith.divui %19, %c4_i64 : i64
      %55 = arith.addi %53, %54 : i64
      %56 = arith.muli %55, %c32_i64 : i64
      %57 = arith.remui %12, %c8_i64 : i64
      %58 = arith.muli %57, %c4_i64 : i64
      %59 = arith.addi %56, %58 : i64
      %60 = arith.remui %19, %c4_i64 : i64
      %61 = arith.addi %59, %60 : i64
      cta.store_factor %scale, %arg4[%61] if %24 : <?, 5, "8x4">
      %62 = arith.cmpi ult, %c4_i32, %18 : i32
      %63 = arith.andi %62, %22 : i1
      %64 = arith.cmpi ult, %18, %c8_i32 : i32
      %65 = arith.andi %63, %64 : i1
      cta.clear_factor %arg4[%61] if %65 : <?, 5, "8x4">
    }
    cta.grid_release
  }
}
