// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// All lemmas hold of the kernel below, and each edit of it breaks one. It is what `nybl compile "quantize k=80
// sf=8x4 pad=rows" --chip sm_120a --emit cta --schedule "tile=8x64x16 warps=1x1"` gives, less its certificate.
// RUN: nybl-opt %s -prove-non-interference | FileCheck %s
// CHECK: certificate #cta.certificate<
// CHECK-SAME: <"sfq", "never", 1>, <"sfq", "padding-cleared", 2>
// CHECK-NOT: unproven
// CHECK-SAME: <"L1", proven,
// CHECK-SAME: <"L2", proven,
// CHECK-SAME: <"L4", proven, {{.*}}padding rows become 0 once
// CHECK-SAME: <"L7", proven,

// Without pad=rows nothing of padding rows is touched.
// RUN: sed '/if %50/d' %s | nybl-opt - -prove-non-interference | FileCheck %s -check-prefix=UNTOUCHED
// UNTOUCHED: padding rows are not touched

// L1: bytes past the end of a row.
// RUN: sed 's/arg0\[%21\] if %24/arg0[%21] if %22/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=ROW
// ROW: this reaches a byte of 'x' past the end of its row

// L1: a scale factor in a padding K block.
// RUN: sed '/^ *cta.store_factor/{s/if %24/if %both/;s/^/%block = arith.cmpi ult, %18, %c8_i32 : i32\n%both = arith.andi %22, %block : i1\n/}' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=FACTOR
// FACTOR: this reaches a scale factor of 'sfq' in a padding K block

// L1: what is cleared lies behind the tensor.
// RUN: sed 's/%47 = arith.muli %5, %c8_i32/%47 = arith.muli %5, %c16_i32/;s/%6 = arith.muli %5, %c2_i32/%6 = arith.muli %5, %c8_i32/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=BEHIND
// BEHIND: this reaches a byte past the padded rows of 'sfq'

// L2: elements that change places.
// RUN: sed 's/(%25#0, %25#1,/(%25#1, %25#0,/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=PLACES
// PLACES: this stores row 0, column 1 of 'x' as row 0, column 0

// L2: the same eight elements twice.
// RUN: sed 's/%27#0, %27#1, %27#2, %27#3, %27#4, %27#5, %27#6, %27#7/%25#0, %25#1, %25#2, %25#3, %25#4, %25#5, %25#6, %25#7/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=EIGHT
// EIGHT: this stores row 0, column 0 of 'x' as row 0, column 8

// L4: codes that are stored twice.
// RUN: sed '/cta.store_codes/p' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=TWICE
// TWICE: this stores row 0, K block 0 of 'q' a second time

// L4: codes that are stored by nobody.
// RUN: sed '/cta.store_codes/d' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=NOBODY
// NOBODY: not proven: no thread ever accesses 'q'

// L4: padding K blocks that keep what they held.
// RUN: sed '/if %44/d' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=KEEPS
// KEEPS: refuted: with M = 1 row 0, K block 5 of 'sfq' is padding, and does not become 0

// L4: one padding K block of three.
// RUN: sed 's/%41 = arith.cmpi ult, %c4_i32/%41 = arith.cmpi ult, %c5_i32/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=ONE
// ONE: refuted: with M = 1 row 0, K block 5 of 'sfq' is padding, and does not become 0

// L4: a real factor that is cleared.
// RUN: sed 's/%41 = arith.cmpi ult, %c4_i32/%41 = arith.cmpi ult, %c2_i32/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=REAL
// REAL: this stores row 0, K block 3 of 'sfq' a second time

// L4: a block of each row that nobody makes.
// RUN: sed 's/%23 = arith.cmpi ult, %18, %c5_i32/%23 = arith.cmpi ult, %18, %c4_i32/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=LAST
// LAST: refuted: with M = 1 row 0, K block 4 of 'q' is never stored

// L4: rows that are in no tile.
// RUN: sed 's/%6 = arith.muli %5, %c2_i32/%6 = arith.addi %5, %c2_i32/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=TILES
// TILES: of 'q' is in no tile

// L4: tiles in two parts, each of which stores all.
// RUN: sed 's/cta.tile_range %arg9 in %6 {/cta.tile_range %arg9, %arg99 in %6 parts 2 {/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=PARTS
// PARTS: not proven: expected tiles in one part

// L5: what was made decides what is stored.
// RUN: sed 's/cta.store_codes %codes, %arg2\[%30\] if %24/%low = arith.trunci %codes : i64 to i32\n      %less = arith.cmpi ult, %low, %arg8 : i32\n      %both = arith.andi %24, %less : i1\n      cta.store_codes %codes, %arg2[%30] if %both/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=FLOW
// FLOW: refuted: an address, a guard, a count or a branch here depends on what was read from memory

// L7: no wait for the grids before.
// RUN: sed '/cta.grid_wait/d' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=WAIT
// WAIT: before cta.grid_wait

module {
  cta.kernel @quantize(%arg0: !cta.matrix<?, 160>, %arg1: i64, %arg2: !cta.matrix<?, 40>, %arg3: i64, %arg4: !cta.scales<?, 5, "8x4">, %arg5: !cta.scalar, %arg6: f32, %arg7: i32, %arg8: i32) sources ["x", "x.stride", "q", "q.stride", "sfq", "global", "global.value", "global.reciprocal", "m"] threads 32 schedule #cta.schedule<"plain", tile = [8, 64, 16], warps = [1, 1]> {
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
      %25:8 = cta.load_elements %arg0[%21] if %24 as bf16 : <?, 160> -> f32, f32, f32, f32, f32, f32, f32, f32
      %c16_i64 = arith.constant 16 : i64
      %26 = arith.addi %21, %c16_i64 : i64
      %27:8 = cta.load_elements %arg0[%26] if %24 as bf16 : <?, 160> -> f32, f32, f32, f32, f32, f32, f32, f32
      %codes, %scale = cta.quantize(%25#0, %25#1, %25#2, %25#3, %25#4, %25#5, %25#6, %25#7, %27#0, %27#1, %27#2, %27#3, %27#4, %27#5, %27#6, %27#7) by %3
      %28 = arith.muli %12, %arg3 : i64
      %c8_i64 = arith.constant 8 : i64
      %29 = arith.muli %19, %c8_i64 : i64
      %30 = arith.addi %28, %29 : i64
      cta.store_codes %codes, %arg2[%30] if %24 : <?, 40>
      %31 = arith.divui %12, %c8_i64 : i64
      %c2_i64 = arith.constant 2 : i64
      %32 = arith.muli %31, %c2_i64 : i64
      %c4_i64 = arith.constant 4 : i64
      %33 = arith.divui %19, %c4_i64 : i64
      %34 = arith.addi %32, %33 : i64
      %35 = arith.muli %34, %c32_i64 : i64
      %36 = arith.remui %12, %c8_i64 : i64
      %37 = arith.muli %36, %c4_i64 : i64
      %38 = arith.addi %35, %37 : i64
      %39 = arith.remui %19, %c4_i64 : i64
      %40 = arith.addi %38, %39 : i64
      cta.store_factor %scale, %arg4[%40] if %24 : <?, 5, "8x4">
      %41 = arith.cmpi ult, %c4_i32, %18 : i32
      %42 = arith.andi %41, %22 : i1
      %43 = arith.cmpi ult, %18, %c8_i32 : i32
      %44 = arith.andi %42, %43 : i1
      cta.clear_factor %arg4[%40] if %44 : <?, 5, "8x4">
      %c1_i32 = arith.constant 1 : i32
      %45 = arith.addi %11, %c1_i32 : i32
      %46 = arith.cmpi ult, %arg8, %45 : i32
      %47 = arith.muli %5, %c8_i32 : i32
      %48 = arith.cmpi ult, %11, %47 : i32
      %49 = arith.andi %46, %48 : i1
      %50 = arith.andi %49, %43 : i1
      cta.clear_factor %arg4[%40] if %50 : <?, 5, "8x4">
    }
    cta.grid_release
  }
}
