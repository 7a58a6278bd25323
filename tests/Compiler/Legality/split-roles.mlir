// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// L1 of the workspace in a kernel with roles, and a role that adds to the sums of another. The kernel is what
// `nybl compile "gemm n=24 k=256 sfa=128x4 sfb=128x4 d=f32" --chip sm_120a --emit cta --schedule "kind=cooperative
// tile=64x16x64 warps=4x1 stages=2 split=2"` gives, less its certificate.
// RUN: nybl-opt %s -prove-non-interference | FileCheck %s
// CHECK: certificate
// CHECK-SAME: <"workspace", "never", 1>
// RUN: sed -e '/^ *cta.ring_publish/{n;s/.*/&\n%z = arith.constant 0.0 : f32\ncta.sum_parts(%z, %z, %z, %z, %z, %z, %z, %z) of %arg13, %arg14 by %arg15 in %arg12 : <128, 8> {\n^bb0(%x0: f32, %x1: f32, %x2: f32, %x3: f32, %x4: f32, %x5: f32, %x6: f32, %x7: f32):\n}/}' %s | not nybl-opt - -prove-non-interference 2>&1 | FileCheck %s -check-prefix=ROLES
// ROLES: not proven: expected one cta.sum_parts for each tile, whatever the role
module {
  cta.kernel @gemm(%arg0: !cta.matrix<?, 128>, %arg1: i64, %arg2: !cta.scales<?, 16, "128x4">, %arg3: !cta.matrix<24, 128>, %arg4: i64, %arg5: !cta.scales<24, 16, "128x4">, %arg6: !cta.matrix<?, 96>, %arg7: i64, %arg8: !cta.scalar, %arg9: f32, %arg10: i32, %arg11: i32, %arg12: !cta.workspace<128, 8>) sources ["a", "a.stride", "sfa", "b", "b.stride", "sfb", "d", "d.stride", "alpha", "alpha.value", "alpha.reciprocal", "m", "workspace"] threads 256 schedule #cta.schedule<"cooperative", tile = [64, 16, 64], warps = [4, 1], stages = 2, split = 2> {
    cta.grid_wait
    %0 = cta.ring stages 2 steps 2
    %1 = cta.alloc in %0 : !cta.stage<3072>
    %2 = cta.alloc in %0 : !cta.scale_stage<256>
    %3 = cta.alloc in %0 : !cta.stage<768>
    %4 = cta.alloc in %0 : !cta.scale_stage<64>
    %5 = cta.load_scalar %arg8 or %arg9
    %cst = arith.constant 1.000000e+00 : f32
    %6 = arith.divf %cst, %5 : f32
    %c0_i32 = arith.constant 0 : i32
    %7 = arith.cmpi ne, %arg10, %c0_i32 : i32
    %8 = arith.select %7, %6, %5 : f32
    %c63_i32 = arith.constant 63 : i32
    %9 = arith.addi %arg11, %c63_i32 : i32
    %c64_i32 = arith.constant 64 : i32
    %10 = arith.divui %9, %c64_i32 : i32
    %c2_i32 = arith.constant 2 : i32
    %11 = arith.muli %10, %c2_i32 : i32
    cta.tile_range %arg13, %arg14 in %11 parts 2 {
      %12 = arith.divui %arg13, %c2_i32 : i32
      %13 = arith.muli %12, %c64_i32 : i32
      %c16_i32 = arith.constant 16 : i32
      %14 = arith.remui %arg13, %c2_i32 : i32
      %15 = arith.muli %14, %c16_i32 : i32
      cta.role "producer" %arg15 in warps [4, 4] {
        %c1_i32 = arith.constant 1 : i32
        %c4_i32 = arith.constant 4 : i32
        scf.for %arg16 = %c0_i32 to %c2_i32 step %c1_i32  : i32 {
          cta.ring_acquire %0[%arg16]
          %16 = arith.divui %arg15, %c4_i32 : i32
          %17 = arith.addi %13, %16 : i32
          %18 = arith.extui %17 : i32 to i64
          %19 = arith.muli %18, %arg1 : i64
          %20 = arith.muli %arg14, %c2_i32 : i32
          %21 = arith.addi %20, %arg16 : i32
          %22 = arith.muli %21, %c64_i32 : i32
          %23 = arith.divui %22, %c16_i32 : i32
          %24 = arith.remui %arg15, %c4_i32 : i32
          %25 = arith.addi %23, %24 : i32
          %26 = arith.extui %25 : i32 to i64
          %c8_i64 = arith.constant 8 : i64
          %27 = arith.muli %26, %c8_i64 : i64
          %28 = arith.addi %19, %27 : i64
          %29 = arith.cmpi ult, %17, %arg11 : i32
          %30 = arith.cmpi ult, %25, %c16_i32 : i32
          %31 = arith.andi %29, %30 : i1
          %c48_i32 = arith.constant 48 : i32
          %32 = arith.muli %16, %c48_i32 : i32
          %c8_i32 = arith.constant 8 : i32
          %33 = arith.muli %24, %c8_i32 : i32
          %34 = arith.addi %32, %33 : i32
          cta.copy %arg0[%28] if %31, %1 at %arg16[%34] : <?, 128>, <3072>
          %c128_i32 = arith.constant 128 : i32
          %35 = arith.addi %arg15, %c128_i32 : i32
          %36 = arith.divui %35, %c4_i32 : i32
          %37 = arith.addi %13, %36 : i32
          %38 = arith.extui %37 : i32 to i64
          %39 = arith.muli %38, %arg1 : i64
          %40 = arith.remui %35, %c4_i32 : i32
          %41 = arith.addi %23, %40 : i32
          %42 = arith.extui %41 : i32 to i64
          %43 = arith.muli %42, %c8_i64 : i64
          %44 = arith.addi %39, %43 : i64
          %45 = arith.cmpi ult, %37, %arg11 : i32
          %46 = arith.cmpi ult, %41, %c16_i32 : i32
          %47 = arith.andi %45, %46 : i1
          %48 = arith.muli %36, %c48_i32 : i32
          %49 = arith.muli %40, %c8_i32 : i32
          %50 = arith.addi %48, %49 : i32
          cta.copy %arg0[%44] if %47, %1 at %arg16[%50] : <?, 128>, <3072>
          %51 = arith.addi %13, %arg15 : i32
          %52 = arith.extui %51 : i32 to i64
          %c128_i64 = arith.constant 128 : i64
          %53 = arith.divui %52, %c128_i64 : i64
          %c4_i64 = arith.constant 4 : i64
          %54 = arith.muli %53, %c4_i64 : i64
          %55 = arith.remui %arg15, %c1_i32 : i32
          %56 = arith.muli %55, %c4_i32 : i32
          %57 = arith.addi %23, %56 : i32
          %58 = arith.extui %57 : i32 to i64
          %59 = arith.divui %58, %c4_i64 : i64
          %60 = arith.addi %54, %59 : i64
          %c512_i64 = arith.constant 512 : i64
          %61 = arith.muli %60, %c512_i64 : i64
          %c32_i64 = arith.constant 32 : i64
          %62 = arith.remui %52, %c32_i64 : i64
          %c16_i64 = arith.constant 16 : i64
          %63 = arith.muli %62, %c16_i64 : i64
          %64 = arith.addi %61, %63 : i64
          %65 = arith.remui %52, %c128_i64 : i64
          %66 = arith.divui %65, %c32_i64 : i64
          %67 = arith.muli %66, %c4_i64 : i64
          %68 = arith.addi %64, %67 : i64
          %69 = arith.remui %58, %c4_i64 : i64
          %70 = arith.addi %68, %69 : i64
          %71 = arith.cmpi ult, %51, %arg11 : i32
          %72 = arith.cmpi ult, %57, %c16_i32 : i32
          %73 = arith.andi %71, %72 : i1
          %74 = arith.addi %57, %c1_i32 : i32
          %75 = arith.cmpi ult, %74, %c16_i32 : i32
          %76 = arith.andi %71, %75 : i1
          %77 = arith.addi %57, %c2_i32 : i32
          %78 = arith.cmpi ult, %77, %c16_i32 : i32
          %79 = arith.andi %71, %78 : i1
          %c3_i32 = arith.constant 3 : i32
          %80 = arith.addi %57, %c3_i32 : i32
          %81 = arith.cmpi ult, %80, %c16_i32 : i32
          %82 = arith.andi %71, %81 : i1
          %83 = arith.muli %arg15, %c4_i32 : i32
          %84 = arith.addi %83, %56 : i32
          %85 = arith.cmpi ult, %arg15, %c64_i32 : i32
          cta.copy_scales %arg2[%70] if(%73, %76, %79, %82), %2 at %arg16[%84] when %85 : <?, 16, "128x4">, <256>
          %86 = arith.addi %15, %16 : i32
          %87 = arith.extui %86 : i32 to i64
          %88 = arith.muli %87, %arg4 : i64
          %89 = arith.addi %88, %27 : i64
          %c24_i32 = arith.constant 24 : i32
          %90 = arith.cmpi ult, %86, %c24_i32 : i32
          %91 = arith.andi %90, %30 : i1
          cta.copy %arg3[%89] if %91, %3 at %arg16[%34] when %85 : <24, 128>, <768>
          %92 = arith.addi %15, %arg15 : i32
          %93 = arith.extui %92 : i32 to i64
          %94 = arith.divui %93, %c128_i64 : i64
          %95 = arith.muli %94, %c4_i64 : i64
          %96 = arith.addi %95, %59 : i64
          %97 = arith.muli %96, %c512_i64 : i64
          %98 = arith.remui %93, %c32_i64 : i64
          %99 = arith.muli %98, %c16_i64 : i64
          %100 = arith.addi %97, %99 : i64
          %101 = arith.remui %93, %c128_i64 : i64
          %102 = arith.divui %101, %c32_i64 : i64
          %103 = arith.muli %102, %c4_i64 : i64
          %104 = arith.addi %100, %103 : i64
          %105 = arith.addi %104, %69 : i64
          %106 = arith.cmpi ult, %92, %c24_i32 : i32
          %107 = arith.andi %106, %72 : i1
          %108 = arith.andi %106, %75 : i1
          %109 = arith.andi %106, %78 : i1
          %110 = arith.andi %106, %81 : i1
          %111 = arith.cmpi ult, %arg15, %c16_i32 : i32
          cta.copy_scales %arg5[%105] if(%107, %108, %109, %110), %4 at %arg16[%84] when %111 : <24, 16, "128x4">, <64>
          cta.ring_publish %0[%arg16]
        }
      }
      cta.role "consumer" %arg15 in warps [0, 4] {
        %cst_0 = arith.constant 0.000000e+00 : f32
        %c1_i32 = arith.constant 1 : i32
        %c32_i32 = arith.constant 32 : i32
        %16 = arith.remui %arg15, %c32_i32 : i32
        %17 = arith.divui %arg15, %c32_i32 : i32
        %18 = arith.remui %17, %c1_i32 : i32
        %19 = arith.muli %18, %c16_i32 : i32
        %c4_i32 = arith.constant 4 : i32
        %20 = arith.divui %16, %c4_i32 : i32
        %21 = arith.muli %17, %c16_i32 : i32
        %22 = arith.remui %16, %c4_i32 : i32
        %23:8 = scf.for %arg16 = %c0_i32 to %c2_i32 step %c1_i32 iter_args(%arg17 = %cst_0, %arg18 = %cst_0, %arg19 = %cst_0, %arg20 = %cst_0, %arg21 = %cst_0, %arg22 = %cst_0, %arg23 = %cst_0, %arg24 = %cst_0) -> (f32, f32, f32, f32, f32, f32, f32, f32)  : i32 {
          cta.ring_wait %0[%arg16] pending 0
          %c8_i32 = arith.constant 8 : i32
          %24 = arith.remui %16, %c8_i32 : i32
          %25 = arith.addi %19, %24 : i32
          %26 = arith.divui %16, %c16_i32 : i32
          %27 = arith.muli %26, %c8_i32 : i32
          %28 = arith.addi %25, %27 : i32
          %c48_i32 = arith.constant 48 : i32
          %29 = arith.muli %28, %c48_i32 : i32
          %30 = arith.divui %16, %c8_i32 : i32
          %31 = arith.remui %30, %c2_i32 : i32
          %32 = arith.muli %31, %c16_i32 : i32
          %33 = arith.addi %29, %32 : i32
          %r0, %r1, %r2, %r3 = cta.ldmatrix %3 at %arg16[%33] : <768>
          %34 = arith.addi %19, %20 : i32
          %35 = arith.muli %34, %c4_i32 : i32
          %36 = cta.load_scale_word %4 at %arg16[%35] : <64>
          %37 = arith.addi %34, %c8_i32 : i32
          %38 = arith.muli %37, %c4_i32 : i32
          %39 = cta.load_scale_word %4 at %arg16[%38] : <64>
          %40 = arith.addi %21, %24 : i32
          %41 = arith.muli %31, %c8_i32 : i32
          %42 = arith.addi %40, %41 : i32
          %43 = arith.muli %42, %c48_i32 : i32
          %44 = arith.muli %26, %c16_i32 : i32
          %45 = arith.addi %43, %44 : i32
          %r0_1, %r1_2, %r2_3, %r3_4 = cta.ldmatrix %1 at %arg16[%45] : <3072>
          %46 = arith.addi %21, %20 : i32
          %47 = arith.remui %22, %c2_i32 : i32
          %48 = arith.muli %47, %c8_i32 : i32
          %49 = arith.addi %46, %48 : i32
          %50 = arith.muli %49, %c4_i32 : i32
          %51 = cta.load_scale_word %2 at %arg16[%50] : <256>
          %d0, %d1, %d2, %d3 = cta.mma(%r0_1, %r1_2, %r2_3, %r3_4) scaled %51, (%r0, %r1) scaled %36, (%arg17, %arg18, %arg19, %arg20)
          %d0_5, %d1_6, %d2_7, %d3_8 = cta.mma(%r0_1, %r1_2, %r2_3, %r3_4) scaled %51, (%r2, %r3) scaled %39, (%arg21, %arg22, %arg23, %arg24)
          cta.ring_release %0[%arg16]
          scf.yield %d0, %d1, %d2, %d3, %d0_5, %d1_6, %d2_7, %d3_8 : f32, f32, f32, f32, f32, f32, f32, f32
        }
        cta.sum_parts(%23#0, %23#1, %23#2, %23#3, %23#4, %23#5, %23#6, %23#7) of %arg13, %arg14 by %arg15 in %arg12 : <128, 8> {
        ^bb0(%arg16: f32, %arg17: f32, %arg18: f32, %arg19: f32, %arg20: f32, %arg21: f32, %arg22: f32, %arg23: f32):
          %24 = arith.mulf %arg16, %8 : f32
          %25 = arith.mulf %arg17, %8 : f32
          %26 = arith.mulf %arg18, %8 : f32
          %27 = arith.mulf %arg19, %8 : f32
          %28 = arith.mulf %arg20, %8 : f32
          %29 = arith.mulf %arg21, %8 : f32
          %30 = arith.mulf %arg22, %8 : f32
          %31 = arith.mulf %arg23, %8 : f32
          %32 = arith.addi %13, %21 : i32
          %33 = arith.addi %32, %20 : i32
          %34 = arith.extui %33 : i32 to i64
          %35 = arith.muli %34, %arg7 : i64
          %36 = arith.addi %15, %19 : i32
          %37 = arith.muli %22, %c2_i32 : i32
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
    }
    cta.grid_release
  }
}
