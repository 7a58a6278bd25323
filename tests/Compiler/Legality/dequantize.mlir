// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// All lemmas hold of the kernel below, and each edit of it breaks one. It is what `nybl compile "dequantize k=80
// sf=8x4" --chip sm_120a --emit cta --schedule "tile=8x64x16 warps=1x1"` gives, less its certificate.
// RUN: nybl-opt %s -prove-non-interference | FileCheck %s
// CHECK: certificate #cta.certificate<
// CHECK-SAME: <"q", "never", 1>, <"sfq", "never", 1>, <"y", "never", 2>
// CHECK-NOT: unproven
// CHECK-SAME: <"L1", proven,
// CHECK-SAME: <"L2", proven, "16 elements
// CHECK-SAME: <"L4", proven, "32 blocks of a tile
// CHECK-SAME: <"L7", proven,

// L1: bytes past the end of a row.
// RUN: sed 's/arg0\[%21\] if %24/arg0[%21] if %22/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=ROW
// ROW: this reaches a byte of 'q' past the end of its row

// L1: a scale factor in a padding K block.
// RUN: sed '/^ *%36 = /{s/if %24/if %both/;s/^/%block = arith.cmpi ult, %18, %c8_i32 : i32\n%both = arith.andi %22, %block : i1\n/}' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=FACTOR
// FACTOR: this reaches a scale factor of 'sfq' in a padding K block

// L1: elements past the last row.
// RUN: sed 's/arg3\[%56\] if %24/arg3[%56] if %23/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=BEHIND
// BEHIND: this reaches a row of 'y' past its last

// L1: what y held before.
// RUN: sed 's/cta.load %arg0\[%21\] if %24 : <?, 40>/cta.load %arg3[%56] if %24 : <?, 160>/;/%54 =/d;/%55 =/d;/%56 =/d;s/^      %25 =/      %54 = arith.muli %12, %arg4 : i64\n      %c32_i64x = arith.constant 32 : i64\n      %55 = arith.muli %19, %c32_i64x : i64\n      %56 = arith.addi %54, %55 : i64\n      %25 =/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=OUTPUT
// OUTPUT: this reaches the output 'y' with a load

// L2: the codes of the first K block for all.
// RUN: sed 's/arg0\[%21\]/arg0[%13]/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=CODES
// CODES: refuted: with {{.*}} this stores row 0, column 0 of 'q' as row 0, column 16

// L2: elements that change places.
// RUN: sed 's/(%38, %39,/(%39, %38,/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=PLACES
// PLACES: this stores row 0, column 1 of 'q' as row 0, column 0

// L2: the same eight elements twice.
// RUN: sed 's/(%46, %47, %48, %49, %50, %51, %52, %53)/(%38, %39, %40, %41, %42, %43, %44, %45)/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=EIGHT
// EIGHT: this stores row 0, column 0 of 'q' as row 0, column 8

// L2: a sum of two elements.
// RUN: sed 's/arith.mulf %37#0, %3/arith.addf %37#0, %37#1/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=SUM
// SUM: this stores row 0, column 1 of 'q' as row 0, column 0

// L2: a number, whatever q holds.
// RUN: sed 's/arith.mulf %37#0, %3/arith.addf %3, %3/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=NUMBER
// NUMBER: not proven: expected what is stored to be made of a block of 'q'

// L2: an element whose codes nobody loads in the last K block.
// RUN: sed 's/arg0\[%21\] if %24/arg0[%21] if %less/;s/^      %25 =/      %four = arith.cmpi ult, %18, %c4_i32 : i32\n      %less = arith.andi %22, %four : i1\n      %25 =/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=LESS
// LESS: not proven: expected a load wherever row and K block are real, and nowhere else

// L4: the last K block of a row is left out.
// RUN: sed 's/arg3\[%57\] if %24/arg3[%57] if %less/;s/^      %57 =/      %four = arith.cmpi ult, %18, %c4_i32 : i32\n      %less = arith.andi %22, %four : i1\n      %57 =/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=LAST
// LAST: not proven: expected the guard of a store to say exactly that row and K block are real

// L4: elements that are stored twice.
// RUN: sed '/^ *cta.store_elements(%38/p' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=TWICE
// TWICE: refuted: with M = 1, tile = 0, thread = 0 this stores row 0, K block 0 of 'y' a second time

// L4: half of each block is stored by nobody.
// RUN: sed '/^ *cta.store_elements(%46/d' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=HALF
// HALF: not proven: expected all elements of every block of a tile to be stored

// L4: rows that are in no tile.
// RUN: sed 's/%6 = arith.muli %5, %c2_i32/%6 = arith.addi %5, %c2_i32/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=TILES
// TILES: of 'y' is in no tile

// L4: tiles in two parts, each of which stores all.
// RUN: sed 's/cta.tile_range %arg9 in %6 {/cta.tile_range %arg9, %arg99 in %6 parts 2 {/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=PARTS
// PARTS: not proven: expected tiles in one part

// L5: what was read decides what is stored.
// RUN: sed 's/^      %54 =/      %low = arith.trunci %25 : i64 to i32\n      %few = arith.cmpi ult, %low, %arg8 : i32\n      %both = arith.andi %24, %few : i1\n      %54 =/;s/arg3\[%56\] if %24/arg3[%56] if %both/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=FLOW
// FLOW: refuted: an address, a guard, a count or a branch here depends on what was read from memory

// L7: no wait for the grids before.
// RUN: sed '/cta.grid_wait/d' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=WAIT
// WAIT: before cta.grid_wait

module {
  cta.kernel @dequantize(%arg0: !cta.matrix<?, 40>, %arg1: i64, %arg2: !cta.scales<?, 5, "8x4">, %arg3: !cta.matrix<?, 160>, %arg4: i64, %arg5: !cta.scalar, %arg6: f32, %arg7: i32, %arg8: i32) sources ["q", "q.stride", "sfq", "y", "y.stride", "global", "global.value", "global.reciprocal", "m"] threads 32 schedule #cta.schedule<"plain", tile = [8, 64, 16], warps = [1, 1]> {
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
      %c8_i64 = arith.constant 8 : i64
      %20 = arith.muli %19, %c8_i64 : i64
      %21 = arith.addi %13, %20 : i64
      %22 = arith.cmpi ult, %11, %arg8 : i32
      %c5_i32 = arith.constant 5 : i32
      %23 = arith.cmpi ult, %18, %c5_i32 : i32
      %24 = arith.andi %22, %23 : i1
      %25 = cta.load %arg0[%21] if %24 : <?, 40>
      %26 = arith.divui %12, %c8_i64 : i64
      %c2_i64 = arith.constant 2 : i64
      %27 = arith.muli %26, %c2_i64 : i64
      %c4_i64 = arith.constant 4 : i64
      %28 = arith.divui %19, %c4_i64 : i64
      %29 = arith.addi %27, %28 : i64
      %c32_i64 = arith.constant 32 : i64
      %30 = arith.muli %29, %c32_i64 : i64
      %31 = arith.remui %12, %c8_i64 : i64
      %32 = arith.muli %31, %c4_i64 : i64
      %33 = arith.addi %30, %32 : i64
      %34 = arith.remui %19, %c4_i64 : i64
      %35 = arith.addi %33, %34 : i64
      %36 = cta.load_scale %arg2[%35] if %24 : <?, 5, "8x4">
      %37:16 = cta.dequantize %25 by %36 : f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32
      %38 = arith.mulf %37#0, %3 : f32
      %39 = arith.mulf %37#1, %3 : f32
      %40 = arith.mulf %37#2, %3 : f32
      %41 = arith.mulf %37#3, %3 : f32
      %42 = arith.mulf %37#4, %3 : f32
      %43 = arith.mulf %37#5, %3 : f32
      %44 = arith.mulf %37#6, %3 : f32
      %45 = arith.mulf %37#7, %3 : f32
      %46 = arith.mulf %37#8, %3 : f32
      %47 = arith.mulf %37#9, %3 : f32
      %48 = arith.mulf %37#10, %3 : f32
      %49 = arith.mulf %37#11, %3 : f32
      %50 = arith.mulf %37#12, %3 : f32
      %51 = arith.mulf %37#13, %3 : f32
      %52 = arith.mulf %37#14, %3 : f32
      %53 = arith.mulf %37#15, %3 : f32
      %54 = arith.muli %12, %arg4 : i64
      %55 = arith.muli %19, %c32_i64 : i64
      %56 = arith.addi %54, %55 : i64
      cta.store_elements(%38, %39, %40, %41, %42, %43, %44, %45) as bf16, %arg3[%56] if %24 : <?, 160>
      %c16_i64 = arith.constant 16 : i64
      %57 = arith.addi %56, %c16_i64 : i64
      cta.store_elements(%46, %47, %48, %49, %50, %51, %52, %53) as bf16, %arg3[%57] if %24 : <?, 160>
    }
    cta.grid_release
  }
}

