// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// y[M,K] from q[M,K] and its scale factors, one BM x BK tile per step. Loads past
// the last row or K block give zero, the store leaves out what lies outside.
// docs/quantize.md has the formula.
tile.kernel @dequantize<dims(M, K), params(BM, BK)>(
    %Q: !tile.matrix<[M, K]>, %SQ: !tile.scales<[M, K]>, %Y: !tile.matrix<[M, K]>,
    %global: !tile.scalar<f32>) {
  tile.foreach_tile (%m, %k) in (M, K) by (BM, BK) {
    %q  = tile.load %Q[%m, %k] : !tile.matrix<[M, K]> -> !tile.tile<[BM, BK]>
    %sq = tile.load_scales %SQ[%m, %k] : !tile.scales<[M, K]> -> !tile.scale_tile<[BM, BK]>
    %x  = tile.dequantize %q, %sq : !tile.tile<[BM, BK]>, !tile.scale_tile<[BM, BK]> -> !tile.acc<[BM, BK]>
    %y  = tile.map %x, %global : !tile.acc<[BM, BK]>, !tile.scalar<f32> -> !tile.acc<[BM, BK]> {
    ^bb0(%e: f32, %g: f32):
      %s = arith.mulf %e, %g : f32
      tile.yield %s : f32
    }
    tile.store %y, %Y[%m, %k] : !tile.acc<[BM, BK]>, !tile.matrix<[M, K]>
  }
}
