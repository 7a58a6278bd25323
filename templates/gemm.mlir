// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// D[M,N] = alpha * A[M,K] * B[N,K]^T, one BM x BN tile of D per step.
// Loads past the last row or K block give zero; the store leaves out what lies
// outside D. docs/templates.md explains the language.
tile.kernel @gemm<dims(M, N, K), params(BM, BN, BK, stages)>(
    %A: !tile.matrix<[M, K]>, %SA: !tile.scales<[M, K]>,
    %B: !tile.matrix<[N, K]>, %SB: !tile.scales<[N, K]>,
    %D: !tile.matrix<[M, N]>, %alpha: !tile.scalar<f32>) {
  tile.require BK mod 64 == 0, "a K step holds whole scale words"
  tile.foreach_tile (%m, %n) in (M, N) by (BM, BN) {
    %zero = tile.zeros : !tile.acc<[BM, BN]>
    %acc = tile.accumulate %k in K by BK stages(stages) init(%c = %zero) : !tile.acc<[BM, BN]> {
      %a  = tile.load %A[%m, %k] : !tile.matrix<[M, K]> -> !tile.tile<[BM, BK]>
      %sa = tile.load_scales %SA[%m, %k] : !tile.scales<[M, K]> -> !tile.scale_tile<[BM, BK]>
      %b  = tile.load %B[%n, %k] : !tile.matrix<[N, K]> -> !tile.tile<[BN, BK]>
      %sb = tile.load_scales %SB[%n, %k] : !tile.scales<[N, K]> -> !tile.scale_tile<[BN, BK]>
      %s  = tile.dot_scaled %a, %sa, %b, %sb, %c : !tile.tile<[BM, BK]>, !tile.scale_tile<[BM, BK]>,
          !tile.tile<[BN, BK]>, !tile.scale_tile<[BN, BK]>, !tile.acc<[BM, BN]>
      tile.yield %s : !tile.acc<[BM, BN]>
    }
    %d = tile.map %acc, %alpha : !tile.acc<[BM, BN]>, !tile.scalar<f32> -> !tile.acc<[BM, BN]> {
    ^bb0(%x: f32, %s: f32):
      %y = arith.mulf %x, %s : f32
      tile.yield %y : f32
    }
    tile.store %d, %D[%m, %n] : !tile.acc<[BM, BN]>, !tile.matrix<[M, N]>
  }
}
