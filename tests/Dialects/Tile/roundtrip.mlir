// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: nybl-opt %templates/gemm.mlir | nybl-opt | FileCheck %s
// RUN: nybl-opt %templates/gemm.mlir > %t.once
// RUN: nybl-opt %t.once | diff %t.once -

// CHECK: tile.kernel @gemm<dims(M, N, K), params(BM, BN, BK, stages)>
// CHECK-SAME: !tile.matrix<[M, K]>
// CHECK: tile.require BK mod 64 == 0, "a K step holds whole scale words"
// CHECK: tile.foreach_tile (%[[M:.*]], %[[N:.*]]) in (M, N) by (BM, BN)
// CHECK: tile.accumulate %[[K:.*]] in K by BK stages(stages) init
// CHECK: tile.load_scales %{{.*}}[%[[M]], %[[K]]]
// CHECK: tile.dot_scaled
// CHECK: tile.map
// CHECK: tile.store
