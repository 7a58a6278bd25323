// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// L3 of a kernel with roles, and edits of it that each break what it is made of. The kernel is what
// `nybl compile "gemm n=24 k=80 d=f32" --chip sm_120a --emit cta --schedule "kind=cooperative tile=32x32x64
// warps=2x2 stages=2"` gives, less its certificate.
// RUN: nybl-opt %s -prove-non-interference | FileCheck %s
// CHECK: certificate
// CHECK-NOT: unproven
// CHECK-SAME: <"L3", proven, {{.*}}4 claims of a tile, and the ring's protocol

// What is copied before its slot is free.
// RUN: sed -e '/^ *cta.ring_acquire/d;/^ *cta.ring_publish/{h;s/publish/acquire/;p;g}' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=EARLY
// EARLY: refuted: with tile = 0, K step = 0 this is written outside acquire and publish of its K step

// Published first, copied then.
// RUN: sed -e '/^ *cta.ring_acquire/{p;s/acquire/publish/;p;d};/^ *cta.ring_publish/d' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=LATE
// LATE: refuted: with tile = 0, K step = 0 this is written outside acquire and publish of its K step

// Read before it was waited for.
// RUN: sed -e '/^ *cta.ring_wait/d;s/^ *cta.ring_release.*/cta.ring_wait %2[%arg14] pending 0\n&/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=UNWAITED
// UNWAITED: refuted: with tile = 0, K step = 0 this is read outside wait and release of its K step

// Read after it was released.
// RUN: sed -e '/^ *cta.ring_release/d;/^ *cta.ring_wait/{p;s/wait/release/;s/ pending 0//}' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=RELEASED
// RELEASED: refuted: with tile = 0, K step = 0 this is read outside wait and release of its K step

// Steps that are missing.
// RUN: sed -e '/^ *cta.ring_acquire/d' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=ACQUIRE
// ACQUIRE: refuted: with tile = 0, K step = 0 this is written outside acquire and publish of its K step
// RUN: sed -e '/^ *cta.ring_publish/d' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=PUBLISH
// PUBLISH: not proven: expected one claim on a ring at a time in a role
// RUN: sed -e '/^ *cta.ring_wait/d' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=WAIT
// WAIT: refuted: with tile = 0, K step = 0 this is read outside wait and release of its K step
// RUN: sed -e '/^ *cta.ring_release/d' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=RELEASE
// RELEASE: not proven: expected one claim on a ring at a time in a role

// Another iteration is published, or released.
// RUN: sed -e 's/^ *cta.ring_publish.*/%next = arith.addi %arg14, %c1_i32 : i32\ncta.ring_publish %2[%next]/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=OTHER
// OTHER: refuted: with tile = 0, K step = 0 this publishes what was not acquired
// RUN: sed -e '/^ *cta.ring_release/s/%arg14/%c0_i32/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=FIRST
// FIRST: refuted: with tile = 0, K step = 1 this releases what was not waited for

// An iteration is taken twice, the first is skipped, and there are more than were claimed.
// RUN: sed -e '/^ *cta.ring_acquire/,/^ *cta.ring_publish/s/arg14/over/g;s/^ *cta.ring_acquire/%over = arith.addi %arg14, %c1_i32 : i32\n&/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=SKIP
// SKIP: refuted: with M = 1, tile = 0, K step = 0, thread = 0 this reads iterations 0 to 1, and 1 to 2 are written
// RUN: sed -e 's/^ *cta.ring_publish.*/&\ncta.ring_acquire %2[%arg14]\ncta.ring_publish %2[%arg14]/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=TWICE
// TWICE: not proven: expected iteration 1 of this ring to be acquired next, got 0
// RUN: sed -e '/^ *scf.for/s/%c2_i32/%c4_i32/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=LONG
// LONG: not proven: expected 2 iterations of this ring to be acquired in a tile, got 4

// The ring counts on by other than was claimed.
// RUN: sed -e 's/steps 2$/steps 3/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=MORE
// MORE: not proven: expected 3 iterations of this ring to be acquired in a tile, got 2
// RUN: sed -e 's/ steps 2$//' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=NONE
// NONE: not proven: expected a ring with its `steps` in a tile between roles

// A second role publishes: it has no claim, or one that it should not have.
// RUN: sed -e 's/threads 256/threads 384/;s/^ *cta.role "consumer".*/cta.role "second" %own in warps [8, 4] {\nscf.for %i = %c0_i32 to %last step %one : i32 {\ncta.ring_acquire %2[%i]\ncta.ring_publish %2[%i]\n}\n}\n&/;s/^ *cta.tile_range.*/%one = arith.constant 1 : i32\n%last = arith.constant 2 : i32\n&/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=SECOND
// SECOND: not proven: expected one role that writes rings and one that reads them
// RUN: sed -e 's/threads 256/threads 384/;s/^ *cta.role "consumer".*/cta.role "idle" %own in warps [8, 4] {\nscf.for %i = %c0_i32 to %c0_i32 step %one : i32 {\ncta.ring_publish %2[%i]\n}\n}\n&/;s/^ *cta.tile_range.*/%one = arith.constant 1 : i32\n&/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=NEVER
// NEVER: not proven: expected 1 to 4096 K steps in a role, got 0

// A role that reads publishes, in a loop that never runs.
// RUN: sed -e 's/^ *cta.role "consumer".*/&\n%one = arith.constant 1 : i32\nscf.for %i = %c0_i32 to %c0_i32 step %one : i32 {\ncta.ring_publish %2[%i]\n}/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=READER
// READER: not proven: expected 1 to 4096 K steps in a role, got 0

// All threads take a step of the ring, before there are tiles and after.
// RUN: sed -e 's/^ *cta.tile_range.*/cta.ring_release %2[%c0_i32]\n&/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=BEFORE
// BEFORE: not proven: expected steps of rings and accesses of stages in a role, in a kernel that has roles
// RUN: sed -e 's/^ *cta.grid_release/cta.ring_release %2[%c0_i32]\n&/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=AFTER
// AFTER: not proven: expected steps of rings and accesses of stages in a role, in a kernel that has roles

// A stage that is in no ring.
// RUN: sed -e 's/^ *cta.tile_range.*/%alone = cta.alloc : !cta.stage<1536>\n&/;s/^ *cta.copy %arg0.*/&\n%x = cta.load %arg0[%28] if %31 : <?, 40>\ncta.store_shared %x, %alone[%34] : <1536>/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=PLAIN
// PLAIN: not proven: expected a stage in a ring: roles meet nowhere else

// Groups are another role's.
// RUN: sed -e 's/pending 0/pending 1/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=PENDING
// PENDING: not proven: expected `pending` 0 between roles, got 1

// Too few warps to fill the stage, and to store the tile.
// RUN: sed -e 's/warps .4, 4./warps [4, 2]/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=COPIERS
// COPIERS: this reads byte 768 of a stage, which nothing writes
// RUN: sed -e 's/warps .0, 4./warps [0, 3]/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=STORERS
// STORERS: store row 16, column 16 of a tile of 'd' never

// Two rings, filled in one order and read in another. (In the same order: a template with two accumulates.)
// RUN: sed -e 's/^ *%2 = cta.ring.*/&\n%ring = cta.ring stages 2 steps 2/;s/%5 = cta.alloc in %2/%5 = cta.alloc in %ring/;s/%6 = cta.alloc in %2/%6 = cta.alloc in %ring/;s/^ *cta.copy_scales %arg2.*/&\ncta.ring_publish %2[%arg14]\ncta.ring_acquire %ring[%arg14]/;/^ *cta.copy_scales %arg5/{n;s/%2/%ring/};/^ *cta.ring_wait/s/%2/%ring/;s/^ *%.* = cta.ldmatrix %3.*/cta.ring_release %ring[%arg14]\ncta.ring_wait %2[%arg14] pending 0\n&/' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=ORDER
// ORDER: not proven: expected both roles to take the iterations of rings in the same order

module {
  cta.kernel @gemm(%arg0: !cta.matrix<?, 40>, %arg1: i64, %arg2: !cta.scales<?, 5, "128x4">, %arg3: !cta.matrix<24, 40>, %arg4: i64, %arg5: !cta.scales<24, 5, "128x4">, %arg6: !cta.matrix<?, 96>, %arg7: i64, %arg8: !cta.scalar, %arg9: f32, %arg10: i32, %arg11: i32) sources ["a", "a.stride", "sfa", "b", "b.stride", "sfb", "d", "d.stride", "alpha", "alpha.value", "alpha.reciprocal", "m"] threads 256 schedule #cta.schedule<"cooperative", tile = [32, 32, 64], warps = [2, 2], stages = 2> {
    cta.grid_wait
    %c31_i32 = arith.constant 31 : i32
    %0 = arith.addi %arg11, %c31_i32 : i32
    %c32_i32 = arith.constant 32 : i32
    %1 = arith.divui %0, %c32_i32 : i32
    %2 = cta.ring stages 2 steps 2
    %3 = cta.alloc in %2 : !cta.stage<1536>
    %4 = cta.alloc in %2 : !cta.scale_stage<128>
    %5 = cta.alloc in %2 : !cta.stage<1536>
    %6 = cta.alloc in %2 : !cta.scale_stage<128>
    %7 = cta.load_scalar %arg8 or %arg9
    %cst = arith.constant 1.000000e+00 : f32
    %c0_i32 = arith.constant 0 : i32
    %8 = arith.cmpi ne, %arg10, %c0_i32 : i32
    %9 = arith.divf %cst, %7 : f32
    %10 = arith.select %8, %9, %7 : f32
    cta.tile_range %arg12 in %1 {
      %11 = arith.muli %arg12, %c32_i32 : i32
      %c1_i32 = arith.constant 1 : i32
      %12 = arith.remui %arg12, %c1_i32 : i32
      %13 = arith.muli %12, %c32_i32 : i32
      cta.role "producer" %arg13 in warps [4, 4] {
        %14 = arith.remui %arg13, %c32_i32 : i32
        %c4_i32 = arith.constant 4 : i32
        %15 = arith.divui %arg13, %c32_i32 : i32
        %c2_i32 = arith.constant 2 : i32
        %16 = arith.divui %15, %c2_i32 : i32
        %c16_i32 = arith.constant 16 : i32
        %17 = arith.remui %15, %c2_i32 : i32
        scf.for %arg14 = %c0_i32 to %c2_i32 step %c1_i32  : i32 {
          cta.ring_acquire %2[%arg14]
          %c64_i32 = arith.constant 64 : i32
          %18 = arith.muli %arg14, %c64_i32 : i32
          %19 = arith.divui %18, %c16_i32 : i32
          %20 = arith.divui %arg13, %c4_i32 : i32
          %21 = arith.remui %arg13, %c4_i32 : i32
          %22 = arith.addi %11, %20 : i32
          %23 = arith.addi %19, %21 : i32
          %24 = arith.extui %22 : i32 to i64
          %25 = arith.muli %24, %arg1 : i64
          %26 = arith.extui %23 : i32 to i64
          %c8_i64 = arith.constant 8 : i64
          %27 = arith.muli %26, %c8_i64 : i64
          %28 = arith.addi %25, %27 : i64
          %29 = arith.cmpi ult, %22, %arg11 : i32
          %c5_i32 = arith.constant 5 : i32
          %30 = arith.cmpi ult, %23, %c5_i32 : i32
          %31 = arith.andi %29, %30 : i1
          %c48_i32 = arith.constant 48 : i32
          %32 = arith.muli %20, %c48_i32 : i32
          %c8_i32 = arith.constant 8 : i32
          %33 = arith.muli %21, %c8_i32 : i32
          %34 = arith.addi %32, %33 : i32
          cta.copy %arg0[%28] if %31, %3 at %arg14[%34] : <?, 40>, <1536>
          %35 = arith.cmpi ult, %arg13, %c32_i32 : i32
          %36 = arith.remui %arg13, %c1_i32 : i32
          %37 = arith.muli %36, %c4_i32 : i32
          %38 = arith.addi %11, %arg13 : i32
          %39 = arith.addi %19, %37 : i32
          %40 = arith.cmpi ult, %38, %arg11 : i32
          %41 = arith.cmpi ult, %39, %c5_i32 : i32
          %42 = arith.andi %40, %41 : i1
          %43 = arith.addi %39, %c1_i32 : i32
          %44 = arith.cmpi ult, %43, %c5_i32 : i32
          %45 = arith.andi %40, %44 : i1
          %46 = arith.addi %39, %c2_i32 : i32
          %47 = arith.cmpi ult, %46, %c5_i32 : i32
          %48 = arith.andi %40, %47 : i1
          %c3_i32 = arith.constant 3 : i32
          %49 = arith.addi %39, %c3_i32 : i32
          %50 = arith.cmpi ult, %49, %c5_i32 : i32
          %51 = arith.andi %40, %50 : i1
          %52 = arith.extui %38 : i32 to i64
          %53 = arith.extui %39 : i32 to i64
          %c128_i64 = arith.constant 128 : i64
          %54 = arith.divui %52, %c128_i64 : i64
          %c2_i64 = arith.constant 2 : i64
          %55 = arith.muli %54, %c2_i64 : i64
          %c4_i64 = arith.constant 4 : i64
          %56 = arith.divui %53, %c4_i64 : i64
          %57 = arith.addi %55, %56 : i64
          %c512_i64 = arith.constant 512 : i64
          %58 = arith.muli %57, %c512_i64 : i64
          %c32_i64 = arith.constant 32 : i64
          %59 = arith.remui %52, %c32_i64 : i64
          %c16_i64 = arith.constant 16 : i64
          %60 = arith.muli %59, %c16_i64 : i64
          %61 = arith.addi %58, %60 : i64
          %62 = arith.remui %52, %c128_i64 : i64
          %63 = arith.divui %62, %c32_i64 : i64
          %64 = arith.muli %63, %c4_i64 : i64
          %65 = arith.addi %61, %64 : i64
          %66 = arith.remui %53, %c4_i64 : i64
          %67 = arith.addi %65, %66 : i64
          %68 = arith.muli %arg13, %c4_i32 : i32
          %69 = arith.addi %68, %37 : i32
          cta.copy_scales %arg2[%67] if(%42, %45, %48, %51), %4 at %arg14[%69] when %35 : <?, 5, "128x4">, <128>
          %70 = arith.addi %13, %20 : i32
          %71 = arith.extui %70 : i32 to i64
          %72 = arith.muli %71, %arg4 : i64
          %73 = arith.addi %72, %27 : i64
          %c24_i32 = arith.constant 24 : i32
          %74 = arith.cmpi ult, %70, %c24_i32 : i32
          %75 = arith.andi %74, %30 : i1
          cta.copy %arg3[%73] if %75, %5 at %arg14[%34] : <24, 40>, <1536>
          %76 = arith.addi %13, %arg13 : i32
          %77 = arith.cmpi ult, %76, %c24_i32 : i32
          %78 = arith.andi %77, %41 : i1
          %79 = arith.andi %77, %44 : i1
          %80 = arith.andi %77, %47 : i1
          %81 = arith.andi %77, %50 : i1
          %82 = arith.extui %76 : i32 to i64
          %83 = arith.divui %82, %c128_i64 : i64
          %84 = arith.muli %83, %c2_i64 : i64
          %85 = arith.addi %84, %56 : i64
          %86 = arith.muli %85, %c512_i64 : i64
          %87 = arith.remui %82, %c32_i64 : i64
          %88 = arith.muli %87, %c16_i64 : i64
          %89 = arith.addi %86, %88 : i64
          %90 = arith.remui %82, %c128_i64 : i64
          %91 = arith.divui %90, %c32_i64 : i64
          %92 = arith.muli %91, %c4_i64 : i64
          %93 = arith.addi %89, %92 : i64
          %94 = arith.addi %93, %66 : i64
          cta.copy_scales %arg5[%94] if(%78, %79, %80, %81), %6 at %arg14[%69] when %35 : <24, 5, "128x4">, <128>
          cta.ring_publish %2[%arg14]
        }
      }
      cta.role "consumer" %arg13 in warps [0, 4] {
        %14 = arith.remui %arg13, %c32_i32 : i32
        %c4_i32 = arith.constant 4 : i32
        %15 = arith.divui %14, %c4_i32 : i32
        %16 = arith.remui %14, %c4_i32 : i32
        %17 = arith.divui %arg13, %c32_i32 : i32
        %c2_i32 = arith.constant 2 : i32
        %18 = arith.divui %17, %c2_i32 : i32
        %c16_i32 = arith.constant 16 : i32
        %19 = arith.muli %18, %c16_i32 : i32
        %20 = arith.remui %17, %c2_i32 : i32
        %21 = arith.muli %20, %c16_i32 : i32
        %cst_0 = arith.constant 0.000000e+00 : f32
        %22:8 = scf.for %arg14 = %c0_i32 to %c2_i32 step %c1_i32 iter_args(%arg15 = %cst_0, %arg16 = %cst_0, %arg17 = %cst_0, %arg18 = %cst_0, %arg19 = %cst_0, %arg20 = %cst_0, %arg21 = %cst_0, %arg22 = %cst_0) -> (f32, f32, f32, f32, f32, f32, f32, f32)  : i32 {
          cta.ring_wait %2[%arg14] pending 0
          %c64_i32 = arith.constant 64 : i32
          %c8_i32_1 = arith.constant 8 : i32
          %74 = arith.divui %14, %c8_i32_1 : i32
          %75 = arith.remui %74, %c2_i32 : i32
          %76 = arith.divui %14, %c16_i32 : i32
          %77 = arith.remui %14, %c8_i32_1 : i32
          %78 = arith.addi %21, %77 : i32
          %79 = arith.muli %76, %c8_i32_1 : i32
          %80 = arith.addi %78, %79 : i32
          %c48_i32 = arith.constant 48 : i32
          %81 = arith.muli %80, %c48_i32 : i32
          %82 = arith.muli %75, %c16_i32 : i32
          %83 = arith.addi %81, %82 : i32
          %r0, %r1, %r2, %r3 = cta.ldmatrix %5 at %arg14[%83] : <1536>
          %84 = arith.addi %21, %15 : i32
          %85 = arith.muli %84, %c4_i32 : i32
          %86 = cta.load_scale_word %6 at %arg14[%85] : <128>
          %87 = arith.addi %84, %c8_i32_1 : i32
          %88 = arith.muli %87, %c4_i32 : i32
          %89 = cta.load_scale_word %6 at %arg14[%88] : <128>
          %90 = arith.addi %19, %77 : i32
          %91 = arith.muli %75, %c8_i32_1 : i32
          %92 = arith.addi %90, %91 : i32
          %93 = arith.muli %92, %c48_i32 : i32
          %94 = arith.muli %76, %c16_i32 : i32
          %95 = arith.addi %93, %94 : i32
          %r0_2, %r1_3, %r2_4, %r3_5 = cta.ldmatrix %3 at %arg14[%95] : <1536>
          %96 = arith.remui %16, %c2_i32 : i32
          %97 = arith.addi %19, %15 : i32
          %98 = arith.muli %96, %c8_i32_1 : i32
          %99 = arith.addi %97, %98 : i32
          %100 = arith.muli %99, %c4_i32 : i32
          %101 = cta.load_scale_word %4 at %arg14[%100] : <128>
          %d0, %d1, %d2, %d3 = cta.mma(%r0_2, %r1_3, %r2_4, %r3_5) scaled %101, (%r0, %r1) scaled %86, (%arg15, %arg16, %arg17, %arg18)
          %d0_6, %d1_7, %d2_8, %d3_9 = cta.mma(%r0_2, %r1_3, %r2_4, %r3_5) scaled %101, (%r2, %r3) scaled %89, (%arg19, %arg20, %arg21, %arg22)
          cta.ring_release %2[%arg14]
          scf.yield %d0, %d1, %d2, %d3, %d0_6, %d1_7, %d2_8, %d3_9 : f32, f32, f32, f32, f32, f32, f32, f32
        }
        %23 = arith.mulf %22#0, %10 : f32
        %24 = arith.mulf %22#1, %10 : f32
        %25 = arith.mulf %22#2, %10 : f32
        %26 = arith.mulf %22#3, %10 : f32
        %27 = arith.mulf %22#4, %10 : f32
        %28 = arith.mulf %22#5, %10 : f32
        %29 = arith.mulf %22#6, %10 : f32
        %30 = arith.mulf %22#7, %10 : f32
        %31 = arith.addi %11, %19 : i32
        %32 = arith.addi %13, %21 : i32
        %33 = arith.addi %31, %15 : i32
        %34 = arith.muli %16, %c2_i32 : i32
        %35 = arith.addi %32, %34 : i32
        %36 = arith.cmpi ult, %33, %arg11 : i32
        %c24_i32 = arith.constant 24 : i32
        %37 = arith.cmpi ult, %35, %c24_i32 : i32
        %38 = arith.andi %36, %37 : i1
        %39 = arith.extui %33 : i32 to i64
        %40 = arith.muli %39, %arg7 : i64
        %41 = arith.extui %35 : i32 to i64
        %c4_i64 = arith.constant 4 : i64
        %42 = arith.muli %41, %c4_i64 : i64
        %43 = arith.addi %40, %42 : i64
        cta.store %23, %arg6[%43] if %38 : f32, <?, 96>
        %44 = arith.addi %35, %c1_i32 : i32
        %45 = arith.cmpi ult, %44, %c24_i32 : i32
        %46 = arith.andi %36, %45 : i1
        %47 = arith.extui %44 : i32 to i64
        %48 = arith.muli %47, %c4_i64 : i64
        %49 = arith.addi %40, %48 : i64
        cta.store %24, %arg6[%49] if %46 : f32, <?, 96>
        %c8_i32 = arith.constant 8 : i32
        %50 = arith.addi %33, %c8_i32 : i32
        %51 = arith.cmpi ult, %50, %arg11 : i32
        %52 = arith.andi %51, %37 : i1
        %53 = arith.extui %50 : i32 to i64
        %54 = arith.muli %53, %arg7 : i64
        %55 = arith.addi %54, %42 : i64
        cta.store %25, %arg6[%55] if %52 : f32, <?, 96>
        %56 = arith.andi %51, %45 : i1
        %57 = arith.addi %54, %48 : i64
        cta.store %26, %arg6[%57] if %56 : f32, <?, 96>
        %58 = arith.addi %35, %c8_i32 : i32
        %59 = arith.cmpi ult, %58, %c24_i32 : i32
        %60 = arith.andi %36, %59 : i1
        %61 = arith.extui %58 : i32 to i64
        %62 = arith.muli %61, %c4_i64 : i64
        %63 = arith.addi %40, %62 : i64
        cta.store %27, %arg6[%63] if %60 : f32, <?, 96>
        %c9_i32 = arith.constant 9 : i32
        %64 = arith.addi %35, %c9_i32 : i32
        %65 = arith.cmpi ult, %64, %c24_i32 : i32
        %66 = arith.andi %36, %65 : i1
        %67 = arith.extui %64 : i32 to i64
        %68 = arith.muli %67, %c4_i64 : i64
        %69 = arith.addi %40, %68 : i64
        cta.store %28, %arg6[%69] if %66 : f32, <?, 96>
        %70 = arith.andi %51, %59 : i1
        %71 = arith.addi %54, %62 : i64
        cta.store %29, %arg6[%71] if %70 : f32, <?, 96>
        %72 = arith.andi %51, %65 : i1
        %73 = arith.addi %54, %68 : i64
        cta.store %30, %arg6[%73] if %72 : f32, <?, 96>
      }
    }
    cta.grid_release
  }
}
