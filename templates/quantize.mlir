// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// q[M,K] and its scale factors from x[M,K], one BM x BK tile per step: each
// block of 16 elements is divided by its largest magnitude over 6, rounded to
// what a scale factor can say. Loads past the last row or K block give zero,
// stores leave out what lies outside. docs/quantize.md has the formula.
tile.kernel @quantize<dims(M, K), params(BM, BK, fast, pad)>(
    %X: !tile.matrix<[M, K]>, %Q: !tile.matrix<[M, K]>, %SQ: !tile.scales<[M, K]>,
    %global: !tile.scalar<f32>) {
  tile.require BK mod 64 == 0, "a tile holds whole scale words"
  tile.foreach_tile (%m, %k) in (M, K) by (BM, BK) {
    %x    = tile.load_elements %X[%m, %k] : !tile.matrix<[M, K]> -> !tile.acc<[BM, BK]>
    %amax = tile.amax %x : !tile.acc<[BM, BK]> -> !tile.amax<[BM, BK]>
    %q, %sq = tile.quantize %x, %amax, %global fast(fast)
        : !tile.acc<[BM, BK]>, !tile.amax<[BM, BK]>, !tile.scalar<f32>
        -> !tile.tile<[BM, BK]>, !tile.scale_tile<[BM, BK]>
    tile.store_codes %q, %Q[%m, %k] : !tile.tile<[BM, BK]>, !tile.matrix<[M, K]>
    tile.store_scales %sq, %SQ[%m, %k] pad_rows(pad) : !tile.scale_tile<[BM, BK]>, !tile.scales<[M, K]>
  }
}
