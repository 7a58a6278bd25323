// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// All lemmas hold of the plain kernel below, and each edit of it breaks one: what is never refuted proves
// nothing. The kernel is what `nybl compile "gemm n=24 k=80 d=f32" --chip sm_120a --emit cta
// --schedule "tile=16x16x64 warps=1x1"` gives, less its certificate.
// RUN: nybl-opt %s -prove-non-interference | FileCheck %s
// CHECK: certificate #cta.certificate<"nybl-prover 8", rows_max = 16777216
// CHECK-SAME: <"sfa", "never", 2>
// CHECK-NOT: unproven
// CHECK-SAME: <"L1", proven,
// CHECK-SAME: <"L2", proven,
// CHECK-SAME: <"L3", proven,
// CHECK-SAME: <"L4", proven,
// CHECK-SAME: <"L5", proven,
// CHECK-SAME: <"L6", proven,
// CHECK-SAME: <"L7", proven,

// L2: what is real is left out.
// RUN: sed 's/%89 = cta.load %arg0\[%88\] if %83/%less = arith.cmpi ult, %80, %c4_i32 : i32\n        %both = arith.andi %83, %less : i1\n        %89 = cta.load %arg0[%88] if %both/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=MASKED
// MASKED: refuted: with M = 1, tile = 0, K step = 1, thread = 0 this leaves out what is real of 'a'

// L2: a factor of another row.
// RUN: sed 's/%196 = arith.muli %195, %c8_i32_1/%196 = arith.muli %195, %c4_i32/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=LANE
// LANE: refuted: with tile = 0, K step = 0, thread = 1 scales row 8 of 'a' by factors of row 4

// L2: factors of the other operand.
// RUN: sed 's/scaled %211, (%r0, %r1) scaled %203/scaled %203, (%r0, %r1) scaled %211/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=SWAP
// SWAP: refuted: with tile = 0, K step = 0, thread = 0 scales 'a' by 'sfb'

// L2: factors of rows that were swapped.
// RUN: sed 's/%125 = arith.muli %77, %c4_i32/%125 = arith.muli %94, %c4_i32/;s/%142 = arith.muli %94, %c4_i32/%142 = arith.muli %77, %c4_i32/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=ROWS
// ROWS: refuted: with tile = 0, K step = 0, thread = 0 scales row 0 of 'a' by factors of row 8

// L2: bytes of K in the wrong place.
// RUN: sed 's/cta.mma(%r0_4, %r1_5, %r2_6, %r3_7) scaled %211, (%r0, %r1)/cta.mma(%r2_6, %r3_7, %r0_4, %r1_5) scaled %211, (%r0, %r1)/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=HALF
// HALF: refuted: with tile = 0, K step = 0, thread = 0 multiplies byte 0 of a row where byte 32 of K belongs

// L2: a K block that is never multiplied.
// RUN: sed 's/= %c0_i32 to %c2_i32 step/= %c0_i32 to %c1_i32 step/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=ONCE
// ONCE: refuted: K block 4 is never multiplied in what is stored here

// L2: accumulators that change places.
// RUN: sed 's/scf.yield %d0, %d1,/scf.yield %d1, %d0,/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=MIX
// MIX: refuted: the accumulator 0 of this loop is not handed on from K step to K step

// L2: another element is stored.
// RUN: sed 's/cta.store %24, %arg6/cta.store %26, %arg6/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=OTHER
// OTHER: refuted: with tile = 0, thread = 0 this stores row 8, column 0 of the product in row 0, column 0 of 'd'

// L2: one operand on both sides.
// RUN: sed 's/\(scaled %211, \)(%r0, %r1) scaled %203/\1(%r0_4, %r2_6) scaled %211/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=SELF
// SELF: not proven: expected rows of 'd' to be made of rows of 'a', and columns of rows of 'b'

// L3: a byte that nobody writes.
// RUN: sed '/cta.store_scale %141/d' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=UNWRITTEN
// UNWRITTEN: refuted: with M = 1, tile = 0, K step = 0, thread = 1 this reads byte 32 of a stage, which nothing writes

// L3: a byte that two threads write.
// RUN: sed 's/%109 = arith.addi %107, %108/%109 = arith.addi %107, %91/;s/cta.store_shared %106, %11\[%109\]/cta.store_shared %106, %11[%92]/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=TWICE
// TWICE: refuted: with M = 1, tile = 0, K step = 0, thread = 0 this writes byte 0 of a stage a second time

// L3: no barrier before the next step.
// RUN: sed '/cta.barrier/{N;/scf.yield/s/cta.barrier//}' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=BARRIER
// BARRIER: refuted: with tile = 0, K step = 0 this is read while it may still be written

// L3: half of a stage is written when it has been read.
// RUN: sed '/^ *cta.store_shared %106/d;s/^        scf.yield/        cta.store_shared %106, %11[%109] : <768>\n        cta.barrier\n&/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=LATE
// LATE: refuted: with tile = 0, K step = 0 this is read before all of it is written for its K step

// L3: a ring between roles where there are none.
// RUN: sed 's/^ *cta.tile_range.*/%ring = cta.ring stages 2 steps 2\n&/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=RING
// RING: not proven: expected roles that use a ring with `steps`

// L4: an element that is not stored.
// RUN: sed '/cta.store %31/d' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=STORE
// STORE: refuted: with tile = 0, thread = 0 this and the others store row 8, column 9 of a tile of 'd' never

// L4: an element that is stored twice.
// RUN: sed 's/\(.*\)cta.store %31, \(.*\)/&\n&/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=AGAIN
// AGAIN: refuted: with tile = 0, thread = 0 this stores row 8, column 9 of 'd' a second time

// L4: a store that leaves out what is real.
// RUN: sed 's/%c24_i32 = arith.constant 24/%c24_i32 = arith.constant 23/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=GUARD
// GUARD: refuted: with M = 1, tile = 1, thread = 3 this leaves out what is real of 'd'

// L4: an element in no tile.
// RUN: sed 's/%9 = arith.divui %8, %c16_i32/%9 = arith.divui %arg11, %c16_i32/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=TILES
// TILES: refuted: with M = 1 row 0, column 0 of 'd' is in no tile

// L4: an element in two tiles.
// RUN: sed 's/%19 = arith.divui %arg12, %c2_i32/%19 = arith.divui %arg12, %c4_i32/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=OVERLAP
// OVERLAP: refuted: with M = 17 row 0, column 0 of 'd' is in more than one tile

// L5: what was read decides.
// RUN: sed 's/^      %39 = arith.andi %37, %38 : i1/      %read = arith.fptoui %15 : f32 to i32\n      %low = arith.cmpi ult, %read, %arg11 : i32\n      %39 = arith.andi %low, %38 : i1/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=FLOW
// FLOW: refuted: an address, a guard, a count or a branch here depends on what was read from memory

// L7: before the grids before have ended.
// RUN: sed '/cta.grid_wait/d' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=ORDER
// ORDER: refuted: this accesses 'alpha' before cta.grid_wait: the grids that this launch depends on may still write it

module {
  cta.kernel @gemm(%arg0: !cta.matrix<?, 40>, %arg1: i64, %arg2: !cta.scales<?, 5, "128x4">, %arg3: !cta.matrix<24, 40>, %arg4: i64, %arg5: !cta.scales<24, 5, "128x4">, %arg6: !cta.matrix<?, 96>, %arg7: i64, %arg8: !cta.scalar, %arg9: f32, %arg10: i32, %arg11: i32) sources ["a", "a.stride", "sfa", "b", "b.stride", "sfb", "d", "d.stride", "alpha", "alpha.value", "alpha.reciprocal", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
    cta.grid_wait
    %0 = cta.thread_id
    %c32_i32 = arith.constant 32 : i32
    %1 = arith.remui %0, %c32_i32 : i32
    %c4_i32 = arith.constant 4 : i32
    %2 = arith.divui %1, %c4_i32 : i32
    %3 = arith.remui %1, %c4_i32 : i32
    %4 = arith.divui %0, %c32_i32 : i32
    %c16_i32 = arith.constant 16 : i32
    %5 = arith.muli %4, %c16_i32 : i32
    %c1_i32 = arith.constant 1 : i32
    %6 = arith.remui %4, %c1_i32 : i32
    %7 = arith.muli %6, %c16_i32 : i32
    %c15_i32 = arith.constant 15 : i32
    %8 = arith.addi %arg11, %c15_i32 : i32
    %9 = arith.divui %8, %c16_i32 : i32
    %c2_i32 = arith.constant 2 : i32
    %10 = arith.muli %9, %c2_i32 : i32
    %11 = cta.alloc : !cta.stage<768>
    %12 = cta.alloc : !cta.scale_stage<64>
    %13 = cta.alloc : !cta.stage<768>
    %14 = cta.alloc : !cta.scale_stage<64>
    %15 = cta.load_scalar %arg8 or %arg9
    %cst = arith.constant 1.000000e+00 : f32
    %c0_i32 = arith.constant 0 : i32
    %16 = arith.cmpi ne, %arg10, %c0_i32 : i32
    %17 = arith.divf %cst, %15 : f32
    %18 = arith.select %16, %17, %15 : f32
    cta.tile_range %arg12 in %10 {
      %19 = arith.divui %arg12, %c2_i32 : i32
      %20 = arith.muli %19, %c16_i32 : i32
      %21 = arith.remui %arg12, %c2_i32 : i32
      %22 = arith.muli %21, %c16_i32 : i32
      %cst_0 = arith.constant 0.000000e+00 : f32
      %23:8 = scf.for %arg13 = %c0_i32 to %c2_i32 step %c1_i32 iter_args(%arg14 = %cst_0, %arg15 = %cst_0, %arg16 = %cst_0, %arg17 = %cst_0, %arg18 = %cst_0, %arg19 = %cst_0, %arg20 = %cst_0, %arg21 = %cst_0) -> (f32, f32, f32, f32, f32, f32, f32, f32)  : i32 {
        %c64_i32 = arith.constant 64 : i32
        %75 = arith.muli %arg13, %c64_i32 : i32
        %76 = arith.divui %75, %c16_i32 : i32
        %77 = arith.divui %0, %c4_i32 : i32
        %78 = arith.remui %0, %c4_i32 : i32
        %79 = arith.addi %20, %77 : i32
        %80 = arith.addi %76, %78 : i32
        %81 = arith.cmpi ult, %79, %arg11 : i32
        %c5_i32 = arith.constant 5 : i32
        %82 = arith.cmpi ult, %80, %c5_i32 : i32
        %83 = arith.andi %81, %82 : i1
        %84 = arith.extui %79 : i32 to i64
        %85 = arith.muli %84, %arg1 : i64
        %86 = arith.extui %80 : i32 to i64
        %c8_i64 = arith.constant 8 : i64
        %87 = arith.muli %86, %c8_i64 : i64
        %88 = arith.addi %85, %87 : i64
        %89 = cta.load %arg0[%88] if %83 : <?, 40>
        %c48_i32 = arith.constant 48 : i32
        %90 = arith.muli %77, %c48_i32 : i32
        %c8_i32_1 = arith.constant 8 : i32
        %91 = arith.muli %78, %c8_i32_1 : i32
        %92 = arith.addi %90, %91 : i32
        cta.store_shared %89, %11[%92] : <768>
        %93 = arith.addi %0, %c32_i32 : i32
        %94 = arith.divui %93, %c4_i32 : i32
        %95 = arith.remui %93, %c4_i32 : i32
        %96 = arith.addi %20, %94 : i32
        %97 = arith.addi %76, %95 : i32
        %98 = arith.cmpi ult, %96, %arg11 : i32
        %99 = arith.cmpi ult, %97, %c5_i32 : i32
        %100 = arith.andi %98, %99 : i1
        %101 = arith.extui %96 : i32 to i64
        %102 = arith.muli %101, %arg1 : i64
        %103 = arith.extui %97 : i32 to i64
        %104 = arith.muli %103, %c8_i64 : i64
        %105 = arith.addi %102, %104 : i64
        %106 = cta.load %arg0[%105] if %100 : <?, 40>
        %107 = arith.muli %94, %c48_i32 : i32
        %108 = arith.muli %95, %c8_i32_1 : i32
        %109 = arith.addi %107, %108 : i32
        cta.store_shared %106, %11[%109] : <768>
        %c128_i64 = arith.constant 128 : i64
        %110 = arith.divui %84, %c128_i64 : i64
        %c2_i64 = arith.constant 2 : i64
        %111 = arith.muli %110, %c2_i64 : i64
        %c4_i64_2 = arith.constant 4 : i64
        %112 = arith.divui %86, %c4_i64_2 : i64
        %113 = arith.addi %111, %112 : i64
        %c512_i64 = arith.constant 512 : i64
        %114 = arith.muli %113, %c512_i64 : i64
        %c32_i64 = arith.constant 32 : i64
        %115 = arith.remui %84, %c32_i64 : i64
        %c16_i64 = arith.constant 16 : i64
        %116 = arith.muli %115, %c16_i64 : i64
        %117 = arith.addi %114, %116 : i64
        %118 = arith.remui %84, %c128_i64 : i64
        %119 = arith.divui %118, %c32_i64 : i64
        %120 = arith.muli %119, %c4_i64_2 : i64
        %121 = arith.addi %117, %120 : i64
        %122 = arith.remui %86, %c4_i64_2 : i64
        %123 = arith.addi %121, %122 : i64
        %124 = cta.load_scale %arg2[%123] if %83 : <?, 5, "128x4">
        %125 = arith.muli %77, %c4_i32 : i32
        %126 = arith.addi %125, %78 : i32
        cta.store_scale %124, %12[%126] : <64>
        %127 = arith.divui %101, %c128_i64 : i64
        %128 = arith.muli %127, %c2_i64 : i64
        %129 = arith.divui %103, %c4_i64_2 : i64
        %130 = arith.addi %128, %129 : i64
        %131 = arith.muli %130, %c512_i64 : i64
        %132 = arith.remui %101, %c32_i64 : i64
        %133 = arith.muli %132, %c16_i64 : i64
        %134 = arith.addi %131, %133 : i64
        %135 = arith.remui %101, %c128_i64 : i64
        %136 = arith.divui %135, %c32_i64 : i64
        %137 = arith.muli %136, %c4_i64_2 : i64
        %138 = arith.addi %134, %137 : i64
        %139 = arith.remui %103, %c4_i64_2 : i64
        %140 = arith.addi %138, %139 : i64
        %141 = cta.load_scale %arg2[%140] if %100 : <?, 5, "128x4">
        %142 = arith.muli %94, %c4_i32 : i32
        %143 = arith.addi %142, %95 : i32
        cta.store_scale %141, %12[%143] : <64>
        %144 = arith.addi %22, %77 : i32
        %c24_i32_3 = arith.constant 24 : i32
        %145 = arith.cmpi ult, %144, %c24_i32_3 : i32
        %146 = arith.andi %145, %82 : i1
        %147 = arith.extui %144 : i32 to i64
        %148 = arith.muli %147, %arg4 : i64
        %149 = arith.addi %148, %87 : i64
        %150 = cta.load %arg3[%149] if %146 : <24, 40>
        cta.store_shared %150, %13[%92] : <768>
        %151 = arith.addi %22, %94 : i32
        %152 = arith.cmpi ult, %151, %c24_i32_3 : i32
        %153 = arith.andi %152, %99 : i1
        %154 = arith.extui %151 : i32 to i64
        %155 = arith.muli %154, %arg4 : i64
        %156 = arith.addi %155, %104 : i64
        %157 = cta.load %arg3[%156] if %153 : <24, 40>
        cta.store_shared %157, %13[%109] : <768>
        %158 = arith.divui %147, %c128_i64 : i64
        %159 = arith.muli %158, %c2_i64 : i64
        %160 = arith.addi %159, %112 : i64
        %161 = arith.muli %160, %c512_i64 : i64
        %162 = arith.remui %147, %c32_i64 : i64
        %163 = arith.muli %162, %c16_i64 : i64
        %164 = arith.addi %161, %163 : i64
        %165 = arith.remui %147, %c128_i64 : i64
        %166 = arith.divui %165, %c32_i64 : i64
        %167 = arith.muli %166, %c4_i64_2 : i64
        %168 = arith.addi %164, %167 : i64
        %169 = arith.addi %168, %122 : i64
        %170 = cta.load_scale %arg5[%169] if %146 : <24, 5, "128x4">
        cta.store_scale %170, %14[%126] : <64>
        %171 = arith.divui %154, %c128_i64 : i64
        %172 = arith.muli %171, %c2_i64 : i64
        %173 = arith.addi %172, %129 : i64
        %174 = arith.muli %173, %c512_i64 : i64
        %175 = arith.remui %154, %c32_i64 : i64
        %176 = arith.muli %175, %c16_i64 : i64
        %177 = arith.addi %174, %176 : i64
        %178 = arith.remui %154, %c128_i64 : i64
        %179 = arith.divui %178, %c32_i64 : i64
        %180 = arith.muli %179, %c4_i64_2 : i64
        %181 = arith.addi %177, %180 : i64
        %182 = arith.addi %181, %139 : i64
        %183 = cta.load_scale %arg5[%182] if %153 : <24, 5, "128x4">
        cta.store_scale %183, %14[%143] : <64>
        cta.barrier
        %184 = arith.divui %1, %c8_i32_1 : i32
        %185 = arith.remui %184, %c2_i32 : i32
        %186 = arith.divui %1, %c16_i32 : i32
        %187 = arith.remui %1, %c8_i32_1 : i32
        %188 = arith.addi %5, %187 : i32
        %189 = arith.muli %185, %c8_i32_1 : i32
        %190 = arith.addi %188, %189 : i32
        %191 = arith.addi %7, %187 : i32
        %192 = arith.muli %186, %c8_i32_1 : i32
        %193 = arith.addi %191, %192 : i32
        %194 = arith.addi %5, %2 : i32
        %195 = arith.remui %3, %c2_i32 : i32
        %196 = arith.muli %195, %c8_i32_1 : i32
        %197 = arith.addi %194, %196 : i32
        %198 = arith.addi %7, %2 : i32
        %199 = arith.muli %193, %c48_i32 : i32
        %200 = arith.muli %185, %c16_i32 : i32
        %201 = arith.addi %199, %200 : i32
        %r0, %r1, %r2, %r3 = cta.ldmatrix %13[%201] : <768>
        %202 = arith.muli %198, %c4_i32 : i32
        %203 = cta.load_scale_word %14[%202] : <64>
        %204 = arith.addi %198, %c8_i32_1 : i32
        %205 = arith.muli %204, %c4_i32 : i32
        %206 = cta.load_scale_word %14[%205] : <64>
        %207 = arith.muli %190, %c48_i32 : i32
        %208 = arith.muli %186, %c16_i32 : i32
        %209 = arith.addi %207, %208 : i32
        %r0_4, %r1_5, %r2_6, %r3_7 = cta.ldmatrix %11[%209] : <768>
        %210 = arith.muli %197, %c4_i32 : i32
        %211 = cta.load_scale_word %12[%210] : <64>
        %d0, %d1, %d2, %d3 = cta.mma(%r0_4, %r1_5, %r2_6, %r3_7) scaled %211, (%r0, %r1) scaled %203, (%arg14, %arg15, %arg16, %arg17)
        %d0_8, %d1_9, %d2_10, %d3_11 = cta.mma(%r0_4, %r1_5, %r2_6, %r3_7) scaled %211, (%r2, %r3) scaled %206, (%arg18, %arg19, %arg20, %arg21)
        cta.barrier
        scf.yield %d0, %d1, %d2, %d3, %d0_8, %d1_9, %d2_10, %d3_11 : f32, f32, f32, f32, f32, f32, f32, f32
      }
      %24 = arith.mulf %23#0, %18 : f32
      %25 = arith.mulf %23#1, %18 : f32
      %26 = arith.mulf %23#2, %18 : f32
      %27 = arith.mulf %23#3, %18 : f32
      %28 = arith.mulf %23#4, %18 : f32
      %29 = arith.mulf %23#5, %18 : f32
      %30 = arith.mulf %23#6, %18 : f32
      %31 = arith.mulf %23#7, %18 : f32
      %32 = arith.addi %20, %5 : i32
      %33 = arith.addi %32, %2 : i32
      %34 = arith.addi %22, %7 : i32
      %35 = arith.muli %3, %c2_i32 : i32
      %36 = arith.addi %34, %35 : i32
      %37 = arith.cmpi ult, %33, %arg11 : i32
      %c24_i32 = arith.constant 24 : i32
      %38 = arith.cmpi ult, %36, %c24_i32 : i32
      %39 = arith.andi %37, %38 : i1
      %40 = arith.extui %33 : i32 to i64
      %41 = arith.muli %40, %arg7 : i64
      %42 = arith.extui %36 : i32 to i64
      %c4_i64 = arith.constant 4 : i64
      %43 = arith.muli %42, %c4_i64 : i64
      %44 = arith.addi %41, %43 : i64
      cta.store %24, %arg6[%44] if %39 : f32, <?, 96>
      %45 = arith.addi %36, %c1_i32 : i32
      %46 = arith.cmpi ult, %45, %c24_i32 : i32
      %47 = arith.andi %37, %46 : i1
      %48 = arith.extui %45 : i32 to i64
      %49 = arith.muli %48, %c4_i64 : i64
      %50 = arith.addi %41, %49 : i64
      cta.store %25, %arg6[%50] if %47 : f32, <?, 96>
      %c8_i32 = arith.constant 8 : i32
      %51 = arith.addi %33, %c8_i32 : i32
      %52 = arith.cmpi ult, %51, %arg11 : i32
      %53 = arith.andi %52, %38 : i1
      %54 = arith.extui %51 : i32 to i64
      %55 = arith.muli %54, %arg7 : i64
      %56 = arith.addi %55, %43 : i64
      cta.store %26, %arg6[%56] if %53 : f32, <?, 96>
      %57 = arith.andi %52, %46 : i1
      %58 = arith.addi %55, %49 : i64
      cta.store %27, %arg6[%58] if %57 : f32, <?, 96>
      %59 = arith.addi %36, %c8_i32 : i32
      %60 = arith.cmpi ult, %59, %c24_i32 : i32
      %61 = arith.andi %37, %60 : i1
      %62 = arith.extui %59 : i32 to i64
      %63 = arith.muli %62, %c4_i64 : i64
      %64 = arith.addi %41, %63 : i64
      cta.store %28, %arg6[%64] if %61 : f32, <?, 96>
      %c9_i32 = arith.constant 9 : i32
      %65 = arith.addi %36, %c9_i32 : i32
      %66 = arith.cmpi ult, %65, %c24_i32 : i32
      %67 = arith.andi %37, %66 : i1
      %68 = arith.extui %65 : i32 to i64
      %69 = arith.muli %68, %c4_i64 : i64
      %70 = arith.addi %41, %69 : i64
      cta.store %29, %arg6[%70] if %67 : f32, <?, 96>
      %71 = arith.andi %52, %60 : i1
      %72 = arith.addi %55, %63 : i64
      cta.store %30, %arg6[%72] if %71 : f32, <?, 96>
      %73 = arith.andi %52, %66 : i1
      %74 = arith.addi %55, %69 : i64
      cta.store %31, %arg6[%74] if %73 : f32, <?, 96>
    }
    cta.grid_release
  }
}
