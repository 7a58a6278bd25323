// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: nybl-opt %templates/gemm.mlir | nybl-opt | FileCheck %s
// RUN: nybl-opt %templates/gemm.mlir > %t.once
// RUN: nybl-opt %t.once | diff %t.once -
// RUN: nybl-opt %templates/quantize_silu_mul.mlir | nybl-opt | FileCheck %s -check-prefix=SILU
// RUN: nybl-opt %templates/quantize.mlir | nybl-opt | FileCheck %s -check-prefix=QUANTIZE
// RUN: nybl-opt %templates/quantize.mlir > %t.quantize
// RUN: nybl-opt %t.quantize | diff %t.quantize -
// RUN: nybl-opt %templates/dequantize.mlir | nybl-opt | FileCheck %s -check-prefix=DEQUANTIZE

// DEQUANTIZE: tile.dequantize %{{.*}}, %{{.*}} : <[BM, BK]>, <[BM, BK]> -> <[BM, BK]>
// SILU: tile.load_elements %{{.*}}[%{{.*}}, %{{.*}}] half 0 : <[M, K2]>
// SILU: tile.load_elements %{{.*}}[%{{.*}}, %{{.*}}] half 1 : <[M, K2]>
// SILU: tile.silu_mul %{{.*}}, %{{.*}} fast(fast) : !tile.acc<[BM, BK]>
// QUANTIZE: tile.kernel @quantize<dims(M, K), params(BM, BK, fast, pad)>
// QUANTIZE: tile.quantize %{{.*}}, %{{.*}}, %{{.*}} fast(fast) : !tile.acc<[BM, BK]>
// QUANTIZE: tile.store_scales %{{.*}}, %{{.*}}[%{{.*}}, %{{.*}}] pad_rows(pad) : !tile.scale_tile<[BM, BK]>

// CHECK: tile.kernel @gemm<dims(M, N, K), params(BM, BN, BK, stages)>
// CHECK-SAME: !tile.matrix<[M, K]>
// CHECK: tile.require BK mod 64 == 0, "a K step holds whole scale words"
// CHECK: tile.foreach_tile (%[[M:.*]], %[[N:.*]]) in (M, N) by (BM, BN)
// CHECK: tile.accumulate %[[K:.*]] in K by BK stages(stages) init
// CHECK: tile.load_scales %{{.*}}[%[[M]], %[[K]]]
// CHECK: tile.dot_scaled
// CHECK: tile.map
// CHECK: tile.store
