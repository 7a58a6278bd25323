// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// As quantize.mlir, of silu(gate) * up, where a row of x holds K gates and then
// K of what they open: K2 is 2 K. docs/quantize.md has the formula.
tile.kernel @quantize_silu_mul<dims(M, K, K2), params(BM, BK, fast, pad)>(
    %X: !tile.matrix<[M, K2]>, %Q: !tile.matrix<[M, K]>, %SQ: !tile.scales<[M, K]>,
    %global: !tile.scalar<f32>) {
  tile.require BK mod 64 == 0, "a tile holds whole scale words"
  tile.foreach_tile (%m, %k) in (M, K) by (BM, BK) {
    %gate = tile.load_elements %X[%m, %k] half 0 : !tile.matrix<[M, K2]> -> !tile.acc<[BM, BK]>
    %up   = tile.load_elements %X[%m, %k] half 1 : !tile.matrix<[M, K2]> -> !tile.acc<[BM, BK]>
    %x    = tile.silu_mul %gate, %up fast(fast) : !tile.acc<[BM, BK]>
    %amax = tile.amax %x : !tile.acc<[BM, BK]> -> !tile.amax<[BM, BK]>
    %q, %sq = tile.quantize %x, %amax, %global fast(fast)
        : !tile.acc<[BM, BK]>, !tile.amax<[BM, BK]>, !tile.scalar<f32>
        -> !tile.tile<[BM, BK]>, !tile.scale_tile<[BM, BK]>
    tile.store_codes %q, %Q[%m, %k] : !tile.tile<[BM, BK]>, !tile.matrix<[M, K]>
    tile.store_scales %sq, %SQ[%m, %k] pad_rows(pad) : !tile.scale_tile<[BM, BK]>, !tile.scales<[M, K]>
  }
}
