// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A tile in two parts, and edits of it that each break what a lemma says of parts. The kernel is what
// `nybl compile "gemm n=24 k=208 d=f32" --chip sm_120a --emit cta --schedule "tile=16x16x64 warps=1x1 split=2"` gives,
// less its certificate.
// RUN: nybl-opt %s -prove-non-interference | FileCheck %s
// CHECK: certificate
// CHECK-SAME: accesses = [{{.*}}<"workspace", "never", 1>
// CHECK-SAME: <"L3", proven, {{.*}}the turns of a tile's parts, in every order of up to three CTAs"

// L2: a part walks over another's K steps, and leaves out its own.
// RUN: sed -e '/arith.muli %arg14, %c2_i32/s/c2_i32/c1_i32/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=RANGE
// RANGE: refuted: K block 4 is multiplied more than once in what is stored here
// RUN: sed -e '/arith.muli %arg14, %c2_i32/s/c2_i32/c0_i32/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=SAME
// SAME: refuted: K block 0 is multiplied more than once in what is stored here
// RUN: sed -e '/arith.muli %arg14, %c2_i32/s/c2_i32/c16_i32/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=NEVER
// NEVER: refuted: K block 8 is never multiplied in what is stored here

// L2: accumulators of other elements are added.
// RUN: sed -e '/cta.sum_parts/s/%23#0, %23#1/%23#1, %23#0/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=SWAPPED
// SWAPPED: refuted: with tile = 0, thread = 0 this stores row 0, column 1 of the product in row 0, column 0 of 'd'

// L1: another tile's place in the workspace, another thread's, or one that others have as well.
// RUN: sed -e '/cta.sum_parts/s/of %arg13, %arg14/of %arg14, %arg14/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=TILE
// TILE: not proven: expected the tile and the part of the cta.tile_range around it
// RUN: sed -e '/cta.sum_parts/s/of %arg13, %arg14/of %arg13, %arg13/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=TILE
// RUN: sed -e '/cta.sum_parts/s/by %0/by %arg14/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=THREAD
// THREAD: not proven: expected the number of the thread, and a workspace for 32 threads
// RUN: sed -e 's/<32, 8>/<64, 8>/;s/workspace<32, 8>/workspace<64, 8>/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=THREAD
// RUN: sed -e '/^ *cta.sum_parts/{h;p;s/.*/^bb0(%x0: f32, %x1: f32, %x2: f32, %x3: f32, %x4: f32, %x5: f32, %x6: f32, %x7: f32): }/;p;g}' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=TWO
// TWO: not proven: expected one cta.sum_parts for each tile

// L1: a launch makes room in the workspace for other tiles, or counts on other parts.
// RUN: sed -e 's/tile = .16, 16, 64./tile = [32, 16, 64]/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=ROOM
// ROOM: not proven: expected tiles of 32 x 16 in 2 parts, for which a launch makes room in the workspace, got 16 x 16 in 2
// RUN: sed -e 's/, split = 2>/, split = 4>/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=PARTS
// PARTS: not proven: expected tiles of 16 x 16 in 4 parts, for which a launch makes room in the workspace, got 16 x 16 in 2

// L7: the workspace is what the grids before have left.
// RUN: sed -e '/cta.grid_wait/d' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=WAIT
// WAIT: refuted: this accesses '{{.*}}' before cta.grid_wait

module {
  cta.kernel @gemm(%arg0: !cta.matrix<?, 104>, %arg1: i64, %arg2: !cta.scales<?, 13, "128x4">, %arg3: !cta.matrix<24, 104>, %arg4: i64, %arg5: !cta.scales<24, 13, "128x4">, %arg6: !cta.matrix<?, 96>, %arg7: i64, %arg8: !cta.scalar, %arg9: f32, %arg10: i32, %arg11: i32, %arg12: !cta.workspace<32, 8>) sources ["a", "a.stride", "sfa", "b", "b.stride", "sfb", "d", "d.stride", "alpha", "alpha.value", "alpha.reciprocal", "m", "workspace"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1], split = 2> {
    cta.grid_wait
    %0 = cta.thread_id
    %1 = cta.alloc : !cta.stage<768>
    %2 = cta.alloc : !cta.scale_stage<64>
    %3 = cta.alloc : !cta.stage<768>
    %4 = cta.alloc : !cta.scale_stage<64>
    %5 = cta.load_scalar %arg8 or %arg9
    %cst = arith.constant 1.000000e+00 : f32
    %6 = arith.divf %cst, %5 : f32
    %c0_i32 = arith.constant 0 : i32
    %7 = arith.cmpi ne, %arg10, %c0_i32 : i32
    %8 = arith.select %7, %6, %5 : f32
    %c15_i32 = arith.constant 15 : i32
    %9 = arith.addi %arg11, %c15_i32 : i32
    %c16_i32 = arith.constant 16 : i32
    %10 = arith.divui %9, %c16_i32 : i32
    %c2_i32 = arith.constant 2 : i32
    %11 = arith.muli %10, %c2_i32 : i32
    %c1_i32 = arith.constant 1 : i32
    %c4_i32 = arith.constant 4 : i32
    %c32_i32 = arith.constant 32 : i32
    %12 = arith.remui %0, %c32_i32 : i32
    %13 = arith.divui %0, %c32_i32 : i32
    %14 = arith.remui %13, %c1_i32 : i32
    %15 = arith.muli %14, %c16_i32 : i32
    %16 = arith.divui %12, %c4_i32 : i32
    %17 = arith.muli %13, %c16_i32 : i32
    %18 = arith.remui %12, %c4_i32 : i32
    cta.tile_range %arg13, %arg14 in %11 parts 2 {
      %cst_0 = arith.constant 0.000000e+00 : f32
      %19 = arith.divui %arg13, %c2_i32 : i32
      %20 = arith.muli %19, %c16_i32 : i32
      %21 = arith.remui %arg13, %c2_i32 : i32
      %22 = arith.muli %21, %c16_i32 : i32
      %23:8 = scf.for %arg15 = %c0_i32 to %c2_i32 step %c1_i32 iter_args(%arg16 = %cst_0, %arg17 = %cst_0, %arg18 = %cst_0, %arg19 = %cst_0, %arg20 = %cst_0, %arg21 = %cst_0, %arg22 = %cst_0, %arg23 = %cst_0) -> (f32, f32, f32, f32, f32, f32, f32, f32)  : i32 {
        %24 = arith.divui %0, %c4_i32 : i32
        %25 = arith.addi %20, %24 : i32
        %26 = arith.extui %25 : i32 to i64
        %27 = arith.muli %26, %arg1 : i64
        %28 = arith.muli %arg14, %c2_i32 : i32
        %29 = arith.addi %28, %arg15 : i32
        %c64_i32 = arith.constant 64 : i32
        %30 = arith.muli %29, %c64_i32 : i32
        %31 = arith.divui %30, %c16_i32 : i32
        %32 = arith.remui %0, %c4_i32 : i32
        %33 = arith.addi %31, %32 : i32
        %34 = arith.extui %33 : i32 to i64
        %c8_i64 = arith.constant 8 : i64
        %35 = arith.muli %34, %c8_i64 : i64
        %36 = arith.addi %27, %35 : i64
        %37 = arith.cmpi ult, %25, %arg11 : i32
        %c13_i32 = arith.constant 13 : i32
        %38 = arith.cmpi ult, %33, %c13_i32 : i32
        %39 = arith.andi %37, %38 : i1
        %40 = cta.load %arg0[%36] if %39 : <?, 104>
        %c48_i32 = arith.constant 48 : i32
        %41 = arith.muli %24, %c48_i32 : i32
        %c8_i32 = arith.constant 8 : i32
        %42 = arith.muli %32, %c8_i32 : i32
        %43 = arith.addi %41, %42 : i32
        cta.store_shared %40, %1[%43] : <768>
        %44 = arith.addi %0, %c32_i32 : i32
        %45 = arith.divui %44, %c4_i32 : i32
        %46 = arith.addi %20, %45 : i32
        %47 = arith.extui %46 : i32 to i64
        %48 = arith.muli %47, %arg1 : i64
        %49 = arith.remui %44, %c4_i32 : i32
        %50 = arith.addi %31, %49 : i32
        %51 = arith.extui %50 : i32 to i64
        %52 = arith.muli %51, %c8_i64 : i64
        %53 = arith.addi %48, %52 : i64
        %54 = arith.cmpi ult, %46, %arg11 : i32
        %55 = arith.cmpi ult, %50, %c13_i32 : i32
        %56 = arith.andi %54, %55 : i1
        %57 = cta.load %arg0[%53] if %56 : <?, 104>
        %58 = arith.muli %45, %c48_i32 : i32
        %59 = arith.muli %49, %c8_i32 : i32
        %60 = arith.addi %58, %59 : i32
        cta.store_shared %57, %1[%60] : <768>
        %c128_i64 = arith.constant 128 : i64
        %61 = arith.divui %26, %c128_i64 : i64
        %c4_i64 = arith.constant 4 : i64
        %62 = arith.muli %61, %c4_i64 : i64
        %63 = arith.divui %34, %c4_i64 : i64
        %64 = arith.addi %62, %63 : i64
        %c512_i64 = arith.constant 512 : i64
        %65 = arith.muli %64, %c512_i64 : i64
        %c32_i64 = arith.constant 32 : i64
        %66 = arith.remui %26, %c32_i64 : i64
        %c16_i64 = arith.constant 16 : i64
        %67 = arith.muli %66, %c16_i64 : i64
        %68 = arith.addi %65, %67 : i64
        %69 = arith.remui %26, %c128_i64 : i64
        %70 = arith.divui %69, %c32_i64 : i64
        %71 = arith.muli %70, %c4_i64 : i64
        %72 = arith.addi %68, %71 : i64
        %73 = arith.remui %34, %c4_i64 : i64
        %74 = arith.addi %72, %73 : i64
        %75 = cta.load_scale %arg2[%74] if %39 : <?, 13, "128x4">
        %76 = arith.muli %24, %c4_i32 : i32
        %77 = arith.addi %76, %32 : i32
        cta.store_scale %75, %2[%77] : <64>
        %78 = arith.divui %47, %c128_i64 : i64
        %79 = arith.muli %78, %c4_i64 : i64
        %80 = arith.divui %51, %c4_i64 : i64
        %81 = arith.addi %79, %80 : i64
        %82 = arith.muli %81, %c512_i64 : i64
        %83 = arith.remui %47, %c32_i64 : i64
        %84 = arith.muli %83, %c16_i64 : i64
        %85 = arith.addi %82, %84 : i64
        %86 = arith.remui %47, %c128_i64 : i64
        %87 = arith.divui %86, %c32_i64 : i64
        %88 = arith.muli %87, %c4_i64 : i64
        %89 = arith.addi %85, %88 : i64
        %90 = arith.remui %51, %c4_i64 : i64
        %91 = arith.addi %89, %90 : i64
        %92 = cta.load_scale %arg2[%91] if %56 : <?, 13, "128x4">
        %93 = arith.muli %45, %c4_i32 : i32
        %94 = arith.addi %93, %49 : i32
        cta.store_scale %92, %2[%94] : <64>
        %95 = arith.addi %22, %24 : i32
        %96 = arith.extui %95 : i32 to i64
        %97 = arith.muli %96, %arg4 : i64
        %98 = arith.addi %97, %35 : i64
        %c24_i32 = arith.constant 24 : i32
        %99 = arith.cmpi ult, %95, %c24_i32 : i32
        %100 = arith.andi %99, %38 : i1
        %101 = cta.load %arg3[%98] if %100 : <24, 104>
        cta.store_shared %101, %3[%43] : <768>
        %102 = arith.addi %22, %45 : i32
        %103 = arith.extui %102 : i32 to i64
        %104 = arith.muli %103, %arg4 : i64
        %105 = arith.addi %104, %52 : i64
        %106 = arith.cmpi ult, %102, %c24_i32 : i32
        %107 = arith.andi %106, %55 : i1
        %108 = cta.load %arg3[%105] if %107 : <24, 104>
        cta.store_shared %108, %3[%60] : <768>
        %109 = arith.divui %96, %c128_i64 : i64
        %110 = arith.muli %109, %c4_i64 : i64
        %111 = arith.addi %110, %63 : i64
        %112 = arith.muli %111, %c512_i64 : i64
        %113 = arith.remui %96, %c32_i64 : i64
        %114 = arith.muli %113, %c16_i64 : i64
        %115 = arith.addi %112, %114 : i64
        %116 = arith.remui %96, %c128_i64 : i64
        %117 = arith.divui %116, %c32_i64 : i64
        %118 = arith.muli %117, %c4_i64 : i64
        %119 = arith.addi %115, %118 : i64
        %120 = arith.addi %119, %73 : i64
        %121 = cta.load_scale %arg5[%120] if %100 : <24, 13, "128x4">
        cta.store_scale %121, %4[%77] : <64>
        %122 = arith.divui %103, %c128_i64 : i64
        %123 = arith.muli %122, %c4_i64 : i64
        %124 = arith.addi %123, %80 : i64
        %125 = arith.muli %124, %c512_i64 : i64
        %126 = arith.remui %103, %c32_i64 : i64
        %127 = arith.muli %126, %c16_i64 : i64
        %128 = arith.addi %125, %127 : i64
        %129 = arith.remui %103, %c128_i64 : i64
        %130 = arith.divui %129, %c32_i64 : i64
        %131 = arith.muli %130, %c4_i64 : i64
        %132 = arith.addi %128, %131 : i64
        %133 = arith.addi %132, %90 : i64
        %134 = cta.load_scale %arg5[%133] if %107 : <24, 13, "128x4">
        cta.store_scale %134, %4[%94] : <64>
        cta.barrier
        %135 = arith.remui %12, %c8_i32 : i32
        %136 = arith.addi %15, %135 : i32
        %137 = arith.divui %12, %c16_i32 : i32
        %138 = arith.muli %137, %c8_i32 : i32
        %139 = arith.addi %136, %138 : i32
        %140 = arith.muli %139, %c48_i32 : i32
        %141 = arith.divui %12, %c8_i32 : i32
        %142 = arith.remui %141, %c2_i32 : i32
        %143 = arith.muli %142, %c16_i32 : i32
        %144 = arith.addi %140, %143 : i32
        %r0, %r1, %r2, %r3 = cta.ldmatrix %3[%144] : <768>
        %145 = arith.addi %15, %16 : i32
        %146 = arith.muli %145, %c4_i32 : i32
        %147 = cta.load_scale_word %4[%146] : <64>
        %148 = arith.addi %145, %c8_i32 : i32
        %149 = arith.muli %148, %c4_i32 : i32
        %150 = cta.load_scale_word %4[%149] : <64>
        %151 = arith.addi %17, %135 : i32
        %152 = arith.muli %142, %c8_i32 : i32
        %153 = arith.addi %151, %152 : i32
        %154 = arith.muli %153, %c48_i32 : i32
        %155 = arith.muli %137, %c16_i32 : i32
        %156 = arith.addi %154, %155 : i32
        %r0_1, %r1_2, %r2_3, %r3_4 = cta.ldmatrix %1[%156] : <768>
        %157 = arith.addi %17, %16 : i32
        %158 = arith.remui %18, %c2_i32 : i32
        %159 = arith.muli %158, %c8_i32 : i32
        %160 = arith.addi %157, %159 : i32
        %161 = arith.muli %160, %c4_i32 : i32
        %162 = cta.load_scale_word %2[%161] : <64>
        %d0, %d1, %d2, %d3 = cta.mma(%r0_1, %r1_2, %r2_3, %r3_4) scaled %162, (%r0, %r1) scaled %147, (%arg16, %arg17, %arg18, %arg19)
        %d0_5, %d1_6, %d2_7, %d3_8 = cta.mma(%r0_1, %r1_2, %r2_3, %r3_4) scaled %162, (%r2, %r3) scaled %150, (%arg20, %arg21, %arg22, %arg23)
        cta.barrier
        scf.yield %d0, %d1, %d2, %d3, %d0_5, %d1_6, %d2_7, %d3_8 : f32, f32, f32, f32, f32, f32, f32, f32
      }
      cta.sum_parts(%23#0, %23#1, %23#2, %23#3, %23#4, %23#5, %23#6, %23#7) of %arg13, %arg14 by %0 in %arg12 : <32, 8> {
      ^bb0(%arg15: f32, %arg16: f32, %arg17: f32, %arg18: f32, %arg19: f32, %arg20: f32, %arg21: f32, %arg22: f32):
        %24 = arith.mulf %arg15, %8 : f32
        %25 = arith.mulf %arg16, %8 : f32
        %26 = arith.mulf %arg17, %8 : f32
        %27 = arith.mulf %arg18, %8 : f32
        %28 = arith.mulf %arg19, %8 : f32
        %29 = arith.mulf %arg20, %8 : f32
        %30 = arith.mulf %arg21, %8 : f32
        %31 = arith.mulf %arg22, %8 : f32
        %32 = arith.addi %20, %17 : i32
        %33 = arith.addi %32, %16 : i32
        %34 = arith.extui %33 : i32 to i64
        %35 = arith.muli %34, %arg7 : i64
        %36 = arith.addi %22, %15 : i32
        %37 = arith.muli %18, %c2_i32 : i32
        %38 = arith.addi %36, %37 : i32
        %39 = arith.extui %38 : i32 to i64
        %c4_i64 = arith.constant 4 : i64
        %40 = arith.muli %39, %c4_i64 : i64
        %41 = arith.addi %35, %40 : i64
        %42 = arith.cmpi ult, %33, %arg11 : i32
        %c24_i32 = arith.constant 24 : i32
        %43 = arith.cmpi ult, %38, %c24_i32 : i32
        %44 = arith.andi %42, %43 : i1
        cta.store %24, %arg6[%41] if %44 : f32, <?, 96>
        %45 = arith.addi %38, %c1_i32 : i32
        %46 = arith.extui %45 : i32 to i64
        %47 = arith.muli %46, %c4_i64 : i64
        %48 = arith.addi %35, %47 : i64
        %49 = arith.cmpi ult, %45, %c24_i32 : i32
        %50 = arith.andi %42, %49 : i1
        cta.store %25, %arg6[%48] if %50 : f32, <?, 96>
        %c8_i32 = arith.constant 8 : i32
        %51 = arith.addi %33, %c8_i32 : i32
        %52 = arith.extui %51 : i32 to i64
        %53 = arith.muli %52, %arg7 : i64
        %54 = arith.addi %53, %40 : i64
        %55 = arith.cmpi ult, %51, %arg11 : i32
        %56 = arith.andi %55, %43 : i1
        cta.store %26, %arg6[%54] if %56 : f32, <?, 96>
        %57 = arith.addi %53, %47 : i64
        %58 = arith.andi %55, %49 : i1
        cta.store %27, %arg6[%57] if %58 : f32, <?, 96>
        %59 = arith.addi %38, %c8_i32 : i32
        %60 = arith.extui %59 : i32 to i64
        %61 = arith.muli %60, %c4_i64 : i64
        %62 = arith.addi %35, %61 : i64
        %63 = arith.cmpi ult, %59, %c24_i32 : i32
        %64 = arith.andi %42, %63 : i1
        cta.store %28, %arg6[%62] if %64 : f32, <?, 96>
        %c9_i32 = arith.constant 9 : i32
        %65 = arith.addi %38, %c9_i32 : i32
        %66 = arith.extui %65 : i32 to i64
        %67 = arith.muli %66, %c4_i64 : i64
        %68 = arith.addi %35, %67 : i64
        %69 = arith.cmpi ult, %65, %c24_i32 : i32
        %70 = arith.andi %42, %69 : i1
        cta.store %29, %arg6[%68] if %70 : f32, <?, 96>
        %71 = arith.addi %53, %61 : i64
        %72 = arith.andi %55, %63 : i1
        cta.store %30, %arg6[%71] if %72 : f32, <?, 96>
        %73 = arith.addi %53, %67 : i64
        %74 = arith.andi %55, %69 : i1
        cta.store %31, %arg6[%73] if %74 : f32, <?, 96>
      }
    }
    cta.grid_release
  }
}
