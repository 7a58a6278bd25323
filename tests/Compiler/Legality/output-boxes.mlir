// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// L1 to L4 of a kernel whose D leaves by TMA, and edits of it that each break what it is made of. The kernel is what
// `nybl compile "gemm n=24 k=80" --chip sm_120a --emit cta --schedule "kind=cooperative tile=32x32x64 warps=2x2
// stages=2 store=tma"` gives, less its certificate.
// RUN: nybl-opt %s -prove-non-interference | FileCheck %s
// CHECK: certificate
// CHECK-SAME: <"d", "never", 1>
// CHECK-NOT: unproven
// CHECK-SAME: <"L3", proven, {{.*}}; 1024 elements of 'd' on their way to TMA, each written by the warp that stores it
// CHECK-SAME: <"L4", proven, "1024 elements of a tile, each stored once

// What was stored before may still be read: nobody has waited, or only behind the first pair.
// RUN: sed -e '/^ *cta.output_acquire/d' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=UNREAD
// UNREAD: refuted: with tile = 0, thread = 0 this is written while a box that was stored before may still be read
// RUN: sed -e '/^ *cta.output_acquire/d;0,/^ *cta.store_pair/s/^ *cta.store_pair.*/&\ncta.output_acquire/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=BEHIND
// BEHIND: refuted: with tile = 0, thread = 0 this is written while a box that was stored before may still be read

// Nobody tells TMA what was written, or tells it too early.
// RUN: sed -e '/^ *cta.output_publish/d' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=UNTOLD
// UNTOLD: refuted: with tile = 0, thread = 0 this is stored before what its warp wrote is published
// RUN: sed -e '/^ *cta.output_publish/d;s/^ *cta.output_acquire/&\ncta.output_publish/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=EARLY
// EARLY: refuted: with tile = 0, thread = 0 this is written while a box that was stored before may still be read

// A box holds what nobody wrote, or another warp, or what lies elsewhere.
// RUN: sed -e '0,/^ *cta.store_pair/{/^ *cta.store_pair/d}' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=UNWRITTEN
// UNWRITTEN: refuted: with tile = 0, thread = 0 this stores byte 0 of a stage, which its warp has not written since its last acquire
// RUN: sed -e '/^ *cta.store_box/s/%9\[%63\]/%9[%c0_i32]/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=NEIGHBOUR
// NEIGHBOUR: refuted: with tile = 0, thread = 32 this stores byte 0 of a stage, which thread 0 of another warp writes
// RUN: sed -e 's/^ *cta.store_box/%at = arith.addi %63, %c16_i32 : i32\n&/;s/%9\[%63\]/%9[%at]/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=SWIZZLE
// SWIZZLE: refuted: with tile = 0, thread = 0 this stores 512 bytes from byte 16 of a stage of 2048 on: expected a multiple of 256, and all of them in the stage
// RUN: sed -e 's/2048/1024/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=SMALL
// SMALL: refuted: with tile = 0, thread = 64 this writes byte 1024 of a stage of 1024

// A pair lies where another thread's does, or its own thread's, or between two.
// RUN: sed -e 's/%9\[%46\]/%9[%45]/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=OTHERS
// OTHERS: refuted: with tile = 0, thread = 4 this writes byte 0 of a stage a second time
// RUN: sed -e 's/%9\[%53\]/%9[%46]/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=OWN
// OWN: not proven: expected each thread to write an element of a stage of D once
// RUN: sed -e 's/^ *cta.store_pair.*%9.%46.*/%at = arith.addi %46, %c2_i32 : i32\n&/;s/%9\[%46\]/%9[%at]/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=BETWEEN
// BETWEEN: refuted: with tile = 0, thread = 0 this writes byte 2 of a stage, no multiple of 4

// L4: an element is stored twice, or never.
// RUN: sed -e 's/^ *cta.store_box.*/&\n&/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=TWICE
// TWICE: refuted: with tile = 0, thread = 0 this stores byte 0 of a stage a second time
// RUN: sed -e 's/when %64/when %yes/;s/^ *cta.output_publish/%yes = arith.constant true\n&/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=LANES
// LANES: not proven: expected at most one thread of a warp to store a box, and to be alike to the others of its warp
// RUN: sed -e 's/%64 = arith.cmpi ult, %15/%64 = arith.cmpi ult, %arg14/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=NEVER
// NEVER: refuted: with tile = 0, thread = 32 this writes an element of 'd' that no box stores

// A row that is another one for each lane, of which any may be elected.
// RUN: sed -e 's/^ *cta.store_box/%row = arith.addi %60, %15 : i32\n&/;s/\[%60, /[%row, /' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=ALIKE
// ALIKE: not proven: expected at most one thread of a warp to store a box, and to be alike to the others of its warp

// L2: an element is that of another row, or column.
// RUN: sed -e 's/^ *cta.store_box/%row = arith.addi %60, %c1_i32 : i32\n&/;s/\[%60, /[%row, /' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=ROW
// ROW: refuted: with tile = 0, thread = 0 this stores row 0, column 0 of the product in row 1, column 0 of 'd'
// RUN: sed -e 's/%9.%46. : bf16/PLACE/;s/cta.store_pair %32, %33, PLACE/cta.store_pair %33, %32, %9[%46] : bf16/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=COLUMN
// COLUMN: refuted: with tile = 0, thread = 0 this stores row 0, column 1 of the product in row 0, column 0 of 'd'
// RUN: sed -e 's/^ *cta.store_box/%odd = arith.addi %62, %c1_i32 : i32\n&/;s/, %62\]/, %odd]/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=HALF
// HALF: not proven: expected a multiple of 2 as the first byte of a box

// L1: coordinates that TMA reads as negative. L5: a place made of what was read. L7: a store ahead of the wait.
// RUN: sed -e 's/^ *cta.store_box/%far = arith.constant -1 : i32\n&/;s/\[%60, /[%far, /' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=FAR
// FAR: not proven: expected coordinates of a box below 2^31: TMA takes them as signed numbers
// RUN: sed -e 's/^ *cta.store_pair.*%9.%46.*/%bits = arith.bitcast %24 : f32 to i32\n&/;s/%9\[%46\]/%9[%bits]/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=FLOW
// FLOW: refuted: an address, a guard, a count or a branch here depends on what was read from memory
// RUN: sed -e '/^ *cta.grid_wait/d;s/^ *cta.output_drain/cta.grid_wait\n&/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=GRID
// GRID: refuted: this accesses 'alpha' before cta.grid_wait

// Boxes that are under way when the CTA ends.
// RUN: sed -e '/^ *cta.output_drain/d' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=DRAIN
// DRAIN: not proven: expected cta.output_drain behind the tiles
// RUN: sed 's/cta.tile_range %arg13 in %11 {/cta.tile_range %arg13, %arg99 in %11 parts 2 {/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=OFTEN
// OFTEN: refuted: with tile = 0, part = 1 this stores an element of 'd' a second time
// RUN: sed -e '/^ *cta.output_drain/d;s/^ *cta.tile_range/cta.output_drain\n&/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=DRAINED
// DRAINED: not proven: expected cta.output_drain behind the tiles

// What the prover does not follow: pairs in a K loop, another role's, boxes of some tiles.
// RUN: sed -e 's/^ *cta.ring_release.*/&\n%half = arith.truncf %arg16 : f32 to bf16\ncta.store_pair %half, %half, %9[%c0_i32] : bf16, <2048>/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=LOOP
// LOOP: not proven: expected stores by TMA in a tile, outside its K loops
// RUN: sed -e 's/^ *cta.role "producer".*/&\n%half = arith.constant 0.0 : bf16\n%zero = arith.constant 0 : i32\ncta.store_pair %half, %half, %9[%zero] : bf16, <2048>/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=ROLE
// ROLE: not proven: expected a stage of D to be one role's own, outside its K loops
// RUN: sed -e 's/%64 = arith.cmpi ult, %15/%64 = arith.cmpi ult, %60/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=SOME
// SOME: not proven: expected `when` to speak of the thread alone

module {
  cta.kernel @gemm(%arg0: !cta.matrix<?, 40>, %arg1: i64, %arg2: !cta.scales<?, 5, "128x4">, %arg3: !cta.matrix<24, 40>, %arg4: i64, %arg5: !cta.scales<24, 5, "128x4">, %arg6: !cta.matrix<?, 48>, %arg7: i64, %arg8: !cta.tensor_map<16, 32>, %arg9: !cta.scalar, %arg10: f32, %arg11: i32, %arg12: i32) sources ["a", "a.stride", "sfa", "b", "b.stride", "sfb", "d", "d.stride", "d.map", "alpha", "alpha.value", "alpha.reciprocal", "m"] threads 256 schedule #cta.schedule<"cooperative", tile = [32, 32, 64], warps = [2, 2], stages = 2, store = "tma"> {
    cta.grid_wait
    %0 = cta.ring stages 2 steps 2
    %1 = cta.alloc in %0 : !cta.stage<1536>
    %2 = cta.alloc in %0 : !cta.scale_stage<128>
    %3 = cta.alloc in %0 : !cta.stage<1536>
    %4 = cta.alloc in %0 : !cta.scale_stage<128>
    %5 = cta.load_scalar %arg9 or %arg10
    %cst = arith.constant 1.000000e+00 : f32
    %6 = arith.divf %cst, %5 : f32
    %c0_i32 = arith.constant 0 : i32
    %7 = arith.cmpi ne, %arg11, %c0_i32 : i32
    %8 = arith.select %7, %6, %5 : f32
    %9 = cta.alloc : !cta.output_stage<2048>
    %c31_i32 = arith.constant 31 : i32
    %10 = arith.addi %arg12, %c31_i32 : i32
    %c32_i32 = arith.constant 32 : i32
    %11 = arith.divui %10, %c32_i32 : i32
    cta.tile_range %arg13 in %11 {
      %c1_i32 = arith.constant 1 : i32
      %12 = arith.muli %arg13, %c32_i32 : i32
      %13 = arith.remui %arg13, %c1_i32 : i32
      %14 = arith.muli %13, %c32_i32 : i32
      cta.role "producer" %arg14 in warps [4, 4] {
        %c2_i32 = arith.constant 2 : i32
        %c4_i32 = arith.constant 4 : i32
        %c16_i32 = arith.constant 16 : i32
        scf.for %arg15 = %c0_i32 to %c2_i32 step %c1_i32  : i32 {
          cta.ring_acquire %0[%arg15]
          %15 = arith.divui %arg14, %c4_i32 : i32
          %16 = arith.addi %12, %15 : i32
          %17 = arith.extui %16 : i32 to i64
          %18 = arith.muli %17, %arg1 : i64
          %c64_i32 = arith.constant 64 : i32
          %19 = arith.muli %arg15, %c64_i32 : i32
          %20 = arith.divui %19, %c16_i32 : i32
          %21 = arith.remui %arg14, %c4_i32 : i32
          %22 = arith.addi %20, %21 : i32
          %23 = arith.extui %22 : i32 to i64
          %c8_i64 = arith.constant 8 : i64
          %24 = arith.muli %23, %c8_i64 : i64
          %25 = arith.addi %18, %24 : i64
          %26 = arith.cmpi ult, %16, %arg12 : i32
          %c5_i32 = arith.constant 5 : i32
          %27 = arith.cmpi ult, %22, %c5_i32 : i32
          %28 = arith.andi %26, %27 : i1
          %c48_i32 = arith.constant 48 : i32
          %29 = arith.muli %15, %c48_i32 : i32
          %c8_i32 = arith.constant 8 : i32
          %30 = arith.muli %21, %c8_i32 : i32
          %31 = arith.addi %29, %30 : i32
          cta.copy %arg0[%25] if %28, %1 at %arg15[%31] : <?, 40>, <1536>
          %32 = arith.addi %12, %arg14 : i32
          %33 = arith.extui %32 : i32 to i64
          %c128_i64 = arith.constant 128 : i64
          %34 = arith.divui %33, %c128_i64 : i64
          %c2_i64 = arith.constant 2 : i64
          %35 = arith.muli %34, %c2_i64 : i64
          %36 = arith.remui %arg14, %c1_i32 : i32
          %37 = arith.muli %36, %c4_i32 : i32
          %38 = arith.addi %20, %37 : i32
          %39 = arith.extui %38 : i32 to i64
          %c4_i64 = arith.constant 4 : i64
          %40 = arith.divui %39, %c4_i64 : i64
          %41 = arith.addi %35, %40 : i64
          %c512_i64 = arith.constant 512 : i64
          %42 = arith.muli %41, %c512_i64 : i64
          %c32_i64 = arith.constant 32 : i64
          %43 = arith.remui %33, %c32_i64 : i64
          %c16_i64 = arith.constant 16 : i64
          %44 = arith.muli %43, %c16_i64 : i64
          %45 = arith.addi %42, %44 : i64
          %46 = arith.remui %33, %c128_i64 : i64
          %47 = arith.divui %46, %c32_i64 : i64
          %48 = arith.muli %47, %c4_i64 : i64
          %49 = arith.addi %45, %48 : i64
          %50 = arith.remui %39, %c4_i64 : i64
          %51 = arith.addi %49, %50 : i64
          %52 = arith.cmpi ult, %32, %arg12 : i32
          %53 = arith.cmpi ult, %38, %c5_i32 : i32
          %54 = arith.andi %52, %53 : i1
          %55 = arith.addi %38, %c1_i32 : i32
          %56 = arith.cmpi ult, %55, %c5_i32 : i32
          %57 = arith.andi %52, %56 : i1
          %58 = arith.addi %38, %c2_i32 : i32
          %59 = arith.cmpi ult, %58, %c5_i32 : i32
          %60 = arith.andi %52, %59 : i1
          %c3_i32 = arith.constant 3 : i32
          %61 = arith.addi %38, %c3_i32 : i32
          %62 = arith.cmpi ult, %61, %c5_i32 : i32
          %63 = arith.andi %52, %62 : i1
          %64 = arith.muli %arg14, %c4_i32 : i32
          %65 = arith.addi %64, %37 : i32
          %66 = arith.cmpi ult, %arg14, %c32_i32 : i32
          cta.copy_scales %arg2[%51] if(%54, %57, %60, %63), %2 at %arg15[%65] when %66 : <?, 5, "128x4">, <128>
          %67 = arith.addi %14, %15 : i32
          %68 = arith.extui %67 : i32 to i64
          %69 = arith.muli %68, %arg4 : i64
          %70 = arith.addi %69, %24 : i64
          %c24_i32 = arith.constant 24 : i32
          %71 = arith.cmpi ult, %67, %c24_i32 : i32
          %72 = arith.andi %71, %27 : i1
          cta.copy %arg3[%70] if %72, %3 at %arg15[%31] : <24, 40>, <1536>
          %73 = arith.addi %14, %arg14 : i32
          %74 = arith.extui %73 : i32 to i64
          %75 = arith.divui %74, %c128_i64 : i64
          %76 = arith.muli %75, %c2_i64 : i64
          %77 = arith.addi %76, %40 : i64
          %78 = arith.muli %77, %c512_i64 : i64
          %79 = arith.remui %74, %c32_i64 : i64
          %80 = arith.muli %79, %c16_i64 : i64
          %81 = arith.addi %78, %80 : i64
          %82 = arith.remui %74, %c128_i64 : i64
          %83 = arith.divui %82, %c32_i64 : i64
          %84 = arith.muli %83, %c4_i64 : i64
          %85 = arith.addi %81, %84 : i64
          %86 = arith.addi %85, %50 : i64
          %87 = arith.cmpi ult, %73, %c24_i32 : i32
          %88 = arith.andi %87, %53 : i1
          %89 = arith.andi %87, %56 : i1
          %90 = arith.andi %87, %59 : i1
          %91 = arith.andi %87, %62 : i1
          cta.copy_scales %arg5[%86] if(%88, %89, %90, %91), %4 at %arg15[%65] when %66 : <24, 5, "128x4">, <128>
          cta.ring_publish %0[%arg15]
        }
      }
      cta.role "consumer" %arg14 in warps [0, 4] {
        %cst_0 = arith.constant 0.000000e+00 : f32
        %c2_i32 = arith.constant 2 : i32
        %15 = arith.remui %arg14, %c32_i32 : i32
        %16 = arith.divui %arg14, %c32_i32 : i32
        %17 = arith.remui %16, %c2_i32 : i32
        %c16_i32 = arith.constant 16 : i32
        %18 = arith.muli %17, %c16_i32 : i32
        %c4_i32 = arith.constant 4 : i32
        %19 = arith.divui %15, %c4_i32 : i32
        %20 = arith.divui %16, %c2_i32 : i32
        %21 = arith.muli %20, %c16_i32 : i32
        %22 = arith.remui %15, %c4_i32 : i32
        %23:8 = scf.for %arg15 = %c0_i32 to %c2_i32 step %c1_i32 iter_args(%arg16 = %cst_0, %arg17 = %cst_0, %arg18 = %cst_0, %arg19 = %cst_0, %arg20 = %cst_0, %arg21 = %cst_0, %arg22 = %cst_0, %arg23 = %cst_0) -> (f32, f32, f32, f32, f32, f32, f32, f32)  : i32 {
          cta.ring_wait %0[%arg15] pending 0
          %c8_i32 = arith.constant 8 : i32
          %65 = arith.remui %15, %c8_i32 : i32
          %66 = arith.addi %18, %65 : i32
          %67 = arith.divui %15, %c16_i32 : i32
          %68 = arith.muli %67, %c8_i32 : i32
          %69 = arith.addi %66, %68 : i32
          %c48_i32 = arith.constant 48 : i32
          %70 = arith.muli %69, %c48_i32 : i32
          %71 = arith.divui %15, %c8_i32 : i32
          %72 = arith.remui %71, %c2_i32 : i32
          %73 = arith.muli %72, %c16_i32 : i32
          %74 = arith.addi %70, %73 : i32
          %r0, %r1, %r2, %r3 = cta.ldmatrix %3 at %arg15[%74] : <1536>
          %75 = arith.addi %18, %19 : i32
          %76 = arith.muli %75, %c4_i32 : i32
          %77 = cta.load_scale_word %4 at %arg15[%76] : <128>
          %78 = arith.addi %75, %c8_i32 : i32
          %79 = arith.muli %78, %c4_i32 : i32
          %80 = cta.load_scale_word %4 at %arg15[%79] : <128>
          %81 = arith.addi %21, %65 : i32
          %82 = arith.muli %72, %c8_i32 : i32
          %83 = arith.addi %81, %82 : i32
          %84 = arith.muli %83, %c48_i32 : i32
          %85 = arith.muli %67, %c16_i32 : i32
          %86 = arith.addi %84, %85 : i32
          %r0_1, %r1_2, %r2_3, %r3_4 = cta.ldmatrix %1 at %arg15[%86] : <1536>
          %87 = arith.addi %21, %19 : i32
          %88 = arith.remui %22, %c2_i32 : i32
          %89 = arith.muli %88, %c8_i32 : i32
          %90 = arith.addi %87, %89 : i32
          %91 = arith.muli %90, %c4_i32 : i32
          %92 = cta.load_scale_word %2 at %arg15[%91] : <128>
          %d0, %d1, %d2, %d3 = cta.mma(%r0_1, %r1_2, %r2_3, %r3_4) scaled %92, (%r0, %r1) scaled %77, (%arg16, %arg17, %arg18, %arg19)
          %d0_5, %d1_6, %d2_7, %d3_8 = cta.mma(%r0_1, %r1_2, %r2_3, %r3_4) scaled %92, (%r2, %r3) scaled %80, (%arg20, %arg21, %arg22, %arg23)
          cta.ring_release %0[%arg15]
          scf.yield %d0, %d1, %d2, %d3, %d0_5, %d1_6, %d2_7, %d3_8 : f32, f32, f32, f32, f32, f32, f32, f32
        }
        %24 = arith.mulf %23#0, %8 : f32
        %25 = arith.mulf %23#1, %8 : f32
        %26 = arith.mulf %23#2, %8 : f32
        %27 = arith.mulf %23#3, %8 : f32
        %28 = arith.mulf %23#4, %8 : f32
        %29 = arith.mulf %23#5, %8 : f32
        %30 = arith.mulf %23#6, %8 : f32
        %31 = arith.mulf %23#7, %8 : f32
        cta.output_acquire
        %32 = arith.truncf %24 : f32 to bf16
        %33 = arith.truncf %25 : f32 to bf16
        %34 = arith.muli %16, %c16_i32 : i32
        %35 = arith.addi %34, %19 : i32
        %36 = arith.muli %35, %c32_i32 : i32
        %37 = arith.muli %22, %c2_i32 : i32
        %38 = arith.muli %37, %c2_i32 : i32
        %39 = arith.divui %38, %c16_i32 : i32
        %c128_i32 = arith.constant 128 : i32
        %40 = arith.divui %36, %c128_i32 : i32
        %41 = arith.remui %40, %c2_i32 : i32
        %42 = arith.xori %39, %41 : i32
        %43 = arith.muli %42, %c16_i32 : i32
        %44 = arith.addi %36, %43 : i32
        %45 = arith.remui %38, %c16_i32 : i32
        %46 = arith.addi %44, %45 : i32
        cta.store_pair %32, %33, %9[%46] : bf16, <2048>
        %47 = arith.truncf %28 : f32 to bf16
        %48 = arith.truncf %29 : f32 to bf16
        %49 = arith.addi %39, %c1_i32 : i32
        %50 = arith.xori %49, %41 : i32
        %51 = arith.muli %50, %c16_i32 : i32
        %52 = arith.addi %36, %51 : i32
        %53 = arith.addi %52, %45 : i32
        cta.store_pair %47, %48, %9[%53] : bf16, <2048>
        %54 = arith.truncf %26 : f32 to bf16
        %55 = arith.truncf %27 : f32 to bf16
        %c256_i32 = arith.constant 256 : i32
        %56 = arith.addi %46, %c256_i32 : i32
        cta.store_pair %54, %55, %9[%56] : bf16, <2048>
        %57 = arith.truncf %30 : f32 to bf16
        %58 = arith.truncf %31 : f32 to bf16
        %59 = arith.addi %53, %c256_i32 : i32
        cta.store_pair %57, %58, %9[%59] : bf16, <2048>
        cta.output_publish
        %60 = arith.addi %12, %21 : i32
        %61 = arith.addi %14, %18 : i32
        %62 = arith.muli %61, %c2_i32 : i32
        %63 = arith.muli %34, %c32_i32 : i32
        %64 = arith.cmpi ult, %15, %c1_i32 : i32
        cta.store_box %arg8 of %arg6[%60, %62], %9[%63] when %64 : <16, 32>, <?, 48>, <2048>
      }
    }
    cta.output_drain
    cta.grid_release
  }
}
