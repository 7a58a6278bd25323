// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// L3 of a kernel whose consumers are two groups that take tiles by turns, and edits of it that each break what it is
// made of. The kernel is what `nybl compile "gemm n=24 k=80 d=f32" --chip sm_120a --emit cta --schedule "kind=pingpong
// tile=32x32x64 warps=2x2 stages=2 group=2"` gives, less its certificate.
// RUN: nybl-opt %s -prove-non-interference | FileCheck %s
// CHECK: certificate
// CHECK-NOT: unproven
// CHECK-SAME: <"L3", proven, {{.*}}in every order of two warps that write and two that read; so are tiles by turns

// Claims on the ring without a turn, before it and behind it.
// RUN: sed -e '/^ *cta.take_turn/d;/^ *cta.pass_turn/d' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=NONE
// NONE: refuted: with tile = 0, K step = 0 this claims an iteration of a ring outside the group's turn
// RUN: sed -e '/^ *cta.take_turn/d;s/^ *cta.pass_turn/cta.take_turn\n&/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=LATE
// LATE: refuted: with tile = 0, K step = 0 this claims an iteration of a ring outside the group's turn
// RUN: sed -e '/^ *cta.pass_turn/d;s/^ *cta.take_turn/&\ncta.pass_turn/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=EARLY
// EARLY: refuted: with tile = 0, K step = 0 this claims an iteration of a ring outside the group's turn

// A turn that is kept, passed twice, taken twice, or taken again.
// RUN: sed -e '/^ *cta.pass_turn/d' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=KEPT
// KEPT: not proven: expected one turn in a tile, taken and passed, got 1, of which one is kept
// RUN: sed -e 's/^ *cta.pass_turn/&\n&/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=TWICE
// TWICE: not proven: expected a turn to be taken, then passed, outside claims on rings
// RUN: sed -e 's/^ *cta.take_turn/&\n&/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=TAKEN
// TAKEN: not proven: expected a turn to be taken, then passed, outside claims on rings
// RUN: sed -e 's/^ *cta.pass_turn/&\ncta.take_turn\n&/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=AGAIN
// AGAIN: not proven: expected one turn in a tile, taken and passed, got 2

// All eight warps at one tile: they are too many for it.
// RUN: sed -e 's/ turns 2//;/^ *cta.take_turn/d;/^ *cta.pass_turn/d' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=ALL
// ALL: refuted: with M = 1, tile = 0, K step = 0, thread = 128 this reads 16 bytes at byte 1536 of a stage of 1536

// Who writes does so for every tile.
// RUN: sed -z -e 's/threads 384/threads 512/g;s/warps \[8, 4\] {/warps [8, 8] turns 2 {\ncta.take_turn/;s/}\n *cta.role "consumer"/cta.pass_turn\n&/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=WRITER
// WRITER: not proven: expected who writes rings to do so for every tile, not by turns

// A number comes with the lowering alone.
// RUN: sed -e 's/^ *cta.take_turn/cta.take_turn of %order[%c0]/;s/^ *cta.tile_range/%order = cta.turns 2 of 4 warps\n%c0 = arith.constant 0 : i32\n&/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=NUMBER
// NUMBER: not proven: expected a turn without a number

// Tiles that do not lie in rows of so many.
// RUN: sed -e 's/columns = 1 /columns = 2 /' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=COLUMNS
// COLUMNS: not proven: expected a multiple of 2 tiles, that lie in rows of so many

// Where tiles are taken over from CTAs that have not begun, a launch has a CTA for each of the schedule's.
// RUN: sed -e 's/group = 2>/group = 2, scheduler = "clc">/' %s | nybl-opt - -prove-non-interference | FileCheck %s
// RUN: sed -e 's/group = 2>/group = 2, scheduler = "clc">/;s/<"pingpong", tile = \[32,/<"pingpong", tile = [64,/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=GRID
// GRID: not proven: expected tiles of 64 x 32, for each of which a launch has a CTA, got 32 x 32
module {
  cta.kernel @gemm(%arg0: !cta.matrix<?, 40>, %arg1: i64, %arg2: !cta.scales<?, 5, "128x4">, %arg3: !cta.matrix<24, 40>, %arg4: i64, %arg5: !cta.scales<24, 5, "128x4">, %arg6: !cta.matrix<?, 96>, %arg7: i64, %arg8: !cta.scalar, %arg9: f32, %arg10: i32, %arg11: i32) sources ["a", "a.stride", "sfa", "b", "b.stride", "sfb", "d", "d.stride", "alpha", "alpha.value", "alpha.reciprocal", "m"] threads 384 schedule #cta.schedule<"pingpong", tile = [32, 32, 64], warps = [2, 2], stages = 2, group = 2> {
    cta.grid_wait
    %0 = cta.ring stages 2 steps 2
    %1 = cta.alloc in %0 : !cta.stage<1536>
    %2 = cta.alloc in %0 : !cta.scale_stage<128>
    %3 = cta.alloc in %0 : !cta.stage<1536>
    %4 = cta.alloc in %0 : !cta.scale_stage<128>
    %5 = cta.load_scalar %arg8 or %arg9
    %cst = arith.constant 1.000000e+00 : f32
    %6 = arith.divf %cst, %5 : f32
    %c0_i32 = arith.constant 0 : i32
    %7 = arith.cmpi ne, %arg10, %c0_i32 : i32
    %8 = arith.select %7, %6, %5 : f32
    %c31_i32 = arith.constant 31 : i32
    %9 = arith.addi %arg11, %c31_i32 : i32
    %c32_i32 = arith.constant 32 : i32
    %10 = arith.divui %9, %c32_i32 : i32
    cta.tile_range %arg12 in %10 attributes {columns = 1 : i64, group = 2 : i64} {
      %c1_i32 = arith.constant 1 : i32
      %11 = arith.muli %arg12, %c32_i32 : i32
      %12 = arith.remui %arg12, %c1_i32 : i32
      %13 = arith.muli %12, %c32_i32 : i32
      cta.role "producer" %arg13 in warps [8, 4] {
        %c2_i32 = arith.constant 2 : i32
        %c4_i32 = arith.constant 4 : i32
        %c16_i32 = arith.constant 16 : i32
        scf.for %arg14 = %c0_i32 to %c2_i32 step %c1_i32  : i32 {
          cta.ring_acquire %0[%arg14]
          %14 = arith.divui %arg13, %c4_i32 : i32
          %15 = arith.addi %11, %14 : i32
          %16 = arith.extui %15 : i32 to i64
          %17 = arith.muli %16, %arg1 : i64
          %c64_i32 = arith.constant 64 : i32
          %18 = arith.muli %arg14, %c64_i32 : i32
          %19 = arith.divui %18, %c16_i32 : i32
          %20 = arith.remui %arg13, %c4_i32 : i32
          %21 = arith.addi %19, %20 : i32
          %22 = arith.extui %21 : i32 to i64
          %c8_i64 = arith.constant 8 : i64
          %23 = arith.muli %22, %c8_i64 : i64
          %24 = arith.addi %17, %23 : i64
          %25 = arith.cmpi ult, %15, %arg11 : i32
          %c5_i32 = arith.constant 5 : i32
          %26 = arith.cmpi ult, %21, %c5_i32 : i32
          %27 = arith.andi %25, %26 : i1
          %c48_i32 = arith.constant 48 : i32
          %28 = arith.muli %14, %c48_i32 : i32
          %c8_i32 = arith.constant 8 : i32
          %29 = arith.muli %20, %c8_i32 : i32
          %30 = arith.addi %28, %29 : i32
          cta.copy %arg0[%24] if %27, %1 at %arg14[%30] : <?, 40>, <1536>
          %31 = arith.addi %11, %arg13 : i32
          %32 = arith.extui %31 : i32 to i64
          %c128_i64 = arith.constant 128 : i64
          %33 = arith.divui %32, %c128_i64 : i64
          %c2_i64 = arith.constant 2 : i64
          %34 = arith.muli %33, %c2_i64 : i64
          %35 = arith.remui %arg13, %c1_i32 : i32
          %36 = arith.muli %35, %c4_i32 : i32
          %37 = arith.addi %19, %36 : i32
          %38 = arith.extui %37 : i32 to i64
          %c4_i64 = arith.constant 4 : i64
          %39 = arith.divui %38, %c4_i64 : i64
          %40 = arith.addi %34, %39 : i64
          %c512_i64 = arith.constant 512 : i64
          %41 = arith.muli %40, %c512_i64 : i64
          %c32_i64 = arith.constant 32 : i64
          %42 = arith.remui %32, %c32_i64 : i64
          %c16_i64 = arith.constant 16 : i64
          %43 = arith.muli %42, %c16_i64 : i64
          %44 = arith.addi %41, %43 : i64
          %45 = arith.remui %32, %c128_i64 : i64
          %46 = arith.divui %45, %c32_i64 : i64
          %47 = arith.muli %46, %c4_i64 : i64
          %48 = arith.addi %44, %47 : i64
          %49 = arith.remui %38, %c4_i64 : i64
          %50 = arith.addi %48, %49 : i64
          %51 = arith.cmpi ult, %31, %arg11 : i32
          %52 = arith.cmpi ult, %37, %c5_i32 : i32
          %53 = arith.andi %51, %52 : i1
          %54 = arith.addi %37, %c1_i32 : i32
          %55 = arith.cmpi ult, %54, %c5_i32 : i32
          %56 = arith.andi %51, %55 : i1
          %57 = arith.addi %37, %c2_i32 : i32
          %58 = arith.cmpi ult, %57, %c5_i32 : i32
          %59 = arith.andi %51, %58 : i1
          %c3_i32 = arith.constant 3 : i32
          %60 = arith.addi %37, %c3_i32 : i32
          %61 = arith.cmpi ult, %60, %c5_i32 : i32
          %62 = arith.andi %51, %61 : i1
          %63 = arith.muli %arg13, %c4_i32 : i32
          %64 = arith.addi %63, %36 : i32
          %65 = arith.cmpi ult, %arg13, %c32_i32 : i32
          cta.copy_scales %arg2[%50] if(%53, %56, %59, %62), %2 at %arg14[%64] when %65 : <?, 5, "128x4">, <128>
          %66 = arith.addi %13, %14 : i32
          %67 = arith.extui %66 : i32 to i64
          %68 = arith.muli %67, %arg4 : i64
          %69 = arith.addi %68, %23 : i64
          %c24_i32 = arith.constant 24 : i32
          %70 = arith.cmpi ult, %66, %c24_i32 : i32
          %71 = arith.andi %70, %26 : i1
          cta.copy %arg3[%69] if %71, %3 at %arg14[%30] : <24, 40>, <1536>
          %72 = arith.addi %13, %arg13 : i32
          %73 = arith.extui %72 : i32 to i64
          %74 = arith.divui %73, %c128_i64 : i64
          %75 = arith.muli %74, %c2_i64 : i64
          %76 = arith.addi %75, %39 : i64
          %77 = arith.muli %76, %c512_i64 : i64
          %78 = arith.remui %73, %c32_i64 : i64
          %79 = arith.muli %78, %c16_i64 : i64
          %80 = arith.addi %77, %79 : i64
          %81 = arith.remui %73, %c128_i64 : i64
          %82 = arith.divui %81, %c32_i64 : i64
          %83 = arith.muli %82, %c4_i64 : i64
          %84 = arith.addi %80, %83 : i64
          %85 = arith.addi %84, %49 : i64
          %86 = arith.cmpi ult, %72, %c24_i32 : i32
          %87 = arith.andi %86, %52 : i1
          %88 = arith.andi %86, %55 : i1
          %89 = arith.andi %86, %58 : i1
          %90 = arith.andi %86, %61 : i1
          cta.copy_scales %arg5[%85] if(%87, %88, %89, %90), %4 at %arg14[%64] when %65 : <24, 5, "128x4">, <128>
          cta.ring_publish %0[%arg14]
        }
      }
      cta.role "consumer" %arg13 in warps [0, 8] turns 2 {
        %cst_0 = arith.constant 0.000000e+00 : f32
        cta.take_turn
        %c2_i32 = arith.constant 2 : i32
        %14 = arith.remui %arg13, %c32_i32 : i32
        %15 = arith.divui %arg13, %c32_i32 : i32
        %16 = arith.remui %15, %c2_i32 : i32
        %c16_i32 = arith.constant 16 : i32
        %17 = arith.muli %16, %c16_i32 : i32
        %c4_i32 = arith.constant 4 : i32
        %18 = arith.divui %14, %c4_i32 : i32
        %19 = arith.divui %15, %c2_i32 : i32
        %20 = arith.muli %19, %c16_i32 : i32
        %21 = arith.remui %14, %c4_i32 : i32
        %22:8 = scf.for %arg14 = %c0_i32 to %c2_i32 step %c1_i32 iter_args(%arg15 = %cst_0, %arg16 = %cst_0, %arg17 = %cst_0, %arg18 = %cst_0, %arg19 = %cst_0, %arg20 = %cst_0, %arg21 = %cst_0, %arg22 = %cst_0) -> (f32, f32, f32, f32, f32, f32, f32, f32)  : i32 {
          cta.ring_wait %0[%arg14] pending 0
          %c8_i32_1 = arith.constant 8 : i32
          %74 = arith.remui %14, %c8_i32_1 : i32
          %75 = arith.addi %17, %74 : i32
          %76 = arith.divui %14, %c16_i32 : i32
          %77 = arith.muli %76, %c8_i32_1 : i32
          %78 = arith.addi %75, %77 : i32
          %c48_i32 = arith.constant 48 : i32
          %79 = arith.muli %78, %c48_i32 : i32
          %80 = arith.divui %14, %c8_i32_1 : i32
          %81 = arith.remui %80, %c2_i32 : i32
          %82 = arith.muli %81, %c16_i32 : i32
          %83 = arith.addi %79, %82 : i32
          %r0, %r1, %r2, %r3 = cta.ldmatrix %3 at %arg14[%83] : <1536>
          %84 = arith.addi %17, %18 : i32
          %85 = arith.muli %84, %c4_i32 : i32
          %86 = cta.load_scale_word %4 at %arg14[%85] : <128>
          %87 = arith.addi %84, %c8_i32_1 : i32
          %88 = arith.muli %87, %c4_i32 : i32
          %89 = cta.load_scale_word %4 at %arg14[%88] : <128>
          %90 = arith.addi %20, %74 : i32
          %91 = arith.muli %81, %c8_i32_1 : i32
          %92 = arith.addi %90, %91 : i32
          %93 = arith.muli %92, %c48_i32 : i32
          %94 = arith.muli %76, %c16_i32 : i32
          %95 = arith.addi %93, %94 : i32
          %r0_2, %r1_3, %r2_4, %r3_5 = cta.ldmatrix %1 at %arg14[%95] : <1536>
          %96 = arith.addi %20, %18 : i32
          %97 = arith.remui %21, %c2_i32 : i32
          %98 = arith.muli %97, %c8_i32_1 : i32
          %99 = arith.addi %96, %98 : i32
          %100 = arith.muli %99, %c4_i32 : i32
          %101 = cta.load_scale_word %2 at %arg14[%100] : <128>
          %d0, %d1, %d2, %d3 = cta.mma(%r0_2, %r1_3, %r2_4, %r3_5) scaled %101, (%r0, %r1) scaled %86, (%arg15, %arg16, %arg17, %arg18)
          %d0_6, %d1_7, %d2_8, %d3_9 = cta.mma(%r0_2, %r1_3, %r2_4, %r3_5) scaled %101, (%r2, %r3) scaled %89, (%arg19, %arg20, %arg21, %arg22)
          cta.ring_release %0[%arg14]
          scf.yield %d0, %d1, %d2, %d3, %d0_6, %d1_7, %d2_8, %d3_9 : f32, f32, f32, f32, f32, f32, f32, f32
        }
        cta.pass_turn
        %23 = arith.mulf %22#0, %8 : f32
        %24 = arith.mulf %22#1, %8 : f32
        %25 = arith.mulf %22#2, %8 : f32
        %26 = arith.mulf %22#3, %8 : f32
        %27 = arith.mulf %22#4, %8 : f32
        %28 = arith.mulf %22#5, %8 : f32
        %29 = arith.mulf %22#6, %8 : f32
        %30 = arith.mulf %22#7, %8 : f32
        %31 = arith.addi %11, %20 : i32
        %32 = arith.addi %31, %18 : i32
        %33 = arith.extui %32 : i32 to i64
        %34 = arith.muli %33, %arg7 : i64
        %35 = arith.addi %13, %17 : i32
        %36 = arith.muli %21, %c2_i32 : i32
        %37 = arith.addi %35, %36 : i32
        %38 = arith.extui %37 : i32 to i64
        %c4_i64 = arith.constant 4 : i64
        %39 = arith.muli %38, %c4_i64 : i64
        %40 = arith.addi %34, %39 : i64
        %41 = arith.cmpi ult, %32, %arg11 : i32
        %c24_i32 = arith.constant 24 : i32
        %42 = arith.cmpi ult, %37, %c24_i32 : i32
        %43 = arith.andi %41, %42 : i1
        cta.store %23, %arg6[%40] if %43 : f32, <?, 96>
        %44 = arith.addi %37, %c1_i32 : i32
        %45 = arith.extui %44 : i32 to i64
        %46 = arith.muli %45, %c4_i64 : i64
        %47 = arith.addi %34, %46 : i64
        %48 = arith.cmpi ult, %44, %c24_i32 : i32
        %49 = arith.andi %41, %48 : i1
        cta.store %24, %arg6[%47] if %49 : f32, <?, 96>
        %c8_i32 = arith.constant 8 : i32
        %50 = arith.addi %32, %c8_i32 : i32
        %51 = arith.extui %50 : i32 to i64
        %52 = arith.muli %51, %arg7 : i64
        %53 = arith.addi %52, %39 : i64
        %54 = arith.cmpi ult, %50, %arg11 : i32
        %55 = arith.andi %54, %42 : i1
        cta.store %25, %arg6[%53] if %55 : f32, <?, 96>
        %56 = arith.addi %52, %46 : i64
        %57 = arith.andi %54, %48 : i1
        cta.store %26, %arg6[%56] if %57 : f32, <?, 96>
        %58 = arith.addi %37, %c8_i32 : i32
        %59 = arith.extui %58 : i32 to i64
        %60 = arith.muli %59, %c4_i64 : i64
        %61 = arith.addi %34, %60 : i64
        %62 = arith.cmpi ult, %58, %c24_i32 : i32
        %63 = arith.andi %41, %62 : i1
        cta.store %27, %arg6[%61] if %63 : f32, <?, 96>
        %c9_i32 = arith.constant 9 : i32
        %64 = arith.addi %37, %c9_i32 : i32
        %65 = arith.extui %64 : i32 to i64
        %66 = arith.muli %65, %c4_i64 : i64
        %67 = arith.addi %34, %66 : i64
        %68 = arith.cmpi ult, %64, %c24_i32 : i32
        %69 = arith.andi %41, %68 : i1
        cta.store %28, %arg6[%67] if %69 : f32, <?, 96>
        %70 = arith.addi %52, %60 : i64
        %71 = arith.andi %54, %62 : i1
        cta.store %29, %arg6[%70] if %71 : f32, <?, 96>
        %72 = arith.addi %52, %66 : i64
        %73 = arith.andi %54, %68 : i1
        cta.store %30, %arg6[%72] if %73 : f32, <?, 96>
      }
    }
    cta.grid_release
  }
}
